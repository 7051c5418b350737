// The parts of the plug-in, each registered by Plugin.cpp.
#pragma once

#include "compiler/plugin/Plugin.h"

namespace sample {

/// The target `sample`.
void addClampTarget(ingot::TargetRegistry &targets);
/// The pass `sample-expand-hard-swish`.
std::unique_ptr<mlir::Pass> createExpandHardSwish();
/// The operator `sample.vendor::Swish`.
void addSwish(ingot::onnximport::OpTable &ops);

} // namespace sample
