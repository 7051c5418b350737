// fold-batch-norm: inference batch norms become part of the contraction before them.
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/normalize/Constants.h"
#include "passes/normalize/Passes.h"
#include <cmath>

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

/// A batch norm with constant statistics: x * factor + offset, per channel.
struct Affine {
  std::vector<double> factor, offset;
};

std::optional<Affine> affineOf(BatchNormOp op) {
  auto scale = constantElements(op.getScale()), bias = constantElements(op.getBias());
  auto mean = constantElements(op.getMean()), variance = constantElements(op.getVariance());
  if (!scale || !bias || !mean || !variance)
    return std::nullopt;
  Affine result;
  double epsilon = op.getEpsilon().convertToDouble();
  for (size_t i = 0; i < scale->size(); ++i) {
    double factor = (*scale)[i] / std::sqrt((*variance)[i] + epsilon);
    result.factor.push_back(factor);
    result.offset.push_back((*bias)[i] - (*mean)[i] * factor);
  }
  return result;
}

/// The contraction's weight times `factor` per output channel, or null when its output channels are
/// not one dim of it.
Value scaledWeight(OpBuilder &builder, Value weight, int64_t axis, ArrayRef<double> factor) {
  ConstantOp source = constantOf(weight);
  // In f64, so that the product is rounded once.
  auto type = RankedTensorType::get({static_cast<int64_t>(factor.size())}, builder.getF64Type());
  Attribute operand = elementsAttr(sourceName(source.getLoc()), type, factor);
  auto step = StepAttr::get(builder.getContext(), StepKind::Scale, {axis}, operand);
  return withStep(builder, source.getLoc(), source, step, source.getType());
}

class FoldIntoContraction : public OpRewritePattern<BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BatchNormOp op, PatternRewriter &rewriter) const override {
    Operation *producer = op.getInput().getDefiningOp();
    if (!producer || !producer->hasOneUse())
      return rewriter.notifyMatchFailure(op, "something else reads the input");
    Value weight;
    int64_t axis = 0;
    if (auto conv = dyn_cast<ConvOp>(producer)) {
      weight = conv.getFilter();
    } else if (auto conv = dyn_cast<ConvTransposeOp>(producer)) {
      if (conv.getGroups() != 1)
        return rewriter.notifyMatchFailure(op, "output channels are spread over two dims");
      weight = conv.getFilter();
      axis = 1;
    } else if (auto matmul = dyn_cast<MatmulOp>(producer)) {
      weight = matmul.getRhs();
      if (matmul.getType().getRank() != 2 ||
          cast<RankedTensorType>(weight.getType()).getRank() != 2)
        return rewriter.notifyMatchFailure(op, "channels are not the columns");
      axis = matmul.getTransposeB() ? 0 : 1;
    } else {
      return rewriter.notifyMatchFailure(op, "no contraction before it");
    }
    unsigned biasIndex = 2;
    Value oldBias =
        producer->getNumOperands() > biasIndex ? producer->getOperand(biasIndex) : Value();
    std::optional<Affine> affine = affineOf(op);
    if (!affine || !constantOf(weight) || (oldBias && !constantOf(oldBias)) ||
        !isa<FloatType>(op.getType().getElementType()))
      return rewriter.notifyMatchFailure(op, "weight, bias or statistics are not constant");

    std::vector<double> bias = affine->offset;
    if (oldBias) {
      std::optional<std::vector<double>> old = constantElements(oldBias);
      if (!old || old->size() != bias.size())
        return failure();
      for (size_t i = 0; i < bias.size(); ++i)
        bias[i] += (*old)[i] * affine->factor[i];
    }
    rewriter.setInsertionPoint(producer);
    Value scaled = scaledWeight(rewriter, weight, axis, affine->factor);
    if (!scaled)
      return rewriter.notifyMatchFailure(op, "the weight's bytes cannot be read");
    auto biasType =
        RankedTensorType::get({static_cast<int64_t>(bias.size())}, op.getType().getElementType());
    Value newBias = elementsConstant(rewriter, op.getLoc(), biasType, bias);
    Operation *folded = rewriter.clone(*producer);
    folded->setLoc(fuseLocations({producer->getLoc(), op.getLoc()}));
    folded->setOperands(ValueRange{producer->getOperand(0), scaled, newBias});
    rewriter.replaceOp(op, folded->getResults());
    rewriter.eraseOp(producer);
    return success();
  }
};

/// What is left with constant statistics becomes a multiplication and an addition.
class ToMulAdd : public OpRewritePattern<BatchNormOp> {
public:
  ToMulAdd(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/0) {}

  LogicalResult matchAndRewrite(BatchNormOp op, PatternRewriter &rewriter) const override {
    std::optional<Affine> affine = affineOf(op);
    if (!affine)
      return rewriter.notifyMatchFailure(op, "the statistics are not constant");
    RankedTensorType type = op.getType();
    SmallVector<int64_t> shape(type.getRank() - 1, 1);
    shape[0] = static_cast<int64_t>(affine->factor.size());
    auto vector = RankedTensorType::get(shape, type.getElementType());
    Value factor = elementsConstant(rewriter, op.getLoc(), vector, affine->factor);
    Value offset = elementsConstant(rewriter, op.getLoc(), vector, affine->offset);
    Value scaled = MulOp::create(rewriter, op.getLoc(), op.getInput(), factor);
    rewriter.replaceOpWithNewOp<AddOp>(op, scaled, offset);
    return success();
  }
};

class FoldBatchNorm : public ingot::impl::FoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldIntoContraction, ToMulAdd>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
