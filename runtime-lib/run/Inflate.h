// Unpacks deflate streams (RFC 1951) piece by piece, and the checksum that zip keeps of them. Here
// rather than from zlib so that ingot-run needs no library on a device or under an emulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace ingot::run {

enum class Inflated { done, stopped, damaged };

/// Unpacks one stream. `read` fills up to `size` bytes and says how many (0: no more). `sink` takes
/// the unpacked bytes in order and returns false to stop. Any bytes are allowed: what is no stream
/// is `damaged`. Uses 64 KiB of memory.
Inflated inflate(const std::function<size_t(uint8_t *to, size_t size)> &read,
                 const std::function<bool(const uint8_t *bytes, size_t size)> &sink);

/// CRC-32 (polynomial 0xedb88320) continued from `crc`; 0 starts one.
uint32_t crc32(uint32_t crc, const void *bytes, uint64_t size);

} // namespace ingot::run
