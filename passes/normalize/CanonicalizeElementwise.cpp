// canonicalize-graph: patterns of elementwise ops.
#include "passes/normalize/CanonicalizeGraph.h"
#include "passes/normalize/Constants.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace ingot;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// x + 0, x - 0, x * 1, x / 1, x ^ 1: the other operand, when that has the result's type. Float
/// additions only of -0.0, and subtractions of 0.0: the other zero changes the sign of zero.
template <typename OpT> class DropNeutral : public OpRewritePattern<OpT> {
public:
  DropNeutral(MLIRContext *context, double neutral)
      : OpRewritePattern<OpT>(context), neutral(neutral) {}

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    for (unsigned side : {1u, 0u}) {
      if (side == 0 && !op->template hasTrait<OpTrait::IsCommutative>())
        continue;
      std::optional<double> value = splatValue(op->getOperand(side));
      Value other = op->getOperand(1 - side);
      bool isFloat = isa<FloatType>(op.getType().getElementType());
      if (value && *value == neutral && other.getType() == op.getType() &&
          (!isFloat || std::signbit(*value) == std::signbit(neutral)) &&
          !op.getType().getElementType().isInteger(1)) {
        rewriter.replaceOp(op, other);
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no neutral constant");
  }

private:
  double neutral;
};

/// An operand that is broadcast, or a constant of equal elements: the op stretches it itself.
class DropBroadcast : public OpInterfaceRewritePattern<ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  /// What `value` stretches, or null.
  static Value unstretched(Value value, PatternRewriter &rewriter) {
    if (auto broadcast = value.getDefiningOp<BroadcastOp>())
      return broadcast.getInput();
    ConstantOp constant = constantOf(value);
    auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
    if (!dense || typeOf(value).getRank() == 0 || !(dense.isSplat() || dense.getNumElements() == 1))
      return {};
    auto type = RankedTensorType::get({}, typeOf(value).getElementType());
    auto scalar =
        DenseElementsAttr::get(type, dense.isSplat() ? dense.getSplatValue<Attribute>()
                                                     : *dense.getValues<Attribute>().begin());
    return ConstantOp::create(rewriter, value.getLoc(), type, scalar);
  }

  LogicalResult matchAndRewrite(ElementwiseOpInterface interface,
                                PatternRewriter &rewriter) const override {
    Operation *op = interface;
    if (op->getNumOperands() < 2)
      return rewriter.notifyMatchFailure(op, "its only operand gives the shape");
    SmallVector<DimExpr> shape = extentsOf(typeOf(op->getResult(0)));
    for (OpOperand &operand : op->getOpOperands()) {
      // The shape without this operand, then with what it stretches.
      SmallVector<DimExpr> rest;
      bool fits = true;
      for (OpOperand &other : op->getOpOperands()) {
        if (&other == &operand)
          continue;
        FailureOr<SmallVector<DimExpr>> next =
            broadcastExtents(rest, extentsOf(typeOf(other.get())));
        fits &= succeeded(next);
        if (fits)
          rest = *next;
      }
      bool isScalar = typeOf(operand.get()).getRank() == 0;
      if (!fits || isScalar)
        continue;
      auto broadcast = operand.get().getDefiningOp<BroadcastOp>();
      SmallVector<DimExpr> inner;
      if (broadcast)
        inner = extentsOf(typeOf(broadcast.getInput()));
      FailureOr<SmallVector<DimExpr>> result = broadcastExtents(rest, inner);
      if (failed(result) || *result != shape)
        continue;
      if (Value small = unstretched(operand.get(), rewriter)) {
        rewriter.modifyOpInPlace(op, [&] { operand.set(small); });
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no operand to shrink");
  }
};

/// unary(broadcast(x)) is broadcast(unary(x)).
class HoistUnary : public OpInterfaceRewritePattern<ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(ElementwiseOpInterface interface,
                                PatternRewriter &rewriter) const override {
    Operation *op = interface;
    auto broadcast =
        op->getNumOperands() == 1 ? op->getOperand(0).getDefiningOp<BroadcastOp>() : BroadcastOp();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "not a unary op on a broadcast");
    RankedTensorType type = typeOf(op->getResult(0));
    Operation *small = rewriter.clone(*op);
    small->setOperand(0, broadcast.getInput());
    small->getResult(0).setType(
        withElementType(typeOf(broadcast.getInput()), type.getElementType()));
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, type, small->getResult(0));
    return success();
  }
};

