// Results whose extent a run counts: all places of a non-zero, boxes that are kept, unique
// elements.
//
// The graph computes with the most there can be; what the program's user gets has the true extent.
// The count lies in a variable, which the runtime reads after the run (program.fbs,
// `variable_value`).
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include "ir/graph/ValueDims.h"

namespace ingot {

/// `value` with its first `count` (i64, one element) parts along `dim` lying as in a dense tensor
/// of that extent, and anything after them. `count` is at most the extent. Null in, null out.
mlir::Value compacted(GraphBuilder &b, mlir::Value value, int64_t dim, mlir::Value count);

class CountedExtents {
public:
  /// Extent `dim` of the output that will be called `output` is `count` (i64, one element).
  mlir::LogicalResult add(GraphBuilder &b, llvm::StringRef output, int64_t dim, mlir::Value count);
  /// Notes them in the module, whose outputs are called `names`.
  void finish(GraphBuilder &b, llvm::ArrayRef<std::string> names) const;

private:
  struct Entry {
    std::string output, variable;
    int64_t dim;
  };
  std::vector<Entry> entries;
};

} // namespace ingot
