// Collects what an importer cannot express, so that a user hears of all of it in one error.
#pragma once

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace ingot {

class UnsupportedOps {
public:
  /// Nodes that cannot be imported for the same reason.
  struct Kind {
    std::string name; ///< the operator, and what makes it unsupported in parentheses
    std::vector<std::string> nodes;
    std::string reason; ///< what is expected instead; may be empty
  };

  /// Records one node. `kind` is the operator with what makes it unsupported in parentheses
  /// (`NonMaxSuppression (center_point_box = 2)`), `reason` what is expected instead; it may be
  /// empty.
  void add(llvm::StringRef kind, llvm::StringRef node, llvm::StringRef reason = {});

  bool empty() const { return kinds.empty(); }
  /// Nodes recorded.
  size_t count() const;
  /// The most frequent first, equals in order of first appearance.
  std::vector<Kind> sorted() const;

  /// Emits one error with a line per kind (at most seven, the most frequent first; the rest
  /// counted) and a hint. `file` is the model's name as the user gave it. Returns failure.
  mlir::LogicalResult report(mlir::Location loc, llvm::StringRef file) const;

private:
  std::vector<Kind> kinds; // in order of first appearance
};

} // namespace ingot
