// See Generalize.h.
#include "compiler/importers/common/Generalize.h"
#include "compiler/importers/common/Generalizer.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace ingot;

/// A run learns the value of each name from an extent of an input: the name, times a number, plus
/// a number.
static LogicalResult checkInputs(func::FuncOp forward, ArrayRef<std::string> names) {
  for (const std::string &name : names) {
    bool found = false;
    DimExpr symbol = DimExpr::symbol(name);
    for (Type type : forward.getArgumentTypes())
      for (const DimExpr &extent : extentsOf(cast<RankedTensorType>(type))) {
        llvm::SetVector<StringRef> used;
        extent.collectNames(used);
        auto at = [&](int64_t value) {
          return extent.substitute([&](StringRef) { return DimExpr(value); }).constant();
        };
        if (used.size() != 1 || used[0] != symbol.str() || !at(0) || !at(1))
          continue;
        found |= extent == symbol * DimExpr(*at(1) - *at(0)) + DimExpr(*at(0));
      }
    if (!found)
      return forward.emitError() << "dim '" << name
                                 << "' cannot be told from the extents of the inputs"
                                 << "\nhint: compile for one size with --dim " << name << "=N";
  }
  return success();
}

FailureOr<OwningOpRef<ModuleOp>> ingot::generalize(MLIRContext &context, ArrayRef<RangedDim> dims,
                                                   ImportAt importAt) {
  SizeSamples samples = chooseSamples(dims);
  // The lower bounds are where an importer may leave out what has no effect: only what goes in and
  // out must agree.
  std::map<std::string, int64_t> low;
  std::vector<std::string> names;
  DimBounds bounds;
  DimSteps steps;
  for (const RangedDim &dim : dims) {
    low[dim.name] = dim.bounds.low;
    std::string name = DimExpr::symbol(dim.name).str();
    if (dim.step != 1)
      steps[name] = dim.step;
    if (!bounds.try_emplace(name, dim.bounds).second)
      return mlir::emitError(UnknownLoc::get(&context)) << "two dims are called '" << name << "'",
             failure();
    if (!dim.isValue)
      names.push_back(name);
  }
  std::vector<OwningOpRef<ModuleOp>> owned;
  std::vector<std::map<std::string, int64_t>> sizes;
  auto import = [&](const std::map<std::string, int64_t> &extents) -> LogicalResult {
    std::string where;
    for (const RangedDim &dim : dims)
      where += (where.empty() ? "" : ", ") + dim.name + " = " +
               std::to_string(extents.at(dim.name) * dim.step);
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      // A warning is the same at every size.
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return success(!owned.empty());
      diagnostic.attachNote()
          << "hint: this is at " << where
          << ", one of the sizes that are looked at to learn what depends on a "
             "dim; another range, multiples (LO..HI/STEP) or one size may do: --dim "
          << extents.begin()->first << "=N";
      return failure();
    });
    auto module = importAt(extents);
    if (failed(module))
      return failure();
    owned.push_back(std::move(*module));
    std::map<std::string, int64_t> named;
    for (const auto &[name, extent] : extents)
      named[DimExpr::symbol(name).str()] = extent;
    sizes.push_back(std::move(named));
    return success();
  };
  for (const auto &extents : samples.sizes)
    if (failed(import(extents)))
      return failure();
  SmallVector<ModuleOp> modules;
  for (auto &module : owned)
    modules.push_back(*module);
  FailureOr<OwningOpRef<ModuleOp>> general =
      Generalizer(modules, SampledDims(sizes, samples.required, steps), bounds).run();
  if (failed(general))
    return failure();
  auto forward = (*general)->lookupSymbol<func::FuncOp>("forward");
  if (failed(checkInputs(forward, names)) || failed(import(low)))
    return failure();
  SampledDims corner({sizes.front(), sizes.back()}, 1, steps);
  auto atLow = owned.back()->lookupSymbol<func::FuncOp>("forward");
  for (auto [n, type] : llvm::enumerate(forward.getResultTypes()))
    for (auto [d, extent] : llvm::enumerate(extentsOf(cast<RankedTensorType>(type)))) {
      auto seen = cast<RankedTensorType>(atLow.getResultTypes()[n]);
      if (seen.getRank() > static_cast<int64_t>(d) && corner.at(1, extent) == seen.getDimSize(d))
        continue;
      InFlightDiagnostic diagnostic =
          forward.emitError() << "extent " << d << " of result " << n << " is " << extent.str()
                              << " in general, but the model is another at " << corner.describe(1);
      diagnostic.attachNote() << "hint: raise the lower bound of a dim";
      return diagnostic;
    }
  setDimBounds(**general, bounds);
  setDimSteps(**general, steps);
  if (failed(verify(**general)))
    return failure();
  return general;
}
