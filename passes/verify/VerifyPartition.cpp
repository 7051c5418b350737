// verify-partition: the contract of phase 4.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYPARTITION
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {
class VerifyPartition : public ingot::impl::VerifyPartitionBase<VerifyPartition> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkVerifies(module)) || failed(checkGraph(module)) || failed(checkTargets(module)))
      signalPassFailure();
  }
};

} // namespace
