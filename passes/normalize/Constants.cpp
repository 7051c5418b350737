// Reading, extending and making of constants.
#include "passes/normalize/Constants.h"
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/WeightStore.h"

using namespace mlir;
using namespace ingot;

ConstantOp ingot::constantOf(Value value) { return value.getDefiningOp<ConstantOp>(); }

std::optional<double> ingot::splatValue(Value value) {
  ConstantOp constant = constantOf(value);
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr;
  if (!dense || dense.getNumElements() == 0 || (dense.getNumElements() > 1 && !dense.isSplat()))
    return std::nullopt;
  std::optional<std::vector<double>> elements = constantElements(value);
  if (!elements || elements->empty())
    return std::nullopt;
  return elements->front();
}

std::optional<std::vector<double>> ingot::constantElements(Value value, int64_t maxElements) {
  ConstantOp constant = constantOf(value);
  if (!constant || constant.getType().getNumElements() > maxElements)
    return std::nullopt;
  llvm::Expected<TensorValue> tensor = constantValue(constant.getValue(), constant.getType());
  if (!tensor) {
    llvm::consumeError(tensor.takeError());
    return std::nullopt;
  }
  return toDoubles(*tensor);
}

Attribute ingot::elementsAttr(StringRef name, RankedTensorType type, ArrayRef<double> elements) {
  TensorValue value = fromDoubles(type, elements);
  std::vector<char> bytes(value.raw().begin(), value.raw().end());
  return weightsOf(type.getContext()).makeConstant(type.getContext(), name, type, std::move(bytes));
}

Value ingot::elementsConstant(OpBuilder &builder, Location loc, RankedTensorType type,
                              ArrayRef<double> elements) {
  return constant(builder, loc, type, elementsAttr(sourceName(loc), type, elements));
}

/// Appends a step, and merges it with the last one where both are of one kind.
static SmallVector<StepAttr> extended(ArrayRef<StepAttr> recipe, StepAttr step) {
  SmallVector<StepAttr> steps(recipe);
  MLIRContext *context = step.getContext();
  if (!steps.empty() && steps.back().getKind() == step.getKind()) {
    if (step.getKind() == StepKind::Reshape) {
      steps.back() = step;
      return steps;
    }
    if (step.getKind() == StepKind::Transpose) {
      SmallVector<int64_t> perm;
      bool identity = true;
      for (auto [index, dim] : llvm::enumerate(step.getValues())) {
        perm.push_back(steps.back().getValues()[dim]);
        identity &= perm.back() == static_cast<int64_t>(index);
      }
      steps.pop_back();
      if (!identity)
        steps.push_back(StepAttr::get(context, StepKind::Transpose, perm, Attribute()));
      return steps;
    }
  }
  steps.push_back(step);
  return steps;
}

Value ingot::withStep(OpBuilder &builder, Location loc, ConstantOp constant, StepAttr step,
                      RankedTensorType type) {
  MLIRContext *context = builder.getContext();
  WeightStore &store = weightsOf(context);
  auto weight = dyn_cast<WeightAttr>(constant.getValue());
  bool small = !weight;
  if (!weight) {
    std::vector<char> bytes;
    if (failed(store.materialize(constant.getValue(), constant.getType(), bytes)))
      return {};
    weight = store.addComputed(context, sourceName(constant.getLoc()), constant.getType(),
                               std::move(bytes));
  }
  auto next = WeightAttr::get(context, weight.getName(), weight.getSource(), weight.getOffset(),
                              weight.getBytes(), weight.getHash(), weight.getStored(),
                              extended(weight.getRecipe(), step));
  Attribute value = next;
  if (small) {
    std::vector<char> bytes;
    if (failed(store.materialize(next, type, bytes)))
      return {};
    value = store.makeConstant(context, weight.getName(), type, std::move(bytes));
  }
  return ConstantOp::create(builder, loc, type, value);
}

Value ingot::transposeConstant(OpBuilder &builder, Location loc, ConstantOp constant,
                               ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  for (int64_t dim : perm)
    shape.push_back(constant.getType().getDimSize(dim));
  return withStep(builder, loc, constant,
                  StepAttr::get(builder.getContext(), StepKind::Transpose, perm, Attribute()),
                  RankedTensorType::get(shape, constant.getType().getElementType()));
}

Value ingot::reshapeConstant(OpBuilder &builder, Location loc, ConstantOp constant,
                             ArrayRef<int64_t> shape) {
  return withStep(builder, loc, constant,
                  StepAttr::get(builder.getContext(), StepKind::Reshape, shape, Attribute()),
                  RankedTensorType::get(shape, constant.getType().getElementType()));
}

Location ingot::fuseLocations(ArrayRef<Location> parts) {
  return FusedLoc::get(parts.front().getContext(), parts);
}
