// What the planner's stages share: the items of one space after aliases are resolved.
#pragma once
#include "passes/planner/Planner.h"
#include <limits>
#include <span>

namespace ingot::planner {

/// A buffer together with everything that aliases it.
struct Item {
  int64_t begin, end; // alive at begin ≤ t < end
  int64_t size;
  int64_t align;
  int64_t fixed; // offset, or -1
  size_t buffer; // index in the problem
};

using Offsets = std::vector<int64_t>;

constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

inline int64_t alignUp(int64_t value, int64_t align) { return (value + align - 1) & -align; }
inline bool overlapInTime(const Item &a, const Item &b) {
  return a.begin < b.end && b.begin < a.end;
}

/// The most bytes alive at once, sharpened by alignment and fixed offsets, and when that is.
struct Bound {
  int64_t bytes = 0;
  int64_t time = 0;
};
Bound lowerBound(std::span<const Item> items);

/// The items of a space, and which of them live at the same time. In a long program an item meets
/// few others, and work that goes by these pairs stays in proportion to the program.
class Items {
public:
  explicit Items(std::span<const Item> items);

  std::span<const Item> all() const { return all_; }
  /// Whether there is a list per item; there is none where so many pairs live together that going
  /// through all items is as fast.
  bool hasLists() const { return !starts_.empty(); }
  /// The items that live together with item i.
  std::span<const uint32_t> together(size_t i) const {
    return std::span(list_).subspan(starts_[i], starts_[i + 1] - starts_[i]);
  }
  /// Pairs of items that a placement looks at.
  int64_t work() const;

private:
  std::span<const Item> all_;
  std::vector<uint32_t> list_;
  std::vector<size_t> starts_; ///< per item, and one more: where its part of the list begins
};

enum class Fit { first, best };

/// Places the items in the given order, fixed ones first; returns the height reached. Gives up and
/// returns `unlimited` when `limit` is passed.
int64_t place(const Items &items, std::span<const uint32_t> order, Fit fit, Offsets &offsets,
              int64_t limit = unlimited);

/// The best placement so far and how it came about.
struct Best {
  int64_t height = unlimited;
  Offsets offsets;
  std::vector<uint32_t> order;
  Fit fit = Fit::first;
  std::string method;
  int64_t steps = 0;
};

/// Tries every greedy order with both fits until one reaches `target` bytes.
void greedyPortfolio(const Items &items, int64_t peakTime, int64_t target, Best &best);

/// Changes the best order step by step; stops at `target` bytes or after `budget` steps.
void localSearch(const Items &items, int64_t target, int64_t budget, Best &best);

/// Looks for placements of at most `target` bytes, then, unless `targetOnly`, of something between
/// that and best.height, by depth-first search over canonical placements, for `budget` steps.
void canonicalSearch(std::span<const Item> items, int64_t target, int64_t budget, bool targetOnly,
                     Best &best);

} // namespace ingot::planner
