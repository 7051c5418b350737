// Functions of 16-bit integers: tables, and fixed-point series.
#include "compiler/importers/tflite/IntegerTables.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace ingot::tfliteimport;

constexpr int32_t kMin = std::numeric_limits<int16_t>::min();
constexpr int32_t kMax = std::numeric_limits<int16_t>::max();

static int16_t saturate(int32_t x) { return static_cast<int16_t>(std::clamp(x, kMin, kMax)); }

template <typename Real>
std::vector<int16_t>
ingot::tfliteimport::interpolationTable(Affine<Real> in, Affine<Real> out,
                                        llvm::function_ref<Real(Real)> function) {
  constexpr int kSteps = 512;
  auto real = [](Affine<Real> by, int32_t stored) { return by.scale * (stored - by.zeroPoint); };
  Real low = real(in, kMin), high = real(in, kMax), step = (high - low) / kSteps;
  Real inverse = static_cast<Real>(kMax - kMin + 1) / (real(out, kMax) - real(out, kMin));
  auto narrow = [](Real x) {
    return static_cast<int16_t>(std::min(std::max(x, Real(kMin)), Real(kMax)));
  };
  std::vector<int16_t> table;
  for (int i = 0; i < kSteps; ++i) {
    Real here = std::round(function(low + i * step) * inverse);
    Real next = function(low + (i + 1) * step) * inverse;
    Real middle = std::round(function(low + i * step + step / 2) * inverse);
    Real error = std::round((next + here) / 2) - middle;
    table.push_back(narrow(here - std::round(error / 2)));
  }
  table.push_back(narrow(std::round(function(high) * inverse)));
  return table;
}
template std::vector<int16_t>
    ingot::tfliteimport::interpolationTable(Affine<float>, Affine<float>,
                                            llvm::function_ref<float(float)>);
template std::vector<int16_t>
    ingot::tfliteimport::interpolationTable(Affine<double>, Affine<double>,
                                            llvm::function_ref<double(double)>);

std::vector<int32_t> ingot::tfliteimport::sigmoidTable() {
  auto sigmoid = [](double i) { return 0x1p16 / (1 + std::exp(-i / 24)); };
  std::vector<int32_t> table;
  for (int i = 0; i < 255; ++i) {
    double error = sigmoid(i + 0.5) - (sigmoid(i) + sigmoid(i + 1)) / 2;
    table.push_back(static_cast<int32_t>(std::floor(sigmoid(i) + error / 2 + 0.5)));
  }
  table.push_back(0xffff);
  return table;
}

//===----------------------------------------------------------------------===//
// fixed-point numbers in 16 bits, those in [-1, 1] in steps of 2^-15
//===----------------------------------------------------------------------===//

constexpr int16_t kOne = kMax;

/// The upper half of 2 * a * b, rounded.
static int16_t product(int16_t a, int16_t b) {
  if (a == kMin && b == kMin)
    return kMax;
  int32_t wide = int32_t(a) * b;
  return static_cast<int16_t>((wide + (wide >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

/// x / 2^bits, halves away from zero.
static int32_t shiftedRight(int32_t x, int bits) {
  int32_t mask = (1 << bits) - 1, rest = x & mask;
  return (x >> bits) + (rest > (mask >> 1) + (x < 0) ? 1 : 0);
}

/// x * 2^bits in the type's range; what comes near its lower end goes there.
static int16_t shiftedLeft(int16_t x, int bits) {
  int32_t limit = (1 << (15 - bits)) - 1;
  return static_cast<int16_t>(x > limit ? kMax : x < -limit ? kMin : x * (1 << bits));
}

static int16_t wrap(int32_t x) { return static_cast<int16_t>(x); }

/// A constant in [-1, 1] that the kernels hold in 32 bits.
static int16_t narrowed(int32_t wide) { return wrap(shiftedRight(wide, 16)); }

/// exp(x) for -1/4 <= x < 0: a polynomial of degree 4 around -1/8.
static int16_t expOfQuarter(int16_t x) {
  const int16_t expOfEighth = narrowed(1895147668), third = narrowed(715827883);
  int16_t y = wrap(x + (1 << 12));
  int16_t y2 = product(y, y), y3 = product(y2, y), y4 = product(y2, y2);
  int16_t tail = product(wrap(shiftedRight(y4, 2) + y3), third);
  tail = wrap(shiftedRight(wrap(tail + y2), 1));
  return saturate(expOfEighth + product(expOfEighth, wrap(y + tail)));
}

/// exp(x / 2^(15 - integerBits)) for x <= 0.
static int16_t expOfNegative(int16_t x, int integerBits) {
  int fraction = 15 - integerBits, quarter = 1 << (fraction - 2);
  int16_t part = wrap((x & (quarter - 1)) - quarter);
  int16_t result = expOfQuarter(shiftedLeft(part, integerBits));
  int16_t rest = wrap(part - x);
  // exp(-2^i) for i from -2 on.
  static constexpr int32_t kPowers[] = {1672461947, 1302514674, 790015084, 290630308,
                                        39332535,   720401,     242};
  for (int i = 0; i < 7 && i - 2 < integerBits; ++i)
    if (rest & (1 << (fraction + i - 2)))
      result = product(result, narrowed(kPowers[i]));
  if (integerBits > 5 && x < narrowed(-(1 << (36 - integerBits))))
    return 0;
  return x == 0 ? kOne : result;
}

/// 4 / (1 + x) for 0 <= x <= 1, in steps of 2^-13.
static int16_t fourByOnePlus(int16_t x) {
  constexpr int16_t kOne2 = 1 << 13;
  int32_t sum = int32_t(x) + kOne;
  int16_t half = wrap((sum + 1) / 2);
  int16_t y = wrap(narrowed(1515870810) + product(half, narrowed(-1010580540)));
  for (int i = 0; i < 3; ++i) {
    int16_t error = wrap(kOne2 - product(half, y));
    y = wrap(y + shiftedLeft(product(y, error), 2));
  }
  return y;
}

int16_t ingot::tfliteimport::fixedSigmoid(int16_t x, int integerBits) {
  if (x == 0)
    return 1 << 14;
  int16_t negative = x > 0 ? wrap(-x) : x;
  int16_t result = shiftedLeft(fourByOnePlus(expOfNegative(negative, integerBits)), 1);
  return x > 0 ? result : wrap(kOne - result);
}

int16_t ingot::tfliteimport::fixedTanh(int16_t x, int integerBits) {
  if (x == 0)
    return 0;
  int16_t negative = x < 0 ? x : wrap(-x);
  // The exponential of twice the number.
  int16_t quotient = fourByOnePlus(expOfNegative(negative, integerBits + 1));
  int16_t result = shiftedLeft(wrap(quotient - (1 << 13)), 2);
  return x < 0 ? wrap(-result) : result;
}

std::vector<int16_t>
ingot::tfliteimport::wholeTable(llvm::function_ref<int16_t(int16_t)> function) {
  std::vector<int16_t> table;
  for (int32_t x = kMin; x <= kMax; ++x)
    table.push_back(function(static_cast<int16_t>(x)));
  return table;
}
