// Phase 3: what the model says about quantisation is honoured, by exact dequantised arithmetic.
#include "compiler/pipeline/Phases.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/quantize/Passes.h"
#include "passes/verify/Passes.h"

void ingot::buildQuantizePhase(mlir::OpPassManager &manager, CompileState &) {
  manager.addNestedPass<mlir::func::FuncOp>(createFoldQdq());
  manager.addPass(createVerifyQuantize());
}
