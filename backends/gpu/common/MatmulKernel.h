// The matmul kernel of GPUs: a register tile per invocation.
#pragma once

#include "backends/common/KernelBody.h"

namespace ingot::gpu {

/// How a matmul is cut: one invocation sums `rows` x `columns` elements of the result. Its columns
/// are `lanes` apart, so that `lanes` invocations side by side read neighbouring elements of the
/// right operand; `kWorkgroup / lanes` of such rows make a workgroup.
struct MatmulTile {
  int64_t rows = 4, columns = 4, lanes = 16;
};

/// The tile for a matmul of this result shape [..., M, N].
MatmulTile chooseMatmulTile(llvm::ArrayRef<int64_t> shape);

/// Invocations that `tile` cuts the result into: a multiple of the workgroup's size.
int64_t countTiles(llvm::ArrayRef<int64_t> shape, const MatmulTile &tile);

/// Emits `kernel`, whose root is a matmul and whose epilogue keeps the root's shape, into `dest` (a
/// function of backends/common/KernelShell.h). Failure is reported.
mlir::LogicalResult emitMatmul(const KernelBody &kernel, mlir::func::FuncOp dest,
                               const MatmulTile &tile);

} // namespace ingot::gpu
