// ONNX operators that work element by element.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

template <typename Op> static LogicalResult unary(OnnxNode &n) {
  return n.set(n.b.create<Op>(n.in(0)));
}

/// The second of two operands that broadcast as NumPy has it. Before opset 7 `broadcast` asked for
/// it, and `axis` said which dim of the first operand is the second's first.
static Value secondOperand(OnnxNode &n) {
  Value lhs = n.in(0), rhs = n.in(1);
  if (n.version() >= 7 || !lhs || !rhs)
    return rhs;
  bool broadcasts = n.intAttr("broadcast", 0), placed = n.has("axis");
  int64_t axis = n.intAttr("axis", 0), rank = B::rank(lhs);
  if (!broadcasts || !placed)
    return rhs;
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis + B::rank(rhs) > rank)
    return n.b.fail("cannot broadcast " + shapeName(B::shape(rhs)) + " at dim " + Twine(axis) +
                    " of " + shapeName(B::shape(lhs)));
  Ints shape(B::shape(rhs));
  shape.resize(rank - axis, 1);
  return n.b.reshape(rhs, shape);
}

template <typename Op> static LogicalResult binary(OnnxNode &n) {
  return n.set(n.b.binary<Op>(n.in(0), secondOperand(n)));
}

/// Max, Min, Sum: any number of operands.
template <typename Op> static LogicalResult variadic(OnnxNode &n) {
  Value result = n.in(0);
  for (size_t i = 1; i < n.numInputs(); ++i)
    result = n.b.binary<Op>(result, n.in(i));
  return n.set(result);
}

template <CmpKind kind> static LogicalResult compare(OnnxNode &n) {
  return n.set(n.b.cmp(kind, n.in(0), secondOperand(n)));
}

static LogicalResult mean(OnnxNode &n) {
  if (failed(variadic<AddOp>(n)))
    return failure();
  return n.set(n.b.div(n.results()[0], n.b.scalarLike(n.results()[0], n.numInputs())));
}

/// Gives its input: no effect at inference.
static LogicalResult identity(OnnxNode &n) { return n.set(n.in(0)); }

static LogicalResult dropout(OnnxNode &n) {
  double ratio = n.floatAttr("ratio", 0.5);
  n.ignoreAttr("seed");
  if (n.opt(1))
    ratio = B::getConstantScalar(n.opt(1)).value_or(1.0);
  bool trains = n.opt(2) ? B::getConstantInt(n.opt(2)).value_or(1) != 0
                         : n.version() < 7 && !n.intAttr("is_test", 0);
  if (trains && ratio != 0.0)
    return n.unsupported("in training mode", "expected inference: its result is random");
  Value input = n.in(0);
  if (n.wants(1) && input &&
      failed(n.setOutput(1, n.b.splat(B::shape(input), n.b.ops().getI1Type(), 1))))
    return failure();
  return n.set(input);
}

static LogicalResult power(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value base = n.in(0), exponent = secondOperand(n);
  if (!base || !exponent)
    return failure();
  Type type = B::element(base);
  if (B::getConstantScalar(exponent) == 2.0 && B::rank(exponent) <= B::rank(base))
    return n.set(b.mul(base, base));
  // The result has the base's type; an integer base to a float power is computed in floats.
  if (B::isFloat(exponent) && !B::isFloat(base))
    return n.set(b.cast(b.binary<PowOp>(b.cast(base, B::element(exponent)), exponent), type));
  return n.set(b.binary<PowOp>(base, b.cast(exponent, type)));
}

static LogicalResult modulo(OnnxNode &n) {
  return n.intAttr("fmod", 0) ? binary<RemOp>(n) : binary<ModOp>(n);
}

static LogicalResult bitShift(OnnxNode &n) {
  std::string direction = n.stringAttr("direction", "");
  if (direction == "LEFT")
    return binary<ShlOp>(n);
  return direction == "RIGHT" ? binary<ShrOp>(n)
                              : n.unsupported("direction = " + direction, "expected LEFT or RIGHT");
}

