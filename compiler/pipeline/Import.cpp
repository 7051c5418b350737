// Phase 1: a model file becomes a graph. The file's content, not its name, says what it is.
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/pt2/ImportPt2.h"
#include "compiler/pipeline/Phases.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace ingot;

FailureOr<OwningOpRef<ModuleOp>> ingot::runImportPhase(MLIRContext &context, CompileState &state) {
  const std::string &path = state.options.model;
  Location loc = UnknownLoc::get(&context);
  if (llvm::sys::fs::is_directory(path))
    return emitError(loc) << "'" << path << "' is a directory, not a model file";
  auto head = llvm::MemoryBuffer::getFileSlice(path, /*MapSize=*/4, /*Offset=*/0);
  if (!head)
    return emitError(loc) << "cannot read '" << path << "': " << head.getError().message();
  if ((*head)->getBuffer().starts_with("PK\x03\x04"))
    return importPt2(context, state.options);
  return importOnnx(context, state.options, state.registry.onnxOps);
}
