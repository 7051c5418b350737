// libFuzzer target: the TFLite importer takes any bytes and ends in an error or a module.
#include "compiler/importers/tflite/ImportTflite.h"
#include "mlir/IR/MLIRContext.h"
#include "test/fuzz/Target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string path = ingot::test::temporaryFolder() + "/model.tflite";
  if (!ingot::test::writeFile(path, data, size))
    return 0;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  ingot::Options options;
  options.model = path;
  (void)ingot::importTflite(context, options);
  auto description = ingot::describeTflite(path);
  if (!description)
    llvm::consumeError(description.takeError());
  return 0;
}