static LogicalResult preluOp(OnnxNode &n) {
  Value input = n.in(0), slope = n.in(1);
  // Before opset 9 a slope of shape [C] meant channels.
  if (input && slope && n.version() < 9 && B::rank(slope) == 1 && B::rank(input) > 2) {
    Ints shape(B::rank(input) - 1, 1);
    shape[0] = B::shape(slope)[0];
    slope = n.b.reshape(slope, shape);
  }
  return n.set(prelu(n.b, input, slope));
}

static LogicalResult where(OnnxNode &n) { return n.set(n.b.select(n.in(0), n.in(1), n.in(2))); }

static LogicalResult clipAttributes(OnnxNode &n) {
  double infinity = std::numeric_limits<double>::infinity();
  double low = n.floatAttr("min", -infinity), high = n.floatAttr("max", infinity);
  return n.set(n.b.clamp(n.in(0), low, high));
}

static LogicalResult clip(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value value = n.in(0), low = n.opt(1), high = n.opt(2);
  std::optional<double> min =
      low ? B::getConstantScalar(low) : -std::numeric_limits<double>::infinity();
  std::optional<double> max =
      high ? B::getConstantScalar(high) : std::numeric_limits<double>::infinity();
  bool exact = value && (B::isFloat(value) || B::type(value).getElementTypeBitWidth() <= 32);
  if (min && max && exact)
    return n.set(b.clamp(value, *min, *max));
  if (low)
    value = b.binary<MaxOp>(value, b.reshape(low, {}));
  if (high)
    value = b.binary<MinOp>(value, b.reshape(high, {}));
  return n.set(value);
}

static LogicalResult leakyRelu(OnnxNode &n) {
  return n.set(n.b.create<LeakyReluOp>(n.in(0), APFloat(n.floatAttr("alpha", 0.01f))));
}

static LogicalResult elu(OnnxNode &n) {
  return n.set(
      n.b.create<EluOp>(n.in(0), APFloat(n.floatAttr("alpha", 1.0)), APFloat(1.0), APFloat(1.0)));
}

static LogicalResult celu(OnnxNode &n) {
  double alpha = n.floatAttr("alpha", 1.0);
  if (alpha == 0.0)
    return n.error("has alpha 0");
  return n.set(n.b.create<EluOp>(n.in(0), APFloat(alpha), APFloat(1.0), APFloat(1.0 / alpha)));
}

static LogicalResult selu(OnnxNode &n) {
  double alpha = n.floatAttr("alpha", 1.67326319217681884765625f);
  double gamma = n.floatAttr("gamma", 1.05070102214813232421875f);
  return n.set(n.b.create<EluOp>(n.in(0), APFloat(alpha), APFloat(gamma), APFloat(1.0)));
}

static LogicalResult hardSigmoid(OnnxNode &n) {
  double alpha = n.floatAttr("alpha", 0.2f), beta = n.floatAttr("beta", 0.5f);
  return n.set(n.b.create<HardSigmoidOp>(n.in(0), APFloat(alpha), APFloat(beta)));
}

static LogicalResult thresholdedRelu(OnnxNode &n) {
  Value x = n.in(0);
  Value over = n.b.cmp(CmpKind::Gt, x, n.b.scalarLike(x, n.floatAttr("alpha", 1.0)));
  return n.set(n.b.select(over, x, n.b.scalarLike(x, 0.0)));
}

static LogicalResult softsign(OnnxNode &n) {
  Value x = n.in(0);
  return n.set(n.b.div(x, n.b.add(n.b.create<AbsOp>(x), n.b.scalarLike(x, 1.0))));
}

static LogicalResult shrink(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value x = n.in(0);
  double lambda = n.floatAttr("lambd", 0.5), bias = n.floatAttr("bias", 0.0);
  Value below = b.cmp(CmpKind::Lt, x, b.scalarLike(x, -lambda));
  Value above = b.cmp(CmpKind::Gt, x, b.scalarLike(x, lambda));
  Value high = b.select(above, b.sub(x, b.scalarLike(x, bias)), b.scalarLike(x, 0.0));
  return n.set(b.select(below, b.add(x, b.scalarLike(x, bias)), high));
}

static LogicalResult gelu(OnnxNode &n) {
  std::string kind = n.stringAttr("approximate", "none");
  if (kind != "none" && kind != "tanh")
    return n.unsupported("approximate = " + kind, "expected none or tanh");
  return n.set(n.b.create<GeluOp>(n.in(0), kind == "tanh"));
}

