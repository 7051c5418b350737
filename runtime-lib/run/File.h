// A file that is read at places (pread), so that only what is needed comes into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ingot::run {

class File {
public:
  File() = default;
  File(const File &) = delete;
  File &operator=(const File &) = delete;
  ~File();

  /// Opens a regular file for reading. False with a message otherwise.
  bool open(const std::string &path, std::string &error);
  uint64_t size() const { return bytes; }
  const std::string &path() const { return name; }
  /// Reads exactly `size` bytes at `offset`; false with a message if the file ends before.
  bool read(uint64_t offset, void *to, size_t size, std::string &error) const;

private:
  int descriptor = -1;
  uint64_t bytes = 0;
  std::string name;
};

/// Writes a file under a temporary name and gives it its own name when it is complete: a failure
/// leaves nothing behind.
class FileWriter {
public:
  FileWriter() = default;
  FileWriter(const FileWriter &) = delete;
  FileWriter &operator=(const FileWriter &) = delete;
  ~FileWriter();

  bool open(const std::string &path, std::string &error);
  bool write(const void *from, size_t size, std::string &error);
  bool commit(std::string &error);

private:
  int descriptor = -1;
  std::string name, temporary;
};

} // namespace ingot::run
