// Lower bound, placement of an order, and the portfolio of greedy orders.
#include "passes/planner/Internal.h"
#include <algorithm>
#include <numeric>

namespace ingot::planner {

Bound lowerBound(std::span<const Item> items) {
  // A sweep over starts and ends. All offsets are multiples of the smallest alignment, so every
  // buffer alive takes its size rounded up to it, except the one on top.
  Bound bound;
  if (items.empty())
    return bound;
  int64_t align = items.front().align;
  for (const Item &item : items)
    align = std::min(align, item.align);
  for (const Item &item : items)
    if (item.fixed >= 0 && item.fixed + item.size > bound.bytes)
      bound = {item.fixed + item.size, item.begin};
  struct Event {
    int64_t time;
    bool starts;
    const Item *item;
  };
  std::vector<Event> events;
  for (const Item &item : items) {
    events.push_back({item.begin, true, &item});
    events.push_back({item.end, false, &item});
  }
  std::sort(events.begin(), events.end(), [](const Event &a, const Event &b) {
    return a.time != b.time ? a.time < b.time : a.starts < b.starts; // ends before starts
  });
  // The slack of rounding per live buffer, kept as counts so that its maximum is at hand.
  std::map<int64_t, int64_t> slack;
  int64_t live = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const Item &item = *events[i].item;
    int64_t rounded = alignUp(item.size, align);
    if (events[i].starts) {
      live += rounded;
      ++slack[rounded - item.size];
    } else {
      live -= rounded;
      if (auto it = slack.find(rounded - item.size); --it->second == 0)
        slack.erase(it);
    }
    bool lastOfTime = i + 1 == events.size() || events[i + 1].time != events[i].time;
    if (lastOfTime && !slack.empty() && live - slack.rbegin()->first > bound.bytes)
      bound = {live - slack.rbegin()->first, events[i].time};
  }
  return bound;
}

/// Beyond this share of all pairs a list per item saves nothing: going through what is placed, in
/// order, costs a fraction of what a lookup and a sort do.
constexpr size_t kScanIsCheaper = 8;
/// Entries that the lists may have together: 64 MiB.
constexpr size_t kMostEntries = size_t(1) << 24;

Items::Items(std::span<const Item> items) : all_(items) {
  // A sweep: who starts meets everyone alive.
  size_t n = items.size(), most = std::min(n * n / kScanIsCheaper, kMostEntries);
  std::vector<uint32_t> order(n), alive;
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return items[a].begin != items[b].begin ? items[a].begin < items[b].begin : a < b;
  });
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  std::vector<size_t> starts(n + 1);
  for (uint32_t i : order) {
    std::erase_if(alive, [&](uint32_t other) { return items[other].end <= items[i].begin; });
    if (2 * (pairs.size() + alive.size()) > most)
      return;
    for (uint32_t other : alive)
      if (overlapInTime(items[i], items[other])) {
        pairs.emplace_back(i, other);
        ++starts[i + 1];
        ++starts[other + 1];
      }
    alive.push_back(i);
  }
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  list_.resize(starts.back());
  std::vector<size_t> next(starts.begin(), starts.end() - 1);
  for (auto [a, b] : pairs) {
    list_[next[a]++] = b;
    list_[next[b]++] = a;
  }
  starts_ = std::move(starts);
}

int64_t Items::work() const {
  return hasLists() ? int64_t(all_.size() + list_.size() * kScanIsCheaper / 2)
                    : int64_t(all_.size()) * int64_t(all_.size()) / 2;
}

namespace {
/// Bytes taken for a stretch of time.
struct Placed {
  int64_t low, high, begin, end;
};
} // namespace

/// Where `item` fits between what is placed, by ascending low end.
static int64_t findRoom(const Item &item, std::span<const Placed> placed, Fit fit) {
  int64_t cursor = 0, chosen = -1, smallest = unlimited;
  for (const Placed &p : placed) {
    if (p.begin >= item.end || item.begin >= p.end)
      continue;
    int64_t start = alignUp(cursor, item.align);
    if (p.low - start >= item.size) {
      int64_t room = p.low - cursor;
      if (fit == Fit::first)
        return start;
      if (room < smallest)
        smallest = room, chosen = start;
    }
    cursor = std::max(cursor, p.high);
  }
  return chosen < 0 ? alignUp(cursor, item.align) : chosen;
}

