// Kernels that walk along one dim with a state: arg_reduce and cumsum.
#include "backends/common/KernelEmitter.h"

using namespace mlir;

namespace ingot {

static unsigned laneDimOf(ArrayRef<DimExpr> shape) {
  unsigned last = shape.empty() ? 0 : shape.size() - 1;
  while (last > 0 && shape[last] == 1)
    --last;
  return last;
}

namespace {
/// The running choice of an arg_reduce: the best value and its index.
struct Best {
  KernelEmitter &k;
  bool max, last;
  bool isUnsigned, floating;

  Value isNan(Value v) const {
    return arith::CmpFOp::create(k.b, k.loc(), arith::CmpFPredicate::UNO, v, v);
  }
  Value either(Value a, Value b) const { return arith::OrIOp::create(k.b, k.loc(), a, b); }
  Value both(Value a, Value b) const { return arith::AndIOp::create(k.b, k.loc(), a, b); }

  /// Whether `x` beats `best` by its value; a NaN beats every number.
  Value beats(Value x, Value best) const {
    if (!floating) {
      using P = arith::CmpIPredicate;
      P p = max ? (isUnsigned ? P::ugt : P::sgt) : (isUnsigned ? P::ult : P::slt);
      return arith::CmpIOp::create(k.b, k.loc(), p, x, best);
    }
    auto p = max ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
    Value better = arith::CmpFOp::create(k.b, k.loc(), p, x, best);
    Value number = arith::CmpFOp::create(k.b, k.loc(), arith::CmpFPredicate::ORD, best, best);
    return either(better, both(isNan(x), number));
  }
  Value equal(Value x, Value best) const {
    if (!floating)
      return arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::eq, x, best);
    Value same = arith::CmpFOp::create(k.b, k.loc(), arith::CmpFPredicate::OEQ, x, best);
    return either(same, both(isNan(x), isNan(best)));
  }
  /// Whether x at index i takes the place of best at index j.
  Value takes(Value x, Value i, Value best, Value j) const {
    auto p = last ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt;
    Value order = arith::CmpIOp::create(k.b, k.loc(), p, i, j);
    return either(beats(x, best), both(equal(x, best), order));
  }
  KernelEmitter::Values update(Value x, Value i, ValueRange state) const {
    Value take = last ? either(beats(x, state[0]), equal(x, state[0])) : beats(x, state[0]);
    return {arith::SelectOp::create(k.b, k.loc(), take, x, state[0]),
            arith::SelectOp::create(k.b, k.loc(), take, i, state[1])};
  }
};
} // namespace

