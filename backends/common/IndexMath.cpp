// Index arithmetic with memory; see IndexMath.h.
#include "backends/common/IndexMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace ingot {

std::optional<int64_t> constantInt(Value v) {
  APInt value;
  if (v && matchPattern(v, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

static bool isMultipleOf(Value v, int64_t factor, int depth) {
  if (factor == 1)
    return true;
  if (std::optional<int64_t> c = constantInt(v))
    return *c % factor == 0;
  if (depth > 8)
    return false;
  if (auto arg = dyn_cast<BlockArgument>(v)) {
    auto loop = dyn_cast<scf::ForOp>(arg.getOwner()->getParentOp());
    return loop && loop.getInductionVar() == v &&
           isMultipleOf(loop.getLowerBound(), factor, depth + 1) &&
           isMultipleOf(loop.getStep(), factor, depth + 1);
  }
  if (auto add = v.getDefiningOp<arith::AddIOp>())
    return isMultipleOf(add.getLhs(), factor, depth + 1) &&
           isMultipleOf(add.getRhs(), factor, depth + 1);
  if (auto sub = v.getDefiningOp<arith::SubIOp>())
    return isMultipleOf(sub.getLhs(), factor, depth + 1) &&
           isMultipleOf(sub.getRhs(), factor, depth + 1);
  if (auto mul = v.getDefiningOp<arith::MulIOp>())
    return isMultipleOf(mul.getLhs(), factor, depth + 1) ||
           isMultipleOf(mul.getRhs(), factor, depth + 1);
  return false;
}

bool isMultipleOf(Value v, int64_t factor) { return isMultipleOf(v, factor, 0); }

void IndexMath::refresh() {
  if (block == builder.getInsertionBlock())
    return;
  block = builder.getInsertionBlock();
  known.clear();
}

Value IndexMath::constant(Location loc, int64_t value) {
  refresh();
  Value &slot = known[{-1, nullptr, nullptr, value}];
  if (!slot)
    slot = arith::ConstantIndexOp::create(builder, loc, value);
  return slot;
}

void IndexMath::bindDims(ValueRange values) { dims.assign(values.begin(), values.end()); }

Value IndexMath::value(Location loc, const DimExpr &extent) {
  if (std::optional<int64_t> number = extent.constant())
    return constant(loc, *number);
  Value &slot = extents[extent.str()];
  if (!slot)
    slot = compute(loc, extent);
  return slot;
}

/// Builds `extent` at the function's entry, where all of the function can use it.
Value IndexMath::compute(Location loc, const DimExpr &extent) {
  OpBuilder b(builder.getContext());
  if (lastAtEntry)
    b.setInsertionPointAfter(lastAtEntry);
  else
    b.setInsertionPointToStart(dims.front().getParentBlock());
  auto made = [&](Value v) {
    lastAtEntry = v.getDefiningOp();
    return v;
  };
  auto number = [&](int64_t n) { return made(arith::ConstantIndexOp::create(b, loc, n)); };
  return extent.lower<Value>(
      number,
      [&](StringRef name) {
        unsigned i = dims.size();
        bool known = name.consume_front("d") && !name.getAsInteger(10, i) && i < dims.size();
        assert(known && "a kernel's dims are d0, d1, …");
        return known ? dims[i] : dims.front();
      },
      [&](DimExpr::Operation op, Value x, Value y) -> Value {
        switch (op) {
        case DimExpr::Operation::Add:
          return made(arith::AddIOp::create(b, loc, x, y));
        case DimExpr::Operation::Sub:
          return made(arith::SubIOp::create(b, loc, x, y));
        case DimExpr::Operation::Mul:
          return made(arith::MulIOp::create(b, loc, x, y));
        case DimExpr::Operation::Min:
          return made(arith::MinSIOp::create(b, loc, x, y));
        case DimExpr::Operation::Max:
          return made(arith::MaxSIOp::create(b, loc, x, y));
        case DimExpr::Operation::FloorDiv:
        case DimExpr::Operation::Mod:
          break;
        }
        // Rounded down, by a positive divisor: a negative remainder takes one divisor more. A
        // divisor of 0 does not trap; the run refuses it before.
        y = made(arith::MaxSIOp::create(b, loc, y, number(1)));
        Value rest = made(arith::RemSIOp::create(b, loc, x, y));
        Value below =
            made(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, number(0)));
        rest = made(arith::SelectOp::create(b, loc, below,
                                            made(arith::AddIOp::create(b, loc, rest, y)), rest));
        if (op == DimExpr::Operation::Mod)
          return rest;
        return made(
            arith::DivSIOp::create(b, loc, made(arith::SubIOp::create(b, loc, x, rest)), y));
      });
}

Value IndexMath::binary(Op op, Location loc, Value a, Value b) {
  refresh();
  std::optional<int64_t> ca = constantInt(a), cb = constantInt(b);
  if (ca && cb) {
    switch (op) {
    case Op::Add:
      return constant(loc, *ca + *cb);
    case Op::Sub:
      return constant(loc, *ca - *cb);
    case Op::Mul:
      return constant(loc, *ca * *cb);
    case Op::Div:
      return constant(loc, *ca / *cb);
    case Op::Rem:
      return constant(loc, *ca % *cb);
    case Op::Min:
      return constant(loc, std::min(*ca, *cb));
    case Op::Max:
      return constant(loc, std::max(*ca, *cb));
    }
  }
  if (cb == 0 && (op == Op::Add || op == Op::Sub))
    return a;
  if (ca == 0 && op == Op::Add)
    return b;
  if (cb == 1 && (op == Op::Mul || op == Op::Div))
    return a;
  if (ca == 1 && op == Op::Mul)
    return b;
  if ((op == Op::Mul && (ca == 0 || cb == 0)) || (op == Op::Rem && cb == 1))
    return constant(loc, 0);
  auto key = std::make_tuple(static_cast<int>(op), ca ? nullptr : a.getAsOpaquePointer(),
                             cb ? nullptr : b.getAsOpaquePointer(),
                             ca   ? *ca
                             : cb ? *cb
                                  : 0);
  Value &slot = known[key];
  if (slot)
    return slot;
  switch (op) {
  case Op::Add:
    return slot = arith::AddIOp::create(builder, loc, a, b);
  case Op::Sub:
    return slot = arith::SubIOp::create(builder, loc, a, b);
  case Op::Mul:
    return slot = arith::MulIOp::create(builder, loc, a, b);
  case Op::Div:
    return slot = arith::DivUIOp::create(builder, loc, a, b);
  case Op::Rem:
    return slot = arith::RemUIOp::create(builder, loc, a, b);
  case Op::Min:
    return slot = arith::MinSIOp::create(builder, loc, a, b);
  case Op::Max:
    return slot = arith::MaxSIOp::create(builder, loc, a, b);
  }
  llvm_unreachable("unknown index operation");
}

Value IndexMath::add(Location loc, Value a, Value b) { return binary(Op::Add, loc, a, b); }
Value IndexMath::sub(Location loc, Value a, Value b) { return binary(Op::Sub, loc, a, b); }
Value IndexMath::mul(Location loc, Value a, Value b) { return binary(Op::Mul, loc, a, b); }
Value IndexMath::div(Location loc, Value a, Value b) { return binary(Op::Div, loc, a, b); }
Value IndexMath::rem(Location loc, Value a, Value b) { return binary(Op::Rem, loc, a, b); }
Value IndexMath::min(Location loc, Value a, Value b) { return binary(Op::Min, loc, a, b); }
Value IndexMath::max(Location loc, Value a, Value b) { return binary(Op::Max, loc, a, b); }

SmallVector<Value> IndexMath::delinearize(Location loc, Value linear, ArrayRef<DimExpr> extents) {
  SmallVector<Value> indices(extents.size());
  // The outermost extent that is not 1 needs no remainder.
  size_t outermost = 0;
  while (outermost + 1 < extents.size() && extents[outermost] == DimExpr(1))
    ++outermost;
  for (size_t i = extents.size(); i-- > 0;) {
    if (extents[i] == DimExpr(1)) {
      indices[i] = constant(loc, 0);
      continue;
    }
    indices[i] = i <= outermost ? linear : rem(loc, linear, extents[i]);
    if (i > outermost)
      linear = div(loc, linear, extents[i]);
  }
  return indices;
}

} // namespace ingot