/// Whether every value of `from` is one of `to`.
bool isSuperset(Type to, Type from) {
  auto intTo = dyn_cast<IntegerType>(to), intFrom = dyn_cast<IntegerType>(from);
  if (intTo && intFrom) {
    bool fromUnsigned = intFrom.isUnsigned() || intFrom.getWidth() == 1;
    if (intTo.isUnsigned())
      return fromUnsigned && intTo.getWidth() >= intFrom.getWidth();
    return fromUnsigned ? intTo.getWidth() > intFrom.getWidth()
                        : intTo.getWidth() >= intFrom.getWidth();
  }
  if (auto floatTo = dyn_cast<FloatType>(to)) {
    if (intFrom)
      return intFrom.getWidth() < floatTo.getFPMantissaWidth();
    auto floatFrom = cast<FloatType>(from);
    const llvm::fltSemantics &wide = floatTo.getFloatSemantics(),
                             &narrow = floatFrom.getFloatSemantics();
    return floatTo == floatFrom ||
           ((to.isF32() || to.isF64()) &&
            APFloat::semanticsPrecision(wide) > APFloat::semanticsPrecision(narrow));
  }
  return false;
}

/// cast(cast(x)) without the step between, when that loses nothing.
class MergeCasts : public OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<CastOp>();
    if (!inner ||
        !isSuperset(inner.getType().getElementType(), inner.getInput().getType().getElementType()))
      return rewriter.notifyMatchFailure(op, "no cast before it, or one that rounds");
    rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), inner.getInput());
    return success();
  }
};

/// max(x, c) and min(x, c) are clamps.
template <typename OpT, bool kIsMax> class ToClamp : public OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    for (unsigned side : {1u, 0u}) {
      std::optional<double> bound = splatValue(op->getOperand(side));
      Value input = op->getOperand(1 - side);
      // A NaN bound makes everything NaN, which a clamp does not say; and a 64-bit integer may not
      // be a double.
      if (!bound || std::isnan(*bound) || input.getType() != op.getType() ||
          std::abs(*bound) > 9007199254740992.0)
        continue;
      double infinity = std::numeric_limits<double>::infinity();
      rewriter.replaceOpWithNewOp<ClampOp>(op, input, APFloat(kIsMax ? *bound : -infinity),
                                           APFloat(kIsMax ? infinity : *bound));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no constant bound");
  }
};

/// clamp(clamp(x)) and clamp(relu(x)) are one clamp; the outer bounds win.
class MergeClamps : public OpRewritePattern<ClampOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ClampOp op, PatternRewriter &rewriter) const override {
    double low, high;
    Value input;
    if (auto inner = op.getInput().getDefiningOp<ClampOp>()) {
      low = inner.getMin().convertToDouble();
      high = inner.getMax().convertToDouble();
      input = inner.getInput();
    } else if (auto relu = op.getInput().getDefiningOp<ReluOp>()) {
      low = 0;
      high = std::numeric_limits<double>::infinity();
      input = relu.getInput();
    } else {
      return rewriter.notifyMatchFailure(op, "no clamp before it");
    }
    // min(max(y, a), b) with y in [low, high]: each inner bound passes through the outer clamp.
    double min = op.getMin().convertToDouble(), max = op.getMax().convertToDouble();
    auto clamp = [&](double x) { return std::min(std::max(x, min), max); };
    Location loc = fuseLocations({op.getInput().getLoc(), op.getLoc()});
    auto merged = ClampOp::create(rewriter, loc, input, APFloat(clamp(low)), APFloat(clamp(high)));
    rewriter.replaceOp(op, merged);
    return success();
  }
};

