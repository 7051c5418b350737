// The CPU target: strategies, lowering and images behind the Target interface.
#pragma once

#include "backends/cpu/Strategy.h"

namespace ingot::cpu {

class CpuTarget : public Target {
public:
  explicit CpuTarget(Isa isa);

  std::string name() const override { return isa.spec; }
  std::string arch() const override { return isa.arch == "arm" ? "thumb" : isa.arch; }
  std::vector<std::string> requiredFeatures() const override { return isa.required; }
  Claim claim(mlir::Operation *op) const override;
  mlir::LogicalResult select(mlir::func::FuncOp kernel) const override;
  llvm::FailureOr<CompiledCode>
  compile(mlir::ModuleOp module, llvm::ArrayRef<mlir::func::FuncOp> kernels, unsigned threads,
          std::function<void(unsigned, unsigned)> progress) const override;

  const Isa &getIsa() const { return isa; }
  const StrategyRegistry &getStrategies() const { return strategies; }

private:
  Isa isa;
  StrategyRegistry strategies;
};

} // namespace ingot::cpu
