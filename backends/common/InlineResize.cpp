// Resize as an inline op: source positions and weights are tables made here where extents are
// static, and computed where they are not.
#include "backends/common/EmitHelpers.h"
#include "backends/common/InlineEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"
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

namespace {
/// The arithmetic of one dim of a dynamic extent, on scalars or vectors of f32, as `tableOf` does
/// it.
struct ResizeMath {
  Mixed m;

  Value number(Value like, double value) const { return m.number(like, value); }
  Value floor(Value x) const { return math::FloorOp::create(m.b, m.loc, x); }
  Value ceil(Value x) const { return math::CeilOp::create(m.b, m.loc, x); }
  Value plus(Value x, double y) const { return m.op<arith::AddFOp>(x, number(x, y)); }
  Value minus(Value x, Value y) const { return m.op<arith::SubFOp>(x, y); }
  Value times(Value x, Value y) const { return m.op<arith::MulFOp>(x, y); }
  Value clamp(Value x, Value high) const {
    x = m.op<arith::MaximumFOp>(x, number(x, 0));
    return m.op<arith::MinimumFOp>(x, high);
  }

  /// See `sourcePosition`; `in` and `out` are the extents as f32.
  Value position(CoordinateMode mode, Value i, float scale, Value in, Value out) const {
    Value one = number(out, 1);
    Value several = arith::CmpFOp::create(m.b, m.loc, arith::CmpFPredicate::OGT, out, one);
    auto ifSeveral = [&](Value x) -> Value {
      Value zero = number(x, 0);
      return arith::SelectOp::create(m.b, m.loc, several, x, zero);
    };
    Value centre = plus(m.op<arith::DivFOp>(plus(i, 0.5), number(i, scale)), -0.5);
    switch (mode) {
    case CoordinateMode::HalfPixel:
      return centre;
    case CoordinateMode::PytorchHalfPixel:
      return ifSeveral(centre);
    case CoordinateMode::AlignCorners:
      return ifSeveral(m.op<arith::DivFOp>(times(i, minus(in, one)), minus(out, one)));
    case CoordinateMode::Asymmetric:
      return m.op<arith::DivFOp>(i, number(i, scale));
    }
    llvm_unreachable("unknown coordinate mode");
  }

  Value nearest(NearestMode mode, Value x) const {
    switch (mode) {
    case NearestMode::RoundPreferFloor:
      return ceil(plus(x, -0.5));
    case NearestMode::RoundPreferCeil:
      return floor(plus(x, 0.5));
    case NearestMode::Floor:
      return floor(x);
    case NearestMode::Ceil:
      return ceil(x);
    }
    llvm_unreachable("unknown nearest mode");
  }

  /// Weights of Keys' cubic convolution, `f` from the second tap.
  SmallVector<Value> cubic(double a, Value f) const {
    auto near = [&](Value d) {
      Value y = plus(times(d, number(d, a + 2)), -(a + 3));
      return plus(times(times(y, d), d), 1);
    };
    auto far = [&](Value d) {
      Value y = plus(times(d, number(d, a)), -5 * a);
      return plus(times(plus(times(y, d), 8 * a), d), -4 * a);
    };
    Value one = number(f, 1), two = number(f, 2);
    return {far(plus(f, 1)), near(f), near(minus(one, f)), far(minus(two, f))};
  }
};
} // namespace

Value InlineEmitter::resizeDynamicDim(ResizeOp op, unsigned dim, const LaneIndex &index, Walk walk,
                                      llvm::function_ref<Value(LaneIndex)> at) {
  Location loc = op.getLoc();
  ResizeMath r{{builder, loc}};
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  auto extent = [&](Value tensor) -> Value {
    Value i = math.value(loc, extentsOf(tensor)[dim]);
    return arith::SIToFPOp::create(builder, loc, f32,
                                   arith::IndexCastOp::create(builder, loc, i32, i));
  };
  Value in = extent(op.getInput()), out = extent(op.getResult()), last = r.plus(in, -1);
  Value i = index.uniform() ? scalar(loc, index) : vectorOf(loc, index, walk.lanes);
  i = arith::IndexCastOp::create(builder, loc, typeLike(i, i32), i);
  i = arith::SIToFPOp::create(builder, loc, typeLike(i, f32), i);
  Value x = r.position(op.getCoordinates(), i, static_cast<float>(op.getScales()[dim]), in, out);
  // The element at a position that is a whole number.
  auto tap = [&](Value position) {
    Value source = r.clamp(position, last);
    source = arith::FPToSIOp::create(builder, loc, typeLike(source, i32), source);
    source =
        arith::IndexCastOp::create(builder, loc, typeLike(source, builder.getIndexType()), source);
    return at(isVector(source) ? LaneIndex{{}, 0, 0, source} : LaneIndex{source, 0, 0, {}});
  };
  if (op.getMode() == ResizeMode::Nearest)
    return tap(r.nearest(op.getNearest(), x));
  bool linear = op.getMode() == ResizeMode::Linear;
  if (linear)
    x = r.clamp(x, last);
  Value low = r.floor(x), f = r.minus(x, low);
  SmallVector<Value> weights = linear ? SmallVector<Value>{r.minus(r.number(f, 1), f), f}
                                      : r.cubic(op.getCubicCoeff().convertToDouble(), f);
  Value result;
  for (auto [t, weight] : llvm::enumerate(weights)) {
    Value v = tap(r.plus(low, linear ? double(t) : double(t) - 1));
    if (!v)
      return {};
    Value term = r.times(v, r.m.toFloat(weight, scalarType(v)));
    result = result ? r.m.op<arith::AddFOp>(result, term) : term;
  }
  return result;
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
    if (ShapedType::isDynamic(in[dim]) || ShapedType::isDynamic(out[dim]))
      return resizeDynamicDim(op, dim, point[dim], walk, [&](LaneIndex source) {
        Point next = input;
        next[dim] = source;
        return from(dim + 1, next);
      });
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
