// The quantize and dequantize operators of PT2E (`quantized_decomposed`), the choice of their
// parameters from the data, and what imitates them in floats.
#include "compiler/importers/pt2/Importer.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// Scale and zero point as graph values: scalars given as numbers, or tensors.
struct Parameters {
  Value scale, zeroPoint;
  IntegerAttr axis;
};

std::optional<Parameters> parameters(Node &n, Type storage) {
  bool channels = StringRef(n.op).contains("per_channel");
  Value scale = n.tensor(channels ? "scales" : "scale"),
        zero = n.optional(channels ? "zero_points" : "zero_point");
  if (!scale || n.failed)
    return std::nullopt;
  if (!channels && n.b.type(scale).getNumElements() == 1) {
    scale = n.b.reshape(scale, {});
    zero = zero ? n.b.reshape(zero, {}) : zero;
  }
  Parameters result;
  result.scale = n.b.cast(scale, n.b.ops().getF32Type());
  result.zeroPoint = zero ? n.b.cast(zero, storage) : zero;
  if (channels)
    result.axis = n.b.ops().getI64IntegerAttr(n.integer("axis"));
  return n.failed || !result.scale ? std::nullopt : std::optional(result);
}

void quantize(Node &n) {
  RankedTensorType type = n.type();
  Value input = n.b.cast(n.tensor("input"), n.b.ops().getF32Type());
  auto p = type ? parameters(n, type.getElementType()) : std::nullopt;
  if (!p || !input)
    return n.result({});
  Value result =
      n.b.createAs<QuantizeOp>(type, input, p->scale, p->zeroPoint, p->axis, IntegerAttr());
  // A range narrower than the type's (4 bits in a byte).
  n.result(result ? n.b.clamp(result, n.number("quant_min"), n.number("quant_max")) : result);
}

void dequantize(Node &n) {
  RankedTensorType type = n.type();
  Value input = n.tensor("input");
  auto p = type && input ? parameters(n, n.b.element(input)) : std::nullopt;
  if (!p)
    return n.result({});
  RankedTensorType real = RankedTensorType::get(type.getShape(), n.b.ops().getF32Type());
  n.result(n.b.cast(
      n.b.createAs<DequantizeOp>(real, input, p->scale, p->zeroPoint, p->axis, IntegerAttr()),
      type.getElementType()));
}

//===--- parameters from the data
//-----------------------------------------------------------------------------------------------===//

/// Sets the results, scale and zero point, in the recorded types and shapes.
void setParameters(Node &n, Value scale, Value zero) {
  for (auto [index, value] : llvm::enumerate(ArrayRef<Value>{scale, zero})) {
    RankedTensorType type = value ? n.type(index) : RankedTensorType();
    n.result(type ? n.b.cast(n.b.reshape(value, type.getShape()), type.getElementType()) : Value(),
             index);
  }
}

struct Extremes {
  Value low, high; // of the elements and 0
};
Extremes extremes(Node &n, Value x, ArrayRef<int64_t> dims) {
  Value low = x ? n.b.reduce(ReduceKind::Min, x, dims, true) : x,
        high = x ? n.b.reduce(ReduceKind::Max, x, dims, true) : x;
  return {n.b.binary<MinOp>(low, n.b.scalarLike(low, 0)),
          n.b.binary<MaxOp>(high, n.b.scalarLike(high, 0))};
}

/// One scale for all elements: the range onto that of the integers, or symmetric around 0.
void chooseForTensor(Node &n, bool symmetric) {
  Value x = n.b.cast(n.tensor("input"), n.b.ops().getF32Type());
  double low = n.number("quant_min"), high = n.number("quant_max"), epsilon = n.number("eps");
  Type storage = n.dtype("dtype");
  if (!x || !storage || n.failed)
    return n.result({});
  Ints dims;
  for (int64_t i = 0; i < n.b.rank(x); ++i)
    dims.push_back(i);
  auto [least, most] = extremes(n, x, dims);
  auto number = [&](double value) { return n.b.scalarLike(x, value); };
  if (symmetric)
    least = n.b.create<NegOp>(most = n.b.binary<MaxOp>(n.b.create<NegOp>(least), most));
  Value scale = symmetric ? n.b.div(most, number((high - low) / 2))
                          : n.b.div(n.b.sub(most, least), number(high - low));
  scale = n.b.binary<MaxOp>(scale, number(epsilon));
  Value zero;
  if (symmetric)
    zero = scale
               ? n.b.splat(n.b.shape(scale), n.b.element(x), storage.isUnsignedInteger(8) ? 128 : 0)
               : scale;
  else
    zero = n.b.clamp(n.b.sub(number(low), n.b.create<RoundOp>(n.b.div(least, scale))), low, high);
  setParameters(n, scale, zero);
}

