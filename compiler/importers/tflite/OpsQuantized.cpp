// Operators of one or two quantised operands as LiteRT's integer kernels compute them.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/Quantized.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;
using Activation = tflite::ActivationFunctionType;

/// Input `i` times 2^bits * factor (below 1).
static Value aligned(TfliteNode &n, size_t i, int bits, Factor by) {
  GraphBuilder &b = n.b;
  constexpr int kLow = 16;
  if (isWide(n) || kLow + bits < 31) {
    Type i64 = b.ops().getI64Type();
    Value wide = b.mul(centered(n, i, i64), b.scalar(i64, static_cast<double>(1 << bits)));
    return scaledExactly(b, wide, by);
  }
  // The factor's high and low bits apart: everything fits i32.
  Type i32 = b.ops().getI32Type();
  auto number = [&](int64_t value) { return b.scalar(i32, static_cast<double>(value)); };
  Value x = centered(n, i, i32);
  Value high = b.mul(x, number(by.mantissa >> kLow << (kLow + bits - 31)));
  Value low = b.mul(x, number(by.mantissa & ((1 << kLow) - 1)));
  Value sum = b.add(high, shiftRight(b, low, 31 - bits, /*away=*/false));
  return shiftRight(b, sum, -by.shift, /*away=*/true);
}

/// Both operands in steps of twice the larger scale / 2^bits, in i32.
static std::pair<Value, Value> aligned(TfliteNode &n, int bits) {
  double twice = 2 * std::max(scaleOf(n, 0), scaleOf(n, 1));
  return {aligned(n, 0, bits, fixedPoint(scaleOf(n, 0) / twice)),
          aligned(n, 1, bits, fixedPoint(scaleOf(n, 1) / twice))};
}

LogicalResult tfliteimport::quantizedSum(TfliteNode &n, bool subtract, Activation activation) {
  int bits = isWide(n) ? 15 : 20;
  auto [lhs, rhs] = aligned(n, bits);
  Value sum = n.b.cast(subtract ? n.b.sub(lhs, rhs) : n.b.add(lhs, rhs), n.b.ops().getI64Type());
  double twice = 2 * std::max(scaleOf(n, 0), scaleOf(n, 1));
  Factor back = fixedPoint(twice / (double(int64_t(1) << bits) * outputScale(n)));
  return setCentered(n, scaledExactly(n.b, sum, back), activation);
}

/// What kernels that compute in f32 find for the product of two scales by that of the result.
static double floatProduct(TfliteNode &n) {
  return n.quantization(0).scale.front() * n.quantization(1).scale.front() /
         n.outputQuantization().scale.front();
}
/// The same for one scale.
static float floatRatio(TfliteNode &n) {
  return n.quantization(0).scale.front() / n.outputQuantization().scale.front();
}

LogicalResult tfliteimport::quantizedProduct(TfliteNode &n, Activation activation) {
  Factor by = fixedPoint(floatProduct(n));
  Type type = isWide(n) ? Type(n.b.ops().getI64Type()) : n.b.ops().getF32Type();
  Value product = n.b.mul(centered(n, 0, type), centered(n, 1, type));
  return setCentered(
      n, isWide(n) ? scaledExactly(n.b, product, by) : scaled(n.b, product, by, Rounding::Away),
      activation);
}

LogicalResult tfliteimport::quantizedSquaredDifference(TfliteNode &n) {
  auto [lhs, rhs] = aligned(n, 7);
  Value difference = n.b.cast(n.b.sub(lhs, rhs), n.b.ops().getI64Type());
  double twice = 2 * std::max(scaleOf(n, 0), scaleOf(n, 1));
  Factor back = fixedPoint(twice * twice / (double(1 << 14) * outputScale(n)));
  return setCentered(n, scaledExactly(n.b, n.b.mul(difference, difference), back));
}

