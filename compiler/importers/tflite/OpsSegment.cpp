// TFLite operators that scatter or fill in parts of a tensor: segments, diagonals, updates, and
// some that only older models hold.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/tflite/OpTable.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

/// What a segment without elements holds: for a maximum the lowest number of the type.
static double emptySegment(ScatterKind kind, Type type) {
  if (kind == ScatterKind::Add || kind == ScatterKind::Mul)
    return kind == ScatterKind::Mul;
  bool isMax = kind == ScatterKind::Max;
  if (auto real = dyn_cast<FloatType>(type)) {
    double largest = APFloat::getLargest(real.getFloatSemantics()).convertToDouble();
    return isMax ? -largest : largest;
  }
  unsigned width = std::min(type.getIntOrFloatBitWidth(), 53u);
  if (type.isUnsignedInteger())
    return isMax ? 0.0 : std::ldexp(1.0, static_cast<int>(width)) - 1;
  double half = std::ldexp(1.0, static_cast<int>(width) - 1);
  return isMax ? -half : half - 1;
}

/// Rows of `data` combined by the number in `ids` (of the leading dims); negative numbers are left
/// out.
static LogicalResult segments(TfliteNode &n, ScatterKind kind, int64_t count) {
  GraphBuilder &b = n.b;
  Value data = n.in(0), ids = n.stored(1);
  if (!data || !ids)
    return failure();
  int64_t rank = B::rank(ids);
  if (rank > B::rank(data) || B::shape(data).take_front(rank) != B::shape(ids) || count < 0)
    return n.error("has data of shape " + shapeName(B::shape(data)) + " for numbers of " +
                   shapeName(B::shape(ids)) + " in " + Twine(count) + " segments");
  // What is left out goes to a row that is cut off.
  Ints shape(B::shape(data).drop_front(rank)), places(B::shape(ids));
  shape.insert(shape.begin(), count + 1);
  places.push_back(1);
  ids = b.cast(ids, b.ops().getI64Type());
  Value isKept = b.cmp(CmpKind::Ge, ids, b.scalarLike(ids, 0));
  Value rows = b.select(isKept, ids, b.scalarLike(ids, static_cast<double>(count)));
  Value start = b.splat(shape, B::element(data), emptySegment(kind, B::element(data)));
  rows = b.reshape(rows, places);
  if (!rows || !start)
    return failure();
  return n.set(b.slice(b.create<ScatterNDOp>(start, rows, data, kind), 0, 0, count));
}

template <ScatterKind kind> static LogicalResult unsortedSegments(TfliteNode &n) {
  std::optional<int64_t> count = n.constantInt(2, "a number of segments");
  return count ? segments(n, kind, *count) : failure();
}

static LogicalResult segmentSum(TfliteNode &n) {
  std::optional<Ints> ids = n.constantInts(1, "segment numbers");
  if (!ids)
    return failure();
  return segments(n, ScatterKind::Add, ids->empty() ? 0 : *llvm::max_element(*ids) + 1);
}

static LogicalResult sparseToDense(TfliteNode &n) {
  GraphBuilder &b = n.b;
  Value places = n.stored(0), values = n.in(2), rest = n.in(3);
  std::optional<Ints> shape = n.constantInts(1, "shape");
  if (!places || !values || !rest || !shape)
    return failure();
  // A number or a list of numbers for a shape of rank 1, else rows of numbers.
  int64_t count = B::rank(places) == 0 ? 1 : B::shape(places)[0];
  places = b.reshape(places, {count, B::rank(places) < 2 ? 1 : B::shape(places)[1]});
  values = b.broadcast(B::rank(values) == 0 ? b.reshape(values, {1}) : values, {count});
  Value whole = b.broadcast(b.reshape(rest, {}), *shape);
  return places && values && whole
             ? n.set(b.create<ScatterNDOp>(whole, places, values, ScatterKind::None))
             : failure();
}

