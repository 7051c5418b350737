// Scalar bodies of the elementwise ops. One place says what each computes; every lowering asks it.
//
// Comparisons are written so that NaN takes the side the op's description says and a target with
// one-sided min/max instructions (x86: `a > b ? a : b`) needs a single one.
#include "ir/graph/Graph.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace ingot;

namespace {
/// Short names for building arithmetic on scalars or vectors.
struct Body {
  OpBuilder &b;
  Location loc;

  Value splat(Type type, double value) {
    Type element = getElementTypeOrSelf(type);
    TypedAttr attr;
    if (auto floating = dyn_cast<FloatType>(element)) {
      APFloat number(value);
      bool loses;
      number.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
      attr = FloatAttr::get(element, number);
    } else {
      APInt number(element.getIntOrFloatBitWidth(),
                   static_cast<uint64_t>(static_cast<int64_t>(value)),
                   /*isSigned=*/true, /*implicitTrunc=*/true);
      attr = IntegerAttr::get(element, number);
    }
    return splat(type, attr);
  }
  Value splat(Type type, TypedAttr attr) {
    if (auto shaped = dyn_cast<ShapedType>(type))
      attr = DenseElementsAttr::get(shaped, attr);
    return arith::ConstantOp::create(b, loc, attr);
  }
  Value like(Value value, double number) { return splat(value.getType(), number); }

  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value cmp(arith::CmpFPredicate p, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, p, x, y);
  }
  Value cmp(arith::CmpIPredicate p, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, p, x, y);
  }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }
  Value addi(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value subi(Value x, Value y) { return arith::SubIOp::create(b, loc, x, y); }
  Value andi(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value ori(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value xori(Value x, Value y) { return arith::XOrIOp::create(b, loc, x, y); }
  Value exp(Value x) { return math::ExpOp::create(b, loc, x); }

  /// low > x ? low : x, then high < x ? high : x. NaN passes through.
  Value atLeast(Value x, Value low) {
    return select(cmp(arith::CmpFPredicate::OGT, low, x), low, x);
  }
  Value atMost(Value x, Value high) {
    return select(cmp(arith::CmpFPredicate::OLT, high, x), high, x);
  }

  /// 1 / (1 + exp(-x)).
  Value sigmoid(Value x) {
    Value one = like(x, 1);
    return div(one, add(one, exp(arith::NegFOp::create(b, loc, x))));
  }
  /// max(x, 0) + log1p(exp(-|x|)).
  Value softplus(Value x) {
    Value decay = exp(arith::NegFOp::create(b, loc, math::AbsFOp::create(b, loc, x)));
    return add(atLeast(x, like(x, 0)), math::Log1pOp::create(b, loc, decay));
  }
};

bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }
bool isBool(Value value) { return getElementTypeOrSelf(value.getType()).isInteger(1); }
/// Whether the op's operand (a tensor) has an unsigned element type; i1 counts as unsigned.
bool isUnsigned(Value operand) {
  auto integer = dyn_cast<IntegerType>(getElementTypeOrSelf(operand.getType()));
  return integer && (integer.isUnsigned() || integer.getWidth() == 1);
}
} // namespace

#define INGOT_BODY(OP)                                                                             \
  static Value body##OP(OP op, Body f, ValueRange args);                                           \
  Value OP::buildBody(OpBuilder &builder, Location loc, ValueRange args) {                         \
    return body##OP(*this, Body{builder, loc}, args);                                              \
  }                                                                                                \
  static Value body##OP([[maybe_unused]] OP op, Body f, ValueRange args)

/// An op that is one op of `math` on floats.
#define INGOT_BODY_MATH(OP, MATH)                                                                  \
  INGOT_BODY(OP) { return math::MATH::create(f.b, f.loc, args[0]); }

/// An op that is one op of `math` on floats and does nothing on integers.
#define INGOT_BODY_ROUNDING(OP, MATH)                                                              \
  INGOT_BODY(OP) {                                                                                 \
    return isFloat(args[0]) ? Value(math::MATH::create(f.b, f.loc, args[0])) : args[0];            \
  }

