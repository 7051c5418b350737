// From an emitted kernel (loops and vectors on buffers) to an object file.
#pragma once

#include "backends/cpu/Isa.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace ingot::cpu {

/// Registers the dialects, and the translations to LLVM IR, that `lowerToObject` needs.
void registerLoweringDialects(mlir::DialectRegistry &registry);

/// Converts everything in `module` that is left after loops became branches to LLVM dialect. May
/// leave pairs of conversion casts that cancel.
mlir::LogicalResult convertToLLVM(mlir::ModuleOp module, const Isa &isa);

/// Turns `emitted` (signature of backends/common/KernelShell.h, the only function of `module`) into
/// LLVM dialect: the function keeps its body behind bare pointers, and a new public function of its
/// name takes `ingot_kernel_args`. `operands` and `dims` are how many the kernel has; `inPlace`
/// lists flat pairs [result, operand] that may share memory; all others are taken not to.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module, mlir::func::FuncOp emitted,
                                unsigned operands, unsigned dims, llvm::ArrayRef<int64_t> inPlace,
                                const Isa &isa);

/// Optimises and compiles a module in LLVM dialect to an ELF object. Error: an undefined symbol is
/// left, a symbol that the image cannot hold, or LLVM refuses.
llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(mlir::ModuleOp module, const Isa &isa,
                                                           llvm::TargetMachine &machine);

/// The same from LLVM IR, for the support routines. `optimise` runs the O3 pipeline.
llvm::SmallVector<char, 0> compileToObject(llvm::Module &module, llvm::TargetMachine &machine);

/// While it lives, a fatal error inside LLVM on this thread prints `kernel` and exits with
/// status 70.
class FatalErrorScope {
public:
  explicit FatalErrorScope(llvm::StringRef kernel);
  ~FatalErrorScope();
};

} // namespace ingot::cpu
