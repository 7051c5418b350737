// Parameters of strategies, and the packing of constants; see Selection.h.
#include "backends/common/Selection.h"
#include "ir/graph/WeightStore.h"

using namespace mlir;

namespace ingot {

int64_t parameter(DictionaryAttr parameters, StringRef name, int64_t fallback) {
  if (parameters)
    if (auto number = parameters.getAs<IntegerAttr>(name))
      return number.getInt();
  return fallback;
}

DictionaryAttr makeParameters(MLIRContext *context, StringRef kind,
                              ArrayRef<std::pair<StringRef, int64_t>> numbers) {
  Builder builder(context);
  SmallVector<NamedAttribute> entries{builder.getNamedAttr("kind", builder.getStringAttr(kind))};
  for (auto [name, number] : numbers)
    entries.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(number)));
  return builder.getDictionaryAttr(entries);
}

RankedTensorType packedType(RankedTensorType type, ArrayRef<StepAttr> steps) {
  for (StepAttr step : steps) {
    SmallVector<int64_t> shape(type.getShape());
    switch (step.getKind()) {
    case StepKind::Transpose:
      for (auto [d, from] : llvm::enumerate(step.getValues()))
        shape[d] = type.getDimSize(from);
      break;
    case StepKind::Reshape:
      shape.assign(step.getValues().begin(), step.getValues().end());
      break;
    case StepKind::Pad:
      for (auto [d, extra] : llvm::enumerate(step.getValues()))
        shape[d] += extra;
      break;
    default:
      llvm_unreachable("packing transposes, reshapes and pads");
    }
    type = RankedTensorType::get(shape, type.getElementType());
  }
  return type;
}

/// Ops that turn `packed` back into what it was before `steps`, `types[i]` being the type before
/// step i.
static Value unpack(OpBuilder &builder, Location loc, Value packed, ArrayRef<StepAttr> steps,
                    ArrayRef<RankedTensorType> types) {
  for (size_t i = steps.size(); i-- > 0;) {
    RankedTensorType before = types[i];
    switch (steps[i].getKind()) {
    case StepKind::Transpose: {
      SmallVector<int64_t> inverse(before.getRank());
      for (auto [d, from] : llvm::enumerate(steps[i].getValues()))
        inverse[from] = d;
      packed =
          TransposeOp::create(builder, loc, before, packed, builder.getDenseI64ArrayAttr(inverse));
      break;
    }
    case StepKind::Reshape:
      packed = ReshapeOp::create(builder, loc, before, packed);
      break;
    default: {
      SmallVector<int64_t> zeros(before.getRank(), 0), ones(before.getRank(), 1);
      packed = SliceOp::create(builder, loc, before, packed, builder.getDenseI64ArrayAttr(zeros),
                               builder.getDenseI64ArrayAttr(before.getShape()),
                               builder.getDenseI64ArrayAttr(ones));
    }
    }
  }
  return packed;
}

LogicalResult applyPacking(func::FuncOp kernel, const Packing &packing) {
  BlockArgument argument = kernel.getArgument(packing.argument);
  auto original = cast<RankedTensorType>(argument.getType());
  SmallVector<RankedTensorType> types;
  for (size_t i = 0; i < packing.steps.size(); ++i)
    types.push_back(packedType(original, ArrayRef(packing.steps).take_front(i)));
  RankedTensorType packed = packedType(original, packing.steps);

  auto module = kernel->getParentOfType<ModuleOp>();
  MLIRContext *context = kernel.getContext();
  auto uses = SymbolTable::getSymbolUses(kernel.getSymNameAttr(), module);
  for (const SymbolTable::SymbolUse &use : *uses) {
    auto launch = dyn_cast<LaunchOp>(use.getUser());
    if (!launch)
      continue;
    auto constant = launch.getInputs()[packing.argument].getDefiningOp<ConstantOp>();
    auto weight = dyn_cast<WeightAttr>(constant.getValue());
    if (!weight) { // a small dense constant: its bytes move to the store
      std::vector<char> bytes;
      WeightStore &store = weightsOf(context);
      if (failed(store.materialize(constant.getValue(), original, bytes)))
        return constant.emitOpError("cannot be read for packing");
      weight =
          store.addComputed(context, sourceName(constant.getLoc()), original, std::move(bytes));
    }
    SmallVector<StepAttr> recipe(weight.getRecipe());
    recipe.append(packing.steps.begin(), packing.steps.end());
    auto value = WeightAttr::get(context, weight.getName(), weight.getSource(), weight.getOffset(),
                                 weight.getBytes(), weight.getHash(), weight.getStored(), recipe);
    OpBuilder builder(launch);
    Value replacement = ingot::constant(builder, constant.getLoc(), packed, value);
    launch->setOperand(packing.argument, replacement);
    if (constant->use_empty())
      constant->erase();
  }

  argument.setType(packed);
  OpBuilder builder = OpBuilder::atBlockBegin(&kernel.front());
  SmallVector<OpOperand *> readers;
  for (OpOperand &operand : argument.getUses())
    readers.push_back(&operand);
  Value unpacked = unpack(builder, argument.getLoc(), argument, packing.steps, types);
  for (OpOperand *reader : readers)
    reader->set(unpacked);
  auto inputs = llvm::to_vector(kernel.getArgumentTypes());
  inputs[packing.argument] = packed;
  kernel.setFunctionType(builder.getFunctionType(inputs, kernel.getResultTypes()));
  return success();
}

} // namespace ingot
