// ONNX operators that reduce, sort, or scan along dims.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// The dims to reduce. `asInput`: the axes are the second input, else an attribute. None given:
/// all, or with `noop_with_empty_axes` none.
static std::optional<Ints> reducedDims(OnnxNode &n, Value input, bool asInput) {
  bool nothing = n.intAttr("noop_with_empty_axes", 0);
  std::optional<Ints> list = asInput ? Ints() : n.intsAttr("axes").value_or(Ints());
  if (asInput && n.opt(1)) {
    list = n.constantInts(1, "axes");
    if (!list)
      return std::nullopt;
  }
  if (list->empty() && !nothing)
    for (int64_t dim = 0; dim < B::rank(input); ++dim)
      list->push_back(dim);
  return n.b.axes(*list, B::rank(input));
}

template <ReduceKind kind, bool asInput> static LogicalResult reduce(OnnxNode &n) {
  Value input = n.in(0);
  if (!input)
    return failure();
  bool keepdims = n.intAttr("keepdims", 1);
  std::optional<Ints> dims = reducedDims(n, input, asInput);
  if (!dims)
    return failure();
  ReduceKind actual = kind;
  if (B::isBool(input))
    actual = kind == ReduceKind::Max   ? ReduceKind::Any
             : kind == ReduceKind::Min ? ReduceKind::All
                                       : kind;
  return n.set(n.b.reduce(actual, input, *dims, keepdims));
}

template <NormKind kind, bool asInput> static LogicalResult reduceNormOp(OnnxNode &n) {
  Value input = n.in(0);
  if (!input)
    return failure();
  bool keepdims = n.intAttr("keepdims", 1);
  std::optional<Ints> dims = reducedDims(n, input, asInput);
  if (!dims)
    return failure();
  return n.set(reduceNorm(n.b, kind, input, *dims, keepdims));
}

template <ReduceKind kind> static LogicalResult argReduce(OnnxNode &n) {
  Value input = n.in(0);
  bool keepdims = n.intAttr("keepdims", 1), last = n.intAttr("select_last_index", 0);
  std::optional<int64_t> axis =
      input ? n.b.axis(n.intAttr("axis", 0), B::rank(input)) : std::nullopt;
  if (!axis)
    return failure();
  return n.set(n.b.create<ArgReduceOp>(kind, input, *axis, keepdims, last));
}

/// The axis that CumSum and CumProd take as an input.
static std::optional<int64_t> runningAxis(OnnxNode &n, Value input) {
  std::optional<Ints> list = n.constantInts(1, "axis");
  if (!input || !list)
    return std::nullopt;
  if (list->size() == 1)
    return n.b.axis(list->front(), B::rank(input));
  (void)n.error("has an axis of " + Twine(list->size()) + " elements");
  return std::nullopt;
}

static LogicalResult cumsum(OnnxNode &n) {
  bool exclusive = n.intAttr("exclusive", 0), reverse = n.intAttr("reverse", 0);
  std::optional<int64_t> axis = runningAxis(n, n.in(0));
  return axis ? n.set(n.b.create<CumsumOp>(n.in(0), *axis, exclusive, reverse)) : failure();
}

static LogicalResult cumprod(OnnxNode &n) {
  bool exclusive = n.intAttr("exclusive", 0), reverse = n.intAttr("reverse", 0);
  std::optional<int64_t> axis = runningAxis(n, n.in(0));
  return axis ? n.set(runningProduct(n.b, n.in(0), *axis, exclusive, reverse)) : failure();
}

static LogicalResult topK(OnnxNode &n, int64_t k) {
  Value input = n.in(0);
  std::optional<int64_t> axis =
      input ? n.b.axis(n.intAttr("axis", -1), B::rank(input)) : std::nullopt;
  bool largest = n.intAttr("largest", 1);
  n.ignoreAttr("sorted"); // sorted is one of the orders that may come when it is 0
  if (!axis)
    return failure();
  if (k < 0 || k > B::shape(input)[*axis])
    return n.error("asks for " + Twine(k) + " of " + Twine(B::shape(input)[*axis]) + " elements");
  SmallVector<Value> results = n.b.createAll<TopKOp>(input, k, *axis, !largest);
  return results.empty() ? failure() : n.set(results);
}

