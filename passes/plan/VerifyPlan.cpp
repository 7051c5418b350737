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

/// What of one entry the checks compare: where buffers lie, for all dims within their bounds.
class Places {
public:
  explicit Places(const DimBounds &bounds) : bounds(bounds) {}

  /// Whether two buffers share bytes, or may for some dims.
  bool overlap(Value a, Value b) {
    plan::Origin x = plan::originOf(a), y = plan::originOf(b);
    DimExpr sizeX = sizeOf(a), sizeY = sizeOf(b);
    if (sizeX == DimExpr(0) || sizeY == DimExpr(0))
      return false;
    auto placeX = dyn_cast<plan::PlaceOp>(x.root), placeY = dyn_cast<plan::PlaceOp>(y.root);
    if (placeX && placeY && placeX != placeY)
      return placeX.getArenaAttr() == placeY.getArenaAttr() && !isBehind(placeX, placeY) &&
             !isBehind(placeY, placeX);
    if (placeX || placeY) {
      if (placeX != placeY)
        return false; // an entry's buffers of an arena are all places, or none is
    } else if (!sameMemory(cast<plan::RefOp>(x.root), cast<plan::RefOp>(y.root))) {
      return false;
    }
    return !plan::neverAbove(x.offset + sizeX, y.offset, bounds) &&
           !plan::neverAbove(y.offset + sizeY, x.offset, bounds);
  }

  bool sameBytes(Value a, Value b) {
    return overlap(a, b) && plan::originOf(a).offset == plan::originOf(b).offset &&
           a.getType() == b.getType();
  }

private:
  static DimExpr sizeOf(Value buffer) { return cast<plan::BufferType>(buffer.getType()).size(); }
  static bool sameMemory(plan::RefOp a, plan::RefOp b) {
    return a.getKind() == b.getKind() && a.getSymbolAttr() == b.getSymbolAttr() &&
           a.getIndex() == b.getIndex();
  }
  /// Whether `a` lies behind `b`, directly or through others.
  bool isBehind(plan::PlaceOp a, plan::PlaceOp b) {
    auto [it, added] = below.try_emplace(a);
    if (added) {
      llvm::DenseSet<Operation *> found;
      SmallVector<plan::PlaceOp> open = {a};
      while (!open.empty())
        for (Value other : open.pop_back_val().getBehind())
          if (auto place = other.getDefiningOp<plan::PlaceOp>(); found.insert(place).second)
            open.push_back(place);
      it->second = std::move(found);
    }
    return it->second.contains(b);
  }

  const DimBounds &bounds;
  DenseMap<Operation *, llvm::DenseSet<Operation *>> below;
};

/// The reference a buffer is part of; null when it lies in a plan.place.
plan::RefOp referenceOf(Value buffer) { return dyn_cast<plan::RefOp>(plan::originOf(buffer).root); }

LogicalResult verifyWrite(Operation *op, Value value) {
  plan::RefOp ref = referenceOf(value);
  if (ref && (ref.getKind() == BufferKind::Input || ref.getKind() == BufferKind::Constant))
    return op->emitOpError() << "writes an " << stringifyBufferKind(ref.getKind());
  return success();
}

LogicalResult verifyLaunch(plan::LaunchOp op, plan::KernelOp kernel, Places &places) {
  for (auto [i, output] : llvm::enumerate(op.getOutputs())) {
    if (failed(verifyWrite(op, output)))
      return failure();
    for (Value other : op.getOutputs().drop_front(i + 1))
      if (places.overlap(output, other))
        return op.emitOpError("has outputs that overlap");
    for (auto [j, input] : llvm::enumerate(op.getInputs())) {
      if (!places.overlap(output, input))
        continue;
      bool allowed = false;
      ArrayRef<int64_t> pairs = kernel.getInPlace();
      for (size_t k = 0; k + 1 < pairs.size(); k += 2)
        allowed |= pairs[k] == int64_t(i) && pairs[k + 1] == int64_t(j);
      if (!allowed || !places.sameBytes(output, input))
        return op.emitOpError() << "has output " << i << " overlap input " << j << ", which @"
                                << kernel.getSymName() << " does not allow";
    }
  }
  return success();
}

/// Adds the outputs of the entry that `block` writes at least in part on every path.
void writtenOutputs(Block &block, llvm::BitVector &written) {
  auto note = [&](Value value) {
    plan::RefOp ref = referenceOf(value);
    if (ref && ref.getKind() == BufferKind::Output)
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
    if (auto loop = dyn_cast<plan::WhileOp>(op))
      writtenOutputs(loop.getBefore().front(), written);
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
      auto range = dyn_cast<plan::RangeOp>(op);
      if (isa<plan::AllocOp>(op) || (range && !range.getSource().getDefiningOp<plan::PlaceOp>()))
        return op->emitError() << "verify-plan: " << op->getName() << " has no place in an arena";
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return failure();
    DimBounds bounds = dimBounds(module);
    Places places(bounds);
    result = module.walk([&](Operation *op) -> WalkResult {
      if (auto launch = dyn_cast<plan::LaunchOp>(op))
        return WalkResult(
            verifyLaunch(launch, symbols.lookup<plan::KernelOp>(launch.getKernel()), places));
      if (auto copy = dyn_cast<plan::CopyOp>(op)) {
        if (failed(verifyWrite(op, copy.getDestination())))
          return WalkResult::interrupt();
        if (places.overlap(copy.getSource(), copy.getDestination()))
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
        if (!written[i] && plan::storedSize(cast<RankedTensorType>(type)) != DimExpr(0))
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
