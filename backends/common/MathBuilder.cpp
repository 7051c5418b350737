// See MathBuilder.h.
#include "backends/common/MathBuilder.h"
#include <cmath>

using namespace mlir;

namespace ingot {

static Type like(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

MathBuilder::MathBuilder(OpBuilder &b, Location loc, Type type)
    : b(b), loc(loc), type(type), wide(getElementTypeOrSelf(type).isF64()),
      integer(like(type, b.getIntegerType(wide ? 64 : 32))) {}

static Value constantOf(OpBuilder &b, Location loc, Type type, TypedAttr element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, element));
  return arith::ConstantOp::create(b, loc, element);
}

Value MathBuilder::f(double value) const {
  Type element = getElementTypeOrSelf(type);
  return constantOf(b, loc, type,
                    b.getFloatAttr(element, wide ? value : static_cast<float>(value)));
}
Value MathBuilder::i(int64_t value) const {
  unsigned bits = wide ? 64 : 32;
  APInt number(bits, static_cast<uint64_t>(value), /*isSigned=*/true, /*implicitTrunc=*/true);
  return constantOf(b, loc, integer, b.getIntegerAttr(getElementTypeOrSelf(integer), number));
}
Value MathBuilder::inf() const { return f(INFINITY); }
Value MathBuilder::nan() const { return f(NAN); }

constexpr auto fuse = arith::FastMathFlags::contract;
Value MathBuilder::add(Value x, Value y) const { return arith::AddFOp::create(b, loc, x, y, fuse); }
Value MathBuilder::sub(Value x, Value y) const { return arith::SubFOp::create(b, loc, x, y, fuse); }
Value MathBuilder::mul(Value x, Value y) const { return arith::MulFOp::create(b, loc, x, y, fuse); }
Value MathBuilder::addExact(Value x, Value y) const { return arith::AddFOp::create(b, loc, x, y); }
Value MathBuilder::subExact(Value x, Value y) const { return arith::SubFOp::create(b, loc, x, y); }
Value MathBuilder::mulExact(Value x, Value y) const { return arith::MulFOp::create(b, loc, x, y); }
Value MathBuilder::div(Value x, Value y) const { return arith::DivFOp::create(b, loc, x, y); }
Value MathBuilder::neg(Value x) const { return arith::NegFOp::create(b, loc, x); }
Value MathBuilder::abs(Value x) const { return math::AbsFOp::create(b, loc, x); }
Value MathBuilder::sqrt(Value x) const { return math::SqrtOp::create(b, loc, x); }
Value MathBuilder::withSign(Value x, Value y) const {
  return math::CopySignOp::create(b, loc, x, y);
}

Value MathBuilder::poly(Value x, ArrayRef<double> coefficients) const {
  Value result = f(coefficients.back());
  for (double c : llvm::reverse(coefficients.drop_back()))
    result = madd(result, x, f(c));
  return result;
}

Value MathBuilder::cmp(arith::CmpFPredicate p, Value x, Value y) const {
  return arith::CmpFOp::create(b, loc, p, x, y);
}
Value MathBuilder::select(Value c, Value x, Value y) const {
  return arith::SelectOp::create(b, loc, c, x, y);
}
Value MathBuilder::both(Value x, Value y) const { return arith::AndIOp::create(b, loc, x, y); }
Value MathBuilder::either(Value x, Value y) const { return arith::OrIOp::create(b, loc, x, y); }
Value MathBuilder::no(Value x) const {
  Value all = constantOf(b, loc, x.getType(), b.getBoolAttr(true));
  return arith::XOrIOp::create(b, loc, x, all);
}

Value MathBuilder::bits(Value x) const { return arith::BitcastOp::create(b, loc, integer, x); }
Value MathBuilder::fromBits(Value x) const { return arith::BitcastOp::create(b, loc, type, x); }
Value MathBuilder::iadd(Value x, Value y) const { return arith::AddIOp::create(b, loc, x, y); }
Value MathBuilder::isub(Value x, Value y) const { return arith::SubIOp::create(b, loc, x, y); }
Value MathBuilder::iand(Value x, Value y) const { return arith::AndIOp::create(b, loc, x, y); }
Value MathBuilder::ior(Value x, Value y) const { return arith::OrIOp::create(b, loc, x, y); }
Value MathBuilder::ishl(Value x, int64_t n) const { return arith::ShLIOp::create(b, loc, x, i(n)); }
Value MathBuilder::ishr(Value x, int64_t n) const {
  return arith::ShRSIOp::create(b, loc, x, i(n));
}
Value MathBuilder::ushr(Value x, int64_t n) const {
  return arith::ShRUIOp::create(b, loc, x, i(n));
}
Value MathBuilder::icmp(arith::CmpIPredicate p, Value x, Value y) const {
  return arith::CmpIOp::create(b, loc, p, x, y);
}
Value MathBuilder::signBit(Value x) const { return icmp(arith::CmpIPredicate::slt, bits(x), i(0)); }

std::pair<Value, Value> MathBuilder::roundToInt(Value x) const {
  // Adding 1.5 * 2^23 leaves no room for a fraction; the low bits of the sum are the integer.
  Value magic = f(wide ? 6755399441055744.0 : 12582912.0);
  Value sum = addExact(x, magic);
  return {subExact(sum, magic), isub(bits(sum), bits(magic))};
}

Value MathBuilder::toFloat(Value n) const {
  Value magic = f(wide ? 6755399441055744.0 : 12582912.0);
  return subExact(fromBits(iadd(n, bits(magic))), magic);
}

Value MathBuilder::pow2(Value n) const { return fromBits(ishl(iadd(n, i(bias())), mantissa())); }

Value MathBuilder::scale(Value x, Value n) const {
  Value half = ishr(n, 1);
  return mulExact(mulExact(x, pow2(half)), pow2(isub(n, half)));
}

} // namespace ingot
