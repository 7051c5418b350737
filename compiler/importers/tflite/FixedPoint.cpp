// The arithmetic of LiteRT's integer kernels in graph ops.
#include "compiler/importers/tflite/FixedPoint.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;
using Activation = tflite::ActivationFunctionType;

/// A rank-0 i64.
static Value integer(GraphBuilder &b, int64_t value) { return b.reshape(b.ints(value), {}); }

Factor tfliteimport::fixedPoint(double factor) {
  Factor result;
  if (factor == 0 || !std::isfinite(factor))
    return result;
  result.mantissa = std::llround(std::frexp(factor, &result.shift) * 0x1p31);
  if (result.mantissa == int64_t(1) << 31) {
    result.mantissa /= 2;
    ++result.shift;
  }
  // What rounds to 0 anyway; what saturates anyway.
  if (result.shift < -31)
    return {};
  result.shift = std::min(result.shift, 30);
  return result;
}

/// A number, or one for each element of the last dim.
static Value numbers(GraphBuilder &b, ArrayRef<Factor> by, Type element,
                     llvm::function_ref<double(Factor)> number) {
  if (by.size() == 1)
    return b.scalar(element, number(by.front()));
  std::vector<char> bytes;
  for (Factor factor : by) {
    double wide = number(factor);
    auto narrow = static_cast<float>(wide);
    auto *data = element.isF32() ? reinterpret_cast<const char *>(&narrow)
                                 : reinterpret_cast<const char *>(&wide);
    bytes.insert(bytes.end(), data, data + (element.isF32() ? sizeof(narrow) : sizeof(wide)));
  }
  return b.constant(b.tensorType(static_cast<int64_t>(by.size()), element), std::move(bytes));
}

Value tfliteimport::scaled(GraphBuilder &b, Value x, ArrayRef<Factor> by, Rounding rounding) {
  if (!x)
    return {};
  Type element = B::element(x);
  auto whole = [](Factor f) { return std::ldexp(double(f.mantissa), f.shift - 31); };
  auto first = [](Factor f) { return std::ldexp(double(f.mantissa), std::max(f.shift, 0) - 31); };
  auto second = [](Factor f) { return std::ldexp(1.0, std::min(f.shift, 0)); };
  bool steps = llvm::any_of(by, [](Factor f) { return f.shift < 0; });
  Value half = b.scalar(element, 0.5);
  auto up = [&](Value value) -> Value {
    Value sum = b.add(value, half);
    return sum ? b.create<FloorOp>(sum) : Value();
  };
  if (rounding == Rounding::Once)
    return up(b.mul(x, numbers(b, by, element, whole)));
  Value value = up(b.mul(x, numbers(b, by, element, first)));
  if (!steps || !value)
    return value;
  Value quotient = b.mul(value, numbers(b, by, element, second));
  if (rounding == Rounding::Up)
    return up(quotient);
  // `value` is an integer: half of its sign.
  Value sum = b.add(quotient, b.clamp(value, -0.5, 0.5));
  return sum ? b.create<TruncOp>(sum) : Value();
}

Value tfliteimport::shiftRight(GraphBuilder &b, Value x, int bits, bool away) {
  if (bits == 0 || !x)
    return x;
  Type type = B::element(x);
  Value nudge = b.scalar(type, static_cast<double>(int64_t(1) << (bits - 1)));
  // -1 for negative numbers, whose halves go down.
  if (away)
    nudge = b.add(floorShift(b, x, static_cast<int>(type.getIntOrFloatBitWidth()) - 1), nudge);
  return floorShift(b, b.add(x, nudge), bits);
}

Value tfliteimport::floorShift(GraphBuilder &b, Value x, int bits) {
  return b.binary<ShrOp>(x, b.scalarLike(x, bits));
}

Value tfliteimport::scaledExactly(GraphBuilder &b, Value x, Factor by) {
  Value factor = integer(b, by.mantissa << std::max(by.shift, 0));
  Value product = shiftRight(b, b.mul(x, factor), 31, /*away=*/false);
  return shiftRight(b, b.cast(product, b.ops().getI32Type()), std::max(-by.shift, 0),
                    /*away=*/true);
}

Value tfliteimport::scaledBy15Bits(GraphBuilder &b, Value x, ArrayRef<Factor> by) {
  SmallVector<Factor> narrow;
  for (Factor factor : by) {
    int64_t upper = factor.mantissa < 0x7fff0000 ? (factor.mantissa + (1 << 15)) >> 16 : 0x7fff;
    narrow.push_back({upper << 16, factor.shift});
  }
  return scaled(b, x, narrow, Rounding::Once);
}

Value tfliteimport::roundAway(GraphBuilder &b, Value x, double half) {
  if (!x)
    return {};
  Value away = b.mul(b.create<SignOp>(x), b.scalarLike(x, half));
  Value sum = b.add(x, away);
  return sum ? b.create<TruncOp>(sum) : Value();
}

//===----------------------------------------------------------------------===//
// operands and results
//===----------------------------------------------------------------------===//

static bool isFixedPoint(const Quantization &by, Type element) {
  return by.scale.size() == 1 && by.scale.front() > 0 &&
         (element.isInteger(8) || element.isInteger(16));
}

