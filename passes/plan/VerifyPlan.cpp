// States in code what holds after the plan phase.
#include "ir/graph/Graph.h"
#include "mlir/IR/Verifier.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/BitVector.h"

namespace ingot {
#define GEN_PASS_DEF_VERIFYPLAN
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;
using plan::BufferKind;

namespace {

/// Whether two references share bytes.
bool overlap(plan::RefOp a, plan::RefOp b) {
  if (a.getKind() != b.getKind() || a.getSymbolAttr() != b.getSymbolAttr() ||
      a.getIndex() != b.getIndex() || !a.getType().getBytes() || !b.getType().getBytes())
    return false;
  return a.getOffset() < b.getOffset() + b.getType().getBytes() &&
         b.getOffset() < a.getOffset() + a.getType().getBytes();
}

bool sameBytes(plan::RefOp a, plan::RefOp b) {
  return overlap(a, b) && a.getOffset() == b.getOffset() && a.getType() == b.getType();
}

LogicalResult verifyWrite(Operation *op, Value value) {
  auto ref = value.getDefiningOp<plan::RefOp>();
  if (ref.getKind() == BufferKind::Input || ref.getKind() == BufferKind::Constant)
    return op->emitOpError() << "writes an " << stringifyBufferKind(ref.getKind());
  return success();
}

LogicalResult verifyLaunch(plan::LaunchOp op, plan::KernelOp kernel) {
  for (auto [i, output] : llvm::enumerate(op.getOutputs())) {
    if (failed(verifyWrite(op, output)))
      return failure();
    auto to = output.getDefiningOp<plan::RefOp>();
    for (Value other : op.getOutputs().drop_front(i + 1))
      if (overlap(to, other.getDefiningOp<plan::RefOp>()))
        return op.emitOpError("has outputs that overlap");
    for (auto [j, input] : llvm::enumerate(op.getInputs())) {
      auto from = input.getDefiningOp<plan::RefOp>();
      if (!overlap(to, from))
        continue;
      bool allowed = false;
      ArrayRef<int64_t> pairs = kernel.getInPlace();
      for (size_t k = 0; k + 1 < pairs.size(); k += 2)
        allowed |= pairs[k] == int64_t(i) && pairs[k + 1] == int64_t(j);
      if (!allowed || !sameBytes(to, from))
        return op.emitOpError() << "has output " << i << " overlap input " << j << ", which @"
                                << kernel.getSymName() << " does not allow";
    }
  }
  return success();
}

/// Adds the outputs of the entry that `block` writes at least in part on every path.
void writtenOutputs(Block &block, llvm::BitVector &written) {
  auto note = [&](Value value) {
    auto ref = value.getDefiningOp<plan::RefOp>();
    if (ref.getKind() == BufferKind::Output)
      written.set(*ref.getIndex());
  };
  for (Operation &op : block) {
    if (auto launch = dyn_cast<plan::LaunchOp>(op))
      llvm::for_each(launch.getOutputs(), note);
    if (auto copy = dyn_cast<plan::CopyOp>(op))
      note(copy.getDestination());
    if (auto branch = dyn_cast<plan::IfOp>(op)) {
      llvm::BitVector inThen(written.size()), inElse(written.size());
      writtenOutputs(branch.getThenRegion().front(), inThen);
      writtenOutputs(branch.getElseRegion().front(), inElse);
      written |= inThen &= inElse;
    }
  }
}

struct VerifyPlan : ingot::impl::VerifyPlanBase<VerifyPlan> {
  void runOnOperation() override {
    if (failed(verify(getOperation())))
      signalPassFailure();
  }

  LogicalResult verify(ModuleOp module) {
    if (failed(mlir::verify(module)))
      return failure();
    SymbolTable symbols(module);
    WalkResult result = module.walk([&](Operation *op) -> WalkResult {
      if (op == module)
        return WalkResult::advance();
      if (!isa<plan::PlanDialect>(op->getDialect()))
        return op->emitError() << "verify-plan: " << op->getName()
                               << " is left after the plan phase";
      if (isa<plan::AllocOp, plan::RangeOp>(op))
        return op->emitError() << "verify-plan: " << op->getName() << " has no place in an arena";
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    result = module.walk([&](Operation *op) -> WalkResult {
      if (auto launch = dyn_cast<plan::LaunchOp>(op))
        return WalkResult(verifyLaunch(launch, symbols.lookup<plan::KernelOp>(launch.getKernel())));
      if (auto copy = dyn_cast<plan::CopyOp>(op)) {
        auto from = copy.getSource().getDefiningOp<plan::RefOp>(),
             to = copy.getDestination().getDefiningOp<plan::RefOp>();
        if (failed(verifyWrite(op, to)))
          return WalkResult::interrupt();
        if (overlap(from, to))
          return op->emitOpError("has a source and a destination that overlap");
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    for (auto entry : module.getOps<plan::EntryOp>()) {
      llvm::BitVector written(entry.getOutputNames().size());
      writtenOutputs(entry.getBody().front(), written);
      for (auto [i, type] : llvm::enumerate(entry.getOutputTypes().getAsValueRange<TypeAttr>()))
        if (!written[i] && cast<RankedTensorType>(type).getNumElements())
          return entry.emitOpError() << "never writes its output " << entry.getOutputNames()[i];
    }
    result = module.walk([&](Operation *op) -> WalkResult {
      if (isa<plan::LaunchOp, plan::CopyOp>(op) && sourceNames(op->getLoc()).empty())
        return op->emitError() << "verify-plan: " << op->getName()
                               << " names no layer of the model";
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace

std::unique_ptr<Pass> ingot::createVerifyPlanPass() { return std::make_unique<VerifyPlan>(); }
