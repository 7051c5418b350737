// Pairs the ops of several imports of one model, from the results back to the inputs.
#pragma once

#include "compiler/evaluator/TensorValue.h"
#include "compiler/importers/common/SampledDims.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include <deque>
#include <map>

namespace ingot {

/// The same value in each sample; null where a sample that is not required has none.
using ValueTuple = std::vector<mlir::Value>;

/// One op of the model, or one constant.
struct MatchedOp {
  /// The op of each sample (null where a sample that is not required has none); of a constant, what
  /// computes it.
  std::vector<mlir::Operation *> ops;
  /// A constant, in at least one sample as an op: its value in each.
  bool isConstant = false;
  ValueTuple values;
};

class GraphMatch {
public:
  GraphMatch(llvm::ArrayRef<mlir::ModuleOp> modules, const SampledDims &sizes)
      : modules(modules), sizes(sizes) {}

  /// Pairs everything that the results of @forward and the ops with effects are computed from.
  /// Error at the first op that is another in another sample: the graph itself depends on a size.
  mlir::LogicalResult run();

  /// @forward's body.
  const std::vector<mlir::Block *> &body() const { return bodies; }
  /// The matches whose first op is `op`.
  llvm::ArrayRef<const MatchedOp *> at(mlir::Operation *op) const;
  /// The elements of a constant in a sample; nothing when it cannot be computed.
  std::optional<TensorValue> constant(mlir::Value value) const;

private:
  /// Variables have one type in all samples.
  mlir::LogicalResult matchVariables();
  mlir::LogicalResult matchBlocks(const std::vector<mlir::Block *> &blocks);
  mlir::LogicalResult matchValue(const ValueTuple &tuple);
  mlir::LogicalResult matchOps(std::vector<mlir::Operation *> ops);
  bool matchConstant(const ValueTuple &tuple);
  mlir::LogicalResult differs(mlir::Operation *first, mlir::Operation *other, size_t sample);

  llvm::ArrayRef<mlir::ModuleOp> modules;
  const SampledDims &sizes;
  std::vector<mlir::Block *> bodies;
  std::vector<ValueTuple> pending;
  std::map<ValueTuple, bool, bool (*)(const ValueTuple &, const ValueTuple &)> seen{
      [](const ValueTuple &a, const ValueTuple &b) {
        return std::lexicographical_compare(
            a.begin(), a.end(), b.begin(), b.end(), [](mlir::Value x, mlir::Value y) {
              return x.getAsOpaquePointer() < y.getAsOpaquePointer();
            });
      }};
  std::map<std::vector<mlir::Operation *>, bool> seenOps;
  /// The block of the first sample that a block is matched with.
  llvm::DenseMap<mlir::Block *, mlir::Block *> firstBlocks;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<const MatchedOp *, 1>> byFirst;
  std::deque<MatchedOp> matches;
  mutable llvm::DenseMap<mlir::Value, std::optional<TensorValue>> constants;
};

/// The note that every error of a generalisation ends in: how to compile for one size.
void suggestFixedSize(mlir::InFlightDiagnostic &diagnostic, llvm::ArrayRef<std::string> names,
                      mlir::ModuleOp module);

} // namespace ingot
