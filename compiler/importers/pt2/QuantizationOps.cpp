// The quantize and dequantize operators of PT2E (`quantized_decomposed`).
#include "compiler/importers/pt2/Importer.h"

#include <cmath>

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
}

} // namespace ingot::pt2
