// Kernels of recurrent layers: lstm, gru, rnn.
//
// Each direction of each batch element is a unit of work of its own. Time is walked in blocks of a
// few steps: first the input's products for all steps of the block (every weight is read once a
// block), then the steps, each a product of the recurrence weights with the state, and the gates on
// vectors.
#include "backends/common/KernelEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace ingot {

namespace {
class Recurrence {
public:
  Recurrence(KernelEmitter &k, Operation *op, Direction direction, int64_t gates)
      : k(k), op(op), direction(direction), gates(gates) {
    ArrayRef<int64_t> x = shapeOf(op->getOperand(0)), h = shapeOf(op->getResult(1));
    llvm::SmallVector<DimExpr> extents = extentsOf(op->getOperand(0));
    steps = extents[0], batch = extents[1];
    features = x[2], directions = h[0], hidden = h[2];
    Type element = elementOf(op->getOperand(0));
    compute = isNarrowFloat(element) ? Type(k.b.getF32Type()) : element;
    lanes = k.info.lanes(compute.getIntOrFloatBitWidth());
    projected = k.scratch(std::max<int64_t>(1, block * gates * hidden), compute);
    sums = k.scratch(std::max<int64_t>(1, gates * hidden), compute);
    state = k.scratch(std::max<int64_t>(1, hidden), compute);
  }

  void run();

private:
  static constexpr int64_t block = 4;
  KernelEmitter &k;
  Operation *op;
  Direction direction;
  int64_t gates, features, directions, hidden, lanes;
  DimExpr steps, batch;
  Type compute;
  Value projected; ///< [block][gates * hidden]: W x + b of the block's steps
  Value sums;      ///< [gates * hidden]: R h of the step
  Value state;     ///< [hidden]: h
  Value cell;      ///< [hidden]: c of an lstm; r * h of a gru
  Value d, n;      ///< direction and batch element of this unit

  Value read(Value tensor, ArrayRef<Value> indices, int64_t count) {
    return k.mixed().toFloat(k.read(tensor, indices, count), compute);
  }
  Value load(Value buffer, Value at, int64_t count) {
    return k.inl.load(k.loc(), buffer, k.inl.point({at}, count), count);
  }
  void store(Value v, Value buffer, Value at, int64_t count) {
    k.inl.store(k.loc(), v, buffer, k.inl.point({at}, count), count);
  }
  Value plus(Value a, int64_t c) { return k.inl.index().add(k.loc(), a, c); }
  Value plus(Value a, Value c) { return k.inl.index().add(k.loc(), a, c); }
  Value times(Value a, int64_t c) { return k.inl.index().mul(k.loc(), a, c); }
  Value fadd(Value a, Value c) { return k.mixed().op<arith::AddFOp>(a, c); }
  Value fsub(Value a, Value c) { return k.mixed().op<arith::SubFOp>(a, c); }
  Value fmul(Value a, Value c) { return k.mixed().op<arith::MulFOp>(a, c); }
  Value sigmoid(Value x) {
    Value one = k.mixed().number(x, 1);
    Value e = math::ExpOp::create(k.b, k.loc(), arith::NegFOp::create(k.b, k.loc(), x).getResult());
    return k.mixed().op<arith::DivFOp>(one, fadd(one, e));
  }
  Value tanh(Value x) { return math::TanhOp::create(k.b, k.loc(), x); }

  /// The time that step `s` of this unit stands at.
  Value timeOf(Value s);
  /// dot products of `rows` x `columns` pairs of vectors of length `length`, as scalars, row by
  /// row.
  KernelEmitter::Values
  dots(int64_t rows, int64_t columns, int64_t length,
       llvm::function_ref<Value(int64_t row, Value at, int64_t count)> left,
       llvm::function_ref<Value(int64_t column, Value at, int64_t count)> right);
  /// Columns [from, from + count) of a matrix in blocks: `body(first column, how many)`.
  void forColumns(int64_t from, int64_t count, int64_t width,
                  llvm::function_ref<void(Value first, int64_t many)> body);
  void project(Value start, int64_t count);
  void multiplyState(int64_t from, int64_t count, Value vector);
  void stepBlock(Value start, int64_t count);
  void step(Value s, Value slot);
  void lstmGates(Value time, Value base);
  void gruGates(Value time, Value base, GruOp gru);
  void rnnGates(Value time, Value base, RnnKind kind);
  void finishLast(unsigned result, Value buffer);
};
} // namespace

Value Recurrence::timeOf(Value s) {
  if (direction == Direction::Forward)
    return s;
  Value back = k.inl.index().sub(k.loc(), k.index(steps - DimExpr(1)), s);
  if (direction == Direction::Reverse)
    return back;
  Value first = arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::eq, d, k.index(0));
  return arith::SelectOp::create(k.b, k.loc(), first, s, back);
}

