// merge-kernels: identical kernels become one.
#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/fuse/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_MERGEKERNELS
#include "passes/fuse/Passes.h.inc"
} // namespace ingot

namespace {

/// The kernel's text without its name, its layers and its locations: equal texts compute the same.
std::string fingerprint(func::FuncOp kernel) {
  auto attr = kernel->getAttrOfType<KernelAttr>("ingot.kernel");
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << attr.getTarget() << '\n' << attr.getStrategy() << '\n';
  llvm::interleaveComma(attr.getTiles(), stream);
  stream << '\n';
  llvm::interleaveComma(attr.getInPlace(), stream);
  stream << '\n' << kernel.getFunctionType() << '\n' << kernel->getAttr(kDimBoundsAttr) << '\n';
  // The region alone: printing the function would print its name.
  AsmState state(kernel, OpPrintingFlags().enableDebugInfo(false).useLocalScope().assumeVerified());
  for (Operation &op : kernel.getBody().front()) {
    op.print(stream, state);
    stream << '\n';
  }
  return text;
}

class MergeKernels : public ingot::impl::MergeKernelsBase<MergeKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::StringMap<func::FuncOp> firsts;
    DenseMap<StringAttr, func::FuncOp> replacement;
    llvm::MapVector<func::FuncOp, llvm::SetVector<StringAttr>> layers;
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      auto attr = function->getAttrOfType<KernelAttr>("ingot.kernel");
      if (!attr)
        continue;
      func::FuncOp first = firsts.try_emplace(fingerprint(function), function).first->second;
      layers[first].insert(attr.getLayers().begin(), attr.getLayers().end());
      if (first != function)
        replacement[function.getSymNameAttr()] = first;
    }
    module.walk([&](LaunchOp launch) {
      if (auto found = replacement.find(launch.getKernelAttr().getAttr());
          found != replacement.end())
        launch.setKernel(found->second.getSymName());
    });
    for (auto &[first, names] : layers) {
      auto attr = first->getAttrOfType<KernelAttr>("ingot.kernel");
      first->setAttr("ingot.kernel",
                     KernelAttr::get(attr.getContext(), attr.getTarget(), attr.getStrategy(),
                                     names.getArrayRef(), attr.getTiles(), attr.getInPlace()));
    }
    for (func::FuncOp function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (replacement.count(function.getSymNameAttr()))
        function.erase();
  }
};

} // namespace
