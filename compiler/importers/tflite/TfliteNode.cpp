// What a row of the operator table sees of an operator.
#include "compiler/importers/tflite/TfliteNode.h"
#include "compiler/importers/common/GivenValues.h"
#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using Code = tflite::TensorType;

Type tfliteimport::elementType(MLIRContext *context, Code type) {
  Builder b(context);
  auto unsignedInteger = [&](unsigned width) -> Type {
    return b.getIntegerType(width, /*isSigned=*/false);
  };
  switch (type) {
  case Code::FLOAT32:
    return b.getF32Type();
  case Code::FLOAT64:
    return b.getF64Type();
  case Code::FLOAT16:
    return b.getF16Type();
  case Code::BFLOAT16:
    return b.getBF16Type();
  case Code::BOOL:
    return b.getI1Type();
  case Code::INT2:
    return b.getIntegerType(2);
  case Code::INT4:
    return b.getIntegerType(4);
  case Code::UINT4:
    return unsignedInteger(4);
  case Code::INT8:
    return b.getIntegerType(8);
  case Code::UINT8:
    return unsignedInteger(8);
  case Code::INT16:
    return b.getIntegerType(16);
  case Code::UINT16:
    return unsignedInteger(16);
  case Code::INT32:
    return b.getIntegerType(32);
  case Code::UINT32:
    return unsignedInteger(32);
  case Code::INT64:
    return b.getIntegerType(64);
  case Code::UINT64:
    return unsignedInteger(64);
  default:
    return {};
  }
}

//===----------------------------------------------------------------------===//
// inputs
//===----------------------------------------------------------------------===//

Value TfliteNode::stored(size_t i) {
  if (has(i))
    return inputs[i]->stored;
  (void)error("has no input " + Twine(i));
  return {};
}

/// Scale and zero point of rank 0, or of rank 1 for several; a zero point of zeros is absent.
static std::pair<Value, Value> constantsOf(GraphBuilder &b, const Quantization &by, Type element) {
  SmallVector<int64_t, 1> shape;
  if (by.scale.size() > 1)
    shape.push_back(static_cast<int64_t>(by.scale.size()));
  auto bytes = reinterpret_cast<const char *>(by.scale.data());
  Value scale = b.constant(b.tensorType(shape, b.ops().getF32Type()),
                           std::vector<char>(bytes, bytes + by.scale.size() * sizeof(float)));
  if (llvm::all_of(by.zeroPoint, [](int64_t zero) { return zero == 0; }))
    return {scale, {}};
  return {scale, b.cast(b.reshape(b.ints(by.zeroPoint), shape), element)};
}

Quantization Quantization::withoutScale() const {
  Quantization result;
  result.axis = axis;
  result.zeroPoint = zeroPoint;
  if (llvm::all_equal(zeroPoint))
    result.zeroPoint.truncate(1);
  result.scale.assign(result.zeroPoint.size(), 1.0f);
  return result;
}

Value TfliteNode::dequantizedBy(Value value, const Quantization &by, ArrayRef<int64_t> perm) {
  if (!value)
    return {};
  int64_t axis = perm.empty() ? by.axis : llvm::find(perm, by.axis) - perm.begin();
  auto [scale, zeroPoint] = constantsOf(b, by, GraphBuilder::element(value));
  IntegerAttr dim = by.scale.size() > 1 ? b.ops().getI64IntegerAttr(axis) : IntegerAttr();
  RankedTensorType type = withElementType(GraphBuilder::type(value), b.ops().getF32Type());
  return b.createAs<DequantizeOp>(type, value, scale, zeroPoint, dim, IntegerAttr());
}

Value TfliteNode::in(size_t i) {
  Value value = stored(i);
  if (!value || !quantization(i))
    return value;
  return dequantizedBy(value, quantization(i), {});
}

Value TfliteNode::moved(size_t i, size_t output) {
  return has(i) && output < outputs.size() && outputs[output]->element == inputs[i]->element &&
                 outputQuantization(output) == quantization(i)
             ? stored(i)
             : in(i);
}

Value TfliteNode::transposed(size_t i, ArrayRef<int64_t> perm) {
  Value value = b.transpose(stored(i), perm);
  if (!value || !quantization(i))
    return value;
  return dequantizedBy(value, quantization(i), perm);
}

