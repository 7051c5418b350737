// Phase 4, partition: every op gets its target, and values cross memory spaces by transfers.
#pragma once

#include "backends/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <functional>
#include <memory>

namespace ingot {

#define GEN_PASS_DECL
#include "passes/partition/Passes.h.inc"

/// Told about each op that is not on the target of the first choice: the op, the target that it is
/// on, and why.
using FallbackCallback =
    std::function<void(mlir::Operation *op, llvm::StringRef target, llvm::StringRef reason)>;

/// assign-targets for these targets, in order of preference; they must outlive the pass.
std::unique_ptr<mlir::Pass> createAssignTargets(llvm::SmallVector<const Target *> targets,
                                                FallbackCallback onFallback = nullptr);

#define GEN_PASS_REGISTRATION
#include "passes/partition/Passes.h.inc"

} // namespace ingot
