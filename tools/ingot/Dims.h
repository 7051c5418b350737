// `--dim NAME=N` and `--dim NAME=LO..HI`, shared by the commands that read models.
#pragma once

#include "compiler/pipeline/Options.h"
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace ingot {

/// What `--help` says of the flag.
inline constexpr const char *kDimHelp = "a dim that the model leaves open: NAME=N fixes its "
                                        "extent, NAME=LO..HI lets each run choose it "
                                        "(default: the range in the file)";

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

/// "NAME=N" or "NAME=LO..HI" → an entry of `options` (its `dims` or `dimRanges`).
template <typename OptionsT> void addDim(OptionsT &options, const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError("--dim", "expected NAME=N or NAME=LO..HI, but got '" + text + "'");
  std::string name = text.substr(0, equals), value = text.substr(equals + 1);
  auto extent = [&](const std::string &number) {
    std::optional<int64_t> parsed = parseExtent(number);
    if (!parsed)
      throw CLI::ValidationError("--dim", "'" + number + "' is not an extent");
    return *parsed;
  };
  options.dims.erase(name);
  options.dimRanges.erase(name);
  size_t dots = value.find("..");
  if (dots == std::string::npos) {
    options.dims[name] = extent(value);
    return;
  }
  int64_t low = extent(value.substr(0, dots)), high = extent(value.substr(dots + 2));
  if (low > high)
    throw CLI::ValidationError("--dim", "the range of '" + name + "' is empty: " + value);
  if (low == high)
    options.dims[name] = low;
  else
    options.dimRanges[name] = {low, high};
}

} // namespace ingot
