// A graph for one size: named dims become numbers.
#pragma once

#include "ir/graph/Graph.h"

namespace ingot {

/// Replaces the named dims that `sizes` gives in everything below `root` (a module, or a function):
/// types, slices, `ingot.dim` (constants then), launches and the declared bounds. Failure, with an
/// error at the op, when an extent becomes negative or leaves 64 bits.
mlir::LogicalResult specializeDims(mlir::Operation *root, const llvm::StringMap<int64_t> &sizes);

} // namespace ingot