/// i1 [rows, columns]: where they are equal.
static Value diagonal(GraphBuilder &b, int64_t rows, int64_t columns) {
  Type i64 = b.ops().getI64Type();
  return b.cmp(CmpKind::Eq, b.iota(b.tensorType({rows, 1}, i64), 0),
               b.iota(b.tensorType({1, columns}, i64), 1));
}

static LogicalResult matrixDiag(TfliteNode &n) {
  Value value = n.moved(0);
  if (!value || B::rank(value) == 0)
    return value ? n.error("has an operand of rank 0") : failure();
  int64_t size = B::shape(value).back();
  Value zero = n.b.scalarLike(value, 0);
  return n.set(n.b.select(diagonal(n.b, size, size), n.b.unsqueeze(value, B::rank(value)), zero));
}

static LogicalResult matrixSetDiag(TfliteNode &n) {
  Value matrix = n.moved(0), values = n.moved(1);
  if (!matrix || !values)
    return failure();
  int64_t rank = B::rank(matrix);
  if (rank < 2 || B::rank(values) != rank - 1)
    return n.error("has operands of shapes " + shapeName(B::shape(matrix)) + " and " +
                   shapeName(B::shape(values)));
  int64_t rows = B::shape(matrix)[rank - 2], columns = B::shape(matrix)[rank - 1];
  // The diagonal along the longer side; what lies beyond the shorter one is not read.
  Value along = n.b.unsqueeze(values, columns <= rows ? rank - 2 : rank - 1);
  return n.set(n.b.select(diagonal(n.b, rows, columns), along, matrix));
}

/// Along one dim, the first elements of each row in reverse order.
static LogicalResult reverseSequence(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.options<tflite::ReverseSequenceOptions>();
  Value value = n.moved(0), lengths = n.stored(1);
  if (!options || !value || !lengths)
    return failure();
  auto axis = b.axis(options->seq_dim(), B::rank(value));
  auto batch = b.axis(options->batch_dim(), B::rank(value));
  if (!axis || !batch)
    return failure();
  if (*axis == *batch || B::rank(lengths) != 1 || B::shape(lengths)[0] != B::shape(value)[*batch])
    return n.error("has lengths of shape " + shapeName(B::shape(lengths)) + " for " +
                   shapeName(B::shape(value)));
  Type i64 = b.ops().getI64Type();
  Ints alongAxis(B::rank(value), 1), alongBatch(B::rank(value), 1);
  alongAxis[*axis] = B::shape(value)[*axis];
  alongBatch[*batch] = B::shape(value)[*batch];
  Value place = b.iota(b.tensorType(alongAxis, i64), *axis);
  Value length = b.reshape(b.cast(lengths, i64), alongBatch);
  Value mirrored = b.sub(b.sub(length, b.scalar(i64, 1)), place);
  Value chosen = b.select(b.cmp(CmpKind::Lt, place, length), mirrored, place);
  chosen = b.broadcast(chosen, B::shape(value));
  return chosen ? n.set(b.create<GatherElementsOp>(value, chosen, *axis)) : failure();
}

/// A part of the operand at a place that may be computed; it is moved inside.
static LogicalResult dynamicUpdateSlice(TfliteNode &n) {
  GraphBuilder &b = n.b;
  Value value = n.moved(0), update = n.moved(1), start = n.stored(2);
  if (!value || !update || !start)
    return failure();
  int64_t rank = B::rank(value);
  if (B::rank(update) != rank || B::rank(start) != 1 || B::shape(start)[0] != rank)
    return n.error("has an update of shape " + shapeName(B::shape(update)) + " for " +
                   shapeName(B::shape(value)));
  Type i64 = b.ops().getI64Type();
  start = b.cast(start, i64);
  Value part = update, isInside;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t extent = B::shape(value)[dim], length = B::shape(update)[dim];
    if (length > extent)
      return n.error("has an update of shape " + shapeName(B::shape(update)) + " for " +
                     shapeName(B::shape(value)));
    if (length == extent)
      continue;
    Value first =
        b.clamp(b.reshape(b.slice(start, 0, dim, 1), {}), 0, static_cast<double>(extent - length));
    Value place = b.sub(b.iota(b.tensorType(extent, i64), 0), first);
    Value inDim = b.binary<AndOp>(b.cmp(CmpKind::Ge, place, b.scalar(i64, 0)),
                                  b.cmp(CmpKind::Lt, place, b.scalar(i64, double(length))));
    Value index = b.clamp(place, 0, static_cast<double>(std::max<int64_t>(length - 1, 0)));
    if (!index || length == 0)
      return index ? n.set(value) : failure();
    part = b.create<GatherOp>(part, index, dim);
    Ints shape(rank, 1);
    shape[dim] = extent;
    inDim = b.reshape(inDim, shape);
    isInside = isInside ? b.binary<AndOp>(isInside, inDim) : inDim;
  }
  return n.set(isInside ? b.select(isInside, part, value) : update);
}

