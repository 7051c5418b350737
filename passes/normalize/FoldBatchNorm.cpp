// fold-batch-norm: batch norms with constant statistics become part of the convolution before them.
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/Graph.h"
#include "mlir/IR/Builders.h"
#include "passes/normalize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

/// The constant that `value` folds to, or null.
Attribute folded(Value value) {
  if (auto constant = value.getDefiningOp<ConstantOp>())
    return constant.getValue();
  std::optional<Attribute> attr = foldToConstant(value.getDefiningOp());
  return attr.value_or(Attribute());
}

class FoldBatchNorm : public ingot::impl::FoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    getOperation()->walk([&](BatchNormOp norm) { fold(norm); });
  }

  void fold(BatchNormOp norm) {
    auto conv = norm.getInput().getDefiningOp<ConvOp>();
    if (!conv || !conv->hasOneUse())
      return;
    auto filter = conv.getFilter().getDefiningOp<ConstantOp>();
    auto weight = filter ? dyn_cast<WeightAttr>(filter.getValue()) : nullptr;
    auto isConstant = [](Value value) { return bool(value.getDefiningOp<ConstantOp>()); };
    if (!filter || !isa<FloatType>(norm.getType().getElementType()) ||
        !llvm::all_of(ValueRange(norm.getOperands().drop_front()), isConstant) ||
        (conv.getBias() && !isConstant(conv.getBias())))
      return;

    // factor = scale / sqrt(variance + epsilon); bias' = (bias - mean) * factor + norm's bias. Few
    // elements: evaluated now, in float64 between roundings.
    OpBuilder b(norm);
    Location loc = FusedLoc::get(b.getContext(), {conv.getLoc(), norm.getLoc()});
    SmallVector<Operation *> scratch;
    auto compute = [&](Value value) -> Value {
      Attribute attr = folded(value);
      scratch.push_back(value.getDefiningOp());
      auto type = cast<RankedTensorType>(value.getType());
      return attr ? constant(b, loc, type, attr) : Value();
    };
    Type element = cast<RankedTensorType>(norm.getVariance().getType()).getElementType();
    Value epsilon = scalarConstant(b, loc, element, norm.getEpsilon().convertToDouble());
    Value variance = compute(AddOp::create(b, loc, norm.getVariance(), epsilon));
    Value deviation = variance ? compute(SqrtOp::create(b, loc, variance)) : Value();
    Value factor = deviation ? compute(DivOp::create(b, loc, norm.getScale(), deviation)) : Value();
    if (!factor)
      return;
    Value shift = norm.getMean();
    shift = conv.getBias() ? compute(SubOp::create(b, loc, conv.getBias(), shift))
                           : compute(NegOp::create(b, loc, shift));
    Value scaled = shift ? compute(MulOp::create(b, loc, shift, factor)) : Value();
    Value bias = scaled ? compute(AddOp::create(b, loc, scaled, norm.getBias())) : Value();
    if (!bias)
      return;

    Value newFilter;
    auto type = cast<RankedTensorType>(filter.getType());
    if (weight) {
      SmallVector<StepAttr> recipe(weight.getRecipe());
      recipe.push_back(StepAttr::get(b.getContext(), StepKind::Scale, {0},
                                     factor.getDefiningOp<ConstantOp>().getValue()));
      newFilter = constant(b, filter.getLoc(), type,
                           WeightAttr::get(b.getContext(), weight.getName(), weight.getSource(),
                                           weight.getOffset(), weight.getBytes(), weight.getHash(),
                                           weight.getStored(), recipe));
    } else {
      SmallVector<int64_t> shape(type.getRank(), 1);
      shape[0] = type.getDimSize(0);
      Value column =
          compute(ReshapeOp::create(b, loc, RankedTensorType::get(shape, element), factor));
      newFilter = column ? compute(MulOp::create(b, loc, filter.getResult(), column)) : Value();
      if (!newFilter)
        return;
    }
    Value result =
        ConvOp::create(b, loc, conv.getInput(), newFilter, bias, conv.getStrides(), conv.getPads(),
                       conv.getDilations(), conv.getGroups(), conv.getChannelsLast());
    norm.replaceAllUsesWith(result);
    norm.erase();
    conv.erase();
    for (Operation *op : llvm::reverse(scratch))
      if (op->use_empty())
        op->erase();
  }
};

} // namespace
