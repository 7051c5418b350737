// `ingot opt`: mlir-opt with Ingot's dialects and passes.
#include "compiler/driver/Commands.h"
#include "compiler/driver/RegisterAll.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int ingot::optCommand(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "runs Ingot's passes on dumps and tests\n", registry));
}
