// Phase 2: what inference does not need goes away, and equal things look equal.
#include "compiler/pipeline/Phases.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/verify/Passes.h"

using mlir::func::FuncOp;

void ingot::buildNormalizePhase(mlir::OpPassManager &manager, CompileState &state) {
  // Shape arithmetic and moved weights first: the patterns below look for constants.
  manager.addNestedPass<FuncOp>(createFoldConstants());
  manager.addNestedPass<FuncOp>(createFoldBatchNorm());
  manager.addNestedPass<FuncOp>(createCanonicalizeGraph());
  // After the patterns, which merge pads.
  manager.addNestedPass<FuncOp>(createFoldPad());
  // What the patterns made constant.
  manager.addNestedPass<FuncOp>(createFoldConstants());
  manager.addNestedPass<FuncOp>(mlir::createCSEPass());
  // With scales and biases in their final places. What no target takes whole stays in parts.
  manager.addNestedPass<FuncOp>(createRaiseAttention([&state](mlir::Operation *op) {
    return llvm::any_of(state.targets, [&](const std::unique_ptr<Target> &target) {
      return target->claim(op).accepted;
    });
  }));
  // Equal operands, now the same value, may give another pattern its chance.
  manager.addNestedPass<FuncOp>(createCanonicalizeGraph());
  manager.addPass(createVerifyNormalize());
}
