// What a plug-in may add, and loading one.
//
// A plug-in is a shared object that links libIngotCompiler and exports
//   extern "C" const char *ingotPluginApi() { return INGOT_PLUGIN_API; }
//   extern "C" void ingotRegisterPlugin(ingot::PluginRegistry &registry) { … }
// The built-in parts register through the same functions. backends/sample-vendor is a whole one.
#pragma once

#include "backends/Target.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/pt2/OpTable.h"
#include "compiler/pipeline/Options.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Error.h"

#define INGOT_STRINGIFY(x) #x
#define INGOT_LLVM_NAME(major, minor) "LLVM " INGOT_STRINGIFY(major) "." INGOT_STRINGIFY(minor)
/// What a plug-in is compiled against: the version of this interface and of what it exposes, and
/// the LLVM whose classes cross it.
#define INGOT_PLUGIN_API                                                                           \
  "Ingot plug-in API 1, " INGOT_LLVM_NAME(LLVM_VERSION_MAJOR, LLVM_VERSION_MINOR)

namespace ingot {

/// A pass at the end of a phase, on the module or on its functions. The phase's contract is checked
/// again after it. `ingot opt --plugin=SO` knows it by its flag.
struct PhaseExtension {
  Phase phase;
  std::function<std::unique_ptr<mlir::Pass>()> create;
};

/// Everything that a plug-in can add to.
struct PluginRegistry {
  TargetRegistry targets;
  std::vector<PhaseExtension> passes; ///< in the order in which they run
  onnximport::OpTable onnxOps = onnximport::builtinOps();
  pt2::OpTable pt2Ops;
};

/// Loads the shared object at `path` and lets it register. Errors: it cannot be loaded (the
/// loader's words), it exports no entry points, or it was built for another interface.
llvm::Error loadPlugin(llvm::StringRef path, PluginRegistry &registry);

} // namespace ingot
