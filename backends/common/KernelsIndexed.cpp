// Kernels that write at computed places: scatters and topk.
#include "backends/common/KernelEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace ingot {

/// A scalar index read from a tensor of indices: negative ones count from the end, then clamped.
static Value wrapped(KernelEmitter &k, Value loaded, const DimExpr &extent) {
  Location loc = k.loc();
  Value i = arith::IndexCastOp::create(k.b, loc, k.b.getIndexType(), loaded);
  Value negative = arith::CmpIOp::create(k.b, loc, arith::CmpIPredicate::slt, i, k.index(0));
  IndexMath &math = k.inl.index();
  i = arith::SelectOp::create(k.b, loc, negative, math.add(loc, i, extent), i);
  return math.max(loc, math.min(loc, i, extent - 1), 0);
}

/// The result starts as a copy of `data`; where both are one buffer there is nothing to copy.
static void copyData(KernelEmitter &k, Value data, Value buffer) {
  int64_t lanes = k.lanesOf(data);
  auto copy = [&] {
    k.forShareOfLanes(extentsOf(data), lanes, [&](ArrayRef<Value> indices, int64_t count) {
      k.inl.store(k.loc(), k.read(data, indices, count), buffer, indices, count, k.maskFor(count));
    });
  };
  Value source = k.inl.bufferOf(data);
  if (!source)
    return copy();
  Value from = memref::ExtractAlignedPointerAsIndexOp::create(k.b, k.loc(), source);
  Value to = memref::ExtractAlignedPointerAsIndexOp::create(k.b, k.loc(), buffer);
  k.ifThen(arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::ne, from, to), copy);
}

/// Writes `update` at a place of `buffer`, combined with what is there.
static void putUpdate(KernelEmitter &k, ScatterKind kind, Value tensor, Value buffer, Value update,
                      ArrayRef<Value> indices, int64_t lanes) {
  Type element = elementOf(tensor);
  if (kind == ScatterKind::None)
    return k.inl.store(k.loc(), update, buffer, indices, lanes, k.maskFor(lanes));
  Type value = signless(element);
  bool narrow = isNarrowFloat(value);
  Combiner combiner{kind == ScatterKind::Add   ? Combiner::Sum
                    : kind == ScatterKind::Mul ? Combiner::Prod
                    : kind == ScatterKind::Max ? Combiner::Max
                                               : Combiner::Min,
                    narrow ? Type(k.b.getF32Type()) : value, element.isUnsignedInteger()};
  Value old = k.inl.load(k.loc(), buffer, k.inl.pointIn(shapeOf(tensor), indices, lanes), lanes,
                         k.maskFor(lanes));
  if (isa<FloatType>(value)) {
    old = k.mixed().toFloat(old, combiner.element);
    update = k.mixed().toFloat(update, combiner.element);
  }
  k.inl.store(k.loc(), combiner.combine(k, old, update), buffer, indices, lanes, k.maskFor(lanes));
}

void emitScatterElements(KernelEmitter &k, ScatterElementsOp op) {
  if (op.getReduction() != ScatterKind::None && elementOf(op.getData()).isInteger(1))
    return k.error(op, "has no kernel for combining bools; cast to an integer type first");
  Value buffer = k.stage->outputs[0].buffer;
  copyData(k, op.getData(), buffer);
  uint64_t axis = op.getAxis();
  DimExpr extent = extentsOf(op.getData())[axis];
  k.nest(extentsOf(op.getIndices()), {}, [&](ArrayRef<Value> indices, ValueRange) {
    KernelEmitter::Values to(indices);
    to[axis] = wrapped(k, k.read(op.getIndices(), indices, 1), extent);
    putUpdate(k, op.getReduction(), op.getData(), buffer, k.read(op.getUpdates(), indices, 1), to,
              1);
    return KernelEmitter::Values();
  });
}

void emitScatterND(KernelEmitter &k, ScatterNDOp op) {
  if (op.getReduction() != ScatterKind::None && elementOf(op.getData()).isInteger(1))
    return k.error(op, "has no kernel for combining bools; cast to an integer type first");
  Value buffer = k.stage->outputs[0].buffer;
  copyData(k, op.getData(), buffer);
  llvm::SmallVector<DimExpr> data = extentsOf(op.getData()), tuples = extentsOf(op.getIndices());
  int64_t depth = shapeOf(op.getIndices()).back();
  ArrayRef<DimExpr> slice = ArrayRef(data).drop_front(depth);
  int64_t lanes = k.lanesOf(op.getData());
  k.nest(ArrayRef(tuples).drop_back(), {}, [&](ArrayRef<Value> tuple, ValueRange) {
    KernelEmitter::Values start;
    for (int64_t d = 0; d < depth; ++d) {
      KernelEmitter::Values at(tuple);
      at.push_back(k.index(d));
      start.push_back(wrapped(k, k.read(op.getIndices(), at, 1), data[d]));
    }
    KernelEmitter::Values from(tuple);
    auto put = [&](ArrayRef<Value> outer, Value first, int64_t count) {
      KernelEmitter::Values to(start), source(from);
      to.append(outer.begin(), outer.end());
      source.append(outer.begin(), outer.end());
      if (first) {
        to.push_back(first);
        source.push_back(first);
      }
      putUpdate(k, op.getReduction(), op.getData(), buffer, k.read(op.getUpdates(), source, count),
                to, count);
    };
    if (slice.empty()) {
      put({}, Value(), 1);
      return KernelEmitter::Values();
    }
    // The last dim is walked by vectors when it is what lanes run along.
    k.nest(slice.drop_back(), {}, [&](ArrayRef<Value> outer, ValueRange) {
      KernelEmitter::Values kept(outer);
      k.forLanes(slice.back(), slice.back() == DimExpr(1) ? 1 : lanes,
                 [&](Value first, int64_t count) { put(kept, first, count); });
      return KernelEmitter::Values();
    });
    return KernelEmitter::Values();
  });
}

