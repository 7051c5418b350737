// Conversions between a tensor's bytes and the wide types that the evaluator computes in.
#include "compiler/evaluator/TensorValue.h"

#include "ir/graph/WeightStore.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"
#include <bit>
#include <cmath>
#include <cstring>

using namespace mlir;
using llvm::APFloat;

namespace ingot {

llvm::Expected<uint64_t> tensorBytes(RankedTensorType type) {
  Type element = type.getElementType();
  bool known = false;
  if (auto integer = llvm::dyn_cast<IntegerType>(element))
    known = integer.getWidth() >= 1 && integer.getWidth() <= 64 &&
            (integer.getWidth() <= 8 || llvm::isPowerOf2_32(integer.getWidth()));
  else if (auto real = llvm::dyn_cast<FloatType>(element))
    known = real.getWidth() <= 8 || real.isF16() || real.isBF16() || real.isF32() || real.isF64();
  auto fail = [&](llvm::Twine text) {
    return llvm::createStringError(text + " of " + llvm::Twine(type.getRank()) + " dims");
  };
  if (!known)
    return fail("cannot evaluate a tensor of this element type,");
  uint64_t bytes = storedElementBytes(element);
  for (int64_t extent : type.getShape()) {
    if (ShapedType::isDynamic(extent))
      return fail("cannot evaluate a tensor with an unknown extent,");
    if (extent == 0)
      return uint64_t(0);
  }
  for (int64_t extent : type.getShape()) {
    if ((uint64_t)extent > kMaxTensorBytes / bytes)
      return fail("cannot evaluate a tensor of more than 4 GiB,");
    bytes *= extent;
  }
  return bytes;
}

namespace {

/// The double that a 16-bit float of `exponentBits` exponent bits stands for.
double decode16(uint16_t bits, int exponentBits) {
  int mantissaBits = 15 - exponentBits, bias = (1 << (exponentBits - 1)) - 1;
  int exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1),
      mantissa = bits & ((1 << mantissaBits) - 1);
  double value;
  if (exponent == (1 << exponentBits) - 1)
    value = mantissa ? std::numeric_limits<double>::quiet_NaN()
                     : std::numeric_limits<double>::infinity();
  else if (exponent == 0)
    value = std::ldexp(mantissa, 1 - bias - mantissaBits);
  else
    value = std::ldexp(mantissa | (1 << mantissaBits), exponent - bias - mantissaBits);
  return bits & 0x8000 ? -value : value;
}

/// The nearest 16-bit float, ties to even.
uint16_t encode16(double value, int exponentBits) {
  int mantissaBits = 15 - exponentBits, bias = (1 << (exponentBits - 1)) - 1,
      special = (1 << exponentBits) - 1;
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value))
    return sign | (special << mantissaBits) | (1 << (mantissaBits - 1));
  double magnitude = std::fabs(value);
  if (magnitude == 0)
    return sign;
  int exponent = std::isinf(value) ? bias + 2 : std::ilogb(magnitude);
  if (exponent > bias)
    return sign | (special << mantissaBits);
  // Scaled so that one unit is the last place; rounding up may carry into the exponent, as it
  // should.
  int unit = std::max(exponent, 1 - bias) - mantissaBits;
  auto mantissa = (uint32_t)std::nearbyint(std::ldexp(magnitude, -unit));
  int field = exponent < 1 - bias ? 0 : exponent + bias;
  uint32_t bits = field == 0 ? mantissa : ((uint32_t)(field - 1) << mantissaBits) + mantissa;
  return sign | (uint16_t)std::min<uint32_t>(bits, special << mantissaBits);
}

double decodeAny(uint8_t bits, const llvm::fltSemantics &semantics) {
  unsigned width = APFloat::getSizeInBits(semantics);
  APFloat value(semantics, llvm::APInt(width, bits & ((1u << width) - 1)));
  bool lost;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToDouble();
}