static LogicalResult swish(OnnxNode &n) {
  double alpha = n.floatAttr("alpha", 1.0);
  Value x = n.in(0);
  if (alpha == 1.0)
    return n.set(n.b.create<SiluOp>(x));
  return n.set(n.b.mul(x, n.b.create<SigmoidOp>(n.b.scale(x, alpha))));
}

static LogicalResult isInf(OnnxNode &n) {
  bool positive = n.intAttr("detect_positive", 1), negative = n.intAttr("detect_negative", 1);
  return n.set(n.b.create<IsInfOp>(n.in(0), positive, negative));
}

/// A float rounded to a power of two, as FLOAT8E8M0 holds them: up, down, or to the nearest (which
/// the cast does itself).
static Value roundedToPower(OnnxNode &n, Value input, StringRef mode) {
  GraphBuilder &b = n.b;
  if (mode == "nearest")
    return input;
  if (mode != "up" && mode != "down") {
    (void)n.unsupported("round_mode = " + mode, "expected up, down or nearest");
    return {};
  }
  Type f32 = b.ops().getF32Type();
  Value x = b.cast(input, f32);
  if (!x)
    return {};
  // The nearest power lies on one side or the other; then its neighbour is the one.
  Value power = b.cast(b.cast(x, Float8E8M0FNUType::get(b.context())), f32);
  Value other = b.scale(power, mode == "up" ? 2.0 : 0.5);
  Value wrong = b.cmp(mode == "up" ? CmpKind::Lt : CmpKind::Gt, power, x);
  return b.select(wrong, other, power);
}

static LogicalResult castTo(OnnxNode &n, Type type) {
  Value input = n.in(0);
  if (!input)
    return failure();
  // A plain cast of what is too large gives infinity or NaN.
  bool saturate = n.intAttr("saturate", 1);
  std::string rounding = n.stringAttr("round_mode", "up"); // of FLOAT8E8M0 alone
  if (isa<Float8E8M0FNUType>(type)) {
    input = roundedToPower(n, input, rounding);
  } else if (auto narrow = dyn_cast<FloatType>(type);
             narrow && narrow.getWidth() == 8 && saturate && B::isFloat(input)) {
    double largest = APFloat::getLargest(narrow.getFloatSemantics()).convertToDouble();
    input = n.b.clamp(input, -largest, largest);
  } else if (auto integer = dyn_cast<IntegerType>(type);
             integer && integer.getWidth() > 1 && integer.getWidth() < 8 && B::isFloat(input)) {
    input = n.b.cast(input, n.b.ops().getI32Type()); // keeps the low bits, where our cast saturates
  }
  return n.set(n.b.cast(input, type));
}

/// Before opset 6 the type is a name.
static LogicalResult castToName(OnnxNode &n) {
  onnx::TensorProto::DataType to = onnx::TensorProto::UNDEFINED;
  std::string name = n.stringAttr("to", "");
  Type type =
      onnx::TensorProto::DataType_Parse(name, &to) ? elementType(n.b.context(), to) : Type();
  return type ? castTo(n, type) : n.unsupported("to " + name, "expected a numeric element type");
}

static LogicalResult castOp(OnnxNode &n) {
  int64_t to = n.intAttr("to", 0);
  Type type = elementType(n.b.context(), static_cast<int32_t>(to));
  if (!type)
    return n.unsupported("to " + dataTypeName(static_cast<int32_t>(to)),
                         "expected a numeric element type");
  return castTo(n, type);
}

static LogicalResult bitCast(OnnxNode &n) {
  Value input = n.in(0);
  auto to = static_cast<int32_t>(n.intAttr("to", 0));
  Type type = elementType(n.b.context(), to);
  if (!input)
    return failure();
  Type from = B::element(input), i8 = n.b.ops().getIntegerType(8, false);
  if (type == from)
    return n.set(input);
  // A boolean takes a byte.
  Type target = type && type.isInteger(1) ? i8 : type;
  if (from.isInteger(1))
    input = n.b.cast(input, i8);
  if (!target || target.getIntOrFloatBitWidth() != B::element(input).getIntOrFloatBitWidth() ||
      target.getIntOrFloatBitWidth() < 8)
    return n.unsupported("from " + elementName(from) + " to " +
                             (type ? elementName(type) : dataTypeName(to)),
                         "expected types of one size");
  Value bits = n.b.createAs<BitcastOp>(withElementType(B::type(input), target), input);
  return n.set(bits && target != type ? n.b.cast(bits, type) : bits);
}

