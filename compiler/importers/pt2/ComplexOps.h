// Access to complex arguments and results (Tensor::isComplex), for the rows that serve them.
#pragma once

#include "compiler/importers/common/Fourier.h"
#include "compiler/importers/pt2/Importer.h"

namespace ingot::pt2 {

/// The parts of a value; of one that is not complex, the value alone.
Complex complexPart(Node &n, mlir::Value value, bool isComplex);
/// The parts of a tensor argument.
Complex complexOperand(Node &n, llvm::StringRef name);
/// Parts as one value with a last dim of 2.
mlir::Value joinComplex(Node &n, Complex x);

} // namespace ingot::pt2
