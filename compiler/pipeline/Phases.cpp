// The table of phases.
#include "compiler/pipeline/Phases.h"
#include "compiler/driver/Commands.h"

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

LogicalResult ingot::runPhase(Phase phase, ModuleOp module, CompileState &state) {
  PassManager manager(module.getContext());
  // Each phase ends in a pass that verifies its contract, which costs less than verifying after
  // every pass.
  manager.enableVerifier(false);
  switch (phase) {
  case Phase::Import:
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
    break;
  case Phase::Plan:
    if (failed(runPlanPhase(module, state)))
      return failure();
    break;
  case Phase::Emit:
    return runEmitPhase(module, state);
  }
  for (PhaseExtension &extension : state.extensions)
    if (extension.phase == phase)
      extension.addPasses(manager);
  return manager.run(module);
}
