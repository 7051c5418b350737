// Kernels that pass over rows two or three times: softmax and the normalisations.
#include "backends/common/KernelEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace ingot {

namespace {
/// The elements that one unit of work passes over: a nest of loops with lanes in the last one. When
/// reading them costs computation, the first pass keeps them in scratch for the next ones, if there
/// is scratch.
class RowReader {
public:
  using At = llvm::function_ref<Point(ArrayRef<Value> outer, Value first, int64_t lanes)>;

  /// Must be made outside the loops of the row's units.
  RowReader(KernelEmitter &k, Operation *op, Value tensor, ArrayRef<DimExpr> outer, DimExpr inner,
            Type compute, bool keep)
      : k(k), tensor(tensor), outer(outer), inner(std::move(inner)), compute(compute) {
    // Rows of a dynamic extent end in whole vectors.
    DimExpr slack = this->inner.isConstant() ? 0 : k.stageLanes();
    if (keep && k.info.scratch)
      row = k.scratch(op, llvm::product_of(outer, this->inner) + slack, compute);
  }

  bool kept() const { return static_cast<bool>(row); }
  /// The elements computed from the tensor, in the compute type.
  Value compute_(At at, ArrayRef<Value> outerIndices, Value first, int64_t lanes) {
    return k.mixed().toFloat(k.read(tensor, at(outerIndices, first, lanes), lanes), compute);
  }
  Value load(ArrayRef<Value> outerIndices, Value first, int64_t lanes) {
    return k.inl.load(k.loc(), row, position(outerIndices, first, lanes), lanes);
  }
  void store(Value v, ArrayRef<Value> outerIndices, Value first, int64_t lanes) {
    k.inl.store(k.loc(), v, row, position(outerIndices, first, lanes), lanes);
  }
  /// The first pass: computes, and keeps.
  Value first(At at, ArrayRef<Value> outerIndices, Value first, int64_t lanes) {
    Value v = compute_(at, outerIndices, first, lanes);
    if (row)
      store(v, outerIndices, first, lanes);
    return v;
  }
  /// Later passes.
  Value again(At at, ArrayRef<Value> outerIndices, Value first, int64_t lanes) {
    return row ? load(outerIndices, first, lanes) : compute_(at, outerIndices, first, lanes);
  }

private:
  Point position(ArrayRef<Value> outerIndices, Value first, int64_t lanes) {
    IndexMath &math = k.inl.index();
    Value linear = k.index(0);
    for (auto [i, e] : llvm::zip(outerIndices, outer))
      linear = math.add(k.loc(), math.mul(k.loc(), linear, e), i);
    linear = math.add(k.loc(), math.mul(k.loc(), linear, inner), first);
    return k.inl.point({linear}, lanes, 0u);
  }

  KernelEmitter &k;
  Value tensor, row;
  llvm::SmallVector<DimExpr> outer;
  DimExpr inner;
  Type compute;
};
} // namespace

static Type computeType(Value tensor) {
  Type element = elementOf(tensor);
  return isNarrowFloat(element) ? Type(Float32Type::get(element.getContext())) : element;
}

static unsigned lastNonUnit(ArrayRef<DimExpr> shape) {
  unsigned last = shape.empty() ? 0 : shape.size() - 1;
  while (last > 0 && shape[last] == 1)
    --last;
  return last;
}

/// Softmax with lanes along another dim than the axis: each lane has a row of its own.
static void softmaxAcross(KernelEmitter &k, SoftmaxOp op, unsigned axis, unsigned lane,
                          Type compute) {
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  int64_t lanes = std::min(k.stageLanes(), shape[lane].constant().value_or(INT64_MAX));
  const DimExpr &n = shape[axis];
  llvm::SmallVector<DimExpr> space(shape.begin(), shape.begin() + lane + 1);
  if (axis < lane)
    space[axis] = 1;
  Value rows = k.scratch(op, n * DimExpr(lanes), compute);
  Combiner max{Combiner::Max, compute}, sum{Combiner::Sum, compute};
  Mixed m = k.mixed();
  k.forShareOfLanes(space, lanes, [&](ArrayRef<Value> indices, int64_t count) {
    IndexMath &math = k.inl.index();
    auto at = [&](Value j) {
      KernelEmitter::Values all(indices);
      all.resize(shape.size(), k.index(0));
      all[axis] = j;
      return all;
    };
    auto place = [&](Value j) { return k.inl.point({math.mul(k.loc(), j, lanes)}, count, 0u); };
    KernelEmitter::Values init{k.splat(max.neutral(k), count)};
    Value greatest = k.loop(k.index(0), k.index(n), 1, init, [&](Value j, ValueRange carried) {
      Value x = m.toFloat(k.read(op.getInput(), k.inl.point(at(j), count, lane), count), compute);
      k.inl.store(k.loc(), x, rows, place(j), count);
      return KernelEmitter::Values{max.combine(k, carried[0], x)};
    })[0];
    init = {k.splat(sum.neutral(k), count)};
    Value total = k.loop(k.index(0), k.index(n), 1, init, [&](Value j, ValueRange carried) {
      Value x = k.inl.load(k.loc(), rows, place(j), count);
      x = m.op<arith::SubFOp>(x, greatest);
      Value e = math::ExpOp::create(k.b, k.loc(), x);
      k.inl.store(k.loc(), op.getLog() ? x : e, rows, place(j), count);
      return KernelEmitter::Values{sum.combine(k, carried[0], e)};
    })[0];
    Value factor = op.getLog() ? Value(math::LogOp::create(k.b, k.loc(), total))
                               : m.op<arith::DivFOp>(m.number(total, 1), total);
    k.loop(k.index(0), k.index(n), 1, [&](Value j) {
      Value x = k.inl.load(k.loc(), rows, place(j), count);
      k.finish(at(j), count,
               op.getLog() ? m.op<arith::SubFOp>(x, factor) : m.op<arith::MulFOp>(x, factor));
    });
  });
}

