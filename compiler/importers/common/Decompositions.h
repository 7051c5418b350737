// Source operators that the graph level has no op for, expressed by those it has. Shared by all
// importers.
//
// All take and give values as GraphBuilder does: null in, null out; null and one error on failure.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"

namespace ingot {

//===--- Decompose.cpp: products, reductions, arrangement
//---------------------------------------------------------===//

/// NumPy matmul: a rank-1 operand counts as a row (lhs) or a column (rhs), its dim dropped from the
/// result. Integer operands give i32.
mlir::Value matmulAnyRank(GraphBuilder &b, mlir::Value lhs, mlir::Value rhs);
/// torch linear: input [..., K], weight [N, K], bias [N] or null; gives [..., N].
mlir::Value linear(GraphBuilder &b, mlir::Value input, mlir::Value weight, mlir::Value bias);
/// ONNX Gemm: alpha * op(a) * op(c) + beta * bias (bias broadcasts to [M, N], or is null); a and w
/// of rank 2.
mlir::Value gemm(GraphBuilder &b, mlir::Value a, mlir::Value w, mlir::Value bias, double alpha,
                 double beta, bool transA, bool transB);

enum class NormKind { L1, L2, LogSum, LogSumExp, SumSquare };
/// Reductions over `dims` (none: nothing is summed) that are a sum with something before and after
/// it. Integers are computed as their own type.
mlir::Value reduceNorm(GraphBuilder &b, NormKind kind, mlir::Value value,
                       llvm::ArrayRef<int64_t> dims, bool keepdims);
/// value / max(norm, epsilon) along one dim; p is 1 or 2.
mlir::Value lpNormalize(GraphBuilder &b, mlir::Value value, int64_t p, int64_t axis,
                        double epsilon);
/// Mean and population variance (torch: unbiased when `correction` is 1) over `dims`.
mlir::Value variance(GraphBuilder &b, mlir::Value value, llvm::ArrayRef<int64_t> dims,
                     double correction, bool keepdims);

/// [N, C·s², H, W] to [N, C, H·s, W·s]. `columnFirst`: channels are C, s, s (torch pixel_shuffle,
/// ONNX CRD); else s, s, C.
mlir::Value depthToSpace(GraphBuilder &b, mlir::Value value, int64_t block, bool columnFirst);
/// ONNX SpaceToDepth: [N, C, H·s, W·s] to [N, s·s·C, H, W]; with `columnFirst` torch
/// pixel_unshuffle (C, s, s).
mlir::Value spaceToDepth(GraphBuilder &b, mlir::Value value, int64_t block, bool columnFirst);
/// `on` where the index along the new `axis` equals `indices` (negative ones count from the end),
/// else `off` (both rank 0).
mlir::Value oneHot(GraphBuilder &b, mlir::Value indices, int64_t depth, mlir::Value on,
                   mlir::Value off, int64_t axis);
/// The part of the last two dims on and above (`upper`) or on and below the k-th diagonal, zeros
/// elsewhere.
mlir::Value trilu(GraphBuilder &b, mlir::Value value, int64_t k, bool upper);
/// i1 of shape [rows, cols]: column - row >= k (`upper`), or <= k.
mlir::Value triangle(GraphBuilder &b, int64_t rows, int64_t cols, int64_t k, bool upper);
/// Elements in reverse order along dims.
mlir::Value flip(GraphBuilder &b, mlir::Value value, llvm::ArrayRef<int64_t> dims);
/// Elements rotated by `shift` along a dim (torch roll).
mlir::Value roll(GraphBuilder &b, mlir::Value value, int64_t shift, int64_t axis);
/// Products of the elements up to each one along a dim (`exclusive`: without itself; `reverse`:
/// from the end). Products of 1, 2, 4, … neighbours, doubled until they reach the border.
mlir::Value runningProduct(GraphBuilder &b, mlir::Value value, int64_t axis, bool exclusive,
                           bool reverse);
/// x where x >= 0, else slope * x; slope broadcasts as NumPy does.
mlir::Value prelu(GraphBuilder &b, mlir::Value value, mlir::Value slope);
/// Normalises each channel of each image: group norm with a group per channel.
mlir::Value instanceNorm(GraphBuilder &b, mlir::Value value, mlir::Value scale, mlir::Value bias,
                         double epsilon);
/// Maximum or average over all dims from 2 on, which stay as 1.
mlir::Value globalPool(GraphBuilder &b, PoolKind kind, mlir::Value value);
/// torch adaptive pooling of the last `sizes.size()` dims: window i covers [floor(i·in/out),
/// ceil((i+1)·in/out)).
mlir::Value adaptivePool(GraphBuilder &b, PoolKind kind, mlir::Value value,
                         llvm::ArrayRef<int64_t> sizes);

//===--- Losses.cpp
//-----------------------------------------------------------------------------------------------===//

enum class LossReduction { None, Mean, Sum };
/// A loss's elements, their mean or their sum.
mlir::Value reduceLoss(GraphBuilder &b, mlir::Value loss, LossReduction reduction);
/// -weight[target] * logProbabilities[n, target, …]: `logProbabilities` [N, C, d…], `target`
/// [N, d…], `weight` [C] or null. Positions whose target is `ignored` count as nothing; the mean is
/// over the weights that count.
mlir::Value likelihoodLoss(GraphBuilder &b, mlir::Value logProbabilities, mlir::Value target,
                           mlir::Value weight, std::optional<int64_t> ignored,
                           LossReduction reduction);

//===--- Einsum.cpp
//-----------------------------------------------------------------------------------------------===//

/// Einstein summation of any number of operands, with ellipses and repeated letters: a chain of
/// transposes and matmuls.
mlir::Value einsum(GraphBuilder &b, llvm::StringRef equation, llvm::ArrayRef<mlir::Value> operands);

//===--- Recurrent.cpp
//--------------------------------------------------------------------------------------------===//

enum class CellKind { Lstm, Gru, RnnTanh, RnnRelu };
/// Parameters of one layer and direction as torch has them: weights [gates·H, I] and [gates·H, H],
/// biases [gates·H] or null; gates i, f, g, o (LSTM), r, z, n (GRU).
struct CellWeights {
  mlir::Value input, recurrence, inputBias, recurrenceBias;
};
struct StackResult {
  mlir::Value output, lastHidden, lastCell;
};
/// torch.nn.LSTM, GRU or RNN: `input` [T, B, I] (or [B, T, I] with `batchFirst`), `cells` layer by
/// layer and, when `bidirectional`, forward before backward; initial states [layers·D, B, H] or
/// null for zeros.
std::optional<StackResult> recurrentStack(GraphBuilder &b, CellKind kind, mlir::Value input,
                                          llvm::ArrayRef<CellWeights> cells, mlir::Value hidden,
                                          mlir::Value cell, bool bidirectional, bool batchFirst);

} // namespace ingot
