// Takes away the copies that cost no memory to do without: reshapes, outputs, inputs, constants,
// variables.
#include "passes/plan/Passes.h"
#include "passes/plan/StorageModel.h"

namespace ingot {
#define GEN_PASS_DEF_ELIDECOPIES
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct ElideCopies : ingot::impl::ElideCopiesBase<ElideCopies> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto entry : getOperation().getOps<plan::EntryOp>()) {
      StorageModel model(entry, symbols);
      entry.walk([&](plan::CopyOp copy) {
        StorageModel::Place from = model.placeOf(copy.getSource()),
                            to = model.placeOf(copy.getDestination());
        bool inArena = model.kindOf(from) == StorageModel::Kind::Alloc &&
                       model.kindOf(to) == StorageModel::Kind::Alloc;
        if (inArena && model.bytesOf(from) != model.bytesOf(to))
          return; // a part of something larger may keep it alive: place-parts weighs that
        elided += model.tryMerge(from, to, /*keepPeak=*/false);
      });
      model.rewrite();
    }
  }
};

} // namespace

std::unique_ptr<Pass> ingot::createElideCopiesPass() { return std::make_unique<ElideCopies>(); }
