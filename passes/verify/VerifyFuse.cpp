// verify-fuse: the contract of phase 6.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYFUSE
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {
/// Whether `op` may stand between kernels.
bool isBetween(Operation *op) {
  return !isa_and_nonnull<IngotDialect>(op->getDialect()) ||
         isa<ConstantOp, LaunchOp, ReshapeOp, SliceOp, ConcatOp, TransferOp, VariableOp,
             VariableReadOp, VariableUpdateOp>(op);
}

class VerifyFuse : public ingot::impl::VerifyFuseBase<VerifyFuse> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkVerifies(module)) || failed(checkGraph(module)) || failed(checkKernels(module)))
      return signalPassFailure();
    WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto function = dyn_cast<func::FuncOp>(op); function && isKernel(function))
        return WalkResult::skip();
      if (isBetween(op))
        return WalkResult::advance();
      contractError(op) << "is in no kernel";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
