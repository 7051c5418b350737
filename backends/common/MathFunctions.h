// The math functions as arithmetic; each takes and gives values of the builder's type.
#pragma once

#include "backends/common/MathBuilder.h"

namespace ingot::functions {

using mlir::Value;

// MathExponential.cpp
Value exp(const MathBuilder &m, Value x, int64_t shift = 0); ///< e^x * 2^shift
Value expOfNegative(const MathBuilder &m, Value x);          ///< e^x for x <= 0 or NaN
Value exp2(const MathBuilder &m, Value x);
Value expm1(const MathBuilder &m, Value x);
Value log(const MathBuilder &m, Value x);
Value log2(const MathBuilder &m, Value x);
Value log10(const MathBuilder &m, Value x);
Value log1p(const MathBuilder &m, Value x);
Value pow(const MathBuilder &m, Value x, Value y);
Value sinh(const MathBuilder &m, Value x);
Value cosh(const MathBuilder &m, Value x);
Value tanh(const MathBuilder &m, Value x);
Value asinh(const MathBuilder &m, Value x);
Value acosh(const MathBuilder &m, Value x);
Value atanh(const MathBuilder &m, Value x);
Value erf(const MathBuilder &m, Value x);

// MathTrigonometric.cpp
Value sin(const MathBuilder &m, Value x);
Value cos(const MathBuilder &m, Value x);
Value tan(const MathBuilder &m, Value x);
Value asin(const MathBuilder &m, Value x);
Value acos(const MathBuilder &m, Value x);
Value atan(const MathBuilder &m, Value x);
Value atan2(const MathBuilder &m, Value y, Value x);

// MathRounding.cpp
Value remainder(const MathBuilder &m, Value x, Value y); ///< C's fmod, exact
Value floor(const MathBuilder &m, Value x);
Value ceil(const MathBuilder &m, Value x);
Value trunc(const MathBuilder &m, Value x);
Value roundEven(const MathBuilder &m, Value x);
/// Halves away from zero. `truncate`: an instruction exists.
Value roundAway(const MathBuilder &m, Value x, bool hasRounding);

// MathInteger.cpp
/// x to the y on signed integers (scalars or vectors), wrapping; y < 0: 1 / x^-y truncated, 0 where
/// x is 0.
Value integerPower(mlir::OpBuilder &b, mlir::Location loc, Value x, Value y);
Value maximum(const MathBuilder &m, Value x, Value y); ///< NaN if either is; -0 < +0
Value minimum(const MathBuilder &m, Value x, Value y);

/// f16 or bf16 (scalar or vector) to f32.
Value widen(mlir::OpBuilder &b, mlir::Location loc, Value x);
/// f32 to f16 or bf16, to nearest even.
Value narrow(mlir::OpBuilder &b, mlir::Location loc, Value x, mlir::Type element);

} // namespace ingot::functions
