// Emits a kernel, compiles it in this process, runs it on made-up inputs, and compares with the
// reference evaluator.
#pragma once

#include "compiler/evaluator/Evaluator.h"
#include <gtest/gtest.h>
#include <string>

namespace ingot::test {

struct KernelCase {
  /// A module of one function of graph ops. An argument attribute `test.range = [low, high]` bounds
  /// its elements (integers by default -5..5, floats -2..2).
  std::string text;
  double rtol = 2e-6, atol = 1e-6;
  /// Puts NaN and infinities among float inputs.
  bool specials = false;
  /// Register widths that are tried; 0 is scalar code.
  std::vector<int64_t> bytes = {0, 16, 64};
};

/// Fails the test when the kernel does not compile or differs from the evaluator, with one tile or
/// with many, for any register width.
void checkKernel(const KernelCase &test);

/// `ingot.func`-free short form: a function of `arguments` (text), body lines, and the result
/// types.
std::string kernelText(llvm::StringRef arguments, llvm::StringRef results, llvm::StringRef body);

} // namespace ingot::test
