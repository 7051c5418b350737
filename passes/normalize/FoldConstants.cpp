// fold-constants: computes what depends on constants alone.
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/WeightStore.h"
#include "passes/normalize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

/// Constants up to this size are computed; a model's largest embedding stays below it.
constexpr uint64_t kMaxFoldedBytes = uint64_t(1) << 30;

/// The step of a recipe that does what `op` does; null when there is none.
StepAttr asStep(Operation *op) {
  MLIRContext *context = op->getContext();
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return StepAttr::get(context, StepKind::Transpose, transpose.getPerm(), {});
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return StepAttr::get(context, StepKind::Reshape, reshape.getType().getShape(), {});
  if (auto slice = dyn_cast<SliceOp>(op)) {
    if (llvm::any_of(slice.getSteps(), [](int64_t step) { return step != 1; }))
      return {};
    SmallVector<int64_t> values(slice.getStarts());
    llvm::append_range(values, slice.getSizes());
    return StepAttr::get(context, StepKind::Slice, values, {});
  }
  return {};
}

/// Ops whose result only repeats what their operands hold: folding a large one would waste memory.
bool onlyRepeats(Operation *op) { return isa<BroadcastOp, IotaOp>(op); }

class FoldConstants : public ingot::impl::FoldConstantsBase<FoldConstants> {
  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) { fold(op); });
    getOperation()->walk([](ConstantOp constant) {
      if (constant->use_empty())
        constant.erase();
    });
  }

  void fold(Operation *op) {
    if (!isa<IngotDialect>(op->getDialect()) || isa<ConstantOp, LaunchOp, TransferOp>(op) ||
        !isPure(op) || op->getNumResults() != 1)
      return;
    if (llvm::any_of(op->getOperands(),
                     [](Value operand) { return !operand.getDefiningOp<ConstantOp>(); }))
      return;
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    Attribute folded;
    if (StepAttr step = asStep(op))
      if (auto weight =
              dyn_cast<WeightAttr>(op->getOperand(0).getDefiningOp<ConstantOp>().getValue())) {
        SmallVector<StepAttr> recipe(weight.getRecipe());
        recipe.push_back(step);
        folded = WeightAttr::get(op->getContext(), weight.getName(), weight.getSource(),
                                 weight.getOffset(), weight.getBytes(), weight.getHash(),
                                 weight.getStored(), recipe);
      }
    if (!folded) {
      uint64_t limit = onlyRepeats(op) ? kMaxDenseBytes : kMaxFoldedBytes;
      if (storedBytes(type) > limit)
        return;
      if (auto value = foldToConstant(op, kMaxFoldedBytes))
        folded = *value;
    }
    if (!folded)
      return;
    OpBuilder builder(op);
    op->getResult(0).replaceAllUsesWith(constant(builder, op->getLoc(), type, folded));
    op->erase();
  }
};

} // namespace
