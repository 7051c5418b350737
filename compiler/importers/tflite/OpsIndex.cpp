// TFLite operators that read or write at computed places.
#include "compiler/importers/tflite/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

/// Gathers along `axis` inside each of the leading `batch` dims, which both operands have: those
/// dims are joined with the axis, and the indices moved to their row.
static Value gatherInBatches(TfliteNode &n, Value data, Value indices, int64_t batch) {
  Ints d(B::shape(data)), i(B::shape(indices));
  int64_t rows = 1;
  for (int64_t dim = 0; dim < batch; ++dim)
    rows *= d[dim];
  std::optional<int64_t> joined = checkedMul(rows, d[batch]);
  if (!joined)
    return {};
  Ints flat{*joined}, rowShape{rows};
  flat.append(d.begin() + batch + 1, d.end());
  rowShape.append(i.size() - batch, 1);
  Ints flatIndices{rows};
  flatIndices.append(i.begin() + batch, i.end());
  Type i64 = n.b.ops().getI64Type();
  Value row = n.b.iota(n.b.tensorType(rowShape, i64), 0, 0.0, static_cast<double>(d[batch]));
  Value places = n.b.add(n.b.cast(n.b.reshape(indices, flatIndices), i64), row);
  Value reshaped = n.b.reshape(data, flat);
  if (!places || !reshaped)
    return {};
  Value result = n.b.create<GatherOp>(reshaped, places, 0);
  Ints shape(i);
  shape.append(d.begin() + batch + 1, d.end());
  return n.b.reshape(result, shape);
}

static LogicalResult gather(TfliteNode &n) {
  auto *options = n.optionalOptions<tflite::GatherOptions>();
  Value data = n.moved(0), indices = n.stored(1);
  if (!data || !indices)
    return failure();
  std::optional<int64_t> axis = n.b.axis(options ? options->axis() : 0, B::rank(data));
  if (!axis)
    return failure();
  int64_t batch = options ? options->batch_dims() : 0;
  batch += batch < 0 ? B::rank(indices) : 0;
  if (batch == 0)
    return n.set(n.b.create<GatherOp>(data, indices, *axis));
  if (batch != *axis)
    return n.unsupported("batch_dims = " + Twine(batch) + ", axis = " + Twine(*axis),
                         "expected equal ones");
  if (batch < 0 || batch > B::rank(indices) ||
      B::shape(data).take_front(batch) != B::shape(indices).take_front(batch))
    return n.error("has data of shape " + shapeName(B::shape(data)) + " for indices of " +
                   shapeName(B::shape(indices)));
  return n.set(gatherInBatches(n, data, indices, batch));
}

static LogicalResult gatherNd(TfliteNode &n) {
  Value data = n.moved(0), indices = n.stored(1);
  return data && indices ? n.set(n.b.create<GatherNDOp>(data, indices)) : failure();
}

static LogicalResult embeddingLookup(TfliteNode &n) {
  Value ids = n.stored(0), rows = n.moved(1);
  return ids && rows ? n.set(n.b.create<GatherOp>(rows, ids, 0)) : failure();
}

/// Updates added to zeros at index tuples.
static LogicalResult scatterNd(TfliteNode &n) {
  Value indices = n.stored(0), updates = n.moved(1);
  std::optional<Ints> shape = n.constantInts(2, "shape");
  if (!indices || !updates || !shape)
    return failure();
  // Sums of truth values are or.
  Type element = B::isBool(updates) ? Type(n.b.ops().getI32Type()) : B::element(updates);
  updates = n.b.cast(updates, element);
  Value zeros = n.b.splat(*shape, element, 0.0);
  if (!zeros || !updates)
    return failure();
  Value sums = n.b.create<ScatterNDOp>(zeros, indices, updates, ScatterKind::Add);
  return n.set(n.b.cast(sums, n.outputElement()));
}

static LogicalResult oneHot(TfliteNode &n) {
  auto *options = n.optionalOptions<tflite::OneHotOptions>();
  Value indices = n.stored(0), on = n.in(2), off = n.in(3);
  std::optional<int64_t> depth = n.constantInt(1, "depth");
  if (!indices || !on || !off || !depth)
    return failure();
  int64_t rank = B::rank(indices) + 1;
  std::optional<int64_t> axis = n.b.axis(options ? options->axis() : -1, rank);
  if (!axis)
    return failure();
  // An index outside the depth, a negative one too, turns nothing on.
  Ints shape(rank, 1);
  shape[*axis] = *depth;
  Value places = n.b.iota(n.b.tensorType(shape, B::element(indices)), *axis);
  Value hot = n.b.cmp(CmpKind::Eq, n.b.unsqueeze(indices, *axis), places);
  return n.set(n.b.select(hot, n.b.reshape(on, {}), n.b.reshape(off, {})));
}

static LogicalResult where(TfliteNode &n) {
  return n.unsupported("a result whose extent depends on data", "expected SELECT_V2");
}

void tfliteimport::addIndexOps(OpTable &table) {
  table.add(Op::GATHER, gather);
  table.add(Op::GATHER_ND, gatherNd);
  table.add(Op::EMBEDDING_LOOKUP, embeddingLookup);
  table.add(Op::SCATTER_ND, scatterNd);
  table.add(Op::ONE_HOT, oneHot);
  table.add(Op::WHERE, where);
}
