// What convert-to-plan knows while it works: the records at module level that it has made, and the
// buffers of the entry it converts.
#pragma once

#include "ir/plan/Plan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/plan/Passes.h"

namespace ingot {

/// Turns a module of launches into one of the plan dialect; convert-to-plan is its `run`.
class PlanConverter {
public:
  PlanConverter(mlir::ModuleOp module, const PlanOptions &options)
      : module(module), options(options), symbols(module), bounds(dimBounds(module)),
        top(module.getContext()), builder(module.getContext()) {}

  mlir::LogicalResult run();

private:
  // Module level: ConvertToPlan.cpp.
  mlir::LogicalResult addTargets(llvm::ArrayRef<mlir::func::FuncOp> kernels);
  mlir::LogicalResult addKernels(const CompiledTarget &target, llvm::StringRef targetSymbol,
                                 llvm::StringMap<mlir::func::FuncOp> &kernels);
  void addPlaceholders(llvm::ArrayRef<mlir::func::FuncOp> kernels);
  mlir::LogicalResult addVariables();
  plan::TargetOp addTarget(llvm::StringRef name, llvm::StringRef driver, llvm::StringRef arch,
                           llvm::ArrayRef<std::string> features);
  llvm::StringRef spaceFor(llvm::StringRef name, plan::TargetOp target, uint64_t alignment);
  void addKernel(mlir::func::FuncOp function, const CompiledKernel &record, llvm::StringRef segment,
                 bool device);
  plan::ConstantOp constantFor(mlir::Location loc, mlir::Attribute value,
                               mlir::RankedTensorType type, llvm::StringRef space);

  // Entries: ConvertEntries.cpp.
  mlir::LogicalResult convertEntry(mlir::func::FuncOp function);
  mlir::LogicalResult convertBody(mlir::func::FuncOp function, mlir::ArrayAttr outputNames);
  mlir::LogicalResult convertBlock(mlir::Block &block);
  mlir::LogicalResult convert(mlir::Operation *op);
  mlir::LogicalResult convertLaunch(LaunchOp op);
  mlir::FailureOr<mlir::Value> conditionOf(mlir::Operation *op, mlir::Value condition);
  mlir::LogicalResult convertIf(mlir::scf::IfOp op);
  mlir::LogicalResult convertWhile(mlir::scf::WhileOp op);
  mlir::LogicalResult convertTransfer(TransferOp op);
  mlir::LogicalResult convertView(mlir::Operation *op);
  mlir::FailureOr<DimExpr> sliceOffset(SliceOp op);
  plan::BufferType bufferType(const DimExpr &bytes, llvm::StringRef space) {
    return plan::BufferType::sized(builder.getContext(), bytes, space, bounds);
  }
  mlir::Value newBuffer(mlir::Location loc, mlir::Type type, llvm::StringRef space);
  mlir::Value reference(mlir::Location loc, plan::BufferKind kind, mlir::FlatSymbolRefAttr symbol,
                        std::optional<uint64_t> index, const DimExpr &bytes, llvm::StringRef space);
  mlir::Value range(mlir::Location loc, mlir::Value buffer, const DimExpr &offset,
                    const DimExpr &bytes);
  void copy(mlir::Location loc, mlir::Value from, mlir::Value to) {
    plan::CopyOp::create(builder, loc, from, to);
  }
  mlir::FailureOr<mlir::Value> bufferOf(mlir::Operation *user, mlir::Value tensor,
                                        llvm::StringRef space);
  llvm::StringRef spaceOf(mlir::Value tensor);

  /// What a kernel needs to know of its target.
  struct TargetInfo {
    llvm::StringRef space; ///< symbol of the plan.space
    uint64_t alignment = 64;
  };
  /// Constants are the same when their bytes are: a weight's name and place in the file do not
  /// matter.
  using ConstantKey = std::pair<mlir::Attribute, std::pair<mlir::Type, mlir::StringAttr>>;

  mlir::ModuleOp module;
  const PlanOptions &options;
  mlir::SymbolTable symbols;
  DimBounds bounds;        ///< of the names in extents
  mlir::OpBuilder top;     ///< makes ops of the module level, which the symbol table inserts
  mlir::OpBuilder builder; ///< makes ops in entries
  llvm::StringRef host;
  llvm::StringMap<llvm::StringRef> spaces;         ///< name of a memory space → symbol
  llvm::StringMap<plan::TargetOp> targetsByName;   ///< target string → op
  llvm::StringMap<TargetInfo> targetInfo;          ///< target string → what its kernels need
  llvm::StringMap<const CompiledKernel *> records; ///< kernel → its record, for tiles and grid
  llvm::StringMap<llvm::StringRef> kernelSpace;    ///< kernel → space of its buffers
  llvm::DenseMap<ConstantKey, plan::ConstantOp> constants;

  plan::EntryOp entry;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Type>, mlir::Value> references;
  mlir::Block *entryBlock = nullptr;
};

} // namespace ingot
