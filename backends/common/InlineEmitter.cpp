// The walk of the inline emitter, memory access and elementwise ops; see InlineEmitter.h.
#include "backends/common/InlineEmitter.h"
#include "backends/common/EmitHelpers.h"
#include "backends/common/KernelShell.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace ingot {

/// Distance in elements between neighbours along each dim.
static SmallVector<DimExpr> rowMajorStrides(ArrayRef<DimExpr> shape) {
  SmallVector<DimExpr> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

void InlineEmitter::bind(Value tensor, Value buffer) {
  bound[tensor] = viewOf(tensor.getLoc(), buffer, extentsOf(tensor));
}

Value InlineEmitter::viewOf(Location loc, Value buffer, ArrayRef<DimExpr> extents) {
  SmallVector<int64_t> shape;
  for (const DimExpr &extent : extents)
    if (extent.isConstant())
      shape.push_back(*extent.constant());
  if (shape.size() == extents.size() && cast<MemRefType>(buffer.getType()).hasStaticShape())
    return viewAs(builder, loc, buffer, shape);
  // A value of its own, under which the extents are found again.
  Value count = math.value(loc, llvm::product_of(extents, DimExpr(1)));
  auto type =
      MemRefType::get({ShapedType::kDynamic}, cast<MemRefType>(buffer.getType()).getElementType());
  Value view = memref::ReinterpretCastOp::create(
      builder, loc, type, flatView(builder, loc, buffer), OpFoldResult(builder.getIndexAttr(0)),
      ArrayRef<OpFoldResult>{count}, ArrayRef<OpFoldResult>{builder.getIndexAttr(1)});
  viewExtents[view] = llvm::to_vector(extents);
  return view;
}

LaneIndex InlineEmitter::linearIn(Location loc, Value buffer, const Point &point, int64_t lanes) {
  auto found = viewExtents.find(buffer);
  SmallVector<DimExpr> extents = found != viewExtents.end()
                                     ? found->second
                                     : dimExprs(cast<MemRefType>(buffer.getType()).getShape());
  LaneIndex linear;
  for (auto [i, stride] : llvm::enumerate(rowMajorStrides(extents)))
    if (extents[i] != DimExpr(1))
      linear = sum(loc, linear, times(loc, point[i], stride, lanes));
  return linear;
}

Point InlineEmitter::point(ArrayRef<Value> indices, int64_t lanes,
                           std::optional<unsigned> laneDim) {
  Point result;
  for (Value v : indices)
    result.push_back(toIndex(v));
  if (lanes > 1 && !result.empty())
    result[laneDim.value_or(result.size() - 1)].stride = 1;
  return result;
}

Point InlineEmitter::pointIn(ArrayRef<int64_t> shape, ArrayRef<Value> indices, int64_t lanes) {
  unsigned last = shape.size() - 1;
  while (last > 0 && last < shape.size() && shape[last] == 1)
    --last;
  return point(indices, lanes, last);
}

InlineEmitter::Key InlineEmitter::keyOf(Value tensor, const Point &point, const Walk &walk) {
  Key key{tensor.getAsOpaquePointer(), walk.mask.getAsOpaquePointer(), walk.lanes, {}};
  ArrayRef<int64_t> shape = shapeOf(tensor);
  bool uniform = true;
  for (auto [i, index] : llvm::enumerate(point)) {
    bool unit = i < shape.size() && shape[i] == 1;
    uniform &= unit || index.uniform();
    std::get<3>(key).push_back(unit ? LaneIndex().key() : index.key());
  }
  if (uniform) { // a scalar: the mask and the number of lanes do not matter
    std::get<1>(key) = nullptr;
    std::get<2>(key) = 1;
  }
  return key;
}

void InlineEmitter::define(Value tensor, ArrayRef<Value> indices, int64_t lanes, Value vector) {
  define(tensor, pointIn(shapeOf(tensor), indices, lanes), lanes, vector);
}

void InlineEmitter::define(Value tensor, const Point &point, int64_t lanes, Value vector) {
  Type want = signless(elementOf(tensor)), have = scalarType(vector);
  Location loc = vector.getLoc();
  if (want != have && isa<FloatType>(want) && isa<FloatType>(have)) {
    if (want.getIntOrFloatBitWidth() < have.getIntOrFloatBitWidth())
      vector = arith::TruncFOp::create(builder, loc, typeLike(vector, want), vector);
    else
      vector = arith::ExtFOp::create(builder, loc, typeLike(vector, want), vector);
  }
  Key key = keyOf(tensor, point, {lanes, nullptr});
  std::get<1>(key) = nullptr;
  defined[key] = vector;
}

Value InlineEmitter::emit(Value tensor, ArrayRef<Value> indices, int64_t lanes, Value mask) {
  return emit(tensor, pointIn(shapeOf(tensor), indices, lanes), lanes, mask);
}

Value InlineEmitter::emit(Value tensor, const Point &point, int64_t lanes, Value mask) {
  Value v = at(tensor, point, {lanes, mask});
  return v && lanes > 1 ? splat(tensor.getLoc(), v, lanes) : v;
}

Value InlineEmitter::at(Value tensor, Point point, Walk walk) {
  ArrayRef<int64_t> shape = shapeOf(tensor);
  assert(point.size() == shape.size() && "a point has one index per dim");
  bool uniform = true;
  for (auto [i, index] : llvm::enumerate(point)) {
    if (shape[i] == 1)
      index = LaneIndex();
    uniform &= index.uniform();
  }
  if (uniform)
    walk = {1, nullptr};
  math.refresh();
  if (block != builder.getInsertionBlock()) {
    block = builder.getInsertionBlock();
    memory.clear();
  }
  if (!defined.empty()) {
    Key unmasked = keyOf(tensor, point, {walk.lanes, nullptr});
    if (auto it = defined.find(unmasked); it != defined.end())
      return it->second;
  }
  Key key = keyOf(tensor, point, walk);
  if (auto it = memory.find(key); it != memory.end())
    return it->second;

  Value result;
  if (Value buffer = bound.lookup(tensor)) {
    Location loc = tensor.getLoc();
    result = load(loc, buffer, point, walk.lanes, walk.mask);
    if (elementOf(tensor).isInteger(1)) {
      Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(result.getType()));
      result = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, result, zero);
    }
  } else if (Operation *op = tensor.getDefiningOp()) {
    result = compute(op, tensor, point, walk);
  } else {
    emitError(tensor.getLoc(), "internal error: a kernel operand has no buffer");
  }
  if (result)
    memory[key] = result;
  return result;
}

