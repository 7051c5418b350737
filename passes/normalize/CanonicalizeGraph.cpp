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
}

namespace {

class CanonicalizeGraph : public ingot::impl::CanonicalizeGraphBase<CanonicalizeGraph> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateCanonicalizeGraphPatterns(patterns);
    // Equal constants are the same value afterwards, for graphs have one region.
    GreedyRewriteConfig config;
    config.setMaxIterations(20);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }
};

} // namespace
