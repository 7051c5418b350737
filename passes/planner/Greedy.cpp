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

int64_t place(std::span<const Item> items, std::span<const uint32_t> order, Fit fit,
              Offsets &offsets, int64_t limit) {
  struct Placed {
    int64_t low, high, begin, end;
  };
  static_assert(sizeof(Placed) == 32);
  std::vector<Placed> placed; // by ascending low
  placed.reserve(items.size());
  int64_t height = 0;
  auto put = [&](uint32_t index, int64_t offset) {
    const Item &item = items[index];
    offsets[index] = offset;
    height = std::max(height, offset + item.size);
    auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                               [](int64_t value, const Placed &p) { return value < p.low; });
    placed.insert(at, {offset, offset + item.size, item.begin, item.end});
  };
  offsets.resize(items.size());
  for (uint32_t index : order)
    if (items[index].fixed >= 0)
      put(index, items[index].fixed);
  for (uint32_t index : order) {
    const Item &item = items[index];
    if (item.fixed >= 0)
      continue;
    int64_t cursor = 0, chosen = -1, smallest = unlimited;
    for (const Placed &p : placed) {
      if (p.begin >= item.end || item.begin >= p.end)
        continue;
      int64_t start = alignUp(cursor, item.align);
      if (p.low - start >= item.size) {
        int64_t room = p.low - cursor;
        if (fit == Fit::first) {
          chosen = start;
          break;
        }
        if (room < smallest)
          smallest = room, chosen = start;
      }
      cursor = std::max(cursor, p.high);
    }
    if (chosen < 0)
      chosen = alignUp(cursor, item.align);
    put(index, chosen);
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

static std::vector<Order> makeOrders(std::span<const Item> items, int64_t peakTime) {
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
  // Conflicts: bytes of everything alive at some time together with the item. Quadratic, and of no
  // use where there are very many buffers.
  if (n <= 4096) {
    std::vector<int64_t> conflict(n, 0);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        if (i != j && overlapInTime(items[i], items[j]))
          conflict[i] += items[j].size;
    orders.insert(orders.begin() + 3, {"bytes in conflict", {conflict, size}});
  }
  return orders;
}

void greedyPortfolio(std::span<const Item> items, int64_t peakTime, int64_t target, Best &best) {
  Offsets offsets;
  // With very many buffers a placement is seconds of work: the order that wins most often is
  // enough.
  bool few = items.size() <= 8192;
  for (const Order &order : makeOrders(items, peakTime)) {
    std::vector<uint32_t> indices(items.size());
    std::iota(indices.begin(), indices.end(), 0);
    std::sort(indices.begin(), indices.end(), [&](uint32_t a, uint32_t b) {
      for (const auto &key : order.keys)
        if (key[a] != key[b])
          return key[a] > key[b];
      return a < b;
    });
    for (Fit fit : {Fit::first, Fit::best}) {
      int64_t height = place(items, indices, fit, offsets);
      best.steps += int64_t(items.size()) * int64_t(items.size()) / 2;
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
