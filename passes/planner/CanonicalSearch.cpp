// Depth-first search over canonical placements, after the idea of MiniMalloc (ASPLOS 2023).
//
// A placement is canonical when no buffer can sink and buffers are placed by ascending offset;
// every placement can be pushed down into one. Hence each unplaced buffer has one offset to try:
// the top of what is placed in its lifetime. Three observations cut the tree:
//  - a buffer that would start above the end of another unplaced one need not be tried yet;
//  - in every section of time, floor + sizes still to come must stay within the capacity;
//  - when the unplaced buffers fall into groups that never live together, groups are independent.
#include "passes/planner/Internal.h"
#include <algorithm>
#include <numeric>
#include <tuple>

namespace ingot::planner {

namespace {

class Search {
public:
  Search(std::span<const Item> items, std::span<const uint32_t> rank);

  enum class Outcome { found, impossible, outOfBudget };
  /// Looks for a placement of at most `capacity` bytes; spends at most `budget` steps.
  Outcome run(int64_t capacity, int64_t budget);

  const Offsets &offsets() const { return offsets_; }
  int64_t steps() const { return steps_; }

private:
  struct Change {
    uint32_t item;
    int64_t floor;
  };
  Outcome solve(std::span<const uint32_t> group, int64_t last, int64_t lastRank);
  Outcome solveParts(const std::vector<std::vector<uint32_t>> &parts, int64_t last,
                     int64_t lastRank);
  Outcome tryItem(std::span<const uint32_t> group, uint32_t item);
  bool feasible(std::span<const uint32_t> group, int64_t last);
  int64_t liftOverFixed(uint32_t item, int64_t offset) const;

  std::span<const Item> items_;
  std::span<const uint32_t> rank_; // item → position in the static order
  std::vector<uint32_t> firstSection_, endSection_;
  std::vector<std::vector<uint32_t>> conflicts_; // items alive at the same time
  std::vector<uint32_t> fixed_;
  std::vector<bool> placed_;
  Offsets floor_;   // per unplaced item: the lowest offset it can still have
  Offsets offsets_; // per placed item
  std::vector<int64_t> sectionFloor_, sectionRest_;
  int64_t capacity_ = 0, budget_ = 0, steps_ = 0;
};

} // namespace

Search::Search(std::span<const Item> items, std::span<const uint32_t> rank)
    : items_(items), rank_(rank) {
  std::vector<int64_t> times;
  for (const Item &item : items) {
    times.push_back(item.begin);
    times.push_back(item.end);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  auto section = [&](int64_t time) {
    return uint32_t(std::lower_bound(times.begin(), times.end(), time) - times.begin());
  };
  size_t n = items.size();
  conflicts_.resize(n);
  for (uint32_t i = 0; i < n; ++i) {
    firstSection_.push_back(section(items[i].begin));
    endSection_.push_back(section(items[i].end));
    if (items[i].fixed >= 0)
      fixed_.push_back(i);
    for (uint32_t j = 0; j < n; ++j)
      if (i != j && overlapInTime(items[i], items[j]))
        conflicts_[i].push_back(j);
  }
  sectionFloor_.resize(times.size());
  sectionRest_.resize(times.size());
}

int64_t Search::liftOverFixed(uint32_t index, int64_t offset) const {
  // Fixed buffers may stand in the way above the floor: step over those still to be placed.
  if (items_[index].fixed >= 0)
    return items_[index].fixed;
  for (bool moved = true; moved;) {
    moved = false;
    for (uint32_t other : fixed_) {
      const Item &obstacle = items_[other];
      if (!overlapInTime(obstacle, items_[index]) || obstacle.size == 0)
        continue;
      if (offset < obstacle.fixed + obstacle.size && obstacle.fixed < offset + items_[index].size) {
        offset = alignUp(obstacle.fixed + obstacle.size, items_[index].align);
        moved = true;
      }
    }
  }
  return offset;
}

Search::Outcome Search::run(int64_t capacity, int64_t budget) {
  size_t n = items_.size();
  capacity_ = capacity;
  budget_ = budget;
  steps_ = 0;
  placed_.assign(n, false);
  floor_.assign(n, 0);
  offsets_.assign(n, 0);
  std::fill(sectionRest_.begin(), sectionRest_.end(), 0);
  for (uint32_t i = 0; i < n; ++i) {
    floor_[i] = liftOverFixed(i, 0);
    for (uint32_t s = firstSection_[i]; s < endSection_[i]; ++s)
      sectionRest_[s] += items_[i].size;
  }
  std::vector<uint32_t> all(n);
  std::iota(all.begin(), all.end(), 0);
  std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) {
    return firstSection_[a] != firstSection_[b] ? firstSection_[a] < firstSection_[b]
                                                : rank_[a] < rank_[b];
  });
  return solve(all, 0, -1);
}

