// Opening the files that a user names.
#include "ir/graph/MapFile.h"
#include "llvm/Support/FileSystem.h"

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> ingot::mapFile(llvm::StringRef path) {
  llvm::sys::fs::file_status status;
  std::error_code error = llvm::sys::fs::status(path, status);
  if (!error && llvm::sys::fs::is_directory(status))
    return llvm::createStringError("'" + path + "' is a directory, not a file");
  if (!error && !llvm::sys::fs::is_regular_file(status))
    return llvm::createStringError("'" + path + "' is not a regular file");
  auto buffer =
      llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot read '" + path + "': " + buffer.getError().message());
  return std::move(*buffer);
}
