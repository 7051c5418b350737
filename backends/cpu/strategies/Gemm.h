// What a kernel multiplies, when its root is a matrix product in disguise or not.
#pragma once

#include "backends/cpu/Contraction.h"

namespace ingot::cpu {

/// result[batch…, m, n] = sum over k of lhs[batch…, m, k] * rhs[batch…, k, n] (+ bias[n]).
struct GemmProblem {
  DimExpr m = 0, n = 0, k = 0;
  llvm::SmallVector<DimExpr> batch; ///< extents of the dims before m; empty when rows are collapsed
  bool collapsed = false;           ///< all dims before n are one dim of rows
  mlir::Value lhs, rhs, bias;
  mlir::Type element;
  bool rhsTransposed = false; ///< the graph's rhs is [n, k]
  /// How operands lie; nothing when they must be computed. Dims: batch…, then (m, k) or (k, n).
  std::optional<StridedView> lhsView, rhsView;
};

/// Reads `kernel`'s root as a matrix product: a matmul, or a convolution with a kernel of one
/// point. Nothing when it is not one. Rows are collapsed where operands and epilogue permit.
std::optional<GemmProblem> describeGemm(const KernelBody &kernel);

/// Rewrites the epilogue's graph to tensors [m, n]. Only valid when `describeGemm` says that rows
/// are collapsed.
void collapseEpilogue(KernelBody &kernel, const DimExpr &m, const DimExpr &n);

} // namespace ingot::cpu
