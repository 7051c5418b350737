// Inline forms of index functions, constants, quantize and normalise ops; see InlineEmitter.h.
#include "backends/common/EmitHelpers.h"
#include "backends/common/InlineEmitter.h"
#include "backends/common/KernelShell.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot {

/// The bytes of `dense` as they lie in memory, as the initial value of a global.
static DenseElementsAttr inMemory(DenseElementsAttr dense) {
  Type element = dense.getElementType();
  auto type = RankedTensorType::get(dense.getType().getShape(), memoryElement(element));
  if (element.isInteger(1)) {
    SmallVector<int8_t> bytes;
    for (bool value : dense.getValues<bool>())
      bytes.push_back(value);
    return DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes));
  }
  if (element == type.getElementType())
    return dense;
  return DenseElementsAttr::getFromRawBuffer(type, dense.getRawData());
}

Value InlineEmitter::constantAt(ConstantOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense) {
    op.emitOpError("internal error: a weight in a kernel's body; weights are operands of kernels");
    return {};
  }
  Type element = signless(dense.getElementType());
  auto literal = [&](size_t position) -> Value {
    if (isa<FloatType>(element))
      return arith::ConstantOp::create(
          builder, loc, FloatAttr::get(element, *(dense.getValues<APFloat>().begin() + position)));
    return arith::ConstantOp::create(
        builder, loc, IntegerAttr::get(element, *(dense.getValues<APInt>().begin() + position)));
  };
  if (dense.isSplat())
    return literal(0);
  int64_t position = 0;
  bool known = true;
  for (auto [index, extent] : llvm::zip(point, dense.getType().getShape())) {
    known &= !index.base && index.uniform();
    position = position * extent + index.offset;
  }
  if (known && position >= 0 && position < dense.getNumElements())
    return literal(position);
  Value loaded =
      load(loc, globalConstant(builder, loc, inMemory(dense)), point, walk.lanes, walk.mask);
  if (!element.isInteger(1))
    return loaded;
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(loaded.getType()));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, loaded, zero);
}

Value InlineEmitter::dimAt(DimOp op) {
  llvm::Expected<DimExpr> expression = DimExpr::parse(op.getExpression());
  if (!expression) {
    op.emitOpError("internal error: ") << llvm::toString(expression.takeError());
    return {};
  }
  return arith::IndexCastOp::create(builder, op.getLoc(), builder.getI64Type(),
                                    math.value(op.getLoc(), *expression));
}

Value InlineEmitter::iotaAt(IotaOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  Type element = signless(elementOf(op.getResult()));
  const LaneIndex &index = point[op.getDim()];
  double start = op.getStart().convertToDouble(), step = op.getStep().convertToDouble();
  Value i = index.uniform() ? scalar(loc, index) : vectorOf(loc, index, walk.lanes);
  auto number = [&](Type type, double value) -> Value {
    TypedAttr attr = numberAttr(type, value);
    if (auto shaped = dyn_cast<VectorType>(i.getType()))
      attr = DenseElementsAttr::get(shaped.clone(type), attr);
    return arith::ConstantOp::create(builder, loc, attr);
  };
  if (auto integer = dyn_cast<IntegerType>(element)) {
    i = arith::IndexCastOp::create(builder, loc, typeLike(i, integer), i);
    Value scaled = arith::MulIOp::create(builder, loc, i, number(integer, step));
    return arith::AddIOp::create(builder, loc, scaled, number(integer, start));
  }
  Type computed = element.getIntOrFloatBitWidth() < 32 ? Type(builder.getF32Type()) : element;
  i = arith::IndexCastOp::create(builder, loc, typeLike(i, builder.getI32Type()), i);
  Value x = arith::SIToFPOp::create(builder, loc, typeLike(i, computed), i);
  x = arith::MulFOp::create(builder, loc, x, number(computed, step));
  x = arith::AddFOp::create(builder, loc, x, number(computed, start));
  return computed == element
             ? x
             : Value(arith::TruncFOp::create(builder, loc, typeLike(x, element), x));
}

