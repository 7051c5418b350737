// Elementwise operators of torch.
//
// Torch promotes operand types; what the result's type is, the file records. Operands of arithmetic
// are cast to the result's type first, those of comparisons to their promoted type.
#include "compiler/importers/pt2/Importer.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// 0 for bool, 1 for integers, 2 for floats.
int category(Type type) { return type.isInteger(1) ? 0 : llvm::isa<IntegerType>(type) ? 1 : 2; }

/// The common type of two tensors of equal standing (torch's promotion table).
Type combine(Type a, Type b) {
  if (!a || a == b)
    return b;
  if (!b)
    return a;
  int ca = category(a), cb = category(b);
  if (ca != cb)
    return ca > cb ? a : b;
  unsigned wa = a.getIntOrFloatBitWidth(), wb = b.getIntOrFloatBitWidth();
  if (ca == 2)
    return wa == wb ? Type(Float32Type::get(a.getContext())) : wa > wb ? a : b;
  bool ua = a.isUnsignedInteger(), ub = b.isUnsignedInteger();
  if (ua == ub)
    return wa > wb ? a : b;
  // An unsigned and a signed type meet in a signed type that holds both.
  unsigned width = std::max(ua ? 2 * wa : wa, ub ? 2 * wb : wb);
  return IntegerType::get(a.getContext(), std::min(width, 64u));
}

/// Torch's result_type: tensors of rank 0 and bare numbers count only when their category is
/// higher.
Type promoted(Node &n, ArrayRef<StringRef> names) {
  Type levels[3]; // numbers, rank 0, others
  for (StringRef name : names) {
    Value value = n.tensor(name);
    if (!value)
      return {};
    int level = n.isNumber(name) ? 0 : n.b.rank(value) == 0 ? 1 : 2;
    levels[level] = combine(levels[level], n.b.element(value));
  }
  Type result = levels[2];
  for (int level : {1, 0})
    if (levels[level] && (!result || category(levels[level]) > category(result)))
      result = levels[level];
  return result;
}

StringRef selfName(Node &n) { return n.has("self") ? "self" : "input"; }

template <typename Op> void unary(Node &n) { n.result(n.b.create<Op>(n.operand(selfName(n)))); }
template <typename Op> void binary(Node &n) {
  n.result(n.b.binary<Op>(n.operand("self"), n.operand("other")));
}

/// add and sub: self ± alpha · other.
template <typename Op> void scaledBinary(Node &n) {
  Value other = n.operand("other");
  if (n.has("alpha"))
    other = n.b.scale(other, n.number("alpha"));
  n.result(n.b.binary<Op>(n.operand("self"), other));
}
void rsub(Node &n) {
  Value self = n.operand("self");
  if (n.has("alpha"))
    self = n.b.scale(self, n.number("alpha"));
  n.result(n.b.sub(n.operand("other"), self));
}

void divMode(Node &n) {
  std::string mode = n.text("rounding_mode");
  Value x = n.operand("self"), y = n.operand("other");
  if (mode == "floor")
    return n.result(n.b.binary<FloorDivOp>(x, y));
  Value quotient = n.b.div(x, y);
  bool truncates = mode == "trunc" && quotient && n.b.isFloat(quotient);
  n.result(truncates ? n.b.create<TruncOp>(quotient) : quotient);
}

void powScalar(Node &n) {
  Value x = n.operand("self");
  double exponent = n.number("exponent");
  if (!x)
    return n.result({});
  bool real = n.b.isFloat(x);
  if (exponent == 1)
    n.result(x);
  else if (exponent == 2)
    n.result(n.b.mul(x, x));
  else if (exponent == 3)
    n.result(n.b.mul(n.b.mul(x, x), x));
  else if (real && exponent == 0.5)
    n.result(n.b.create<SqrtOp>(x));
  else if (real && exponent == -0.5)
    n.result(n.b.create<RsqrtOp>(x));
  else if (real && exponent == -1)
    n.result(n.b.create<ReciprocalOp>(x));
  else
    n.result(n.b.binary<PowOp>(x, n.b.scalarLike(x, exponent)));
}

template <CmpKind kind> void compare(Node &n) {
  Type type = promoted(n, {"self", "other"});
  if (type)
    n.result(n.b.cmp(kind, n.b.cast(n.tensor("self"), type), n.b.cast(n.tensor("other"), type)));
}

Value truth(Node &n, StringRef name) { return n.b.cast(n.tensor(name), n.b.ops().getI1Type()); }
template <typename Op> void logical(Node &n) {
  n.result(n.b.binary<Op>(truth(n, "self"), truth(n, "other")));
}

