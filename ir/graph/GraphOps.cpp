// Verifiers, folders and custom syntax of graph ops.
#include "ir/graph/Graph.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

#define GET_OP_CLASSES
#include "ir/graph/GraphOps.cpp.inc"

//===----------------------------------------------------------------------===//
// constant
//===----------------------------------------------------------------------===//

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

/// The type that a weight has after its recipe; failure names the step that does not fit.
static FailureOr<RankedTensorType> recipeType(WeightAttr weight,
                                              function_ref<InFlightDiagnostic()> emit) {
  SmallVector<int64_t> shape(weight.getStored().getShape());
  Type element = weight.getStored().getElementType();
  for (auto [index, step] : llvm::enumerate(weight.getRecipe())) {
    ArrayRef<int64_t> values = step.getValues();
    auto wrong = [&]() -> FailureOr<RankedTensorType> {
      return emit() << "recipe step " << index << " (" << stringifyStepKind(step.getKind())
                    << ") does not fit shape ["
                    << llvm::join(
                           llvm::map_range(shape, [](int64_t d) { return std::to_string(d); }),
                           ", ")
                    << "]";
    };
    switch (step.getKind()) {
    case StepKind::Transpose: {
      if (values.size() != shape.size())
        return wrong();
      SmallVector<bool> seen(shape.size());
      SmallVector<int64_t> next;
      for (int64_t dim : values) {
        if (dim < 0 || dim >= static_cast<int64_t>(shape.size()) || seen[dim])
          return wrong();
        seen[dim] = true;
        next.push_back(shape[dim]);
      }
      shape = next;
      break;
    }
    case StepKind::Reshape:
      if (llvm::any_of(values, [](int64_t d) { return d < 0; }) ||
          ShapedType::getNumElements(values) != ShapedType::getNumElements(shape))
        return wrong();
      shape.assign(values.begin(), values.end());
      break;
    case StepKind::Pad:
      if (values.size() != shape.size() || llvm::any_of(values, [](int64_t d) { return d < 0; }))
        return wrong();
      for (auto [dim, extra] : llvm::zip(shape, values))
        dim += extra;
      break;
    case StepKind::Slice:
      if (values.size() != 2 * shape.size())
        return wrong();
      for (size_t i = 0; i < shape.size(); ++i) {
        int64_t start = values[i], extent = values[shape.size() + i];
        if (start < 0 || extent < 0 || start > shape[i] || extent > shape[i] - start)
          return wrong();
        shape[i] = extent;
      }
      break;
    case StepKind::Cast: {
      auto target = dyn_cast_or_null<TypeAttr>(step.getOperand());
      if (!target || !target.getValue().isIntOrFloat())
        return wrong();
      element = target.getValue();
      break;
    }
    case StepKind::Scale:
      if (values.size() != 1 || values[0] < 0 || values[0] >= static_cast<int64_t>(shape.size()) ||
          !isa_and_nonnull<DenseElementsAttr, WeightAttr>(step.getOperand()))
        return wrong();
      break;
    }
  }
  return RankedTensorType::get(shape, element);
}

ParseResult ConstantOp::parse(OpAsmParser &parser, OperationState &state) {
  Attribute value;
  if (parser.parseOptionalAttrDict(state.attributes))
    return failure();
  SMLoc at = parser.getCurrentLocation();
  if (parser.parseAttribute(value))
    return failure();
  state.addAttribute("value", value);
  if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
    auto tensor = dyn_cast<RankedTensorType>(dense.getType());
    if (!tensor)
      return parser.emitError(at, "expected a ranked tensor type, but got ") << dense.getType();
    state.addTypes(tensor);
    return success();
  }
  auto weight = dyn_cast<WeightAttr>(value);
  if (!weight)
    return parser.emitError(at, "expected a dense attribute or a #ingot.weight");
  // MLIR's parser took `: type` for a part of the attribute; the recipe says the same.
  FailureOr<RankedTensorType> type = recipeType(weight, [&] { return parser.emitError(at); });
  if (failed(type))
    return failure();
  state.addTypes(*type);
  return success();
}

void ConstantOp::print(OpAsmPrinter &printer) {
  printer.printOptionalAttrDict((*this)->getAttrs(), {"value"});
  printer << ' ' << getValue();
  if (!isa<DenseElementsAttr>(getValue()))
    printer << " : " << getType();
}

LogicalResult ConstantOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return emitOpError("must have a static shape, but got ") << type;
  if (auto dense = dyn_cast<DenseElementsAttr>(getValue())) {
    if (dense.getType() != type)
      return emitOpError("value has type ") << dense.getType() << ", but the result is " << type;
    return success();
  }
  auto weight = dyn_cast<WeightAttr>(getValue());
  if (!weight)
    return emitOpError("value must be a dense attribute or a #ingot.weight, but got ")
           << getValue();
  FailureOr<RankedTensorType> result = recipeType(weight, [&] { return emitOpError(); });
  if (failed(result))
    return failure();
  if (*result != type)
    return emitOpError("weight '") << weight.getName() << "' has type " << *result
                                   << " after its recipe, but the result is " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// shape ops
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<ReshapeOp>()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = getInput().getType(), to = getType();
  if (from.getElementType() != to.getElementType())
    return emitOpError("must keep the element type ")
           << from.getElementType() << ", but gives " << to.getElementType();
  DimExpr before = 1, after = 1;
  for (const DimExpr &extent : extentsOf(from))
    before *= extent;
  for (const DimExpr &extent : extentsOf(to))
    after *= extent;
  if (before != after)
    return emitOpError("has ") << before.str() << " elements, but its result " << after.str();
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult BroadcastOp::verify() {
  RankedTensorType from = getInput().getType(), to = getType();
  SmallVector<DimExpr> wanted = extentsOf(to);
  FailureOr<SmallVector<DimExpr>> shape = broadcastExtents(extentsOf(from), wanted);
  if (from.getElementType() != to.getElementType() || failed(shape) || *shape != wanted)
    return emitOpError("cannot broadcast ") << from << " to " << to;
  return success();
}