void emitSoftmax(KernelEmitter &k, SoftmaxOp op) {
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  if (isEmpty(op.getInput()))
    return;
  Type compute = computeType(op.getInput());
  unsigned axis = op.getAxis(), lane = lastNonUnit(shape);
  if (lane > axis && k.info.scratch)
    return softmaxAcross(k, op, axis, lane, compute);
  int64_t lanes = k.stageLanes();
  const DimExpr &n = shape[axis];
  llvm::SmallVector<DimExpr> space(shape);
  space[axis] = 1;
  RowReader row(k, op, op.getInput(), {}, n, compute, /*keep=*/true);
  bool direct = k.inl.isBound(op.getInput());
  Combiner max{Combiner::Max, compute}, sum{Combiner::Sum, compute};
  Mixed m = k.mixed();
  k.forShare(space, [&](ArrayRef<Value> indices) {
    auto at = [&](ArrayRef<Value>, Value first, int64_t count) {
      KernelEmitter::Values all(indices);
      all[axis] = first;
      return k.inl.point(all, count, axis);
    };
    Value greatest =
        reduceLanes(k, max, {}, n, lanes, [&](ArrayRef<Value> outer, Value first, int64_t count) {
          return direct ? row.compute_(at, outer, first, count)
                        : row.first(at, outer, first, count);
        });
    Value total =
        reduceLanes(k, sum, {}, n, lanes, [&](ArrayRef<Value> outer, Value first, int64_t count) {
          Value x =
              direct ? row.compute_(at, outer, first, count) : row.again(at, outer, first, count);
          x = m.op<arith::SubFOp>(x, greatest);
          Value e = math::ExpOp::create(k.b, k.loc(), x);
          if (row.kept())
            row.store(op.getLog() ? x : e, outer, first, count);
          return e;
        });
    Value factor = op.getLog() ? Value(math::LogOp::create(k.b, k.loc(), total))
                               : m.op<arith::DivFOp>(m.number(total, 1), total);
    k.forLanes(n, lanes, [&](Value first, int64_t count) {
      Value x = row.again(at, {}, first, count);
      if (!row.kept()) {
        x = m.op<arith::SubFOp>(x, greatest);
        x = op.getLog() ? x : math::ExpOp::create(k.b, k.loc(), x);
      }
      x = op.getLog() ? m.op<arith::SubFOp>(x, factor) : m.op<arith::MulFOp>(x, factor);
      KernelEmitter::Values all(indices);
      all[axis] = first;
      k.finish(all, count, x);
    });
  });
}

/// Mean and variance, or the mean of squares, then what `normalise` makes of them and of each
/// element.
static void normalizeRows(
    KernelEmitter &k, Operation *op, Value input, ArrayRef<DimExpr> units, ArrayRef<DimExpr> outer,
    const DimExpr &inner, double epsilon, bool centred,
    llvm::function_ref<KernelEmitter::Values(ArrayRef<Value> unit, ArrayRef<Value> outer, Value)>
        indicesOf,
    unsigned lane,
    llvm::function_ref<Value(Value x, ArrayRef<Value> indices, int64_t lanes)> affine) {
  Type compute = computeType(input);
  int64_t lanes = k.stageLanes();
  DimExpr count = llvm::product_of(outer, inner);
  RowReader row(k, op, input, outer, inner, compute, /*keep=*/!k.inl.isBound(input));
  Combiner sum{Combiner::Sum, compute};
  Mixed m = k.mixed();
  k.forShare(units, [&](ArrayRef<Value> unit) {
    auto at = [&](ArrayRef<Value> o, Value first, int64_t n) {
      return k.inl.point(indicesOf(unit, o, first), n, lane);
    };
    Value mean;
    if (centred) {
      Value total =
          reduceLanes(k, sum, outer, inner, lanes, [&](ArrayRef<Value> o, Value first, int64_t n) {
            return row.first(at, o, first, n);
          });
      mean = m.op<arith::DivFOp>(total, k.number(total, count));
    }
    Value squares =
        reduceLanes(k, sum, outer, inner, lanes, [&](ArrayRef<Value> o, Value first, int64_t n) {
          Value x = centred ? m.op<arith::SubFOp>(row.again(at, o, first, n), mean)
                            : row.first(at, o, first, n);
          return m.op<arith::MulFOp>(x, x);
        });
    Value variance = m.op<arith::DivFOp>(squares, k.number(squares, count));
    variance = m.op<arith::AddFOp>(variance, m.number(variance, epsilon));
    Value deviation = math::SqrtOp::create(k.b, k.loc(), variance);
    Value factor = m.op<arith::DivFOp>(m.number(deviation, 1), deviation);
    auto vector = [&](ArrayRef<Value> o, Value first, int64_t n) {
      Value x = row.again(at, o, first, n);
      if (centred)
        x = m.op<arith::SubFOp>(x, mean);
      KernelEmitter::Values indices = indicesOf(unit, o, first);
      k.finish(indices, n, affine(m.op<arith::MulFOp>(x, factor), indices, n));
    };
    k.nest(outer, {}, [&](ArrayRef<Value> o, ValueRange) {
      KernelEmitter::Values kept(o);
      k.forLanes(inner, lanes, [&](Value first, int64_t n) { vector(kept, first, n); });
      return KernelEmitter::Values();
    });
  });
}