bool Search::feasible(std::span<const uint32_t> group, int64_t last) {
  // In each section the lowest unplaced buffer starts no lower than its floor, and all the others
  // stand on or above it.
  uint32_t low = UINT32_MAX, high = 0;
  for (uint32_t i : group) {
    low = std::min(low, firstSection_[i]);
    high = std::max(high, endSection_[i]);
  }
  if (low >= high)
    return true;
  std::fill(sectionFloor_.begin() + low, sectionFloor_.begin() + high, unlimited);
  for (uint32_t i : group) {
    int64_t floor = std::max(floor_[i], last);
    if (floor + items_[i].size > capacity_)
      return false;
    for (uint32_t s = firstSection_[i]; s < endSection_[i]; ++s)
      sectionFloor_[s] = std::min(sectionFloor_[s], floor);
    steps_ += 1 + (endSection_[i] - firstSection_[i]) / 8;
  }
  for (uint32_t s = low; s < high; ++s)
    if (sectionFloor_[s] != unlimited && sectionFloor_[s] > capacity_ - sectionRest_[s])
      return false;
  return true;
}

Search::Outcome Search::tryItem(std::span<const uint32_t> group, uint32_t item) {
  int64_t offset = floor_[item], end = offset + items_[item].size;
  std::vector<Change> trail;
  placed_[item] = true;
  offsets_[item] = offset;
  for (uint32_t s = firstSection_[item]; s < endSection_[item]; ++s)
    sectionRest_[s] -= items_[item].size;
  bool possible = true;
  for (uint32_t other : conflicts_[item]) {
    if (placed_[other] || floor_[other] >= end)
      continue;
    if (items_[other].fixed >= 0) {
      possible &= items_[other].fixed + items_[other].size <= offset;
      continue;
    }
    trail.push_back({other, floor_[other]});
    floor_[other] = liftOverFixed(other, alignUp(end, items_[other].align));
    possible &= floor_[other] + items_[other].size <= capacity_;
  }
  steps_ += int64_t(conflicts_[item].size());
  Outcome outcome = Outcome::impossible;
  if (possible) {
    std::vector<uint32_t> rest;
    rest.reserve(group.size());
    for (uint32_t other : group)
      if (other != item)
        rest.push_back(other);
    outcome = solve(rest, offset, rank_[item]);
  }
  if (outcome == Outcome::found)
    return outcome;
  for (const Change &change : trail)
    floor_[change.item] = change.floor;
  for (uint32_t s = firstSection_[item]; s < endSection_[item]; ++s)
    sectionRest_[s] += items_[item].size;
  placed_[item] = false;
  return outcome;
}

Search::Outcome Search::solve(std::span<const uint32_t> group, int64_t last, int64_t lastRank) {
  if (group.empty())
    return Outcome::found;
  if (steps_ > budget_)
    return Outcome::outOfBudget;
  if (!feasible(group, last))
    return Outcome::impossible;
  // Groups that never live together; `group` is in order of time.
  std::vector<std::vector<uint32_t>> parts(1);
  uint32_t reach = endSection_[group.front()];
  for (uint32_t i : group) {
    if (firstSection_[i] >= reach)
      parts.emplace_back();
    parts.back().push_back(i);
    reach = std::max(reach, endSection_[i]);
  }
  if (parts.size() > 1)
    return solveParts(parts, last, lastRank);
  // A buffer that fits below another's floor comes before it. Below `last` it can come no more:
  // then it could sink in whatever follows, and another branch holds that placement.
  int64_t lowestEnd = unlimited;
  for (uint32_t i : group)
    lowestEnd = std::min(lowestEnd, floor_[i] + items_[i].size);
  std::vector<uint32_t> candidates;
  for (uint32_t i : group)
    if ((floor_[i] > last || (floor_[i] == last && int64_t(rank_[i]) > lastRank)) &&
        floor_[i] < lowestEnd)
      candidates.push_back(i);
  std::sort(candidates.begin(), candidates.end(), [&](uint32_t a, uint32_t b) {
    return floor_[a] != floor_[b] ? floor_[a] < floor_[b] : rank_[a] < rank_[b];
  });
  for (uint32_t i : candidates)
    if (Outcome outcome = tryItem(group, i); outcome != Outcome::impossible)
      return outcome;
  return Outcome::impossible;
}

