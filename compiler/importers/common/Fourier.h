// The discrete Fourier transform, for every importer.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"

namespace ingot {

/// A complex tensor as two real ones of equal shape; no imaginary part: real.
struct Complex {
  mlir::Value real, imaginary;
};

/// The transform of `length` elements along `axis` (the input is cut or padded with zeros to it),
/// of which the first `keep` are given. The inverse divides by the length. Null after an error.
Complex fourier(GraphBuilder &b, Complex x, int64_t axis, int64_t length, bool inverse,
                int64_t keep);

/// The real signal of `length` elements whose transform starts with `x` (numpy irfft).
mlir::Value inverseRealFourier(GraphBuilder &b, Complex x, int64_t axis, int64_t length);

} // namespace ingot