bool InlineEmitter::canInline(Operation *op) {
  return isa<ElementwiseOpInterface, ConstantOp, ReshapeOp, BroadcastOp, TransposeOp, SliceOp,
             ConcatOp, PadOp, IotaOp, DimOp, GatherOp, GatherElementsOp, GatherNDOp, QuantizeOp,
             DequantizeOp, BatchNormOp, ResizeOp>(op);
}

Value InlineEmitter::compute(Operation *op, Value tensor, const Point &point, Walk walk) {
  Location loc = op->getLoc();
  if (isa<ElementwiseOpInterface>(op))
    return elementwise(op, point, walk);
  if (auto o = dyn_cast<ConstantOp>(op))
    return constantAt(o, point, walk);
  if (auto o = dyn_cast<BroadcastOp>(op))
    return operandAt(o.getInput(), point, walk);
  if (auto o = dyn_cast<ReshapeOp>(op))
    return at(
        o.getInput(),
        reshapePoint(loc, extentsOf(o.getResult()), extentsOf(o.getInput()), point, walk.lanes),
        walk);
  if (auto o = dyn_cast<TransposeOp>(op)) {
    Point input(point.size());
    for (auto [i, p] : llvm::enumerate(o.getPerm()))
      input[p] = point[i];
    return at(o.getInput(), input, walk);
  }
  if (auto o = dyn_cast<SliceOp>(op)) {
    auto range = sliceRange(o.getStarts(), o.getSizes(), o.getDimsAttr());
    if (failed(range)) {
      o.emitOpError("internal error: its dims do not fit");
      return {};
    }
    Point input;
    for (auto [i, index] : llvm::enumerate(point))
      input.push_back(plus(loc, times(loc, index, o.getSteps()[i], walk.lanes), range->first[i]));
    return at(o.getInput(), input, walk);
  }
  if (auto o = dyn_cast<PadOp>(op))
    return padAt(o, point, walk);
  if (auto o = dyn_cast<ConcatOp>(op))
    return concatAt(o, point, walk);
  if (auto o = dyn_cast<IotaOp>(op))
    return iotaAt(o, point, walk);
  if (auto o = dyn_cast<DimOp>(op))
    return dimAt(o);
  if (auto o = dyn_cast<GatherOp>(op))
    return gatherAt(o, point, walk);
  if (auto o = dyn_cast<GatherElementsOp>(op))
    return gatherElementsAt(o, point, walk);
  if (auto o = dyn_cast<GatherNDOp>(op))
    return gatherNDAt(o, point, walk);
  if (auto o = dyn_cast<QuantizeOp>(op))
    return quantizeAt(o, point, walk);
  if (auto o = dyn_cast<DequantizeOp>(op))
    return dequantizeAt(o, point, walk);
  if (auto o = dyn_cast<BatchNormOp>(op))
    return batchNormAt(o, point, walk);
  if (auto o = dyn_cast<ResizeOp>(op))
    return resizeAt(o, point, walk);
  if (bound.count(tensor) || !defined.empty())
    op->emitOpError("internal error: its result is read at other elements than the kernel computes "
                    "at that moment");
  else
    op->emitOpError("internal error: has no inline form and no buffer");
  return {};
}

