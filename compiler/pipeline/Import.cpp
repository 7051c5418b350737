// Phase 1: a model file becomes a graph. The file's content, not its name, says what it is.
#include "compiler/pipeline/Phases.h"
#if __has_include("compiler/importers/onnx/ImportOnnx.h")
#include "compiler/importers/onnx/ImportOnnx.h"
#endif
#if __has_include("compiler/importers/pt2/ImportPt2.h")
#include "compiler/importers/pt2/ImportPt2.h"
#endif
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
  bool isArchive = (*head)->getBuffer().starts_with("PK\x03\x04");
#if __has_include("compiler/importers/pt2/ImportPt2.h")
  if (isArchive)
    return importPt2(context, state.options);
#endif
#if __has_include("compiler/importers/onnx/ImportOnnx.h")
  if (!isArchive)
    return importOnnx(context, state.options);
#endif
  return emitError(loc) << "this format is not supported yet";
}
