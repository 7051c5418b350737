// Reader and writer of buffer tables; the reader takes any bytes.
#include "passes/planner/Csv.h"
#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

namespace ingot::planner {

namespace {
enum Column { id, lower, upper, size, alignment, offset, space, alias, aliasOffset, columns };
constexpr std::array<std::string_view, columns> columnNames = {
    "id", "lower", "upper", "size", "alignment", "offset", "space", "alias", "alias_offset"};
constexpr size_t maxNameLength = 256;
constexpr size_t maxFields = 32;
} // namespace

static std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

/// What a message may show of a field: short and printable.
static std::string shown(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, 40))
    result += c >= ' ' && c < 127 ? c : '?';
  return "'" + result + (text.size() > 40 ? "…'" : "'");
}

/// Splits at commas; false when there are more than maxFields.
static bool split(std::string_view line, std::vector<std::string_view> &fields) {
  fields.clear();
  while (true) {
    size_t comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (fields.size() > maxFields)
      return false;
    if (comma == std::string_view::npos)
      return true;
    line.remove_prefix(comma + 1);
  }
}

bool readCsv(std::string_view text, Problem &problem, std::string &error) {
  problem.buffers.clear();
  std::array<int, columns> where;
  where.fill(-1);
  std::unordered_map<std::string, size_t> byName;
  std::vector<std::pair<size_t, std::string>> aliases; // resolved at the end: a base may come later
  std::vector<std::string_view> fields;
  bool header = true;
  size_t number = 0, headerFields = 0;
  auto fail = [&](const std::string &what) {
    error = "line " + std::to_string(number) + ": " + what;
    return false;
  };
  while (!text.empty()) {
    size_t newline = text.find('\n');
    std::string_view line = trimmed(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    ++number;
    if (line.empty())
      continue;
    if (!split(line, fields))
      return fail("more than " + std::to_string(maxFields) + " fields");
    if (header) {
      header = false;
      headerFields = fields.size();
      for (size_t i = 0; i < fields.size(); ++i) {
        auto it = std::find(columnNames.begin(), columnNames.end(), fields[i]);
        if (it == columnNames.end())
          return fail("unknown column " + shown(fields[i]) + ", expected " +
                      "id, lower, upper, size, alignment, offset, space, alias or alias_offset");
        int &at = where[it - columnNames.begin()];
        if (at >= 0)
          return fail("column " + shown(fields[i]) + " stands twice");
        at = int(i);
      }
      for (Column needed : {id, lower, upper, size})
        if (where[needed] < 0)
          return fail("no column '" + std::string(columnNames[needed]) + "'");
      continue;
    }
    if (fields.size() != headerFields)
      return fail(std::to_string(fields.size()) + " fields, expected " +
                  std::to_string(headerFields) + " as in the first line");
    if (problem.buffers.size() == maxBuffers)
      return fail("more than " + std::to_string(maxBuffers) + " buffers");
    auto field = [&](Column column) {
      return where[column] < 0 ? std::string_view() : fields[where[column]];
    };
    std::string wrong;
    auto integer = [&](Column column, int64_t otherwise) {
      std::string_view value = field(column);
      if (value.empty() && column > size)
        return otherwise;
      int64_t result = 0;
      auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), result);
      if ((code != std::errc() || end != value.data() + value.size()) && wrong.empty())
        wrong = std::string(columnNames[column]) + " is " + shown(value) +
                ", expected a whole number of at most 63 bits";
      return result;
    };
    Buffer b;
    b.name = std::string(field(id).substr(0, maxNameLength + 1));
    if (b.name.empty() || b.name.size() > maxNameLength)
      return fail("id has " + std::to_string(field(id).size()) + " characters, expected 1 to " +
                  std::to_string(maxNameLength));
    b.firstUse = integer(lower, 0);
    b.lastUse = integer(upper, 0);
    b.size = integer(size, 0);
    b.alignment = integer(alignment, 1);
    b.space = integer(space, 0);
    if (!field(offset).empty())
      b.fixedOffset = integer(offset, 0);
    if (!field(alias).empty()) {
      b.alias = Alias{0, integer(aliasOffset, 0)};
      aliases.emplace_back(problem.buffers.size(), std::string(field(alias)));
    } else if (!field(aliasOffset).empty()) {
      return fail("alias_offset without alias");
    }
    if (!wrong.empty())
      return fail(wrong);
    if (!byName.emplace(b.name, problem.buffers.size()).second)
      return fail("id " + shown(b.name) + " stands twice");
    problem.buffers.push_back(std::move(b));
  }
  if (header) {
    error = "the table is empty, expected a first line with the columns id,lower,upper,size";
    return false;
  }
  for (auto &[index, name] : aliases) {
    auto it = byName.find(name);
    if (it == byName.end()) {
      error = "buffer " + shown(problem.buffers[index].name) + " aliases " + shown(name) +
              ", which the table does not hold";
      return false;
    }
    problem.buffers[index].alias->base = it->second;
  }
  return true;
}

std::string writeCsv(const Problem &problem, const Plan *plan) {
  std::array<bool, columns> used{};
  used[id] = used[lower] = used[upper] = used[size] = true;
  used[offset] = plan != nullptr;
  for (const Buffer &b : problem.buffers) {
    used[alignment] |= b.alignment != 1;
    used[offset] |= b.fixedOffset.has_value();
    used[space] |= b.space != 0;
    used[alias] |= b.alias.has_value();
    used[aliasOffset] |= b.alias.has_value();
  }
  std::string text;
  auto row = [&](auto &&cell) {
    bool first = true;
    for (int column = 0; column < columns; ++column)
      if (used[column]) {
        if (!first)
          text += ',';
        first = false;
        text += cell(Column(column));
      }
    text += '\n';
  };
  row([](Column column) { return std::string(columnNames[column]); });
  for (size_t i = 0; i < problem.buffers.size(); ++i) {
    const Buffer &b = problem.buffers[i];
    row([&](Column column) -> std::string {
      switch (column) {
      case id:
        return b.name;
      case lower:
        return std::to_string(b.firstUse);
      case upper:
        return std::to_string(b.lastUse);
      case size:
        return std::to_string(b.size);
      case alignment:
        return std::to_string(b.alignment);
      case offset:
        return plan            ? std::to_string(plan->offsets[i])
               : b.fixedOffset ? std::to_string(*b.fixedOffset)
                               : "";
      case space:
        return std::to_string(b.space);
      case alias:
        return b.alias ? problem.buffers[b.alias->base].name : "";
      case aliasOffset:
        return b.alias ? std::to_string(b.alias->offset) : "";
      case columns:
        break;
      }
      return "";
    });
  }
  return text;
}

} // namespace ingot::planner
