// The tools' commands as functions: they print to standard output and error and return an exit code
// (DESIGN §7). No MLIR header is needed to call them.
#pragma once

#include "compiler/pipeline/Options.h"
#include <string>
#include <vector>

namespace ingot {

/// Process exit codes.
enum ExitCode { kDone = 0, kUserError = 1, kUsageError = 2, kInternalError = 70 };

/// "import" → Phase::Import.
std::optional<Phase> phaseByName(const std::string &name);

/// `ingot compile`.
int compileCommand(const Options &options);

/// `ingot targets`.
int targetsCommand(bool json, const std::vector<std::string> &plugins);

/// `ingot opt …`: mlir-opt with Ingot's dialects and passes.
int optCommand(int argc, char **argv);

struct InspectOptions {
  std::string file; ///< model or program
  bool json = false;
  bool missing = false; ///< models: only the operators that cannot be imported
  /// With `missing`: extents of open dims, or ranges of them.
  std::map<std::string, int64_t> dims;
  std::map<std::string, Options::DimRange> dimRanges;
  std::map<std::string, std::string> dimNames;
  std::vector<Options::ValueRange> values;
  std::vector<std::string> plugins; ///< with `missing`: they may add operators
  bool disassemble = false;         ///< programs: the plan as text
  bool verify = false;              ///< programs: hash the weights too
};
/// `ingot inspect`. 1 when `missing` lists something.
int inspectCommand(const InspectOptions &options);

struct DiffOptions {
  Options compile;    ///< model, targets, dims
  std::string entry;  ///< of an archive with several models: the one to compare
  std::string inputs; ///< NPZ or folder of TensorProto files; empty: seeded random
  bool json = false;
};
/// `ingot diff`: kernel by kernel against the reference evaluator. 1 when a kernel departs.
int diffCommand(const DiffOptions &options);

} // namespace ingot
