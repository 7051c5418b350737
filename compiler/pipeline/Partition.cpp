// Phase 4: every op gets its target.
#include "compiler/pipeline/Phases.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/partition/Passes.h"
#include "passes/verify/Passes.h"

using mlir::func::FuncOp;

void ingot::buildPartitionPhase(mlir::OpPassManager &manager, CompileState &state) {
  // Targets know bytes and wider.
  manager.addNestedPass<FuncOp>(createLowerNarrowTypes());
  // Composites that no target takes whole are taken apart now, and what that made constant folds.
  manager.addNestedPass<FuncOp>(createDecomposeComposites([&state](mlir::Operation *op) {
    return llvm::any_of(state.targets, [&](const std::unique_ptr<Target> &target) {
      return target->claim(op).accepted;
    });
  }));
  manager.addNestedPass<FuncOp>(createFoldConstants());
  manager.addNestedPass<FuncOp>(createCanonicalizeGraph());
  manager.addNestedPass<FuncOp>(mlir::createCSEPass());
  llvm::SmallVector<const Target *> targets;
  for (const std::unique_ptr<Target> &target : state.targets)
    targets.push_back(target.get());
  manager.addPass(
      createAssignTargets(std::move(targets), [&state](mlir::Operation *op, llvm::StringRef target,
                                                       llvm::StringRef reason) {
        state.fallbacks.push_back({op->getName().stripDialect().str(), sourceName(op->getLoc()),
                                   target.str(), reason.str()});
      }));
  manager.addPass(createInsertTransfers());
  manager.addPass(createVerifyPartition());
}
