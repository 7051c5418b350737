// The steps of a plan entry as a list, in the order in which they are emitted: what liveness counts
// in.
#pragma once

#include "ir/plan/Plan.h"
#include <optional>
#include <vector>

namespace ingot {

/// A launch, a copy, or a part of a branch or loop. What lies in a branch or loop stands between
/// its head and `end`.
struct PlanStep {
  enum Kind {
    Launch,
    Copy,
    Branch, ///< head of a plan.if: reads its condition
    Loop,   ///< head of a plan.while: touches nothing
    Test    ///< of a plan.while: reads its condition, once the steps before `do` have run
  };
  Kind kind;
  mlir::Operation *op;
  std::optional<unsigned> head = {}; ///< the branch or loop that it lies in
  unsigned second = 0;               ///< Branch: first step of the else; Loop: its test
  unsigned end = 0;                  ///< Branch, Loop: the step after all that lies in it

  bool isHead() const { return kind == Branch || kind == Loop; }
  /// What it reads and writes itself.
  mlir::ValueRange reads() const;
  mlir::ValueRange writes() const;
};

std::vector<PlanStep> stepsOf(plan::EntryOp entry);

/// The steps first…last in which a value that lives from `first` to `last` must keep its bytes.
/// What is alive at the beginning or the end of a loop is alive in all of it: another trip may
/// follow.
std::pair<unsigned, unsigned> lifeOf(llvm::ArrayRef<PlanStep> steps, unsigned first, unsigned last);

} // namespace ingot
