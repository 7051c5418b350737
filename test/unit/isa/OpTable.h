// Every op of the graph dialect with the element types it computes on: one short function a row.
#pragma once

#include <string>
#include <vector>

namespace ingot::test {

/// A function of one op (or of one kind of it).
struct OpRow {
  std::string op;    ///< "exp"
  std::string label; ///< what it is called in a failure: "exp/f16", "reduce/max/i8"
  std::string text;  ///< "(%a: tensor<…>) -> (tensor<…>) { … }"
};

/// All rows, each op on each element type it makes sense for.
std::vector<OpRow> opTable();

/// Ops that no kernel computes, with the reason: the plan carries them out, or they are calls.
std::vector<std::pair<std::string, std::string>> opsWithoutKernel();

} // namespace ingot::test