/// A scale for each row of the last dim.
void chooseForRows(Node &n, bool symmetric) {
  Value x = n.tensor("input");
  if (!x || n.b.rank(x) == 0)
    return n.result({});
  int64_t last = n.b.rank(x) - 1;
  x = n.b.element(x).isF16() || symmetric ? n.b.cast(x, n.b.ops().getF32Type()) : x;
  auto number = [&](double value) { return n.b.scalarLike(x, value); };
  if (symmetric) {
    Value most = n.b.reduce(ReduceKind::Max, n.b.create<AbsOp>(x), {last}, true);
    Value scale = n.b.div(n.b.clamp(most, 1e-5, INFINITY), number(127));
    return setParameters(n, scale, scale ? n.b.splat(n.b.shape(scale), n.b.element(x), 0) : scale);
  }
  constexpr double kLow = -128, kHigh = 127;
  auto [least, most] = extremes(n, x, {last});
  Value scale = n.b.div(n.b.sub(most, least), number(kHigh - kLow));
  scale = n.b.clamp(scale, std::numeric_limits<float>::epsilon(), INFINITY);
  // The zero point comes from the end whose rounding costs less.
  Value fromLow = n.b.div(least, scale), fromHigh = n.b.div(most, scale);
  Value errors = n.b.add(n.b.add(number(kLow), fromLow), n.b.add(number(kHigh), fromHigh));
  Value zero = n.b.select(n.b.cmp(CmpKind::Gt, errors, number(0)), n.b.sub(number(kLow), fromLow),
                          n.b.sub(number(kHigh), fromHigh));
  setParameters(n, scale, n.b.create<RoundOp>(n.b.clamp(zero, kLow, kHigh)));
}

//===--- groups of elements, and floats
//-----------------------------------------------------------------------------------------===//

/// Rows of elements with one parameter each: the last dim, or groups of it.
struct Rows {
  Value input, scale, zeroPoint;
};
std::optional<Rows> rows(Node &n) {
  Value input = n.tensor("input"), scale = n.tensor("scales"), zero = n.optional("zero_points");
  if (!input || !scale || n.failed || n.b.rank(input) == 0)
    return std::nullopt;
  int64_t size = n.integer("group_size", n.b.shape(input).back()),
          count = n.b.type(input).getNumElements();
  if (size <= 0 || count % size || n.b.type(scale).getNumElements() != count / size) {
    n.b.fail("the scales do not fit the operand's groups");
    return std::nullopt;
  }
  auto column = [&](Value value) {
    value = value ? n.b.reshape(value, {count / size, 1}) : value;
    return value ? n.b.cast(value, n.b.ops().getF32Type()) : value;
  };
  return Rows{n.b.cast(n.b.reshape(input, {count / size, size}), n.b.ops().getF32Type()),
              column(scale), column(zero)};
}

void quantizeRows(Node &n) {
  RankedTensorType type = n.type();
  auto r = type ? rows(n) : std::nullopt;
  if (!r || !r->zeroPoint)
    return n.result({});
  // Rounded after the zero point is added.
  Value x = n.b.mul(r->input, n.b.create<ReciprocalOp>(r->scale));
  x = n.b.create<RoundOp>(n.b.add(x, r->zeroPoint));
  x = n.b.clamp(x, n.number("quant_min"), n.number("quant_max"));
  n.result(x ? n.b.cast(n.b.reshape(x, type.getShape()), type.getElementType()) : x);
}