Value InlineEmitter::operandAt(Value operand, const Point &resultPoint, Walk walk) {
  // Broadcasting aligns shapes at the right; `at` replaces the index of an extent of 1.
  size_t rank = shapeOf(operand).size();
  return at(operand, Point(resultPoint.end() - rank, resultPoint.end()), walk);
}

Value InlineEmitter::elementwise(Operation *op, const Point &point, Walk walk) {
  Location loc = op->getLoc();
  // Narrow floats compute in f32 and round at each op's result, as the source frameworks do. A cast
  // rounds once itself, a bitcast not at all.
  bool widen = !isa<CastOp, BitcastOp>(op);
  SmallVector<Value> args;
  for (Value operand : op->getOperands()) {
    Value v = operandAt(operand, point, walk);
    if (!v)
      return {};
    if (widen && isNarrowFloat(scalarType(v)))
      v = arith::ExtFOp::create(builder, loc, typeLike(v, builder.getF32Type()), v);
    args.push_back(v);
  }
  if (llvm::any_of(args, isVector))
    for (Value &v : args)
      v = splat(loc, v, walk.lanes);
  Value result = cast<ElementwiseOpInterface>(op).buildBody(builder, loc, args);
  Type want = signless(elementOf(op->getResult(0)));
  if (result && scalarType(result) != want && isNarrowFloat(want) && scalarType(result).isF32())
    result = arith::TruncFOp::create(builder, loc, typeLike(result, want), result);
  return result;
}

/// bf16 moves as integers: where the ISA has no bf16, LLVM puts lanes together by rounding each
/// from f32, with a function that no image holds.
static Type movedAs(Type element) {
  return element.isBF16() ? IntegerType::get(element.getContext(), 16) : element;
}

static Value withElement(OpBuilder &builder, Location loc, Value value, Type element) {
  return scalarType(value) == element
             ? value
             : Value(arith::BitcastOp::create(builder, loc, typeLike(value, element), value));
}

/// `buffer` as one dim of what moves. The types are the same pointers once lowered.
static Value movedView(OpBuilder &builder, Location loc, Value buffer) {
  Value flat = flatView(builder, loc, buffer);
  auto type = cast<MemRefType>(flat.getType());
  Type moved = movedAs(type.getElementType());
  if (moved == type.getElementType())
    return flat;
  return UnrealizedConversionCastOp::create(builder, loc, Type(type.clone(moved)), flat)
      .getResult(0);
}