KernelEmitter::Values Recurrence::dots(int64_t rows, int64_t columns, int64_t length,
                                       llvm::function_ref<Value(int64_t, Value, int64_t)> left,
                                       llvm::function_ref<Value(int64_t, Value, int64_t)> right) {
  int64_t width = std::min(lanes, std::max<int64_t>(1, length)), whole = length / width * width;
  Combiner sum{Combiner::Sum, compute};
  Value zero = sum.neutral(k);
  KernelEmitter::Values accumulators(rows * columns, k.splat(zero, width));
  auto multiply = [&](Value at, int64_t count, ValueRange carried) {
    KernelEmitter::Values a, next;
    for (int64_t r = 0; r < rows; ++r)
      a.push_back(left(r, at, count));
    KernelEmitter::Values w;
    for (int64_t c = 0; c < columns; ++c)
      w.push_back(right(c, at, count));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        auto fuse = arith::FastMathFlags::contract;
        Value p = arith::MulFOp::create(k.b, k.loc(), a[r], w[c], fuse);
        p = k.widen(p, width, zero);
        next.push_back(arith::AddFOp::create(k.b, k.loc(), carried[r * columns + c], p, fuse));
      }
    return next;
  };
  if (whole)
    accumulators =
        k.loop(k.index(0), k.index(whole), width, accumulators,
               [&](Value at, ValueRange carried) { return multiply(at, width, carried); });
  if (length > whole)
    accumulators = multiply(k.index(whole), length - whole, accumulators);
  for (Value &v : accumulators)
    v = sum.horizontal(k, v);
  return accumulators;
}

void Recurrence::forColumns(int64_t from, int64_t count, int64_t width,
                            llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = count / width * width;
  if (whole)
    k.loop(k.index(from), k.index(from + whole), width, [&](Value first) { body(first, width); });
  if (count > whole)
    body(k.index(from + whole), count - whole);
}

void Recurrence::project(Value start, int64_t count) {
  Value input = op->getOperand(0), weight = op->getOperand(1), bias = op->getOperand(3);
  KernelEmitter::Values times_;
  for (int64_t s = 0; s < count; ++s)
    times_.push_back(timeOf(plus(start, s)));
  forColumns(0, gates * hidden, 4, [&](Value first, int64_t many) {
    KernelEmitter::Values products = dots(
        count, many, features,
        [&](int64_t s, Value at, int64_t lanesNow) {
          return read(input, {times_[s], n, at}, lanesNow);
        },
        [&](int64_t c, Value at, int64_t lanesNow) {
          return read(weight, {d, plus(first, c), at}, lanesNow);
        });
    for (int64_t c = 0; c < many; ++c) {
      Value column = plus(first, c), add = read(bias, {d, column}, 1);
      for (int64_t s = 0; s < count; ++s)
        store(fadd(products[s * many + c], add), projected, plus(column, s * gates * hidden), 1);
    }
  });
}

void Recurrence::multiplyState(int64_t from, int64_t count, Value vector) {
  Value recurrence = op->getOperand(2);
  forColumns(from, count, 8, [&](Value first, int64_t many) {
    KernelEmitter::Values products = dots(
        1, many, hidden,
        [&](int64_t, Value at, int64_t lanesNow) { return load(vector, at, lanesNow); },
        [&](int64_t c, Value at, int64_t lanesNow) {
          return read(recurrence, {d, plus(first, c), at}, lanesNow);
        });
    for (int64_t c = 0; c < many; ++c)
      store(products[c], sums, plus(first, c), 1);
  });
}

void Recurrence::lstmGates(Value time, Value base) {
  k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
    auto gate = [&](int64_t g) {
      Value at = plus(j, g * hidden);
      return fadd(load(projected, plus(base, at), count), load(sums, at, count));
    };
    Value i = sigmoid(gate(0)), o = sigmoid(gate(1)), f = sigmoid(gate(2)), c = tanh(gate(3));
    Value next = fadd(fmul(f, load(cell, j, count)), fmul(i, c));
    Value h = fmul(o, tanh(next));
    store(next, cell, j, count);
    store(h, state, j, count);
    k.finish({time, d, n, j}, count, {h, Value(), Value()});
  });
}

