// Renders plans.
#include "passes/planner/Report.h"
#include <algorithm>
#include <cstdio>

namespace ingot::planner {

std::string formatBytes(int64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4)
    value /= 1024, ++unit;
  char text[40];
  std::snprintf(text, sizeof text, unit == 0 || value >= 100 ? "%.0f %s" : "%.2f %s", value,
                units[unit]);
  return text;
}

static std::string percent(double fraction) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f %%", fraction * 100);
  return text;
}

/// Buffers of a space that own bytes, largest first.
static std::vector<size_t> largest(const Problem &problem, int64_t space) {
  std::vector<size_t> result;
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    const Buffer &b = problem.buffers[i];
    if (b.space == space && !b.alias && b.size > 0)
      result.push_back(i);
  }
  std::sort(result.begin(), result.end(), [&](size_t a, size_t b) {
    int64_t sizeA = problem.buffers[a].size, sizeB = problem.buffers[b].size;
    return sizeA != sizeB ? sizeA > sizeB : a < b;
  });
  return result;
}

static char letter(size_t position) {
  return position < 26 ? char('a' + position) : position < 52 ? char('A' + position - 26) : '#';
}

std::string asciiMap(const Problem &problem, const Plan &plan, int64_t space, int columns,
                     int rows) {
  std::vector<size_t> order = largest(problem, space);
  if (order.empty() || columns < 1 || rows < 1)
    return "";
  // Storage lives as long as its aliases; chains end at a buffer that is none.
  std::vector<int64_t> begin(problem.buffers.size()), end(problem.buffers.size());
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    begin[i] = problem.buffers[i].firstUse;
    end[i] = problem.buffers[i].lastUse;
  }
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    size_t root = i;
    while (problem.buffers[root].alias)
      root = problem.buffers[root].alias->base;
    begin[root] = std::min(begin[root], problem.buffers[i].firstUse);
    end[root] = std::max(end[root], problem.buffers[i].lastUse);
  }
  int64_t from = begin[order[0]], to = end[order[0]], height = 1;
  for (size_t i : order) {
    from = std::min(from, begin[i]);
    to = std::max(to, end[i]);
    height = std::max(height, plan.offsets[i] + problem.buffers[i].size);
  }
  double perColumn = std::max(1.0, double(to - from) / columns);
  double perRow = std::max(1.0, double(height) / rows);
  int width = int(std::min<double>(columns, double(to - from)));
  rows = int(std::min<double>(rows, double(height)));
  std::vector<std::string> canvas(rows, std::string(width, '.'));
  // Small ones first, so that the large ones' letters win shared cells.
  for (size_t k = order.size(); k-- > 0;) {
    size_t i = order[k];
    int x0 = int(double(begin[i] - from) / perColumn);
    int x1 = int(double(end[i] - 1 - from) / perColumn);
    int y0 = int(double(plan.offsets[i]) / perRow);
    int y1 = int(double(plan.offsets[i] + problem.buffers[i].size - 1) / perRow);
    for (int y = y0; y <= y1 && y < rows; ++y)
      for (int x = x0; x <= x1 && x < width; ++x)
        canvas[y][x] = letter(k);
  }
  std::string text;
  for (int y = rows; y-- > 0;) {
    char label[40];
    std::snprintf(label, sizeof label, "%12lld |", (long long)(double(y) * perRow));
    text += label + canvas[y] + "\n";
  }
  text += std::string(13, ' ') + "+" + std::string(width, '-') + "\n";
  text +=
      std::string(14, ' ') + "time " + std::to_string(from) + " to " + std::to_string(to) + "\n";
  return text;
}

std::string reportText(const Problem &problem, const Plan &plan, bool map) {
  std::string text;
  for (const SpaceReport &report : plan.spaces) {
    if (plan.spaces.size() > 1 || report.space != 0)
      text += "space " + std::to_string(report.space) + ": ";
    text += "arena " + formatBytes(report.bytes) + " (" + std::to_string(report.bytes) +
            " bytes; lower bound " + std::to_string(report.lowerBound) + ", gap " +
            percent(report.gap()) + ")\n";
    text += "  " + std::to_string(report.buffers) + " buffers of " +
            formatBytes(report.sumOfSizes) + " in all, peak at time " +
            std::to_string(report.peakTime) + ", found by " +
            (report.method.empty() ? "nothing to place" : report.method) + "\n";
    if (!map)
      continue;
    text += asciiMap(problem, plan, report.space, 72, 20);
    std::vector<size_t> order = largest(problem, report.space);
    for (size_t k = 0; k < order.size() && k < 10; ++k) {
      const Buffer &b = problem.buffers[order[k]];
      text += std::string("  ") + letter(k) + " " + b.name + "  " + std::to_string(b.size) +
              " bytes at " + std::to_string(plan.offsets[order[k]]) + ", alive " +
              std::to_string(b.firstUse) + " to " + std::to_string(b.lastUse) + "\n";
    }
  }
  return text;
}

static std::string jsonString(const std::string &text) {
  std::string result = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += char(c);
    } else if (c < 0x20 || c >= 0x7f) {
      char escaped[8]; // bytes are shown as Latin-1: a table's names need not be UTF-8
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      result += escaped;
    } else {
      result += char(c);
    }
  }
  return result + "\"";
}

std::string reportJson(const Problem &problem, const Plan &plan) {
  std::string text = "{\"spaces\": [";
  for (size_t i = 0; i < plan.spaces.size(); ++i) {
    const SpaceReport &report = plan.spaces[i];
    char gap[40];
    std::snprintf(gap, sizeof gap, "%.6f", report.gap());
    text += std::string(i ? ", " : "") + "{\"space\": " + std::to_string(report.space) +
            ", \"bytes\": " + std::to_string(report.bytes) +
            ", \"lower_bound\": " + std::to_string(report.lowerBound) + ", \"gap\": " + gap +
            ", \"peak_time\": " + std::to_string(report.peakTime) +
            ", \"buffers\": " + std::to_string(report.buffers) +
            ", \"sum_of_sizes\": " + std::to_string(report.sumOfSizes) +
            ", \"method\": " + jsonString(report.method) +
            ", \"steps\": " + std::to_string(report.steps) + "}";
  }
  text += "],\n \"buffers\": [";
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    const Buffer &b = problem.buffers[i];
    text += std::string(i ? ",\n  " : "\n  ") + "{\"name\": " + jsonString(b.name) +
            ", \"offset\": " + std::to_string(plan.offsets[i]) +
            ", \"size\": " + std::to_string(b.size) + ", \"space\": " + std::to_string(b.space) +
            "}";
  }
  return text + "]}\n";
}

} // namespace ingot::planner
