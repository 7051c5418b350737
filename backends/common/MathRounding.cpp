// Rounding, remainders, and conversions of narrow floats.
#include "backends/common/MathFunctions.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot::functions {

/// 2^23 or 2^52: floats from there on are integers.
static double wholeFrom(const MathBuilder &m) { return m.pick(8388608.0, 4503599627370496.0); }

Value roundEven(const MathBuilder &m, Value x) {
  Value a = m.abs(x), big = m.f(wholeFrom(m));
  Value rounded = m.subExact(m.addExact(a, big), big);
  return m.select(m.less(a, big), m.withSign(rounded, x), x);
}

Value trunc(const MathBuilder &m, Value x) {
  Value a = m.abs(x), rounded = roundEven(m, a);
  Value down = m.select(m.greater(rounded, a), m.subExact(rounded, m.f(1)), rounded);
  return m.select(m.less(a, m.f(wholeFrom(m))), m.withSign(down, x), x);
}

Value floor(const MathBuilder &m, Value x) {
  Value rounded = roundEven(m, x);
  Value down = m.select(m.greater(rounded, x), m.subExact(rounded, m.f(1)), rounded);
  return m.withSign(down, x); // -0 stays
}

Value ceil(const MathBuilder &m, Value x) {
  Value rounded = roundEven(m, x);
  Value up = m.select(m.less(rounded, x), m.addExact(rounded, m.f(1)), rounded);
  return m.withSign(up, x);
}

Value roundAway(const MathBuilder &m, Value x, bool hasRounding) {
  // The greatest number below one half: one half itself would round 0.49999997 up.
  Value half = m.withSign(m.f(m.pick(0x1.fffffep-2, 0x1.fffffffffffffp-2)), x);
  Value moved = m.addExact(x, half);
  Value result = hasRounding ? Value(math::TruncOp::create(m.b, m.loc, moved)) : trunc(m, moved);
  return m.select(m.less(m.abs(x), m.f(wholeFrom(m))), result, x);
}

/// Exponent field of a positive number, and the number made normal: x = normal * 2^(field - that of
/// normal).
static std::pair<Value, Value> normalized(const MathBuilder &m, Value x) {
  int shift = m.mantissa() + 1;
  Value smallest = m.f(m.pick(1.17549435e-38, 2.2250738585072014e-308));
  Value tiny = m.less(x, smallest);
  Value up = m.mulExact(x, m.pow2(m.i(shift)));
  Value normal = m.select(tiny, up, x);
  Value field = m.ushr(m.bits(normal), m.mantissa());
  return {m.isub(field, m.select(tiny, m.i(shift), m.i(0))), normal};
}

Value remainder(const MathBuilder &m, Value x, Value y) {
  // Long division: while r >= |y|, take off the greatest |y| 2^k that fits. Each subtraction is
  // exact (r < 2 |y| 2^k).
  Value divisor = m.abs(y);
  Value usable = m.both(m.less(m.abs(x), m.inf()), m.greater(divisor, m.f(0)));
  Value start = m.select(usable, m.abs(x), m.f(0));
  Value safe = m.select(m.both(usable, m.less(divisor, m.inf())), divisor, m.inf());
  auto [divisorField, divisorNormal] = normalized(m, m.select(m.less(safe, m.inf()), safe, m.f(1)));
  Value fraction = m.iand(m.bits(divisorNormal), m.i((int64_t(1) << m.mantissa()) - 1));
  auto isAny = [&](Value c) -> Value {
    if (!isa<VectorType>(c.getType()))
      return c;
    return vector::ReductionOp::create(m.b, m.loc, vector::CombiningKind::OR, c);
  };
  auto loop = scf::WhileOp::create(
      m.b, m.loc, TypeRange{m.type}, ValueRange{start},
      [&](OpBuilder &, Location, ValueRange r) {
        OpBuilder::InsertionGuard guard(m.b);
        Block *block = r[0].getParentBlock();
        m.b.setInsertionPointToEnd(block);
        Value more = isAny(m.cmp(arith::CmpFPredicate::OGE, r[0], safe));
        scf::ConditionOp::create(m.b, m.loc, more, r);
      },
      [&](OpBuilder &, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(m.b);
        Value r = args[0];
        m.b.setInsertionPointToEnd(r.getParentBlock());
        // The divisor at r's exponent. r is at least the divisor, so where it counts r's exponent
        // is not below it.
        auto [field, normal] =
            normalized(m, m.select(m.cmp(arith::CmpFPredicate::OGE, r, safe), r, m.f(1)));
        auto atField = [&](Value f) {
          // Below the normal range: the normal pattern, scaled down (exact: it is a multiple of the
          // divisor).
          Value low = m.icmp(arith::CmpIPredicate::slt, f, m.i(1));
          Value lift = m.select(low, m.iadd(f, m.i(m.mantissa() + 1)), f);
          Value value = m.fromBits(m.ior(fraction, m.ishl(lift, m.mantissa())));
          Value down = m.mulExact(value, m.pow2(m.i(-(m.mantissa() + 1))));
          return m.select(low, down, value);
        };
        Value candidate = atField(field);
        Value less = atField(m.isub(field, m.i(1)));
        candidate = m.select(m.greater(candidate, r), less, candidate);
        Value fits = m.both(m.cmp(arith::CmpFPredicate::OGE, r, safe),
                            m.icmp(arith::CmpIPredicate::sge, field, divisorField));
        Value next = m.select(fits, m.subExact(r, candidate), r);
        scf::YieldOp::create(m.b, m.loc, ValueRange{next});
      });
  Value result = m.withSign(loop.getResult(0), x);
  return m.select(m.both(usable, m.no(m.isNan(y))), result, m.nan());
}