void emitTopK(KernelEmitter &k, TopKOp op) {
  // A sorted list of the best k so far: most elements are turned away by one comparison with its
  // last.
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  uint64_t axis = op.getAxis();
  const DimExpr &n = shape[axis];
  int64_t count = op.getK();
  if (isEmpty(op.getInput()) || count == 0)
    return;
  Type element = signless(elementOf(op.getInput()));
  if (element.isInteger(1))
    return k.error(op, "has no kernel for bools; cast to an integer type first");
  bool floating = isa<FloatType>(element),
       isUnsigned = elementOf(op.getInput()).isUnsignedInteger();
  Type compute = isNarrowFloat(element) ? Type(k.b.getF32Type()) : element, i64 = k.b.getI64Type();
  Value values = k.scratch(count, compute), places = k.scratch(count, i64);
  llvm::SmallVector<DimExpr> rows(shape);
  rows[axis] = 1;
  Location loc = k.loc();
  auto beats = [&](Value x, Value y) -> Value {
    bool smallest = op.getSmallest();
    if (!floating) {
      using P = arith::CmpIPredicate;
      return arith::CmpIOp::create(
          k.b, loc, smallest ? (isUnsigned ? P::ult : P::slt) : (isUnsigned ? P::ugt : P::sgt), x,
          y);
    }
    // NaN counts as the greatest.
    using P = arith::CmpFPredicate;
    Value better = arith::CmpFOp::create(k.b, loc, smallest ? P::OLT : P::OGT, x, y);
    Value nan = smallest ? y : x, number = smallest ? x : y;
    Value isNan = arith::CmpFOp::create(k.b, loc, P::UNO, nan, nan);
    Value isNumber = arith::CmpFOp::create(k.b, loc, P::ORD, number, number);
    return arith::OrIOp::create(k.b, loc, better, arith::AndIOp::create(k.b, loc, isNan, isNumber));
  };
  k.forShare(rows, [&](ArrayRef<Value> row) {
    KernelEmitter::Values indices(row);
    auto at = [&](Value j) {
      KernelEmitter::Values all(indices);
      all[axis] = j;
      return all;
    };
    k.loop(k.index(0), k.index(n), 1, [&](Value j) {
      Value x = k.read(op.getInput(), at(j), 1);
      if (floating)
        x = k.mixed().toFloat(x, compute);
      // While the list is not full there is room at its end; then the last one makes room if x
      // beats it.
      Value full = arith::CmpIOp::create(k.b, loc, arith::CmpIPredicate::sge, j, k.index(count));
      Value last = memref::LoadOp::create(k.b, loc, values, k.index(count - 1));
      Value room = arith::OrIOp::create(
          k.b, loc, beats(x, last),
          arith::XOrIOp::create(k.b, loc, full,
                                arith::ConstantOp::create(k.b, loc, k.b.getBoolAttr(true))));
      k.ifThen(room, [&] {
        Value end = k.inl.index().min(loc, j, count - 1);
        auto shift = scf::WhileOp::create(
            k.b, loc, TypeRange{k.b.getIndexType()}, ValueRange{end},
            [&](OpBuilder &b, Location, ValueRange args) {
              // p > 0 and x beats values[p - 1]; p - 1 is clamped for the read.
              Value zero = arith::ConstantIndexOp::create(b, loc, 0),
                    one = arith::ConstantIndexOp::create(b, loc, 1);
              Value some = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, args[0], zero);
              Value before = arith::SubIOp::create(b, loc, args[0], one);
              before = arith::MaxSIOp::create(b, loc, before, zero);
              Value y = memref::LoadOp::create(b, loc, values, before);
              OpBuilder::InsertionGuard guard(k.b);
              k.b.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
              Value better = beats(x, y);
              scf::ConditionOp::create(k.b, loc, arith::AndIOp::create(k.b, loc, some, better),
                                       args);
            },
            [&](OpBuilder &b, Location, ValueRange args) {
              Value one = arith::ConstantIndexOp::create(b, loc, 1);
              Value before = arith::SubIOp::create(b, loc, args[0], one);
              Value y = memref::LoadOp::create(b, loc, values, before);
              Value place = memref::LoadOp::create(b, loc, places, before);
              memref::StoreOp::create(b, loc, y, values, args[0]);
              memref::StoreOp::create(b, loc, place, places, args[0]);
              scf::YieldOp::create(b, loc, ValueRange{before});
            });
        Value p = shift.getResult(0);
        memref::StoreOp::create(k.b, loc, x, values, p);
        Value place = arith::IndexCastOp::create(k.b, loc, i64, j);
        memref::StoreOp::create(k.b, loc, place, places, p);
      });
    });
    k.loop(k.index(0), k.index(count), 1, [&](Value i) {
      Value value = memref::LoadOp::create(k.b, loc, values, i);
      Value place = memref::LoadOp::create(k.b, loc, places, i);
      k.finish(at(i), 1, {value, place});
    });
  });
}

} // namespace ingot
