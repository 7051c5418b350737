// verify-codegen: the contract of phase 7.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYCODEGEN
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {

class VerifyCodegen : public ingot::impl::VerifyCodegenBase<VerifyCodegen> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkVerifies(module)) || failed(checkKernels(module)))
      return signalPassFailure();
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      auto attr = function->getAttrOfType<KernelAttr>("ingot.kernel");
      if (!attr || (attr.getStrategy() && attr.getStrategy().getAs<StringAttr>("kind")))
        continue;
      function.emitError() << "kernel '" << function.getName() << "' has no strategy with a kind";
      return signalPassFailure();
    }
  }
};

} // namespace
