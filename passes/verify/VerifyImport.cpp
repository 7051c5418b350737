// verify-import: the contract of phase 1.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYIMPORT
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {

class VerifyImport : public ingot::impl::VerifyImportBase<VerifyImport> {
  void runOnOperation() override {
    if (failed(checkVerifies(getOperation())) || failed(checkGraph(getOperation())))
      signalPassFailure();
  }
};

} // namespace
