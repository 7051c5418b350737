// The nine phases, and the state that they hand on.
#pragma once

#include "backends/Target.h"
#include "compiler/emit/Emit.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "compiler/pipeline/Options.h"
#include "compiler/plugin/Plugin.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace ingot {

/// Everything of one compilation that is not in the IR.
struct CompileState {
  Options options;
  /// What comes with Ingot, and what plug-ins added.
  PluginRegistry registry;
  /// The targets of `options.targets`, in order of preference.
  std::vector<std::unique_ptr<Target>> targets;
  /// Each target with its code, in the order of `targets`; filled by codegen.
  std::vector<CompiledTarget> code;
  std::deque<CompiledCode> segments; ///< what `code` points to
  /// Why ops are not on the target that comes first: (op kind and layer, target, reason).
  struct Fallback {
    std::string op, layer, target, reason;
  };
  std::vector<Fallback> fallbacks;
  /// What each phase took, in milliseconds, and its one-line summary.
  struct PhaseRecord {
    std::string name, summary;
    double milliseconds = 0;
  };
  std::vector<PhaseRecord> phases;
  EmitReport emitReport;

  Target *findTarget(llvm::StringRef name) const;
};

/// "import", "normalize", …
llvm::StringRef phaseName(Phase phase);
constexpr unsigned kPhaseCount = 9;

/// Reads `state.options.model` (a `.pt2`, `.onnx` or `.tflite` file, told apart by its content)
/// into a module. With `missing`, operators that are not supported go there instead of into an
/// error.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
runImportPhase(mlir::MLIRContext &context, CompileState &state, UnsupportedOps *missing = nullptr);

// Pass lists of the phases that are passes alone: each ends in its verify pass.
void buildNormalizePhase(mlir::OpPassManager &manager, CompileState &state);
void buildQuantizePhase(mlir::OpPassManager &manager, CompileState &state);
void buildPartitionPhase(mlir::OpPassManager &manager, CompileState &state);
void buildLayoutPhase(mlir::OpPassManager &manager, CompileState &state);
void buildFusePhase(mlir::OpPassManager &manager, CompileState &state);

/// Selects a strategy for every kernel and compiles all of them into `state.code`.
mlir::LogicalResult runCodegenPhase(mlir::ModuleOp module, CompileState &state);
/// Turns launches into a plan.
mlir::LogicalResult runPlanPhase(mlir::ModuleOp module, CompileState &state);
/// Writes the program file.
mlir::LogicalResult runEmitPhase(mlir::ModuleOp module, CompileState &state);

/// Runs one phase on `module`, its plug-in passes included; of import only what follows once the
/// model is read.
mlir::LogicalResult runPhase(Phase phase, mlir::ModuleOp module, CompileState &state);

} // namespace ingot