bool tfliteimport::isFixedPoint(TfliteNode &n, size_t inputs) {
  for (size_t i = 0; i < inputs; ++i)
    if (!n.has(i) || !n.stored(i) || !::isFixedPoint(n.quantization(i), B::element(n.stored(i))))
      return false;
  return n.numOutputs() > 0 && ::isFixedPoint(n.outputQuantization(), n.outputElement());
}

Value tfliteimport::centered(TfliteNode &n, size_t i, Type element) {
  if (isa<FloatType>(element))
    return n.b.cast(n.dequantizedBy(n.stored(i), n.quantization(i).withoutScale(), {}), element);
  Value value = n.b.cast(n.stored(i), element);
  int64_t zero = n.quantization(i).zeroPoint.front();
  return zero && value ? n.b.sub(value, n.b.scalar(element, static_cast<double>(zero))) : value;
}

Value tfliteimport::centered(TfliteNode &n, size_t i, Type element, ArrayRef<int64_t> perm) {
  return n.b.cast(
      n.dequantizedBy(n.b.transpose(n.stored(i), perm), n.quantization(i).withoutScale(), perm),
      element);
}

bool tfliteimport::isFixedPointProduct(TfliteNode &n, size_t lhs, size_t rhs) {
  auto isPositive = [](float scale) { return scale > 0; };
  return n.has(lhs) && n.has(rhs) && n.stored(lhs) && n.stored(rhs) &&
         ::isFixedPoint(n.quantization(lhs), B::element(n.stored(lhs))) && n.quantization(rhs) &&
         llvm::all_of(n.quantization(rhs).scale, isPositive) && n.numOutputs() > 0 &&
         ::isFixedPoint(n.outputQuantization(), n.outputElement());
}

Type tfliteimport::sumType(TfliteNode &n) {
  return isWide(n) ? Type(n.b.ops().getF64Type()) : n.b.ops().getF32Type();
}

FailureOr<Value> tfliteimport::integerBias(TfliteNode &n, size_t i) {
  if (!n.has(i))
    return Value();
  Value value = n.stored(i);
  if (value && !isa<IntegerType>(B::element(value)))
    return n.error("has a bias of " + elementName(B::element(value)) + " for integers");
  value = n.b.cast(value, sumType(n));
  if (!value)
    return failure();
  return value;
}

LogicalResult tfliteimport::setSums(TfliteNode &n, Value sums, size_t lhs, size_t rhs,
                                    Rounding rounding, bool product, Activation activation) {
  if (!sums)
    return failure();
  const SmallVector<float, 1> &scales = n.quantization(rhs).scale;
  if (scales.size() > 1 && B::shape(sums).back() != static_cast<int64_t>(scales.size()))
    return n.error("has " + Twine(scales.size()) + " scales for " + Twine(B::shape(sums).back()) +
                   " channels");
  SmallVector<Factor> factors;
  float left = n.quantization(lhs).scale.front();
  for (float scale : scales)
    factors.push_back(fixedPoint(
        (product && scales.size() == 1 ? double(left * scale) : double(left) * double(scale)) /
        outputScale(n)));
  // Kernels of 16-bit operands do not hold the whole factor, except where they round once.
  Value value = isWide(n) && rounding != Rounding::Once ? scaledBy15Bits(n.b, sums, factors)
                                                        : scaled(n.b, sums, factors, rounding);
  return setCentered(n, value, activation);
}

LogicalResult tfliteimport::setCentered(TfliteNode &n, Value value, Activation activation) {
  GraphBuilder &b = n.b;
  const Quantization &by = n.outputQuantization();
  int64_t zero = by.zeroPoint.front();
  unsigned width = n.outputElement().getIntOrFloatBitWidth();
  bool isUnsigned = n.outputElement().isUnsignedInteger();
  auto low = static_cast<double>((isUnsigned ? 0 : -(int64_t(1) << (width - 1))) - zero);
  auto high = static_cast<double>((int64_t(1) << (width - (isUnsigned ? 0 : 1))) - 1 - zero);
  if (!value)
    return failure();
  auto stored = [&](float real) {
    return static_cast<double>(std::round(real / by.scale.front()));
  };
  switch (activation) {
  case Activation::NONE:
    break;
  case Activation::RELU:
    low = std::max(low, 0.0);
    break;
  case Activation::RELU6:
    low = std::max(low, 0.0);
    high = std::min(high, stored(6));
    break;
  case Activation::RELU_N1_TO_1:
    low = std::max(low, stored(-1));
    high = std::min(high, stored(1));
    break;
  default:
    return n.unsupported("fused activation " + Twine(static_cast<int>(activation)),
                         "expected NONE, RELU, RELU_N1_TO_1 or RELU6 between integers");
  }
  // A cast of floats saturates.
  if (activation != Activation::NONE || !B::isFloat(value))
    value = b.clamp(value, low, high);
  if (zero != 0 && value)
    value = b.add(value, b.scalarLike(value, static_cast<double>(zero)));
  return n.set(b.cast(value, n.outputElement()));
}