INGOT_BODY_MATH(SqrtOp, SqrtOp)
INGOT_BODY_MATH(ExpOp, ExpOp)
INGOT_BODY_MATH(Exp2Op, Exp2Op)
INGOT_BODY_MATH(Expm1Op, ExpM1Op)
INGOT_BODY_MATH(LogOp, LogOp)
INGOT_BODY_MATH(Log2Op, Log2Op)
INGOT_BODY_MATH(Log10Op, Log10Op)
INGOT_BODY_MATH(Log1pOp, Log1pOp)
INGOT_BODY_MATH(SinOp, SinOp)
INGOT_BODY_MATH(CosOp, CosOp)
INGOT_BODY_MATH(TanOp, TanOp)
INGOT_BODY_MATH(AsinOp, AsinOp)
INGOT_BODY_MATH(AcosOp, AcosOp)
INGOT_BODY_MATH(AtanOp, AtanOp)
INGOT_BODY_MATH(SinhOp, SinhOp)
INGOT_BODY_MATH(CoshOp, CoshOp)
INGOT_BODY_MATH(TanhOp, TanhOp)
INGOT_BODY_MATH(AsinhOp, AsinhOp)
INGOT_BODY_MATH(AcoshOp, AcoshOp)
INGOT_BODY_MATH(AtanhOp, AtanhOp)
INGOT_BODY_MATH(ErfOp, ErfOp)
INGOT_BODY_ROUNDING(CeilOp, CeilOp)
INGOT_BODY_ROUNDING(FloorOp, FloorOp)
INGOT_BODY_ROUNDING(RoundOp, RoundEvenOp)
INGOT_BODY_ROUNDING(TruncOp, TruncOp)