static LogicalResult castLike(OnnxNode &n) {
  Value like = n.in(1);
  return like ? castTo(n, B::element(like)) : failure();
}

void onnximport::addElementwiseOps(OpTable &table) {
  table.add("Abs", unary<AbsOp>);
  table.add("Acos", unary<AcosOp>);
  table.add("Acosh", unary<AcoshOp>);
  table.add("Asin", unary<AsinOp>);
  table.add("Asinh", unary<AsinhOp>);
  table.add("Atan", unary<AtanOp>);
  table.add("Atanh", unary<AtanhOp>);
  table.add("BitwiseNot", unary<NotOp>);
  table.add("Ceil", unary<CeilOp>);
  table.add("Cos", unary<CosOp>);
  table.add("Cosh", unary<CoshOp>);
  table.add("Erf", unary<ErfOp>);
  table.add("Exp", unary<ExpOp>);
  table.add("Floor", unary<FloorOp>);
  table.add("HardSwish", unary<HardSwishOp>);
  table.add("IsNaN", unary<IsNanOp>);
  table.add("Log", unary<LogOp>);
  table.add("Mish", unary<MishOp>);
  table.add("Neg", unary<NegOp>);
  table.add("Not", unary<NotOp>);
  table.add("Reciprocal", unary<ReciprocalOp>);
  table.add("Relu", unary<ReluOp>);
  table.add("Round", unary<RoundOp>);
  table.add("Sigmoid", unary<SigmoidOp>);
  table.add("Sign", unary<SignOp>);
  table.add("Sin", unary<SinOp>);
  table.add("Sinh", unary<SinhOp>);
  table.add("Softplus", unary<SoftplusOp>);
  table.add("Sqrt", unary<SqrtOp>);
  table.add("Tan", unary<TanOp>);
  table.add("Tanh", unary<TanhOp>);

  table.add("Add", binary<AddOp>);
  table.add("And", binary<AndOp>);
  table.add("BitwiseAnd", binary<AndOp>);
  table.add("BitwiseOr", binary<OrOp>);
  table.add("BitwiseXor", binary<XorOp>);
  table.add("Div", binary<DivOp>);
  table.add("Mul", binary<MulOp>);
  table.add("Or", binary<OrOp>);
  table.add("Sub", binary<SubOp>);
  table.add("Xor", binary<XorOp>);
  table.add("Max", variadic<MaxOp>);
  table.add("Min", variadic<MinOp>);
  table.add("Sum", variadic<AddOp>);
  table.add("Mean", mean);
  table.add("Pow", power);
  table.add("Mod", modulo);
  table.add("BitShift", bitShift);
  table.add("PRelu", preluOp);
  table.add("Where", where);

  table.add("Equal", compare<CmpKind::Eq>);
  table.add("Greater", compare<CmpKind::Gt>);
  table.add("GreaterOrEqual", compare<CmpKind::Ge>);
  table.add("Less", compare<CmpKind::Lt>);
  table.add("LessOrEqual", compare<CmpKind::Le>);

  table.addOnLists("Identity", identity);
  table.add("Dropout", dropout);
  table.add("Clip", 1, 10, clipAttributes);
  table.add("Clip", 11, kNewest, clip);
  table.add("LeakyRelu", leakyRelu);
  table.add("Elu", elu);
  table.add("Celu", celu);
  table.add("Selu", selu);
  table.add("HardSigmoid", hardSigmoid);
  table.add("ThresholdedRelu", thresholdedRelu);
  table.add("Softsign", softsign);
  table.add("Shrink", shrink);
  table.add("Gelu", gelu);
  table.add("Swish", swish);
  table.add("IsInf", isInf);
  table.add("Cast", 1, 5, castToName);
  table.add("Cast", 6, kNewest, castOp);
  table.add("CastLike", castLike);
  table.add("BitCast", bitCast);
}
