// Validates a problem, resolves aliases, and runs the stages on each memory space.
#include "passes/planner/Planner.h"
#include "passes/planner/Internal.h"
#include <algorithm>
#include <numeric>
#include <tuple>

namespace ingot::planner {

namespace {
/// A buffer's storage: the buffer that is not an alias, and where in it the alias begins.
struct Storage {
  size_t root;
  int64_t offset;
};
} // namespace

static std::string quoted(const Buffer &buffer) { return "'" + buffer.name + "'"; }

static std::string checkBuffer(const Buffer &b) {
  if (b.size < 0 || b.size > maxBytes)
    return "has size " + std::to_string(b.size) + ", expected 0 to " + std::to_string(maxBytes);
  if (b.firstUse < -maxTime || b.lastUse > maxTime || b.firstUse >= b.lastUse)
    return "is alive from " + std::to_string(b.firstUse) + " to " + std::to_string(b.lastUse) +
           ", expected a first use before the last";
  if (b.alignment < 1 || b.alignment > (int64_t(1) << 30) || (b.alignment & (b.alignment - 1)))
    return "has alignment " + std::to_string(b.alignment) + ", expected a power of two up to 2^30";
  if (b.fixedOffset && (*b.fixedOffset < 0 || *b.fixedOffset > maxBytes))
    return "is fixed at offset " + std::to_string(*b.fixedOffset) + ", expected 0 to " +
           std::to_string(maxBytes);
  if (b.fixedOffset && *b.fixedOffset % b.alignment)
    return "is fixed at offset " + std::to_string(*b.fixedOffset) +
           ", which is not a multiple of its alignment " + std::to_string(b.alignment);
  if (b.fixedOffset && b.alias)
    return "has a fixed offset and is an alias, expected one of them";
  return "";
}

/// Follows alias chains; false and `error` on a cycle, a bad index, or an alias that sticks out.
static bool resolveAliases(const std::vector<Buffer> &buffers, std::vector<Storage> &storage,
                           std::string &error) {
  size_t n = buffers.size();
  storage.assign(n, {n, 0});
  std::vector<size_t> chain;
  for (size_t i = 0; i < n; ++i) {
    chain.clear();
    size_t at = i;
    while (storage[at].root == n && buffers[at].alias) {
      const Alias &alias = *buffers[at].alias;
      if (alias.base >= n) {
        error = "buffer " + quoted(buffers[at]) + " aliases a buffer that does not exist";
        return false;
      }
      const Buffer &base = buffers[alias.base];
      if (alias.offset < 0 || alias.offset > base.size - buffers[at].size) {
        error = "buffer " + quoted(buffers[at]) + " aliases bytes " + std::to_string(alias.offset) +
                " and on of " + quoted(base) + ", which has " + std::to_string(base.size) +
                " bytes; it needs " + std::to_string(buffers[at].size);
        return false;
      }
      if (base.space != buffers[at].space) {
        error = "buffer " + quoted(buffers[at]) + " aliases " + quoted(base) +
                ", which is in another memory space";
        return false;
      }
      chain.push_back(at);
      if (chain.size() > n) {
        error = "buffer " + quoted(buffers[at]) + " is, through aliases, an alias of itself";
        return false;
      }
      at = alias.base;
    }
    if (storage[at].root == n)
      storage[at] = {at, 0};
    for (; !chain.empty(); chain.pop_back()) {
      size_t index = chain.back();
      storage[index] = {storage[at].root, storage[at].offset + buffers[index].alias->offset};
      if (storage[index].offset % buffers[index].alignment) {
        error = "buffer " + quoted(buffers[index]) + " begins " +
                std::to_string(storage[index].offset) + " bytes into " +
                quoted(buffers[storage[index].root]) +
                ", which is not a multiple of its alignment " +
                std::to_string(buffers[index].alignment);
        return false;
      }
      at = index;
    }
  }
  return true;
}

/// The largest buffers alive at `time`, for messages.
static std::string liveAt(const Problem &problem, std::span<const Item> items, int64_t time) {
  std::vector<const Item *> live;
  for (const Item &item : items)
    if (item.begin <= time && time < item.end)
      live.push_back(&item);
  std::sort(live.begin(), live.end(), [](const Item *a, const Item *b) {
    return a->size != b->size ? a->size > b->size : a->buffer < b->buffer;
  });
  std::string text = "alive at time " + std::to_string(time) + ":";
  for (size_t i = 0; i < live.size() && i < 8; ++i)
    text += (i ? ", " : " ") + quoted(problem.buffers[live[i]->buffer]) + " (" +
            std::to_string(live[i]->size) + " bytes)";
  if (live.size() > 8)
    text += " and " + std::to_string(live.size() - 8) + " smaller ones";
  return text;
}

/// Places the items of one space; false and `error` when its capacity cannot be met.
static bool planSpace(const Problem &problem, const Options &options, std::span<const Item> items,
                      std::optional<int64_t> capacity, SpaceReport &report, Offsets &offsets,
                      std::string &error) {
  Bound bound = lowerBound(items);
  report.lowerBound = bound.bytes;
  report.peakTime = bound.time;
  report.buffers = items.size();
  for (const Item &item : items)
    report.sumOfSizes += item.size;
  auto tooSmall = [&](const std::string &what) {
    error = "memory space " + std::to_string(report.space) + " has " + std::to_string(*capacity) +
            " bytes, but " + what + "; " + liveAt(problem, items, bound.time);
    return false;
  };
  if (capacity && bound.bytes > *capacity)
    return tooSmall(std::to_string(bound.bytes) + " are needed at once");
  Best best;
  Items pairs(items);
  if (items.empty())
    best.height = 0;
  else
    greedyPortfolio(pairs, bound.time, bound.bytes, best);
  report.method = best.method;
  if (best.height > bound.bytes && options.searchSteps > 0) {
    int64_t steps = options.searchSteps, greedySteps = best.steps;
    // The order's neighbourhood is cheap and settles ordinary nets; the tree search is for the
    // rest.
    localSearch(pairs, bound.bytes, steps / 8, best);
    // A capacity that must be met comes before the last percent.
    if (capacity && best.height > *capacity)
      canonicalSearch(items, *capacity, steps * 5 / 8, /*targetOnly=*/true, best);
    canonicalSearch(items, bound.bytes, steps - (best.steps - greedySteps), /*targetOnly=*/false,
                    best);
  }
  report.bytes = best.height;
  report.method = best.method;
  report.steps = best.steps;
  if (capacity && best.height > *capacity)
    return tooSmall("the smallest placement found takes " + std::to_string(best.height) +
                    " (no placement is below " + std::to_string(bound.bytes) + ")");
  offsets = std::move(best.offsets);
  return true;
}

std::optional<Plan> plan(const Problem &problem, const Options &options, std::string &error) {
  const std::vector<Buffer> &buffers = problem.buffers;
  if (buffers.size() > maxBuffers) {
    error =
        std::to_string(buffers.size()) + " buffers, expected at most " + std::to_string(maxBuffers);
    return std::nullopt;
  }
  for (const Buffer &buffer : buffers)
    if (std::string wrong = checkBuffer(buffer); !wrong.empty()) {
      error = "buffer " + quoted(buffer) + " " + wrong;
      return std::nullopt;
    }
  std::vector<Storage> storage;
  if (!resolveAliases(buffers, storage, error))
    return std::nullopt;

  // Items by space; an alias lengthens its storage's life and raises its alignment.
  std::map<int64_t, std::vector<Item>> spaces;
  std::vector<Item> roots(buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer &b = buffers[i];
    if (storage[i].root == i)
      roots[i] = {b.firstUse, b.lastUse, b.size, b.alignment, b.fixedOffset.value_or(-1), i};
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    Item &root = roots[storage[i].root];
    root.begin = std::min(root.begin, buffers[i].firstUse);
    root.end = std::max(root.end, buffers[i].lastUse);
    root.align = std::max(root.align, buffers[i].alignment);
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (storage[i].root != i)
      continue;
    if (roots[i].fixed >= 0 && roots[i].fixed % roots[i].align) {
      error = "buffer " + quoted(buffers[i]) + " is fixed at offset " +
              std::to_string(roots[i].fixed) + ", but an alias of it needs alignment " +
              std::to_string(roots[i].align);
      return std::nullopt;
    }
    spaces[buffers[i].space];
    if (roots[i].size > 0)
      spaces[buffers[i].space].push_back(roots[i]);
  }

  Plan result;
  result.offsets.assign(buffers.size(), 0);
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].fixedOffset)
      result.offsets[i] = *buffers[i].fixedOffset;
  for (auto &[space, items] : spaces) {
    for (size_t i = 0; i < items.size(); ++i)
      for (size_t j = 0; items[i].fixed >= 0 && j < i; ++j)
        if (items[j].fixed >= 0 && overlapInTime(items[i], items[j]) &&
            items[i].fixed < items[j].fixed + items[j].size &&
            items[j].fixed < items[i].fixed + items[i].size) {
          error = "buffers " + quoted(buffers[items[j].buffer]) + " and " +
                  quoted(buffers[items[i].buffer]) +
                  " are fixed on the same bytes while both are alive";
          return std::nullopt;
        }
    SpaceReport report;
    report.space = space;
    std::optional<int64_t> capacity;
    if (auto it = problem.capacities.find(space); it != problem.capacities.end())
      capacity = it->second;
    Offsets offsets;
    if (!planSpace(problem, options, items, capacity, report, offsets, error))
      return std::nullopt;
    for (size_t i = 0; i < items.size(); ++i)
      result.offsets[items[i].buffer] = offsets[i];
    result.spaces.push_back(std::move(report));
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    if (storage[i].root != i)
      result.offsets[i] = result.offsets[storage[i].root] + storage[i].offset;
  return result;
}