Value InlineEmitter::padAt(PadOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  SmallVector<DimExpr> shape = extentsOf(op.getInput());
  Value fill = arith::ConstantOp::create(
      builder, loc, numberAttr(elementOf(op.getResult()), op.getValue().convertToDouble()));
  if (isEmpty(op.getInput()))
    return fill;
  Point input;
  SmallVector<Value> conditions;
  Walk inner = walk;
  for (auto [d, position] : llvm::enumerate(point)) {
    int64_t low = op.getLow()[d], high = op.getHigh()[d];
    const DimExpr &extent = shape[d];
    LaneIndex i = plus(loc, position, -low);
    if (low <= 0 && high <= 0) {
      input.push_back(i);
      continue;
    }
    if (op.getMode() == PadMode::Constant) {
      Value inside = inRange(loc, i, low > 0, high > 0, 0, extent, walk.lanes);
      conditions.push_back(inside);
      if (!i.uniform() && !i.vector)
        inner.mask = inner.mask
                         ? arith::AndIOp::create(builder, loc, inner.mask, inside).getResult()
                         : inside;
      else
        i = clamp(loc, i, 0, extent - DimExpr(1), walk.lanes);
    } else if (op.getMode() == PadMode::Edge) {
      i = clamp(loc, i, 0, extent - DimExpr(1), walk.lanes);
    } else {
      // Shift into the positive range by whole periods, then fold.
      DimExpr period = op.getMode() == PadMode::Wrap
                           ? extent
                           : DimExpr::max(1, DimExpr(2) * (extent - DimExpr(1)));
      DimExpr shift = low > 0 ? DimExpr::ceilDiv(low, period) * period : DimExpr(0);
      i = divide(loc, plus(loc, i, shift), period, walk.lanes).second;
      if (op.getMode() == PadMode::Reflect && extent == DimExpr(1)) {
        i = {};
      } else if (op.getMode() ==
                 PadMode::Reflect) { // j < extent ? j : period - j, which is min(j, period - j)
        if (i.uniform()) {
          Value j = scalar(loc, i);
          i = {math.min(loc, j, math.sub(loc, math.value(loc, period), j)), 0, 0, {}};
        } else {
          Value j = vectorOf(loc, i, walk.lanes);
          Value whole = splatExtent(loc, period, walk.lanes);
          Value back = arith::SubIOp::create(builder, loc, whole, j);
          i = {{}, 0, 0, arith::MinSIOp::create(builder, loc, j, back)};
        }
      }
    }
    input.push_back(i);
  }
  Value value = at(op.getInput(), input, inner);
  for (Value condition : conditions)
    if (value)
      value = select(loc, condition, value, fill, walk.lanes);
  return value;
}

Value InlineEmitter::concatAt(ConcatOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  uint64_t axis = op.getAxis();
  const LaneIndex &position = point[axis];
  Value result;
  DimExpr start = 0;
  // Lanes along the axis lie in one input when every boundary is a multiple of their number.
  bool together = !position.vector && position.stride == 1 && position.offset % walk.lanes == 0 &&
                  (!position.base || isMultipleOf(position.base, walk.lanes)) &&
                  llvm::all_of(op.getInputs(), [&](Value v) {
                    return DimExpr::mod(extentsOf(v)[axis], walk.lanes) == DimExpr(0);
                  });
  for (Value operand : op.getInputs()) {
    DimExpr extent = extentsOf(operand)[axis], begin = start;
    start += extent;
    if (isEmpty(operand))
      continue;
    std::optional<int64_t> low = begin.constant(), high = start.constant();
    if (position.uniform() && !position.base && low && high) { // known which input
      if (position.offset < *low || position.offset >= *high)
        continue;
      Point local = point;
      local[axis] = plus(loc, position, DimExpr(0) - begin);
      return at(operand, local, walk);
    }
    Point local = point;
    local[axis] = plus(loc, position, DimExpr(0) - begin);
    Walk inner = walk;
    Value inside;
    if (together) {
      LaneIndex first = plus(loc, {position.base, position.offset, 0, {}}, DimExpr(0) - begin);
      inside = inRange(loc, first, /*checkLow=*/true, /*checkHigh=*/false, 0, extent, 1);
      local[axis] = clamp(loc, first, 0, extent - DimExpr(walk.lanes), 1);
      local[axis].stride = 1;
    } else if (position.uniform() || position.vector) {
      inside = inRange(loc, local[axis], true, false, 0, extent, walk.lanes);
      local[axis] = clamp(loc, local[axis], 0, extent - DimExpr(1), walk.lanes);
    } else {
      inside = inRange(loc, local[axis], true, false, 0, extent, walk.lanes);
      Value readable = inRange(loc, local[axis], true, true, 0, extent, walk.lanes);
      inner.mask = walk.mask ? arith::AndIOp::create(builder, loc, walk.mask, readable).getResult()
                             : readable;
    }
    Value value = at(operand, local, inner);
    if (!value)
      return {};
    // Inputs come in order: the last one that starts at or before the index wins.
    result = result ? select(loc, inside, value, result, walk.lanes) : value;
  }
  return result;
}

