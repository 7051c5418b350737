// ONNX quantisation: QDQ as it is, QLinear* operators as float operators between dequantize and
// quantize.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Window.h"
#include "compiler/importers/onnx/onnx.pb.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

namespace {
/// How a scale spreads over a tensor.
struct Spread {
  Value scale, zeroPoint;
  IntegerAttr axis, block;
};
} // namespace

/// A scale and zero point (or null) by `axis`: scalars become rank 0, vectors go along the axis.
static std::optional<Spread> spread(OnnxNode &n, Value tensor, Value scale, Value zeroPoint,
                                    int64_t axis, int64_t block) {
  GraphBuilder &b = n.b;
  if (!tensor || !scale)
    return std::nullopt;
  Spread result{scale, zeroPoint, {}, {}};
  bool perTensor = B::type(scale).getNumElements() == 1 && block == 0;
  if (perTensor) {
    result.scale = b.reshape(scale, {});
    result.zeroPoint = zeroPoint ? b.reshape(zeroPoint, {}) : zeroPoint;
    return result.scale && (!zeroPoint || result.zeroPoint) ? std::optional<Spread>(result)
                                                            : std::nullopt;
  }
  std::optional<int64_t> dim = b.axis(axis, B::rank(tensor));
  if (!dim)
    return std::nullopt;
  result.axis = b.ops().getI64IntegerAttr(*dim);
  if (block)
    result.block = b.ops().getI64IntegerAttr(block);
  return result;
}

static bool isSmallFloat(Type type) {
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 8;
}

/// A scale of rank 0, or of rank 1 with its dim at `axis` of `rank`.
static Value alongAxis(OnnxNode &n, Value scale, IntegerAttr axis, int64_t rank) {
  if (!axis || !scale || B::rank(scale) != 1)
    return scale;
  Ints shape(rank, 1);
  shape[axis.getInt()] = B::shape(scale)[0];
  return n.b.reshape(scale, shape);
}

Value onnximport::quantize(OnnxNode &n, Value input, Value scale, Value zeroPoint, Type to,
                           int64_t axis, int64_t block) {
  std::optional<Spread> by = spread(n, input, scale, zeroPoint, axis, block);
  if (!by)
    return {};
  if (isSmallFloat(to)) {
    // No zero point but 0, and no rounding but the cast's; what is too large is the largest number.
    if (by->block) {
      (void)n.unsupported("to blocks of " + elementName(to), "expected an integer type");
      return {};
    }
    GraphBuilder &b = n.b;
    double largest = APFloat::getLargest(cast<FloatType>(to).getFloatSemantics()).convertToDouble();
    Value factor = alongAxis(n, by->scale, by->axis, B::rank(input));
    Value scaled = b.div(b.cast(input, B::element(scale)), factor);
    return b.cast(b.clamp(scaled, -largest, largest), to);
  }
  if (!isa<IntegerType>(to)) {
    (void)n.unsupported("to " + elementName(to), "expected an integer type");
    return {};
  }
  Value real = n.b.cast(input, B::element(by->scale));
  return n.b.createAs<QuantizeOp>(withElementType(B::type(input), to), real, by->scale,
                                  by->zeroPoint, by->axis, by->block);
}

Value onnximport::dequantize(OnnxNode &n, Value input, Value scale, Value zeroPoint, int64_t axis,
                             int64_t block) {
  std::optional<Spread> by = spread(n, input, scale, zeroPoint, axis, block);
  if (!by)
    return {};
  if (isSmallFloat(B::element(input)) && !by->block) {
    Value factor = alongAxis(n, by->scale, by->axis, B::rank(input));
    return n.b.mul(n.b.cast(input, B::element(scale)), factor);
  }
  if (!isa<IntegerType>(B::element(input))) {
    (void)n.unsupported("from " + elementName(B::element(input)), "expected an integer type");
    return {};
  }
  RankedTensorType type = withElementType(B::type(input), B::element(by->scale));
  return n.b.createAs<DequantizeOp>(type, input, by->scale, by->zeroPoint, by->axis, by->block);
}

