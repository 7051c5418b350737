// Strategies: the ways of turning a kernel's graph function into loops and vectors.
#pragma once

#include "backends/Target.h"
#include "backends/common/KernelBody.h"
#include "backends/common/Selection.h"
#include "backends/cpu/Isa.h"

namespace ingot::cpu {

/// What `Strategy::select` decides. Becomes the `strategy` dictionary and `tiles` of
/// `#ingot.kernel`.
struct Choice {
  mlir::DictionaryAttr parameters;
  llvm::SmallVector<int64_t> tiles;   ///< extents of the tile space (at the bounds of dynamic
                                      ///< extents); a launch runs their product
  llvm::SmallVector<int64_t> inPlace; ///< flat pairs [result, argument]
  llvm::SmallVector<Packing> packings;
};

/// A kernel as loops on buffers, and what it needs.
struct Emitted {
  mlir::func::FuncOp function; ///< signature: backends/common/KernelShell.h
  DimExpr tiles = 1;
};

class Strategy {
public:
  virtual ~Strategy() = default;
  /// Name in the `strategy` dictionary.
  virtual llvm::StringRef kind() const = 0;
  /// Whether kernels with `op` as their root can be emitted for `isa`.
  virtual Claim claim(mlir::Operation *op, const Isa &isa) const = 0;
  /// Decides for one kernel, or returns nothing when the kernel is not of this kind. Numbers in
  /// `overrides` win over the strategy's own (they come from an edited dump). Changes nothing.
  virtual std::optional<Choice> select(const KernelBody &kernel, const Isa &isa,
                                       mlir::DictionaryAttr overrides) const = 0;
  /// Emits `kernel` as the function `name` at the builder's insertion point (in a module). May
  /// rewrite the kernel's graph function, which is a copy of the emitter's own. Failure is reported
  /// as a diagnostic.
  virtual mlir::FailureOr<Emitted> emit(mlir::OpBuilder &builder, KernelBody &kernel,
                                        const Isa &isa, mlir::DictionaryAttr parameters,
                                        llvm::StringRef name) const = 0;
};

/// Strategies in the order in which they are asked.
class StrategyRegistry {
public:
  void add(std::unique_ptr<Strategy> strategy) { list.push_back(std::move(strategy)); }
  const Strategy *lookup(llvm::StringRef kind) const;
  llvm::ArrayRef<std::unique_ptr<Strategy>> all() const { return list; }

private:
  std::vector<std::unique_ptr<Strategy>> list;
};

/// The strategies that come with Ingot.
void registerDepthwiseStrategy(StrategyRegistry &registry);
void registerGemmStrategy(StrategyRegistry &registry);
void registerAttentionStrategy(StrategyRegistry &registry);
void registerConvStrategy(StrategyRegistry &registry);
void registerConvTransposeStrategy(StrategyRegistry &registry);
void registerGenericStrategy(StrategyRegistry &registry);

} // namespace ingot::cpu
