// verify-normalize: the contract of phase 2.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYNORMALIZE
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {

class VerifyNormalize : public ingot::impl::VerifyNormalizeBase<VerifyNormalize> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkVerifies(module)) || failed(checkGraph(module)) || failed(checkNormal(module)))
      signalPassFailure();
  }
};

} // namespace
