// Reading a feature map at computed places: grid sampling, region alignment, deformable
// convolution.
//
// All are sums over neighbouring elements of (gathered element) * (weight). The gathers take slices
// of all channels at flat spatial indices, so that lanes run along channels or along the output.
#include "compiler/importers/common/Sampling.h"
#include "compiler/importers/common/Decompositions.h"

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

namespace {

/// One neighbour along one dim of each point: where it lies and what it counts.
struct Tap {
  Value index;  ///< i64, inside the extent
  Value weight; ///< float
  Value inside; ///< i1, or null: always
};

} // namespace

/// `data` [batch…, S, C] at flat indices [batch…, P…]: [batch…, P…, C].
static Value takePoints(GraphBuilder &b, Value data, Value index, int64_t batchDims) {
  if (!data || !index)
    return {};
  return b.create<GatherNDOp>(data, b.unsqueeze(index, B::rank(index)), batchDims);
}

/// Folds x back into [low, high] at the ends; what lies inside stays bit for bit.
static Value reflect(GraphBuilder &b, Value x, double low, double high) {
  if (!x || high <= low)
    return b.scalarLike(x, low);
  double range = high - low;
  Value lowest = b.scalarLike(x, low);
  Value distance = b.create<AbsOp>(b.sub(x, lowest));
  Value turns = b.create<FloorOp>(b.scale(distance, 1.0 / range));
  Value rest = b.sub(distance, b.scale(turns, range));
  Value odd =
      b.cmp(CmpKind::Ne, b.binary<ModOp>(turns, b.scalarLike(x, 2.0)), b.scalarLike(x, 0.0));
  Value folded = b.select(odd, b.sub(b.scalarLike(x, high), rest), b.add(lowest, rest));
  Value inside =
      b.binary<AndOp>(b.cmp(CmpKind::Ge, x, lowest), b.cmp(CmpKind::Le, x, b.scalarLike(x, high)));
  return b.select(inside, x, folded);
}

/// The neighbour at whole coordinate `x` (a float) of a dim of `extent`.
static Tap tapAt(GraphBuilder &b, Value x, Value weight, int64_t extent, SamplePadding padding,
                 double low, double high) {
  Tap tap{{}, weight, {}};
  if (!x)
    return tap;
  double last = static_cast<double>(extent - 1);
  if (padding == SamplePadding::Reflection)
    x = b.create<TruncOp>(reflect(b, x, low, high));
  else if (padding == SamplePadding::Zeros)
    tap.inside = b.binary<AndOp>(b.cmp(CmpKind::Ge, x, b.scalarLike(x, 0.0)),
                                 b.cmp(CmpKind::Le, x, b.scalarLike(x, last)));
  tap.index = b.cast(b.clamp(x, 0.0, last), b.ops().getI64Type());
  return tap;
}

/// Coefficients of cubic convolution (a = -0.75) for the four neighbours of a point at `t` in
/// [0, 1) after the second.
static SmallVector<Value> cubicWeights(GraphBuilder &b, Value t) {
  constexpr double a = -0.75;
  auto number = [&](double v) { return b.scalarLike(t, v); };
  auto near = [&](Value d) { // ((a + 2) d - (a + 3)) d² + 1
    return b.add(b.mul(b.sub(b.scale(d, a + 2), number(a + 3)), b.mul(d, d)), number(1.0));
  };
  auto far = [&](Value d) { // ((a d - 5a) d + 8a) d - 4a
    Value inner = b.sub(b.scale(d, a), number(5 * a));
    return b.sub(b.mul(b.add(b.mul(inner, d), number(8 * a)), d), number(4 * a));
  };
  Value rest = b.sub(number(1.0), t);
  return {far(b.add(t, number(1.0))), near(t), near(rest), far(b.add(rest, number(1.0)))};
}

