// canonicalize-graph: patterns of convolutions and matmuls.
#include "passes/normalize/CanonicalizeGraph.h"
#include "passes/normalize/Constants.h"

using namespace mlir;
using namespace ingot;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// A contraction whose bias and weight can be changed.
struct Contraction {
  Operation *op = nullptr;
  int64_t channelDim = 0; ///< of the result
  int64_t weightAxis = 0; ///< the weight's dim of output channels, -1: spread over two
  Value weight, bias;
};

Contraction contractionOf(Value value) {
  Operation *op = value.getDefiningOp();
  Contraction result;
  if (!op || !op->hasOneUse())
    return result;
  int64_t rank = typeOf(value).getRank();
  if (auto conv = dyn_cast<ConvOp>(op))
    result = {op, conv.getChannelsLast() ? rank - 1 : 1, 0, conv.getFilter(), conv.getBias()};
  else if (auto conv = dyn_cast<ConvTransposeOp>(op))
    result = {op, conv.getChannelsLast() ? rank - 1 : 1, conv.getGroups() == 1 ? 1 : -1,
              conv.getFilter(), conv.getBias()};
  else if (auto matmul = dyn_cast<MatmulOp>(op))
    result = {op, rank - 1, typeOf(matmul.getRhs()).getRank() - (matmul.getTransposeB() ? 2 : 1),
              matmul.getRhs(), matmul.getBias()};
  if (result.op && !isa<FloatType>(typeOf(value).getElementType()))
    result.op = nullptr;
  return result;
}

/// The elements of `constant`, one per extent of `dim` of `type`, when it changes along no other
/// dim.
std::optional<std::vector<double>> perChannel(Value constant, RankedTensorType type, int64_t dim) {
  if (!constantOf(constant) || type.isDynamicDim(dim))
    return std::nullopt;
  RankedTensorType own = typeOf(constant);
  int64_t offset = type.getRank() - own.getRank(), extent = type.getDimSize(dim);
  if (offset < 0)
    return std::nullopt;
  for (int64_t i = 0; i < own.getRank(); ++i)
    if (own.getDimSize(i) != 1 && i + offset != dim)
      return std::nullopt;
  std::optional<std::vector<double>> elements = constantElements(constant);
  if (elements && elements->size() == 1)
    elements->resize(extent, elements->front());
  if (elements && elements->size() != static_cast<size_t>(extent))
    return std::nullopt;
  return elements;
}

/// Adds a per-channel constant after a contraction to its bias.
class AddToBias : public OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AddOp op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0u, 1u}) {
      Value value = op->getOperand(side);
      Contraction contraction = contractionOf(value);
      if (!contraction.op || value.getType() != op.getType())
        continue;
      std::optional<std::vector<double>> added =
          perChannel(op->getOperand(1 - side), op.getType(), contraction.channelDim);
      if (!added)
        continue;
      if (contraction.bias) {
        std::optional<std::vector<double>> old = constantElements(contraction.bias);
        if (!old || old->size() != added->size())
          continue;
        for (auto [sum, term] : llvm::zip(*added, *old))
          sum += term;
      }
      rewriter.setInsertionPoint(contraction.op);
      auto type = RankedTensorType::get({static_cast<int64_t>(added->size())},
                                        op.getType().getElementType());
      Value bias = elementsConstant(rewriter, op->getOperand(1 - side).getLoc(), type, *added);
      Operation *next = rewriter.clone(*contraction.op);
      next->setLoc(fuseLocations({contraction.op->getLoc(), op.getLoc()}));
      next->setOperands(ValueRange{next->getOperand(0), next->getOperand(1), bias});
      rewriter.replaceOp(op, next->getResults());
      rewriter.eraseOp(contraction.op);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no constant per channel after a contraction");
  }
};

/// Multiplies a per-channel constant after a contraction into its constant weight and bias.
class MulIntoWeight : public OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0u, 1u}) {
      Value value = op->getOperand(side);
      Contraction contraction = contractionOf(value);
      if (!contraction.op || value.getType() != op.getType() || contraction.weightAxis < 0 ||
          !constantOf(contraction.weight))
        continue;
      std::optional<std::vector<double>> factor =
          perChannel(op->getOperand(1 - side), op.getType(), contraction.channelDim);
      std::optional<std::vector<double>> bias;
      if (contraction.bias)
        bias = constantElements(contraction.bias);
      if (!factor || (contraction.bias && (!bias || bias->size() != factor->size())))
        continue;
      rewriter.setInsertionPoint(contraction.op);
      ConstantOp weight = constantOf(contraction.weight);
      auto vector =
          RankedTensorType::get({static_cast<int64_t>(factor->size())}, rewriter.getF64Type());
      Attribute operand = elementsAttr(sourceName(weight.getLoc()), vector, *factor);
      Value scaled =
          withStep(rewriter, weight.getLoc(), weight,
                   StepAttr::get(getContext(), StepKind::Scale, {contraction.weightAxis}, operand),
                   weight.getType());
      if (!scaled)
        return failure();
      SmallVector<Value> operands = {contraction.op->getOperand(0), scaled};
      if (bias) {
        for (auto [term, by] : llvm::zip(*bias, *factor))
          term *= by;
        operands.push_back(
            elementsConstant(rewriter, contraction.bias.getLoc(), typeOf(contraction.bias), *bias));
      }
      Operation *next = rewriter.clone(*contraction.op);
      next->setLoc(fuseLocations({contraction.op->getLoc(), op.getLoc()}));
      next->setOperands(operands);
      rewriter.replaceOp(op, next->getResults());
      rewriter.eraseOp(contraction.op);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no constant per channel after a constant weight");
  }
};

