// `--dim NAME=N`, shared by the commands that read models.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>

namespace ingot {

/// "NAME=N" → the map's entry. A range is refused by name: it needs dynamic shapes.
inline void addDim(std::map<std::string, int64_t> &dims, const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError("--dim", "expected NAME=N, but got '" + text + "'");
  std::string name = text.substr(0, equals), value = text.substr(equals + 1);
  if (value.find("..") != std::string::npos)
    throw CLI::ValidationError(
        "--dim", "'" + text +
                     "' is a range, but programs with dims that vary at run time are not "
                     "supported yet; give one extent, " +
                     name + "=N");
  char *end = nullptr;
  long long extent = std::strtoll(value.c_str(), &end, 10);
  if (value.empty() || *end || extent < 0 || extent > (1LL << 40))
    throw CLI::ValidationError("--dim", "'" + value + "' is not an extent");
  dims[name] = extent;
}

} // namespace ingot
