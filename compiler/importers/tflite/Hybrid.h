// Products of floats with weights that are integers as LiteRT computes them: each batch of the
// floats is rounded to 8 bits of its own range first.
#pragma once

#include "compiler/importers/tflite/TfliteNode.h"

namespace ingot::tfliteimport {

/// Whether input `lhs` is f32 and input `rhs` quantised integers of at most 8 bits.
bool isHybridProduct(TfliteNode &n, size_t lhs, size_t rhs);

/// Floats as steps of a size for each entry of the first dim.
struct HybridInput {
  mlir::Value steps; ///< integers in f32, 0 standing for 0
  mlir::Value size;  ///< f32 [N, 1, …], of the operand's rank
};
/// Steps in -127 … 127, or with a zero point in the range of i8; null values after an error.
HybridInput hybridInput(GraphBuilder &b, mlir::Value x, bool asymmetric);

/// What products of steps with stored weights (whose channels are along the last dim) stand for.
mlir::Value hybridResult(TfliteNode &n, mlir::Value products, const HybridInput &input, size_t rhs);

} // namespace ingot::tfliteimport
