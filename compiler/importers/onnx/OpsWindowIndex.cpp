// ONNX operators about where windows lie: pooling with indices and back, columns to images.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Window.h"
#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// The coordinate of each [place, tap] along spatial dim `d` of the input, pads counted from 0 (so
/// it may be negative): [P, K] for all places and taps in row-major order.
static Value windowCoordinate(GraphBuilder &b, const Window &w, ArrayRef<int64_t> places,
                              size_t d) {
  int64_t before = 1, after = 1, tapsBefore = 1, tapsAfter = 1;
  for (size_t i = 0; i < places.size(); ++i) {
    if (i == d)
      continue;
    (i < d ? before : after) *= places[i];
    (i < d ? tapsBefore : tapsAfter) *= w.kernel[i];
  }
  Type i64 = b.ops().getI64Type();
  Value place = b.iota(b.tensorType({before, places[d], after}, i64), 1,
                       static_cast<double>(-w.pads[d]), static_cast<double>(w.strides[d]));
  Value tap = b.iota(b.tensorType({tapsBefore, w.kernel[d], tapsAfter}, i64), 1, 0.0,
                     static_cast<double>(w.dilations[d]));
  return b.add(b.reshape(place, {before * places[d] * after, 1}),
               b.reshape(tap, {1, tapsBefore * w.kernel[d] * tapsAfter}));
}

LogicalResult onnximport::maxPoolWithIndices(OnnxNode &n, Value input, const Window &w,
                                             ArrayRef<int64_t> pads, bool columnMajor) {
  GraphBuilder &b = n.b;
  ArrayRef<int64_t> shape = B::shape(input), extents = shape.drop_front(2);
  size_t spatial = extents.size();
  Type i64 = b.ops().getI64Type();
  Ints places, padded, low(spatial + 2, 0), high(spatial + 2, 0);
  int64_t space = 1, paddedSpace = 1, count = 1;
  for (size_t d = 0; d < spatial; ++d) {
    low[2 + d] = pads[d];
    high[2 + d] = pads[spatial + d];
    padded.push_back(extents[d] + pads[d] + pads[spatial + d]);
    if (padded.back() < w.span(d))
      return n.error("has a kernel larger than its input");
    places.push_back((padded.back() - w.span(d)) / w.strides[d] + 1);
    space *= extents[d];
    paddedSpace *= padded[d];
    count *= places[d];
  }
  // Every window as a row: its values, and where they lie in the input.
  Value inPadded, inPlane;
  int64_t planeStride = 1;
  SmallVector<Value> coordinates;
  for (size_t d = 0; d < spatial; ++d)
    coordinates.push_back(windowCoordinate(b, w, places, d));
  for (size_t d = 0; d < spatial; ++d) {
    Value at = b.add(coordinates[d], b.scalar(i64, static_cast<double>(pads[d])));
    inPadded =
        inPadded ? b.add(b.mul(inPadded, b.scalar(i64, static_cast<double>(padded[d]))), at) : at;
  }
  for (size_t i = 0; i < spatial; ++i) {
    size_t d = columnMajor ? i : spatial - 1 - i; // innermost first
    Value part = b.mul(coordinates[d], b.scalar(i64, static_cast<double>(planeStride)));
    inPlane = inPlane ? b.add(inPlane, part) : part;
    planeStride *= extents[d];
  }
  bool floating = B::isFloat(input);
  double lowest = floating                                ? -std::numeric_limits<double>::infinity()
                  : B::element(input).isUnsignedInteger() ? 0.0
                                                          : -128.0;
  Value flat = b.reshape(b.pad(input, low, high, lowest), {shape[0] * shape[1], paddedSpace});
  Value windows = b.create<GatherOp>(flat, inPadded, 1); // [N·C, P, K]
  Value best = b.create<ArgReduceOp>(ReduceKind::Max, windows, 2, true, false);
  Value values = b.create<GatherElementsOp>(windows, best, 2);
  if (!best || !inPlane)
    return failure();
  int64_t rows = shape[0] * shape[1], taps = B::shape(inPlane)[1];
  Value where = b.create<GatherElementsOp>(b.broadcast(inPlane, {rows, count, taps}), best, 2);
  Value plane = b.iota(b.tensorType({rows, 1, 1}, i64), 0, 0.0, static_cast<double>(space));
  Ints result{shape[0], shape[1]};
  result.append(places);
  return n.set({b.reshape(values, result), b.reshape(b.add(where, plane), result)});
}

static LogicalResult maxUnpool(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), indices = n.in(1);
  if (!input || !indices)
    return failure();
  size_t spatial = B::rank(input) < 3 ? 0 : B::rank(input) - 2;
  if (!n.has("kernel_shape") || spatial < 1 || B::shape(input) != B::shape(indices))
    return n.error("needs a kernel, and an input and indices of one shape of rank 3 or more");
  std::optional<Window> w = readWindow(n, B::shape(input).drop_front(2), {});
  if (!w)
    return failure();
  Ints shape(B::shape(input));
  for (size_t d = 0; d < spatial; ++d)
    shape[2 + d] =
        (shape[2 + d] - 1) * w->strides[d] - w->pads[d] - w->pads[spatial + d] + w->kernel[d];
  RankedTensorType type = b.tensorType(shape, B::element(input));
  if (!type)
    return failure();
  // Indices count through the whole tensor.
  int64_t count = B::type(input).getNumElements();
  Value zeros = b.splat({type.getNumElements()}, B::element(input), 0.0);
  Value result = b.create<ScatterElementsOp>(zeros, b.reshape(indices, {count}),
                                             b.reshape(input, {count}), 0, ScatterKind::None);
  result = b.reshape(result, shape);
  if (!n.opt(2))
    return n.set(result);
  std::optional<Ints> wanted = n.constantInts(2, "output_shape");
  if (!wanted)
    return failure();
  if (wanted->size() != shape.size())
    return n.error("has an output_shape of " + Twine(wanted->size()) + " dims");
  Ints low(shape.size(), 0), high;
  for (size_t d = 0; d < shape.size(); ++d)
    high.push_back((*wanted)[d] - shape[d]);
  return n.set(b.pad(result, low, high));
}