/// The expression of `ingot.dim`; invalid when it is none.
static DimExpr expressionOf(StringRef text) {
  llvm::Expected<DimExpr> parsed = DimExpr::parse(text);
  if (parsed)
    return *parsed;
  llvm::consumeError(parsed.takeError());
  return DimExpr::floorDiv(1, 0);
}

OpFoldResult DimOp::fold(FoldAdaptor) {
  std::optional<int64_t> number = expressionOf(getExpression()).constant();
  return number ? DenseElementsAttr::get(getType(), *number) : OpFoldResult();
}

LogicalResult DimOp::verify() {
  RankedTensorType type = getType();
  if (type.getRank() != 0 || !type.getElementType().isInteger(64))
    return emitOpError("must give a rank-0 i64, but gives ") << type;
  DimExpr expression = expressionOf(getExpression());
  if (!expression.valid() || expression.str() != getExpression())
    return emitOpError("expected a canonical expression of dims, but got \"")
           << getExpression() << "\"";
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  bool identity = true;
  for (auto [index, dim] : llvm::enumerate(getPerm()))
    identity &= static_cast<int64_t>(index) == dim;
  return identity ? OpFoldResult(getInput()) : OpFoldResult();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool whole = getInput().getType() == getType();
  for (auto [start, step, size] : llvm::zip(getStarts(), getSteps(), getSizes()))
    whole &= start == 0 && (step == 1 || size <= 1);
  return whole ? OpFoldResult(getInput()) : OpFoldResult();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs().front()) : OpFoldResult();
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult CastOp::verify() {
  if (withElementType(cast<RankedTensorType>(getInput().getType()), getType().getElementType()) !=
      getType())
    return emitOpError("must keep the shape, but turns ")
           << getInput().getType() << " into " << getType();
  return success();
}

OpFoldResult BitcastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult BitcastOp::verify() {
  Type from = getInput().getType().getElementType(), to = getType().getElementType();
  if (withElementType(getInput().getType(), to) != getType())
    return emitOpError("must keep the shape, but turns ")
           << getInput().getType() << " into " << getType();
  if (from.getIntOrFloatBitWidth() != to.getIntOrFloatBitWidth() ||
      from.getIntOrFloatBitWidth() % 8 != 0)
    return emitOpError("needs types of the same width, in whole bytes, but got ")
           << from << " and " << to;
  return success();
}

//===----------------------------------------------------------------------===//
// composites
//===----------------------------------------------------------------------===//

LogicalResult ArgReduceOp::verify() {
  if (getKind() != ReduceKind::Max && getKind() != ReduceKind::Min)
    return emitOpError("kind must be max or min, but got ") << stringifyReduceKind(getKind());
  return success();
}

LogicalResult ResizeOp::verify() {
  RankedTensorType from = getInput().getType(), to = getType();
  if (from.getRank() != to.getRank() || from.getElementType() != to.getElementType())
    return emitOpError("must keep rank and element type, but turns ") << from << " into " << to;
  if (static_cast<int64_t>(getScales().size()) != from.getRank())
    return emitOpError("needs ") << from.getRank() << " scales, but got " << getScales().size();
  if (llvm::any_of(getScales(), [](double s) { return !(s > 0); }))
    return emitOpError("scales must be positive");
  return success();
}

/// Shared by quantize and dequantize: `real` is the float tensor's type, `quantized` the integer
/// one.
template <typename OpT>
static LogicalResult verifyQuantization(OpT op, RankedTensorType real, RankedTensorType quantized) {
  if (!isa<FloatType>(real.getElementType()))
    return op.emitOpError("needs a float tensor on its real side, but got ") << real;
  if (real.getShape() != quantized.getShape())
    return op.emitOpError("must keep the shape, but pairs ") << real << " with " << quantized;
  auto scale = cast<RankedTensorType>(op.getScale().getType());
  if (op.getZeroPoint() &&
      cast<RankedTensorType>(op.getZeroPoint().getType()).getShape() != scale.getShape())
    return op.emitOpError("scale and zero point must have one shape");
  if (!op.getAxis()) {
    if (scale.getNumElements() != 1)
      return op.emitOpError("needs an axis for a scale of ")
             << scale.getNumElements() << " elements";
    return success();
  }
  int64_t axis = *op.getAxis();
  if (axis < 0 || axis >= real.getRank())
    return op.emitOpError("axis ") << axis << " is outside rank " << real.getRank();
  if (!op.getBlockSize()) {
    if (scale.getRank() != 1 || scale.getDimSize(0) != real.getDimSize(axis))
      return op.emitOpError("needs a scale of ")
             << real.getDimSize(axis) << " elements for axis " << axis << ", but got " << scale;
    return success();
  }
  int64_t block = *op.getBlockSize();
  SmallVector<int64_t> expected(real.getShape());
  if (block <= 0)
    return op.emitOpError("block size must be positive, but got ") << block;
  expected[axis] = (expected[axis] + block - 1) / block;
  if (scale.getShape() != ArrayRef<int64_t>(expected))
    return op.emitOpError("scale ") << scale << " does not fit blocks of " << block
                                    << " along axis " << axis << " of " << real;
  return success();
}

LogicalResult QuantizeOp::verify() {
  return verifyQuantization(*this, getInput().getType(), getType());
}
LogicalResult DequantizeOp::verify() {
  return verifyQuantization(*this, getType(), getInput().getType());
}
