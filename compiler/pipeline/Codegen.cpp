// Phase 7: each kernel gets a strategy, then code.
#include "compiler/pipeline/Phases.h"

using namespace mlir;
using namespace ingot;

LogicalResult ingot::runCodegenPhase(ModuleOp module, CompileState &state) {
  // Kernels of each target, in module order.
  std::vector<SmallVector<func::FuncOp>> kernels(state.targets.size());
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto kernel = function->getAttrOfType<KernelAttr>("ingot.kernel");
    if (!kernel)
      continue;
    auto target = llvm::find_if(state.targets, [&](const std::unique_ptr<Target> &candidate) {
      return candidate->name() == kernel.getTarget();
    });
    if (target == state.targets.end())
      return function.emitError() << "kernel '" << function.getName() << "' is for target '"
                                  << kernel.getTarget()
                                  << "', which this compilation does not have";
    // A strategy that a dump's reader wrote stays.
    if (!kernel.getStrategy() && failed((*target)->select(function)))
      return failure();
    kernels[target - state.targets.begin()].push_back(function);
  }

  unsigned total = 0, before = 0;
  for (auto &list : kernels)
    total += list.size();
  state.code.clear();
  state.segments.clear();
  for (auto [target, list] : llvm::zip(state.targets, kernels)) {
    auto progress = [&](unsigned done, unsigned) {
      if (state.options.progress)
        state.options.progress("codegen", before + done, total);
    };
    FailureOr<CompiledCode> code = target->compile(module, list, state.options.threads, progress);
    if (failed(code))
      return failure();
    state.segments.push_back(std::move(*code));
    state.code.push_back({target.get(), &state.segments.back()});
    before += list.size();
  }
  return success();
}
