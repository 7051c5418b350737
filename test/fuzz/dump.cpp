// libFuzzer target: any bytes given to the reader of a dump's sidecar of constants.
#include "compiler/driver/Dump.h"
#include "compiler/driver/Compile.h"
#include "test/fuzz/Target.h"

using namespace ingot;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::string folder = test::temporaryFolder();
  // One constant of four f32 zeros, which the sidecar must bring.
  static const std::string text =
      "module { func.func @forward() -> tensor<4xf32> {\n"
      "  %0 = ingot.constant #ingot.weight<\"w\", source = -1, offset = 0, bytes = 16, hash "
      "= "
      "\"d7f2f1ab0d4f7b1e5e0c7d5d61a9d4a5\", stored = tensor<4xf32>> : tensor<4xf32>\n"
      "  return %0 : tensor<4xf32>\n} }\n";
  static const bool written = test::writeFile(folder + "/dump.mlir", text.data(), text.size());
  if (!written || !test::writeFile(folder + "/dump.blobs", data, size))
    return 0;
  std::unique_ptr<mlir::MLIRContext> context = makeContext(1);
  mlir::ScopedDiagnosticHandler quiet(context.get(),
                                      [](mlir::Diagnostic &) { return mlir::success(); });
  (void)readDump(*context, folder + "/dump.mlir", "");
  return 0;
}