int64_t place(const Items &pairs, std::span<const uint32_t> order, Fit fit, Offsets &offsets,
              int64_t limit) {
  static_assert(sizeof(Placed) == 32);
  auto byLow = [](const Placed &a, const Placed &b) { return a.low < b.low; };
  std::span<const Item> items = pairs.all();
  std::vector<Placed> placed; // by ascending low: of all items, or of those that meet the next one
  placed.reserve(items.size());
  int64_t height = 0;
  auto put = [&](uint32_t index, int64_t offset) {
    const Item &item = items[index];
    offsets[index] = offset;
    height = std::max(height, offset + item.size);
    Placed entry{offset, offset + item.size, item.begin, item.end};
    if (!pairs.hasLists())
      placed.insert(std::upper_bound(placed.begin(), placed.end(), entry, byLow), entry);
  };
  offsets.assign(items.size(), -1); // not placed yet
  for (uint32_t index : order)
    if (items[index].fixed >= 0)
      put(index, items[index].fixed);
  for (uint32_t index : order) {
    const Item &item = items[index];
    if (item.fixed >= 0)
      continue;
    if (pairs.hasLists()) {
      placed.clear();
      for (uint32_t other : pairs.together(index))
        if (offsets[other] >= 0)
          placed.push_back({offsets[other], offsets[other] + items[other].size, items[other].begin,
                            items[other].end});
      std::sort(placed.begin(), placed.end(), byLow);
    }
    put(index, findRoom(item, placed, fit));
    if (height > limit)
      return unlimited;
  }
  return height;
}

namespace {
/// An order is a list of keys, compared one after the other, larger first.
struct Order {
  const char *name;
  std::vector<std::vector<int64_t>> keys;
};
} // namespace

static std::vector<Order> makeOrders(const Items &pairs, int64_t peakTime) {
  std::span<const Item> items = pairs.all();
  size_t n = items.size();
  auto key = [&](auto &&of) {
    std::vector<int64_t> values(n);
    for (size_t i = 0; i < n; ++i)
      values[i] = of(items[i]);
    return values;
  };
  auto size = key([](const Item &i) { return i.size; });
  auto life = key([](const Item &i) { return i.end - i.begin; });
  auto earlier = key([](const Item &i) { return -i.begin; });
  auto later = key([](const Item &i) { return i.end; });
  auto atPeak =
      key([&](const Item &i) { return int64_t(i.begin <= peakTime && peakTime < i.end); });
  auto nearPeak = key([&](const Item &i) {
    return i.end <= peakTime ? i.end - peakTime : i.begin > peakTime ? peakTime - i.begin : 1;
  });
  // Sizes and lifetimes may both be large: their product is compared in floating point's top bits.
  auto area = key([](const Item &i) {
    return int64_t(std::min(double(i.size) * double(i.end - i.begin), 9e18));
  });
  std::vector<Order> orders = {{"size", {size, earlier}},
                               {"size, long-lived first", {size, life}},
                               {"alive at the peak, size", {atPeak, size}},
                               {"area", {area, size}},
                               {"lifetime", {life, size}},
                               {"nearness to the peak", {nearPeak, size}},
                               {"execution order", {earlier, size}},
                               {"reverse execution order", {later, size}}};
  // Conflicts: bytes of everything alive at some time together with the item. Without lists it is
  // quadratic, and of no use where there are very many buffers.
  if (pairs.hasLists() || n <= 4096) {
    std::vector<int64_t> conflict(n, 0);
    for (size_t i = 0; i < n; ++i)
      if (pairs.hasLists())
        for (uint32_t j : pairs.together(i))
          conflict[i] += items[j].size;
      else
        for (size_t j = 0; j < n; ++j)
          if (i != j && overlapInTime(items[i], items[j]))
            conflict[i] += items[j].size;
    orders.insert(orders.begin() + 3, {"bytes in conflict", {conflict, size}});
  }
  return orders;
}

void greedyPortfolio(const Items &pairs, int64_t peakTime, int64_t target, Best &best) {
  std::span<const Item> items = pairs.all();
  Offsets offsets;
  // With very many buffers alive together a placement is seconds of work: the order that wins most
  // often is enough.
  bool few = pairs.work() <= int64_t(8192) * 8192 / 2;
  for (const Order &order : makeOrders(pairs, peakTime)) {
    std::vector<uint32_t> indices(items.size());
    std::iota(indices.begin(), indices.end(), 0);
    std::sort(indices.begin(), indices.end(), [&](uint32_t a, uint32_t b) {
      for (const auto &key : order.keys)
        if (key[a] != key[b])
          return key[a] > key[b];
      return a < b;
    });
    for (Fit fit : {Fit::first, Fit::best}) {
      int64_t height = place(pairs, indices, fit, offsets);
      best.steps += pairs.work();
      if (height < best.height) {
        best.height = height;
        best.offsets = offsets;
        best.order = indices;
        best.fit = fit;
        best.method = std::string(order.name) + (fit == Fit::first ? ", first fit" : ", best fit");
      }
      if (best.height <= target)
        return;
    }
    if (!few)
      return;
  }
}

} // namespace ingot::planner
