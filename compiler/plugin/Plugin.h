// What a plug-in may add, and loading one.
//
// A plug-in is a shared object that links libIngotCompiler and exports
//   extern "C" int ingotPluginApiVersion();                    // returns INGOT_PLUGIN_API_VERSION
//   extern "C" void ingotRegisterPlugin(ingot::PluginRegistry &registry);
// The built-in parts register through the same functions.
#pragma once

#include "backends/Target.h"
#include "compiler/pipeline/Options.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

#define INGOT_PLUGIN_API_VERSION 1

namespace ingot {

/// Adds passes at the end of a phase.
struct PhaseExtension {
  Phase phase;
  std::function<void(mlir::OpPassManager &)> addPasses;
};

/// What plug-ins fill.
struct PluginRegistry {
  TargetRegistry &targets;
  std::vector<PhaseExtension> &extensions;
};

/// Loads the shared object at `path` and lets it register. Errors: it cannot be loaded (the
/// loader's words), it exports no entry point, or it was built for another API version.
llvm::Error loadPlugin(llvm::StringRef path, PluginRegistry registry);

} // namespace ingot
