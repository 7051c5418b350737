// The `generic` strategy: everything that is not a contraction, by the emitter that all targets
// share.
#include "backends/cpu/Strategy.h"

using namespace mlir;

namespace ingot::cpu {
void registerGenericStrategy(StrategyRegistry &registry) {}
void registerDepthwiseStrategy(StrategyRegistry &) {}
} // namespace ingot::cpu