INGOT_BODY(AbsOp) {
  if (isFloat(args[0]))
    return math::AbsFOp::create(f.b, f.loc, args[0]);
  return isUnsigned(op.getInput()) ? args[0] : math::AbsIOp::create(f.b, f.loc, args[0]);
}
INGOT_BODY(NegOp) {
  if (isFloat(args[0]))
    return arith::NegFOp::create(f.b, f.loc, args[0]);
  return f.subi(f.like(args[0], 0), args[0]);
}
INGOT_BODY(SignOp) {
  Value x = args[0], zero = f.like(x, 0);
  if (isFloat(x)) {
    Value below = f.select(f.cmp(arith::CmpFPredicate::OLT, x, zero), f.like(x, -1), x);
    return f.select(f.cmp(arith::CmpFPredicate::OGT, x, zero), f.like(x, 1), below);
  }
  Value one = f.like(x, 1);
  if (isUnsigned(op.getInput()))
    return f.select(f.cmp(arith::CmpIPredicate::ne, x, zero), one, zero);
  Value below = f.select(f.cmp(arith::CmpIPredicate::slt, x, zero), f.like(x, -1), zero);
  return f.select(f.cmp(arith::CmpIPredicate::sgt, x, zero), one, below);
}
INGOT_BODY(RsqrtOp) { return f.div(f.like(args[0], 1), math::SqrtOp::create(f.b, f.loc, args[0])); }
INGOT_BODY(ReciprocalOp) { return f.div(f.like(args[0], 1), args[0]); }
INGOT_BODY(NotOp) { return f.xori(args[0], f.like(args[0], -1)); }
INGOT_BODY(ReluOp) {
  Value x = args[0], zero = f.like(x, 0);
  if (isFloat(x))
    return f.atLeast(x, zero);
  return isUnsigned(op.getInput()) ? x : arith::MaxSIOp::create(f.b, f.loc, x, zero);
}
INGOT_BODY(SigmoidOp) { return f.sigmoid(args[0]); }
INGOT_BODY(SiluOp) {
  Value x = args[0];
  return f.div(x, f.add(f.like(x, 1), f.exp(arith::NegFOp::create(f.b, f.loc, x))));
}
INGOT_BODY(SoftplusOp) { return f.softplus(args[0]); }
INGOT_BODY(MishOp) { return f.mul(args[0], math::TanhOp::create(f.b, f.loc, f.softplus(args[0]))); }
INGOT_BODY(HardSwishOp) {
  Value x = args[0];
  Value gate = f.atMost(f.atLeast(f.add(x, f.like(x, 3)), f.like(x, 0)), f.like(x, 6));
  return f.mul(x, f.mul(gate, f.like(x, 1.0 / 6)));
}
INGOT_BODY(GeluOp) {
  Value x = args[0], one = f.like(x, 1), half = f.mul(x, f.like(x, 0.5));
  if (!op.getTanh())
    return f.mul(half, f.add(one, math::ErfOp::create(f.b, f.loc, f.mul(x, f.like(x, M_SQRT1_2)))));
  Value cube = f.mul(f.mul(x, x), f.mul(x, f.like(x, 0.044715)));
  Value inner = f.mul(f.like(x, M_SQRT2 * M_2_SQRTPI / 2), f.add(x, cube));
  return f.mul(half, f.add(one, math::TanhOp::create(f.b, f.loc, inner)));
}
INGOT_BODY(HardSigmoidOp) {
  Value x = args[0];
  Value line = f.add(f.mul(x, f.like(x, op.getAlpha().convertToDouble())),
                     f.like(x, op.getBeta().convertToDouble()));
  return f.atMost(f.atLeast(line, f.like(x, 0)), f.like(x, 1));
}
INGOT_BODY(EluOp) {
  Value x = args[0], inner = x;
  double scale = op.getScale().convertToDouble(), inputScale = op.getInputScale().convertToDouble();
  if (inputScale != 1)
    inner = f.mul(x, f.like(x, inputScale));
  Value low =
      f.mul(math::ExpM1Op::create(f.b, f.loc, inner), f.like(x, op.getAlpha().convertToDouble()));
  Value result = f.select(f.cmp(arith::CmpFPredicate::OGT, x, f.like(x, 0)), x, low);
  return scale == 1 ? result : f.mul(result, f.like(x, scale));
}
INGOT_BODY(LeakyReluOp) {
  Value x = args[0];
  Value low = f.mul(x, f.like(x, op.getSlope().convertToDouble()));
  return f.select(f.cmp(arith::CmpFPredicate::OGE, x, f.like(x, 0)), x, low);
}
INGOT_BODY(ClampOp) {
  Value x = args[0];
  double low = op.getMin().convertToDouble(), high = op.getMax().convertToDouble();
  if (isFloat(x)) {
    if (low != -INFINITY)
      x = f.atLeast(x, f.like(x, low));
    return high == INFINITY ? x : f.atMost(x, f.like(x, high));
  }
  // Bounds beyond the type's range do nothing; fractions round towards the inside.
  bool isUnsignedType = isUnsigned(op.getInput());
  unsigned width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  double least = isUnsignedType ? 0 : -std::ldexp(1.0, width - 1);
  double greatest = std::ldexp(1.0, isUnsignedType ? width : width - 1); // one past the range
  auto bound = [&](double value) {
    APSInt number(width, isUnsignedType);
    bool exact;
    APFloat(value).convertToInteger(number, APFloat::rmTowardZero, &exact);
    return f.splat(x.getType(), IntegerAttr::get(getElementTypeOrSelf(x.getType()), number));
  };
  if (low > least)
    x = isUnsignedType ? Value(arith::MaxUIOp::create(f.b, f.loc, x, bound(std::ceil(low))))
                       : Value(arith::MaxSIOp::create(f.b, f.loc, x, bound(std::ceil(low))));
  if (high < greatest)
    x = isUnsignedType ? Value(arith::MinUIOp::create(f.b, f.loc, x, bound(std::floor(high))))
                       : Value(arith::MinSIOp::create(f.b, f.loc, x, bound(std::floor(high))));
  return x;
}

//===----------------------------------------------------------------------===//
// binary
//===----------------------------------------------------------------------===//

INGOT_BODY(AddOp) {
  if (isFloat(args[0]))
    return f.add(args[0], args[1]);
  return isBool(args[0]) ? f.ori(args[0], args[1]) : f.addi(args[0], args[1]);
}
INGOT_BODY(SubOp) { return isFloat(args[0]) ? f.sub(args[0], args[1]) : f.subi(args[0], args[1]); }
INGOT_BODY(MulOp) {
  if (isFloat(args[0]))
    return f.mul(args[0], args[1]);
  return isBool(args[0]) ? f.andi(args[0], args[1])
                         : Value(arith::MulIOp::create(f.b, f.loc, args[0], args[1]));
}