static Type likeType(Value v, Type element) {
  if (auto vector = dyn_cast<VectorType>(v.getType()))
    return vector.clone(element);
  return element;
}

Value widen(OpBuilder &b, Location loc, Value x) {
  MathBuilder m(b, loc, likeType(x, b.getF32Type()));
  Value half = arith::BitcastOp::create(b, loc, likeType(x, b.getI16Type()), x);
  Value wide = arith::ExtUIOp::create(b, loc, m.integer, half);
  if (getElementTypeOrSelf(x.getType()).isBF16())
    return m.fromBits(m.ishl(wide, 16));
  // Exponent and significand at f32's places, then rebiased by a multiplication, which normalises
  // small numbers too.
  Value sign = m.ishl(m.iand(wide, m.i(0x8000)), 16);
  Value rest = m.ishl(m.iand(wide, m.i(0x7fff)), 13);
  Value scaled = m.bits(m.mulExact(m.fromBits(rest), m.f(0x1p112)));
  Value special = m.icmp(arith::CmpIPredicate::uge, rest, m.i(0x0f800000)); // infinities and NaN
  scaled = m.select(special, m.ior(rest, m.i(0x7f800000)), scaled);
  return m.fromBits(m.ior(scaled, sign));
}

Value narrow(OpBuilder &b, Location loc, Value x, Type element) {
  MathBuilder m(b, loc, x.getType());
  Value bits = m.bits(x);
  Value result;
  if (element.isBF16()) {
    Value odd = m.iand(m.ushr(bits, 16), m.i(1));
    Value rounded = m.ushr(m.iadd(m.iadd(bits, m.i(0x7fff)), odd), 16);
    Value quiet = m.ior(m.ushr(bits, 16), m.i(0x40));
    result = m.select(m.isNan(x), quiet, rounded);
  } else {
    Value sign = m.ushr(m.iand(bits, m.i(INT32_MIN)), 16);
    Value a = m.abs(x), aBits = m.bits(a);
    // Normal results: drop 13 bits, to nearest even.
    Value odd = m.iand(m.ushr(aBits, 13), m.i(1));
    Value normal = m.ushr(m.iadd(m.iadd(m.isub(aBits, m.i(0x38000000)), m.i(0xfff)), odd), 13);
    // Below 2^-14: adding 1/2 puts the last place of f16 at that of f32.
    Value tiny = m.isub(m.bits(m.addExact(a, m.f(0.5))), m.i(0x3f000000));
    result = m.select(m.less(a, m.f(0x1p-14)), tiny, normal);
    result = m.select(m.cmp(arith::CmpFPredicate::OGE, a, m.f(65520)), m.i(0x7c00), result);
    result = m.select(m.isNan(x), m.i(0x7e00), result);
    result = m.ior(result, sign);
  }
  Value half = arith::TruncIOp::create(b, loc, likeType(x, b.getI16Type()), result);
  return arith::BitcastOp::create(b, loc, likeType(x, element), half);
}

} // namespace ingot::functions
