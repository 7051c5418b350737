// The target `vulkan`: kernels as SPIR-V for any Vulkan 1.2 device.
#pragma once

#include "backends/Target.h"

namespace ingot::gpu {

class VulkanTarget : public Target {
public:
  std::string name() const override { return "vulkan"; }
  std::string driver() const override { return "vulkan"; }
  std::string memorySpace() const override { return "vulkan"; }
  /// No device wants storage buffers aligned to more.
  uint64_t bufferAlignment() const override { return 256; }
  Claim claim(mlir::Operation *op) const override;
  mlir::LogicalResult select(mlir::func::FuncOp kernel) const override;
  /// One segment of kind "spirv" with an entry point per kernel.
  llvm::FailureOr<CompiledCode>
  compile(mlir::ModuleOp module, llvm::ArrayRef<mlir::func::FuncOp> kernels, unsigned threads,
          std::function<void(unsigned, unsigned)> progress) const override;
};

} // namespace ingot::gpu
