// Extents that the user gives to dims which a model leaves open (`--dim NAME=N`).
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include <map>
#include <string>
#include <vector>

namespace ingot {

class GivenDims {
public:
  explicit GivenDims(const std::map<std::string, int64_t> &given) : given(given), unused(given) {}

  /// The extent given to the model's open dim `name`, or nothing. Error: it is negative.
  mlir::FailureOr<std::optional<int64_t>> take(const GraphBuilder &b, const std::string &name);
  /// Error: an extent was given to a dim that no `take` asked for; names those that were.
  mlir::LogicalResult checkUsed(const GraphBuilder &b) const;

private:
  const std::map<std::string, int64_t> &given;
  std::map<std::string, int64_t> unused;
  std::vector<std::string> known;
};

} // namespace ingot
