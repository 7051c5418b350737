// Phase 6: the graph becomes kernels and launches.
#include "compiler/pipeline/Phases.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/fuse/Passes.h"
#include "passes/verify/Passes.h"

void ingot::buildFusePhase(mlir::OpPassManager &manager, CompileState &) {
  // What only says an index belongs to each of its readers.
  manager.addNestedPass<mlir::func::FuncOp>(createCloneCheapProducers());
  manager.addPass(createFormKernels());
  // Only now do equal kernels have equal text.
  manager.addPass(createMergeKernels());
  manager.addPass(createVerifyFuse());
}
