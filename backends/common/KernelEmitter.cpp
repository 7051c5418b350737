// Loops, tiles, scratch and results of emitted kernels; see KernelEmitter.h.
#include "backends/common/KernelEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <numeric>

using namespace mlir;

namespace ingot {

KernelEmitter::Values KernelEmitter::loop(Value low, Value high, int64_t step, ValueRange init,
                                          LoopBody body) {
  OpBuilder::InsertionGuard guard(b);
  auto op = scf::ForOp::create(b, loc(), low, high, index(step), init);
  Block *block = op.getBody();
  if (!block->empty() && block->back().hasTrait<OpTrait::IsTerminator>())
    b.setInsertionPoint(block->getTerminator());
  else
    b.setInsertionPointToEnd(block);
  Values results = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(b, loc(), results);
  return Values(op.getResults());
}

void KernelEmitter::loop(Value low, Value high, int64_t step, function_ref<void(Value)> body) {
  loop(low, high, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return Values();
  });
}

KernelEmitter::Values KernelEmitter::nest(ArrayRef<DimExpr> extents, ValueRange init,
                                          function_ref<Values(ArrayRef<Value>, ValueRange)> body) {
  Values indices;
  std::function<Values(size_t, ValueRange)> level = [&](size_t d, ValueRange carried) -> Values {
    if (d == extents.size())
      return body(indices, carried);
    if (extents[d] == DimExpr(1)) {
      indices.push_back(index(0));
      Values results = level(d + 1, carried);
      indices.pop_back();
      return results;
    }
    return loop(index(0), index(extents[d]), 1, carried, [&](Value iv, ValueRange inner) {
      indices.push_back(iv);
      Values results = level(d + 1, inner);
      indices.pop_back();
      return results;
    });
  };
  return level(0, init);
}

void KernelEmitter::ifThen(Value condition, function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(b);
  auto op = scf::IfOp::create(b, loc(), condition, /*withElseRegion=*/false);
  b.setInsertionPoint(op.thenBlock()->getTerminator());
  body();
}

void KernelEmitter::setRest(Value count, int64_t lanes) {
  assert(!mask && "the rest of a rest");
  auto type = VectorType::get({lanes}, b.getI32Type());
  llvm::SmallVector<int32_t> steps(lanes);
  std::iota(steps.begin(), steps.end(), 0);
  Value lane = arith::ConstantOp::create(b, loc(), DenseElementsAttr::get(type, ArrayRef(steps)));
  Value end = vector::BroadcastOp::create(
      b, loc(), type, arith::IndexCastOp::create(b, loc(), b.getI32Type(), count));
  mask = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::slt, lane, end);
}

void KernelEmitter::forRest(Value count, int64_t lanes, function_ref<void()> body) {
  ifThen(arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::sgt, count, index(0)), [&] {
    setRest(count, lanes);
    body();
    mask = {};
  });
}

void KernelEmitter::forLanes(const DimExpr &extent, int64_t lanes, LaneBody body) {
  if (!extent.isConstant())
    return forLanes(index(0), index(extent), extent, lanes, body);
  int64_t count = *extent.constant(), whole = count / lanes * lanes;
  if (whole == lanes)
    body(index(0), lanes);
  else if (whole)
    loop(index(0), index(whole), lanes, [&](Value iv) { body(iv, lanes); });
  if (count > whole)
    body(index(whole), count - whole);
}

