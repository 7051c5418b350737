// Describes program files for people and for scripts: `ingot inspect PROGRAM`.
#pragma once

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

struct InspectProgramOptions {
  bool json = false;        ///< one object instead of text
  bool disassemble = false; ///< every step of every entry
  bool verify = false;      ///< also hash the constants, which opening a program does not
};

/// Whether a file with these bytes begins as program files do.
bool isProgramFile(llvm::StringRef bytes);

/// Writes signature, sizes, kernels, memory map and provenance of a program to `out`. Error: the
/// file cannot be read or is damaged.
llvm::Error inspectProgram(llvm::StringRef path, const InspectProgramOptions &options,
                           llvm::raw_ostream &out);

} // namespace ingot