void Recurrence::gruGates(Value time, Value base, GruOp gru) {
  Value bias = gru.getRecurrenceBias();
  auto input = [&](Value j, int64_t g, int64_t count) {
    return load(projected, plus(base, plus(j, g * hidden)), count);
  };
  auto recurrent = [&](Value j, int64_t g, int64_t count) {
    Value at = plus(j, g * hidden);
    return fadd(load(sums, at, count), read(bias, {d, at}, count));
  };
  auto finish = [&](Value j, int64_t count, Value z, Value candidate) {
    Value one = k.mixed().number(z, 1);
    Value h = fadd(fmul(fsub(one, z), candidate), fmul(z, load(state, j, count)));
    store(h, state, j, count);
    k.finish({time, d, n, j}, count, {h, Value()});
  };
  if (gru.getLinearBeforeReset()) {
    k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
      Value z = sigmoid(fadd(input(j, 0, count), recurrent(j, 0, count)));
      Value r = sigmoid(fadd(input(j, 1, count), recurrent(j, 1, count)));
      finish(j, count, z, tanh(fadd(input(j, 2, count), fmul(r, recurrent(j, 2, count)))));
    });
    return;
  }
  // The candidate needs R (r * h) for all of r: two passes.
  k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
    Value r = sigmoid(fadd(input(j, 1, count), recurrent(j, 1, count)));
    store(fmul(r, load(state, j, count)), cell, j, count);
  });
  multiplyState(2 * hidden, hidden, cell);
  k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
    Value z = sigmoid(fadd(input(j, 0, count), recurrent(j, 0, count)));
    finish(j, count, z, tanh(fadd(input(j, 2, count), recurrent(j, 2, count))));
  });
}

void Recurrence::rnnGates(Value time, Value base, RnnKind kind) {
  k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
    Value x = fadd(load(projected, plus(base, j), count), load(sums, j, count));
    if (kind == RnnKind::Tanh) {
      x = tanh(x);
    } else {
      Value zero = k.mixed().number(x, 0);
      Value below = arith::CmpFOp::create(k.b, k.loc(), arith::CmpFPredicate::OLT, x, zero);
      x = arith::SelectOp::create(k.b, k.loc(), below, zero, x);
    }
    store(x, state, j, count);
    k.finish({time, d, n, j}, count, {x, Value()});
  });
}

void Recurrence::step(Value s, Value slot) {
  Value time = timeOf(s), base = times(slot, gates * hidden);
  auto gru = dyn_cast<GruOp>(op);
  multiplyState(0, (gru && !gru.getLinearBeforeReset() ? 2 : gates) * hidden, state);
  if (gru)
    gruGates(time, base, gru);
  else if (auto rnn = dyn_cast<RnnOp>(op))
    rnnGates(time, base, rnn.getKind());
  else
    lstmGates(time, base);
}

void Recurrence::stepBlock(Value start, int64_t count) {
  project(start, count);
  k.loop(k.index(0), k.index(count), 1, [&](Value slot) { step(plus(start, slot), slot); });
}

void Recurrence::finishLast(unsigned result, Value buffer) {
  k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
    KernelEmitter::Values values(op->getNumResults(), Value());
    values[result] = load(buffer, j, count);
    k.finish({d, n, j}, count, values);
  });
}

void Recurrence::run() {
  if (ShapedType::isDynamic(features) || ShapedType::isDynamic(hidden))
    return k.error(op, "has no kernel for features whose number depends on the model's dims");
  bool lstm = isa<LstmOp>(op);
  unsigned initial = isa<GruOp>(op) ? 5 : 4; // operand: the state at the start
  if (lstm || isa<GruOp>(op))
    cell = k.scratch(std::max<int64_t>(1, hidden), compute);
  k.forShare({DimExpr(directions), batch}, [&](ArrayRef<Value> unit) {
    d = unit[0];
    n = unit[1];
    k.forLanes(hidden, lanes, [&](Value j, int64_t count) {
      store(read(op->getOperand(initial), {d, n, j}, count), state, j, count);
      if (lstm)
        store(read(op->getOperand(initial + 1), {d, n, j}, count), cell, j, count);
    });
    DimExpr whole = DimExpr::floorDiv(steps, block) * DimExpr(block), rest = steps - whole;
    if (whole != DimExpr(0))
      k.loop(k.index(0), k.index(whole), block, [&](Value start) { stepBlock(start, block); });
    if (!rest.isConstant())
      k.loop(k.index(whole), k.index(steps), 1, [&](Value start) { stepBlock(start, 1); });
    else if (rest != DimExpr(0))
      stepBlock(k.index(whole), *rest.constant());
    finishLast(1, state);
    if (lstm)
      finishLast(2, cell);
  });
}

void emitLstm(KernelEmitter &k, LstmOp op) { Recurrence(k, op, op.getDirection(), 4).run(); }
void emitGru(KernelEmitter &k, GruOp op) { Recurrence(k, op, op.getDirection(), 3).run(); }
void emitRnn(KernelEmitter &k, RnnOp op) { Recurrence(k, op, op.getDirection(), 1).run(); }

} // namespace ingot