void KernelEmitter::forLanes(Value low, Value high, const DimExpr &dim, int64_t lanes,
                             LaneBody body) {
  IndexMath &math = inl.index();
  if (!dim.isConstant()) {
    if (lanes == 1)
      return loop(low, high, 1, [&](Value iv) { body(iv, 1); });
    // Shares begin at multiples of lanes: a rest is only at the end.
    Value whole = math.add(
        loc(), low, math.mul(loc(), math.div(loc(), math.sub(loc(), high, low), lanes), lanes));
    loop(low, whole, lanes, [&](Value iv) { body(iv, lanes); });
    return forRest(math.sub(loc(), high, whole), lanes, [&] { body(whole, lanes); });
  }
  int64_t extent = *dim.constant();
  std::optional<int64_t> l = constantInt(low), h = constantInt(high);
  if (l == 0 && h == extent)
    return forLanes(extent, lanes, body);
  int64_t whole = extent / lanes * lanes;
  if (whole)
    loop(low, whole == extent ? high : math.min(loc(), high, whole), lanes,
         [&](Value iv) { body(iv, lanes); });
  if (extent == whole)
    return;
  // Only the share that reaches the end, and is not empty, has the rest.
  Value reaches = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::eq, high, index(extent));
  Value some = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::slt, low, high);
  ifThen(arith::AndIOp::create(b, loc(), reaches, some),
         [&] { body(index(whole), extent - whole); });
}

std::pair<Value, Value> KernelEmitter::share(const DimExpr &units, int64_t grain) {
  if (tiles == DimExpr(1))
    return {index(0), index(units)};
  DimExpr size = DimExpr::ceilDiv(DimExpr::ceilDiv(units, tiles), grain) * DimExpr(grain);
  IndexMath &math = inl.index();
  Value low = math.min(loc(), math.mul(loc(), arguments.begin, size), units);
  Value high = math.min(loc(), math.mul(loc(), arguments.end, size), units);
  // An empty share ends where it begins.
  return {low, high};
}

void KernelEmitter::forShare(ArrayRef<DimExpr> extents, PointBody body) {
  DimExpr units = llvm::product_of(extents, DimExpr(1));
  if (units == DimExpr(0))
    return;
  if (units == DimExpr(1) && tiles == DimExpr(1))
    return body(Values(extents.size(), index(0)));
  auto [low, high] = share(units);
  if (extents.size() < 2 ||
      llvm::all_of(extents.drop_front(), [](const DimExpr &extent) { return extent.isConstant(); }))
    return loop(low, high, 1,
                [&](Value unit) { body(inl.index().delinearize(loc(), unit, extents)); });
  // Dividing by what only a run knows costs more than a short row: the last dim that is not 1 is an
  // inner loop, and the indices of the others are counted on. An extent may be 0.
  size_t last = extents.size() - 1;
  while (extents[last] == DimExpr(1))
    --last;
  IndexMath &math = inl.index();
  DimExpr length = extents[last].isConstant() ? extents[last] : DimExpr::max(extents[last], 1);
  llvm::SmallVector<DimExpr> outer(extents.take_front(last)), divisors;
  for (const DimExpr &extent : outer)
    divisors.push_back(extent.isConstant() ? extent : DimExpr::max(extent, 1));
  Value first = math.div(loc(), low, length);
  Value end = math.div(loc(), math.add(loc(), high, length - DimExpr(1)), length);
  Values start = outer.empty() ? Values() : Values(math.delinearize(loc(), first, divisors));
  loop(first, end, 1, start, [&](Value row, ValueRange at) {
    Value before = math.mul(loc(), row, length);
    Value from = math.max(loc(), math.sub(loc(), low, before), 0);
    Value to = math.min(loc(), math.sub(loc(), high, before), length);
    loop(from, to, 1, [&](Value i) {
      Values indices(at);
      indices.push_back(i);
      indices.resize(extents.size(), index(0));
      body(indices);
    });
    return following(Values(at), outer);
  });
}

/// The indices after `at`, the last dim's being the fastest.
KernelEmitter::Values KernelEmitter::following(Values at, ArrayRef<DimExpr> extents) {
  Value carry; // null: always
  for (size_t d = extents.size(); d-- > 0;) {
    if (extents[d] == DimExpr(1))
      continue;
    Value next = inl.index().add(loc(), at[d], 1);
    Value end = arith::CmpIOp::create(b, loc(), arith::CmpIPredicate::eq, next, index(extents[d]));
    Value wrapped = d == 0 ? next : arith::SelectOp::create(b, loc(), end, index(0), next);
    if (carry) {
      wrapped = arith::SelectOp::create(b, loc(), carry, wrapped, at[d]);
      end = arith::AndIOp::create(b, loc(), carry, end);
    }
    at[d] = wrapped;
    carry = end;
  }
  return at;
}

