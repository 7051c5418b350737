// `--dim NAME=N`, `--dim NAME=LO..HI/STEP`, `--dim NAME=OTHER` and `--value`, shared by the
// commands that read models.
#pragma once

#include "compiler/pipeline/Options.h"
#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>

namespace ingot {

/// What `--help` says of the flag.
inline constexpr const char *kDimHelp =
    "a dim of the inputs: NAME=N fixes its extent, NAME=LO..HI lets each run choose it (default: "
    "what the file says), NAME=LO..HI/STEP among the multiples of STEP; NAME is the file's, or "
    "INPUT.dimN, which also opens a dim that the file "
    "fixes; NAME=OTHER gives it another name, and dims of one name have one extent";

inline constexpr const char *kValueHelp =
    "what an integer input holds, where shapes, axes or counts are made of it: INPUT=N (checked by "
    "each run), INPUT=LO..HI (each run chooses), INPUT[I]=… for one element";

/// A number from 0 to 2^40, or nothing.
inline std::optional<int64_t> parseExtent(const std::string &text) {
  constexpr int64_t kMax = int64_t(1) << 40;
  int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || value > kMax)
      return std::nullopt;
    value = 10 * value + (c - '0');
  }
  return text.empty() || value > kMax ? std::nullopt : std::optional(value);
}

/// "NAME=N", "NAME=LO..HI", "NAME=LO..HI/STEP" or "NAME=OTHER" → an entry of `options` (its `dims`,
/// `dimRanges` or `dimNames`).
template <typename OptionsT> void addDim(OptionsT &options, const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError("--dim", "expected NAME=N, NAME=LO..HI or NAME=OTHER, but got '" +
                                            text + "'");
  std::string name = text.substr(0, equals), value = text.substr(equals + 1);
  auto extent = [&](const std::string &number) {
    std::optional<int64_t> parsed = parseExtent(number);
    if (!parsed)
      throw CLI::ValidationError("--dim", "'" + number + "' is not an extent");
    return *parsed;
  };
  options.dims.erase(name);
  options.dimRanges.erase(name);
  options.dimNames.erase(name);
  if (std::isalpha(static_cast<unsigned char>(value[0])) || value[0] == '_') {
    options.dimNames[name] = value;
    return;
  }
  size_t dots = value.find("..");
  if (dots == std::string::npos) {
    options.dims[name] = extent(value);
    return;
  }
  size_t slash = value.find('/', dots);
  int64_t low = extent(value.substr(0, dots));
  int64_t high = extent(value.substr(dots + 2, slash - dots - 2));
  int64_t step = slash == std::string::npos ? 1 : extent(value.substr(slash + 1));
  if (low > high)
    throw CLI::ValidationError("--dim", "the range of '" + name + "' is empty: " + value);
  if (step < 1 || low % step || high % step)
    throw CLI::ValidationError("--dim", "the bounds of '" + name +
                                            "' must be multiples of its step: " + value);
  if (low == high)
    options.dims[name] = low;
  else
    options.dimRanges[name] = {low, high, step};
}

/// "INPUT=N", "INPUT=LO..HI" or "INPUT[I]=…" → an entry of `values`. A single number may be
/// negative.
inline void addValue(std::vector<Options::ValueRange> &values, const std::string &text) {
  size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError(
        "--value", "expected INPUT=N, INPUT=LO..HI or INPUT[I]=…, but got '" + text + "'");
  Options::ValueRange result;
  result.input = text.substr(0, equals);
  std::string value = text.substr(equals + 1);
  auto number = [&](const std::string &digits) {
    std::optional<int64_t> parsed = parseExtent(digits);
    if (!parsed)
      throw CLI::ValidationError("--value", "'" + digits + "' is not a number, in '" + text + "'");
    return *parsed;
  };
  size_t bracket = result.input.rfind('[');
  if (result.input.back() == ']' && bracket != std::string::npos && bracket > 0) {
    result.element = number(result.input.substr(bracket + 1, result.input.size() - bracket - 2));
    result.input.resize(bracket);
  }
  size_t dots = value.find("..");
  if (dots == std::string::npos) {
    bool negative = value.starts_with("-");
    result.low = result.high = negative ? -number(value.substr(1)) : number(value);
  } else {
    result.low = number(value.substr(0, dots));
    result.high = number(value.substr(dots + 2));
  }
  if (result.low > result.high)
    throw CLI::ValidationError("--value", "the range is empty: " + text);
  values.push_back(std::move(result));
}

} // namespace ingot