Value tfliteimport::spread(GraphBuilder &b, Value value, ArrayRef<int64_t> steps, double fill) {
  for (int64_t dim = 0; value && dim < B::rank(value); ++dim) {
    int64_t step = steps[dim];
    if (step == 1 || B::shape(value)[dim] == 0)
      continue;
    Value apart = b.unsqueeze(value, dim + 1);
    if (!apart)
      return {};
    Ints low(B::rank(apart), 0), high(B::rank(apart), 0), shape(B::shape(value));
    high[dim + 1] = step - 1;
    int64_t extent = shape[dim];
    shape[dim] *= step;
    value =
        b.slice(b.reshape(b.pad(apart, low, high, fill), shape), dim, 0, (extent - 1) * step + 1);
  }
  return value;
}

/// Elements apart by `dilations`, a value between them.
static LogicalResult dilate(TfliteNode &n) {
  GraphBuilder &b = n.b;
  Value value = n.stored(0);
  std::optional<Ints> steps = n.constantInts(1, "dilations");
  Value filler = n.stored(2);
  std::optional<double> fill = filler ? B::getConstantScalar(filler) : std::nullopt;
  if (!value || !steps || !filler)
    return failure();
  if (!fill)
    return n.unsupported("a fill value computed at run time", "expected a constant");
  if (static_cast<int64_t>(steps->size()) != B::rank(value) ||
      llvm::any_of(*steps, [](int64_t step) { return step < 1 || step > (1 << 20); }))
    return n.error("has dilations " + shapeName(*steps) + " for " + shapeName(B::shape(value)));
  return n.set(spread(b, value, *steps, *fill));
}

/// Rounds to one of 2^num_bits numbers of a range.
static LogicalResult fakeQuant(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.options<tflite::FakeQuantOptions>();
  Value value = n.in(0);
  if (!options || !value)
    return failure();
  int bits = options->num_bits();
  float low = options->min(), high = options->max();
  if (bits < 2 || bits > 16 || !(low <= 0 && high >= 0 && low < high))
    return n.error("has " + Twine(bits) + " bits for a range without 0");
  // The range is moved so that 0 is one of its numbers.
  float first = options->narrow_range() ? 1 : 0, last = static_cast<float>((1 << bits) - 1);
  float scale = (high - low) / (last - first);
  float zero = std::clamp(std::round(first - low / scale), first, last);
  float least = (first - zero) * scale, most = (last - zero) * scale;
  Value steps = b.mul(b.sub(b.clamp(value, least, most), b.scalarLike(value, least)),
                      b.scalarLike(value, 1.0f / scale));
  Value rounded = b.add(steps, b.scalarLike(value, 0.5));
  if (!rounded)
    return failure();
  rounded = b.create<FloorOp>(rounded);
  return n.set(b.add(b.scale(rounded, scale), b.scalarLike(value, least)));
}