Value InlineEmitter::gatherAt(GatherOp op, const Point &point, Walk walk) {
  uint64_t axis = op.getAxis();
  size_t indexRank = shapeOf(op.getIndices()).size();
  Value loaded =
      at(op.getIndices(), Point(point.begin() + axis, point.begin() + axis + indexRank), walk);
  if (!loaded)
    return {};
  Point data(point.begin(), point.begin() + axis);
  data.push_back(loadedIndex(op.getLoc(), loaded, extentsOf(op.getData())[axis]));
  data.append(point.begin() + axis + indexRank, point.end());
  return at(op.getData(), data, walk);
}

Value InlineEmitter::gatherElementsAt(GatherElementsOp op, const Point &point, Walk walk) {
  Value loaded = at(op.getIndices(), point, walk);
  if (!loaded)
    return {};
  Point data = point;
  data[op.getAxis()] = loadedIndex(op.getLoc(), loaded, extentsOf(op.getData())[op.getAxis()]);
  return at(op.getData(), data, walk);
}

Value InlineEmitter::gatherNDAt(GatherNDOp op, const Point &point, Walk walk) {
  SmallVector<DimExpr> data = extentsOf(op.getData());
  ArrayRef<int64_t> indices = shapeOf(op.getIndices());
  size_t tuples = indices.size() - 1, batch = op.getBatchDims();
  Point input(point.begin(), point.begin() + batch);
  for (int64_t k = 0; k < indices.back(); ++k) {
    Point tuple(point.begin(), point.begin() + tuples);
    tuple.push_back({{}, k, 0, {}});
    Value loaded = at(op.getIndices(), tuple, walk);
    if (!loaded)
      return {};
    input.push_back(loadedIndex(op.getLoc(), loaded, data[batch + k]));
  }
  input.append(point.begin() + tuples, point.end());
  return at(op.getData(), input, walk);
}

Point InlineEmitter::quantizationPoint(Value scale, std::optional<int64_t> axis,
                                       std::optional<int64_t> block, ArrayRef<int64_t> shape,
                                       const Point &point, Location loc, int64_t lanes) {
  ArrayRef<int64_t> scaleShape = shapeOf(scale);
  if (scaleShape.empty())
    return {};
  if (scaleShape.size() == 1 && !block)
    return {axis ? point[*axis] : LaneIndex()};
  Point result = point;
  if (axis && block)
    result[*axis] = divide(loc, point[*axis], *block, lanes).first;
  return result;
}

