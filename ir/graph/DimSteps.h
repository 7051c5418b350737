// Dims whose extents are multiples of a number (`--dim h=256..640/32`): in expressions their name
// counts the steps, so that each extent that follows is a polynomial; a user's extent is the name
// times the step.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"

namespace ingot {

/// Name → step, of the dims whose step is not 1. An attribute of the module.
using DimSteps = llvm::StringMap<int64_t>;
inline constexpr llvm::StringLiteral kDimStepsAttr = "ingot.dim_steps";

inline DimSteps dimSteps(mlir::Operation *module) {
  DimSteps steps;
  if (auto attr = module->getAttrOfType<mlir::DictionaryAttr>(kDimStepsAttr))
    for (mlir::NamedAttribute entry : attr)
      if (auto step = mlir::dyn_cast<mlir::IntegerAttr>(entry.getValue());
          step && step.getType().isInteger(64) && step.getInt() > 1)
        steps[entry.getName().getValue()] = step.getInt();
  return steps;
}

inline void setDimSteps(mlir::Operation *module, const DimSteps &steps) {
  llvm::SmallVector<mlir::NamedAttribute> entries;
  mlir::MLIRContext *context = module->getContext();
  for (const auto &entry : steps)
    entries.push_back(
        {mlir::StringAttr::get(context, entry.getKey()),
         mlir::IntegerAttr::get(mlir::IntegerType::get(context, 64), entry.getValue())});
  if (!entries.empty())
    module->setAttr(kDimStepsAttr, mlir::DictionaryAttr::get(context, entries));
}

} // namespace ingot