void emitArgReduce(KernelEmitter &k, ArgReduceOp op) {
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  if (isEmpty(op.getInput()))
    return;
  unsigned axis = op.getAxis(), lane = laneDimOf(shape);
  const DimExpr &n = shape[axis];
  Type i32 = k.b.getI32Type(), i64 = k.b.getI64Type();
  Type element = signless(elementOf(op.getInput()));
  Type compute = isNarrowFloat(element) ? Type(k.b.getF32Type()) : element;
  Best best{k, op.getKind() == ReduceKind::Max, op.getSelectLast(),
            elementOf(op.getInput()).isUnsignedInteger() || element.isInteger(1),
            isa<FloatType>(element)};
  int64_t lanes = k.lanesOf(op.getInput());
  auto read = [&](const Point &point, int64_t count) {
    Value v = k.read(op.getInput(), point, count);
    return best.floating ? k.mixed().toFloat(v, compute) : v;
  };
  auto number = [&](Value j) -> Value { return arith::IndexCastOp::create(k.b, k.loc(), i32, j); };
  auto finish = [&](ArrayRef<Value> indices, int64_t count, Value position) {
    KernelEmitter::Values to(indices);
    if (!op.getKeepdims())
      to.erase(to.begin() + axis);
    k.finish(to, count,
             arith::ExtSIOp::create(k.b, k.loc(), typeLike(position, i64), position).getResult());
  };
  if (lane > axis) { // lanes side by side, each with a row of its own
    llvm::SmallVector<DimExpr> space(shape.begin(), shape.begin() + lane + 1);
    space[axis] = 1;
    k.forShareOfLanes(space, lanes, [&](ArrayRef<Value> indices, int64_t count) {
      KernelEmitter::Values all(indices);
      all.resize(shape.size(), k.index(0));
      auto at = [&](Value j) {
        KernelEmitter::Values p(all);
        p[axis] = j;
        return k.inl.point(p, count, lane);
      };
      KernelEmitter::Values state{read(at(k.index(0)), count), k.splat(number(k.index(0)), count)};
      state = k.loop(k.index(1), k.index(n), 1, state, [&](Value j, ValueRange carried) {
        return best.update(read(at(j), count), k.splat(number(j), count), carried);
      });
      finish(all, count, state[1]);
    });
    return;
  }
  llvm::SmallVector<DimExpr> space(shape);
  space[axis] = 1;
  lanes = std::min(lanes, n.constant().value_or(lanes));
  SmallVector<int32_t> steps;
  for (int64_t l = 0; l < lanes; ++l)
    steps.push_back(l);
  k.forShare(space, [&](ArrayRef<Value> indices) {
    KernelEmitter::Values all(indices);
    auto at = [&](Value j, int64_t count) {
      KernelEmitter::Values p(all);
      p[axis] = j;
      return k.inl.point(p, count, axis);
    };
    auto positions = [&](Value first) -> Value {
      Value start = number(first);
      if (lanes == 1)
        return start;
      Value step = arith::ConstantOp::create(
          k.b, k.loc(),
          DenseElementsAttr::get(VectorType::get({lanes}, i32), ArrayRef<int32_t>(steps)));
      return arith::AddIOp::create(k.b, k.loc(), step, k.splat(start, lanes));
    };
    DimExpr whole = DimExpr::floorDiv(n, lanes) * lanes;
    auto update = [&](Value first, ValueRange carried) {
      return best.update(read(at(first, lanes), lanes), positions(first), carried);
    };
    KernelEmitter::Values state;
    if (n.isConstant()) {
      state = {read(at(k.index(0), lanes), lanes), positions(k.index(0))};
      state = k.loop(k.index(lanes), k.index(whole), lanes, state, update);
    } else {
      // There may be fewer elements than lanes: each lane begins with the first.
      state = {k.splat(read(at(k.index(0), 1), 1), lanes), k.splat(number(k.index(0)), lanes)};
      state = k.loop(k.index(0), k.index(whole), lanes, state, update);
      if (lanes > 1) {
        k.setRest(k.index(n - whole), lanes);
        KernelEmitter::Values rest = update(k.index(whole), state);
        for (auto [value, old] : llvm::zip(rest, state))
          value = arith::SelectOp::create(k.b, k.loc(), k.mask, value, old);
        state = rest;
        k.mask = {};
      }
    }
    if (lanes > 1) { // the best of the lanes
      KernelEmitter::Values one;
      for (int64_t l = 0; l < lanes; ++l) {
        Value x = vector::ExtractOp::create(k.b, k.loc(), state[0], l);
        Value i = vector::ExtractOp::create(k.b, k.loc(), state[1], l);
        if (l == 0) {
          one = {x, i};
          continue;
        }
        Value take = best.takes(x, i, one[0], one[1]);
        one = {arith::SelectOp::create(k.b, k.loc(), take, x, one[0]),
               arith::SelectOp::create(k.b, k.loc(), take, i, one[1])};
      }
      state = one;
    }
    if (whole != n && n.isConstant())
      state = k.loop(k.index(whole), k.index(n), 1, state, [&](Value j, ValueRange carried) {
        return best.update(read(at(j, 1), 1), number(j), carried);
      });
    finish(all, 1, state[1]);
  });
}

void emitCumsum(KernelEmitter &k, CumsumOp op) {
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  if (isEmpty(op.getInput()))
    return;
  unsigned axis = op.getAxis(), lane = laneDimOf(shape);
  const DimExpr &n = shape[axis];
  Type element = signless(elementOf(op.getInput()));
  Combiner sum{Combiner::Sum, isNarrowFloat(element) ? Type(k.b.getF32Type()) : element};
  bool across = lane > axis;
  llvm::SmallVector<DimExpr> space(shape.begin(), across ? shape.begin() + lane + 1 : shape.end());
  space[axis] = 1;
  k.forShareOfLanes(
      space, across ? k.stageLanes() : 1, [&](ArrayRef<Value> indices, int64_t count) {
        KernelEmitter::Values all(indices);
        all.resize(shape.size(), k.index(0));
        KernelEmitter::Values state{k.splat(sum.neutral(k), count)};
        k.loop(k.index(0), k.index(n), 1, state, [&](Value step, ValueRange carried) {
          KernelEmitter::Values p(all);
          p[axis] = op.getReverse() ? k.inl.index().sub(k.loc(), k.index(n - 1), step) : step;
          Value x = k.read(op.getInput(), k.inl.point(p, count, across ? lane : axis), count);
          if (isa<FloatType>(element))
            x = k.mixed().toFloat(x, sum.element);
          Value total = sum.combine(k, carried[0], x);
          k.finish(p, count, op.getExclusive() ? carried[0] : total);
          return KernelEmitter::Values{total};
        });
      });
}

} // namespace ingot