static LogicalResult quantizeLinear(OnnxNode &n) {
  GraphBuilder &b = n.b;
  int64_t axis = n.intAttr("axis", 1), block = n.intAttr("block_size", 0),
          dtype = n.intAttr("output_dtype", 0);
  int64_t precision = n.intAttr("precision", 0);
  if (!n.intAttr("saturate", 1))
    return n.unsupported("saturate = 0", "expected 1");
  Value zeroPoint = n.opt(2);
  Type type = zeroPoint ? B::element(zeroPoint)
              : dtype   ? elementType(b.context(), static_cast<int32_t>(dtype))
                        : b.ops().getIntegerType(8, false);
  if (!type)
    return n.unsupported("output_dtype " + dataTypeName(static_cast<int32_t>(dtype)),
                         "expected an integer type");
  if (precision != 0 && precision != onnx::TensorProto::FLOAT)
    return n.unsupported("precision = " + Twine(precision), "expected float");
  return n.set(quantize(n, n.in(0), n.in(1), zeroPoint, type, axis, block));
}

static LogicalResult dequantizeLinear(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", 1), block = n.intAttr("block_size", 0),
          dtype = n.intAttr("output_dtype", 0);
  Value result = dequantize(n, n.in(0), n.in(1), n.opt(2), axis, block);
  if (!result || !dtype)
    return n.set(result);
  Type type = elementType(n.b.context(), static_cast<int32_t>(dtype));
  if (!type || !isa<FloatType>(type))
    return n.unsupported("output_dtype " + dataTypeName(static_cast<int32_t>(dtype)),
                         "expected a float type");
  return n.set(n.b.cast(result, type));
}

static LogicalResult dynamicQuantize(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  if (!input)
    return failure();
  Ints dims;
  for (int64_t dim = 0; dim < B::rank(input); ++dim)
    dims.push_back(dim);
  // The range always holds 0.
  Value zero = b.scalarLike(input, 0.0);
  Value low = b.binary<MinOp>(b.reduce(ReduceKind::Min, input, dims, false), zero);
  Value high = b.binary<MaxOp>(b.reduce(ReduceKind::Max, input, dims, false), zero);
  Value scale = b.div(b.sub(high, low), b.scalarLike(input, 255.0));
  Type u8 = b.ops().getIntegerType(8, false);
  Value offset = b.clamp(b.create<RoundOp>(b.div(b.sub(zero, low), scale)), 0.0, 255.0);
  Value zeroPoint = b.cast(offset, u8);
  Value result = quantize(n, input, scale, zeroPoint, u8, 0, 0);
  return result ? n.set({result, scale, zeroPoint}) : failure();
}

static LogicalResult qlinearMatmul(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value lhs = n.in(0), rhs = n.in(3), zeroPoint = n.in(7);
  if (!lhs || !rhs || !zeroPoint)
    return failure();
  // Scales per row of the left and per column of the right operand.
  Value left = dequantize(n, lhs, n.in(1), n.in(2), B::rank(lhs) - 2, 0);
  Value right = dequantize(n, rhs, n.in(4), n.in(5), B::rank(rhs) - 1, 0);
  Value product = matmulAnyRank(b, left, right);
  if (!product)
    return failure();
  return n.set(
      quantize(n, product, n.in(6), zeroPoint, B::element(zeroPoint), B::rank(product) - 2, 0));
}

static LogicalResult qlinearConv(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value zeroPoint = n.in(7), inputScale = n.in(1), filterScale = n.in(4);
  if (!zeroPoint || !inputScale || !filterScale)
    return failure();
  Value input = dequantize(n, n.in(0), inputScale, n.in(2), 1, 0);
  Value filter = dequantize(n, n.in(3), filterScale, n.in(5), 0, 0);
  Value bias;
  if (Value quantized = n.opt(8)) {
    Value scale = b.mul(b.reshape(inputScale, {}), filterScale);
    if (!(bias = dequantize(n, quantized, scale, {}, 0, 0)))
      return failure();
  }
  Value result = buildConv(n, input, filter, bias);
  return n.set(quantize(n, result, n.in(6), zeroPoint, B::element(zeroPoint), 1, 0));
}

void onnximport::addQuantizationOps(OpTable &table) {
  table.add("QuantizeLinear", quantizeLinear);
  table.add("DequantizeLinear", dequantizeLinear);
  table.add("DynamicQuantizeLinear", dynamicQuantize);
  table.add("QLinearMatMul", qlinearMatmul);
  table.add("QLinearConv", qlinearConv);
}