Search::Outcome Search::solveParts(const std::vector<std::vector<uint32_t>> &parts, int64_t last,
                                   int64_t lastRank) {
  // One after the other: what one part chooses cannot make another fail.
  Offsets before = floor_;
  for (size_t k = 0; k < parts.size(); ++k) {
    Outcome outcome = solve(parts[k], last, lastRank);
    if (outcome == Outcome::found)
      continue;
    for (size_t done = 0; done < k; ++done)
      for (uint32_t i : parts[done]) {
        placed_[i] = false;
        for (uint32_t s = firstSection_[i]; s < endSection_[i]; ++s)
          sectionRest_[s] += items_[i].size;
      }
    floor_ = before;
    return outcome;
  }
  return Outcome::found;
}

/// The static orders: they decide ties, and so which part of the tree is seen first.
static std::vector<std::vector<uint32_t>> makeRanks(std::span<const Item> items) {
  size_t n = items.size();
  // Load is the fullest moment of an item's life.
  std::vector<int64_t> times;
  for (const Item &item : items) {
    times.push_back(item.begin);
    times.push_back(item.end);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  auto section = [&](int64_t time) {
    return std::lower_bound(times.begin(), times.end(), time) - times.begin();
  };
  std::vector<int64_t> perSection(times.size());
  for (const Item &item : items)
    for (auto s = section(item.begin), end = section(item.end); s < end; ++s)
      perSection[s] += item.size;
  std::vector<int64_t> load(n), width(n);
  std::vector<double> area(n);
  for (size_t i = 0; i < n; ++i) {
    load[i] = *std::max_element(perSection.begin() + section(items[i].begin),
                                perSection.begin() + section(items[i].end));
    width[i] = items[i].end - items[i].begin;
    area[i] = double(width[i]) * double(items[i].size);
  }
  using Index = uint32_t;
  auto rank = [&](auto &&before) {
    std::vector<uint32_t> order(n), result(n);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](Index a, Index b) { return before(a, b) || (!before(b, a) && a < b); });
    for (uint32_t position = 0; position < n; ++position)
      result[order[position]] = position;
    return result;
  };
  return {rank([&](Index a, Index b) {
            return std::tie(width[b], area[b], load[b]) < std::tie(width[a], area[a], load[a]);
          }),
          rank([&](Index a, Index b) {
            return std::tie(load[b], area[b], width[b]) < std::tie(load[a], area[a], width[a]);
          }),
          rank([&](Index a, Index b) {
            return std::tie(load[b], width[b], area[b]) < std::tie(load[a], width[a], area[a]);
          }),
          rank([&](Index a, Index b) {
            return std::tie(area[b], load[b], width[b]) < std::tie(area[a], load[a], width[a]);
          })};
}

void canonicalSearch(std::span<const Item> items, int64_t target, int64_t budget, bool targetOnly,
                     Best &best) {
  size_t n = items.size();
  if (n < 2 || n > 2048 || best.height <= target) // the recursion is as deep as there are buffers
    return;
  auto ranks = makeRanks(items);
  std::vector<Search> searches;
  for (const auto &rank : ranks)
    searches.emplace_back(items, rank);
  int64_t low = target; // no capacity below it is of interest, or possible
  int64_t aim = low;
  while (best.height > low && budget > 0) {
    // All of the budget for an only aim, a third of what is left otherwise. The orders take turns,
    // with more room each time: some inputs are easy for one of them.
    auto outcome = Search::Outcome::outOfBudget;
    int64_t share = targetOnly ? budget : budget / 3;
    int64_t slice = std::max<int64_t>(share / int64_t(searches.size() * 21), 1);
    for (int turn = 0; turn < 3 && outcome == Search::Outcome::outOfBudget; ++turn, slice *= 4)
      for (Search &search : searches) {
        outcome = search.run(aim, slice);
        budget -= search.steps();
        best.steps += search.steps();
        if (outcome == Search::Outcome::found) {
          best.offsets = search.offsets();
          best.height = 0;
          for (size_t i = 0; i < n; ++i)
            best.height = std::max(best.height, best.offsets[i] + items[i].size);
          best.method = "canonical search";
        }
        if (outcome != Search::Outcome::outOfBudget)
          break;
      }
    if (targetOnly)
      return;
    if (outcome != Search::Outcome::found)
      low = aim + 1; // proven impossible, or too hard for this budget: look above
    aim = low + (best.height - low) / 2;
    if (best.height - low <= best.height / 1024)
      break;
  }
}

} // namespace ingot::planner
