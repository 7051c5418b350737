// Integer powers; maxima and minima of floats by comparisons.
#include "backends/common/MathFunctions.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot::functions {

Value integerPower(OpBuilder &b, Location loc, Value x, Value y) {
  Type type = x.getType(), element = getElementTypeOrSelf(type);
  auto constant = [&](int64_t value) -> Value {
    TypedAttr attr = IntegerAttr::get(element, value);
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, cast<Attribute>(attr));
    return arith::ConstantOp::create(b, loc, attr);
  };
  auto equal = [&](Value a, Value c) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, a, c);
  };
  auto select = [&](Value c, Value a, Value d) -> Value {
    return arith::SelectOp::create(b, loc, c, a, d);
  };
  Value zero = constant(0), one = constant(1), minusOne = constant(-1);
  Value negative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, y, zero);
  Value odd = arith::AndIOp::create(b, loc, y, one);
  // 1 / x^-y, truncated: not 0 for 1 and -1 alone.
  Value inverse = select(equal(x, one), one,
                         select(equal(x, minusOne), select(equal(odd, one), minusOne, one), zero));

  // Square and multiply while any element's exponent has bits left.
  auto loop = scf::WhileOp::create(
      b, loc, TypeRange{type, type, type}, ValueRange{one, x, select(negative, zero, y)},
      [&](OpBuilder &, Location, ValueRange state) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(state[0].getParentBlock());
        Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, state[2], zero);
        if (isa<VectorType>(more.getType()))
          more = vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, more);
        scf::ConditionOp::create(b, loc, more, state);
      },
      [&](OpBuilder &, Location, ValueRange state) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(state[0].getParentBlock());
        Value bit = equal(arith::AndIOp::create(b, loc, state[2], one), one);
        Value product = arith::MulIOp::create(b, loc, state[0], state[1]);
        Value square = arith::MulIOp::create(b, loc, state[1], state[1]);
        Value rest = arith::ShRUIOp::create(b, loc, state[2], one);
        scf::YieldOp::create(b, loc, ValueRange{select(bit, product, state[0]), square, rest});
      });
  return select(negative, inverse, loop.getResult(0));
}

Value maximum(const MathBuilder &m, Value x, Value y) {
  // Equal numbers differ in the sign of zero at most: + is the greater.
  Value equal = m.fromBits(m.iand(m.bits(x), m.bits(y)));
  Value takesX = m.either(m.greater(x, y), m.isNan(x));
  return m.select(m.equal(x, y), equal, m.select(takesX, x, y));
}

Value minimum(const MathBuilder &m, Value x, Value y) {
  Value equal = m.fromBits(m.ior(m.bits(x), m.bits(y)));
  Value takesX = m.either(m.less(x, y), m.isNan(x));
  return m.select(m.equal(x, y), equal, m.select(takesX, x, y));
}

} // namespace ingot::functions
