// fold-pad: padding becomes part of the windows of convolutions and pools.
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/normalize/Constants.h"
#include "passes/normalize/Passes.h"
#include <limits>

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FOLDPAD
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

/// The spatial part of a constant pad by `value`: low pads, then high pads; nothing when it pads or
/// crops anything else.
std::optional<SmallVector<int64_t>> spatialPads(PadOp pad, bool channelsLast, double value) {
  if (pad.getMode() != PadMode::Constant || pad.getValue().convertToDouble() != value)
    return std::nullopt;
  int64_t rank = pad.getType().getRank();
  if (rank < 3)
    return std::nullopt;
  int64_t first = channelsLast ? 1 : 2, channel = channelsLast ? rank - 1 : 1;
  SmallVector<int64_t> pads;
  for (ArrayRef<int64_t> side : {pad.getLow(), pad.getHigh()}) {
    if (side[0] != 0 || side[channel] != 0)
      return std::nullopt;
    for (int64_t amount : side.slice(first, rank - 2)) {
      if (amount < 0)
        return std::nullopt;
      pads.push_back(amount);
    }
  }
  return pads;
}

SmallVector<int64_t> sum(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> result(a);
  for (auto [value, more] : llvm::zip(result, b))
    value += more;
  return result;
}

class PadIntoConv : public OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<PadOp>();
    if (!pad)
      return rewriter.notifyMatchFailure(op, "no pad before it");
    std::optional<SmallVector<int64_t>> pads = spatialPads(pad, op.getChannelsLast(), 0);
    if (!pads)
      return rewriter.notifyMatchFailure(op, "pads other than spatial zeros");
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(pad.getInput());
      op.setPads(sum(op.getPads(), *pads));
      op->setLoc(fuseLocations({pad.getLoc(), op.getLoc()}));
    });
    return success();
  }
};

class PadIntoPool : public OpRewritePattern<PoolOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PoolOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<PadOp>();
    if (!pad)
      return rewriter.notifyMatchFailure(op, "no pad before it");
    bool average = op.getKind() == PoolKind::Average;
    std::optional<SmallVector<int64_t>> pads = spatialPads(
        pad, op.getChannelsLast(), average ? 0 : -std::numeric_limits<double>::infinity());
    if (!pads)
      return rewriter.notifyMatchFailure(op, "pads other than the neutral value");
    rewriter.modifyOpInPlace(op, [&] {
      if (average) {
        // The padded elements were inputs: they go on counting.
        SmallVector<int64_t> counted(*pads);
        if (op.getCountIncludePad())
          counted = sum(counted, op.getCountedPads().value_or(op.getPads()));
        op.setCountIncludePad(true);
        op.setCountedPads(counted);
      }
      op.getInputMutable().assign(pad.getInput());
      op.setPads(sum(op.getPads(), *pads));
      op->setLoc(fuseLocations({pad.getLoc(), op.getLoc()}));
    });
    return success();
  }
};

class FoldPad : public ingot::impl::FoldPadBase<FoldPad> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PadIntoConv, PadIntoPool>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
