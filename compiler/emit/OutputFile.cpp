// Output files: written whole under a temporary name and renamed, or not at all.
#include "compiler/emit/OutputFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace ingot;
namespace fs = llvm::sys::fs;

static llvm::Error failure(llvm::StringRef path, const llvm::Twine &why) {
  return llvm::createStringError("cannot write '" + path + "': " + why);
}

llvm::Error ingot::checkOutput(llvm::StringRef path) {
  fs::file_status status;
  if (!fs::status(path, status)) {
    if (fs::is_directory(status))
      return failure(path, "it is a directory");
    if (!fs::is_regular_file(status))
      return failure(path, "it is not a regular file");
  }
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (folder.empty())
    return llvm::Error::success();
  if (std::error_code error = fs::status(folder, status))
    return failure(path, error.message());
  return fs::is_directory(status) ? llvm::Error::success()
                                  : failure(path, "'" + folder + "' is not a directory");
}

llvm::Error
ingot::writeOutput(llvm::StringRef path,
                   llvm::function_ref<llvm::Error(llvm::raw_fd_ostream &, llvm::StringRef)> write) {
  if (llvm::Error error = checkOutput(path))
    return error;
  llvm::Expected<fs::TempFile> temporary = fs::TempFile::create(path + ".%%%%%%%%");
  if (!temporary)
    return failure(path, llvm::toString(temporary.takeError()));
  llvm::raw_fd_ostream out(temporary->FD, /*shouldClose=*/false);
  llvm::Error error = write(out, temporary->TmpName);
  out.flush();
  if (!error && out.has_error())
    error = failure(path, out.error().message());
  out.clear_error();
  if (error) {
    llvm::consumeError(temporary->discard()); // the first error is the one to tell
    return error;
  }
  if (llvm::Error renamed = temporary->keep(path)) {
    llvm::consumeError(temporary->discard());
    return failure(path, llvm::toString(std::move(renamed)));
  }
  return llvm::Error::success();
}
