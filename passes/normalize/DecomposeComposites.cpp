// decompose-composites: composites that no target claims become simpler ops.
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
public:
  using DecomposeCompositesBase::DecomposeCompositesBase;
  explicit DecomposeComposites(std::function<bool(Operation *)> keepOp)
      : keepOp(std::move(keepOp)) {}

private:
  bool isKept(Operation *op) {
    return (keepOp && keepOp(op)) || llvm::is_contained(keep, op->getName().getStringRef());
  }

  void runOnOperation() override {
    // A decomposition may hold composites again, so the list grows while it is worked off. No
    // decomposition builds an op of its own kind, which bounds it.
    SmallVector<DecomposableOpInterface> work;
    getOperation().walk([&](DecomposableOpInterface op) { work.push_back(op); });
    IRRewriter rewriter(&getContext());
    struct Listener : RewriterBase::Listener {
      SmallVector<DecomposableOpInterface> &work;
      explicit Listener(SmallVector<DecomposableOpInterface> &work) : work(work) {}
      void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
        if (auto composite = dyn_cast<DecomposableOpInterface>(op))
          work.push_back(composite);
      }
    } listener(work);
    rewriter.setListener(&listener);
    for (size_t i = 0; i < work.size(); ++i) {
      DecomposableOpInterface op = work[i];
      if (isKept(op))
        continue;
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values = op.decompose(rewriter);
      if (succeeded(values))
        rewriter.replaceOp(op, *values);
    }
  }

  std::function<bool(Operation *)> keepOp;
};

} // namespace

std::unique_ptr<Pass> ingot::createDecomposeComposites(std::function<bool(Operation *)> keep) {
  return std::make_unique<DecomposeComposites>(std::move(keep));
}