/// clamp to [0, inf) is relu.
class ClampToRelu : public OpRewritePattern<ClampOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ClampOp op, PatternRewriter &rewriter) const override {
    const APFloat min = op.getMin(), max = op.getMax();
    if (!min.isZero() || min.isNegative() || !max.isInfinity() || max.isNegative())
      return rewriter.notifyMatchFailure(op, "other bounds");
    rewriter.replaceOpWithNewOp<ReluOp>(op, op.getInput());
    return success();
  }
};

/// x * sigmoid(x) is silu(x).
class ToSilu : public OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0u, 1u}) {
      auto sigmoid = op->getOperand(side).getDefiningOp<SigmoidOp>();
      if (!sigmoid || sigmoid.getInput() != op->getOperand(1 - side))
        continue;
      Location loc = fuseLocations({sigmoid.getLoc(), op.getLoc()});
      rewriter.replaceOp(op, SiluOp::create(rewriter, loc, sigmoid.getInput()));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "not x * sigmoid(x)");
  }
};

/// x ^ 2 is x * x.
class SquareToMul : public OpRewritePattern<PowOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PowOp op, PatternRewriter &rewriter) const override {
    std::optional<double> exponent = splatValue(op.getRhs());
    if (!exponent || *exponent != 2 || op.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "the exponent is not 2");
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), op.getLhs());
    return success();
  }
};

/// x / c is x * (1 / c) where 1 / c is exact: powers of two.
class DivToMul : public OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    std::optional<double> divisor = splatValue(op.getRhs());
    int exponent = 0;
    if (!divisor || !op.getType().getElementType().isF32() ||
        std::abs(std::frexp(*divisor, &exponent)) != 0.5 || std::abs(exponent) > 100)
      return rewriter.notifyMatchFailure(op, "not a power of two");
    auto type =
        RankedTensorType::get(typeOf(op.getRhs()).getShape(), op.getType().getElementType());
    Value factor = elementsConstant(rewriter, op.getRhs().getLoc(), type,
                                    std::vector<double>(type.getNumElements(), 1 / *divisor));
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), factor);
    return success();
  }
};

/// 1 / sqrt(x) is rsqrt(x).
template <typename OpT> class ToRsqrt : public OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    auto sqrt = op->getOperands().back().template getDefiningOp<SqrtOp>();
    if (!sqrt || sqrt.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "not a square root");
    if (op->getNumOperands() == 2 && splatValue(op->getOperand(0)) != 1.0)
      return rewriter.notifyMatchFailure(op, "not a reciprocal");
    Location loc = fuseLocations({sqrt.getLoc(), op.getLoc()});
    rewriter.replaceOp(op, RsqrtOp::create(rewriter, loc, sqrt.getInput()));
    return success();
  }
};

/// select with the same condition everywhere.
class SelectConstant : public OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    std::optional<double> condition = splatValue(op.getCondition());
    if (!condition)
      return rewriter.notifyMatchFailure(op, "the condition is not a constant");
    Value chosen = *condition != 0 ? op.getOnTrue() : op.getOnFalse();
    if (chosen.getType() != op.getType())
      rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), chosen);
    else
      rewriter.replaceOp(op, chosen);
    return success();
  }
};

} // namespace

void ingot::populateElementwisePatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<DropBroadcast, HoistUnary, MergeCasts, ToClamp<MaxOp, true>, ToClamp<MinOp, false>,
               MergeClamps, ClampToRelu, ToSilu, SquareToMul, DivToMul, ToRsqrt<ReciprocalOp>,
               ToRsqrt<DivOp>, SelectConstant>(context);
  patterns.add<DropNeutral<AddOp>>(context, -0.0);
  patterns.add<DropNeutral<SubOp>>(context, 0.0);
  patterns.add<DropNeutral<MulOp>>(context, 1.0);
  patterns.add<DropNeutral<DivOp>>(context, 1.0);
  patterns.add<DropNeutral<PowOp>>(context, 1.0);
}
