// Phase 4: every op gets its target.
#include "compiler/pipeline/Phases.h"

void ingot::buildPartitionPhase(mlir::OpPassManager &, CompileState &) {}
