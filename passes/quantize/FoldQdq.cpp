// fold-qdq: cancels quantize after dequantize, and makes dequantised constants constants.
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/Graph.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/quantize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FOLDQDQ
#include "passes/quantize/Passes.h.inc"
} // namespace ingot

namespace {

/// Whether two values are one, or equal constants.
bool isSame(Value a, Value b) {
  if (a == b)
    return true;
  auto x = a ? a.getDefiningOp<ConstantOp>() : nullptr;
  auto y = b ? b.getDefiningOp<ConstantOp>() : nullptr;
  return x && y && x.getValue() == y.getValue();
}

class CancelQuantize : public OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<DequantizeOp>();
    if (!inner || inner.getInput().getType() != op.getType() ||
        !isSame(inner.getScale(), op.getScale()) ||
        !isSame(inner.getZeroPoint(), op.getZeroPoint()) || inner.getAxis() != op.getAxis() ||
        inner.getBlockSize() != op.getBlockSize())
      return rewriter.notifyMatchFailure(op, "no dequantize with the same parameters before it");
    // An integer of more bits than the float has does not come back.
    auto real = cast<FloatType>(cast<RankedTensorType>(op.getInput().getType()).getElementType());
    if (op.getType().getElementTypeBitWidth() + 1 >= real.getFPMantissaWidth())
      return rewriter.notifyMatchFailure(op, "the float is too narrow");
    rewriter.replaceOp(op, inner.getInput());
    return success();
  }
};

class FoldDequantize : public OpRewritePattern<DequantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DequantizeOp op, PatternRewriter &rewriter) const override {
    std::optional<Attribute> value = foldToConstant(op, kMaxTensorBytes);
    if (!value)
      return rewriter.notifyMatchFailure(op, "operands are not constant");
    // Named after the weight, not after the op that unpacks it.
    Location loc = op.getInput().getLoc();
    rewriter.replaceOp(op, constant(rewriter, loc, op.getType(), *value));
    return success();
  }
};

class FoldQdq : public ingot::impl::FoldQdqBase<FoldQdq> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<CancelQuantize, FoldDequantize>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