Value InlineEmitter::splat(Location loc, Value v, int64_t lanes) {
  if (lanes == 1 || isVector(v))
    return v;
  Type element = v.getType(), moved = movedAs(element);
  v = withElement(builder, loc, v, moved);
  v = vector::BroadcastOp::create(builder, loc, VectorType::get({lanes}, moved), v);
  return withElement(builder, loc, v, element);
}

Value InlineEmitter::select(Location loc, Value condition, Value a, Value b, int64_t lanes) {
  if (isVector(condition) || isVector(a) || isVector(b)) {
    a = splat(loc, a, lanes);
    b = splat(loc, b, lanes);
  }
  return arith::SelectOp::create(builder, loc, condition, a, b);
}

Value InlineEmitter::load(Location loc, Value buffer, const Point &point, int64_t lanes,
                          Value mask) {
  return withElement(builder, loc, loadMoved(loc, buffer, point, lanes, mask),
                     cast<MemRefType>(buffer.getType()).getElementType());
}

/// What multiplies all lanes of a vector alike; null when nothing does.
static Value scalarFactor(OpBuilder &builder, Value factors) {
  DenseIntElementsAttr numbers;
  if (auto splat = factors.getDefiningOp<vector::BroadcastOp>())
    return isVector(splat.getSource()) ? Value() : splat.getSource();
  if (!matchPattern(factors, m_Constant(&numbers)) || !numbers.isSplat())
    return {};
  return arith::ConstantIndexOp::create(builder, factors.getLoc(),
                                        numbers.getSplatValue<APInt>().getSExtValue());
}

/// The s of lane offsets [0, s, 2s, …] where only a run knows it; else null.
static Value distanceOfLanes(OpBuilder &builder, Value offsets) {
  DenseIntElementsAttr steps;
  if (matchPattern(offsets, m_Constant(&steps))) {
    auto values = llvm::to_vector(steps.getValues<APInt>());
    for (size_t l = 0; l < values.size(); ++l)
      if (values[l].getSExtValue() != int64_t(l) * values[1].getSExtValue())
        return {};
    return arith::ConstantIndexOp::create(builder, offsets.getLoc(), values[1].getSExtValue());
  }
  auto product = offsets.getDefiningOp<arith::MulIOp>();
  Value factor = product ? scalarFactor(builder, product.getRhs()) : Value();
  Value distance = factor ? distanceOfLanes(builder, product.getLhs()) : Value();
  return distance ? arith::MulIOp::create(builder, offsets.getLoc(), distance, factor).getResult()
                  : Value();
}

static Value distanceOfLanes(OpBuilder &builder, const LaneIndex &linear) {
  return linear.vector && !linear.stride ? distanceOfLanes(builder, linear.vector) : Value();
}

Value InlineEmitter::loadMoved(Location loc, Value buffer, const Point &point, int64_t lanes,
                               Value mask) {
  auto type = cast<MemRefType>(buffer.getType());
  Type element = movedAs(type.getElementType());
  LaneIndex linear = linearIn(loc, buffer, point, lanes);
  Value flat = movedView(builder, loc, buffer);
  Value base = scalar(loc, {linear.base, linear.offset, 0, {}});
  if (linear.uniform()) {
    // With a mask the address may be outside when no lane is active; callers clamp uniform indices.
    return memref::LoadOp::create(builder, loc, flat, base);
  }
  auto vectorType = VectorType::get({lanes}, element);
  if (!linear.vector && linear.stride == 1) {
    if (!mask)
      return vector::LoadOp::create(builder, loc, vectorType, flat, base);
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(vectorType));
    return vector::MaskedLoadOp::create(builder, loc, vectorType, flat, base, mask, zero);
  }
  if (!linear.vector && !mask && linear.stride >= -4 && linear.stride <= 4) {
    // Load the stretch that holds the lanes, and pick them.
    int64_t step = std::abs(linear.stride), span = (lanes - 1) * step + 1;
    if (linear.stride < 0)
      base = math.sub(loc, base, span - 1);
    Value stretch =
        vector::LoadOp::create(builder, loc, VectorType::get({span}, element), flat, base);
    SmallVector<int64_t> picks;
    for (int64_t l = 0; l < lanes; ++l)
      picks.push_back(linear.stride > 0 ? l * step : span - 1 - l * step);
    return vector::ShuffleOp::create(builder, loc, stretch, stretch, picks);
  }
  if (!linear.vector && !mask) {
    SmallVector<Value> elements;
    for (int64_t l = 0; l < lanes; ++l)
      elements.push_back(
          memref::LoadOp::create(builder, loc, flat, math.add(loc, base, l * linear.stride)));
    return vector::FromElementsOp::create(builder, loc, vectorType, elements);
  }
  if (Value distance = mask ? Value() : distanceOfLanes(builder, linear)) {
    SmallVector<Value> elements;
    for (int64_t l = 0; l < lanes; ++l)
      elements.push_back(memref::LoadOp::create(builder, loc, flat,
                                                math.add(loc, base, math.mul(loc, distance, l))));
    return vector::FromElementsOp::create(builder, loc, vectorType, elements);
  }
  Value offsets = vectorOf(loc, {{}, 0, linear.stride, linear.vector}, lanes);
  if (!mask)
    mask = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(VectorType::get({lanes}, builder.getI1Type()), true));
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(vectorType));
  return vector::GatherOp::create(builder, loc, vectorType, flat, ValueRange{base}, offsets, mask,
                                  zero);
}

