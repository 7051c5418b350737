// Bounds that importers put on what a model file may ask for, so that hostile input ends in an
// error soon.
#pragma once

#include <cstdint>
#include <optional>

namespace ingot {

/// Elements of one tensor (2^40): far beyond any model, and safe to multiply by an element size.
constexpr int64_t kMaxElements = int64_t(1) << 40;
/// Rank of one tensor.
constexpr int64_t kMaxRank = 64;
/// Nodes after functions are inlined and unrolled.
constexpr int64_t kMaxNodes = 1 << 17;
/// Nesting of sub-graphs, functions, or messages.
constexpr int kMaxDepth = 64;
/// An op of constants folds at import when its operands and its result take at most this many bytes
/// each: enough for shapes and axes. What is bigger is left to `normalize`, which keeps results
/// only.
constexpr uint64_t kMaxFoldedBytes = 4096;
/// Elements of a constant that an importer looks into (shapes, axes, pads, scales).
constexpr int64_t kMaxReadElements = int64_t(1) << 20;

/// a * b, or nothing when it overflows or an operand is negative.
inline std::optional<int64_t> checkedMul(int64_t a, int64_t b) {
  int64_t result;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a + b, or nothing when it overflows.
inline std::optional<int64_t> checkedAdd(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

} // namespace ingot
