// Resize as an inline op: extents are static, so source positions and weights are tables made here.
#include "backends/common/EmitHelpers.h"
#include "backends/common/InlineEmitter.h"
#include <cmath>

using namespace mlir;

namespace ingot {

namespace {
/// Source indices and weights of each output index of one dim; `taps` entries per output index,
/// tap-major.
struct ResizeTable {
  int64_t taps = 1;
  SmallVector<int32_t> source;
  SmallVector<float> weight;
};
} // namespace

/// The position in the input that output index `i` stands for. Computed in f32, as the sources of
/// models do: a nearest resize depends on it.
static float sourcePosition(CoordinateMode mode, int64_t i, float scale, int64_t in, int64_t out) {
  switch (mode) {
  case CoordinateMode::HalfPixel:
    return (static_cast<float>(i) + 0.5f) / scale - 0.5f;
  case CoordinateMode::PytorchHalfPixel:
    return out > 1 ? (static_cast<float>(i) + 0.5f) / scale - 0.5f : 0.0f;
  case CoordinateMode::AlignCorners:
    return out == 1
               ? 0.0f
               : static_cast<float>(i) * static_cast<float>(in - 1) / static_cast<float>(out - 1);
  case CoordinateMode::Asymmetric:
    return static_cast<float>(i) / scale;
  }
  llvm_unreachable("unknown coordinate mode");
}

static float nearest(NearestMode mode, float x) {
  switch (mode) {
  case NearestMode::RoundPreferFloor:
    return std::ceil(x - 0.5f);
  case NearestMode::RoundPreferCeil:
    return std::floor(x + 0.5f);
  case NearestMode::Floor:
    return std::floor(x);
  case NearestMode::Ceil:
    return std::ceil(x);
  }
  llvm_unreachable("unknown nearest mode");
}

static ResizeTable tableOf(ResizeOp op, unsigned dim, int64_t in, int64_t out) {
  ResizeTable table;
  table.taps = op.getMode() == ResizeMode::Nearest ? 1 : op.getMode() == ResizeMode::Linear ? 2 : 4;
  table.source.resize(table.taps * out);
  table.weight.resize(table.taps * out, 1.0f);
  float scale = static_cast<float>(op.getScales()[dim]);
  auto clamp = [&](double i) {
    return static_cast<int32_t>(std::min<double>(std::max(i, 0.0), in - 1));
  };
  for (int64_t i = 0; i < out; ++i) {
    float x = sourcePosition(op.getCoordinates(), i, scale, in, out);
    if (table.taps == 1) {
      table.source[i] = clamp(nearest(op.getNearest(), x));
    } else if (table.taps == 2) {
      x = std::min(std::max(x, 0.0f), static_cast<float>(in - 1));
      float low = std::floor(x);
      table.source[i] = clamp(low);
      table.source[out + i] = clamp(low + 1);
      table.weight[i] = 1.0f - (x - low);
      table.weight[out + i] = x - low;
    } else {
      // Keys' cubic convolution with coefficient a; taps outside repeat the edge.
      double a = op.getCubicCoeff().convertToDouble(), low = std::floor(x), f = x - low;
      auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
      auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
      double weights[4] = {far(f + 1), near(f), near(1 - f), far(2 - f)};
      for (int t = 0; t < 4; ++t) {
        table.source[t * out + i] = clamp(low + t - 1);
        table.weight[t * out + i] = static_cast<float>(weights[t]);
      }
    }
  }
  return table;
}

Value InlineEmitter::resizeAt(ResizeOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  ArrayRef<int64_t> in = shapeOf(op.getInput()), out = shapeOf(op.getResult());
  Mixed m{builder, loc};
  // Interpolates dims from `dim` on, with those before it fixed in `input`.
  std::function<Value(unsigned, Point)> from = [&](unsigned dim, Point input) -> Value {
    while (dim < in.size() && in[dim] == out[dim] && op.getScales()[dim] == 1.0)
      ++dim;
    if (dim == in.size()) {
      Value v = at(op.getInput(), input, walk);
      return v && op.getMode() != ResizeMode::Nearest && isNarrowFloat(scalarType(v)) ? m.f32(v)
                                                                                      : v;
    }
    if (ShapedType::isDynamic(in[dim]) || ShapedType::isDynamic(out[dim])) {
      op.emitOpError("has no kernel for dim ")
          << dim << ", whose extent depends on the model's dims; fix it with --dim";
      return {};
    }
    ResizeTable table = tableOf(op, dim, in[dim], out[dim]);
    auto shape = RankedTensorType::get({table.taps, out[dim]}, builder.getI32Type());
    Value sources = globalConstant(builder, loc,
                                   DenseElementsAttr::get(shape, ArrayRef<int32_t>(table.source)));
    Value weights;
    if (table.taps > 1)
      weights = globalConstant(
          builder, loc,
          DenseElementsAttr::get(shape.clone(builder.getF32Type()), ArrayRef<float>(table.weight)));
    Value result;
    for (int64_t t = 0; t < table.taps; ++t) {
      Point entry{{{}, t, 0, {}}, point[dim]};
      Value source = load(loc, sources, entry, walk.lanes, walk.mask);
      Value index = arith::IndexCastOp::create(builder, loc,
                                               typeLike(source, builder.getIndexType()), source);
      Point next = input;
      next[dim] = isVector(index) ? LaneIndex{{}, 0, 0, index} : LaneIndex{index, 0, 0, {}};
      Value v = from(dim + 1, next);
      if (!v || table.taps == 1)
        return v;
      Value weight = m.toFloat(load(loc, weights, entry, walk.lanes, walk.mask), scalarType(v));
      Value term = m.op<arith::MulFOp>(v, weight);
      result = result ? m.op<arith::AddFOp>(result, term) : term;
    }
    return result;
  };
  if (op.getMode() != ResizeMode::Nearest && !isa<FloatType>(elementOf(op.getInput()))) {
    op.emitOpError("has no kernel for interpolating elements of type ")
        << elementOf(op.getInput()) << "; expected a float type";
    return {};
  }
  Value result = from(0, point);
  Type want = signless(elementOf(op.getResult()));
  return result && scalarType(result) != want ? m.toFloat(result, want) : result;
}

} // namespace ingot