/// The neighbours of float coordinates `x` along a dim.
static SmallVector<Tap> tapsOf(GraphBuilder &b, Value x, int64_t extent, SampleMode mode,
                               SamplePadding padding, double low, double high) {
  if (!x)
    return {};
  auto tap = [&](Value at, Value weight) {
    return tapAt(b, at, weight, extent, padding, low, high);
  };
  if (mode == SampleMode::Nearest)
    return {tap(x, {})};
  Value floor = b.create<FloorOp>(x), t = b.sub(x, floor);
  auto moved = [&](double by) { return by == 0 ? floor : b.add(floor, b.scalarLike(x, by)); };
  if (mode == SampleMode::Linear)
    return {tap(floor, b.sub(b.scalarLike(x, 1.0), t)), tap(moved(1), t)};
  SmallVector<Value> weights = cubicWeights(b, t);
  SmallVector<Tap> taps;
  for (int i = 0; i < 4; ++i)
    taps.push_back(tap(moved(i - 1), weights[i]));
  return taps;
}

/// Sum over all combinations of one tap a dim. `data` [batch…, S, C]; taps' shapes broadcast to
/// [batch…, P…] of `points`; gives [batch…, P…, C].
static Value sumOfTaps(GraphBuilder &b, Value data, ArrayRef<SmallVector<Tap>> taps,
                       ArrayRef<int64_t> extents, ArrayRef<int64_t> points, int64_t batchDims) {
  Value sum;
  SmallVector<size_t> choice(taps.size(), 0);
  while (true) {
    Value index, weight, inside;
    for (size_t d = 0; d < taps.size(); ++d) {
      if (choice[d] >= taps[d].size())
        return {};
      const Tap &tap = taps[d][choice[d]];
      index = index ? b.add(b.mul(index, b.scalarLike(index, static_cast<double>(extents[d]))),
                            tap.index)
                    : tap.index;
      if (tap.weight)
        weight = weight ? b.mul(weight, tap.weight) : tap.weight;
      if (tap.inside)
        inside = inside ? b.binary<AndOp>(inside, tap.inside) : tap.inside;
    }
    Value term = takePoints(b, data, b.broadcast(index, points), batchDims);
    if (!term)
      return {};
    if (inside)
      term = b.select(b.unsqueeze(b.broadcast(inside, points), points.size()), term,
                      b.scalarLike(term, 0.0));
    if (weight)
      term = b.mul(
          term, b.cast(b.unsqueeze(b.broadcast(weight, points), points.size()), B::element(term)));
    sum = sum ? b.add(sum, term) : term;
    size_t d = taps.size();
    while (d > 0 && ++choice[d - 1] == taps[d - 1].size())
      choice[--d] = 0;
    if (d == 0)
      return sum;
  }
}

/// [batch…, C, spatial…] as [batch…, S, C].
static Value channelsLast(GraphBuilder &b, Value value, int64_t batchDims) {
  if (!value)
    return {};
  ArrayRef<int64_t> shape = B::shape(value);
  Ints flat(shape.take_front(batchDims + 1)), perm;
  int64_t spatial = 1;
  for (int64_t extent : shape.drop_front(batchDims + 1))
    spatial *= extent;
  flat.push_back(spatial);
  for (int64_t dim = 0; dim < batchDims; ++dim)
    perm.push_back(dim);
  perm.append({batchDims + 1, batchDims});
  return b.transpose(b.reshape(value, flat), perm);
}

/// The last dim moved to position `to`.
static Value moveLast(GraphBuilder &b, Value value, int64_t to) {
  if (!value)
    return {};
  Ints perm;
  for (int64_t dim = 0; dim + 1 < B::rank(value); ++dim)
    perm.push_back(dim);
  perm.insert(perm.begin() + to, B::rank(value) - 1);
  return b.transpose(value, perm);
}

