// The pattern sets of canonicalize-graph, one file each.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/IR/PatternMatch.h"

namespace ingot {

/// Elementwise ops: neutral constants, broadcasts, clamps.
void populateElementwisePatterns(mlir::RewritePatternSet &patterns);
/// Ops that move elements: transposes, slices, pads, concatenations, gathers, reductions of unit
/// dims.
void populateMovementPatterns(mlir::RewritePatternSet &patterns);
/// Contractions: biases, factors, transposed operands.
void populateContractionPatterns(mlir::RewritePatternSet &patterns);
/// Normalisations that the source spells out, and pools that separate.
void populateReductionPatterns(mlir::RewritePatternSet &patterns);

} // namespace ingot
