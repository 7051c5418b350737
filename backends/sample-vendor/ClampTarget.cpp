// The target `sample`: an imaginary unit that clamps, and nothing else.
//
// There is no such device, so its kernels are compiled for the CPU, by the CPU target behind it. A
// real one differs in `compile`, which returns segments of its own kind, in `driver`, which names
// the runtime driver that executes them, and in `memorySpace`, when its buffers lie in memory of
// their own.
#include "Sample.h"

using namespace ingot;

namespace {

class ClampTarget : public Target {
public:
  explicit ClampTarget(std::unique_ptr<Target> cpu) : cpu(std::move(cpu)) {}

  std::string name() const override { return "sample"; }

  /// Who executes the kernels, and what the machine must have: the CPU's answers.
  std::string driver() const override { return cpu->driver(); }
  std::string arch() const override { return cpu->arch(); }
  std::vector<std::string> requiredFeatures() const override { return cpu->requiredFeatures(); }

  /// The reason is for the user: `ingot compile` shows it for every op that runs elsewhere.
  Claim claim(mlir::Operation *op) const override {
    auto clamp = mlir::dyn_cast<ClampOp>(op);
    if (!clamp)
      return Claim::no("the sample device only clamps");
    if (!mlir::getElementTypeOrSelf(clamp.getType()).isF32())
      return Claim::no("the sample device clamps f32 only");
    return cpu->claim(op);
  }

  /// Writes the decision into the kernel's `#ingot.kernel`, where a dump shows it.
  mlir::LogicalResult select(mlir::func::FuncOp kernel) const override {
    return cpu->select(kernel);
  }

  /// Reads what select wrote; makes code of all kernels of this target.
  llvm::FailureOr<CompiledCode>
  compile(mlir::ModuleOp module, llvm::ArrayRef<mlir::func::FuncOp> kernels, unsigned threads,
          std::function<void(unsigned, unsigned)> progress) const override {
    return cpu->compile(module, kernels, threads, progress);
  }

private:
  std::unique_ptr<Target> cpu;
};

} // namespace

void sample::addClampTarget(TargetRegistry &targets) {
  targets.add({"sample", "an imaginary unit that clamps (from the sample plug-in)",
               [](llvm::StringRef spec) { return spec == "sample"; },
               [](llvm::StringRef) -> llvm::Expected<std::unique_ptr<Target>> {
                 TargetRegistry builtin;
                 registerCpuTargets(builtin);
                 auto cpu = builtin.create("host");
                 if (!cpu)
                   return cpu.takeError();
                 return std::make_unique<ClampTarget>(std::move(*cpu));
               }});
}