Value ingot::gridSample(GraphBuilder &b, Value input, Value grid, SampleMode mode,
                        SamplePadding padding, bool alignCorners) {
  if (!input || !grid)
    return {};
  int64_t spatial = B::rank(input) - 2;
  if (spatial < 1 || B::rank(grid) != B::rank(input) || B::shape(grid).back() != spatial ||
      B::shape(grid)[0] != B::shape(input)[0])
    return b.fail("cannot sample " + shapeName(B::shape(input)) + " at a grid of shape " +
                  shapeName(B::shape(grid)));
  ArrayRef<int64_t> extents = B::shape(input).drop_front(2), points = B::shape(grid).drop_back();
  if (llvm::is_contained(extents, 0))
    return b.fail("cannot sample an empty input");
  if (B::element(grid).getIntOrFloatBitWidth() < 32)
    grid = b.cast(grid, b.ops().getF32Type());
  SmallVector<SmallVector<Tap>> taps;
  for (int64_t d = 0; d < spatial; ++d) {
    auto extent = static_cast<double>(extents[d]);
    // The grid's last dim names the innermost dim first.
    Value x = b.reshape(b.slice(grid, spatial + 1, spatial - 1 - d, 1), points);
    Value shifted = b.add(x, b.scalarLike(x, 1.0));
    x = alignCorners ? b.scale(shifted, (extent - 1) / 2)
                     : b.scale(b.sub(b.scale(shifted, extent), b.scalarLike(x, 1.0)), 0.5);
    double low = alignCorners ? 0.0 : -0.5, high = low + (alignCorners ? extent - 1 : extent);
    if (mode == SampleMode::Nearest)
      x = b.create<RoundOp>(x);
    // Of a cubic point its neighbours are moved, not the point: it may lie between the border and
    // the neighbour beyond.
    if (padding == SamplePadding::Border && mode != SampleMode::Cubic)
      x = b.clamp(x, 0.0, extent - 1);
    else if (padding == SamplePadding::Reflection)
      x = reflect(b, x, low, high);
    taps.push_back(tapsOf(b, x, extents[d], mode, padding, low, high));
  }
  return moveLast(b, sumOfTaps(b, channelsLast(b, input, 1), taps, extents, points, 1), 1);
}

Value ingot::affineGrid(GraphBuilder &b, Value theta, ArrayRef<int64_t> extents,
                        bool alignCorners) {
  int64_t spatial = extents.size();
  if (!theta)
    return {};
  if (B::rank(theta) != 3 || B::shape(theta)[1] != spatial || B::shape(theta)[2] != spatial + 1)
    return b.fail("needs matrices of " + Twine(spatial) + " rows and " + Twine(spatial + 1) +
                  " columns, but got shape " + shapeName(B::shape(theta)));
  int64_t batch = B::shape(theta)[0];
  Ints column(spatial + 2, 1);
  column[0] = batch;
  column.back() = spatial;
  auto coefficient = [&](int64_t j) { return b.reshape(b.slice(theta, 2, j, 1), column); };
  Value sum = coefficient(spatial);
  for (int64_t j = 0; j < spatial; ++j) {
    // Coordinate j of the point belongs to dim spatial - 1 - j: the innermost comes first.
    int64_t dim = spatial - 1 - j;
    auto extent = static_cast<double>(extents[dim]);
    double step = alignCorners ? (extent > 1 ? 2 / (extent - 1) : 0.0) : 2 / extent;
    double start = alignCorners ? (extent > 1 ? -1.0 : 0.0) : -1 + step / 2;
    Ints line(spatial + 2, 1);
    line[1 + dim] = extents[dim];
    Value at = b.iota(b.tensorType(line, B::element(theta)), 1 + dim, start, step);
    sum = b.add(b.mul(at, coefficient(j)), sum);
  }
  Ints shape{batch};
  shape.append(extents.begin(), extents.end());
  shape.push_back(spatial);
  return b.broadcast(sum, shape);
}

