// Arithmetic on sizes that come from a file: every overflow is seen.
#pragma once

#include <stdint.h>

namespace ingot {

inline bool addOverflows(uint64_t a, uint64_t b, uint64_t &sum) {
  return __builtin_add_overflow(a, b, &sum);
}
inline bool mulOverflows(uint64_t a, uint64_t b, uint64_t &product) {
  return __builtin_mul_overflow(a, b, &product);
}
/// Whether [offset, offset + size) lies within [0, limit).
inline bool inRange(uint64_t offset, uint64_t size, uint64_t limit) {
  return size <= limit && offset <= limit - size;
}
inline bool isAlignment(uint64_t a) { return a && !(a & (a - 1)) && a <= 65536; }
/// Rounds up to a power of two; the caller knows that it fits.
inline uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

} // namespace ingot
