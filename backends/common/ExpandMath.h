// Replaces math ops that a target has no instruction for by arithmetic, so that no code calls a
// library.
#pragma once

#include "mlir/Pass/Pass.h"
#include <memory>

namespace ingot {

/// What the target computes by itself. The defaults are right everywhere, and slower where an
/// instruction exists.
struct ExpandMathOptions {
  bool hasRounding = true; ///< floor, ceil, trunc and round-to-even of floats are instructions
  bool hasHalf = false;    ///< conversions between f16 and f32 are instructions
  bool hasMaximum = true;  ///< LLVM compiles maximum and minimum of floats that let NaN pass
};

/// Expands, in every function of the module, on scalars and vectors of f32 and f64 (narrower floats
/// through f32): exp, exp2, expm1, log, log2, log10, log1p, pow, sin, cos, tan, asin, acos, atan,
/// atan2, sinh, cosh, tanh, asinh, acosh, atanh, erf, rsqrt, round, arith.remf,
/// conversions from and to f16 and bf16, and powers of integers.
///
/// f32 results are within 4 ulp of the exact value for every finite argument; NaN, infinities and
/// zeros are those of the C library; a result below the normal range may be 0. f64 results are
/// within 4 ulp but for pow, whose error grows with the logarithm of the result, and sin, cos, tan
/// above 2^20, whose absolute error grows with the argument.
std::unique_ptr<mlir::Pass> createExpandMathPass(ExpandMathOptions options = {});

} // namespace ingot
