// ONNX normalisations.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Training mode: normalised by the batch's own mean and variance, which move the running ones.
static LogicalResult batchNormOfBatch(OnnxNode &n, double epsilon, double momentum) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), runningMean = n.in(3), runningVariance = n.in(4);
  if (!input || !runningMean || !runningVariance)
    return failure();
  Ints dims;
  for (int64_t dim = 0; dim < B::rank(input); ++dim)
    if (dim != 1)
      dims.push_back(dim);
  Value mean = b.reduce(ReduceKind::Mean, input, dims, false);
  Value spread = variance(b, input, dims, 0.0, false);
  auto moved = [&](Value running, Value now) {
    return b.add(b.scale(running, momentum),
                 b.scale(b.cast(now, B::element(running)), 1.0 - momentum));
  };
  Value y = b.create<BatchNormOp>(input, n.in(1), n.in(2), mean, spread, APFloat(epsilon));
  return n.set({y, moved(runningMean, mean), moved(runningVariance, spread)});
}

static LogicalResult batchNorm(OnnxNode &n) {
  double epsilon = n.floatAttr("epsilon", 1e-5f);
  double momentum = n.floatAttr("momentum", 0.9f);
  bool trains =
      n.version() < 7 ? !n.intAttr("is_test", 0) && n.wants(1) : n.intAttr("training_mode", 0);
  if (!n.intAttr("spatial", 1))
    return n.unsupported("spatial = 0", "expected 1");
  if (trains)
    return batchNormOfBatch(n, epsilon, momentum);
  return n.set(
      n.b.create<BatchNormOp>(n.in(0), n.in(1), n.in(2), n.in(3), n.in(4), APFloat(epsilon)));
}

static LogicalResult instanceNormOp(OnnxNode &n) {
  double epsilon = n.floatAttr("epsilon", 1e-5f);
  return n.set(instanceNorm(n.b, n.in(0), n.in(1), n.in(2), epsilon));
}

static LogicalResult groupNorm(OnnxNode &n) {
  Value input = n.in(0), scale = n.in(1), bias = n.in(2);
  double epsilon = n.floatAttr("epsilon", 1e-5f);
  int64_t groups = n.intAttr("num_groups", 0);
  n.ignoreAttr("stash_type");
  if (!input || !scale || !bias)
    return failure();
  if (B::rank(input) < 2 || groups < 1 || B::shape(input)[1] % groups)
    return n.error("has " + Twine(groups) + " groups for shape " + shapeName(B::shape(input)));
  int64_t each = B::shape(input)[1] / groups;
  auto perChannel = [&](Value value) {
    // Before opset 21 there is one scale and bias for each group.
    if (n.version() >= 21 || B::rank(value) != 1 || B::shape(value)[0] != groups)
      return value;
    return n.b.reshape(n.b.broadcast(n.b.unsqueeze(value, 1), {groups, each}), {groups * each});
  };
  return n.set(n.b.create<GroupNormOp>(input, perChannel(scale), perChannel(bias), groups,
                                       APFloat(epsilon)));
}

/// A scale or bias that ONNX lets broadcast, as wide as the dims that are normalised.
static Value overDims(GraphBuilder &b, Value value, ArrayRef<int64_t> dims) {
  return value ? b.broadcast(value, dims) : value;
}

Value onnximport::layerNorm(OnnxNode &n, Value input, Value scale, Value bias, int64_t axis,
                            double epsilon) {
  GraphBuilder &b = n.b;
  std::optional<int64_t> from = input ? b.axis(axis, B::rank(input)) : std::nullopt;
  if (!from)
    return {};
  ArrayRef<int64_t> dims = B::shape(input).drop_front(*from);
  if ((scale && !(scale = overDims(b, scale, dims))) || (bias && !(bias = overDims(b, bias, dims))))
    return {};
  return b.create<LayerNormOp>(input, scale, bias, *from, APFloat(epsilon));
}