void clamp(Node &n) {
  Value x = n.operand("self");
  double low = n.number("min", -INFINITY), high = n.number("max", INFINITY);
  n.result(n.b.clamp(x, low, high));
}
void clampTensor(Node &n) {
  Value x = n.operand("self");
  if (n.has("min"))
    x = n.b.binary<MaxOp>(x, n.operand("min"));
  if (n.has("max"))
    x = n.b.binary<MinOp>(x, n.operand("max"));
  n.result(x);
}

void where(Node &n) {
  n.result(n.b.select(truth(n, "condition"), n.operand("self"), n.operand("other")));
}
void maskedFill(Node &n) {
  Value self = n.operand("self");
  n.result(self ? n.b.broadcast(n.b.select(truth(n, "mask"), n.operand("value"), self),
                                n.type().getShape())
                : Value());
}

/// self + value · (tensor1 op tensor2)
template <typename Op> void addCombined(Node &n) {
  Value product = n.b.binary<Op>(n.operand("tensor1"), n.operand("tensor2"));
  n.result(n.b.add(n.operand("self"), n.b.scale(product, n.number("value", 1))));
}
void lerp(Node &n) {
  Value self = n.operand("self"), weight = n.operand("weight");
  n.result(n.b.add(self, n.b.mul(weight, n.b.sub(n.operand("end"), self))));
}

void addMath(OpTable &table) {
  table.add({"abs.default"}, unary<AbsOp>);
  table.add({"neg.default", "negative.default"}, unary<NegOp>);
  table.add({"sign.default", "sgn.default"}, [](Node &n) {
    // Torch's sign of NaN is 0.
    Value x = n.operand("self");
    if (!x || !n.b.isFloat(x))
      return n.result(n.b.create<SignOp>(x));
    Value zero = n.b.scalarLike(x, 0);
    n.result(n.b.sub(n.b.cast(n.b.cmp(CmpKind::Gt, x, zero), n.b.element(x)),
                     n.b.cast(n.b.cmp(CmpKind::Lt, x, zero), n.b.element(x))));
  });
  table.add({"ceil.default"}, unary<CeilOp>);
  table.add({"floor.default"}, unary<FloorOp>);
  table.add({"round.default"}, unary<RoundOp>);
  table.add({"trunc.default", "fix.default"}, unary<TruncOp>);
  table.add({"frac.default"}, [](Node &n) {
    Value x = n.operand("self");
    n.result(n.b.sub(x, n.b.create<TruncOp>(x)));
  });
  table.add({"sqrt.default"}, unary<SqrtOp>);
  table.add({"rsqrt.default"}, unary<RsqrtOp>);
  table.add({"reciprocal.default"}, unary<ReciprocalOp>);
  table.add({"square.default"}, [](Node &n) {
    Value x = n.operand("self");
    n.result(n.b.mul(x, x));
  });
  table.add({"exp.default"}, unary<ExpOp>);
  table.add({"exp2.default", "special_exp2.default"}, unary<Exp2Op>);
  table.add({"expm1.default", "special_expm1.default"}, unary<Expm1Op>);
  table.add({"log.default"}, unary<LogOp>);
  table.add({"log2.default"}, unary<Log2Op>);
  table.add({"log10.default"}, unary<Log10Op>);
  table.add({"log1p.default", "special_log1p.default"}, unary<Log1pOp>);
  table.add({"sin.default"}, unary<SinOp>);
  table.add({"cos.default"}, unary<CosOp>);
  table.add({"tan.default"}, unary<TanOp>);
  table.add({"asin.default", "arcsin.default"}, unary<AsinOp>);
  table.add({"acos.default", "arccos.default"}, unary<AcosOp>);
  table.add({"atan.default", "arctan.default"}, unary<AtanOp>);
  table.add({"sinh.default"}, unary<SinhOp>);
  table.add({"cosh.default"}, unary<CoshOp>);
  table.add({"tanh.default"}, unary<TanhOp>);
  table.add({"asinh.default", "arcsinh.default"}, unary<AsinhOp>);
  table.add({"acosh.default", "arccosh.default"}, unary<AcoshOp>);
  table.add({"atanh.default", "arctanh.default"}, unary<AtanhOp>);
  table.add({"erf.default", "special_erf.default"}, unary<ErfOp>);
  table.add({"sigmoid.default", "special_expit.default"}, unary<SigmoidOp>);
  table.add({"logit.default"}, [](Node &n) {
    Value x = n.operand("self");
    if (n.has("eps"))
      x = n.b.clamp(x, n.number("eps"), 1 - n.number("eps"));
    n.result(n.b.create<LogOp>(n.b.div(x, n.b.sub(n.b.scalarLike(x, 1), x))));
  });
}