LogicalResult tfliteimport::quantizedCompare(TfliteNode &n, CmpKind kind) {
  Type i64 = n.b.ops().getI64Type();
  auto align = [&](size_t i) {
    Value wide = n.b.mul(centered(n, i, i64), n.b.scalar(i64, 256));
    return scaledExactly(n.b, wide, fixedPoint(scaleOf(n, i)));
  };
  return n.set(n.b.cmp(kind, align(0), align(1)));
}

/// Integers of input 0 times a factor: in f32 where it holds them, else exactly.
static Value rescaled(TfliteNode &n, Value x, Factor by) {
  return B::isFloat(x) ? scaled(n.b, x, by, Rounding::Away) : scaledExactly(n.b, x, by);
}

static Type arithmeticType(TfliteNode &n, size_t i = 0) {
  bool wide = isWide(n) || B::element(n.stored(i)).isInteger(16);
  return wide ? Type(n.b.ops().getI64Type()) : n.b.ops().getF32Type();
}

LogicalResult tfliteimport::quantizedRescale(TfliteNode &n, Activation activation) {
  Value x = centered(n, 0, arithmeticType(n));
  if (!x)
    return failure();
  return setCentered(n, rescaled(n, x, fixedPoint(scaleOf(n, 0) / outputScale(n))), activation);
}

LogicalResult tfliteimport::quantizedLeakyRelu(TfliteNode &n, float alpha) {
  Value x = centered(n, 0, arithmeticType(n));
  if (!x)
    return failure();
  float slope = n.quantization(0).scale.front() * alpha / n.outputQuantization().scale.front();
  Value isPositive = n.b.cmp(CmpKind::Ge, x, n.b.scalarLike(x, 0));
  return setCentered(n, n.b.select(isPositive, rescaled(n, x, fixedPoint(floatRatio(n))),
                                   rescaled(n, x, fixedPoint(slope))));
}

LogicalResult tfliteimport::quantizedPrelu(TfliteNode &n) {
  Value x = centered(n, 0, arithmeticType(n));
  Value slope = centered(n, 1, arithmeticType(n));
  if (!x || !slope)
    return failure();
  Value product = n.b.mul(x, slope);
  if (!product)
    return failure();
  Value isPositive = n.b.cmp(CmpKind::Ge, x, n.b.scalarLike(x, 0));
  return setCentered(n, n.b.select(isPositive, rescaled(n, x, fixedPoint(floatRatio(n))),
                                   rescaled(n, product, fixedPoint(floatProduct(n)))));
}

/// Halves of what is stored in u8 and u16 go away from zero too, so zero points stay.
LogicalResult tfliteimport::quantizedAverage(TfliteNode &n, Value average, Activation activation) {
  if (!average)
    return failure();
  // An average over an even number of elements may be a half that its division has missed by its
  // last bit; others are further away.
  Value rounded = roundAway(n.b, average, 0.5 + (isWide(n) ? 0x1p-8 : 0x1p-14));
  int64_t zero = n.outputQuantization().zeroPoint.front();
  Value value = rounded && zero ? n.b.sub(rounded, n.b.scalarLike(rounded, double(zero))) : rounded;
  return setCentered(n, value, activation);
}

/// The mean over the middle dims of four, as 1: sums of what is stored, the zero points apart.
static LogicalResult imageMean(TfliteNode &n, int64_t count) {
  GraphBuilder &b = n.b;
  Value sum = b.reduce(ReduceKind::Sum, b.cast(n.stored(0), b.ops().getF32Type()), {1, 2}, true);
  float in = n.quantization(0).scale.front(), out = n.outputQuantization().scale.front();
  Factor by = fixedPoint(in / (static_cast<float>(count) * out));
  auto offset = std::round(static_cast<float>(n.quantization(0).zeroPoint.front()) * in / out);
  bool isByte = n.outputElement().isUnsignedInteger();
  Value mean = scaled(b, sum, by, isByte ? Rounding::Away : Rounding::Up);
  return mean ? setCentered(n, b.sub(mean, b.scalarLike(mean, offset))) : failure();
}

