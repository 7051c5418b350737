// A program file opened by the runtime in this process, run on the evaluator's tensors.
#pragma once

#include "compiler/evaluator/Evaluator.h"
#include "ingot/runtime.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace ingot {

/// Closes the program at the end. One entry, the file's first, is run.
class LoadedProgram {
public:
  LoadedProgram() = default;
  LoadedProgram(const LoadedProgram &) = delete;
  LoadedProgram &operator=(const LoadedProgram &) = delete;
  ~LoadedProgram();

  /// Error: what the runtime says about the file.
  llvm::Error open(const std::string &path);
  /// Runs on `inputs`, which are the signature's, in one thread; variables keep what the run before
  /// left in them. The outputs have the types of `results`. Error: what the runtime says.
  llvm::Expected<std::vector<TensorValue>> run(llvm::ArrayRef<TensorValue> inputs,
                                               llvm::ArrayRef<mlir::Type> results);
  ingot_program *get() const { return program; }

private:
  ingot_program *program = nullptr;
  ingot_session *session = nullptr; ///< from the first run on: it holds the variables
};

} // namespace ingot
