// `ingot opt`: mlir-opt with Ingot's dialects and passes, and those of plug-ins.
#include "compiler/driver/Commands.h"
#include "compiler/driver/RegisterAll.h"
#include "compiler/plugin/Plugin.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/raw_ostream.h"

int ingot::optCommand(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  // Plug-ins come before mlir-opt reads its flags: their passes are flags too.
  PluginRegistry plugins;
  std::vector<char *> arguments;
  for (int i = 0; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (!argument.consume_front("--plugin")) {
      arguments.push_back(argv[i]);
      continue;
    }
    if (argument.empty() && i + 1 < argc)
      argument = argv[++i];
    else if (!argument.consume_front("=")) {
      llvm::errs() << "error: --plugin needs a shared object: --plugin=SO\n";
      return kUsageError;
    }
    if (llvm::Error error = loadPlugin(argument, plugins)) {
      llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
      return kUserError;
    }
  }
  for (const PhaseExtension &extension : plugins.passes)
    mlir::registerPass(extension.create);
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      arguments.size(), arguments.data(),
      "runs Ingot's passes on dumps and tests; --plugin=SO adds those of a plug-in\n", registry));
}
