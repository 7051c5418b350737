// From an emitted kernel (loops on buffers) to SPIR-V.
#pragma once

#include "backends/gpu/common/GpuKernels.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace ingot::gpu {

/// Registers the dialects that `lowerToSpirv` needs.
void registerSpirvDialects(mlir::DialectRegistry &registry);

/// Workgroups for `tiles` invocations, at most 65535 in each dim (what every device runs). Error:
/// more than two dims hold.
mlir::FailureOr<std::array<uint32_t, 3>> gridFor(uint64_t tiles);

/// Turns `emitted`, the only function of `module`, into an entry point of its name: buffer i is the
/// storage buffer at set 0, binding i, and each invocation below `tiles` runs one tile. SPIR-V 1.5
/// for Vulkan 1.2, with the capability Shader alone. Failure is reported.
mlir::FailureOr<mlir::OwningOpRef<mlir::spirv::ModuleOp>>
lowerToSpirv(mlir::ModuleOp module, const EmittedKernel &emitted);

/// One module with the entry points of all `modules`, as words of SPIR-V. Failure is reported.
mlir::FailureOr<std::vector<char>>
serializeSpirv(mlir::MLIRContext &context,
               llvm::MutableArrayRef<mlir::OwningOpRef<mlir::spirv::ModuleOp>> modules);

} // namespace ingot::gpu