void InlineEmitter::store(Location loc, Value value, Value buffer, ArrayRef<Value> indices,
                          int64_t lanes, Value mask) {
  auto found = viewExtents.find(buffer);
  SmallVector<int64_t> shape = llvm::to_vector(cast<MemRefType>(buffer.getType()).getShape());
  if (found != viewExtents.end())
    shape = llvm::to_vector(llvm::map_range(found->second, [](const DimExpr &extent) {
      return extent.constant().value_or(ShapedType::kDynamic);
    }));
  store(loc, value, buffer, pointIn(shape, indices, lanes), lanes, mask);
}

void InlineEmitter::store(Location loc, Value value, Value buffer, const Point &point,
                          int64_t lanes, Value mask) {
  auto type = cast<MemRefType>(buffer.getType());
  Type element = type.getElementType();
  math.refresh();
  if (Type have = scalarType(value); have != element) {
    Type to = typeLike(value, element);
    if (isa<FloatType>(element) && have.getIntOrFloatBitWidth() > element.getIntOrFloatBitWidth())
      value = arith::TruncFOp::create(builder, loc, to, value);
    else if (isa<FloatType>(element))
      value = arith::ExtFOp::create(builder, loc, to, value);
    else
      value = arith::ExtUIOp::create(builder, loc, to, value); // i1
  }
  value = withElement(builder, loc, value, movedAs(element));
  LaneIndex linear = linearIn(loc, buffer, point, lanes);
  Value flat = movedView(builder, loc, buffer);
  Value base = scalar(loc, {linear.base, linear.offset, 0, {}});
  if (lanes == 1 || !isVector(value)) {
    memref::StoreOp::create(builder, loc, value, flat, base);
  } else if (linear.stride == 1 && !linear.vector) {
    if (mask)
      vector::MaskedStoreOp::create(builder, loc, flat, base, mask, value);
    else
      vector::StoreOp::create(builder, loc, value, flat, base);
  } else if (!linear.vector && !mask) {
    for (int64_t l = 0; l < lanes; ++l) {
      Value lane = vector::ExtractOp::create(builder, loc, value, l);
      memref::StoreOp::create(builder, loc, lane, flat, math.add(loc, base, l * linear.stride));
    }
  } else if (Value distance = mask ? Value() : distanceOfLanes(builder, linear)) {
    for (int64_t l = 0; l < lanes; ++l) {
      Value lane = vector::ExtractOp::create(builder, loc, value, l);
      memref::StoreOp::create(builder, loc, lane, flat,
                              math.add(loc, base, math.mul(loc, distance, l)));
    }
  } else {
    Value offsets = vectorOf(loc, {{}, 0, linear.stride, linear.vector}, lanes);
    if (!mask)
      mask = arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(VectorType::get({lanes}, builder.getI1Type()), true));
    vector::ScatterOp::create(builder, loc, /*resultType=*/Type(), flat, ValueRange{base}, offsets,
                              mask, value);
  }
}

} // namespace ingot
