// Exponentials, logarithms, hyperbolic functions, erf, powers.
//
// exp: x = n ln(2) + r, e^x = 2^n e^r with a polynomial for e^r (Cody and Waite 1980). log: x = 2^e
// (1 + f), with 1 + f around 1, and a polynomial for log(1 + f). The others are built from these;
// each remark says why nothing cancels.
#include "backends/common/MathFunctions.h"
#include "backends/common/MathTables.h"
#include <cmath>

using namespace mlir;

namespace ingot::functions {

// ln(2) in two parts, the first with so few bits that a product with an exponent is exact.
static double ln2High(const MathBuilder &m) {
  return m.pick(0.693359375, 6.93147180369123816490e-01);
}
static double ln2Low(const MathBuilder &m) {
  return m.pick(-2.12194440054690583e-4, 1.90821492927058770002e-10);
}

namespace {
struct Reduced {
  Value n, r; ///< x = n ln(2) + r
};
} // namespace

static Reduced reduceByLn2(const MathBuilder &m, Value x) {
  auto [whole, n] = m.roundToInt(m.mul(x, m.f(M_LOG2E)));
  Value r = m.sub(x, m.mul(whole, m.f(ln2High(m))));
  return {n, m.sub(r, m.mul(whole, m.f(ln2Low(m))))};
}

/// e^r - 1 for |r| <= ln(2)/2.
static Value expm1Small(const MathBuilder &m, Value r) {
  Value p = m.wide ? m.poly(r, tables::exp64) : m.poly(r, tables::exp32);
  return m.madd(m.mul(r, r), p, r);
}

Value exp(const MathBuilder &m, Value x, int64_t shift) {
  double room = static_cast<double>(std::abs(shift));
  // Subnormal results are 0: hardware takes a hundred cycles for each, and a softmax with a mask is
  // full of them.
  Value low = m.f(m.pick(-87.3365447505531, -708.396418532264) - M_LN2 * shift);
  Value tiny = m.less(x, low);
  x = m.atMost(m.select(tiny, low, x), m.pick(89.0, 710.0) + room);
  Reduced reduced = reduceByLn2(m, x);
  Value p = m.add(m.f(1), expm1Small(m, reduced.r));
  return m.select(tiny, m.f(0), m.scale(p, shift ? m.iadd(reduced.n, m.i(shift)) : reduced.n));
}

Value expOfNegative(const MathBuilder &m, Value x) {
  Value low = m.f(m.pick(-87.3365447505531, -708.396418532264)), tiny = m.less(x, low);
  Reduced reduced = reduceByLn2(m, m.select(tiny, low, x));
  Value p = m.add(m.f(1), expm1Small(m, reduced.r));
  return m.select(tiny, m.f(0), m.mulExact(p, m.pow2(reduced.n)));
}

Value exp2(const MathBuilder &m, Value x) {
  x = m.atMost(m.atLeast(x, m.pick(-151.0, -1076.0)), m.pick(129.0, 1025.0));
  auto [whole, n] = m.roundToInt(x);
  Value r = m.subExact(x, whole);
  Value p = m.wide ? m.poly(r, tables::exp264) : m.poly(r, tables::exp232);
  return m.scale(m.madd(r, p, m.f(1)), n);
}

Value expm1(const MathBuilder &m, Value x) {
  Value bounded = m.atMost(m.atLeast(x, m.pick(-20.0, -40.0)), m.pick(89.0, 710.0));
  Reduced reduced = reduceByLn2(m, bounded);
  // 2^n p + (2^n - 1), halved first so that 2^n does not overflow before the result does.
  Value s = m.pow2(m.isub(reduced.n, m.i(1)));
  Value half = m.madd(s, expm1Small(m, reduced.r), m.subExact(s, m.f(0.5)));
  return m.select(m.equal(x, m.f(0)), x, m.mulExact(half, m.f(2)));
}

namespace {
/// The parts of a logarithm: log(x) = e ln(2) + f + y.
struct LogParts {
  Value e, f, y;
};
} // namespace

/// log(1 + f) - f.
static Value logRest(const MathBuilder &m, Value f) {
  Value z = m.mul(f, f);
  Value p = m.wide ? m.poly(f, tables::log64) : m.poly(f, tables::log32);
  return m.sub(m.mul(m.mul(f, z), p), m.mul(m.f(0.5), z));
}

/// Exponent (integer) and significand in [sqrt(1/2), sqrt(2)) of a positive normal number.
static std::pair<Value, Value> splitExponent(const MathBuilder &m, Value x) {
  int64_t root = m.pick<int64_t>(0x3f3504f3, 0x3fe6a09e667f3bcd);
  Value shifted = m.isub(m.bits(x), m.i(root));
  Value e = m.ishr(shifted, m.mantissa());
  Value low = m.iand(shifted, m.i((int64_t(1) << m.mantissa()) - 1));
  return {e, m.fromBits(m.iadd(low, m.i(root)))};
}

static LogParts logParts(const MathBuilder &m, Value x) {
  // Numbers below the normal range are scaled into it.
  double smallest = m.pick(1.17549435e-38, 2.2250738585072014e-308);
  Value tiny = m.less(x, m.f(smallest));
  Value scaled = m.select(tiny, m.mulExact(x, m.f(m.pick(33554432.0, 18014398509481984.0))), x);
  auto [e, significand] = splitExponent(m, scaled);
  e = m.isub(e, m.select(tiny, m.i(m.pick(25, 54)), m.i(0)));
  Value f = m.subExact(significand, m.f(1));
  return {m.toFloat(e), f, logRest(m, f)};
}

/// `result` where x is positive and finite, else what a logarithm gives there.
static Value logSpecial(const MathBuilder &m, Value x, Value result) {
  Value outside =
      m.select(m.equal(x, m.f(0)), m.f(-INFINITY), m.select(m.equal(x, m.inf()), x, m.nan()));
  return m.select(m.both(m.greater(x, m.f(0)), m.less(x, m.inf())), result, outside);
}

Value log(const MathBuilder &m, Value x) {
  LogParts parts = logParts(m, x);
  Value rest = m.madd(parts.e, m.f(ln2Low(m)), parts.y);
  return logSpecial(m, x, m.madd(parts.e, m.f(ln2High(m)), m.add(parts.f, rest)));
}

Value log2(const MathBuilder &m, Value x) {
  LogParts parts = logParts(m, x);
  // log2(e) = 1 + 0.4427: f itself is not rounded again.
  Value rest = m.madd(m.addExact(parts.f, parts.y), m.f(M_LOG2E - 1), parts.y);
  return logSpecial(m, x, m.add(m.add(parts.f, rest), parts.e));
}

Value log10(const MathBuilder &m, Value x) {
  LogParts parts = logParts(m, x);
  double high = m.pick(0.30078125, 3.01029995663611771306e-01), low = M_LN2 / M_LN10 - high;
  if (m.wide)
    low = 3.69423907715893078616e-13;
  Value rest = m.madd(m.addExact(parts.f, parts.y), m.f(M_LOG10E), m.mul(parts.e, m.f(low)));
  return logSpecial(m, x, m.madd(parts.e, m.f(high), rest));
}

Value log1p(const MathBuilder &m, Value x) {
  // u = fl(1 + x), and c what rounding took: log(1 + x) = log(u + c).
  Value u = m.addExact(m.f(1), x);
  Value c = m.select(m.less(x, m.f(1)), m.subExact(x, m.subExact(u, m.f(1))),
                     m.subExact(m.f(1), m.subExact(u, x)));
  auto [e, significand] = splitExponent(m, u);
  Value shift =
      m.isub(m.i(0), m.select(m.icmp(arith::CmpIPredicate::sgt, e, m.i(100)), m.i(100), e));
  Value f = m.madd(c, m.pow2(shift), m.subExact(significand, m.f(1)));
  Value whole = m.toFloat(e);
  Value rest = m.madd(whole, m.f(ln2Low(m)), logRest(m, f));
  Value result = m.madd(whole, m.f(ln2High(m)), m.add(f, rest));
  result = logSpecial(m, u, result);
  return m.select(m.equal(x, m.f(0)), x, result);
}

Value pow(const MathBuilder &narrow, Value x, Value y) {
  // f32 goes through f64: y log2(x) needs more bits than the result has.
  Value wideX = x, wideY = y;
  Type wideType = narrow.type;
  if (!narrow.wide) {
    Type f64 = narrow.b.getF64Type();
    if (auto vector = dyn_cast<VectorType>(narrow.type))
      wideType = vector.clone(f64);
    else
      wideType = f64;
    wideX = arith::ExtFOp::create(narrow.b, narrow.loc, wideType, x);
    wideY = arith::ExtFOp::create(narrow.b, narrow.loc, wideType, y);
  }
  MathBuilder m(narrow.b, narrow.loc, wideType);
  Value a = m.abs(wideX);
  Value result = exp2(m, m.mulExact(wideY, log2(m, a)));
  Value one = m.f(1), zero = m.f(0);
  // 1 to any power, and anything to the 0, is 1.
  result = m.select(m.both(m.equal(a, one), m.equal(wideY, wideY)), one, result);
  auto isWhole = [&](Value v) { return m.equal(math::TruncOp::create(m.b, m.loc, v), v); };
  Value whole = isWhole(wideY);
  Value odd = m.both(whole, m.no(isWhole(m.mulExact(wideY, m.f(0.5)))));
  Value negative = m.signBit(wideX);
  result = m.select(m.both(negative, odd), m.neg(result), result);
  Value undefined =
      m.both(m.both(m.less(wideX, zero), m.greater(wideX, m.f(-INFINITY))), m.no(whole));
  result = m.select(m.both(undefined, m.equal(wideY, wideY)), m.nan(), result);
  result = m.select(m.either(m.equal(wideX, one), m.equal(wideY, zero)), one, result);
  if (!narrow.wide)
    result = arith::TruncFOp::create(narrow.b, narrow.loc, narrow.type, result);
  return result;
}

Value sinh(const MathBuilder &m, Value x) {
  Value a = m.abs(x), z = m.mul(x, x);
  Value p = m.wide ? m.poly(z, tables::sinh64) : m.poly(z, tables::sinh32);
  Value near = m.madd(m.mul(x, z), p, x);
  Value e = exp(m, a, -1); // e^a / 2
  Value far = m.sub(e, m.div(m.f(0.25), e));
  return m.select(m.less(a, m.f(1)), near, m.withSign(far, x));
}

Value cosh(const MathBuilder &m, Value x) {
  Value e = exp(m, m.abs(x), -1);
  return m.add(e, m.div(m.f(0.25), e));
}

Value tanh(const MathBuilder &m, Value x) {
  // With t = expm1(-2|x|) in (-1, 0]: tanh|x| = -t / (t + 2), and nothing cancels.
  Value t = expm1(m, m.mulExact(m.abs(x), m.f(-2)));
  return m.withSign(m.div(t, m.add(t, m.f(2))), x);
}

Value asinh(const MathBuilder &m, Value x) {
  Value a = m.abs(x);
  Value big = m.greater(a, m.f(m.pick(1e18, 1e150)));
  Value s = m.select(big, m.f(1), a), square = m.mul(s, s);
  Value root = m.sqrt(m.add(square, m.f(1)));
  Value inner = m.add(s, m.div(square, m.add(m.f(1), root)));
  Value result = log1p(m, m.select(big, a, inner));
  result = m.add(result, m.select(big, m.f(M_LN2), m.f(0)));
  return m.withSign(result, x);
}

Value acosh(const MathBuilder &m, Value x) {
  Value big = m.greater(x, m.f(m.pick(1e18, 1e150)));
  Value t = m.subExact(x, m.f(1));
  Value s = m.select(big, m.f(1), t);
  Value inner = m.add(s, m.sqrt(m.mul(s, m.add(s, m.f(2)))));
  Value result = log1p(m, m.select(big, x, inner));
  result = m.add(result, m.select(big, m.f(M_LN2), m.f(0)));
  return m.select(m.less(x, m.f(1)), m.nan(), result);
}

Value atanh(const MathBuilder &m, Value x) {
  Value a = m.abs(x);
  Value inner = m.div(m.mulExact(a, m.f(2)), m.subExact(m.f(1), a));
  return m.withSign(m.mulExact(log1p(m, inner), m.f(0.5)), x);
}

Value erf(const MathBuilder &m, Value x) {
  Value a = m.abs(x), z = m.mul(x, x);
  Value near = m.wide ? m.poly(z, tables::erfNear64) : m.poly(z, tables::erfNear32);
  near = m.madd(x, near, x);
  // 1 - exp(-g(a)) with g = -log(erfc); erfc is at most 0.16 here, so g's error counts little.
  Value t = m.sub(m.atMost(a, 4), m.f(2.5));
  Value g = m.wide ? m.poly(t, tables::erfFar64) : m.poly(t, tables::erfFar32);
  if (m.wide) {
    Value farther = m.poly(m.sub(m.atMost(m.atLeast(a, 4), 6), m.f(5)), tables::erfFarther64);
    g = m.select(m.greater(a, m.f(4)), farther, g);
  }
  Value far = m.withSign(m.sub(m.f(1), exp(m, m.neg(g))), x);
  return m.select(m.less(a, m.f(1)), near, far);
}

} // namespace ingot::functions