Value ingot::roiAlign(GraphBuilder &b, Value input, Value rois, Value batchIndices,
                      const RoiAlignSpec &spec) {
  if (!input || !rois || !batchIndices)
    return {};
  if (B::rank(input) != 4 || B::rank(rois) != 2 || B::shape(rois)[1] != 4 ||
      B::type(batchIndices).getNumElements() != B::shape(rois)[0])
    return b.fail("needs an input of rank 4, boxes [R, 4] and R batch indices, but got " +
                  shapeName(B::shape(input)) + ", " + shapeName(B::shape(rois)) + " and " +
                  shapeName(B::shape(batchIndices)));
  int64_t count = B::shape(rois)[0], samples = spec.samples;
  ArrayRef<int64_t> shape = B::shape(input);
  Value scaled = b.sub(b.scale(rois, spec.scale), b.scalarLike(rois, spec.halfPixel ? 0.5 : 0.0));
  Type i64 = b.ops().getI64Type();
  SmallVector<SmallVector<Tap>> taps;
  Value outside;
  int64_t out[] = {spec.height, spec.width};
  for (int d = 0; d < 2; ++d) {
    // A box is x1, y1, x2, y2.
    Value start = b.slice(scaled, 1, 1 - d, 1), end = b.slice(scaled, 1, 3 - d, 1);
    Value size = b.sub(end, start);
    if (!spec.halfPixel)
      size = b.binary<MaxOp>(size, b.scalarLike(size, 1.0));
    // Sample k of a dim lies in bin k / samples.
    int64_t steps = out[d] * samples;
    auto extent = static_cast<double>(shape[2 + d]);
    Value k = b.iota(b.tensorType({1, steps}, B::element(rois)), 1, 0.5, 1.0);
    Value at = b.add(start, b.mul(k, b.scale(size, 1.0 / static_cast<double>(steps))));
    Ints spread{count, d ? 1 : steps, d ? steps : 1};
    at = b.reshape(at, spread);
    Value off = b.binary<OrOp>(b.cmp(CmpKind::Lt, at, b.scalarLike(at, -1.0)),
                               b.cmp(CmpKind::Gt, at, b.scalarLike(at, extent)));
    outside = outside ? b.binary<OrOp>(outside, off) : off;
    at = b.clamp(at, 0.0, extent - 1);
    Value low = b.create<FloorOp>(at), t = b.sub(at, low);
    Value next = b.clamp(b.add(low, b.scalarLike(low, 1.0)), 0.0, extent - 1);
    taps.push_back(
        {Tap{b.cast(low, i64), b.sub(b.scalarLike(t, 1.0), t), {}}, Tap{b.cast(next, i64), t, {}}});
  }
  // All images as one long map; the batch index is the outermost coordinate.
  Value batch = b.reshape(b.cast(batchIndices, i64), {count, 1, 1});
  Value image = b.mul(batch, b.scalar(i64, static_cast<double>(shape[2] * shape[3])));
  Value data = b.reshape(channelsLast(b, input, 1), {shape[0] * shape[2] * shape[3], shape[1]});
  Ints points{count, out[0] * samples, out[1] * samples};
  Value result;
  for (const Tap &y : taps[0])
    for (const Tap &x : taps[1]) {
      Value index = b.add(
          image, b.add(b.mul(y.index, b.scalar(i64, static_cast<double>(shape[3]))), x.index));
      Value weight = b.select(outside, b.scalarLike(y.weight, 0.0), b.mul(y.weight, x.weight));
      Value term = b.mul(takePoints(b, data, b.broadcast(index, points), 0),
                         b.cast(b.unsqueeze(weight, 3), B::element(input)));
      result = !result ? term : spec.maximum ? b.binary<MaxOp>(result, term) : b.add(result, term);
    }
  result = b.reshape(result, {count, out[0], samples, out[1], samples, shape[1]});
  result = b.reduce(spec.maximum ? ReduceKind::Max : ReduceKind::Mean, result, {2, 4}, false);
  return moveLast(b, result, 1);
}

