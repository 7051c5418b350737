// `ingot run` and `ingot-run`: run a program on arrays, compare, time, profile. No LLVM, no
// exceptions.
#pragma once

#include "ingot/driver.h"
#include "runtime-lib/run/Arrays.h"
#include <functional>
#include <string>
#include <vector>

namespace ingot::run {

/// Arrays that a caller brings itself, such as the sample inputs of a .pt2 archive.
struct Sample {
  std::string name;
  ElementKind element;
  std::vector<int64_t> dims;
  AlignedBytes values{nullptr, nullptr};
  uint64_t bytes = 0;
};

/// The flags, as DESIGN names them.
struct Options {
  std::string program;
  std::string entry;                // empty: "forward" or the only one
  std::string inputs;               // NPZ, or a folder of TensorProto; empty: random
  std::string outputs;              // NPZ to write
  std::string expect;               // NPZ or folder
  std::string loadState, saveState; // NPZ: the variables before and after the run
  /// "NAME=N": extents of random inputs; a name without one has its upper bound.
  std::vector<std::string> dims;
  double rtol = 1e-4, atol = 0;
  unsigned threads = 1;
  unsigned repeat = 1;
  uint64_t seed = 1;
  bool profile = false;
  std::string profileFile; // JSON
  bool json = false;
  std::vector<const ingot_driver *> drivers; // besides those this build has
  /// Reads inputs of an entry from other files than NPZ (by extension); null: such files are an
  /// error.
  std::function<bool(const std::string &path, const std::string &entry,
                     std::vector<Sample> &samples, std::string &error)>
      readSamples;
};

/// Exit codes of the tools.
enum ExitCode { kDone = 0, kUserError = 1, kUsage = 2 };

/// Runs, writes results to stdout and errors to stderr, and returns the exit code.
int runProgram(const Options &options);

} // namespace ingot::run
