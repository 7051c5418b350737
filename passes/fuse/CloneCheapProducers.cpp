// clone-cheap-producers: gives each reader its own copy of what costs nothing to compute.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/fuse/KernelRoles.h"
#include "passes/fuse/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_CLONECHEAPPRODUCERS
#include "passes/fuse/Passes.h.inc"
} // namespace ingot

namespace {

/// Ops whose elements are their index, a dim, or another op's element: nothing is computed twice.
bool isFree(Operation *op) { return isa<IotaOp, DimOp, BroadcastOp>(op); }

class CloneCheapProducers : public ingot::impl::CloneCheapProducersBase<CloneCheapProducers> {
  void runOnOperation() override {
    if (getOperation()->hasAttr("ingot.kernel"))
      return;
    SmallVector<Operation *> producers;
    getOperation().walk([&](Operation *op) {
      if (isFree(op))
        producers.push_back(op);
    });
    // Readers first, so that a copy's own producers are copied for it.
    for (Operation *op : llvm::reverse(producers)) {
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : op->getUses())
        if (use.getOwner()->getBlock() == op->getBlock() &&
            kernelRole(use.getOwner()) == KernelRole::Pointwise)
          uses.push_back(&use);
      // The last use may keep the op itself.
      if (uses.size() == static_cast<size_t>(std::distance(op->use_begin(), op->use_end())) &&
          !uses.empty())
        uses.pop_back();
      for (OpOperand *use : uses) {
        OpBuilder builder(use->getOwner());
        use->set(builder.clone(*op)->getResult(0));
      }
    }
  }
};

} // namespace