uint8_t encodeAny(double real, const llvm::fltSemantics &semantics) {
  APFloat value(real);
  bool lost;
  if (!APFloat::semanticsHasZero(semantics)) {
    // An exponent alone: what is not positive has none; ties to the even one.
    if (std::isnan(real) || real < 0)
      return 0xff;
    int exponent;
    double fraction = std::frexp(std::min(real, 0x1p127), &exponent); // [0.5, 1)
    bool up = fraction > 0.75 || (fraction == 0.75 && (exponent - 1 + 127) % 2);
    return (uint8_t)(real == 0 ? 0 : std::clamp(exponent - 1 + up + 127, 0, 254));
  }
  if (!APFloat::semanticsHasNaN(semantics) && !std::isfinite(real))
    value = APFloat(std::isnan(real) ? -0.0 : std::copysign(0x1p100, real)); // the largest number
  value.convert(semantics, APFloat::rmNearestTiesToEven, &lost);
  return (uint8_t)value.bitcastToAPInt().getZExtValue();
}

template <class T> T loadAt(const char *data, size_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

/// Calls `body` with a function index → element of its own C++ type.
template <class Body> void withLoader(const TensorValue &value, Body body) {
  const char *data = value.raw().data();
  Type element = value.type.getElementType();
  if (auto real = llvm::dyn_cast<FloatType>(element)) {
    if (real.isF32())
      return body([=](size_t i) { return loadAt<float>(data, i); });
    if (real.isF64())
      return body([=](size_t i) { return loadAt<double>(data, i); });
    if (real.isF16())
      return body([=](size_t i) { return decode16(loadAt<uint16_t>(data, i), 5); });
    if (real.isBF16())
      return body([=](size_t i) { return decode16(loadAt<uint16_t>(data, i), 8); });
    const llvm::fltSemantics &semantics = real.getFloatSemantics();
    return body(
        [=, &semantics](size_t i) { return decodeAny(loadAt<uint8_t>(data, i), semantics); });
  }
  auto integer = llvm::cast<IntegerType>(element);
  unsigned width = integer.getWidth();
  if (width == 1)
    return body([=](size_t i) -> int8_t { return data[i] != 0; });
  if (integer.isUnsigned()) {
    if (width == 64)
      return body([=](size_t i) { return loadAt<uint64_t>(data, i); });
    if (width == 32)
      return body([=](size_t i) { return loadAt<uint32_t>(data, i); });
    if (width == 16)
      return body([=](size_t i) { return loadAt<uint16_t>(data, i); });
    return body(
        [=](size_t i) -> uint8_t { return loadAt<uint8_t>(data, i) & ((1u << width) - 1); });
  }
  if (width == 64)
    return body([=](size_t i) { return loadAt<int64_t>(data, i); });
  if (width == 32)
    return body([=](size_t i) { return loadAt<int32_t>(data, i); });
  if (width == 16)
    return body([=](size_t i) { return loadAt<int16_t>(data, i); });
  return body(
      [=](size_t i) -> int8_t { return llvm::SignExtend32(loadAt<uint8_t>(data, i), width); });
}

/// Truncates and saturates to [low, high]; NaN gives 0.
int64_t saturate(double value, int64_t low, uint64_t high) {
  if (std::isnan(value))
    return 0;
  value = std::trunc(value);
  if (value <= (double)low)
    return low;
  if (value >= (double)high)
    return (int64_t)high;
  return value < 0 ? (int64_t)value : (int64_t)(uint64_t)value;
}

/// Calls `body` with a function (index, C++ value of the stored width) that stores it.
template <class T> void storeAt(char *data, size_t index, T value) {
  std::memcpy(data + index * sizeof(T), &value, sizeof(T));
}

template <class Get> void storeFloats(FloatType type, char *data, size_t count, Get get) {
  if (type.isF32()) {
    for (size_t i = 0; i < count; ++i)
      storeAt<float>(data, i, (float)get(i));
  } else if (type.isF64()) {
    for (size_t i = 0; i < count; ++i)
      storeAt<double>(data, i, (double)get(i));
  } else if (type.isF16() || type.isBF16()) {
    for (size_t i = 0; i < count; ++i)
      storeAt<uint16_t>(data, i, encode16((double)get(i), type.isF16() ? 5 : 8));
  } else {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    for (size_t i = 0; i < count; ++i)
      storeAt<uint8_t>(data, i, encodeAny((double)get(i), semantics));
  }
}

template <class Get> void storeIntegers(IntegerType type, char *data, size_t count, Get get) {
  unsigned width = type.getWidth();
  for (size_t i = 0; i < count; ++i) {
    int64_t value = get(i);
    if (width == 64)
      storeAt<int64_t>(data, i, value);
    else if (width == 32)
      storeAt<int32_t>(data, i, (int32_t)value);
    else if (width == 16)
      storeAt<int16_t>(data, i, (int16_t)value);
    else if (width == 8)
      storeAt<int8_t>(data, i, (int8_t)value);
    else if (width == 1)
      storeAt<uint8_t>(data, i, value != 0);
    else // kept in a byte, extended as the type says
      storeAt<uint8_t>(data, i,
                       type.isUnsigned() ? value & ((1u << width) - 1)
                                         : llvm::SignExtend64(value & 0xff, width));
  }
}

std::vector<char> bytesFor(RankedTensorType type, size_t count) {
  return std::vector<char>(count * storedElementBytes(type.getElementType()));
}

} // namespace