Value InlineEmitter::quantizeAt(QuantizeOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  Mixed m{builder, loc};
  auto type = dyn_cast<IntegerType>(elementOf(op.getResult()));
  if (!type || type.getWidth() > 16 || type.getWidth() < 8) {
    op.emitOpError("has no kernel for quantising to ")
        << elementOf(op.getResult()) << "; expected an 8 or 16 bit integer";
    return {};
  }
  Point parameter = quantizationPoint(op.getScale(), op.getAxis(), op.getBlockSize(),
                                      shapeOf(op.getInput()), point, loc, walk.lanes);
  Value x = at(op.getInput(), point, walk), scale = at(op.getScale(), parameter, walk);
  if (!x || !scale)
    return {};
  x = m.op<arith::DivFOp>(m.f32(x), m.f32(scale));
  x = math::RoundEvenOp::create(builder, loc, x);
  if (op.getZeroPoint()) {
    Value zero = at(op.getZeroPoint(), parameter, walk);
    if (!zero)
      return {};
    zero = m.i32(zero, elementOf(op.getZeroPoint()));
    zero = arith::SIToFPOp::create(builder, loc, typeLike(zero, builder.getF32Type()), zero);
    x = m.op<arith::AddFOp>(x, zero);
  }
  unsigned bits = type.getWidth();
  double low = type.isUnsigned() ? 0 : -static_cast<double>(1 << (bits - 1));
  double high = type.isUnsigned() ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
  Value lowValue = m.number(x, low), highValue = m.number(x, high);
  // NaN takes the low end: fptosi of NaN would be poison.
  x = arith::SelectOp::create(
      builder, loc, arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, x, lowValue), x,
      lowValue);
  x = arith::SelectOp::create(
      builder, loc, arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x, highValue), x,
      highValue);
  Value i = arith::FPToSIOp::create(builder, loc, typeLike(x, builder.getI32Type()), x);
  return arith::TruncIOp::create(builder, loc, typeLike(x, signless(type)), i);
}

Value InlineEmitter::dequantizeAt(DequantizeOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  Mixed m{builder, loc};
  Type element = elementOf(op.getInput());
  auto type = dyn_cast<IntegerType>(element);
  if (!type || type.getWidth() > 32 || type.getWidth() < 8) {
    op.emitOpError("has no kernel for dequantising from ")
        << element << "; expected an 8, 16 or 32 bit integer";
    return {};
  }
  Point parameter = quantizationPoint(op.getScale(), op.getAxis(), op.getBlockSize(),
                                      shapeOf(op.getInput()), point, loc, walk.lanes);
  Value x = at(op.getInput(), point, walk), scale = at(op.getScale(), parameter, walk);
  if (!x || !scale)
    return {};
  x = m.i32(x, element);
  if (op.getZeroPoint()) {
    Value zero = at(op.getZeroPoint(), parameter, walk);
    if (!zero)
      return {};
    x = m.op<arith::SubIOp>(x, m.i32(zero, elementOf(op.getZeroPoint())));
  }
  x = arith::SIToFPOp::create(builder, loc, typeLike(x, builder.getF32Type()), x);
  x = m.op<arith::MulFOp>(x, m.f32(scale));
  Type want = elementOf(op.getResult());
  if (want.getIntOrFloatBitWidth() < 32)
    return arith::TruncFOp::create(builder, loc, typeLike(x, want), x);
  if (want.getIntOrFloatBitWidth() > 32)
    return arith::ExtFOp::create(builder, loc, typeLike(x, want), x);
  return x;
}

Value InlineEmitter::batchNormAt(BatchNormOp op, const Point &point, Walk walk) {
  Location loc = op.getLoc();
  Mixed m{builder, loc};
  Point channel{point[1]};
  Value x = at(op.getInput(), point, walk), scale = at(op.getScale(), channel, walk),
        bias = at(op.getBias(), channel, walk), mean = at(op.getMean(), channel, walk),
        variance = at(op.getVariance(), channel, walk);
  if (!x || !scale || !bias || !mean || !variance)
    return {};
  bool wide = elementOf(op.getInput()).isF64();
  auto compute = [&](Value v) { return wide ? v : m.f32(v); };
  variance = compute(variance);
  Value deviation = math::SqrtOp::create(
      builder, loc,
      m.op<arith::AddFOp>(variance, m.number(variance, op.getEpsilon().convertToDouble())));
  Value factor = m.op<arith::DivFOp>(compute(scale), deviation);
  x = m.op<arith::MulFOp>(m.op<arith::SubFOp>(compute(x), compute(mean)), factor);
  x = m.op<arith::AddFOp>(x, compute(bias));
  Type want = elementOf(op.getResult());
  return want.getIntOrFloatBitWidth() < 32
             ? Value(arith::TruncFOp::create(builder, loc, typeLike(x, want), x))
             : x;
}

} // namespace ingot
