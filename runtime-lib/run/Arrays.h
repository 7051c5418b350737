// Named arrays from and to files: NPZ archives, and folders of TensorProto files as the ONNX tests
// have them.
//
// Every byte of these files is hostile: sizes are checked before memory is taken, and nothing
// recurses.
#pragma once

#include "runtime-lib/run/File.h"
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace ingot::run {

/// Element type as NumPy writes it: kind 'f', 'i', 'u', 'b', 'c', or 'V' for raw bytes; size in
/// bytes.
struct ElementKind {
  char kind = 0;
  uint32_t size = 0;
  bool operator==(const ElementKind &other) const {
    return kind == other.kind && size == other.size;
  }
};

/// Memory at a 64-byte boundary.
using AlignedBytes = std::unique_ptr<uint8_t, void (*)(void *)>;
AlignedBytes allocateAligned(uint64_t bytes);

/// An array in a file whose values are not yet read. Dense, row-major once loaded.
struct ArrayEntry {
  std::string name;
  int position = -1; // in a folder, where files are numbered and names optional
  ElementKind element;
  std::vector<int64_t> dims;
  uint64_t bytes = 0; // of the values
  // Where they lie: member `member` of an archive, or file `path` from `offset` on.
  bool fortran = false;
  bool deflated = false;
  uint64_t offset = 0;               // in the file: of the member's data
  uint64_t storedBytes = 0;          // of the member's data in the file
  uint32_t headerBytes = 0;          // before the values, within the member
  uint32_t crc = 0;                  // of the member, header included
  std::string path;                  // of the file, for folders
  std::vector<uint8_t> inlineValues; // values that were no raw bytes (TensorProto's typed fields)
};

/// The arrays of one NPZ file or folder; values are loaded one by one.
class ArrayFile {
public:
  /// Reads the directory of an NPZ file, or of a folder with `prefix`_0.pb, `prefix`_1.pb, …
  /// False with a message on anything else.
  bool open(const std::string &path, const std::string &prefix, std::string &error);
  const std::vector<ArrayEntry> &arrays() const { return entries; }
  const ArrayEntry *find(const std::string &name) const;
  /// Reads the values of one array into 64-byte aligned memory.
  bool load(const ArrayEntry &entry, AlignedBytes &values, std::string &error) const;

private:
  bool openNpz(std::string &error);
  bool addMember(const std::string &member, ArrayEntry entry, uint64_t unpacked,
                 std::string &error);
  bool openFolder(const std::string &path, const std::string &prefix, std::string &error);
  bool addTensorProto(const std::string &path, int position, std::string &error);

  File file;
  std::vector<ArrayEntry> entries;
};

/// An array to be written. `values` are dense and row-major.
struct OutputArray {
  std::string name;
  ElementKind element;
  std::vector<int64_t> dims;
  const void *values;
  uint64_t bytes;
};

/// Writes an NPZ file (stored, deterministic), complete or not at all.
bool writeNpz(const std::string &path, const std::vector<OutputArray> &arrays, std::string &error);

} // namespace ingot::run
