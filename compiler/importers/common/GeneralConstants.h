// Constants that depend on the sizes of a model's dims, as what computes them.
#pragma once

#include "compiler/evaluator/TensorValue.h"
#include "compiler/importers/common/SampledDims.h"
#include "mlir/IR/Builders.h"

namespace ingot {

class GeneralConstants {
public:
  GeneralConstants(const SampledDims &sizes) : sizes(sizes) {}

  /// The value that is `samples[i]` in sample i; nothing stands for a sample without it. Null when
  /// it follows no rule that is known: equal elements, numbers computed from dims, a count along
  /// dims, or a part of the constant at the upper bounds, which is the last sample.
  mlir::Value build(mlir::OpBuilder &builder, mlir::Location loc,
                    llvm::ArrayRef<std::optional<TensorValue>> samples) const;

  /// The rank-0 value of `element` that is `numbers[i]` in sample i (NaN where there is none): an
  /// expression of dims, its reciprocal, its root, or the reciprocal of its root. Null when it is
  /// none of them.
  mlir::Value scalar(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type element,
                     llvm::ArrayRef<double> numbers) const;

private:
  mlir::Value elements(mlir::OpBuilder &builder, mlir::Location loc,
                       llvm::ArrayRef<std::optional<TensorValue>> samples) const;
  mlir::Value counted(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                      llvm::ArrayRef<std::optional<TensorValue>> samples) const;
  mlir::Value part(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                   llvm::ArrayRef<std::optional<TensorValue>> samples) const;

  const SampledDims &sizes;
};

} // namespace ingot
