// What the CPU of this machine can do, in LLVM's feature names. The compiler uses it for
// --target=host and the runtime for refusing programs that need more.
#pragma once

#include <cstdint>

namespace ingot {

/// "x86_64", "aarch64", … of the running process.
const char *hostArch();

/// The CPU's features, found once by the caller and passed around: no global state.
struct CpuFeatures {
  uint64_t bits = 0;
};
CpuFeatures detectCpuFeatures();

/// 1 if the CPU (and the operating system) supports the feature, 0 if not, -1 for a name that is
/// not known here.
int hasCpuFeature(CpuFeatures features, const char *name);

/// Name of the i-th feature known for this architecture, or null after the last.
const char *cpuFeatureName(unsigned index);

} // namespace ingot
