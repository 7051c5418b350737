// Improves a greedy order by moving buffers in it, accepting slightly worse orders early on.
#include "passes/planner/Internal.h"
#include <algorithm>

namespace ingot::planner {

namespace {
/// Xorshift: the same numbers on every machine.
struct Random {
  uint64_t state = 0x9e3779b97f4a7c15;
  uint64_t next() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
  size_t below(size_t n) { return size_t(next() % n); }
};
} // namespace

void localSearch(const Items &pairs, int64_t target, int64_t budget, Best &best) {
  std::span<const Item> items = pairs.all();
  size_t n = items.size();
  if (n < 3)
    return;
  int64_t cost = std::max<int64_t>(1, pairs.work());         // steps of one placement
  int64_t rounds = std::min<int64_t>(budget / cost, 20'000); // small problems are exhausted sooner
  Random random;
  std::vector<uint32_t> current = best.order, trial;
  int64_t height = best.height;
  Offsets currentOffsets = best.offsets, offsets;
  std::vector<uint32_t> top;
  for (int64_t round = 0; round < rounds && best.height > target; ++round) {
    // What stands highest must go earlier in the order: its room is still free then.
    top.clear();
    for (uint32_t position = 0; position < n; ++position) {
      uint32_t index = current[position];
      if (currentOffsets[index] + items[index].size >= height)
        top.push_back(position);
    }
    trial = current;
    if (random.below(4) != 0 && !top.empty()) {
      size_t from = top[random.below(top.size())];
      size_t to = random.below(from + 1);
      std::rotate(trial.begin() + to, trial.begin() + from, trial.begin() + from + 1);
    } else {
      std::swap(trial[random.below(n)], trial[random.below(n)]);
    }
    // A threshold that falls from 2 % to nothing: it leads out of small valleys.
    int64_t threshold = int64_t(double(height) * 0.02 * double(rounds - round) / double(rounds));
    int64_t limit = std::min(height + threshold, best.height + best.height / 10);
    int64_t reached = place(pairs, trial, best.fit, offsets, limit);
    best.steps += cost;
    if (reached > limit)
      continue;
    current.swap(trial);
    currentOffsets = offsets;
    height = reached;
    if (height < best.height) {
      best.height = height;
      best.offsets = offsets;
      best.order = current;
      best.method = "local search";
    }
  }
}

} // namespace ingot::planner