namespace {
/// Integer quotient and remainder (truncated) that are defined everywhere: both are 0 where y = 0,
/// and the least integer by -1 wraps.
struct SafeDivision {
  Value quotient, remainder;
  SafeDivision(Body f, Value x, Value y, bool isUnsigned) {
    Value zero = f.like(x, 0), one = f.like(x, 1);
    Value byZero = f.cmp(arith::CmpIPredicate::eq, y, zero);
    if (isUnsigned) {
      Value safe = f.select(byZero, one, y);
      quotient = arith::DivUIOp::create(f.b, f.loc, x, safe);
    } else {
      Value byMinusOne = f.cmp(arith::CmpIPredicate::eq, y, f.like(x, -1));
      Value safe = f.select(f.ori(byZero, byMinusOne), one, y);
      quotient = arith::DivSIOp::create(f.b, f.loc, x, safe);
      quotient = f.select(byMinusOne, f.subi(zero, x), quotient);
    }
    Value back = arith::MulIOp::create(f.b, f.loc, quotient, y);
    remainder = f.select(byZero, zero, f.subi(x, back));
    quotient = f.select(byZero, zero, quotient);
  }
  /// Where a floored quotient is one less: the remainder is not 0 and has not y's sign.
  Value roundsDown(Body f, Value y) {
    Value zero = f.like(y, 0);
    Value inexact = f.cmp(arith::CmpIPredicate::ne, remainder, zero);
    Value differs = f.cmp(arith::CmpIPredicate::slt, f.xori(remainder, y), zero);
    return f.andi(inexact, differs);
  }
};
} // namespace

