// Elementwise ops: one interface, one lowering. Bodies are in GraphElementwise.cpp.
#ifndef INGOT_IR_GRAPH_ELEMENTWISE_OPS_TD
#define INGOT_IR_GRAPH_ELEMENTWISE_OPS_TD

class Ingot_Elementwise<string mnemonic, list<Trait> traits = []> :
    Ingot_InferredOp<mnemonic, traits # [DeclareOpInterfaceMethods<Ingot_ElementwiseOpInterface>]>;

/// One operand; the result has its type.
class Ingot_Unary<string mnemonic, string text> : Ingot_Elementwise<mnemonic> {
  let summary = text;
  let arguments = (ins Ingot_Tensor:$input);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
/// Two operands of one element type, broadcast.
class Ingot_Binary<string mnemonic, string text, list<Trait> traits = []> : Ingot_Elementwise<mnemonic, traits> {
  let summary = text;
  let arguments = (ins Ingot_Tensor:$lhs, Ingot_Tensor:$rhs);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
}

def Ingot_AbsOp : Ingot_Unary<"abs", "|x|"> { let hasFolder = 0; }
def Ingot_NegOp : Ingot_Unary<"neg", "-x">;
def Ingot_SignOp : Ingot_Unary<"sign", "-1, 0 or 1; NaN stays NaN">;
def Ingot_CeilOp : Ingot_Unary<"ceil", "least integer not below x">;
def Ingot_FloorOp : Ingot_Unary<"floor", "greatest integer not above x">;
def Ingot_RoundOp : Ingot_Unary<"round", "nearest integer, ties to even">;
def Ingot_TruncOp : Ingot_Unary<"trunc", "x without its fraction">;
def Ingot_SqrtOp : Ingot_Unary<"sqrt", "square root">;
def Ingot_RsqrtOp : Ingot_Unary<"rsqrt", "1 / sqrt(x)">;
def Ingot_ReciprocalOp : Ingot_Unary<"reciprocal", "1 / x">;
def Ingot_ExpOp : Ingot_Unary<"exp", "e to the x">;
def Ingot_Exp2Op : Ingot_Unary<"exp2", "2 to the x">;
def Ingot_Expm1Op : Ingot_Unary<"expm1", "exp(x) - 1, accurate near 0">;
def Ingot_LogOp : Ingot_Unary<"log", "natural logarithm">;
def Ingot_Log2Op : Ingot_Unary<"log2", "logarithm to base 2">;
def Ingot_Log10Op : Ingot_Unary<"log10", "logarithm to base 10">;
def Ingot_Log1pOp : Ingot_Unary<"log1p", "log(1 + x), accurate near 0">;
def Ingot_SinOp : Ingot_Unary<"sin", "sine">;
def Ingot_CosOp : Ingot_Unary<"cos", "cosine">;
def Ingot_TanOp : Ingot_Unary<"tan", "tangent">;
def Ingot_AsinOp : Ingot_Unary<"asin", "inverse sine">;
def Ingot_AcosOp : Ingot_Unary<"acos", "inverse cosine">;
def Ingot_AtanOp : Ingot_Unary<"atan", "inverse tangent">;
def Ingot_SinhOp : Ingot_Unary<"sinh", "hyperbolic sine">;
def Ingot_CoshOp : Ingot_Unary<"cosh", "hyperbolic cosine">;
def Ingot_TanhOp : Ingot_Unary<"tanh", "hyperbolic tangent">;
def Ingot_AsinhOp : Ingot_Unary<"asinh", "inverse hyperbolic sine">;
def Ingot_AcoshOp : Ingot_Unary<"acosh", "inverse hyperbolic cosine">;
def Ingot_AtanhOp : Ingot_Unary<"atanh", "inverse hyperbolic tangent">;
def Ingot_ErfOp : Ingot_Unary<"erf", "error function">;
def Ingot_NotOp : Ingot_Unary<"not", "bitwise complement; logical not on i1">;
def Ingot_ReluOp : Ingot_Unary<"relu", "max(x, 0); NaN stays NaN">;
def Ingot_SigmoidOp : Ingot_Unary<"sigmoid", "1 / (1 + exp(-x))">;
def Ingot_SiluOp : Ingot_Unary<"silu", "x * sigmoid(x)">;
def Ingot_SoftplusOp : Ingot_Unary<"softplus", "log(1 + exp(x)), without overflow">;
def Ingot_MishOp : Ingot_Unary<"mish", "x * tanh(softplus(x))">;
def Ingot_HardSwishOp : Ingot_Unary<"hard_swish", "x * clamp(x + 3, 0, 6) / 6">;

def Ingot_GeluOp : Ingot_Unary<"gelu", "Gaussian error linear unit"> {
  let description = "x/2 * (1 + erf(x/sqrt(2))); with `tanh`: the approximation by tanh.";
  let arguments = (ins Ingot_Tensor:$input, UnitAttr:$tanh);
  let assemblyFormat = "$input (`tanh` $tanh^)? attr-dict `:` type($input)";
}
def Ingot_HardSigmoidOp : Ingot_Unary<"hard_sigmoid", "clamp(alpha * x + beta, 0, 1)"> {
  let arguments = (ins Ingot_Tensor:$input, F64Attr:$alpha, F64Attr:$beta);
  let assemblyFormat = "$input `alpha` $alpha `beta` $beta attr-dict `:` type($input)";
}
def Ingot_EluOp : Ingot_Unary<"elu", "x if x > 0, else alpha * (exp(x * input_scale) - 1); times scale"> {
  let description = "scale * (x > 0 ? x : alpha * expm1(x * input_scale)): ELU, SELU and CELU.";
  let arguments = (ins Ingot_Tensor:$input, F64Attr:$alpha, DefaultValuedAttr<F64Attr, "1.0">:$scale,
                       DefaultValuedAttr<F64Attr, "1.0">:$input_scale);
  let assemblyFormat = "$input `alpha` $alpha attr-dict `:` type($input)";
}
def Ingot_LeakyReluOp : Ingot_Unary<"leaky_relu", "x if x >= 0, else slope * x"> {
  let arguments = (ins Ingot_Tensor:$input, F64Attr:$slope);
  let assemblyFormat = "$input `slope` $slope attr-dict `:` type($input)";
}
def Ingot_ClampOp : Ingot_Unary<"clamp", "min(max(x, min), max); NaN stays NaN"> {
  let description = "Bounds may be infinite. On integer tensors they saturate to the element type's range.";
  let arguments = (ins Ingot_Tensor:$input, F64Attr:$min, F64Attr:$max);
  let assemblyFormat = "$input `min` $min `max` $max attr-dict `:` type($input)";
}

def Ingot_AddOp : Ingot_Binary<"add", "x + y; or on i1", [Commutative]>;
def Ingot_SubOp : Ingot_Binary<"sub", "x - y">;
def Ingot_MulOp : Ingot_Binary<"mul", "x * y; and on i1", [Commutative]>;
def Ingot_DivOp : Ingot_Binary<"div", "x / y; on integers truncated, 0 where y = 0">;
def Ingot_FloorDivOp : Ingot_Binary<"floor_div", "floor(x / y); on integers 0 where y = 0">;
def Ingot_RemOp : Ingot_Binary<"rem", "x - y * trunc(x / y): sign of x (C fmod); on integers 0 where y = 0">;
def Ingot_ModOp : Ingot_Binary<"mod", "x - y * floor(x / y): sign of y (Python %); on integers 0 where y = 0">;
def Ingot_PowOp : Ingot_Binary<"pow", "x to the y">;
def Ingot_Atan2Op : Ingot_Binary<"atan2", "angle of the point (y = lhs, x = rhs)">;
def Ingot_MaxOp : Ingot_Binary<"max", "the greater; NaN if either is", [Commutative]>;
def Ingot_MinOp : Ingot_Binary<"min", "the lesser; NaN if either is", [Commutative]>;
def Ingot_AndOp : Ingot_Binary<"and", "bitwise and", [Commutative]>;
def Ingot_OrOp : Ingot_Binary<"or", "bitwise or", [Commutative]>;
def Ingot_XorOp : Ingot_Binary<"xor", "bitwise exclusive or", [Commutative]>;
def Ingot_ShlOp : Ingot_Binary<"shl", "x shifted left by y; 0 when y is the width or more">;
def Ingot_ShrOp : Ingot_Binary<"shr", "x shifted right by y, arithmetic on signed integers">;

def Ingot_CmpOp : Ingot_Elementwise<"cmp"> {
  let summary = "compares; the result is i1";
  let arguments = (ins Ingot_CmpKindAttr:$kind, Ingot_Tensor:$lhs, Ingot_Tensor:$rhs);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
}
def Ingot_SelectOp : Ingot_Elementwise<"select"> {
  let summary = "x where the condition holds, y elsewhere";
  let arguments = (ins Ingot_Tensor:$condition, Ingot_Tensor:$on_true, Ingot_Tensor:$on_false);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $condition `,` $on_true `,` $on_false attr-dict `:` type($condition) `,` type($on_true) `,` type($on_false)
  }];
}
def Ingot_CastOp : Ingot_PureOp<"cast", [DeclareOpInterfaceMethods<Ingot_ElementwiseOpInterface>]> {
  let summary = "converts the element type";
  let description = [{
    Float to integer truncates and saturates (NaN gives 0); to i1 is `x != 0`; float to a narrower float rounds to
    nearest even; integer to a narrower integer keeps the low bits.
  }];
  let arguments = (ins Ingot_Tensor:$input);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Ingot_BitcastOp : Ingot_PureOp<"bitcast", [DeclareOpInterfaceMethods<Ingot_ElementwiseOpInterface>]> {
  let summary = "reads the bits of each element as another type of the same width";
  let description = "Both types have whole bytes; i1 is none of them.";
  let arguments = (ins Ingot_Tensor:$input);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
class Ingot_FloatTest<string mnemonic, string text> : Ingot_Elementwise<mnemonic> {
  let summary = text;
  let arguments = (ins Ingot_Tensor:$input);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
def Ingot_IsNanOp : Ingot_FloatTest<"is_nan", "whether x is NaN; the result is i1">;
def Ingot_IsInfOp : Ingot_FloatTest<"is_inf", "whether x is infinite; the result is i1"> {
  let arguments = (ins Ingot_Tensor:$input, DefaultValuedAttr<BoolAttr, "true">:$positive,
                       DefaultValuedAttr<BoolAttr, "true">:$negative);
}

#endif