void KernelEmitter::forShareOfLanes(ArrayRef<DimExpr> extents, int64_t lanes,
                                    function_ref<void(ArrayRef<Value>, int64_t)> body) {
  if (extents.empty()) {
    forShare({}, [&](ArrayRef<Value> none) { body(none, 1); });
    return;
  }
  ArrayRef<DimExpr> outer = extents.drop_back();
  const DimExpr &inner = extents.back();
  DimExpr rows = llvm::product_of(outer, DimExpr(1));
  if (rows == DimExpr(0) || inner == DimExpr(0))
    return;
  auto row = [&](ArrayRef<Value> indices, Value first, int64_t count) {
    Values all(indices);
    all.push_back(first);
    body(all, count);
  };
  if (rows == DimExpr(1)) {
    auto [low, high] = share(inner, lanes);
    Values zeros(outer.size(), index(0));
    forLanes(low, high, inner, lanes,
             [&](Value first, int64_t count) { row(zeros, first, count); });
    return;
  }
  // Few long rows: cut them into chunks so that tiles have something to share.
  int64_t chunks = 1;
  std::optional<int64_t> rowCount = rows.constant(), tileCount = tiles.constant(),
                         columns = inner.constant();
  if (rowCount && tileCount && columns && *rowCount < *tileCount)
    chunks = std::min((*tileCount + *rowCount - 1) / *rowCount, (*columns + lanes - 1) / lanes);
  if (chunks == 1) {
    forShare(outer, [&](ArrayRef<Value> indices) {
      forLanes(inner, lanes, [&](Value first, int64_t count) { row(indices, first, count); });
    });
    return;
  }
  int64_t size = ((*columns + chunks - 1) / chunks + lanes - 1) / lanes * lanes;
  chunks = (*columns + size - 1) / size;
  llvm::SmallVector<DimExpr> units(outer);
  units.push_back(chunks);
  forShare(units, [&](ArrayRef<Value> indices) {
    IndexMath &math = inl.index();
    Value low = math.mul(loc(), indices.back(), size);
    Value high = math.min(loc(), math.add(loc(), low, size), inner);
    forLanes(low, high, inner, lanes,
             [&](Value first, int64_t count) { row(indices.drop_back(), first, count); });
  });
}

Value KernelEmitter::read(Value tensor, ArrayRef<Value> indices, int64_t lanes, Value mask) {
  return read(tensor, inl.pointIn(shapeOf(tensor), indices, lanes), lanes, mask);
}

Value KernelEmitter::read(Value tensor, const Point &point, int64_t lanes, Value mask) {
  if (!mask)
    mask = maskFor(lanes);
  Value v = failed ? Value() : inl.emit(tensor, point, lanes, mask);
  if (v)
    return v;
  failed = true;
  Type type = signless(elementOf(tensor));
  return arith::ConstantOp::create(
      b, loc(), b.getZeroAttr(lanes > 1 ? Type(VectorType::get({lanes}, type)) : type));
}

Value KernelEmitter::maskFor(int64_t lanes) const {
  assert((!mask || lanes == 1 || cast<VectorType>(mask.getType()).getNumElements() == lanes) &&
         "other lanes than the rest has");
  return lanes == 1 ? Value() : mask;
}

void KernelEmitter::finish(ArrayRef<Value> indices, int64_t lanes, ArrayRef<Value> values) {
  uint64_t given = 0;
  inl.clearDefined();
  for (auto [r, value] : llvm::enumerate(values))
    if (value) {
      inl.define(stage->root->getResult(r), indices, lanes, value);
      given |= uint64_t(1) << r;
    }
  // All reads come before all writes: a result may lie in an operand's buffer.
  llvm::SmallVector<std::pair<const StageOutput *, Value>> ready;
  for (const StageOutput &output : stage->outputs)
    if ((output.needs & given) == output.needs && (output.needs || !stage->root))
      ready.push_back({&output, read(output.tensor, indices, lanes)});
  for (auto [output, value] : ready)
    inl.store(loc(), value, output->buffer, indices, lanes, maskFor(lanes));
  inl.clearDefined();
}

