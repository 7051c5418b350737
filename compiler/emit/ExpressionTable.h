// The expression table of an entry: what its run computes once from the shapes of the inputs.
#pragma once

#include "ir/graph/DimSteps.h"
#include "ir/graph/Graph.h"
#include "ir/graph/ValueDims.h"
#include "runtime-lib/schema/program_generated.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace ingot {

/// Rows are made when they are needed, equal ones once, and numbers are computed at once.
class ExpressionTable {
public:
  /// A number, or the row that computes one.
  struct Term {
    int32_t row = -1;
    int64_t number = 0;
  };

  /// Dims that have a step count steps: the table's name for one is the extent.
  explicit ExpressionTable(const DimBounds &bounds, const DimSteps &steps = {})
      : bounds(bounds), steps(steps) {}

  /// Takes what inputs hold, and the inputs' extents: each name gets the row that computes it, as
  /// the value or the extent itself or by solving an extent that is linear in the name. Error: a
  /// name that no input tells, or a value that no input has.
  llvm::Error addInputs(llvm::ArrayRef<mlir::RankedTensorType> inputs,
                        llvm::ArrayRef<ValueDim> values = {});

  /// What an element of a variable is after a run; `bound` until then, and at most.
  int32_t addVariable(uint32_t variable, int64_t bound) {
    return add(fmt::ExprOp::variable_value, static_cast<int32_t>(variable), 0, bound);
  }

  /// The names in the order they were solved, and their rows.
  llvm::ArrayRef<std::pair<std::string, int32_t>> getNames() const { return names; }
  const std::vector<fmt::Expr> &getRows() const { return rows; }

  Term term(const DimExpr &expression);
  Term apply(fmt::ExprOp op, Term a, Term b);
  /// The row of a term; a number gets one.
  int32_t row(Term term);
  /// An extent of the format: the number, or the row and the upper bound.
  fmt::Extent extent(const DimExpr &expression);
  fmt::Extent extent(Term term, uint64_t bound) const {
    return term.row < 0 ? fmt::Extent(term.number, -1, 0) : fmt::Extent(bound, term.row, 0);
  }

private:
  int32_t add(fmt::ExprOp op, int32_t a, int32_t b, int64_t value);
  bool solve(const DimExpr &extent, int32_t input, int32_t dim);

  const DimBounds &bounds;
  DimSteps steps;
  std::vector<fmt::Expr> rows;
  std::map<std::tuple<fmt::ExprOp, int32_t, int32_t, int64_t>, int32_t> known;
  std::vector<std::pair<std::string, int32_t>> names;
  llvm::StringMap<int32_t> rowOfName;
};

} // namespace ingot
