// libFuzzer target: any bytes given to the importer of `.pt2` packages as a whole archive (its zip
// directory, its pickles), and as the JSON of the graph in an archive that is otherwise sound.
#include "compiler/importers/pt2/ImportPt2.h"
#include "mlir/IR/MLIRContext.h"
#include "test/fuzz/Target.h"
#include "test/unit/pt2/Packages.h"

using namespace ingot;

static void import(const std::string &bytes) {
  static const std::string path = test::temporaryFolder() + "/model.pt2";
  if (!test::writeFile(path, bytes.data(), bytes.size()))
    return;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  Options options;
  options.model = path;
  (void)importPt2(context, options);
  auto samples = readPt2SampleInputs(context, path);
  if (!samples)
    llvm::consumeError(samples.takeError());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  if (bytes.starts_with("{")) {
    test::Model model;
    model.graph = bytes;
    bytes = model.zip().finish();
  }
  import(bytes);
  return 0;
}
