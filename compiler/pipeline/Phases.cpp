// The table of phases.
#include "compiler/pipeline/Phases.h"
#include "compiler/driver/Commands.h"
#include "passes/plan/Passes.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

static constexpr llvm::StringRef kNames[kPhaseCount] = {
    "import", "normalize", "quantize", "partition", "layout", "fuse", "codegen", "plan", "emit"};

llvm::StringRef ingot::phaseName(Phase phase) { return kNames[static_cast<unsigned>(phase)]; }

std::optional<Phase> ingot::phaseByName(const std::string &name) {
  for (unsigned i = 0; i < kPhaseCount; ++i)
    if (kNames[i] == name)
      return static_cast<Phase>(i);
  return std::nullopt;
}

Target *CompileState::findTarget(llvm::StringRef name) const {
  for (const std::unique_ptr<Target> &target : targets)
    if (target->name() == name)
      return target.get();
  return nullptr;
}

/// The pass that states the contract of a phase; null for emit, which leaves the plan as it is.
static std::unique_ptr<Pass> createVerifyPass(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return createVerifyImport();
  case Phase::Normalize:
    return createVerifyNormalize();
  case Phase::Quantize:
    return createVerifyQuantize();
  case Phase::Partition:
    return createVerifyPartition();
  case Phase::Layout:
    return createVerifyLayout();
  case Phase::Fuse:
    return createVerifyFuse();
  case Phase::Codegen:
    return createVerifyCodegen();
  case Phase::Plan:
    return createVerifyPlanPass();
  case Phase::Emit:
    return nullptr;
  }
}

/// Adds the passes that plug-ins have for the end of `phase`, and then checks its contract again.
static void addPluginPasses(Phase phase, OpPassManager &manager,
                            ArrayRef<PhaseExtension> extensions) {
  bool any = false;
  for (const PhaseExtension &extension : extensions) {
    if (extension.phase != phase)
      continue;
    std::unique_ptr<Pass> pass = extension.create();
    auto anchor = pass->getOpName();
    if (anchor && *anchor != ModuleOp::getOperationName())
      manager.nest(*anchor).addPass(std::move(pass));
    else
      manager.addPass(std::move(pass));
    any = true;
  }
  if (std::unique_ptr<Pass> verify = any ? createVerifyPass(phase) : nullptr)
    manager.addPass(std::move(verify));
}

LogicalResult ingot::runPhase(Phase phase, ModuleOp module, CompileState &state) {
  PassManager manager(module.getContext());
  // Each phase ends in a pass that verifies its contract, which costs less than verifying after
  // every pass.
  manager.enableVerifier(false);
  switch (phase) {
  case Phase::Import:
    manager.addPass(createVerifyImport());
    break;
  case Phase::Normalize:
    buildNormalizePhase(manager, state);
    break;
  case Phase::Quantize:
    buildQuantizePhase(manager, state);
    break;
  case Phase::Partition:
    buildPartitionPhase(manager, state);
    break;
  case Phase::Layout:
    buildLayoutPhase(manager, state);
    break;
  case Phase::Fuse:
    buildFusePhase(manager, state);
    break;
  case Phase::Codegen:
    if (failed(runCodegenPhase(module, state)))
      return failure();
    manager.addPass(createVerifyCodegen());
    break;
  case Phase::Plan:
    if (failed(runPlanPhase(module, state)))
      return failure();
    break;
  case Phase::Emit:
    if (failed(runEmitPhase(module, state)))
      return failure();
    break;
  }
  addPluginPasses(phase, manager, state.registry.passes);
  return manager.run(module);
}