/// Columns [N, C·K, L] back to images: every element of an image is the sum of the (at most K)
/// places in columns that stand for it, which are known at import.
static LogicalResult col2Im(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  std::optional<Ints> image = n.constantInts(1, "image_shape");
  std::optional<Ints> block = image ? n.constantInts(2, "block_shape") : std::nullopt;
  if (!input || !block)
    return failure();
  if (B::rank(input) != 3 || image->size() != block->size() || block->empty())
    return n.error("needs an input of rank 3, and one extent of the image and the block per dim");
  size_t spatial = image->size();
  Window w;
  w.kernel = *block;
  w.strides = n.intsAttr("strides").value_or(Ints(spatial, 1));
  w.dilations = n.intsAttr("dilations").value_or(Ints(spatial, 1));
  w.pads = n.intsAttr("pads").value_or(Ints(2 * spatial, 0));
  bool valid =
      w.strides.size() == spatial && w.dilations.size() == spatial && w.pads.size() == 2 * spatial;
  constexpr int64_t limit = 1 << 20;
  for (const Ints *list : {&w.kernel, &w.strides, &w.dilations, &*image})
    for (int64_t number : *list)
      valid &= number > 0 && number <= limit;
  for (int64_t amount : w.pads)
    valid &= amount >= 0 && amount <= limit;
  if (!valid)
    return n.error("has strides, dilations, pads or extents that are not possible");
  Type i64 = b.ops().getI64Type();
  int64_t taps = 1, pixels = 1, columns = 1;
  Ints places;
  for (size_t d = 0; d < spatial; ++d) {
    int64_t free = (*image)[d] + w.pads[d] + w.pads[spatial + d] - w.span(d);
    places.push_back(free < 0 ? 0 : free / w.strides[d] + 1);
    std::optional<int64_t> all = checkedMul(taps, w.kernel[d]);
    std::optional<int64_t> plane = checkedMul(pixels, (*image)[d]);
    if (!all || !plane || *all > limit || *plane > kMaxElements)
      return n.error("has a block or an image that is too large");
    taps = *all;
    pixels = *plane;
    columns *= places[d];
  }
  int64_t batch = B::shape(input)[0];
  if (B::shape(input)[1] % taps || B::shape(input)[2] != columns)
    return n.error("has columns of shape " + shapeName(B::shape(input)) + " for blocks of " +
                   Twine(taps) + " at " + Twine(columns) + " places");
  int64_t channels = B::shape(input)[1] / taps;
  // For pixel p and tap k: the place, where there is one.
  Value place, inside;
  int64_t before = 1, after = pixels, tapsBefore = 1, tapsAfter = taps;
  for (size_t d = 0; d < spatial; ++d) {
    after /= (*image)[d];
    tapsAfter /= w.kernel[d];
    Value pixel =
        b.iota(b.tensorType({before, (*image)[d], after}, i64), 1, static_cast<double>(w.pads[d]));
    Value tap = b.iota(b.tensorType({tapsBefore, w.kernel[d], tapsAfter}, i64), 1, 0.0,
                       static_cast<double>(w.dilations[d]));
    Value from = b.sub(b.reshape(pixel, {pixels, 1}), b.reshape(tap, {1, taps}));
    Value stride = b.scalar(i64, static_cast<double>(w.strides[d]));
    Value at = b.binary<FloorDivOp>(from, stride);
    Value last = b.scalar(i64, static_cast<double>(places[d] - 1));
    Value fits = b.binary<AndOp>(
        b.cmp(CmpKind::Eq, b.mul(at, stride), from),
        b.binary<AndOp>(b.cmp(CmpKind::Ge, at, b.scalar(i64, 0)), b.cmp(CmpKind::Le, at, last)));
    inside = inside ? b.binary<AndOp>(inside, fits) : fits;
    at = b.clamp(at, 0.0, static_cast<double>(places[d] - 1));
    place = place ? b.add(b.mul(place, b.scalar(i64, static_cast<double>(places[d]))), at) : at;
    before *= (*image)[d];
    tapsBefore *= w.kernel[d];
  }
  Value row = b.iota(b.tensorType({1, taps}, i64), 1, 0.0, static_cast<double>(columns));
  Value flat = b.reshape(input, {batch, channels, taps * columns});
  Value parts = b.create<GatherOp>(flat, b.add(row, place), 2); // [N, C, pixels, taps]
  if (!parts)
    return failure();
  Value sum =
      b.reduce(ReduceKind::Sum, b.select(inside, parts, b.scalarLike(parts, 0.0)), 3, false);
  Ints shape{batch, channels};
  shape.append(*image);
  return n.set(b.reshape(sum, shape));
}

void onnximport::addWindowIndexOps(OpTable &table) {
  table.add("MaxUnpool", maxUnpool);
  table.add("Col2Im", col2Im);
}
