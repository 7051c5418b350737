// Kernels for GPUs: which ops have one, how a kernel is cut into invocations, and its code on
// buffers.
//
// A kernel is a function that computes one tile (backends/common/KernelShell.h); one invocation of
// the device runs one tile, and no two tiles write the same element. So a kernel needs neither
// barriers nor shared memory, and the same code serves every binary format.
#pragma once

#include "backends/Target.h"

namespace ingot::gpu {

/// What a device of a target can bind.
struct DeviceLimits {
  uint64_t bufferBytes = uint64_t(128) << 20; ///< one buffer of a kernel, at most
};

/// Invocations of a workgroup, in one dim.
constexpr uint32_t kWorkgroup = 64;

/// Whether kernels with `op` can be made: f32 matmul, softmax, layer_norm, rms_norm, broadcast and
/// elementwise ops of static shape. `target` is named in the reason.
Claim claimOp(mlir::Operation *op, llvm::StringRef target, const DeviceLimits &limits);

/// Writes the strategy, the tiles and no in-place pairs into the kernel's #ingot.kernel, and lays a
/// matmul's constant weights out so that neighbouring invocations read neighbouring elements.
/// Strategies: `gemm_tile` (rows, columns: sums of one invocation; lanes: invocations side by side
/// in a row), `generic`. Error: the kernel holds an op that claimOp refuses.
mlir::LogicalResult selectKernel(mlir::func::FuncOp kernel);

/// Emits `kernel`, for which a strategy is selected, as the function `name` at the builder's
/// insertion point (in a module). It runs the tile `begin`; `tiles` in its result counts them.
/// Error, at the kernel: its parameters do not fit, or it needs scratch memory.
struct EmittedKernel {
  mlir::func::FuncOp function; ///< signature: backends/common/KernelShell.h
  uint64_t tiles = 1;
};
mlir::FailureOr<EmittedKernel> emitKernel(mlir::OpBuilder &builder, mlir::func::FuncOp kernel,
                                          llvm::StringRef name);

} // namespace ingot::gpu
