// Phase 3: quantized tensors get one treatment.
#include "compiler/pipeline/Phases.h"

void ingot::buildQuantizePhase(mlir::OpPassManager &, CompileState &) {}
