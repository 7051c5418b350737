// Phase 2, normalize; and decompose-composites, which partition runs.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include <functional>
#include <memory>

namespace ingot {

#define GEN_PASS_DECL
#include "passes/normalize/Passes.h.inc"

/// decompose-composites that leaves the ops for which `keep` is true.
std::unique_ptr<mlir::Pass> createDecomposeComposites(std::function<bool(mlir::Operation *)> keep);

/// raise-attention that makes only attentions for which `isWanted` is true: others would be taken
/// apart again.
std::unique_ptr<mlir::Pass> createRaiseAttention(std::function<bool(mlir::Operation *)> isWanted);

/// The patterns of canonicalize-graph, for passes that clean up behind themselves.
void populateCanonicalizeGraphPatterns(mlir::RewritePatternSet &patterns);

/// Folds ops on constants in `function` (fold-constants as a function).
void foldConstants(mlir::func::FuncOp function);

#define GEN_PASS_REGISTRATION
#include "passes/normalize/Passes.h.inc"

} // namespace ingot
