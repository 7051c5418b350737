// The passes of phase 8 in order.
#include "passes/plan/Passes.h"

using namespace ingot;

void ingot::buildPlanPhase(mlir::OpPassManager &passes, const PlanOptions &options) {
  // Everything correct first: a buffer per value, a copy wherever elements move.
  passes.addPass(createConvertToPlanPass(options));
  // What is left of the buffers gets its place, once no pass changes lifetimes any more.
  passes.addPass(createAllocateArenasPass());
  passes.addPass(createVerifyPlanPass());
}

void ingot::registerPlanPasses() {
  mlir::registerPass([] { return createConvertToPlanPass(); });
  mlir::registerPass(createAllocateArenasPass);
  mlir::registerPass(createVerifyPlanPass);
}
