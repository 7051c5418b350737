// Phase 8: launches get an order, buffers a place.
#include "compiler/pipeline/Phases.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace ingot;

LogicalResult ingot::runPlanPhase(ModuleOp module, CompileState &state) {
  PassManager manager(module.getContext());
  manager.enableVerifier(false);
  PlanOptions options;
  options.targets = state.code;
  buildPlanPhase(manager, options);
  return manager.run(module);
}