Value onnximport::rmsNorm(OnnxNode &n, Value input, Value scale, int64_t axis, double epsilon) {
  GraphBuilder &b = n.b;
  std::optional<int64_t> from = input ? b.axis(axis, B::rank(input)) : std::nullopt;
  if (!from || (scale && !(scale = overDims(b, scale, B::shape(input).drop_front(*from)))))
    return {};
  return b.create<RmsNormOp>(input, scale, *from, APFloat(epsilon));
}

static LogicalResult layerNormOp(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  int64_t axis = n.intAttr("axis", -1);
  double epsilon = n.floatAttr("epsilon", 1e-5f);
  n.ignoreAttr("stash_type");
  if (failed(n.setOutput(0, layerNorm(n, input, n.in(1), n.opt(2), axis, epsilon))))
    return failure();
  if (!n.wants(1) && !n.wants(2))
    return success();
  Ints dims;
  for (int64_t dim = axis < 0 ? axis + B::rank(input) : axis; dim < B::rank(input); ++dim)
    dims.push_back(dim);
  Value mean = b.reduce(ReduceKind::Mean, input, dims, true);
  Value spread = variance(b, input, dims, 0.0, true);
  Value inverse = b.create<RsqrtOp>(b.add(spread, b.scalarLike(spread, epsilon)));
  return failed(n.setOutput(1, mean)) ? failure() : n.setOutput(2, inverse);
}

static LogicalResult rmsNormOp(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", -1);
  double epsilon = n.floatAttr("epsilon", 1e-5f);
  n.ignoreAttr("stash_type");
  if (n.wants(1))
    return n.unsupported("output 1");
  return n.set(rmsNorm(n, n.in(0), n.opt(1), axis, epsilon));
}

static LogicalResult lpNorm(OnnxNode &n) {
  int64_t p = n.intAttr("p", 2), axis = n.intAttr("axis", -1);
  // A norm of 0 gives 0: the elements are 0 then, and the smallest float divides them safely.
  return n.set(lpNormalize(n.b, n.in(0), p, axis, 1.1754943508222875e-38));
}

static LogicalResult meanVariance(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  Ints axes = n.intsAttr("axes").value_or(Ints{0, 2, 3});
  Value mean = b.reduce(ReduceKind::Mean, input, axes, true);
  Value spread = variance(b, input, axes, 0.0, true);
  if (!mean || !spread)
    return failure();
  Value deviation = b.add(b.create<SqrtOp>(spread), b.scalarLike(spread, 1e-9));
  return n.set(b.div(b.sub(input, mean), deviation));
}

/// Local response normalisation across channels: x / (bias + alpha/size * sum of squares
/// nearby)^beta.
static LogicalResult lrn(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  double alpha = n.floatAttr("alpha", 0.0001f), beta = n.floatAttr("beta", 0.75f),
         bias = n.floatAttr("bias", 1.0);
  int64_t size = n.intAttr("size", 0);
  if (!input)
    return failure();
  if (B::rank(input) < 2 || size < 1 || size > 4096)
    return n.error("has size " + Twine(size) + " for rank " + Twine(B::rank(input)));
  int64_t before = (size - 1) / 2, channels = B::shape(input)[1];
  Ints low(B::rank(input), 0), high(low);
  low[1] = before;
  high[1] = size - 1 - before;
  Value squares = b.pad(b.mul(input, input), low, high), sum;
  for (int64_t i = 0; i < size && squares; ++i) {
    Value part = b.slice(squares, 1, i, channels);
    sum = sum ? b.add(sum, part) : part;
  }
  Value base =
      sum ? b.add(b.scale(sum, alpha / static_cast<double>(size)), b.scalarLike(sum, bias)) : sum;
  return n.set(b.div(input, b.binary<PowOp>(base, b.scalarLike(input, beta))));
}

void onnximport::addNormalizationOps(OpTable &table) {
  table.add("BatchNormalization", batchNorm);
  table.add("InstanceNormalization", instanceNormOp);
  table.add("GroupNormalization", groupNorm);
  table.add("LayerNormalization", layerNormOp);
  table.add("RMSNormalization", rmsNormOp);
  table.add("SimplifiedLayerNormalization", rmsNormOp);
  table.add("LpNormalization", lpNorm);
  table.add("MeanVarianceNormalization", meanVariance);
  table.add("LRN", lrn);
}
