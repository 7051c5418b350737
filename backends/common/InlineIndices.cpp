// Arithmetic on lane indices, for the inline emitter.
#include "backends/common/EmitHelpers.h"
#include "backends/common/InlineEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot {

LaneIndex InlineEmitter::toIndex(Value v) {
  if (std::optional<int64_t> c = constantInt(v))
    return {{}, *c, 0, {}};
  return {v, 0, 0, {}};
}

Value InlineEmitter::scalar(Location loc, const LaneIndex &i) {
  return i.base ? math.add(loc, i.base, i.offset) : math.constant(loc, i.offset);
}

Value InlineEmitter::vectorOf(Location loc, const LaneIndex &i, int64_t lanes) {
  auto type = VectorType::get({lanes}, builder.getIndexType());
  Value result = i.vector;
  auto add = [&](Value v) {
    result = result ? arith::AddIOp::create(builder, loc, result, v).getResult() : v;
  };
  if (i.stride) {
    SmallVector<int64_t> steps;
    for (int64_t l = 0; l < lanes; ++l)
      steps.push_back(i.stride * l);
    add(arith::ConstantOp::create(builder, loc, DenseIntElementsAttr::get(type, steps)));
  }
  if (i.base || i.offset || !result)
    add(vector::BroadcastOp::create(builder, loc, type, scalar(loc, i)));
  return result;
}

LaneIndex InlineEmitter::plus(Location loc, LaneIndex i, const DimExpr &offset) {
  if (std::optional<int64_t> number = offset.constant()) {
    i.offset += *number;
  } else {
    Value value = math.value(loc, offset);
    i.base = i.base ? math.add(loc, i.base, value) : value;
  }
  return i;
}

LaneIndex InlineEmitter::times(Location loc, const LaneIndex &i, const DimExpr &by, int64_t lanes) {
  if (!by.isConstant()) {
    LaneIndex result;
    if (i.base || i.offset)
      result.base = math.mul(loc, scalar(loc, i), by);
    if (!i.uniform())
      result.vector =
          arith::MulIOp::create(builder, loc, vectorOf(loc, {{}, 0, i.stride, i.vector}, lanes),
                                splatExtent(loc, by, lanes));
    return result;
  }
  int64_t factor = *by.constant();
  if (factor == 0)
    return {};
  LaneIndex result{i.base, i.offset * factor, i.stride * factor, i.vector};
  if (i.base)
    result.base = math.mul(loc, i.base, factor);
  if (i.vector && factor != 1) {
    auto type = cast<VectorType>(i.vector.getType());
    Value by = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(type, Attribute(builder.getIndexAttr(factor))));
    result.vector = arith::MulIOp::create(builder, loc, i.vector, by);
  }
  return result;
}

LaneIndex InlineEmitter::sum(Location loc, const LaneIndex &a, const LaneIndex &b) {
  LaneIndex result{a.base ? a.base : b.base, a.offset + b.offset, a.stride + b.stride,
                   a.vector ? a.vector : b.vector};
  if (a.base && b.base)
    result.base = math.add(loc, a.base, b.base);
  if (a.vector && b.vector)
    result.vector = arith::AddIOp::create(builder, loc, a.vector, b.vector);
  return result;
}

Value InlineEmitter::splatExtent(Location loc, const DimExpr &extent, int64_t lanes) {
  auto type = VectorType::get({lanes}, builder.getIndexType());
  if (std::optional<int64_t> number = extent.constant())
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(type, Attribute(builder.getIndexAttr(*number))));
  return vector::BroadcastOp::create(builder, loc, type, math.value(loc, extent));
}

std::pair<LaneIndex, LaneIndex> InlineEmitter::divide(Location loc, const LaneIndex &i,
                                                      const DimExpr &by, int64_t lanes) {
  if (!by.isConstant()) {
    LaneIndex quotient, remainder;
    if (i.uniform()) {
      Value at = scalar(loc, i);
      quotient.base = math.div(loc, at, by);
      remainder.base = math.rem(loc, at, by);
    } else {
      Value v = vectorOf(loc, i, lanes), divisors = splatExtent(loc, by, lanes);
      quotient.vector = arith::DivUIOp::create(builder, loc, v, divisors);
      remainder.vector = arith::RemUIOp::create(builder, loc, v, divisors);
    }
    return {quotient, remainder};
  }
  int64_t divisor = *by.constant();
  if (divisor == 1)
    return {i, {}};
  auto split = [&](int64_t stride) {
    LaneIndex quotient, remainder;
    if (!i.base) {
      quotient.offset = i.offset / divisor;
      remainder.offset = i.offset % divisor;
    } else if (i.offset >= 0 && i.offset % divisor == 0) {
      quotient = {math.div(loc, i.base, divisor), i.offset / divisor, 0, {}};
      remainder.base = math.rem(loc, i.base, divisor);
    } else {
      Value at = scalar(loc, i);
      quotient.base = math.div(loc, at, divisor);
      remainder.base = math.rem(loc, at, divisor);
    }
    remainder.stride = stride;
    return std::make_pair(quotient, remainder);
  };
  if (i.uniform())
    return split(0);
  if (!i.vector && i.stride == 1) {
    // All lanes have one quotient when the start is a multiple of some m that divides the divisor,
    // and m holds them.
    if (!i.base && i.offset % divisor + lanes <= divisor)
      return split(1);
    for (int64_t m = 1; m <= divisor && i.base; m *= 2)
      if (m >= lanes && divisor % m == 0 && i.offset >= 0 && i.offset % m + lanes <= m &&
          isMultipleOf(i.base, m))
        return split(1);
    if (i.base && i.offset >= 0 && i.offset % divisor + lanes <= divisor &&
        isMultipleOf(i.base, divisor))
      return split(1);
  }
  Value v = vectorOf(loc, i, lanes), divisors = splatExtent(loc, by, lanes);
  LaneIndex quotient, remainder;
  quotient.vector = arith::DivUIOp::create(builder, loc, v, divisors);
  remainder.vector = arith::RemUIOp::create(builder, loc, v, divisors);
  return {quotient, remainder};
}

