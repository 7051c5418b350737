// Phase 5: activations get their layout.
#include "compiler/pipeline/Phases.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "passes/layout/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/verify/Passes.h"

using mlir::func::FuncOp;

void ingot::buildLayoutPhase(mlir::OpPassManager &manager, CompileState &state) {
  manager.addNestedPass<FuncOp>(createAssignLayout([&state](llvm::StringRef name) {
    const Target *target = state.findTarget(name);
    return target && target->wantsChannelsLast();
  }));
  manager.addNestedPass<FuncOp>(createPropagateTransposes());
  // Transposes of unit dims become reshapes, transposed constants recipes.
  manager.addNestedPass<FuncOp>(createCanonicalizeGraph());
  manager.addNestedPass<FuncOp>(createFoldConstants());
  manager.addNestedPass<FuncOp>(mlir::createCSEPass());
  manager.addPass(createVerifyLayout());
}