/// Checks that no two storages share bytes while both are alive: a sweep over time.
static std::string checkOverlaps(const Problem &problem, const Plan &plan,
                                 const std::vector<Storage> &storage) {
  const std::vector<Buffer> &buffers = problem.buffers;
  // A view keeps its storage alive: lifetimes are taken per storage.
  std::vector<int64_t> begin(buffers.size(), unlimited), end(buffers.size(), -unlimited);
  for (size_t i = 0; i < buffers.size(); ++i) {
    size_t root = storage[i].root;
    begin[root] = std::min(begin[root], buffers[i].firstUse);
    end[root] = std::max(end[root], buffers[i].lastUse);
  }
  // (time, starts, buffer): what ends at a time makes room before anything starts at it.
  std::vector<std::tuple<int64_t, bool, size_t>> events;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (storage[i].root == i && buffers[i].size > 0) {
      events.emplace_back(begin[i], true, i);
      events.emplace_back(end[i], false, i);
    }
  std::sort(events.begin(), events.end());
  std::map<std::pair<int64_t, int64_t>, size_t> alive; // (space, offset) → buffer; none overlap
  for (auto [time, starts, i] : events) {
    auto key = std::pair(buffers[i].space, plan.offsets[i]);
    if (!starts) {
      alive.erase(key);
      continue;
    }
    auto after = alive.lower_bound(key);
    auto overlap = [&](size_t other) {
      return "buffers " + quoted(buffers[std::min(i, other)]) + " and " +
             quoted(buffers[std::max(i, other)]) + " overlap";
    };
    if (after != alive.end() && after->first.first == key.first &&
        after->first.second < key.second + buffers[i].size)
      return overlap(after->second);
    if (after != alive.begin()) {
      auto before = std::prev(after);
      if (before->first.first == key.first &&
          key.second < before->first.second + buffers[before->second].size)
        return overlap(before->second);
    }
    alive.emplace(key, i);
  }
  return "";
}

