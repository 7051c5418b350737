// The contracts between phases, in code: each phase ends in its verify pass. (`verify-plan` lives
// with the plan's passes.)
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace ingot {

#define GEN_PASS_DECL
#include "passes/verify/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/verify/Passes.h.inc"

} // namespace ingot
