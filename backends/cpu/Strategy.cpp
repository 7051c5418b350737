// The registry of strategies.
#include "backends/cpu/Strategy.h"

using namespace mlir;

namespace ingot::cpu {

const Strategy *StrategyRegistry::lookup(StringRef kind) const {
  for (const auto &strategy : list)
    if (strategy->kind() == kind)
      return strategy.get();
  return nullptr;
}

} // namespace ingot::cpu
