// Sine, cosine, tangent and their inverses.
//
// sin, cos: x = n pi/2 + r with pi/2 in parts (Cody and Waite 1980); f32 arguments too large for
// that take the product with the bits of 2/pi that matter (Payne and Hanek 1983), in integers, only
// when some lane needs it.
#include "backends/common/MathFunctions.h"
#include "backends/common/MathTables.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;

namespace ingot::functions {

namespace {
struct Quadrant {
  Value r, n; ///< x = n pi/2 + r, |r| <= pi/4; the two low bits of n count
};
} // namespace

/// 64 zero bits, then 2/pi after the binary point.
static constexpr uint32_t twoOverPi[] = {0x00000000, 0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                         0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};

/// The reduction of f32 of any size above 2^-38 or so, in integers.
static Quadrant reduceLarge(const MathBuilder &m, Value x) {
  Type i64 = m.b.getI64Type();
  Type wideInteger = i64;
  if (auto vector = dyn_cast<VectorType>(m.integer))
    wideInteger = vector.clone(i64);
  auto wideConstant = [&](int64_t value) -> Value {
    TypedAttr attr = m.b.getI64IntegerAttr(value);
    if (auto vector = dyn_cast<VectorType>(wideInteger))
      attr = DenseElementsAttr::get(vector, attr);
    return arith::ConstantOp::create(m.b, m.loc, attr);
  };
  auto widen = [&](Value v) -> Value { return arith::ExtUIOp::create(m.b, m.loc, wideInteger, v); };

  // |x| = significand 2^E. Bits of 2/pi of weight 2^-j matter from j = E - 1 on: earlier ones give
  // multiples of 4.
  Value bits = m.bits(x);
  Value exponent = m.iand(m.ushr(bits, 23), m.i(0xff));
  Value significand = m.ior(m.iand(bits, m.i(0x7fffff)), m.i(0x800000));
  Value position = m.iadd(exponent, m.i(-150 - 2 + 64)); // of bit E - 1 in the table
  position = m.select(m.icmp(arith::CmpIPredicate::slt, position, m.i(0)), m.i(0), position);
  Value word = m.ushr(position, 5), offset = m.iand(position, m.i(31));
  SmallVector<Value> words; // four words from `word` on
  for (int64_t k = 0; k < 4; ++k) {
    Value v = m.i(twoOverPi[k]);
    for (int64_t w = 1; w + k < 9 && w <= 5; ++w)
      v = m.select(m.icmp(arith::CmpIPredicate::eq, word, m.i(w)),
                   m.i(static_cast<int32_t>(twoOverPi[w + k])), v);
    words.push_back(v);
  }
  // 96 bits from `offset` on; the shift right in two steps, for a shift by 32 is undefined.
  auto window = [&](Value high, Value low) {
    Value left = arith::ShLIOp::create(m.b, m.loc, high, offset);
    Value right = arith::ShRUIOp::create(m.b, m.loc, m.ushr(low, 1), m.isub(m.i(31), offset));
    return m.ior(left, right);
  };
  Value high = window(words[0], words[1]), middle = window(words[1], words[2]),
        low = window(words[2], words[3]);
  // The top 64 bits of the low 96 bits of significand * window.
  Value s = widen(significand);
  Value lowProduct = arith::MulIOp::create(m.b, m.loc, s, widen(low));
  Value carry = arith::ShRUIOp::create(m.b, m.loc, lowProduct, wideConstant(32));
  Value product =
      arith::AddIOp::create(m.b, m.loc, arith::MulIOp::create(m.b, m.loc, s, widen(middle)), carry);
  Value top = arith::MulIOp::create(m.b, m.loc, s, widen(high));
  top = arith::ShLIOp::create(m.b, m.loc, top, wideConstant(32));
  product = arith::AddIOp::create(m.b, m.loc, product, top);
  // Two bits of quadrant, then the fraction of a quadrant; rounded to the nearest quadrant.
  Value rounded = arith::AddIOp::create(m.b, m.loc, product, wideConstant(int64_t(1) << 61));
  Value quadrant = arith::ShRUIOp::create(m.b, m.loc, rounded, wideConstant(62));
  quadrant = arith::TruncIOp::create(m.b, m.loc, m.integer, quadrant);
  Value fraction =
      arith::ShLIOp::create(m.b, m.loc, product, wideConstant(2)); // signed, 2^-64 units
  Value r = arith::SIToFPOp::create(m.b, m.loc, m.type, fraction);
  r = m.mulExact(r, m.f(0x1p-64 * M_PI_2));
  Value negative = m.signBit(x);
  return {m.select(negative, m.neg(r), r), m.select(negative, m.isub(m.i(0), quadrant), quadrant)};
}

static Quadrant reduceSmall(const MathBuilder &m, Value x) {
  auto [whole, n] = m.roundToInt(m.mul(x, m.f(M_2_PI)));
  // Parts of pi/2: products of all but the last with n are exact.
  static constexpr double narrow[] = {0x1.92p+0, 0x1.fbp-12, 0x1.51p-22, 0x1.0b4611a6p-34};
  static constexpr double wide[] = {1.57079632673412561417e+00, 6.07710050630396597660e-11,
                                    2.02226624871116645580e-21, 8.47842766036889956997e-32};
  Value r = x;
  for (double part : m.wide ? wide : narrow)
    r = m.sub(r, m.mul(whole, m.f(part)));
  return {r, n};
}

static Quadrant reduceByHalfPi(const MathBuilder &m, Value x) {
  Quadrant small = reduceSmall(m, x);
  if (m.wide)
    return small;
  Value large = m.greater(m.abs(x), m.f(8192));
  Value any = large;
  if (isa<VectorType>(large.getType()))
    any = vector::ReductionOp::create(m.b, m.loc, vector::CombiningKind::OR, large);
  auto branch =
      scf::IfOp::create(m.b, m.loc, TypeRange{m.type, m.integer}, any, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(m.b);
    m.b.setInsertionPointToStart(&branch.getThenRegion().front());
    Quadrant exact = reduceLarge(m, x);
    scf::YieldOp::create(
        m.b, m.loc,
        ValueRange{m.select(large, exact.r, small.r), m.select(large, exact.n, small.n)});
    m.b.setInsertionPointToStart(&branch.getElseRegion().front());
    scf::YieldOp::create(m.b, m.loc, ValueRange{small.r, small.n});
  }
  return {branch.getResult(0), branch.getResult(1)};
}

static Value sinSmall(const MathBuilder &m, Value r, Value z) {
  Value p = m.wide ? m.poly(z, tables::sin64) : m.poly(z, tables::sin32);
  return m.madd(m.mul(r, z), p, r);
}

static Value cosSmall(const MathBuilder &m, Value z) {
  Value p = m.wide ? m.poly(z, tables::cos64) : m.poly(z, tables::cos32);
  Value head = m.sub(m.f(1), m.mulExact(z, m.f(0.5)));
  return m.madd(m.mul(z, z), p, head);
}

static Value isSet(const MathBuilder &m, Value n, int64_t bit) {
  return m.icmp(arith::CmpIPredicate::ne, m.iand(n, m.i(bit)), m.i(0));
}

/// sin(x + turn pi/2).
static Value sinTurned(const MathBuilder &m, Value x, int64_t turn) {
  auto [r, n] = reduceByHalfPi(m, x);
  if (turn)
    n = m.iadd(n, m.i(turn));
  Value z = m.mul(r, r);
  Value result = m.select(isSet(m, n, 1), cosSmall(m, z), sinSmall(m, r, z));
  result = m.select(isSet(m, n, 2), m.neg(result), result);
  // Infinities have no sine.
  return m.select(m.equal(m.abs(x), m.inf()), m.nan(), result);
}

Value sin(const MathBuilder &m, Value x) {
  return m.select(m.equal(x, m.f(0)), x, sinTurned(m, x, 0));
}
Value cos(const MathBuilder &m, Value x) { return sinTurned(m, x, 1); }

Value tan(const MathBuilder &m, Value x) {
  auto [r, n] = reduceByHalfPi(m, x);
  Value z = m.mul(r, r), s = sinSmall(m, r, z), c = cosSmall(m, z);
  Value odd = isSet(m, n, 1);
  Value result = m.div(m.select(odd, m.neg(c), s), m.select(odd, s, c));
  result = m.select(m.equal(m.abs(x), m.inf()), m.nan(), result);
  return m.select(m.equal(x, m.f(0)), x, result);
}

// pi/2 in two parts.
static double halfPiHigh(const MathBuilder &m) {
  return m.wide ? M_PI_2 : static_cast<double>(static_cast<float>(M_PI_2));
}
static double halfPiLow(const MathBuilder &m) {
  return m.wide ? 6.123233995736766e-17 : M_PI_2 - halfPiHigh(m);
}

namespace {
struct AsinParts {
  Value a, small,
      p; ///< p = asin(a) where small, else asin(sqrt((1 - a) / 2)), which is acos(a) / 2
};
} // namespace

static AsinParts asinParts(const MathBuilder &m, Value x) {
  Value a = m.abs(x), small = m.less(a, m.f(0.5));
  Value z = m.select(small, m.mul(a, a), m.mulExact(m.subExact(m.f(1), a), m.f(0.5)));
  Value s = m.select(small, a, m.sqrt(z));
  Value p = m.wide ? m.poly(z, tables::asin64) : m.poly(z, tables::asin32);
  return {a, small, m.madd(m.mul(s, z), p, s)};
}

Value asin(const MathBuilder &m, Value x) {
  auto [a, small, p] = asinParts(m, x);
  Value far = m.sub(m.f(halfPiHigh(m)), m.sub(m.mulExact(p, m.f(2)), m.f(halfPiLow(m))));
  return m.withSign(m.select(small, p, far), x);
}

Value acos(const MathBuilder &m, Value x) {
  auto [a, small, p] = asinParts(m, x);
  Value twice = m.mulExact(p, m.f(2)), negative = m.less(x, m.f(0));
  Value middle = m.sub(m.f(halfPiHigh(m)), m.sub(m.withSign(p, x), m.f(halfPiLow(m))));
  Value reflected = m.sub(m.f(2 * halfPiHigh(m)), m.sub(twice, m.f(2 * halfPiLow(m))));
  return m.select(small, middle, m.select(negative, reflected, twice));
}

/// atan(y / x) for 0 <= y <= x, in two parts.
static std::pair<Value, Value> atanParts(const MathBuilder &m, Value numerator, Value denominator,
                                         Value high, Value low) {
  Value t = m.div(numerator, denominator), z = m.mul(t, t);
  Value p = m.wide ? m.poly(z, tables::atan64) : m.poly(z, tables::atan32);
  Value rest = m.madd(m.mul(t, z), p, low);
  return {high, m.add(t, rest)};
}

Value atan(const MathBuilder &m, Value x) {
  Value a = m.abs(x), one = m.f(1);
  Value far = m.greater(a, m.f(2.414213562373095)), middle = m.greater(a, m.f(0.41421356237309503));
  Value numerator = m.select(far, m.f(-1), m.select(middle, m.subExact(a, one), a));
  Value denominator = m.select(far, a, m.select(middle, m.addExact(a, one), one));
  auto base = [&](double whole) {
    return m.select(far, m.f(whole), m.select(middle, m.f(whole / 2), m.f(0)));
  };
  auto [high, low] = atanParts(m, numerator, denominator, base(halfPiHigh(m)), base(halfPiLow(m)));
  return m.withSign(m.add(high, low), x);
}

Value atan2(const MathBuilder &m, Value y, Value x) {
  Value ay = m.abs(y), ax = m.abs(x), swap = m.greater(ay, ax);
  Value least = m.select(swap, ax, ay), most = m.select(swap, ay, ax);
  // Huge ones are scaled down, for they are added; two infinities count as equal, two zeros as 0
  // / 1.
  Value huge = m.greater(most, m.f(m.pick(1e37, 1e307)));
  Value by = m.select(huge, m.f(0.25), m.f(1));
  Value infinite = m.equal(most, m.inf());
  least =
      m.select(infinite, m.select(m.equal(least, m.inf()), m.f(1), m.f(0)), m.mulExact(least, by));
  most = m.select(infinite, m.f(1), m.mulExact(most, by));
  most = m.select(m.equal(most, m.f(0)), m.f(1), most);
  Value middle = m.greater(least, m.mulExact(most, m.f(0.41421356237309503)));
  Value numerator = m.select(middle, m.subExact(least, most), least);
  Value denominator = m.select(middle, m.addExact(least, most), most);
  auto base = [&](double whole) { return m.select(middle, m.f(whole / 2), m.f(0)); };
  auto [high, low] = atanParts(m, numerator, denominator, base(halfPiHigh(m)), base(halfPiLow(m)));
  // Reflect at the diagonal, then at the y axis; high and low stay apart so that neither loses
  // bits.
  auto reflect = [&](Value when, double whole, double rest) {
    Value h = m.subExact(m.f(whole), high), l = m.subExact(m.f(rest), low);
    high = m.select(when, h, high);
    low = m.select(when, l, low);
  };
  reflect(swap, halfPiHigh(m), halfPiLow(m));
  reflect(m.signBit(x), 2 * halfPiHigh(m), 2 * halfPiLow(m));
  Value result = m.withSign(m.add(high, low), y);
  return m.select(m.either(m.isNan(x), m.isNan(y)), m.nan(), result);
}

} // namespace ingot::functions
