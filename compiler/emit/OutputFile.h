// Output files: written whole under a temporary name and renamed, or not at all.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

/// Whether a file can be made at `path`, without making it: an error early instead of after the
/// work. Error: its folder is missing or no folder, or something that is not a regular file has
/// the name (renaming onto a device would replace the device).
llvm::Error checkOutput(llvm::StringRef path);

/// Calls `write` with a stream and the temporary name beside `path` behind it, then gives the file
/// its name. Errors: those of checkOutput and of `write`, and what the system says; nothing is left
/// behind then, and an old file at `path` stays as it was.
llvm::Error writeOutput(
    llvm::StringRef path,
    llvm::function_ref<llvm::Error(llvm::raw_fd_ostream &, llvm::StringRef temporary)> write);

} // namespace ingot
