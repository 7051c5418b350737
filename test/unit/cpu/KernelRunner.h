// Compiles one kernel for a CPU target, runs it in this process, and compares it with the
// evaluator.
#pragma once

#include "backends/cpu/CpuTarget.h"
#include <gtest/gtest.h>

namespace ingot::test {

struct KernelCase {
  std::string target = {}; ///< a CPU target string
  std::string body = {};   ///< the kernel `func.func private @k(…) -> … { … }` with graph ops
  std::vector<unsigned> constants = {}; ///< arguments that every launch passes a constant for
  double tolerance = 1e-5;              ///< of the output's scale; f32 sums differ in order alone
  std::string strategy = {};            ///< overrides: a dictionary, or empty
  unsigned pieces = 1;       ///< tile ranges that the launch is cut into, run in reverse order
  double low = -1, high = 1; ///< range of random inputs
  /// For a kernel with dims d0, d1, …: their values in each run of the one compiled kernel. Its
  /// bounds are the least and the greatest of them.
  std::vector<std::vector<int64_t>> sizes = {};
};

/// Runs the case; any departure is a GoogleTest failure. Returns the strategy's kind, empty after a
/// failure.
std::string runKernel(const KernelCase &test);

/// Compiles the case and returns its code, without running it.
llvm::FailureOr<CompiledCode> compileKernel(const KernelCase &test);

/// Whether this machine runs code for `target`.
bool machineRuns(llvm::StringRef target);

} // namespace ingot::test
