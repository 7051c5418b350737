// TFLite operators on each element: arithmetic, comparisons, logic, casts.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

template <typename G> static LogicalResult unary(TfliteNode &n) {
  Value value = n.in(0);
  return value ? n.set(n.b.create<G>(value)) : failure();
}

/// A function whose kernel of i16 reads a table of it.
template <typename G>
static LogicalResult tabled(TfliteNode &n, llvm::function_ref<float(float)> function) {
  return isFixedPoint(n) && isWide(n) ? quantizedFunction(n, function) : unary<G>(n);
}

static LogicalResult exponential(TfliteNode &n) {
  return tabled<ExpOp>(n, [](float x) { return std::exp(x); });
}

/// What has no logarithm, or no inverse root, gets the end of the result's range.
static LogicalResult logarithm(TfliteNode &n) {
  return tabled<LogOp>(n, [&](float x) {
    return x > 0 ? std::log(x) : -32768 * n.outputQuantization().scale.front();
  });
}

static LogicalResult inverseRoot(TfliteNode &n) {
  return tabled<RsqrtOp>(n, [&](float x) {
    return x > 0 ? 1.0f / std::sqrt(x) : 32767 * n.outputQuantization().scale.front();
  });
}

static LogicalResult root(TfliteNode &n) {
  return isFixedPoint(n) ? quantizedSqrt(n) : unary<SqrtOp>(n);
}

/// The kernel takes integers as they are stored, whatever they mean.
static LogicalResult negate(TfliteNode &n) {
  Value value = n.stored(0);
  return value ? n.set(n.b.create<NegOp>(value)) : failure();
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
  // Bytes are brought to steps of 1/256 first, i16 only for equality.
  constexpr bool isEquality = kind == CmpKind::Eq || kind == CmpKind::Ne;
  if (n.has(0) && n.has(1) && n.quantization(0).isWhole() && n.quantization(1).isWhole() &&
      n.stored(0) && (isEquality || !B::element(n.stored(0)).isInteger(16)))
    return quantizedCompare(n, kind);
  return n.set(n.b.cmp(kind, n.stored(0), n.stored(1)));
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

/// Integers for integers: up to i16, or from i16 to i32.
static bool isRescaled(TfliteNode &n) {
  return isFixedPoint(n) || (n.has(0) && n.stored(0) && B::element(n.stored(0)).isInteger(16) &&
                             n.quantization(0).isWhole() && n.outputElement().isInteger(32) &&
                             n.outputQuantization().isWhole());
}

/// QUANTIZE and DEQUANTIZE: the same numbers, stored in another way.
static LogicalResult restore(TfliteNode &n) {
  if (isRescaled(n))
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
  table.add(Op::NEG, negate);
  table.add(Op::SIGN, unary<SignOp>);
  table.add(Op::FLOOR, unary<FloorOp>);
  table.add(Op::CEIL, unary<CeilOp>);
  table.add(Op::ROUND, unary<RoundOp>);
  table.add(Op::EXP, exponential);
  table.add(Op::LOG, logarithm);
  table.add(Op::SQRT, root);
  table.add(Op::RSQRT, inverseRoot);
  table.add(Op::SQUARE, square);
  table.add(Op::SIN, unary<SinOp>);
  table.add(Op::COS, unary<CosOp>);
  table.add(Op::CAST, cast);
  table.add(Op::BITCAST, bitcast);
  table.add(Op::QUANTIZE, restore);
  table.add(Op::DEQUANTIZE, restore);
}
