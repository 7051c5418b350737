// decompose-composites: expresses composites by simpler ops.
#include "ir/graph/Graph.h"
#include "passes/normalize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_DECOMPOSECOMPOSITES
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

class DecomposeComposites : public ingot::impl::DecomposeCompositesBase<DecomposeComposites> {
  void runOnOperation() override {
    SmallVector<DecomposableOpInterface> work;
    getOperation()->walk([&](DecomposableOpInterface op) { work.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (DecomposableOpInterface op : work) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values = op.decompose(rewriter);
      if (failed(values)) {
        op->emitError() << op->getName().stripDialect()
                        << " has no kernel on any target and no decomposition for these types";
        return signalPassFailure();
      }
      rewriter.replaceOp(op, *values);
    }
  }
};

} // namespace