Value ingot::deformConv(GraphBuilder &b, Value input, Value filter, Value offset, Value bias,
                        Value mask, const DeformConvSpec &spec) {
  if (!input || !filter || !offset)
    return {};
  ArrayRef<int64_t> shape = B::shape(input), kernel = B::shape(filter);
  int64_t spatial = B::rank(input) - 2, offsetGroups = spec.offsetGroups, groups = spec.groups;
  if (spatial < 1 || B::rank(filter) != spatial + 2 || B::rank(offset) != spatial + 2)
    return b.fail("has an input, a filter and offsets of ranks " + Twine(B::rank(input)) + ", " +
                  Twine(B::rank(filter)) + " and " + Twine(B::rank(offset)));
  int64_t batch = shape[0], channels = shape[1], taps = 1, places = 1;
  for (int64_t extent : kernel.drop_front(2))
    taps *= extent;
  ArrayRef<int64_t> extents = shape.drop_front(2), out = B::shape(offset).drop_front(2);
  for (int64_t extent : out)
    places *= extent;
  if (offsetGroups < 1 || groups < 1 || channels % offsetGroups || channels != kernel[1] * groups ||
      kernel[0] % groups || B::shape(offset)[0] != batch ||
      B::shape(offset)[1] != offsetGroups * taps * spatial ||
      (mask && B::type(mask).getNumElements() != batch * offsetGroups * taps * places))
    return b.fail("has groups, offsets or a mask that do not fit an input of shape " +
                  shapeName(shape) + " and a filter of shape " + shapeName(kernel));
  // Everything per [batch, offset group, tap, place…].
  Ints points{batch, offsetGroups, taps};
  points.append(out.begin(), out.end());
  Ints withDim(points);
  withDim.insert(withDim.begin() + 3, spatial);
  Value offsets = b.reshape(offset, withDim);
  SmallVector<SmallVector<Tap>> neighbours;
  int64_t inner = taps;
  for (int64_t d = 0; d < spatial; ++d) {
    inner /= kernel[2 + d];
    Type element = B::element(offset);
    Ints place(points.size(), 1), tap(points.size(), 1), whole(points.size(), 1);
    place[3 + d] = out[d];
    Value at = b.iota(b.tensorType(place, element), 3 + d, static_cast<double>(-spec.pads[d]),
                      static_cast<double>(spec.strides[d]));
    // Tap k of the kernel has coordinate k / inner % kernel[d] along this dim.
    Ints split{taps / inner / kernel[2 + d], kernel[2 + d], inner};
    tap[2] = taps;
    Value position =
        b.iota(b.tensorType(split, element), 1, 0.0, static_cast<double>(spec.dilations[d]));
    at = b.add(at, b.reshape(position, tap));
    at = b.add(at, b.reshape(b.slice(offsets, 3, d, 1), points));
    neighbours.push_back(tapsOf(b, at, extents[d], SampleMode::Linear, SamplePadding::Zeros, 0, 0));
  }
  Ints grouped{batch, offsetGroups, channels / offsetGroups};
  grouped.append(extents.begin(), extents.end());
  Value data = channelsLast(b, b.reshape(input, grouped), 2);
  Value sampled = sumOfTaps(b, data, neighbours, extents, points, 2);
  if (mask && sampled)
    sampled = b.mul(sampled, b.unsqueeze(b.reshape(mask, points), points.size()));
  // [N, og, taps, places…, C/og] to columns [N, g, (C/g)·taps, places].
  if (!sampled)
    return {};
  sampled = b.reshape(sampled, {batch, offsetGroups, taps, places, channels / offsetGroups});
  sampled = b.transpose(sampled, {0, 1, 4, 2, 3});
  sampled = b.reshape(sampled, {batch, groups, kernel[1] * taps, places});
  Value weights = b.reshape(filter, {1, groups, kernel[0] / groups, kernel[1] * taps});
  Ints result{batch, kernel[0]};
  result.append(out.begin(), out.end());
  Value sum = b.reshape(b.matmul(weights, sampled), result);
  if (!bias)
    return sum;
  Ints perChannel(spatial + 1, 1);
  perChannel[0] = kernel[0];
  return b.add(sum, b.reshape(bias, perChannel));
}
