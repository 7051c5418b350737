// canonicalize-graph: patterns of ops that move elements.
#include "ir/graph/Shapes.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/normalize/CanonicalizeGraph.h"
#include "passes/normalize/Constants.h"

using namespace mlir;
using namespace ingot;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

class MergeTransposes : public OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "no transpose before it");
    SmallVector<int64_t> perm;
    for (int64_t dim : op.getPerm())
      perm.push_back(inner.getPerm()[dim]);
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getInput(), perm);
    return success();
  }
};

/// A transpose that leaves the order of all extents but 1 is a reshape.
class TransposeToReshape : public OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    int64_t last = -1;
    bool ordered = true;
    for (int64_t dim : op.getPerm()) {
      if (op.getInput().getType().getDimSize(dim) == 1)
        continue;
      ordered &= dim > last;
      last = dim;
    }
    if (!ordered)
      return rewriter.notifyMatchFailure(op, "it moves elements");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getInput());
    return success();
  }
};

class MergeSlices : public OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<SliceOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "no slice before it");
    auto first = sliceRange(inner.getStarts(), inner.getSizes(), inner.getDimsAttr());
    auto second = sliceRange(op.getStarts(), op.getSizes(), op.getDimsAttr());
    if (failed(first) || failed(second))
      return failure();
    SmallVector<DimExpr> starts;
    SmallVector<int64_t> steps;
    for (unsigned i = 0; i < op.getStarts().size(); ++i) {
      starts.push_back(first->first[i] + second->first[i] * DimExpr(inner.getSteps()[i]));
      steps.push_back(op.getSteps()[i] * inner.getSteps()[i]);
    }
    rewriter.replaceOp(
        op, createSlice(rewriter, op.getLoc(), inner.getInput(), starts, second->second, steps));
    return success();
  }
};

/// A slice that lies within one operand of a concatenation.
class SliceOfConcat : public OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto concat = op.getInput().getDefiningOp<ConcatOp>();
    if (!concat || numElements(op.getType()) == DimExpr(0))
      return rewriter.notifyMatchFailure(op, "no concatenation before it");
    int64_t axis = concat.getAxis();
    if (ShapedType::isDynamic(op.getStarts()[axis]) || ShapedType::isDynamic(op.getSizes()[axis]))
      return rewriter.notifyMatchFailure(op, "its place depends on dims");
    // Starts of the other dims stay.
    auto range = sliceRange(op.getStarts(), op.getSizes(), op.getDimsAttr());
    if (failed(range))
      return failure();
    int64_t first = op.getStarts()[axis];
    int64_t last = first + (op.getSizes()[axis] - 1) * op.getSteps()[axis];
    int64_t low = std::min(first, last), high = std::max(first, last), begin = 0;
    for (Value input : concat.getInputs()) {
      int64_t extent = typeOf(input).getDimSize(axis);
      if (ShapedType::isDynamic(extent))
        break;
      if (low >= begin && high < begin + extent) {
        range->first[axis] = DimExpr(op.getStarts()[axis] - begin);
        rewriter.replaceOp(op, createSlice(rewriter, op.getLoc(), input, range->first,
                                           range->second, op.getSteps()));
        return success();
      }
      begin += extent;
    }
    return rewriter.notifyMatchFailure(op, "it spans several operands");
  }
};

/// Operands without elements go, and a concatenation of concatenations along one dim is one.
class FlattenConcat : public OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> inputs;
    for (Value input : op.getInputs()) {
      auto inner = input.getDefiningOp<ConcatOp>();
      if (typeOf(input).getDimSize(op.getAxis()) == 0 && op.getInputs().size() > 1)
        continue;
      if (inner && inner.getAxis() == op.getAxis() && inner->hasOneUse())
        llvm::append_range(inputs, inner.getInputs());
      else
        inputs.push_back(input);
    }
    if (inputs.empty())
      inputs.push_back(op.getInputs().front());
    if (inputs.size() == op.getInputs().size() && llvm::equal(inputs, op.getInputs()))
      return rewriter.notifyMatchFailure(op, "flat already");
    rewriter.replaceOpWithNewOp<ConcatOp>(op, inputs, op.getAxis());
    return success();
  }
};

