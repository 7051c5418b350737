// The two functions by which the compiler knows a plug-in.
#include "Sample.h"

/// What this file was compiled against; the compiler refuses a plug-in that was built for another.
extern "C" const char *ingotPluginApi() { return INGOT_PLUGIN_API; }

/// Called once for each compilation.
extern "C" void ingotRegisterPlugin(ingot::PluginRegistry &registry) {
  sample::addClampTarget(registry.targets);
  registry.passes.push_back({ingot::Phase::Normalize, sample::createExpandHardSwish});
  sample::addSwish(registry.onnxOps);
}