static LogicalResult topKAttribute(OnnxNode &n) { return topK(n, n.intAttr("k", -1)); }

static LogicalResult topKInput(OnnxNode &n) {
  std::optional<Ints> k = n.constantInts(1, "k");
  if (!k)
    return failure();
  return k->size() == 1 ? topK(n, k->front())
                        : n.error("has a k of " + Twine(k->size()) + " elements");
}

enum class SoftmaxKind { Plain, Log, Hard };

/// Along one dim.
static Value softmaxAlong(OnnxNode &n, SoftmaxKind kind, Value input, int64_t axis) {
  GraphBuilder &b = n.b;
  if (!input || kind != SoftmaxKind::Hard)
    return b.softmax(input, axis, kind == SoftmaxKind::Log);
  std::optional<int64_t> dim = b.axis(axis, B::rank(input));
  if (!dim)
    return {};
  Value index = b.create<ArgReduceOp>(ReduceKind::Max, input, *dim, false, false);
  return oneHot(b, index, B::shape(input)[*dim], b.scalarLike(input, 1.0), b.scalarLike(input, 0.0),
                *dim);
}

template <SoftmaxKind kind> static LogicalResult softmax(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", -1);
  return n.set(softmaxAlong(n, kind, n.in(0), axis));
}

/// Before opset 13: over all dims from `axis` on, as one.
template <SoftmaxKind kind> static LogicalResult softmaxFlattened(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", 1);
  Value input = n.in(0);
  if (!input)
    return failure();
  if (axis == B::rank(input) - 1 || axis == -1)
    return n.set(softmaxAlong(n, kind, input, axis));
  Value result = softmaxAlong(n, kind, n.b.flatten(input, axis), 1);
  return n.set(n.b.reshape(result, B::shape(input)));
}

template <ReduceKind kind>
static void addReduce(OpTable &table, StringRef name, int64_t inputSince = 18) {
  table.add(name, 1, inputSince - 1, reduce<kind, false>);
  table.add(name, inputSince, kNewest, reduce<kind, true>);
}

template <NormKind kind> static void addReduceNorm(OpTable &table, StringRef name) {
  table.add(name, 1, 17, reduceNormOp<kind, false>);
  table.add(name, 18, kNewest, reduceNormOp<kind, true>);
}

void onnximport::addReductionOps(OpTable &table) {
  addReduce<ReduceKind::Sum>(table, "ReduceSum", 13);
  addReduce<ReduceKind::Mean>(table, "ReduceMean");
  addReduce<ReduceKind::Max>(table, "ReduceMax");
  addReduce<ReduceKind::Min>(table, "ReduceMin");
  addReduce<ReduceKind::Prod>(table, "ReduceProd");
  addReduceNorm<NormKind::L1>(table, "ReduceL1");
  addReduceNorm<NormKind::L2>(table, "ReduceL2");
  addReduceNorm<NormKind::LogSum>(table, "ReduceLogSum");
  addReduceNorm<NormKind::LogSumExp>(table, "ReduceLogSumExp");
  addReduceNorm<NormKind::SumSquare>(table, "ReduceSumSquare");
  table.add("ArgMax", argReduce<ReduceKind::Max>);
  table.add("ArgMin", argReduce<ReduceKind::Min>);
  table.add("CumSum", cumsum);
  table.add("CumProd", cumprod);
  table.add("TopK", 1, 9, topKAttribute);
  table.add("TopK", 10, kNewest, topKInput);
  table.add("Softmax", 1, 12, softmaxFlattened<SoftmaxKind::Plain>);
  table.add("Softmax", 13, kNewest, softmax<SoftmaxKind::Plain>);
  table.add("LogSoftmax", 1, 12, softmaxFlattened<SoftmaxKind::Log>);
  table.add("LogSoftmax", 13, kNewest, softmax<SoftmaxKind::Log>);
  table.add("Hardmax", 1, 12, softmaxFlattened<SoftmaxKind::Hard>);
  table.add("Hardmax", 13, kNewest, softmax<SoftmaxKind::Hard>);
}
