// specialize-dims: numbers for named dims, which gives the module of one size.
#include "ir/graph/SpecializeDims.h"
#include "passes/normalize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_SPECIALIZEDIMS
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {
class SpecializeDims : public ingot::impl::SpecializeDimsBase<SpecializeDims> {
  using SpecializeDimsBase::SpecializeDimsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    DimBounds bounds = dimBounds(module);
    llvm::StringMap<int64_t> sizes;
    for (const std::string &text : dims) {
      auto [name, number] = StringRef(text).split('=');
      int64_t value = 0;
      if (name.empty() || number.getAsInteger(10, value)) {
        module.emitError() << "expected NAME=N, but got '" << text << "'";
        return signalPassFailure();
      }
      auto found = bounds.find(name);
      if (found == bounds.end()) {
        module.emitError() << "the module has no dim named '" << name << "'";
        return signalPassFailure();
      }
      DimExpr::Range range = found->getValue();
      if (value < range.low || value > range.high) {
        module.emitError() << "dim '" << name << "' is " << value << ", but it is bounded by "
                           << range.low << ".." << range.high;
        return signalPassFailure();
      }
      sizes[name] = value;
    }
    if (failed(specializeDims(module, sizes)))
      signalPassFailure();
  }
};
} // namespace
