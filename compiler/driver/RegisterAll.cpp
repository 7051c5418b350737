// Registration of everything that `ingot opt` and `ingot compile` know by name.
#include "compiler/driver/RegisterAll.h"
#include "ir/graph/Graph.h"
#include "ir/plan/Plan.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/Passes.h"
#include "passes/fuse/Passes.h"
#include "passes/layout/Passes.h"
#include "passes/normalize/Passes.h"
#include "passes/partition/Passes.h"
#include "passes/plan/Passes.h"
#include "passes/quantize/Passes.h"
#include "passes/verify/Passes.h"

using namespace mlir;

void ingot::registerAllDialects(DialectRegistry &registry) {
  registry.insert<IngotDialect, plan::PlanDialect, func::FuncDialect, scf::SCFDialect,
                  arith::ArithDialect, math::MathDialect, vector::VectorDialect,
                  memref::MemRefDialect, tensor::TensorDialect, LLVM::LLVMDialect>();
}

void ingot::registerAllPasses() {
  mlir::registerTransformsPasses(); // canonicalize, cse, …
  registerIngotNormalizePasses();
  registerIngotQuantizePasses();
  registerIngotPartitionPasses();
  registerIngotLayoutPasses();
  registerIngotFusePasses();
  registerPlanPasses();
  registerIngotVerifyPasses();
}