void addActivations(OpTable &table) {
  table.add({"relu.default"}, unary<ReluOp>);
  table.add({"silu.default"}, unary<SiluOp>);
  table.add({"mish.default"}, unary<MishOp>);
  table.add({"hardswish.default"}, unary<HardSwishOp>);
  table.add({"relu6.default"}, [](Node &n) { n.result(n.b.clamp(n.operand("self"), 0, 6)); });
  table.add({"hardtanh.default"}, [](Node &n) {
    n.result(n.b.clamp(n.operand("self"), n.number("min_val", -1), n.number("max_val", 1)));
  });
  table.add({"hardsigmoid.default"}, [](Node &n) {
    n.result(n.b.create<HardSigmoidOp>(n.operand("self"), APFloat(1.0 / 6), APFloat(0.5)));
  });
  table.add({"gelu.default"}, [](Node &n) {
    n.result(n.b.create<GeluOp>(n.operand("self"), n.text("approximate", "none") == "tanh"));
  });
  table.add({"leaky_relu.default"}, [](Node &n) {
    n.result(n.b.create<LeakyReluOp>(n.operand("self"), APFloat(n.number("negative_slope", 0.01))));
  });
  table.add({"elu.default"}, [](Node &n) {
    n.result(n.b.create<EluOp>(n.operand("self"), APFloat(n.number("alpha", 1)),
                               APFloat(n.number("scale", 1)), APFloat(n.number("input_scale", 1))));
  });
  table.add({"celu.default"}, [](Node &n) {
    double alpha = n.number("alpha", 1);
    n.result(
        n.b.create<EluOp>(n.operand("self"), APFloat(alpha), APFloat(1.0), APFloat(1 / alpha)));
  });
  table.add({"selu.default"}, [](Node &n) {
    n.result(n.b.create<EluOp>(n.operand("self"), APFloat(1.6732632423543772848170429916717),
                               APFloat(1.0507009873554804934193349852946), APFloat(1.0)));
  });
  table.add({"softplus.default"}, [](Node &n) {
    // log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold.
    Value x = n.operand("self");
    double beta = n.number("beta", 1), threshold = n.number("threshold", 20);
    Value scaled = n.b.scale(x, beta);
    Value soft = n.b.scale(n.b.create<SoftplusOp>(scaled), 1 / beta);
    n.result(n.b.select(n.b.cmp(CmpKind::Gt, scaled, n.b.scalarLike(x, threshold)), x, soft));
  });
  table.add({"log_sigmoid.default"}, [](Node &n) {
    n.result(n.b.create<NegOp>(n.b.create<SoftplusOp>(n.b.create<NegOp>(n.operand("self")))));
  });
  table.add({"tanhshrink.default"}, [](Node &n) {
    Value x = n.operand("self");
    n.result(n.b.sub(x, n.b.create<TanhOp>(x)));
  });
  table.add({"softsign.default"}, [](Node &n) {
    Value x = n.operand("self");
    n.result(n.b.div(x, n.b.add(n.b.create<AbsOp>(x), n.b.scalarLike(x, 1))));
  });
  table.add({"hardshrink.default"}, [](Node &n) {
    Value x = n.operand("self"), zero = n.b.scalarLike(x, 0);
    Value inside =
        n.b.cmp(CmpKind::Le, n.b.create<AbsOp>(x), n.b.scalarLike(x, n.number("lambd", 0.5)));
    n.result(n.b.select(inside, zero, x));
  });
  table.add({"softshrink.default"}, [](Node &n) {
    Value x = n.operand("self");
    double lambda = n.number("lambd", 0.5);
    n.result(n.b.sub(x, n.b.clamp(x, -lambda, lambda)));
  });
  table.add({"threshold.default"}, [](Node &n) {
    Value x = n.operand("self");
    Value below = n.b.cmp(CmpKind::Le, x, n.b.scalarLike(x, n.number("threshold"))); // NaN stays
    n.result(n.b.select(below, n.b.scalarLike(x, n.number("value")), x));
  });
  table.add({"prelu.default", "_prelu_kernel.default"}, [](Node &n) {
    Value x = n.operand("self"), slope = n.tensor("weight");
    if (!x || !slope)
      return n.result({});
    if (n.b.rank(slope) == 1 && n.b.rank(x) > 2) { // one for each channel, dim 1
      Ints shape(n.b.rank(x), 1);
      shape[1] = n.b.shape(slope)[0];
      slope = n.b.reshape(slope, shape);
    }
    Value negative = n.b.cmp(CmpKind::Lt, x, n.b.scalarLike(x, 0));
    n.result(n.b.select(negative, n.b.mul(x, slope), x));
  });
  table.add({"glu.default"}, [](Node &n) {
    Value x = n.tensor("self");
    auto axis = x ? n.b.axis(n.integer("dim", -1), n.b.rank(x)) : std::nullopt;
    if (!axis)
      return n.result({});
    int64_t half = n.b.shape(x)[*axis] / 2;
    n.result(n.b.mul(n.b.slice(x, *axis, 0, half),
                     n.b.create<SigmoidOp>(n.b.slice(x, *axis, half, half))));
  });
}

