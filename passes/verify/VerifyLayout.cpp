// verify-layout: the contract of phase 5.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYLAYOUT
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {
/// Whether a spatial op has its channels last; nothing for other ops.
std::optional<bool> channelsLast(Operation *op) {
  if (!isa<ConvOp, ConvTransposeOp, PoolOp, GroupNormOp>(op))
    return std::nullopt;
  return op->hasAttr("channels_last");
}

class VerifyLayout : public ingot::impl::VerifyLayoutBase<VerifyLayout> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkVerifies(module)) || failed(checkGraph(module)) || failed(checkTargets(module)))
      return signalPassFailure();
    llvm::StringMap<bool> layouts;
    WalkResult result = module.walk([&](Operation *op) {
      if (auto transpose = dyn_cast<TransposeOp>(op);
          transpose && transpose.getInput().getDefiningOp<TransposeOp>()) {
        contractError(op) << "transposes a transposed value";
        return WalkResult::interrupt();
      }
      auto target = op->getAttrOfType<StringAttr>("ingot.target");
      std::optional<bool> last = channelsLast(op);
      if (!last)
        return WalkResult::advance();
      StringRef name = target ? target.getValue() : "";
      bool first = layouts.try_emplace(name, *last).first->second;
      if (first == *last)
        return WalkResult::advance();
      contractError(op) << "has its channels " << (*last ? "last" : "second")
                        << ", unlike other ops of target '" << name << "'";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
