// The passes of phase 8 in order.
#include "passes/plan/Passes.h"

using namespace ingot;

void ingot::buildPlanPhase(mlir::OpPassManager &passes, const PlanOptions &options) {
  // Values can still move freely: the order decides how much is alive at once.
  passes.addPass(createOrderLaunches());
  // The end of a trip is where its old values are dead.
  passes.addPass(createSinkCarriedPass());
  // Everything correct first: a buffer per value, a copy wherever elements move.
  passes.addPass(createConvertToPlanPass(options));
  // Sharing that can only save memory comes first: it decides how much room there is …
  passes.addPass(createElideCopiesPass());
  passes.addPass(createLaunchInPlacePass());
  // … for sharing that saves a copy but may keep more bytes alive, which is done where the peak
  // stays.
  passes.addPass(createPlacePartsPass());
  // What is left of the buffers gets its place, once no pass changes lifetimes any more.
  passes.addPass(createAllocateArenas({options.searchSteps}));
  passes.addPass(createVerifyPlanPass());
}

void ingot::registerPlanPasses() {
  mlir::registerPass([] { return createOrderLaunches(); });
  mlir::registerPass(createSinkCarriedPass);
  mlir::registerPass([] { return createConvertToPlanPass(); });
  mlir::registerPass(createElideCopiesPass);
  mlir::registerPass(createLaunchInPlacePass);
  mlir::registerPass(createPlacePartsPass);
  mlir::registerPass([] { return createAllocateArenas(); });
  mlir::registerPass(createVerifyPlanPass);
}