Value KernelEmitter::scratch(int64_t elements, Type element) {
  int64_t bytes = elements * std::max(8u, element.getIntOrFloatBitWidth()) / 8;
  int64_t offset = scratchBytes;
  scratchBytes = (offset + bytes + 63) / 64 * 64;
  // Made at the function's start, so that it dominates every use.
  OpBuilder::InsertionGuard guard(b);
  Value whole = arguments.scratch;
  Block *entry = whole.getParentBlock();
  b.setInsertionPointToStart(entry);
  Value view = scratchView(b, loc(), whole, offset, elements, element);
  return view;
}

Value KernelEmitter::scratch(Operation *op, const DimExpr &elements, Type element) {
  // What a worker may ask for: beyond it the plan of a program would be mostly scratch.
  constexpr int64_t kMostBytes = int64_t(64) << 20;
  DimExpr::Range range = rangeOf(elements, bounds);
  if (range.high > kMostBytes) {
    error(op, "needs working memory for up to " + Twine(range.high) +
                  " elements at the bounds of its dims; give smaller bounds with --dim");
    return scratch(1, element);
  }
  return scratch(std::max<int64_t>(1, range.high), element);
}

int64_t KernelEmitter::lanesOf(ArrayRef<Value> tensors) const {
  unsigned bits = 8;
  for (Value v : tensors) {
    Type element = elementOf(v);
    if (!element.isInteger(1))
      bits = std::max(bits, isa<FloatType>(element) ? std::max(32u, element.getIntOrFloatBitWidth())
                                                    : element.getIntOrFloatBitWidth());
  }
  return info.lanes(bits);
}

int64_t KernelEmitter::stageLanes() const {
  llvm::SmallVector<Value> tensors;
  for (const StageOutput &output : stage->outputs)
    tensors.push_back(output.tensor);
  // Everything the outputs are computed from.
  llvm::DenseSet<Value> seen(tensors.begin(), tensors.end());
  for (size_t i = 0; i < tensors.size(); ++i)
    if (Operation *op = tensors[i].getDefiningOp())
      for (Value operand : op->getOperands()) {
        // Index operands are read one at a time or cost little; they do not narrow the vectors.
        bool isIndex = isa<GatherOp, GatherNDOp>(op) && operand == op->getOperand(1);
        if (!isIndex && seen.insert(operand).second)
          tensors.push_back(operand);
      }
  return lanesOf(tensors);
}

Value KernelEmitter::number(Value like, const DimExpr &extent) {
  Type element = scalarType(like);
  if (std::optional<int64_t> number = extent.constant())
    return mixed().number(like, static_cast<double>(*number));
  Value i = arith::IndexCastOp::create(b, loc(), b.getI64Type(), index(extent));
  return arith::SIToFPOp::create(b, loc(), element, i);
}

Value KernelEmitter::splat(Value scalar, int64_t lanes) {
  if (lanes == 1 || isVector(scalar))
    return scalar;
  return vector::BroadcastOp::create(b, loc(), VectorType::get({lanes}, scalar.getType()), scalar);
}

Value KernelEmitter::widen(Value v, int64_t lanes, Value fill) {
  Value full = splat(fill, lanes);
  if (lanes == 1)
    return v;
  if (!isVector(v))
    return vector::InsertOp::create(b, loc(), v, full, 0);
  if (cast<VectorType>(v.getType()).getNumElements() == lanes)
    return v;
  return vector::InsertStridedSliceOp::create(b, loc(), v, full, ArrayRef<int64_t>{0},
                                              ArrayRef<int64_t>{1});
}

} // namespace ingot
