// TFLite's reductions, running sums, arg-reductions and top-k.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

template <ReduceKind kind> static LogicalResult reduce(TfliteNode &n) {
  auto *options = n.optionalOptions<tflite::ReducerOptions>();
  Value value = n.in(0);
  std::optional<Ints> given = n.constantInts(1, "axes");
  if (!value || !given)
    return failure();
  // An axis may be named twice.
  Ints axes;
  for (int64_t entry : *given) {
    std::optional<int64_t> axis = n.b.axis(entry, B::rank(value));
    if (!axis)
      return failure();
    if (!llvm::is_contained(axes, *axis))
      axes.push_back(*axis);
  }
  llvm::sort(axes);
  bool isSum = kind == ReduceKind::Sum;
  if ((kind == ReduceKind::Mean || isSum) && isFixedPoint(n) && !axes.empty()) {
    bool keepDims = options && options->keep_dims();
    return isSum ? quantizedTotal(n, axes, keepDims) : quantizedMean(n, axes, keepDims);
  }
  // The mean of integers is cut off.
  if (kind == ReduceKind::Mean && !B::isFloat(value)) {
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= B::shape(value)[axis];
    Value sum = n.b.reduce(ReduceKind::Sum, n.b.cast(value, n.b.ops().getI64Type()), axes,
                           options && options->keep_dims());
    return n.set(
        n.b.cast(n.b.div(sum, n.b.scalarLike(sum, static_cast<double>(count))), B::element(value)));
  }
  return n.set(n.b.reduce(kind, value, axes, options && options->keep_dims()));
}

template <ReduceKind kind> static LogicalResult argReduce(TfliteNode &n) {
  Value value = n.in(0);
  std::optional<int64_t> given = n.constantInt(1, "axis");
  std::optional<int64_t> axis = value && given ? n.b.axis(*given, B::rank(value)) : std::nullopt;
  if (!axis)
    return failure();
  Value index = n.b.create<ArgReduceOp>(kind, value, *axis, /*keepdims=*/false,
                                        /*select_last=*/false);
  return n.set(n.b.cast(index, n.outputElement()));
}

static LogicalResult cumsum(TfliteNode &n) {
  auto *options = n.options<tflite::CumsumOptions>();
  Value value = n.in(0);
  std::optional<int64_t> given = n.constantInt(1, "axis");
  std::optional<int64_t> axis = value && given ? n.b.axis(*given, B::rank(value)) : std::nullopt;
  if (!options || !axis)
    return failure();
  return n.set(n.b.create<CumsumOp>(value, *axis, options->exclusive(), options->reverse()));
}

static LogicalResult topK(TfliteNode &n) {
  Value value = n.moved(0);
  std::optional<int64_t> k = n.constantInt(1, "k");
  if (!value || !k)
    return failure();
  if (B::rank(value) == 0 || *k < 0 || *k > B::shape(value).back())
    return n.error("takes " + Twine(*k) + " elements of shape " + shapeName(B::shape(value)));
  auto results = n.b.createAll<TopKOp>(value, *k, B::rank(value) - 1, /*smallest=*/false);
  if (results.size() != 2 || failed(n.set(0, results[0])))
    return failure();
  return n.set(1, n.b.cast(results[1], n.numOutputs() > 1 ? n.outputElement(1) : Type()));
}

void tfliteimport::addReductionOps(OpTable &table) {
  table.add(Op::MEAN, reduce<ReduceKind::Mean>);
  table.add(Op::SUM, reduce<ReduceKind::Sum>);
  table.add(Op::REDUCE_MAX, reduce<ReduceKind::Max>);
  table.add(Op::REDUCE_MIN, reduce<ReduceKind::Min>);
  table.add(Op::REDUCE_PROD, reduce<ReduceKind::Prod>);
  table.add(Op::REDUCE_ANY, reduce<ReduceKind::Any>);
  table.add(Op::REDUCE_ALL, reduce<ReduceKind::All>);
  table.add(Op::ARG_MAX, argReduce<ReduceKind::Max>);
  table.add(Op::ARG_MIN, argReduce<ReduceKind::Min>);
  table.add(Op::CUMSUM, cumsum);
  table.add(Op::TOPK_V2, topK);
}
