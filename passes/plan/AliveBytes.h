// How many bytes are alive at each step, and the most of them, while lifetimes change.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include <algorithm>
#include <cstdint>
#include <vector>

namespace ingot {

/// A tree over the steps: a change of a stretch of them takes logarithmic time, the maximum none.
class AliveBytes {
public:
  explicit AliveBytes(unsigned steps) : width(1) {
    while (width < steps)
      width *= 2;
    nodes.resize(2 * size_t(width));
  }

  /// Adds `bytes` (which may be negative) to the steps first…last.
  void add(unsigned first, unsigned last, int64_t bytes) {
    if (bytes)
      add(1, 0, width - 1, first, last, bytes);
  }

  int64_t peak() const { return nodes[1].most; }

private:
  struct Node {
    int64_t own = 0;  ///< added to all steps below
    int64_t most = 0; ///< of the steps below, `own` included
  };

  void add(size_t node, unsigned low, unsigned high, unsigned first, unsigned last, int64_t bytes) {
    if (last < low || high < first)
      return;
    if (first <= low && high <= last) {
      nodes[node].own += bytes;
      nodes[node].most += bytes;
      return;
    }
    unsigned middle = low + (high - low) / 2;
    add(2 * node, low, middle, first, last, bytes);
    add(2 * node + 1, middle + 1, high, first, last, bytes);
    nodes[node].most = nodes[node].own + std::max(nodes[2 * node].most, nodes[2 * node + 1].most);
  }

  unsigned width;
  std::vector<Node> nodes;
};

} // namespace ingot