/// x / (bias + alpha * the sum of squares of neighbours along the last dim)^beta.
static LogicalResult localResponse(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.options<tflite::LocalResponseNormalizationOptions>();
  Value value = n.in(0);
  if (!options || !value)
    return failure();
  constexpr int kMaxRadius = 64;
  int64_t radius = options->radius(), last = B::rank(value) - 1;
  if (radius < 0 || radius > kMaxRadius || last < 0)
    return n.unsupported("radius " + Twine(radius), "expected 0 to " + Twine(kMaxRadius));
  Ints pads(B::rank(value), 0);
  pads[last] = radius;
  Value squares = b.pad(b.mul(value, value), pads, pads), sum;
  for (int64_t i = 0; i <= 2 * radius; ++i) {
    Value part = b.slice(squares, last, i, B::shape(value)[last]);
    sum = sum ? b.add(sum, part) : part;
  }
  Value base = b.add(b.scale(sum, options->alpha()), b.scalarLike(value, options->bias()));
  return n.set(b.div(value, b.binary<PowOp>(base, b.scalarLike(value, options->beta()))));
}

/// How many of the boundaries lie at or below each element.
static LogicalResult bucketize(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.options<tflite::BucketizeOptions>();
  Value value = n.in(0);
  if (!options || !value)
    return failure();
  if (!options->boundaries() || options->boundaries()->size() > kMaxReadElements)
    return n.error("has no boundaries, or too many");
  std::vector<char> bytes;
  for (float boundary : *options->boundaries()) {
    auto data = reinterpret_cast<const char *>(&boundary);
    bytes.insert(bytes.end(), data, data + sizeof(boundary));
  }
  auto count = static_cast<int64_t>(options->boundaries()->size());
  Value bounds = b.constant(b.tensorType(count, b.ops().getF32Type()), std::move(bytes));
  Value isAbove =
      b.cmp(CmpKind::Ge, b.cast(b.unsqueeze(value, B::rank(value)), b.ops().getF32Type()), bounds);
  return n.set(
      b.reduce(ReduceKind::Sum, b.cast(isAbove, b.ops().getI32Type()), {B::rank(value)}, false));
}

/// The shape that two shapes broadcast to.
static LogicalResult broadcastArgs(TfliteNode &n) {
  std::optional<Ints> lhs = n.constantInts(0, "shape"), rhs = n.constantInts(1, "shape");
  if (!lhs || !rhs)
    return failure();
  if (lhs->size() < rhs->size())
    std::swap(lhs, rhs);
  for (size_t i = 0; i < rhs->size(); ++i) {
    int64_t &extent = (*lhs)[lhs->size() - 1 - i], other = (*rhs)[rhs->size() - 1 - i];
    if (extent != other && extent != 1 && other != 1)
      return n.error("cannot broadcast " + Twine(extent) + " and " + Twine(other));
    extent = extent == 1 ? other : extent;
  }
  return n.set(n.b.cast(n.b.ints(*lhs), n.outputElement()));
}

void tfliteimport::addSegmentOps(OpTable &table) {
  table.add(Op::SEGMENT_SUM, segmentSum);
  table.add(Op::UNSORTED_SEGMENT_SUM, unsortedSegments<ScatterKind::Add>);
  table.add(Op::UNSORTED_SEGMENT_PROD, unsortedSegments<ScatterKind::Mul>);
  table.add(Op::UNSORTED_SEGMENT_MAX, unsortedSegments<ScatterKind::Max>);
  table.add(Op::UNSORTED_SEGMENT_MIN, unsortedSegments<ScatterKind::Min>);
  table.add(Op::SPARSE_TO_DENSE, sparseToDense);
  table.add(Op::MATRIX_DIAG, matrixDiag);
  table.add(Op::MATRIX_SET_DIAG, matrixSetDiag);
  table.add(Op::REVERSE_SEQUENCE, reverseSequence);
  table.add(Op::DYNAMIC_UPDATE_SLICE, dynamicUpdateSlice);
  table.add(Op::DILATE, dilate);
  table.add(Op::FAKE_QUANT, fakeQuant);
  table.add(Op::LOCAL_RESPONSE_NORMALIZATION, localResponse);
  table.add(Op::BUCKETIZE, bucketize);
  table.add(Op::BROADCAST_ARGS, broadcastArgs);
}
