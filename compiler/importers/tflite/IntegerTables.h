// Functions of 16-bit integers as LiteRT's kernels compute them: tables that are interpolated, and
// the fixed-point series behind logistic and tanh of recurrent layers. Made at import, read by
// generated code.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstdint>
#include <vector>

namespace ingot::tfliteimport {

/// How 16-bit integers stand for real numbers.
template <typename Real> struct Affine {
  Real scale;
  int32_t zeroPoint;
};

/// 513 values of a function, a step of 128 integers apart: each is moved by half the error that a
/// straight line has in the middle of its step. `Real` is the type that the kernel computes in.
template <typename Real>
std::vector<int16_t> interpolationTable(Affine<Real> in, Affine<Real> out,
                                        llvm::function_ref<Real(Real)> function);

/// 65536 * sigmoid(i / 24) for i from 0 to 255, moved as above; the last is 65535.
std::vector<int32_t> sigmoidTable();

/// sigmoid and tanh in 1/32768 of x / 2^(15 - integerBits): the exponential as a product of its
/// values at powers of 2 and a polynomial, the quotient by three steps of Newton's.
int16_t fixedSigmoid(int16_t x, int integerBits);
int16_t fixedTanh(int16_t x, int integerBits);

/// A function of every 16-bit integer from -32768 on.
std::vector<int16_t> wholeTable(llvm::function_ref<int16_t(int16_t)> function);

} // namespace ingot::tfliteimport