LogicalResult tfliteimport::quantizedMean(TfliteNode &n, ArrayRef<int64_t> axes, bool keepDims) {
  ArrayRef<int64_t> shape = B::shape(n.stored(0));
  int64_t count = 1;
  for (int64_t axis : axes)
    count *= shape[axis];
  if (count == 0)
    return n.unsupported("mean of no elements", "expected extents above 0");
  if (keepDims && shape.size() == 4 && axes == ArrayRef<int64_t>{1, 2} && !isWide(n))
    return imageMean(n, count);
  // The count is part of the factor, with as many bits as there is room for.
  Factor by = fixedPoint(scaleOf(n, 0) / outputScale(n));
  int more = std::min({static_cast<int>(llvm::Log2_64(count)), 32, 31 + by.shift});
  by.mantissa = (by.mantissa << more) / count;
  by.shift -= more;
  Value sum = n.b.reduce(ReduceKind::Sum, centered(n, 0, sumType(n)), axes, keepDims);
  return setCentered(n, isWide(n) ? scaledExactly(n.b, n.b.cast(sum, n.b.ops().getI64Type()), by)
                                  : scaled(n.b, sum, by, Rounding::Away));
}

LogicalResult tfliteimport::quantizedTotal(TfliteNode &n, ArrayRef<int64_t> axes, bool keepDims) {
  Value sum = n.b.reduce(ReduceKind::Sum, centered(n, 0, sumType(n)), axes, keepDims);
  return setCentered(n, roundAway(n.b, n.b.scale(sum, scaleOf(n, 0) / outputScale(n))));
}

/// Along dim `axis`: element `first[i]` times 1024 - part[i], plus the next one (`second[i]`) times
/// part[i].
static Value interpolated(GraphBuilder &b, Value x, int64_t axis, int64_t extent, bool alignCorners,
                          bool halfPixelCenters) {
  constexpr int64_t kOne = 1024;
  int64_t have = B::shape(x)[axis];
  int64_t step = (kOne * have + extent / 2) / extent;
  if (alignCorners && extent > 1)
    step = (kOne * (have - 1) + (extent - 1) / 2) / (extent - 1);
  Ints first, second, part, rest, shape(B::rank(x), 1);
  for (int64_t i = 0; i < extent; ++i) {
    int64_t place = i * step + (halfPixelCenters ? step / 2 - kOne / 2 : 0);
    first.push_back(std::min(std::max<int64_t>(place / kOne, 0), have - 1));
    second.push_back(std::min((place + kOne - 1) / kOne, have - 1));
    part.push_back(place - kOne * first.back());
    rest.push_back(kOne - part.back());
  }
  shape[axis] = extent;
  auto term = [&](const Ints &places, const Ints &weights) {
    Value factor = b.cast(b.reshape(b.ints(weights), shape), B::element(x));
    return b.mul(b.create<GatherOp>(x, b.ints(places), axis), factor);
  };
  return b.add(term(first, rest), term(second, part));
}

LogicalResult tfliteimport::quantizedBilinear(TfliteNode &n, ArrayRef<int64_t> size,
                                              bool alignCorners, bool halfPixelCenters) {
  GraphBuilder &b = n.b;
  // What is stored is as good as what it stands for.
  Value x = b.cast(n.stored(0), isWide(n) ? b.ops().getI64Type() : b.ops().getI32Type());
  for (int64_t i = 0; i < 2 && x; ++i)
    x = interpolated(b, x, 1 + i, size[i], alignCorners, halfPixelCenters);
  Value result = shiftRight(b, x, 20, /*away=*/true);
  int64_t zero = n.outputQuantization().zeroPoint.front();
  if (zero && result)
    result = b.sub(result, b.scalarLike(result, static_cast<double>(zero)));
  return setCentered(n, result);
}
