// What the rows of attention operators share, in both domains.
#pragma once

#include "compiler/importers/onnx/OpTable.h"

namespace ingot::onnximport {

/// [B, L, H·D] to [B, H, L, D], and back.
mlir::Value splitHeads(GraphBuilder &b, mlir::Value value, int64_t heads);
mlir::Value joinHeads(GraphBuilder &b, mlir::Value value);

/// Rotates pairs of the first `width` elements of each head of `x` [B, H, L, D] by angles whose
/// cosines and sines are [B or 1, L, width / 2]; `interleaved`: pairs are neighbours, else halves.
mlir::Value rotatePairs(OnnxNode &n, mlir::Value x, mlir::Value cosines, mlir::Value sines,
                        int64_t width, bool interleaved);

/// The rows of com.microsoft by kind.
void addMicrosoftAttentionOps(OpTable &table);
void addMicrosoftQuantizedOps(OpTable &table);

} // namespace ingot::onnximport
