// canonicalize-graph: patterns of reductions: normalisations that the source spells out, and pools
// that separate.
#include "passes/normalize/CanonicalizeGraph.h"
#include "passes/normalize/Constants.h"

using namespace mlir;
using namespace ingot;

namespace {

/// The mean of `value` over its trailing dims, kept as extents of 1; gives the first of them.
std::optional<int64_t> trailingMean(ReduceOp reduce) {
  if (!reduce || reduce.getKind() != ReduceKind::Mean || !reduce.getKeepdims() ||
      reduce.getDims().empty())
    return std::nullopt;
  int64_t rank = reduce.getInput().getType().getRank(), first = reduce.getDims().front();
  for (auto [index, dim] : llvm::enumerate(reduce.getDims()))
    if (dim != first + static_cast<int64_t>(index))
      return std::nullopt;
  return first + static_cast<int64_t>(reduce.getDims().size()) == rank
             ? std::optional<int64_t>(first)
             : std::nullopt;
}

/// x * rsqrt(mean(x * x) + epsilon), or x / sqrt(…), is rms_norm(x).
template <typename OpT, typename RootT> class ToRmsNorm : public OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0u, 1u}) {
      Value x = op->getOperand(side);
      auto root = op->getOperand(1 - side).template getDefiningOp<RootT>();
      if (!root || (side == 1 && isa<DivOp>(op)) || x.getType() != op.getType() ||
          !isa<FloatType>(op.getType().getElementType()))
        continue;
      auto sum = root.getInput().template getDefiningOp<AddOp>();
      if (!sum)
        continue;
      for (unsigned term : {0u, 1u}) {
        auto reduce = sum->getOperand(term).template getDefiningOp<ReduceOp>();
        std::optional<double> epsilon = splatValue(sum->getOperand(1 - term));
        std::optional<int64_t> axis = trailingMean(reduce);
        auto square = axis ? reduce.getInput().template getDefiningOp<MulOp>() : MulOp();
        if (!epsilon || !square || square.getLhs() != x || square.getRhs() != x ||
            sum.getType() != reduce.getType())
          continue;
        Location loc = fuseLocations({reduce.getLoc(), op.getLoc()});
        rewriter.replaceOp(op,
                           RmsNormOp::create(rewriter, loc, x, Value(), *axis, APFloat(*epsilon)));
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "not x over the root of its mean square");
  }
};

/// rms_norm(x - mean(x)) is layer_norm(x).
class ToLayerNorm : public OpRewritePattern<RmsNormOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RmsNormOp op, PatternRewriter &rewriter) const override {
    auto difference = op.getInput().getDefiningOp<SubOp>();
    auto mean = difference ? difference.getRhs().getDefiningOp<ReduceOp>() : ReduceOp();
    if (!mean || op.getScale() || mean.getInput() != difference.getLhs() ||
        difference.getLhs().getType() != difference.getType() ||
        trailingMean(mean) != static_cast<int64_t>(op.getAxis()))
      return rewriter.notifyMatchFailure(op, "its input is not a value less its mean");
    Location loc = fuseLocations({mean.getLoc(), op.getLoc()});
    rewriter.replaceOp(op, LayerNormOp::create(rewriter, loc, mean.getInput(), Value(), Value(),
                                               op.getAxis(), op.getEpsilon()));
    return success();
  }
};

/// A maximum over a large window is a maximum over its columns of maxima over its rows: k + k
/// comparisons instead of k * k.
class SplitMaxPool : public OpRewritePattern<PoolOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PoolOp op, PatternRewriter &rewriter) const override {
    constexpr int64_t kLarge = 5;
    ArrayRef<int64_t> kernel = op.getKernel();
    if (op.getKind() != PoolKind::Max ||
        llvm::count_if(kernel, [](int64_t extent) { return extent >= kLarge; }) < 2)
      return rewriter.notifyMatchFailure(op, "the window is not large along two dims");
    size_t spatial = kernel.size(), split = 0;
    while (kernel[split] < kLarge)
      ++split;
    // One pool for dim `split`, one for the rest.
    Value value = op.getInput();
    for (bool first : {true, false}) {
      auto part = [&](ArrayRef<int64_t> list, int64_t neutral) {
        SmallVector<int64_t> result(list);
        for (size_t i = 0; i < result.size(); ++i)
          if ((i % spatial == split) != first)
            result[i] = neutral;
        return result;
      };
      auto pool = cast<PoolOp>(rewriter.clone(*op));
      pool.getInputMutable().assign(value);
      pool.setKernel(part(op.getKernel(), 1));
      pool.setStrides(part(op.getStrides(), 1));
      pool.setPads(part(op.getPads(), 0));
      pool.setDilations(part(op.getDilations(), 1));
      SmallVector<DimExpr> shape = extentsOf(op.getType()),
                           whole = extentsOf(op.getInput().getType());
      size_t offset = op.getChannelsLast() ? 1 : 2;
      if (first)
        for (size_t i = 0; i < spatial; ++i)
          if (i != split)
            shape[offset + i] = whole[offset + i];
      pool->getResult(0).setType(tensorType(shape, op.getType().getElementType()));
      value = pool;
    }
    rewriter.replaceOp(op, value);
    return success();
  }
};

} // namespace

void ingot::populateReductionPatterns(RewritePatternSet &patterns) {
  patterns.add<ToRmsNorm<MulOp, RsqrtOp>, ToRmsNorm<DivOp, SqrtOp>, ToLayerNorm, SplitMaxPool>(
      patterns.getContext());
}
