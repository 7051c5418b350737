// The fixed header of a program file. It exists so that the FlatBuffer's hash, place and size can
// be checked before a byte of it is interpreted, and so that the segments' place does not depend on
// the FlatBuffer's contents.
#pragma once

#include <stdint.h>

namespace ingot {

/// The newest version this runtime reads; it reads all before it. A program has the lowest version
/// that can say it: 4 with values of inputs or of variables in expressions, 2 with named dims, else
/// 1. There is no 3, so that no flipped bit makes one version of another.
constexpr uint32_t kFormatVersion = 4;
constexpr uint32_t kFileHeaderSize = 128;
constexpr uint32_t kSegmentsAlignment =
    16384; // pages of AArch64 systems are up to 16 KiB for our purposes
constexpr char kFileMagic[8] = {'\x89', 'I', 'N', 'G', 'O', 'T', '\r', '\n'};

// Little-endian on disk; read with memcpy, so that the file's place in memory needs no alignment.
struct FileHeader {
  char magic[8];
  uint32_t formatVersion;
  uint32_t headerSize; // 128
  uint64_t fileSize;
  uint64_t schemaOffset; // of the FlatBuffer; 128
  uint64_t schemaSize;
  uint8_t schemaSha256[32];
  uint64_t segmentsOffset; // multiple of kSegmentsAlignment
  uint8_t reserved[48];    // zero
};
static_assert(sizeof(FileHeader) == kFileHeaderSize, "the file header is laid out by size");

} // namespace ingot
