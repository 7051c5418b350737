// Builds the graph for all sizes from graphs at a few; what `generalize` does with its imports.
#pragma once

#include "compiler/importers/common/GeneralConstants.h"
#include "compiler/importers/common/MatchGraphs.h"
#include "ir/graph/Shapes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <map>

namespace ingot {

class Generalizer {
public:
  Generalizer(llvm::ArrayRef<mlir::ModuleOp> modules, SampledDims sizes, const DimBounds &bounds)
      : modules(modules), sizes(std::move(sizes)), bounds(bounds), match(modules, this->sizes),
        constants(this->sizes), builder(mlir::ModuleOp(modules.front()).getContext()) {}

  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> run();

private:
  mlir::LogicalResult buildBlock(const std::vector<mlir::Block *> &samples, mlir::Block *into);
  mlir::LogicalResult build(const MatchedOp &op);
  mlir::LogicalResult buildConstant(const MatchedOp &op);
  mlir::LogicalResult buildTopK(const MatchedOp &op, TopKOp copy);
  mlir::LogicalResult buildRegions(const MatchedOp &op, mlir::Operation *copy);
  mlir::LogicalResult generalizeAttributes(const MatchedOp &op, mlir::Operation *copy);
  mlir::LogicalResult generalizeSlice(const MatchedOp &op, SliceOp copy);
  mlir::LogicalResult setTypes(const MatchedOp &op, mlir::Operation *copy);
  /// The extents of a value that has these types in the samples; failure after an error at `loc`.
  mlir::FailureOr<mlir::Type> generalType(mlir::Location loc, llvm::ArrayRef<mlir::Type> types,
                                          llvm::ArrayRef<DimExpr> near);
  mlir::FailureOr<llvm::SmallVector<DimExpr>> reshaped(const MatchedOp &op,
                                                       mlir::RankedTensorType from);
  mlir::LogicalResult checkResults(mlir::func::FuncOp forward);

  /// The error that `what` depends on sizes in a way that is not known.
  mlir::LogicalResult unknown(mlir::Location loc, const llvm::Twine &what,
                              llvm::ArrayRef<int64_t> numbers);
  mlir::Value lookup(const std::vector<mlir::Operation *> &ops, unsigned operand);

  llvm::ArrayRef<mlir::ModuleOp> modules;
  SampledDims sizes;
  const DimBounds &bounds;
  GraphMatch match;
  GeneralConstants constants;
  mlir::OpBuilder builder;
  struct Less {
    bool operator()(const ValueTuple &a, const ValueTuple &b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                          [](mlir::Value x, mlir::Value y) {
                                            return x.getAsOpaquePointer() < y.getAsOpaquePointer();
                                          });
    }
  };
  std::map<ValueTuple, mlir::Value, Less> values;
  llvm::DenseMap<mlir::Value, mlir::Value> arguments; ///< of the first sample
};

} // namespace ingot
