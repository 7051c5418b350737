// A kernel's graph function taken apart: which op is its root, how operands lie in memory, what is
// packed.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot {

/// Elements of a kernel argument read by index: element i[] lies at offset + sum(i[d] *
/// strides[d]).
struct StridedView {
  mlir::BlockArgument argument;
  DimExpr offset = 0;
  llvm::SmallVector<DimExpr> shape, strides;
};

/// Follows transposes, slices, reshapes and broadcasts from `value` to a kernel argument. Nothing
/// when the elements do not lie on a grid, or when something is computed on the way.
std::optional<StridedView> stridedView(mlir::Value value);

/// The argument that `value` is unpacked from by transposes, reshapes and slices alone; null when
/// there is none.
mlir::BlockArgument unpackedFrom(mlir::Value value);

/// A kernel's graph function with one contraction, or with none.
struct KernelBody {
  mutable mlir::func::FuncOp func;        // mutable: accessors of ops are not const
  mlir::Operation *root = nullptr;        ///< the contraction
  llvm::SmallVector<mlir::Value> results; ///< what the function returns
  llvm::SmallVector<bool> constant;       ///< per argument: every launch passes a constant
  /// Whether all that follows the root can be inlined on its vectors: elementwise ops at the root's
  /// own shape, and reshapes that keep the innermost extent; and whether every result comes from
  /// the root.
  bool inlineEpilogue = false;
  llvm::SmallVector<ReshapeOp> epilogueReshapes; ///< those reshapes, in order

  mlir::Value rootResult() const { return root->getResult(0); }
  /// Arguments that a result of the same shape and element size may overwrite, as flat pairs
  /// [result, argument]: read by elementwise ops after the root alone, at the index that is
  /// written.
  llvm::SmallVector<int64_t> inPlacePairs() const;
};

/// Takes `kernel` apart. Root is the only conv, conv_transpose, matmul or attention; null when
/// there is none or another composite is beside it.
KernelBody analyzeKernel(mlir::func::FuncOp kernel);

/// Whether an epilogue of `kernel` computes a function that takes tens of instructions (exp, tanh,
/// erf, pow, …), or several divisions.
bool hasLongEpilogue(const KernelBody &kernel);

/// Multiply-adds count twice; elementwise ops once per element. At the bounds of the kernel's dims.
uint64_t countFlops(mlir::func::FuncOp kernel);
/// Bytes of operands and results together, at the bounds.
uint64_t countBytes(mlir::func::FuncOp kernel);

} // namespace ingot
