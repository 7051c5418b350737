// canonicalize-graph: rewrites the graph to simpler equal forms, until nothing changes.
#include "passes/normalize/CanonicalizeGraph.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/normalize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_CANONICALIZEGRAPH
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

void ingot::populateCanonicalizeGraphPatterns(RewritePatternSet &patterns) {
  populateElementwisePatterns(patterns);
  populateMovementPatterns(patterns);
  populateContractionPatterns(patterns);
  populateReductionPatterns(patterns);
}

namespace {

/// After partition, what replaces an op runs on the op's target.
class TargetListener : public RewriterBase::Listener {
  void notifyOperationReplaced(Operation *op, ValueRange replacement) override {
    if (Attribute target = op->getAttr("ingot.target"))
      for (Value value : replacement)
        pass(value.getDefiningOp(), target);
  }

  static void pass(Operation *op, Attribute target) {
    if (!op || op->hasAttr("ingot.target") || !isa_and_nonnull<IngotDialect>(op->getDialect()) ||
        isa<ConstantOp, TransferOp, VariableReadOp, LaunchOp>(op))
      return;
    op->setAttr("ingot.target", target);
    for (Value operand : op->getOperands())
      pass(operand.getDefiningOp(), target);
  }
};

class CanonicalizeGraph : public ingot::impl::CanonicalizeGraphBase<CanonicalizeGraph> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateCanonicalizeGraphPatterns(patterns);
    GreedyRewriteConfig config;
    config.setMaxIterations(20);
    TargetListener listener;
    config.setListener(&listener);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }
};

} // namespace
