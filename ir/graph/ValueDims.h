// Extents that come from values: names for what an integer input holds, and extents of results that
// a run counts.
#pragma once

#include "ir/graph/DimExpr.h"
#include "mlir/IR/BuiltinOps.h"

namespace ingot {

/// Element `element` of the `input`-th input, flattened. A run checks that it lies in `bounds`;
/// where they are one number, the model has been computed with that number.
struct ValueDim {
  std::string name;
  int64_t input = 0, element = 0;
  DimExpr::Range bounds;
};

/// What the attribute `ingot.values` of a module declares, in the order of inputs and elements.
llvm::SmallVector<ValueDim> valueDims(mlir::ModuleOp module);
/// Writes it; removes it when `values` is empty.
void setValueDims(mlir::ModuleOp module, llvm::ArrayRef<ValueDim> values);

/// Extent `dim` of the `output`-th result of @forward: what the i64 variable holds after a run, at
/// most what the result's type says. The elements lie as they do in a tensor of that extent.
struct CountedDim {
  int64_t output = 0, dim = 0;
  std::string variable;
};

/// What the attribute `ingot.counted` of a module declares.
llvm::SmallVector<CountedDim> countedDims(mlir::ModuleOp module);
/// Writes it; removes it when `dims` is empty.
void setCountedDims(mlir::ModuleOp module, llvm::ArrayRef<CountedDim> dims);

} // namespace ingot