void addArithmetic(OpTable &table) {
  table.add({"add.Tensor", "add.Scalar"}, scaledBinary<AddOp>);
  table.add({"sub.Tensor", "sub.Scalar", "subtract.Tensor"}, scaledBinary<SubOp>);
  table.add({"rsub.Scalar", "rsub.Tensor"}, rsub);
  table.add({"mul.Tensor", "mul.Scalar", "multiply.Tensor", "multiply.Scalar"}, binary<MulOp>);
  table.add({"div.Tensor", "div.Scalar", "true_divide.Tensor", "divide.Tensor"}, binary<DivOp>);
  table.add({"div.Tensor_mode", "div.Scalar_mode"}, divMode);
  table.add({"floor_divide.default", "floor_divide.Scalar"}, binary<FloorDivOp>);
  table.add({"remainder.Tensor", "remainder.Scalar"}, binary<ModOp>);
  table.add({"fmod.Tensor", "fmod.Scalar"}, binary<RemOp>);
  table.add({"pow.Tensor_Scalar"}, powScalar);
  table.add({"pow.Tensor_Tensor", "pow.Scalar"},
            [](Node &n) { n.result(n.b.binary<PowOp>(n.operand("self"), n.operand("exponent"))); });
  table.add({"maximum.default", "max.other"}, binary<MaxOp>);
  table.add({"minimum.default", "min.other"}, binary<MinOp>);
  table.add({"atan2.default", "arctan2.default"}, binary<Atan2Op>);
  table.add({"addcmul.default"}, addCombined<MulOp>);
  table.add({"addcdiv.default"}, addCombined<DivOp>);
  table.add({"lerp.Scalar", "lerp.Tensor"}, lerp);
  table.add({"clamp.default", "clip.default", "clamp_min.default", "clamp_max.default"}, clamp);
  table.add({"clamp.Tensor", "clamp_min.Tensor", "clamp_max.Tensor"}, clampTensor);
}

void addLogic(OpTable &table) {
  table.add({"eq.Tensor", "eq.Scalar"}, compare<CmpKind::Eq>);
  table.add({"ne.Tensor", "ne.Scalar", "not_equal.Tensor", "not_equal.Scalar"},
            compare<CmpKind::Ne>);
  table.add({"lt.Tensor", "lt.Scalar", "less.Tensor", "less.Scalar"}, compare<CmpKind::Lt>);
  table.add({"le.Tensor", "le.Scalar", "less_equal.Tensor", "less_equal.Scalar"},
            compare<CmpKind::Le>);
  table.add({"gt.Tensor", "gt.Scalar", "greater.Tensor", "greater.Scalar"}, compare<CmpKind::Gt>);
  table.add({"ge.Tensor", "ge.Scalar", "greater_equal.Tensor", "greater_equal.Scalar"},
            compare<CmpKind::Ge>);
  table.add({"logical_and.default"}, logical<AndOp>);
  table.add({"logical_or.default"}, logical<OrOp>);
  table.add({"logical_xor.default"}, logical<XorOp>);
  table.add({"logical_not.default"},
            [](Node &n) { n.result(n.b.create<NotOp>(truth(n, "self"))); });
  table.add({"bitwise_and.Tensor", "bitwise_and.Scalar", "__and__.Tensor", "__and__.Scalar"},
            binary<AndOp>);
  table.add({"bitwise_or.Tensor", "bitwise_or.Scalar", "__or__.Tensor", "__or__.Scalar"},
            binary<OrOp>);
  table.add({"bitwise_xor.Tensor", "bitwise_xor.Scalar", "__xor__.Tensor", "__xor__.Scalar"},
            binary<XorOp>);
  table.add({"bitwise_not.default"}, unary<NotOp>);
  table.add({"bitwise_left_shift.Tensor", "bitwise_left_shift.Tensor_Scalar", "__lshift__.Tensor",
             "__lshift__.Scalar"},
            binary<ShlOp>);
  table.add({"bitwise_right_shift.Tensor", "bitwise_right_shift.Tensor_Scalar", "__rshift__.Tensor",
             "__rshift__.Scalar"},
            binary<ShrOp>);
  table.add({"where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar"}, where);
  table.add({"masked_fill.Scalar", "masked_fill.Tensor"}, maskedFill);
}

} // namespace

void addElementwiseOps(OpTable &table) {
  addMath(table);
  addActivations(table);
  addArithmetic(table);
  addLogic(table);
}

} // namespace ingot::pt2
