// Opening the files that a user names.
#pragma once

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace ingot {

/// Maps a file read-only. Error: it cannot be read, or is not a regular file (a pipe would block
/// for ever, a device never end).
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> mapFile(llvm::StringRef path);

} // namespace ingot
