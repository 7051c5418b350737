// Phase 8, plan: orders the launches, gives every value a place in memory, and turns functions into `plan` entries.
#pragma once

#include "backends/Target.h"
#include "ir/plan/Plan.h"
#include "mlir/Pass/PassManager.h"

namespace ingot {

/// What codegen produced, for `createConvertToPlanPass`; must outlive the pass run.
struct PlanOptions {
  llvm::ArrayRef<CompiledTarget> targets; ///< as on the command line
  bool keepAllResults = false;            ///< every launch's result keeps its own memory to the end (for `ingot diff`)
};

/// Adds the passes of phase 8 in order, `verify-plan` last.
void buildPlanPhase(mlir::OpPassManager &passes, const PlanOptions &options);

} // namespace ingot
