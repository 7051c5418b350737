// The sample inputs of a `.pt2` package, for `ingot run --inputs=MODEL.pt2`.
#pragma once

#include "runtime-lib/run/Run.h"

namespace ingot {

/// Reads the inputs that the package at `path` was exported with, in the order of the inputs of the
/// program's `entry`. False, with a message, when it holds none or is damaged.
bool readSampleInputs(const std::string &path, const std::string &entry,
                      std::vector<run::Sample> &samples, std::string &error);

} // namespace ingot