/// A pad of nothing, and a constant pad of a constant pad with the same value.
class MergePads : public OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    auto isZero = [](int64_t amount) { return amount == 0; };
    if (llvm::all_of(op.getLow(), isZero) && llvm::all_of(op.getHigh(), isZero)) {
      rewriter.replaceOp(op, op.getInput());
      return success();
    }
    auto inner = op.getInput().getDefiningOp<PadOp>();
    auto isNegative = [](int64_t amount) { return amount < 0; };
    if (!inner || op.getMode() != PadMode::Constant || inner.getMode() != PadMode::Constant ||
        !op.getValue().bitwiseIsEqual(inner.getValue()) || llvm::any_of(op.getLow(), isNegative) ||
        llvm::any_of(op.getHigh(), isNegative) || llvm::any_of(inner.getLow(), isNegative) ||
        llvm::any_of(inner.getHigh(), isNegative))
      return rewriter.notifyMatchFailure(op, "no equal pad before it");
    SmallVector<int64_t> low(op.getLow()), high(op.getHigh());
    for (unsigned i = 0; i < low.size(); ++i) {
      low[i] += inner.getLow()[i];
      high[i] += inner.getHigh()[i];
    }
    rewriter.replaceOpWithNewOp<PadOp>(op, inner.getInput(), low, high, PadMode::Constant,
                                       op.getValue());
    return success();
  }
};

/// A gather by one constant index is a slice.
class GatherToSlice : public OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    std::optional<double> index = splatValue(op.getIndices());
    RankedTensorType data = op.getData().getType();
    int64_t axis = op.getAxis();
    SmallVector<DimExpr> starts(data.getRank(), 0), sizes = extentsOf(data);
    // Inside whatever the extent is.
    auto extent =
        static_cast<double>(rangeOf(sizes[axis], dimBounds(op->getParentOfType<ModuleOp>())).low);
    if (!index || typeOf(op.getIndices()).getNumElements() != 1 || *index < -extent ||
        *index >= extent)
      return rewriter.notifyMatchFailure(op, "not one constant index");
    starts[axis] = DimExpr(static_cast<int64_t>(*index)) + (*index < 0 ? sizes[axis] : 0);
    sizes[axis] = 1;
    Value slice = createSlice(rewriter, op.getLoc(), op.getData(), starts, sizes,
                              SmallVector<int64_t>(data.getRank(), 1));
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), slice);
    return success();
  }
};

/// A reduction of extents of 1 is a reshape.
class ReduceUnitDims : public OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getInput().getType();
    if (llvm::any_of(op.getDims(), [&](int64_t dim) { return type.getDimSize(dim) != 1; }) ||
        type.getElementType() != op.getType().getElementType())
      return rewriter.notifyMatchFailure(op, "it reduces something");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getInput());
    return success();
  }
};

/// A pool of the whole space is a reduction.
class GlobalPoolToReduce : public OpRewritePattern<PoolOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PoolOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getInput().getType();
    int64_t spatial = type.getRank() - 2, first = op.getChannelsLast() ? 1 : 2;
    SmallVector<int64_t> dims;
    for (int64_t i = 0; i < spatial; ++i) {
      dims.push_back(first + i);
      if (op.getKernel()[i] != type.getDimSize(first + i))
        return rewriter.notifyMatchFailure(op, "windows are smaller than the space");
    }
    if (llvm::any_of(op.getPads(), [](int64_t pad) { return pad != 0; }) ||
        llvm::any_of(op.getDilations(), [](int64_t dilation) { return dilation != 1; }) ||
        llvm::any_of(op.getCountedPads().value_or(ArrayRef<int64_t>()),
                     [](int64_t pad) { return pad != 0; }))
      return rewriter.notifyMatchFailure(op, "padded or dilated");
    ReduceKind kind = op.getKind() == PoolKind::Max ? ReduceKind::Max : ReduceKind::Mean;
    auto reduce = ReduceOp::create(rewriter, op.getLoc(), kind, op.getInput(), dims,
                                   /*keepdims=*/true);
    if (reduce.getType() != op.getType())
      return failure();
    rewriter.replaceOp(op, reduce);
    return success();
  }
};

/// A resize that changes no extent, by nearest or without a shift, copies.
class DropResize : public OpRewritePattern<ResizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ResizeOp op, PatternRewriter &rewriter) const override {
    if (op.getType() != op.getInput().getType() ||
        llvm::any_of(op.getScales(), [](double scale) { return scale != 1; }))
      return rewriter.notifyMatchFailure(op, "it resamples");
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

/// broadcast(broadcast(x)) is one.
class MergeBroadcasts : public OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<BroadcastOp>();
    if (inner) {
      rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getInput());
      return success();
    }
    DimExpr before = numElements(op.getInput().getType());
    if (before != numElements(op.getType()) || before == DimExpr(0))
      return rewriter.notifyMatchFailure(op, "it stretches something");
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getInput());
    return success();
  }
};

} // namespace

void ingot::populateMovementPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<MergeTransposes, TransposeToReshape, MergeSlices, SliceOfConcat, FlattenConcat,
               MergePads, GatherToSlice, ReduceUnitDims, GlobalPoolToReduce, DropResize,
               MergeBroadcasts>(context);
}
