// ONNX operators that gather and scatter.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// The node's `axis` for its first input.
static std::optional<int64_t> dataAxis(OnnxNode &n) {
  Value data = n.in(0);
  int64_t axis = n.intAttr("axis", 0);
  return data ? n.b.axis(axis, B::rank(data)) : std::nullopt;
}

static LogicalResult gather(OnnxNode &n) {
  std::optional<int64_t> axis = dataAxis(n);
  return axis ? n.set(n.b.create<GatherOp>(n.in(0), n.in(1), *axis)) : failure();
}

static LogicalResult gatherElements(OnnxNode &n) {
  std::optional<int64_t> axis = dataAxis(n);
  return axis ? n.set(n.b.create<GatherElementsOp>(n.in(0), n.in(1), *axis)) : failure();
}

static LogicalResult gatherND(OnnxNode &n) {
  int64_t batchDims = n.intAttr("batch_dims", 0);
  if (batchDims < 0)
    return n.error("has batch_dims " + Twine(batchDims));
  return n.set(n.b.create<GatherNDOp>(n.in(0), n.in(1), batchDims));
}

static std::optional<ScatterKind> reduction(OnnxNode &n) {
  std::string name = n.stringAttr("reduction", "none");
  std::optional<ScatterKind> kind = symbolizeScatterKind(name);
  if (!kind)
    (void)n.unsupported("reduction = " + name, "expected none, add, mul, max or min");
  return kind;
}

static LogicalResult scatterElements(OnnxNode &n) {
  std::optional<int64_t> axis = dataAxis(n);
  std::optional<ScatterKind> kind = axis ? reduction(n) : std::nullopt;
  return kind ? n.set(n.b.create<ScatterElementsOp>(n.in(0), n.in(1), n.in(2), *axis, *kind))
              : failure();
}

static LogicalResult scatterND(OnnxNode &n) {
  std::optional<ScatterKind> kind = reduction(n);
  return kind ? n.set(n.b.create<ScatterNDOp>(n.in(0), n.in(1), n.in(2), *kind)) : failure();
}

/// TensorScatter: `update` [B, …, S, …] written along `axis` of the cache from each batch's own
/// position on.
static LogicalResult tensorScatter(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value cache = n.in(0), update = n.in(1), start = n.opt(2);
  std::string mode = n.stringAttr("mode", "linear");
  std::optional<int64_t> axis =
      cache ? b.axis(n.intAttr("axis", -2), B::rank(cache)) : std::nullopt;
  if (!axis || !update)
    return failure();
  if (mode != "linear" && mode != "circular")
    return n.unsupported("mode = " + mode, "expected linear or circular");
  if (B::rank(update) != B::rank(cache) || *axis == 0)
    return n.error("has an update of shape " + shapeName(B::shape(update)));
  Type i64 = b.ops().getI64Type();
  Ints steps(B::rank(cache), 1), batch(steps);
  steps[*axis] = B::shape(update)[*axis];
  Value index = b.iota(b.tensorType(steps, i64), *axis);
  if (start) {
    batch[0] = B::type(start).getNumElements();
    index = b.add(index, b.reshape(b.cast(start, i64), batch));
  }
  if (mode == "circular")
    index = b.binary<ModOp>(index, b.scalar(i64, static_cast<double>(B::shape(cache)[*axis])));
  index = b.broadcast(index, B::shape(update));
  return n.set(b.create<ScatterElementsOp>(cache, index, update, *axis, ScatterKind::None));
}

void onnximport::addIndexingOps(OpTable &table) {
  table.add("Gather", gather);
  table.add("GatherElements", gatherElements);
  table.add("GatherND", gatherND);
  table.add("Scatter", scatterElements);
  table.add("ScatterElements", scatterElements);
  table.add("ScatterND", scatterND);
  table.add("TensorScatter", tensorScatter);
}