/// Splits the dims from `axis` on into loops and the dim that lanes run along, and normalises each
/// row.
static void normalizeFrom(KernelEmitter &k, Operation *op, Value input, uint64_t axis,
                          double epsilon, bool centred, Value scale, Value bias) {
  llvm::SmallVector<DimExpr> shape = extentsOf(input);
  if (isEmpty(input))
    return;
  if (axis == shape.size()) // nothing to normalise over: rows of one element
    --axis;
  unsigned lane = std::max<unsigned>(lastNonUnit(shape), axis);
  llvm::SmallVector<DimExpr> outer(shape.begin() + axis, shape.end());
  DimExpr inner = outer[lane - axis];
  outer[lane - axis] = 1;
  Mixed m = k.mixed();
  normalizeRows(
      k, op, input, ArrayRef(shape).take_front(axis), outer, inner, epsilon, centred,
      [&](ArrayRef<Value> unit, ArrayRef<Value> o, Value first) {
        KernelEmitter::Values all(unit);
        all.append(o.begin(), o.end());
        all[lane] = first;
        return all;
      },
      lane,
      [&](Value x, ArrayRef<Value> indices, int64_t lanes) {
        for (Value parameter : {scale, bias}) {
          if (!parameter)
            continue;
          Point point =
              k.inl.point(indices.drop_front(axis), lanes, lane - static_cast<unsigned>(axis));
          Value p = m.toFloat(k.read(parameter, point, lanes), scalarType(x));
          x = parameter == scale ? m.op<arith::MulFOp>(x, p) : m.op<arith::AddFOp>(x, p);
        }
        return x;
      });
}

void emitLayerNorm(KernelEmitter &k, LayerNormOp op) {
  normalizeFrom(k, op, op.getInput(), op.getAxis(), op.getEpsilon().convertToDouble(),
                /*centred=*/true, op.getScale(), op.getBias());
}

void emitRmsNorm(KernelEmitter &k, RmsNormOp op) {
  normalizeFrom(k, op, op.getInput(), op.getAxis(), op.getEpsilon().convertToDouble(),
                /*centred=*/false, op.getScale(), Value());
}

void emitGroupNorm(KernelEmitter &k, GroupNormOp op) {
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  if (isEmpty(op.getInput()))
    return;
  bool last = op.getChannelsLast();
  unsigned channelDim = last ? shape.size() - 1 : 1;
  int64_t groups = op.getGroups();
  DimExpr size = DimExpr::floorDiv(shape[channelDim], groups);
  // Loops over the group's channels and space, in the order of memory; lanes along the last of them
  // that is not 1.
  llvm::SmallVector<DimExpr> outer(shape.begin() + 1, shape.end());
  outer[channelDim - 1] = size;
  unsigned lane = lastNonUnit(outer) + 1;
  DimExpr inner = outer[lane - 1];
  outer[lane - 1] = 1;
  Mixed m = k.mixed();
  normalizeRows(
      k, op, op.getInput(), {shape[0], DimExpr(groups)}, outer, inner,
      op.getEpsilon().convertToDouble(),
      /*centred=*/true,
      [&](ArrayRef<Value> unit, ArrayRef<Value> o, Value first) {
        KernelEmitter::Values all{unit[0]};
        all.append(o.begin(), o.end());
        all[lane] = first;
        IndexMath &math = k.inl.index();
        all[channelDim] = math.add(k.loc(), math.mul(k.loc(), unit[1], size), all[channelDim]);
        return all;
      },
      lane,
      [&](Value x, ArrayRef<Value> indices, int64_t lanes) {
        bool along = lane == channelDim;
        for (Value parameter : {Value(op.getScale()), Value(op.getBias())}) {
          if (!parameter)
            continue;
          Point point = k.inl.point({indices[channelDim]}, along ? lanes : 1, 0u);
          Value p = m.toFloat(k.read(parameter, point, along ? lanes : 1), scalarType(x));
          x = parameter == op.getScale() ? m.op<arith::MulFOp>(x, p) : m.op<arith::AddFOp>(x, p);
        }
        return x;
      });
}

} // namespace ingot
