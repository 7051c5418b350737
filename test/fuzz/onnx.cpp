// libFuzzer target: the ONNX importer takes any bytes and ends in an error or a module.
#include "compiler/importers/onnx/ImportOnnx.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include <cstdint>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char path[] = "/tmp/ingot-fuzz-XXXXXX";
  static int file = mkstemp(path);
  if (file < 0 || ftruncate(file, 0) != 0 ||
      pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    return 0;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  ingot::Options options;
  options.model = path;
  (void)ingot::importOnnx(context, options);
  return 0;
}
