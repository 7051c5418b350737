// Phase 1: a model file becomes a graph. The file's content, not its name, says what it is.
#include "compiler/emit/Inspect.h"
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/pt2/ImportPt2.h"
#include "compiler/importers/tflite/ImportTflite.h"
#include "compiler/pipeline/Phases.h"
#include "ir/graph/MapFile.h"

using namespace mlir;
using namespace ingot;

FailureOr<OwningOpRef<ModuleOp>> ingot::runImportPhase(MLIRContext &context, CompileState &state,
                                                       UnsupportedOps *missing) {
  const std::string &path = state.options.model;
  Location loc = UnknownLoc::get(&context);
  auto file = mapFile(path);
  if (!file)
    return emitError(loc) << llvm::toString(file.takeError());
  StringRef bytes = (*file)->getBuffer();
  if (isProgramFile(bytes))
    return emitError(loc) << "'" << path << "' is a program already, not a model"
                          << "\nhint: `ingot run` runs it, `ingot inspect` shows what is in it";
  if (bytes.starts_with("PK\x03\x04"))
    return importPt2(context, state.options, state.registry.pt2Ops, missing);
  if (isTfliteModel(bytes))
    return importTflite(context, state.options, missing);
  return importOnnx(context, state.options, state.registry.onnxOps, missing);
}
