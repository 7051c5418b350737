// See ValueDims.h.
#include "ir/graph/ValueDims.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;

static constexpr llvm::StringLiteral kValuesAttr = "ingot.values";

SmallVector<ValueDim> ingot::valueDims(ModuleOp module) {
  SmallVector<ValueDim> values;
  if (auto attr = module->getAttrOfType<DictionaryAttr>(kValuesAttr))
    for (NamedAttribute entry : attr)
      if (auto row = dyn_cast<DenseI64ArrayAttr>(entry.getValue()); row && row.size() == 4)
        values.push_back({entry.getName().getValue().str(), row[0], row[1], {row[2], row[3]}});
  llvm::sort(values, [](const ValueDim &a, const ValueDim &b) {
    return std::pair(a.input, a.element) < std::pair(b.input, b.element);
  });
  return values;
}

void ingot::setValueDims(ModuleOp module, ArrayRef<ValueDim> values) {
  if (values.empty()) {
    module->removeAttr(kValuesAttr);
    return;
  }
  MLIRContext *context = module.getContext();
  SmallVector<NamedAttribute> entries;
  for (const ValueDim &value : values)
    entries.push_back({StringAttr::get(context, value.name),
                       DenseI64ArrayAttr::get(context, {value.input, value.element,
                                                        value.bounds.low, value.bounds.high})});
  module->setAttr(kValuesAttr, DictionaryAttr::get(context, entries));
}

static constexpr llvm::StringLiteral kCountedAttr = "ingot.counted";

SmallVector<CountedDim> ingot::countedDims(ModuleOp module) {
  SmallVector<CountedDim> dims;
  if (auto list = module->getAttrOfType<ArrayAttr>(kCountedAttr))
    for (Attribute entry : list) {
      auto row = dyn_cast<DictionaryAttr>(entry);
      auto at = row ? row.getAs<DenseI64ArrayAttr>("at") : DenseI64ArrayAttr();
      auto variable = row ? row.getAs<FlatSymbolRefAttr>("variable") : FlatSymbolRefAttr();
      if (at && at.size() == 2 && variable)
        dims.push_back({at[0], at[1], variable.getValue().str()});
    }
  return dims;
}

void ingot::setCountedDims(ModuleOp module, ArrayRef<CountedDim> dims) {
  if (dims.empty()) {
    module->removeAttr(kCountedAttr);
    return;
  }
  Builder builder(module.getContext());
  SmallVector<Attribute> list;
  for (const CountedDim &dim : dims)
    list.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("at", builder.getDenseI64ArrayAttr({dim.output, dim.dim})),
         builder.getNamedAttr("variable",
                              FlatSymbolRefAttr::get(module.getContext(), dim.variable))}));
  module->setAttr(kCountedAttr, builder.getArrayAttr(list));
}