INGOT_BODY(DivOp) {
  if (isFloat(args[0]))
    return f.div(args[0], args[1]);
  return SafeDivision(f, args[0], args[1], isUnsigned(op.getLhs())).quotient;
}
INGOT_BODY(FloorDivOp) {
  if (isFloat(args[0]))
    return math::FloorOp::create(f.b, f.loc, f.div(args[0], args[1]));
  bool isUnsignedType = isUnsigned(op.getLhs());
  SafeDivision division(f, args[0], args[1], isUnsignedType);
  if (isUnsignedType)
    return division.quotient;
  Value less = f.subi(division.quotient, f.like(args[0], 1));
  return f.select(division.roundsDown(f, args[1]), less, division.quotient);
}
INGOT_BODY(RemOp) {
  if (isFloat(args[0]))
    return arith::RemFOp::create(f.b, f.loc, args[0], args[1]);
  return SafeDivision(f, args[0], args[1], isUnsigned(op.getLhs())).remainder;
}
INGOT_BODY(ModOp) {
  Value x = args[0], y = args[1];
  if (isFloat(x)) {
    Value rem = arith::RemFOp::create(f.b, f.loc, x, y), zero = f.like(x, 0);
    Value nonzero = f.cmp(arith::CmpFPredicate::ONE, rem, zero);
    Value differs = f.xori(f.cmp(arith::CmpFPredicate::OLT, rem, zero),
                           f.cmp(arith::CmpFPredicate::OLT, y, zero));
    return f.select(f.andi(nonzero, differs), f.add(rem, y), rem);
  }
  bool isUnsignedType = isUnsigned(op.getLhs());
  SafeDivision division(f, x, y, isUnsignedType);
  if (isUnsignedType)
    return division.remainder;
  return f.select(division.roundsDown(f, y), f.addi(division.remainder, y), division.remainder);
}
INGOT_BODY(PowOp) {
  if (isFloat(args[0]))
    return math::PowFOp::create(f.b, f.loc, args[0], args[1]);
  Value x = args[0], y = args[1];
  if (!isUnsigned(op.getLhs()))
    return math::IPowIOp::create(f.b, f.loc, x, y);
  // math.ipowi takes its exponent as signed: half of it is not negative. x^y = (x^(y/2))^2 x^(y%2)
  Value one = f.like(x, 1);
  Value root = math::IPowIOp::create(f.b, f.loc, x, arith::ShRUIOp::create(f.b, f.loc, y, one));
  Value odd = f.cmp(arith::CmpIPredicate::ne, f.andi(y, one), f.like(x, 0));
  Value square = arith::MulIOp::create(f.b, f.loc, root, root);
  return arith::MulIOp::create(f.b, f.loc, square, f.select(odd, x, one));
}
INGOT_BODY(Atan2Op) { return math::Atan2Op::create(f.b, f.loc, args[0], args[1]); }
INGOT_BODY(MaxOp) {
  if (isFloat(args[0]))
    return arith::MaximumFOp::create(f.b, f.loc, args[0], args[1]);
  return isUnsigned(op.getLhs()) ? Value(arith::MaxUIOp::create(f.b, f.loc, args[0], args[1]))
                                 : Value(arith::MaxSIOp::create(f.b, f.loc, args[0], args[1]));
}
INGOT_BODY(MinOp) {
  if (isFloat(args[0]))
    return arith::MinimumFOp::create(f.b, f.loc, args[0], args[1]);
  return isUnsigned(op.getLhs()) ? Value(arith::MinUIOp::create(f.b, f.loc, args[0], args[1]))
                                 : Value(arith::MinSIOp::create(f.b, f.loc, args[0], args[1]));
}
INGOT_BODY(AndOp) { return f.andi(args[0], args[1]); }
INGOT_BODY(OrOp) { return f.ori(args[0], args[1]); }
INGOT_BODY(XorOp) { return f.xori(args[0], args[1]); }
INGOT_BODY(ShlOp) {
  Value x = args[0], zero = f.like(x, 0);
  Value width = f.like(x, getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth());
  Value inside = f.cmp(arith::CmpIPredicate::ult, args[1], width);
  Value amount = f.select(inside, args[1], zero);
  return f.select(inside, arith::ShLIOp::create(f.b, f.loc, x, amount), zero);
}
INGOT_BODY(ShrOp) {
  Value x = args[0], zero = f.like(x, 0);
  int64_t bits = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  Value inside = f.cmp(arith::CmpIPredicate::ult, args[1], f.like(x, bits));
  if (isUnsigned(op.getLhs())) {
    Value amount = f.select(inside, args[1], zero);
    return f.select(inside, arith::ShRUIOp::create(f.b, f.loc, x, amount), zero);
  }
  Value amount = f.select(inside, args[1], f.like(x, bits - 1));
  return arith::ShRSIOp::create(f.b, f.loc, x, amount);
}

//===----------------------------------------------------------------------===//
// comparisons, selection, casts
//===----------------------------------------------------------------------===//

INGOT_BODY(CmpOp) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  static constexpr F floats[] = {F::OEQ, F::UNE, F::OLT, F::OLE, F::OGT, F::OGE};
  static constexpr I integers[] = {I::eq, I::ne, I::slt, I::sle, I::sgt, I::sge};
  static constexpr I unsignedIntegers[] = {I::eq, I::ne, I::ult, I::ule, I::ugt, I::uge};
  auto kind = static_cast<unsigned>(op.getKind());
  if (isFloat(args[0]))
    return f.cmp(floats[kind], args[0], args[1]);
  return f.cmp(isUnsigned(op.getLhs()) ? unsignedIntegers[kind] : integers[kind], args[0], args[1]);
}
INGOT_BODY(SelectOp) { return f.select(args[0], args[1], args[2]); }
INGOT_BODY(IsNanOp) { return f.cmp(arith::CmpFPredicate::UNO, args[0], args[0]); }
INGOT_BODY(IsInfOp) {
  Value x = args[0], result;
  if (op.getPositive())
    result = f.cmp(arith::CmpFPredicate::OEQ, x, f.like(x, INFINITY));
  if (op.getNegative()) {
    Value negative = f.cmp(arith::CmpFPredicate::OEQ, x, f.like(x, -INFINITY));
    result = result ? f.ori(result, negative) : negative;
  }
  return result ? result : f.cmp(arith::CmpFPredicate::AlwaysFalse, x, x);
}

