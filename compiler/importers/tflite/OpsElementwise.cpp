// TFLite operators on each element: arithmetic, comparisons, logic, casts.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

template <typename G> static LogicalResult unary(TfliteNode &n) {
  Value value = n.in(0);
  return value ? n.set(n.b.create<G>(value)) : failure();
}

template <typename G> static LogicalResult binary(TfliteNode &n) {
  return n.set(n.b.binary<G>(n.in(0), n.in(1)));
}

/// Arithmetic with a fused activation.
template <typename G, typename Options> static LogicalResult arithmetic(TfliteNode &n) {
  tflite::ActivationFunctionType activation = fusedActivation<Options>(n);
  if (!std::is_same_v<G, DivOp> && isFixedPoint(n, 2))
    return std::is_same_v<G, MulOp> ? quantizedProduct(n, activation)
                                    : quantizedSum(n, std::is_same_v<G, SubOp>, activation);
  return n.set(n.activate(n.b.binary<G>(n.in(0), n.in(1)), activation));
}

static LogicalResult square(TfliteNode &n) {
  Value value = n.in(0);
  return n.set(n.b.mul(value, value));
}

static LogicalResult squaredDifference(TfliteNode &n) {
  if (isFixedPoint(n, 2))
    return quantizedSquaredDifference(n);
  Value value = n.b.sub(n.in(0), n.in(1));
  return n.set(n.b.mul(value, value));
}

static LogicalResult addN(TfliteNode &n) {
  Value sum = n.in(0);
  for (size_t i = 1; i < n.numInputs(); ++i)
    sum = n.b.add(sum, n.in(i));
  return n.set(sum);
}

template <CmpKind kind> static LogicalResult compare(TfliteNode &n) {
  if (n.has(0) && n.has(1) && n.quantization(0) == n.quantization(1))
    return n.set(n.b.cmp(kind, n.stored(0), n.stored(1)));
  if (n.has(0) && n.has(1) && n.quantization(0).isWhole() && n.quantization(1).isWhole())
    return quantizedCompare(n, kind);
  return n.set(n.b.cmp(kind, n.in(0), n.in(1)));
}

/// SELECT: a condition of rank 1 chooses along the first dim; SELECT_V2 broadcasts.
static LogicalResult select(TfliteNode &n) {
  Value condition = n.stored(0);
  bool same = n.has(1) && n.has(2) && n.quantization(1) == n.quantization(2) &&
              n.quantization(1) == n.outputQuantization();
  Value onTrue = same ? n.stored(1) : n.in(1), onFalse = same ? n.stored(2) : n.in(2);
  if (!condition || !onTrue || !onFalse)
    return failure();
  if (n.op() == "SELECT" && B::rank(condition) == 1 && B::rank(onTrue) > 1) {
    Ints shape(B::rank(onTrue), 1);
    shape[0] = B::shape(condition)[0];
    condition = n.b.reshape(condition, shape);
  }
  return n.set(n.b.select(condition, onTrue, onFalse));
}

static LogicalResult cast(TfliteNode &n) { return n.set(n.b.cast(n.stored(0), n.outputElement())); }

/// QUANTIZE and DEQUANTIZE: the same numbers, stored in another way.
static LogicalResult restore(TfliteNode &n) {
  if (isFixedPoint(n))
    return quantizedRescale(n);
  Value value = n.in(0);
  if (value && isa<FloatType>(n.outputElement()))
    value = n.b.cast(value, n.outputElement());
  // A float is rounded away from zero, which only shows where it is a half.
  if (value && B::isFloat(value) && n.outputQuantization().isWhole())
    return setCentered(n, roundAway(n.b, n.b.div(value, n.b.scalarLike(value, outputScale(n)))));
  return n.set(value);
}

static LogicalResult bitcast(TfliteNode &n) {
  Value value = n.stored(0);
  if (!value)
    return failure();
  Type to = n.outputElement();
  if (to == B::element(value))
    return n.set(value);
  if (to.getIntOrFloatBitWidth() != B::element(value).getIntOrFloatBitWidth())
    return n.unsupported("from " + elementName(B::element(value)) + " to " + elementName(to),
                         "expected types of one width");
  return n.set(n.b.createAs<BitcastOp>(withElementType(B::type(value), to), value));
}

void tfliteimport::addElementwiseOps(OpTable &table) {
  table.add(Op::ADD, arithmetic<AddOp, tflite::AddOptions>);
  table.add(Op::SUB, arithmetic<SubOp, tflite::SubOptions>);
  table.add(Op::MUL, arithmetic<MulOp, tflite::MulOptions>);
  table.add(Op::DIV, arithmetic<DivOp, tflite::DivOptions>);
  table.add(Op::ADD_N, addN);
  table.add(Op::MAXIMUM, binary<MaxOp>);
  table.add(Op::MINIMUM, binary<MinOp>);
  table.add(Op::POW, binary<PowOp>);
  table.add(Op::ATAN2, binary<Atan2Op>);
  table.add(Op::FLOOR_DIV, binary<FloorDivOp>);
  table.add(Op::FLOOR_MOD, binary<ModOp>);
  table.add(Op::SQUARED_DIFFERENCE, squaredDifference);
  table.add(Op::LOGICAL_AND, binary<AndOp>);
  table.add(Op::LOGICAL_OR, binary<OrOp>);
  table.add(Op::LOGICAL_NOT, unary<NotOp>);
  table.add(Op::BITWISE_XOR, binary<XorOp>);
  table.add(Op::RIGHT_SHIFT, binary<ShrOp>);
  table.add(Op::EQUAL, compare<CmpKind::Eq>);
  table.add(Op::NOT_EQUAL, compare<CmpKind::Ne>);
  table.add(Op::LESS, compare<CmpKind::Lt>);
  table.add(Op::LESS_EQUAL, compare<CmpKind::Le>);
  table.add(Op::GREATER, compare<CmpKind::Gt>);
  table.add(Op::GREATER_EQUAL, compare<CmpKind::Ge>);
  table.add(Op::SELECT, select);
  table.add(Op::SELECT_V2, select);
  table.add(Op::ABS, unary<AbsOp>);
  table.add(Op::NEG, unary<NegOp>);
  table.add(Op::SIGN, unary<SignOp>);
  table.add(Op::FLOOR, unary<FloorOp>);
  table.add(Op::CEIL, unary<CeilOp>);
  table.add(Op::ROUND, unary<RoundOp>);
  table.add(Op::EXP, unary<ExpOp>);
  table.add(Op::LOG, unary<LogOp>);
  table.add(Op::SQRT, unary<SqrtOp>);
  table.add(Op::RSQRT, unary<RsqrtOp>);
  table.add(Op::SQUARE, square);
  table.add(Op::SIN, unary<SinOp>);
  table.add(Op::COS, unary<CosOp>);
  table.add(Op::CAST, cast);
  table.add(Op::BITCAST, bitcast);
  table.add(Op::QUANTIZE, restore);
  table.add(Op::DEQUANTIZE, restore);
}