std::vector<double> toDoubles(const TensorValue &value) {
  std::vector<double> out(value.size());
  withLoader(value, [&](auto load) {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = (double)load(i);
  });
  return out;
}

std::vector<int64_t> toIntegers(const TensorValue &value) {
  std::vector<int64_t> out(value.size());
  withLoader(value, [&](auto load) {
    for (size_t i = 0; i < out.size(); ++i) {
      auto element = load(i);
      if constexpr (std::is_floating_point_v<decltype(element)>)
        out[i] = saturate(element, INT64_MIN, INT64_MAX);
      else
        out[i] = (int64_t)element;
    }
  });
  return out;
}

TensorValue fromDoubles(RankedTensorType type, llvm::ArrayRef<double> elements) {
  std::vector<char> bytes = bytesFor(type, elements.size());
  if (auto real = llvm::dyn_cast<FloatType>(type.getElementType())) {
    storeFloats(real, bytes.data(), elements.size(), [&](size_t i) { return elements[i]; });
  } else {
    auto integer = llvm::cast<IntegerType>(type.getElementType());
    unsigned width = integer.getWidth();
    int64_t low = integer.isUnsigned() ? 0 : width == 64 ? INT64_MIN : -(int64_t(1) << (width - 1));
    uint64_t high = integer.isUnsigned() ? (width == 64 ? UINT64_MAX : (uint64_t(1) << width) - 1)
                                         : (uint64_t(1) << (width - 1)) - 1;
    storeIntegers(integer, bytes.data(), elements.size(), [&](size_t i) -> int64_t {
      return width == 1 ? elements[i] != 0 : saturate(elements[i], low, high);
    });
  }
  return TensorValue(type, std::move(bytes));
}

TensorValue fromIntegers(RankedTensorType type, llvm::ArrayRef<int64_t> elements, bool isUnsigned) {
  std::vector<char> bytes = bytesFor(type, elements.size());
  if (auto real = llvm::dyn_cast<FloatType>(type.getElementType())) {
    // A 64-bit integer goes straight to f32: by way of a double it would round twice.
    if (real.isF32())
      storeFloats(real, bytes.data(), elements.size(), [&](size_t i) {
        return isUnsigned ? (float)(uint64_t)elements[i] : (float)elements[i];
      });
    else
      storeFloats(real, bytes.data(), elements.size(), [&](size_t i) {
        return isUnsigned ? (double)(uint64_t)elements[i] : (double)elements[i];
      });
  } else {
    storeIntegers(llvm::cast<IntegerType>(type.getElementType()), bytes.data(), elements.size(),
                  [&](size_t i) { return elements[i]; });
  }
  return TensorValue(type, std::move(bytes));
}

} // namespace ingot