INGOT_BODY(BitcastOp) {
  Type type = signless(cast<RankedTensorType>(op.getType()).getElementType());
  if (auto shaped = dyn_cast<ShapedType>(args[0].getType()))
    type = shaped.clone(type);
  return type == args[0].getType() ? args[0]
                                   : Value(arith::BitcastOp::create(f.b, f.loc, type, args[0]));
}

INGOT_BODY(CastOp) {
  Value x = args[0];
  Type from = getElementTypeOrSelf(x.getType());
  Type graphElement = cast<RankedTensorType>(op.getType()).getElementType();
  Type to = signless(graphElement);
  bool fromUnsigned = isUnsigned(op.getInput()), toUnsigned = graphElement.isUnsignedInteger();
  Type type = to;
  if (auto shaped = dyn_cast<ShapedType>(x.getType()))
    type = shaped.clone(to);
  auto toFloat = dyn_cast<FloatType>(to), fromFloat = dyn_cast<FloatType>(from);
  if (to.isInteger(1) && !from.isInteger(1))
    return fromFloat ? f.cmp(arith::CmpFPredicate::UNE, x, f.like(x, 0))
                     : f.cmp(arith::CmpIPredicate::ne, x, f.like(x, 0));
  if (fromFloat && toFloat) {
    if (from == to)
      return x;
    if (from.getIntOrFloatBitWidth() == to.getIntOrFloatBitWidth()) // f16 <-> bf16
      return arith::TruncFOp::create(
          f.b, f.loc, type,
          arith::ExtFOp::create(f.b, f.loc,
                                isa<ShapedType>(type)
                                    ? cast<ShapedType>(type).clone(f.b.getF32Type())
                                    : Type(f.b.getF32Type()),
                                x));
    return from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth()
               ? Value(arith::ExtFOp::create(f.b, f.loc, type, x))
               : Value(arith::TruncFOp::create(f.b, f.loc, type, x));
  }
  if (toFloat)
    return fromUnsigned ? Value(arith::UIToFPOp::create(f.b, f.loc, type, x))
                        : Value(arith::SIToFPOp::create(f.b, f.loc, type, x));
  unsigned toWidth = to.getIntOrFloatBitWidth();
  if (!fromFloat) {
    unsigned fromWidth = from.getIntOrFloatBitWidth();
    if (fromWidth == toWidth)
      return x;
    if (fromWidth > toWidth)
      return arith::TruncIOp::create(f.b, f.loc, type, x);
    return fromUnsigned ? Value(arith::ExtUIOp::create(f.b, f.loc, type, x))
                        : Value(arith::ExtSIOp::create(f.b, f.loc, type, x));
  }
  // Float to integer: saturate. The range's ends are powers of two; for a float too narrow to hold
  // the upper one (f16 to i32) it becomes infinity, which nothing exceeds.
  double low = toUnsigned ? 0 : -std::ldexp(1.0, toWidth - 1);
  double high = std::ldexp(1.0, toUnsigned ? toWidth : toWidth - 1);
  Value above = f.cmp(arith::CmpFPredicate::OGE, x, f.like(x, high));
  Value below = f.cmp(arith::CmpFPredicate::OLT, x, f.like(x, low));
  Value nan = f.cmp(arith::CmpFPredicate::UNO, x, x);
  Value safe = f.select(f.ori(f.ori(above, below), nan), f.like(x, 0), x);
  Value result = toUnsigned ? Value(arith::FPToUIOp::create(f.b, f.loc, type, safe))
                            : Value(arith::FPToSIOp::create(f.b, f.loc, type, safe));
  APInt least = toUnsigned ? APInt::getZero(toWidth) : APInt::getSignedMinValue(toWidth);
  APInt greatest = toUnsigned ? APInt::getMaxValue(toWidth) : APInt::getSignedMaxValue(toWidth);
  result = f.select(below, f.splat(type, IntegerAttr::get(to, least)), result);
  return f.select(above, f.splat(type, IntegerAttr::get(to, greatest)), result);
}
