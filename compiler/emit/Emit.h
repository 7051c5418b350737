// Writes a planned module as a program file, and describes program files (`ingot inspect`).
#pragma once

#include "backends/Target.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

/// What of the command line ends up in the program, and where it goes.
struct EmitOptions {
  std::string
      output; ///< program file; written under a temporary name beside it and renamed when verified
  std::string options;    ///< normalised command line for the provenance; no paths of this machine
  std::string sourceName; ///< the model's file name; its folder is dropped
  uint64_t sourceSize = 0;
  std::string sourceSha256; ///< hex, 64 digits, or empty
  std::string modelName;    ///< the model's own name, or empty
  bool verify = true;       ///< check the file with the runtime's verifier before it gets its name
  std::function<void(unsigned done, unsigned total)> progress; ///< constants written; may be empty
};

/// What was written, in bytes.
struct EmitReport {
  uint64_t fileBytes = 0;
  uint64_t schemaBytes = 0; ///< the FlatBuffer: signatures, kernels' records, instructions
  uint64_t codeBytes = 0;   ///< code and binary segments
  uint64_t weightBytes = 0; ///< the data segment
  uint64_t sourceWeightBytes =
      0; ///< of the same weights as the model stores them; the difference is packing
  unsigned kernels = 0, constants = 0, instructions = 0;
};

/// Writes `module` (the plan phase's result) with the segments of `targets` to `options.output`.
/// Byte-identical for identical input. Errors: the output cannot be written, a constant cannot be
/// materialised, the runtime's verifier refuses the file (a bug of the compiler); nothing is left
/// behind then.
llvm::Error emitProgram(mlir::ModuleOp module, llvm::ArrayRef<CompiledTarget> targets,
                        const EmitOptions &options, EmitReport &report);

} // namespace ingot
