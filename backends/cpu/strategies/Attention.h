// What an attention kernel computes, and how it is cut into tiles and blocks.
#pragma once

#include "backends/cpu/Contraction.h"

namespace ingot::cpu {

/// The attention at the root of a kernel, by its extents.
struct AttentionProblem {
  mutable AttentionOp op; // mutable: accessors of ops are not const
  DimExpr batch;
  int64_t heads;
  int64_t group; ///< heads of the query that read one of the keys and values
  DimExpr queries, keys;
  int64_t depth, columns;
  llvm::SmallVector<int64_t> order; ///< dims of the root's result in the order of the kernel's
};

/// Reads `kernel` as an attention, elementwise ops on its result, and at the end perhaps a
/// transpose that keeps the last dim. Nothing when it is something else.
std::optional<AttentionProblem> describeAttention(const KernelBody &kernel);

/// All numbers of one kernel.
struct AttentionPlan {
  Panels keys;    ///< columns of the scores
  Panels columns; ///< of the result
  Split rows;
  int64_t rowGroup = 1;   ///< register tiles in one tile of the launch
  int64_t panelGroup = 1; ///< panels of keys in one block

  int64_t tileRows() const { return rowGroup * rows.rows; }
  int64_t blockKeys() const { return panelGroup * keys.width(); }
  DimExpr blocks() const { return DimExpr::ceilDiv(keys.panels, panelGroup); }
  llvm::SmallVector<DimExpr> tiles(const AttentionProblem &problem) const {
    return {problem.batch, problem.heads, DimExpr::ceilDiv(rows.tiles, rowGroup)};
  }
};

/// The numbers that `overrides` has not, are chosen; for the bounds of dynamic extents.
AttentionPlan planAttention(const AttentionProblem &problem, const DimBounds &bounds,
                            const Isa &isa, mlir::DictionaryAttr overrides);

} // namespace ingot::cpu
