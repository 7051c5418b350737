// Resizes that `ingot.resize` does not express: antialiasing, regions, taps left out at the border.
//
// Positions and weights are known at import, so each dim is a gather of its taps, times the
// weights, summed.
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Resize.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Where output element `i` lies in the input, in the input's elements.
static double sourcePosition(const ResizeDim &dim, StringRef coordinates, int64_t i) {
  auto at = static_cast<double>(i), in = static_cast<double>(dim.in);
  double out = dim.scale * in; // not rounded
  if (coordinates == "align_corners")
    return out == 1 ? 0.0 : at * (in - 1) / (out - 1);
  if (coordinates == "asymmetric")
    return at / dim.scale;
  if (coordinates == "tf_crop_and_resize") {
    double first = dim.start * (in - 1), range = (dim.end - dim.start) * (in - 1);
    return out == 1 ? first + range / 2 : first + at * range / (out - 1);
  }
  if (coordinates == "pytorch_half_pixel" && out == 1)
    return -0.5;
  if (coordinates == "tf_half_pixel_for_nn")
    return (at + 0.5) / dim.scale;
  double x = (at + 0.5) / dim.scale - 0.5;
  if (coordinates == "half_pixel_symmetric")
    x += in / 2 * (1 - static_cast<double>(dim.out) / out);
  return x;
}

static double kernel(const ResizeTables &spec, double x) {
  x = std::abs(x);
  if (spec.mode == ResizeMode::Linear)
    return std::max(1 - x, 0.0);
  double a = spec.cubic;
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0.0;
}

static double roundedPosition(NearestMode mode, double x) {
  switch (mode) {
  case NearestMode::RoundPreferFloor:
    return std::ceil(x - 0.5);
  case NearestMode::RoundPreferCeil:
    return std::floor(x + 0.5);
  case NearestMode::Floor:
    return std::floor(x);
  case NearestMode::Ceil:
    return std::ceil(x);
  }
  return x;
}

using Taps = SmallVector<std::pair<int64_t, double>>;

static Taps tapsAt(const ResizeTables &spec, const ResizeDim &dim, double x) {
  auto clamped = [&](double i) {
    return static_cast<int64_t>(std::clamp(i, 0.0, static_cast<double>(dim.in - 1)));
  };
  if (spec.mode == ResizeMode::Nearest)
    return {{clamped(roundedPosition(spec.nearest, x)), 1.0}};
  double stretch = spec.antialias ? std::min(dim.scale, 1.0) : 1.0;
  double support = (spec.mode == ResizeMode::Linear ? 1.0 : 2.0) / stretch, sum = 0;
  Taps taps;
  for (double i = std::floor(x - support) + 1; i < x + support; ++i) {
    double weight = kernel(spec, (i - x) * stretch);
    bool outside = i < 0 || i > static_cast<double>(dim.in - 1);
    if (weight == 0 || (outside && spec.excludeOutside))
      continue;
    taps.push_back({clamped(i), weight});
    sum += weight;
  }
  if (taps.empty())
    taps.push_back({clamped(std::round(x)), 1.0});
  else if ((spec.antialias || spec.excludeOutside) && sum != 0)
    for (auto &[i, weight] : taps)
      weight /= sum;
  return taps;
}

static Value constantOf(GraphBuilder &b, ArrayRef<int64_t> shape, Type type, const void *values,
                        size_t bytes) {
  const char *data = static_cast<const char *>(values);
  return b.constant(b.tensorType(shape, type), std::vector<char>(data, data + bytes));
}

/// One dim resampled.
static Value resample(GraphBuilder &b, const ResizeTables &spec, const ResizeDim &dim, int64_t axis,
                      Value value) {
  SmallVector<Taps> rows;
  SmallVector<int64_t> inside;
  size_t width = 1;
  for (int64_t i = 0; i < dim.out; ++i) {
    double x = sourcePosition(dim, spec.coordinates, i);
    inside.push_back(x >= 0 && x <= static_cast<double>(dim.in - 1));
    rows.push_back(tapsAt(spec, dim, x));
    width = std::max(width, rows.back().size());
  }
  if (width * rows.size() > static_cast<size_t>(kMaxReadElements))
    return b.fail("has too many taps");
  SmallVector<int64_t> indices;
  SmallVector<double> weights;
  bool plain = width == 1;
  for (const Taps &taps : rows)
    for (size_t t = 0; t < width; ++t) {
      indices.push_back(taps[std::min(t, taps.size() - 1)].first);
      weights.push_back(t < taps.size() ? taps[t].second : 0.0);
      plain &= weights.back() == 1.0;
    }
  auto count = static_cast<int64_t>(width);
  Value index =
      constantOf(b, {dim.out, count}, b.ops().getI64Type(), indices.data(), indices.size() * 8);
  Value taken = b.create<GatherOp>(value, index, axis);
  if (!taken)
    return {};
  Value result;
  if (plain) {
    result = b.squeeze(taken, axis + 1);
  } else {
    Ints shape(B::rank(taken), 1);
    shape[axis] = dim.out;
    shape[axis + 1] = count;
    Value factors = constantOf(b, shape, b.ops().getF64Type(), weights.data(), weights.size() * 8);
    result = b.reduce(ReduceKind::Sum, b.mul(taken, b.cast(factors, B::element(taken))), axis + 1,
                      false);
  }
  if (spec.coordinates != "tf_crop_and_resize" || !result)
    return result;
  Ints shape(B::rank(result), 1);
  shape[axis] = dim.out;
  Value mask = constantOf(b, shape, b.ops().getI64Type(), inside.data(), inside.size() * 8);
  return b.select(b.cmp(CmpKind::Ne, mask, b.scalarLike(mask, 0)), result,
                  b.scalarLike(result, spec.extrapolation));
}

LogicalResult onnximport::resizeByTables(OnnxNode &n, const ResizeTables &spec) {
  Value value = n.in(0);
  Type type = B::element(value);
  bool interpolates = spec.mode != ResizeMode::Nearest;
  if (interpolates && !isa<FloatType>(type))
    return n.unsupported("of " + elementName(type), "expected a float type");
  if (interpolates && type.getIntOrFloatBitWidth() < 32)
    value = n.b.cast(value, n.b.ops().getF32Type());
  for (auto [axis, dim] : llvm::enumerate(spec.dims)) {
    bool moves = dim.in != dim.out || dim.scale != 1.0 || dim.start != 0.0 || dim.end != 1.0;
    if (value && moves)
      value = resample(n.b, spec, dim, axis, value);
  }
  return n.set(n.b.cast(value, type));
}
