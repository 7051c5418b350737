// Reading at places, and writing through a temporary name.
#include "runtime-lib/run/File.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ingot::run {

File::~File() {
  if (descriptor >= 0)
    close(descriptor);
}

bool File::open(const std::string &path, std::string &error) {
  name = path;
  // Without O_NONBLOCK a pipe that nobody writes to would block here for ever.
  descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info;
  if (descriptor < 0 || fstat(descriptor, &info) != 0) {
    error = "cannot open " + path + ": " + strerror(errno);
    return false;
  }
  if (!S_ISREG(info.st_mode)) {
    error = path + " is not a file";
    return false;
  }
  bytes = uint64_t(info.st_size);
  return true;
}

bool File::read(uint64_t offset, void *to, size_t size, std::string &error) const {
  if (size > bytes || offset > bytes - size) {
    error = name + " is damaged: a part of it lies beyond its end";
    return false;
  }
  char *at = static_cast<char *>(to);
  while (size) {
    ssize_t got = pread(descriptor, at, size, off_t(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      error = "cannot read " + name + ": " + (got < 0 ? strerror(errno) : "it has become shorter");
      return false;
    }
    at += got;
    offset += uint64_t(got);
    size -= size_t(got);
  }
  return true;
}

FileWriter::~FileWriter() {
  if (descriptor >= 0) {
    close(descriptor);
    unlink(temporary.c_str());
  }
}

bool FileWriter::open(const std::string &path, std::string &error) {
  name = path;
  // Renaming onto a device, which the super-user may do, would replace the device.
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    error = "cannot write " + path + ": it is " +
            (S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
    return false;
  }
  temporary = path + ".part-" + std::to_string(getpid());
  descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor >= 0)
    return true;
  error = "cannot write " + path + ": " + strerror(errno);
  return false;
}

bool FileWriter::write(const void *from, size_t size, std::string &error) {
  const char *at = static_cast<const char *>(from);
  while (size) {
    ssize_t done = ::write(descriptor, at, size);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0) {
      error = "cannot write " + name + ": " + strerror(errno);
      return false;
    }
    at += done;
    size -= size_t(done);
  }
  return true;
}

bool FileWriter::commit(std::string &error) {
  bool ok = close(descriptor) == 0;
  descriptor = -1;
  if (ok && rename(temporary.c_str(), name.c_str()) == 0)
    return true;
  error = "cannot write " + name + ": " + strerror(errno);
  unlink(temporary.c_str());
  return false;
}

} // namespace ingot::run
