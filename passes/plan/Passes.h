// Phase 8, plan: orders the launches, gives every value a place in memory, and turns functions into
// `plan` entries.
#pragma once

#include "backends/Target.h"
#include "ir/plan/Plan.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace ingot {

#define GEN_PASS_DECL
#include "passes/plan/Passes.h.inc"

/// What codegen produced, for `createConvertToPlanPass`; must outlive the pass run.
struct PlanOptions {
  std::vector<CompiledTarget> targets; ///< as on the command line
  /// Work to spend on a better placement where the greedy orders leave a gap (planner::Options).
  int64_t searchSteps = 100'000'000;
};

std::unique_ptr<mlir::Pass> createSinkCarriedPass();
std::unique_ptr<mlir::Pass> createConvertToPlanPass(PlanOptions options = {});
std::unique_ptr<mlir::Pass> createElideCopiesPass();
std::unique_ptr<mlir::Pass> createLaunchInPlacePass();
std::unique_ptr<mlir::Pass> createPlacePartsPass();
std::unique_ptr<mlir::Pass> createVerifyPlanPass();

/// Adds the passes of phase 8 in order, `verify-plan` last.
void buildPlanPhase(mlir::OpPassManager &passes, const PlanOptions &options);
/// Makes the passes known by name, for `ingot opt`.
void registerPlanPasses();

} // namespace ingot
