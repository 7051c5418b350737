// Lets parts share memory with their whole: slices read in place, operands of concat written in
// place.
#include "passes/plan/Passes.h"
#include "passes/plan/StorageModel.h"

namespace ingot {
#define GEN_PASS_DEF_PLACEPARTS
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct PlaceParts : ingot::impl::PlacePartsBase<PlaceParts> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto entry : getOperation().getOps<plan::EntryOp>()) {
      StorageModel model(entry, symbols);
      entry.walk([&](plan::CopyOp copy) {
        StorageModel::Place from = model.placeOf(copy.getSource()),
                            to = model.placeOf(copy.getDestination());
        elided += model.tryMerge(from, to, /*keepPeak=*/true);
      });
      model.rewrite();
    }
  }
};

} // namespace

std::unique_ptr<Pass> ingot::createPlacePartsPass() { return std::make_unique<PlaceParts>(); }
