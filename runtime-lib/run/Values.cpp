// Element types: decoding to double, packing, drawing, comparing.
#include "runtime-lib/run/Values.h"
#include <cmath>
#include <cstring>
#include <limits>

namespace ingot::run {
namespace {

template <typename T> T load(const void *values, uint64_t index) {
  T value;
  std::memcpy(&value, static_cast<const uint8_t *>(values) + index * sizeof(T), sizeof(T));
  return value;
}

/// A small float: 1 sign bit, `exponentBits`, `mantissaBits`. `finite`: no infinities (all
/// exponents are numbers); `negativeZeroIsNan`: the fnuz formats, whose bias is one more.
double smallFloat(uint32_t bits, int exponentBits, int mantissaBits, bool finite,
                  bool negativeZeroIsNan) {
  uint32_t sign = bits >> (exponentBits + mantissaBits) & 1;
  uint32_t exponent = bits >> mantissaBits & ((1u << exponentBits) - 1);
  uint32_t mantissa = bits & ((1u << mantissaBits) - 1);
  int bias = (1 << (exponentBits - 1)) - 1 + negativeZeroIsNan;
  uint32_t top = (1u << exponentBits) - 1;
  double nan = std::numeric_limits<double>::quiet_NaN();
  if (negativeZeroIsNan && sign && !exponent && !mantissa)
    return nan;
  if (!negativeZeroIsNan && exponent == top) {
    if (!finite)
      return mantissa ? nan : sign ? -INFINITY : INFINITY;
    if (mantissa == (1u << mantissaBits) - 1)
      return nan;
  }
  double value = exponent ? std::ldexp(double(mantissa | 1u << mantissaBits),
                                       int(exponent) - bias - mantissaBits)
                          : std::ldexp(double(mantissa), 1 - bias - mantissaBits);
  return sign ? -value : value;
}

uint32_t subByte(const void *values, uint64_t index, uint32_t bits) {
  uint64_t bit = index * bits;
  return load<uint8_t>(values, bit / 8) >> (bit % 8) & ((1u << bits) - 1);
}

/// splitmix64: a full-period generator in a few lines, the same everywhere.
uint64_t nextRandom(uint64_t &state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

bool isFloat(ingot_type type) {
  return (type >= INGOT_F32 && type <= INGOT_F8E5M2FNUZ) || type >= INGOT_C64;
}

/// A float's bits in a narrower type; round to nearest even is not needed for random numbers,
/// truncation will do.
void storeFloat(void *values, ingot_type type, uint64_t index, double number) {
  uint8_t *to = static_cast<uint8_t *>(values);
  float single = float(number);
  uint32_t bits;
  std::memcpy(&bits, &single, 4);
  uint32_t sign = bits >> 31;
  int exponent = int(bits >> 23 & 255) - 127;
  switch (type) {
  case INGOT_F32:
  case INGOT_C64:
    std::memcpy(to + index * 4, &single, 4);
    return;
  case INGOT_F64:
  case INGOT_C128:
    std::memcpy(to + index * 8, &number, 8);
    return;
  case INGOT_F8E8M0FNU: // the exponent alone
    to[index] = uint8_t(exponent + 127 < 0 ? 0 : exponent + 127);
    return;
  case INGOT_F4E2M1FN: { // -1 or 1
    uint8_t &pair = to[index / 2];
    pair = uint8_t((pair & (index % 2 ? 0x0f : 0xf0)) | (sign << 3 | 2) << (index % 2 * 4));
    return;
  }
  case INGOT_BF16: {
    uint16_t half = uint16_t(bits >> 16);
    std::memcpy(to + index * 2, &half, 2);
    return;
  }
  case INGOT_F16: {
    uint16_t half = uint16_t(exponent < -14  ? sign << 15
                             : exponent > 15 ? sign << 15 | 0x7bff
                                             : sign << 15 | uint32_t(exponent + 15) << 10 |
                                                   (bits >> 13 & 0x3ff));
    std::memcpy(to + index * 2, &half, 2);
    return;
  }
  default: { // the 8-bit floats
    bool wide = type == INGOT_F8E5M2 || type == INGOT_F8E5M2FNUZ;
    bool fnuz = type == INGOT_F8E4M3FNUZ || type == INGOT_F8E5M2FNUZ;
    int mantissaBits = wide ? 2 : 3, bias = (wide ? 15 : 7) + fnuz;
    int biased = exponent + bias;
    if (biased < 1) // too small: positive zero, which every format has
      to[index] = 0;
    else
      to[index] = uint8_t(sign << 7 |
                          uint32_t(biased > 2 * bias - 1 ? 2 * bias - 1 : biased) << mantissaBits |
                          (bits >> (23 - mantissaBits) & ((1u << mantissaBits) - 1)));
    return;
  }
  }
}

} // namespace

ElementKind elementKindOf(ingot_type type) {
  switch (type) {
  case INGOT_F16:
  case INGOT_F32:
  case INGOT_F64:
    return {'f', ingot_type_bits(type) / 8};
  case INGOT_BF16:
    return {'V', 2};
  case INGOT_I1:
    return {'b', 1};
  case INGOT_I8:
  case INGOT_I16:
  case INGOT_I32:
  case INGOT_I64:
    return {'i', ingot_type_bits(type) / 8};
  case INGOT_U8:
  case INGOT_U16:
  case INGOT_U32:
  case INGOT_U64:
    return {'u', ingot_type_bits(type) / 8};
  case INGOT_C64:
  case INGOT_C128:
    return {'c', ingot_type_bits(type) / 8};
  default:
    return {'V', 1};
  }
}

ingot_type typeOf(ElementKind element) {
  for (int type = INGOT_F32; type <= INGOT_C128; ++type)
    if (elementKindOf(ingot_type(type)) == element)
      return element.kind == 'V' ? INGOT_NONE : ingot_type(type);
  return INGOT_NONE;
}

uint64_t numbersIn(uint64_t elements, ingot_type type) {
  return type == INGOT_C64 || type == INGOT_C128 ? elements * 2 : elements;
}

double valueAt(const void *values, ingot_type type, uint64_t index) {
  switch (type) {
  case INGOT_F32:
  case INGOT_C64:
    return double(load<float>(values, index));
  case INGOT_F64:
  case INGOT_C128:
    return load<double>(values, index);
  case INGOT_F16:
    return smallFloat(load<uint16_t>(values, index), 5, 10, false, false);
  case INGOT_BF16:
    return smallFloat(load<uint16_t>(values, index), 8, 7, false, false);
  case INGOT_F8E4M3FN:
    return smallFloat(load<uint8_t>(values, index), 4, 3, true, false);
  case INGOT_F8E5M2:
    return smallFloat(load<uint8_t>(values, index), 5, 2, false, false);
  case INGOT_F8E4M3FNUZ:
    return smallFloat(load<uint8_t>(values, index), 4, 3, true, true);
  case INGOT_F8E5M2FNUZ:
    return smallFloat(load<uint8_t>(values, index), 5, 2, true, true);
  case INGOT_F8E8M0FNU: {
    int exponent = load<uint8_t>(values, index);
    return exponent == 255 ? std::numeric_limits<double>::quiet_NaN()
                           : std::ldexp(1.0, exponent - 127);
  }
  case INGOT_F4E2M1FN: { // halves: 0, 1, 2, 3, 4, 6, 8, 12
    uint32_t code = subByte(values, index, 4), low = code & 7;
    double size = (low < 4 ? low : (2 | (low & 1)) << (low / 2 - 1)) / 2.0;
    return code & 8 ? -size : size;
  }
  case INGOT_I1:
  case INGOT_U8:
    return load<uint8_t>(values, index);
  case INGOT_I8:
    return load<int8_t>(values, index);
  case INGOT_I16:
    return load<int16_t>(values, index);
  case INGOT_I32:
    return load<int32_t>(values, index);
  case INGOT_I64:
    return double(load<int64_t>(values, index));
  case INGOT_U16:
    return load<uint16_t>(values, index);
  case INGOT_U32:
    return load<uint32_t>(values, index);
  case INGOT_U64:
    return double(load<uint64_t>(values, index));
  case INGOT_U4:
    return subByte(values, index, 4);
  case INGOT_U2:
    return subByte(values, index, 2);
  case INGOT_I4:
    return int(subByte(values, index, 4) ^ 8) - 8;
  case INGOT_I2:
    return int(subByte(values, index, 2) ^ 2) - 2;
  default:
    return 0;
  }
}

void packBits(const uint8_t *bytes, uint64_t elements, ingot_type type, uint8_t *packed) {
  uint32_t bits = ingot_type_bits(type);
  std::memset(packed, 0, size_t((elements * bits + 7) / 8));
  for (uint64_t i = 0; i < elements; ++i)
    packed[i * bits / 8] |= uint8_t((bytes[i] & ((1u << bits) - 1)) << (i * bits % 8));
}

void unpackBits(const uint8_t *packed, uint64_t elements, ingot_type type, uint8_t *bytes) {
  for (uint64_t i = 0; i < elements; ++i)
    bytes[i] = type == INGOT_F4E2M1FN ? uint8_t(subByte(packed, i, 4))
                                      : uint8_t(int(valueAt(packed, type, i)));
}

uint64_t elementsOf(const std::vector<int64_t> &dims) {
  uint64_t elements = 1;
  for (int64_t dim : dims)
    elements *= uint64_t(dim);
  return elements;
}

uint64_t bytesOf(const std::vector<int64_t> &dims, ingot_type type) {
  return (elementsOf(dims) * ingot_type_bits(type) + 7) / 8;
}

bool toProgram(AlignedBytes &values, const std::vector<int64_t> &dims,
               const ingot_tensor_info &info, uint64_t &bytes, std::string &error) {
  uint64_t elements = elementsOf(dims);
  if (ingot_type_bits(info.type) < 8) {
    AlignedBytes packed = allocateAligned(bytesOf(dims, info.type));
    if (!packed) {
      error = std::string("no memory for '") + info.name + "'";
      return false;
    }
    packBits(values.get(), elements, info.type, packed.get());
    values = std::move(packed);
    bytes = bytesOf(dims, info.type);
  } else if (info.type == INGOT_I1) {
    for (uint64_t i = 0; i < elements; ++i)
      values.get()[i] = values.get()[i] != 0;
  }
  return true;
}

OutputArray arrayOf(const ingot_tensor_info &info, const std::vector<int64_t> &dims,
                    const uint8_t *values, uint64_t bytes, std::vector<AlignedBytes> &kept) {
  OutputArray array = {info.name, elementKindOf(info.type), dims, values, bytes};
  if (ingot_type_bits(info.type) < 8) {
    array.bytes = elementsOf(dims);
    kept.push_back(allocateAligned(array.bytes));
    unpackBits(values, array.bytes, info.type, kept.back().get());
    array.values = kept.back().get();
  }
  return array;
}

void fillRandom(void *values, uint64_t elements, const ingot_tensor_info &info, uint64_t seed) {
  uint64_t state = seed, count = numbersIn(elements, info.type);
  if (isFloat(info.type)) {
    double low = info.has_range ? info.range_min : -1, high = info.has_range ? info.range_max : 1;
    for (uint64_t i = 0; i < count; ++i)
      storeFloat(values, info.type, i,
                 low + (high - low) * double(nextRandom(state) >> 11) * 0x1p-53);
    return;
  }
  double low = info.has_range ? info.range_min : 0, high = info.has_range ? info.range_max : 1;
  uint32_t bits = ingot_type_bits(info.type);
  uint8_t *to = static_cast<uint8_t *>(values);
  for (uint64_t i = 0; i < count; ++i) {
    double number = std::floor(low + (high - low + 1) * double(nextRandom(state) >> 11) * 0x1p-53);
    uint64_t integer = number < 0 ? uint64_t(int64_t(number)) : uint64_t(number);
    if (info.type == INGOT_I1)
      to[i] = integer & 1;
    else if (bits >= 8)
      std::memcpy(to + i * (bits / 8), &integer, bits / 8);
    else if (i * bits % 8 == 0)
      to[i * bits / 8] = uint8_t(integer & ((1u << bits) - 1));
    else
      to[i * bits / 8] |= uint8_t((integer & ((1u << bits) - 1)) << (i * bits % 8));
  }
}

double Difference::relative() const {
  if (maxAbs == 0)
    return 0;
  return magnitude == 0 ? INFINITY : maxAbs / magnitude;
}

Difference compare(const void *values, ingot_type type, const void *expected,
                   ingot_type expectedType, uint64_t count) {
  Difference result;
  for (uint64_t i = 0; i < count; ++i) {
    double a = valueAt(values, type, i), b = valueAt(expected, expectedType, i);
    if (std::isfinite(b) && std::fabs(b) > result.magnitude)
      result.magnitude = std::fabs(b);
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    double apart = std::fabs(a - b);
    if (std::isnan(apart))
      apart = INFINITY;
    if (apart > result.maxAbs) {
      result.maxAbs = apart;
      result.at = i;
    }
  }
  return result;
}

std::string shapeText(ingot_type type, const std::vector<int64_t> &dims) {
  std::string text = std::string(ingot_type_name(type)) + "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? "," : "") + std::to_string(dims[i]);
  return text + "]";
}

} // namespace ingot::run
