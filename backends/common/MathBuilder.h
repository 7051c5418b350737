// Builds arithmetic on one float type (f32 or f64, scalar or vector) for the expansions of math
// functions.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace ingot {

struct MathBuilder {
  using Value = mlir::Value;
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type;    ///< of the function's argument
  bool wide;          ///< f64
  mlir::Type integer; ///< as wide an integer

  MathBuilder(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type);

  /// Picks by precision.
  template <typename T> T pick(T narrow, T wideOne) const { return wide ? wideOne : narrow; }
  int mantissa() const { return wide ? 52 : 23; }
  int bias() const { return wide ? 1023 : 127; }

  Value f(double value) const;
  Value i(int64_t value) const;
  Value inf() const;
  Value nan() const;

  // Sums and products that may become one fused instruction.
  Value add(Value x, Value y) const;
  Value sub(Value x, Value y) const;
  Value mul(Value x, Value y) const;
  /// x * y + z.
  Value madd(Value x, Value y, Value z) const { return add(mul(x, y), z); }
  // The same, rounded one by one.
  Value addExact(Value x, Value y) const;
  Value subExact(Value x, Value y) const;
  Value mulExact(Value x, Value y) const;
  Value div(Value x, Value y) const;
  Value neg(Value x) const;
  Value abs(Value x) const;
  Value sqrt(Value x) const;
  /// |x| with the sign of y.
  Value withSign(Value x, Value y) const;
  /// The polynomial with these coefficients, lowest first.
  Value poly(Value x, llvm::ArrayRef<double> coefficients) const;

  Value cmp(mlir::arith::CmpFPredicate p, Value x, Value y) const;
  Value less(Value x, Value y) const { return cmp(mlir::arith::CmpFPredicate::OLT, x, y); }
  Value greater(Value x, Value y) const { return cmp(mlir::arith::CmpFPredicate::OGT, x, y); }
  Value equal(Value x, Value y) const { return cmp(mlir::arith::CmpFPredicate::OEQ, x, y); }
  Value isNan(Value x) const { return cmp(mlir::arith::CmpFPredicate::UNO, x, x); }
  Value select(Value c, Value x, Value y) const;
  Value both(Value x, Value y) const;
  Value either(Value x, Value y) const;
  Value no(Value x) const;
  /// Bounds that let NaN pass.
  Value atLeast(Value x, double low) const { return select(less(x, f(low)), f(low), x); }
  Value atMost(Value x, double high) const { return select(greater(x, f(high)), f(high), x); }

  Value bits(Value x) const;
  Value fromBits(Value x) const;
  Value iadd(Value x, Value y) const;
  Value isub(Value x, Value y) const;
  Value iand(Value x, Value y) const;
  Value ior(Value x, Value y) const;
  Value ishl(Value x, int64_t n) const;
  Value ishr(Value x, int64_t n) const; ///< arithmetic
  Value ushr(Value x, int64_t n) const;
  Value icmp(mlir::arith::CmpIPredicate p, Value x, Value y) const;
  /// A vector or scalar of bools, in the sign bit.
  Value signBit(Value x) const;

  /// round(x) as a float and an integer, for |x| < 2^22 (2^51). NaN gives NaN and some integer.
  std::pair<Value, Value> roundToInt(Value x) const;
  /// A small integer as a float.
  Value toFloat(Value integer) const;
  /// 2^n for n in the range of normal numbers.
  Value pow2(Value n) const;
  /// x * 2^n for any n whose half is in that range; overflows and underflows as it should.
  Value scale(Value x, Value n) const;
};

} // namespace ingot
