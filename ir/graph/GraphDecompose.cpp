// Decompositions of composites into simpler graph ops (DecomposableOpInterface).
#include "ir/graph/Graph.h"
#include "mlir/IR/Builders.h"
#include <limits>

using namespace mlir;
using namespace ingot;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static Value reshape(OpBuilder &b, Location loc, Value value, ArrayRef<DimExpr> shape) {
  return ReshapeOp::create(b, loc, tensorType(shape, typeOf(value).getElementType()), value);
}

/// A per-channel vector shaped to broadcast along `dim` of a tensor of `rank`.
static Value alongDim(OpBuilder &b, Location loc, Value vector, int64_t dim, int64_t rank) {
  SmallVector<DimExpr> shape(rank, 1);
  shape[dim] = extentsOf(typeOf(vector))[0];
  return reshape(b, loc, vector, shape);
}

/// softmax(scale * q k^T + mask) v. Grouped heads fold into rows of the query, so that key and
/// value are not repeated.
FailureOr<SmallVector<Value>> AttentionOp::decompose(RewriterBase &b) {
  Location loc = getLoc();
  SmallVector<DimExpr> q = extentsOf(typeOf(getQuery())), k = extentsOf(typeOf(getKey())),
                       v = extentsOf(typeOf(getValue()));
  DimExpr batch = q[0], heads = q[1], lq = q[2], depth = q[3], kvHeads = k[1], lk = k[2];
  int64_t group = *heads.constant() / *kvHeads.constant();
  Type element = typeOf(getQuery()).getElementType();
  if (!isa<FloatType>(element))
    return failure();

  Value query = getQuery();
  if (group > 1)
    query = reshape(b, loc, query, {batch, kvHeads, DimExpr(group) * lq, depth});
  Value scores = MatmulOp::create(b, loc, query, getKey(), Value(), /*transpose_b=*/true);
  if (group > 1)
    scores = reshape(b, loc, scores, {batch, heads, lq, lk});
  double scale = getScale().convertToDouble();
  if (scale != 1)
    scores = MulOp::create(b, loc, scores, scalarConstant(b, loc, element, scale));

  Value lowest = scalarConstant(b, loc, element, -std::numeric_limits<double>::infinity());
  Value keep; // i1: positions that count
  if (getCausal()) {
    RankedTensorType rows = tensorType({lq, 1}, b.getI32Type());
    RankedTensorType columns = tensorType({1, lk}, b.getI32Type());
    Value row = IotaOp::create(b, loc, rows, 0, APFloat(0.0), APFloat(1.0));
    Value column = IotaOp::create(b, loc, columns, 1, APFloat(0.0), APFloat(1.0));
    keep = CmpOp::create(b, loc, CmpKind::Le, column, row);
  }
  if (getMask()) {
    if (typeOf(getMask()).getElementType().isInteger(1))
      keep = keep ? Value(AndOp::create(b, loc, keep, getMask())) : getMask();
    else
      scores = AddOp::create(b, loc, scores, getMask());
  }
  if (keep)
    scores = SelectOp::create(b, loc, keep, scores, lowest);
  Value weights = SoftmaxOp::create(b, loc, scores, /*axis=*/3, /*log=*/false);
  if (getMask()) {
    // A row without any position left: exp(-inf - -inf) is NaN everywhere, and the row's result is
    // zero.
    Value top = ReduceOp::create(b, loc, ReduceKind::Max, scores, ArrayRef<int64_t>{3},
                                 /*keepdims=*/true);
    Value empty = CmpOp::create(b, loc, CmpKind::Eq, top, lowest);
    weights = SelectOp::create(b, loc, empty, scalarConstant(b, loc, element, 0), weights);
  }
  if (group > 1)
    weights = reshape(b, loc, weights, {batch, kvHeads, DimExpr(group) * lq, lk});
  Value result = MatmulOp::create(b, loc, weights, getValue(), Value(), /*transpose_b=*/false);
  if (group > 1)
    result = reshape(b, loc, result, {batch, heads, lq, v[3]});
  return SmallVector<Value>{result};
}

/// A layer norm of each group's elements, then scale and bias per channel.
FailureOr<SmallVector<Value>> GroupNormOp::decompose(RewriterBase &b) {
  Location loc = getLoc();
  RankedTensorType type = typeOf(getInput());
  int64_t rank = type.getRank();
  Value input = getInput();
  SmallVector<int64_t> toFirst, toLast;
  if (getChannelsLast()) {
    toFirst = {0, rank - 1};
    toLast = {0};
    for (int64_t i = 1; i < rank - 1; ++i) {
      toFirst.push_back(i);
      toLast.push_back(i + 1);
    }
    toLast.push_back(1);
    input = TransposeOp::create(b, loc, input, toFirst);
  }
  SmallVector<DimExpr> first = extentsOf(typeOf(input));
  int64_t groups = getGroups();
  DimExpr perGroup = DimExpr(*first[1].constant() / groups);
  for (const DimExpr &extent : ArrayRef(first).drop_front(2))
    perGroup *= extent;
  Value rows = reshape(b, loc, input, {first[0], groups, perGroup});
  rows = LayerNormOp::create(b, loc, rows, Value(), Value(), /*axis=*/2, getEpsilon());
  Value result = reshape(b, loc, rows, first);
  if (getScale())
    result = MulOp::create(b, loc, result, alongDim(b, loc, getScale(), 1, rank));
  if (getBias())
    result = AddOp::create(b, loc, result, alongDim(b, loc, getBias(), 1, rank));
  if (getChannelsLast())
    result = TransposeOp::create(b, loc, result, toLast);
  return SmallVector<Value>{result};
}

/// x * factor + offset with factor = scale / sqrt(variance + epsilon) and offset = bias - mean *
/// factor, both of which fold when the statistics are constants.
FailureOr<SmallVector<Value>> BatchNormOp::decompose(RewriterBase &b) {
  Location loc = getLoc();
  int64_t rank = typeOf(getInput()).getRank();
  Value epsilon = scalarConstant(b, loc, typeOf(getVariance()).getElementType(),
                                 getEpsilon().convertToDouble());
  Value deviation = SqrtOp::create(b, loc, AddOp::create(b, loc, getVariance(), epsilon));
  Value factor = DivOp::create(b, loc, getScale(), deviation);
  Value offset = SubOp::create(b, loc, getBias(), MulOp::create(b, loc, getMean(), factor));
  Value scaled = MulOp::create(b, loc, getInput(), alongDim(b, loc, factor, 1, rank));
  return SmallVector<Value>{AddOp::create(b, loc, scaled, alongDim(b, loc, offset, 1, rank))};
}