void dequantizeRows(Node &n) {
  RankedTensorType type = n.type();
  auto r = type ? rows(n) : std::nullopt;
  if (!r)
    return n.result({});
  Value x = r->zeroPoint ? n.b.sub(r->input, r->zeroPoint) : r->input;
  x = n.b.mul(x, r->scale);
  n.result(x ? n.b.cast(n.b.reshape(x, type.getShape()), type.getElementType()) : x);
}

/// Quantized and dequantized at once; the second result says which elements were in range.
void imitate(Node &n) {
  Value x = n.operand("self"), scale = n.operand("scale"), zero = n.operand("zero_point");
  if (!x || !scale || !zero)
    return n.result({});
  double low = n.number("quant_min"), high = n.number("quant_max");
  if (n.has("axis")) {
    auto axis = n.b.axis(n.integer("axis"), n.b.rank(x));
    if (!axis)
      return n.result({});
    Ints shape(n.b.rank(x), 1);
    shape[*axis] = n.b.type(scale).getNumElements();
    scale = n.b.reshape(scale, shape), zero = n.b.reshape(zero, shape);
  } else {
    scale = n.b.reshape(scale, {}), zero = n.b.reshape(zero, {});
  }
  Value whole = n.b.add(n.b.create<RoundOp>(n.b.mul(x, n.b.create<ReciprocalOp>(scale))), zero);
  n.result(n.b.mul(n.b.sub(n.b.clamp(whole, low, high), zero), scale), 0);
  if (n.numResults() > 1)
    n.result(n.b.binary<AndOp>(n.b.cmp(CmpKind::Ge, whole, n.b.scalarLike(whole, low)),
                               n.b.cmp(CmpKind::Le, whole, n.b.scalarLike(whole, high))),
             1);
}

} // namespace

void addQuantizationOps(OpTable &table) {
  table.add({"quantized_decomposed.quantize_per_tensor.default",
             "quantized_decomposed.quantize_per_tensor.tensor",
             "quantized_decomposed.quantize_per_tensor.tensor2",
             "quantized_decomposed.quantize_per_channel.default"},
            quantize);
  table.add({"quantized_decomposed.dequantize_per_tensor.default",
             "quantized_decomposed.dequantize_per_tensor.tensor",
             "quantized_decomposed.dequantize_per_tensor.tensor2",
             "quantized_decomposed.dequantize_per_channel.default"},
            dequantize);
  table.add({"quantized_decomposed.choose_qparams.tensor"},
            [](Node &n) { chooseForTensor(n, false); });
  table.add({"quantized_decomposed.choose_qparams_symmetric.tensor"},
            [](Node &n) { chooseForTensor(n, true); });
  table.add({"quantized_decomposed.choose_qparams_per_token.default"},
            [](Node &n) { chooseForRows(n, true); });
  table.add({"quantized_decomposed.choose_qparams_per_token_asymmetric.default",
             "quantized_decomposed._choose_qparams_per_token_asymmetric_impl.default"},
            [](Node &n) { chooseForRows(n, false); });
  table.add({"quantized_decomposed.quantize_per_token.default",
             "quantized_decomposed.quantize_per_channel_group.default"},
            quantizeRows);
  table.add({"quantized_decomposed.dequantize_per_token.default",
             "quantized_decomposed.dequantize_per_channel_group.default"},
            dequantizeRows);
  table.add({"fake_quantize_per_tensor_affine.default",
             "fake_quantize_per_tensor_affine.tensor_qparams",
             "fake_quantize_per_tensor_affine_cachemask.default",
             "fake_quantize_per_channel_affine.default",
             "fake_quantize_per_channel_affine_cachemask.default"},
            imitate);
  table.add({"_weight_int8pack_mm.default"}, [](Node &n) {
    // Rows of integers, a scale for each: input · weightᵀ · scales.
    Value x = n.tensor("self"), weight = n.operand("mat2"), scales = n.operand("scales");
    Value product = x && weight ? n.b.matmul(x, weight, {}, /*transposeB=*/true) : Value();
    n.result(n.b.mul(product, scales));
  });
}

} // namespace ingot::pt2
