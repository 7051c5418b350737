// Phase 9: the plan becomes a program file.
#include "compiler/emit/Emit.h"
#include "compiler/pipeline/Phases.h"
#include "ir/graph/Sha256.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;

/// The options that shaped the program, normalised: equal for equal programs whatever the paths
/// were.
static std::string describe(const CompileState &state) {
  std::string text = "--target=";
  text += llvm::join(
      llvm::map_range(state.targets,
                      [](const std::unique_ptr<Target> &target) { return target->name(); }),
      ",");
  for (auto &[name, extent] : state.options.dims)
    text += " --dim " + name + "=" + std::to_string(extent);
  for (auto &[name, range] : state.options.dimRanges)
    text += " --dim " + name + "=" + std::to_string(range.low) + ".." + std::to_string(range.high) +
            (range.step == 1 ? "" : "/" + std::to_string(range.step));
  for (auto &[name, other] : state.options.dimNames)
    text += " --dim " + name + "=" + other;
  for (const Options::ValueRange &value : state.options.values)
    text += " --value " + value.input +
            (value.element ? "[" + std::to_string(*value.element) + "]=" : "=") +
            std::to_string(value.low) +
            (value.low == value.high ? "" : ".." + std::to_string(value.high));
  return text;
}

LogicalResult ingot::runEmitPhase(ModuleOp module, CompileState &state) {
  EmitOptions options;
  options.output = state.options.output;
  options.options = describe(state);
  if (auto sources = module->getAttrOfType<ArrayAttr>("ingot.sources"); sources && sources.size()) {
    auto first = cast<DictionaryAttr>(sources[0]);
    if (auto path = first.getAs<StringAttr>("path"))
      options.sourceName = llvm::sys::path::filename(path.getValue()).str();
    if (auto size = first.getAs<IntegerAttr>("size"))
      options.sourceSize = size.getValue().getZExtValue();
    if (auto hash = first.getAs<StringAttr>("sha256"))
      options.sourceSha256 = hash.getValue().str();
  }
  // Of several models: all their names, and the hash of their hashes.
  if (state.options.entries.size() > 1) {
    std::string names, hashes;
    options.sourceSize = 0;
    for (const Options::Entry &entry : state.options.entries)
      names += (names.empty() ? "" : " + ") + llvm::sys::path::filename(entry.model).str();
    for (auto source :
         module->getAttrOfType<ArrayAttr>("ingot.sources").getAsRange<DictionaryAttr>()) {
      hashes += source.getAs<StringAttr>("sha256").getValue();
      options.sourceSize += source.getAs<IntegerAttr>("size").getInt();
    }
    options.sourceName = names;
    options.sourceSha256 = llvm::toHex(Sha256::hash(hashes), /*LowerCase=*/true);
  }
  if (llvm::Error error = emitProgram(module, state.code, options, state.emitReport))
    return emitError(UnknownLoc::get(module.getContext())) << llvm::toString(std::move(error));
  return success();
}