std::string checkPlan(const Problem &problem, const Plan &plan) {
  const std::vector<Buffer> &buffers = problem.buffers;
  if (plan.offsets.size() != buffers.size())
    return "the plan has " + std::to_string(plan.offsets.size()) + " offsets for " +
           std::to_string(buffers.size()) + " buffers";
  std::string error;
  std::vector<Storage> storage;
  if (!resolveAliases(buffers, storage, error))
    return error;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer &a = buffers[i];
    int64_t offset = plan.offsets[i];
    if (offset < 0 || offset % a.alignment)
      return "buffer " + quoted(a) + " lies at " + std::to_string(offset) +
             ", which its alignment forbids";
    if (a.fixedOffset && offset != *a.fixedOffset)
      return "buffer " + quoted(a) + " does not lie at its fixed offset";
    if (offset != plan.offsets[storage[i].root] + storage[i].offset)
      return "buffer " + quoted(a) + " does not lie inside what it aliases";
    auto capacity = problem.capacities.find(a.space);
    if (capacity != problem.capacities.end() && offset + a.size > capacity->second)
      return "buffer " + quoted(a) + " lies beyond the capacity of its space";
    for (const SpaceReport &report : plan.spaces)
      if (report.space == a.space && offset + a.size > report.bytes)
        return "buffer " + quoted(a) + " lies beyond the reported size of its space";
  }
  return checkOverlaps(problem, plan, storage);
}

} // namespace ingot::planner
