// What passes and importers build from extents: slices, counts of elements.
#pragma once

#include "ir/graph/Graph.h"

namespace ingot {

/// What `ingot.slice` holds of these starts and sizes: numbers, and `dims` for those that are none.
struct SliceAttrs {
  llvm::SmallVector<int64_t> starts, sizes;
  DimsAttr dims; ///< null: all are numbers
};
SliceAttrs sliceAttrs(mlir::MLIRContext *context, llvm::ArrayRef<DimExpr> starts,
                      llvm::ArrayRef<DimExpr> sizes);
/// A slice with these starts and sizes.
mlir::Value createSlice(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value input,
                        llvm::ArrayRef<DimExpr> starts, llvm::ArrayRef<DimExpr> sizes,
                        llvm::ArrayRef<int64_t> steps);

/// How many elements a tensor has.
DimExpr numElements(mlir::RankedTensorType type);

} // namespace ingot
