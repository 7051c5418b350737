// The arithmetic of LiteRT's integer kernels in graph ops: products of integers with factors that
// are held as 31-bit fixed-point numbers, rounded as those kernels round them.
//
// What 8-bit kernels compute is expressed in f32, whose 24 bits hold their sums: a result can
// differ only where a product lies within 2^-24 of its own size from a half. Where such places are
// common (sums of two scaled operands) and in 16-bit kernels the same is expressed in i64 or f64.
#pragma once

#include "compiler/importers/tflite/TfliteNode.h"

namespace ingot::tfliteimport {

/// A factor as the kernels hold it: mantissa * 2^(shift - 31), mantissa in [2^30, 2^31) or 0.
struct Factor {
  int64_t mantissa = 0;
  int shift = 0;
};
Factor fixedPoint(double factor);

/// How a product is rounded to an integer.
enum class Rounding {
  Away, ///< to steps of 2^shift, halves up, then to integers, halves away from zero: scalar kernels
  Up,   ///< the same, halves up both times: vector kernels of sums of products
  Once, ///< to integers, halves up
};

/// Integers `x` (f32 or f64) times one factor, or one for each element of the last dim.
mlir::Value scaled(GraphBuilder &b, mlir::Value x, llvm::ArrayRef<Factor> by, Rounding rounding);
/// Integers `x` (i64) times a factor, exactly as Rounding::Away says, as i32, which is what fits
/// more lanes of a vector.
mlir::Value scaledExactly(GraphBuilder &b, mlir::Value x, Factor by);
/// 64-bit sums `x` (integers in f64) of 16-bit kernels times the factors' upper 15 bits, rounded
/// once.
mlir::Value scaledBy15Bits(GraphBuilder &b, mlir::Value x, llvm::ArrayRef<Factor> by);
/// Floats `x` rounded away from zero from `half` on.
mlir::Value roundAway(GraphBuilder &b, mlir::Value x, double half = 0.5);
/// Integers `x` / 2^bits, halves up or away from zero.
mlir::Value shiftRight(GraphBuilder &b, mlir::Value x, int bits, bool away);
/// Integers `x` / 2^bits, rounded down.
mlir::Value floorShift(GraphBuilder &b, mlir::Value x, int bits);

/// Whether the operator works on integers: inputs 0 … `inputs` - 1 and output 0 are quantised, each
/// as a whole, in i8, u8 or i16.
bool isFixedPoint(TfliteNode &n, size_t inputs = 1);
/// Whether that is i16.
inline bool isWide(TfliteNode &n) { return n.outputElement().getIntOrFloatBitWidth() == 16; }

/// Input `i` without its zero point, as integers of type `element`.
mlir::Value centered(TfliteNode &n, size_t i, mlir::Type element);
/// The same of input `i` with dims permuted, the permutation applied to what is stored.
mlir::Value centered(TfliteNode &n, size_t i, mlir::Type element, llvm::ArrayRef<int64_t> perm);
/// Sets output 0 to integers without a zero point, within the output's type and the activation.
mlir::LogicalResult setCentered(TfliteNode &n, mlir::Value value,
                                tflite::ActivationFunctionType activation = {});

/// Whether a product of input `lhs` and `rhs`, whose scales may be along a dim, works on integers.
bool isFixedPointProduct(TfliteNode &n, size_t lhs, size_t rhs);
/// The type its sums are exact in: f32 or, of 16-bit operands, f64.
mlir::Type sumType(TfliteNode &n);
/// Input `i` as what is added to such a product, or null when it is absent; failure after an error.
mlir::FailureOr<mlir::Value> integerBias(TfliteNode &n, size_t i);
/// Sets output 0 to integer sums of products of inputs `lhs` and `rhs`, whose channels are along
/// the last dim. `product` says that the kernel multiplies the scales of whole tensors in f32.
mlir::LogicalResult setSums(TfliteNode &n, mlir::Value sums, size_t lhs, size_t rhs,
                            Rounding rounding, bool product,
                            tflite::ActivationFunctionType activation);

/// The scale of an input or of output 0 as a double.
inline double scaleOf(TfliteNode &n, size_t i) { return n.quantization(i).scale.front(); }
inline double outputScale(TfliteNode &n) { return n.outputQuantization().scale.front(); }

} // namespace ingot::tfliteimport
