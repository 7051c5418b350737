// See JoinEntries.h.
#include "compiler/importers/common/JoinEntries.h"
#include "compiler/importers/common/GraphBuilder.h"
#include "ir/graph/DimSteps.h"
#include "ir/graph/ValueDims.h"
#include "ir/graph/WeightStore.h"
#include "mlir/IR/AttrTypeSubElements.h"

using namespace mlir;
using namespace ingot;

/// Calls the dims of `names` (old name → new name) by their new names, in types and attributes.
static void renameDims(ModuleOp module, const llvm::StringMap<std::string> &names) {
  auto renamed = [&](StringAttr text) {
    llvm::Expected<DimExpr> expression = DimExpr::parse(text.getValue());
    if (!expression) { // verified types hold none
      llvm::consumeError(expression.takeError());
      return text;
    }
    DimExpr result = expression->substitute([&](StringRef name) -> std::optional<DimExpr> {
      auto found = names.find(name);
      return found == names.end() ? std::nullopt
                                  : std::optional(DimExpr::symbol(found->getValue()));
    });
    return StringAttr::get(text.getContext(), result.str());
  };
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](DimsAttr dims) -> Attribute {
    return DimsAttr::get(dims.getContext(), llvm::map_to_vector(dims.getExpressions(), renamed));
  });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  module.walk([&](DimOp op) { op.setExpressionAttr(renamed(op.getExpressionAttr())); });
}

static bool isSame(VariableOp a, VariableOp b) {
  if (a.getType() != b.getType() || !a.getInitialAttr() != !b.getInitialAttr())
    return false;
  return !a.getInitialAttr() ||
         constantIdentity(a.getInitialAttr()) == constantIdentity(b.getInitialAttr());
}

FailureOr<OwningOpRef<ModuleOp>> ingot::joinEntries(MutableArrayRef<ImportedEntry> entries) {
  ModuleOp joined = *entries.front().module;
  DimBounds bounds;
  DimSteps steps;
  SymbolTable symbols(joined);
  for (ImportedEntry &entry : entries) {
    ModuleOp module = *entry.module;
    if (!valueDims(module).empty() || !countedDims(module).empty())
      return emitError(module.getLoc())
             << "entry '" << entry.name << "' has extents that come from values ("
             << (valueDims(module).empty() ? "counted by a run" : "--value")
             << "), which a program of several entries cannot have yet"
             << "\nhint: compile a program for this model alone";
    llvm::StringMap<std::string> differing;
    DimSteps ownSteps = dimSteps(module);
    auto step = [](const DimSteps &all, StringRef name) {
      return all.contains(name) ? all.lookup(name) : 1;
    };
    for (const auto &[name, range] : dimBounds(module)) {
      auto [known, added] = bounds.try_emplace(name, range);
      std::string called = name.str();
      if (!added && (known->getValue().low != range.low || known->getValue().high != range.high ||
                     step(steps, name) != step(ownSteps, name))) {
        called = entry.name + "." + called;
        differing[name] = called;
        bounds[called] = range;
      }
      if (step(ownSteps, name) != 1)
        steps[called] = step(ownSteps, name);
    }
    if (!differing.empty())
      renameDims(module, differing);

    // Renaming within the module leaves all of its uses right.
    SymbolTable own(module);
    SmallVector<Operation *> moved;
    for (Operation &op : *module.getBody())
      moved.push_back(&op);
    for (Operation *op : moved) {
      StringAttr name = SymbolTable::getSymbolName(op);
      if (isa<func::FuncOp>(op) && name.getValue() == "forward") {
        (void)own.rename(op, StringAttr::get(op->getContext(), entry.name));
        continue;
      }
      if (module == joined)
        continue;
      Operation *other = symbols.lookup(name);
      auto variable = dyn_cast<VariableOp>(op);
      auto same = dyn_cast_or_null<VariableOp>(other);
      if (variable && same && isSame(variable, same)) {
        op->erase();
        continue;
      }
      std::string apart = entry.name + "." + name.str();
      if (variable && same)
        emitWarning(op->getLoc())
            << "variable '" << name.getValue() << "' of entry '" << entry.name
            << "' has another type or initial value than that of the entries before it: it is "
               "kept apart as '"
            << apart << "'";
      if (other)
        (void)own.rename(op, StringAttr::get(op->getContext(), apart));
    }
    if (module == joined)
      continue;
    for (Operation &op : llvm::make_early_inc_range(*module.getBody())) {
      op.remove();
      symbols.insert(&op, joined.getBody()->end());
    }
  }
  setDimBounds(joined, bounds);
  setDimSteps(joined, steps);
  recordSources(joined);
  return std::move(entries.front().module);
}