/// matmul(x, transpose(w)) of the last two dims is matmul(x, w) with `transpose_b` the other way.
class TransposeIntoMatmul : public OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getRhs().getDefiningOp<TransposeOp>();
    if (!transpose)
      return rewriter.notifyMatchFailure(op, "no transposed operand");
    int64_t rank = op.getRhs().getType().getRank();
    for (auto [index, dim] : llvm::enumerate(transpose.getPerm())) {
      int64_t i = index;
      int64_t expected = i == rank - 1 ? rank - 2 : i == rank - 2 ? rank - 1 : i;
      if (dim != expected)
        return rewriter.notifyMatchFailure(op, "the transpose moves other dims");
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.getRhsMutable().assign(transpose.getInput());
      op.setTransposeB(!op.getTransposeB());
    });
    return success();
  }
};

/// Leading dims that a matmul broadcasts itself.
class BroadcastIntoMatmul : public OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0u, 1u}) {
      auto broadcast = op->getOperand(side).getDefiningOp<BroadcastOp>();
      if (!broadcast)
        continue;
      SmallVector<DimExpr> inner = extentsOf(broadcast.getInput().getType()),
                           outer = extentsOf(broadcast.getType()), result = extentsOf(op.getType()),
                           other = extentsOf(typeOf(op->getOperand(1 - side)));
      if (inner.size() < 2 || ArrayRef(inner).take_back(2) != ArrayRef(outer).take_back(2))
        continue;
      FailureOr<SmallVector<DimExpr>> batch =
          broadcastExtents(ArrayRef(inner).drop_back(2), ArrayRef(other).drop_back(2));
      if (failed(batch) || ArrayRef(*batch) != ArrayRef(result).drop_back(2))
        continue;
      rewriter.modifyOpInPlace(op, [&] { op->setOperand(side, broadcast.getInput()); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no broadcast leading dims");
  }
};

/// Keys and values that are repeated for the heads of a query: an attention reads one of them for
/// several heads.
class RepeatIntoAttention : public OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  /// What `value` [b, n * r, l, d] repeats r times each: a broadcast [b, n, 1, l, d] to r,
  /// reshaped.
  static BroadcastOp repeatOf(Value value) {
    auto reshape = value.getDefiningOp<ReshapeOp>();
    auto broadcast = reshape ? reshape.getInput().getDefiningOp<BroadcastOp>() : nullptr;
    if (!broadcast || broadcast.getType().getRank() != 5 ||
        broadcast.getInput().getType().getRank() != 5)
      return {};
    SmallVector<DimExpr> from = extentsOf(broadcast.getInput().getType()),
                         to = extentsOf(broadcast.getType()), shape = extentsOf(reshape.getType());
    auto ends = [](const SmallVector<DimExpr> &list) { return ArrayRef(list).take_back(2); };
    bool outside =
        ArrayRef(from).take_front(2) == ArrayRef(to).take_front(2) && ends(from) == ends(to);
    return outside && from[2] == DimExpr(1) && ends(shape) == ends(to) && shape[0] == to[0]
               ? broadcast
               : BroadcastOp();
  }

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    BroadcastOp key = repeatOf(op.getKey()), value = repeatOf(op.getValue());
    if (!key || !value || extentsOf(key.getType())[2] != extentsOf(value.getType())[2])
      return rewriter.notifyMatchFailure(op, "keys and values are not repeated alike");
    auto once = [&](BroadcastOp broadcast) -> Value {
      RankedTensorType type = broadcast.getInput().getType();
      SmallVector<DimExpr> shape = extentsOf(type);
      shape.erase(shape.begin() + 2);
      return ReshapeOp::create(rewriter, broadcast.getLoc(),
                               tensorType(shape, type.getElementType()), broadcast.getInput());
    };
    Value oneKey = once(key), oneValue = once(value);
    rewriter.modifyOpInPlace(op, [&] {
      op.getKeyMutable().assign(oneKey);
      op.getValueMutable().assign(oneValue);
    });
    return success();
  }
};

} // namespace

void ingot::populateContractionPatterns(RewritePatternSet &patterns) {
  patterns
      .add<AddToBias, MulIntoWeight, TransposeIntoMatmul, BroadcastIntoMatmul, RepeatIntoAttention>(
          patterns.getContext());
}
