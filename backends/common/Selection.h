// What a target's `select` writes into a kernel: the parameters of a strategy, and how constants
// are packed.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot {

/// How a constant argument is to be laid out: steps from its type in the model to its packed type.
struct Packing {
  unsigned argument;
  llvm::SmallVector<StepAttr> steps;
};

/// The integer `name` of a parameter dictionary (which may be null), or `fallback`.
int64_t parameter(mlir::DictionaryAttr parameters, llvm::StringRef name, int64_t fallback);
/// A parameter dictionary.
mlir::DictionaryAttr makeParameters(mlir::MLIRContext *context, llvm::StringRef kind,
                                    llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> numbers);

/// The type after `steps`, which must fit `type`.
mlir::RankedTensorType packedType(mlir::RankedTensorType type, llvm::ArrayRef<StepAttr> steps);
/// Applies a packing: the kernel's argument gets the packed type and its body undoes the steps;
/// every launch's constant gets them as its recipe. Failure when a constant's bytes cannot be read.
mlir::LogicalResult applyPacking(mlir::func::FuncOp kernel, const Packing &packing);

} // namespace ingot
