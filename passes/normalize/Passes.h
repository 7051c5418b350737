// Phase 2, normalize; and decompose-composites, which partition runs.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include <functional>
#include <map>
#include <memory>
#include <string>

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

/// Puts numbers in the place of named dims, in all types and ops of `module`: the graph of one size,
/// which the evaluator takes. Names that are not given stay. Error: the module declares no dim of a
/// name, or its bounds leave the number out.
mlir::LogicalResult specializeDims(mlir::ModuleOp module,
                                   const std::map<std::string, int64_t> &sizes);

#define GEN_PASS_REGISTRATION
#include "passes/normalize/Passes.h.inc"

} // namespace ingot