FailureOr<Value> TfliteNode::bias(size_t i, size_t lhs, size_t rhs) {
  if (!has(i))
    return Value();
  Value value = stored(i);
  if (!isa<IntegerType>(inputs[i]->element) || !quantization(lhs) || !quantization(rhs)) {
    value = in(i);
  } else {
    Quantization product;
    for (float scale : quantization(rhs).scale)
      product.scale.push_back(quantization(lhs).scale.front() * scale);
    product.zeroPoint.assign(product.scale.size(), 0);
    if (product.scale.size() > 1 &&
        GraphBuilder::shape(value) != ArrayRef(static_cast<int64_t>(product.scale.size())))
      return error("has a bias of shape " + shapeName(GraphBuilder::shape(value)) + " for " +
                   Twine(product.scale.size()) + " channels");
    value = dequantizedBy(value, product, {});
  }
  if (!value)
    return failure();
  return value;
}

std::optional<Ints> TfliteNode::constantInts(size_t i, StringRef what) {
  Value value = stored(i);
  if (!value)
    return std::nullopt;
  if (std::optional<Ints> ints = GraphBuilder::getConstantInts(value))
    return ints;
  std::string hint = valueHint(value);
  (void)unsupported(what + " computed at run time",
                    hint.empty() ? "expected a constant" : "expected a constant; " + hint);
  return std::nullopt;
}

std::optional<int64_t> TfliteNode::constantInt(size_t i, StringRef what) {
  std::optional<Ints> values = constantInts(i, what);
  if (!values)
    return std::nullopt;
  if (values->size() == 1)
    return values->front();
  (void)error("has " + what + " of " + Twine(values->size()) + " elements");
  return std::nullopt;
}

Value TfliteNode::activate(Value value, tflite::ActivationFunctionType activation) {
  using Kind = tflite::ActivationFunctionType;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (value ? activation : Kind::NONE) {
  case Kind::NONE:
    return value;
  case Kind::RELU:
    return GraphBuilder::isFloat(value) ? b.create<ReluOp>(value) : b.clamp(value, 0.0, kInfinity);
  case Kind::RELU_N1_TO_1:
    return b.clamp(value, -1.0, 1.0);
  case Kind::RELU6:
    return b.clamp(value, 0.0, 6.0);
  case Kind::TANH:
    return b.create<TanhOp>(value);
  default:
    (void)unsupported("fused activation " + Twine(static_cast<int>(activation)),
                      "expected NONE, RELU, RELU_N1_TO_1, RELU6 or TANH");
    return {};
  }
}

//===----------------------------------------------------------------------===//
// results
//===----------------------------------------------------------------------===//

LogicalResult TfliteNode::set(size_t i, Value value) {
  if (!value)
    return failure();
  if (i >= outputs.size())
    return error("has no output " + Twine(i));
  const Tensor &output = *outputs[i];
  Type element = GraphBuilder::element(value);
  if (element != output.element && output.quantization && element.isF32()) {
    auto [scale, zeroPoint] = constantsOf(b, output.quantization, output.element);
    IntegerAttr dim = output.quantization.scale.size() > 1
                          ? b.ops().getI64IntegerAttr(output.quantization.axis)
                          : IntegerAttr();
    RankedTensorType type = withElementType(GraphBuilder::type(value), output.element);
    value = b.createAs<QuantizeOp>(type, value, scale, zeroPoint, dim, IntegerAttr());
  } else if (element != output.element) {
    return error("gives " + elementName(element) + ", but its output '" + output.name +
                 "' is declared as " + elementName(output.element));
  }
  values[i] = value;
  return success(value != nullptr);
}

LogicalResult TfliteNode::setState(size_t i, Value value) {
  Value before = stored(i);
  if (!before || !value)
    return failure();
  if (before.getType() != value.getType())
    return error("gives a state of shape " + shapeName(GraphBuilder::shape(value)) + " for input " +
                 Twine(i));
  changed.push_back({i, value});
  return success();
}

LogicalResult TfliteNode::unsupported(const Twine &what, const Twine &reason) {
  if (!reported)
    collector.add((opName + " (" + what + ")").str(), nodeName, reason.str());
  reported = true;
  return failure();
}

void TfliteNode::forget() {
  changed.clear();
  values.assign(values.size(), {});
  reported = false;
}

LogicalResult TfliteNode::error(const Twine &message) {
  b.error() << opName << " " << message.str();
  return failure();
}
