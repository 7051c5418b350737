// Lets launches overwrite operands that nobody reads any more, where their kernels allow it.
#include "passes/plan/Passes.h"
#include "passes/plan/StorageModel.h"
#include "llvm/ADT/SmallBitVector.h"

namespace ingot {
#define GEN_PASS_DEF_LAUNCHINPLACE
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct LaunchInPlace : ingot::impl::LaunchInPlaceBase<LaunchInPlace> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto entry : getOperation().getOps<plan::EntryOp>()) {
      StorageModel model(entry, symbols);
      entry.walk([&](plan::LaunchOp launch) {
        ArrayRef<int64_t> pairs = symbols.lookup<plan::KernelOp>(launch.getKernel()).getInPlace();
        llvm::SmallBitVector done(launch.getOutputs().size());
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
          if (done[pairs[i]])
            continue;
          StorageModel::Place result = model.placeOf(launch.getOutputs()[pairs[i]]);
          StorageModel::Place operand = model.placeOf(launch.getInputs()[pairs[i + 1]]);
          // Of no bytes there is nothing to gain, and no conflict that would keep it off an input.
          if (result.bytes != operand.bytes || result.bytes == 0)
            continue;
          if (model.tryMerge(result, operand, /*keepPeak=*/true)) {
            done.set(pairs[i]);
            ++inPlace;
          }
        }
      });
      model.rewrite();
    }
  }
};

} // namespace

std::unique_ptr<Pass> ingot::createLaunchInPlacePass() { return std::make_unique<LaunchInPlace>(); }
