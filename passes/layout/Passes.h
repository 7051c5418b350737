// Phase 5, layout: where the channels of activations lie.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <functional>
#include <memory>

namespace ingot {

#define GEN_PASS_DECL
#include "passes/layout/Passes.h.inc"

/// assign-layout that asks `wantsChannelsLast` for the name of each op's target.
std::unique_ptr<mlir::Pass>
createAssignLayout(std::function<bool(llvm::StringRef target)> wantsChannelsLast);

#define GEN_PASS_REGISTRATION
#include "passes/layout/Passes.h.inc"

} // namespace ingot
