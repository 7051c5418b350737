// Phase 2: one form for everything that means the same.
#include "compiler/pipeline/Phases.h"
#include "mlir/Transforms/Passes.h"
#include "passes/normalize/Passes.h"

void ingot::buildNormalizePhase(mlir::OpPassManager &manager, CompileState &) {
  manager.addPass(mlir::createCanonicalizerPass());
  manager.addPass(createFoldConstants());
  // Before composites are taken apart: a batch norm that stays becomes arithmetic on constants.
  manager.addPass(createFoldBatchNorm());
  manager.addPass(createDecomposeComposites());
  manager.addPass(createFoldConstants());
  manager.addPass(mlir::createCSEPass());
  manager.addPass(mlir::createCanonicalizerPass());
}
