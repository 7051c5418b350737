// Phase 6: the graph becomes kernels and launches.
#include "compiler/pipeline/Phases.h"
#include "passes/fuse/Passes.h"
#include "passes/verify/Passes.h"

void ingot::buildFusePhase(mlir::OpPassManager &manager, CompileState &) {
  manager.addPass(createFormKernels());
  // Only now do equal kernels have equal text.
  manager.addPass(createMergeKernels());
  manager.addPass(createVerifyFuse());
}