LaneIndex InlineEmitter::clamp(Location loc, const LaneIndex &i, const DimExpr &low,
                               const DimExpr &high, int64_t lanes) {
  if (i.uniform()) {
    if (!i.base && low.isConstant() && high.isConstant())
      return {{}, std::max(*low.constant(), std::min(*high.constant(), i.offset)), 0, {}};
    return {math.max(loc, math.min(loc, scalar(loc, i), high), low), 0, 0, {}};
  }
  Value v = vectorOf(loc, i, lanes);
  v = arith::MinSIOp::create(builder, loc, v, splatExtent(loc, high, lanes));
  v = arith::MaxSIOp::create(builder, loc, v, splatExtent(loc, low, lanes));
  return {{}, 0, 0, v};
}

Value InlineEmitter::inRange(Location loc, const LaneIndex &i, bool checkLow, bool checkHigh,
                             const DimExpr &low, const DimExpr &high, int64_t lanes) {
  Value v, lowValue, highValue;
  if (i.uniform()) {
    v = scalar(loc, i);
    lowValue = math.value(loc, low);
    highValue = math.value(loc, high);
  } else {
    v = vectorOf(loc, i, lanes);
    lowValue = splatExtent(loc, low, lanes);
    highValue = splatExtent(loc, high, lanes);
  }
  Value result;
  if (checkLow)
    result = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, v, lowValue);
  if (checkHigh) {
    Value below = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, v, highValue);
    result = result ? arith::AndIOp::create(builder, loc, result, below).getResult() : below;
  }
  return result;
}

LaneIndex InlineEmitter::loadedIndex(Location loc, Value loaded, const DimExpr &extent) {
  Type index = builder.getIndexType();
  if (auto type = dyn_cast<VectorType>(loaded.getType())) {
    int64_t lanes = type.getNumElements();
    Value i = arith::IndexCastOp::create(builder, loc, type.clone(index), loaded);
    Value wrapped = arith::AddIOp::create(builder, loc, i, splatExtent(loc, extent, lanes));
    Value negative = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, i,
                                           splatExtent(loc, 0, lanes));
    i = arith::SelectOp::create(builder, loc, negative, wrapped, i);
    return clamp(loc, {{}, 0, 0, i}, 0, extent - 1, lanes);
  }
  Value i = arith::IndexCastOp::create(builder, loc, index, loaded);
  Value negative =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, i, math.constant(loc, 0));
  i = arith::SelectOp::create(builder, loc, negative, math.add(loc, i, extent), i);
  return clamp(loc, {i, 0, 0, {}}, 0, extent - 1, 1);
}

Point InlineEmitter::reshapePoint(Location loc, ArrayRef<DimExpr> from, ArrayRef<DimExpr> to,
                                  const Point &point, int64_t lanes) {
  // An index is only linearised where it must be.
  const DimExpr one = 1;
  Point result(to.size());
  for (auto [f, fEnd, t, tEnd] : reshapeGroups(from, to)) {
    LaneIndex linear;
    for (size_t i = f; i < fEnd; ++i)
      linear =
          sum(loc, times(loc, linear, from[i], lanes), from[i] == one ? LaneIndex() : point[i]);
    for (size_t i = tEnd; i-- > t;) {
      if (to[i] == one)
        continue;
      bool outermost = llvm::all_of(to.slice(t, i - t), [&](const DimExpr &e) { return e == one; });
      if (outermost) {
        result[i] = linear;
        break;
      }
      auto [quotient, remainder] = divide(loc, linear, to[i], lanes);
      result[i] = remainder;
      linear = quotient;
    }
  }
  return result;
}

} // namespace ingot
