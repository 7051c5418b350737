// What integer inputs hold, where the user says it: models make shapes, axes and counts of it.
//
// An importer takes such an input as a constant. A model whose values are ranges is imported at
// several of them and generalised, as it is for open extents (Generalize.h); the input stays in the
// signature, and a run reads it.
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "compiler/pipeline/Options.h"
#include "ir/graph/ValueDims.h"

namespace ingot {

class GivenValues {
public:
  explicit GivenValues(const Options &options)
      : given(options.values), used(options.values.size()) {}

  /// The elements of the `index`-th input of the model, a tensor of `type`, row-major; nothing when
  /// the user says nothing about it. An element with a range takes its number from `dims`; one
  /// without a number is added to `missing`. Error: the input does not hold
  /// integers or too many of them, an element is left out, or one is given that it does not have.
  mlir::FailureOr<std::optional<Ints>> take(const GraphBuilder &b, GivenDims &dims,
                                            const std::string &input, int64_t index,
                                            mlir::RankedTensorType type,
                                            std::vector<OpenDim> &missing);
  /// Notes the values in the module. Error: some were given for an input that no `take` saw.
  mlir::LogicalResult finish(GraphBuilder &b);

private:
  llvm::ArrayRef<Options::ValueRange> given;
  std::vector<bool> used;
  std::vector<std::string> inputs; ///< that take values
  llvm::SmallVector<ValueDim> values;
};

/// A constant of these elements, for an input of `type`.
mlir::Value constantInput(GraphBuilder &b, mlir::RankedTensorType type,
                          llvm::ArrayRef<int64_t> elements);

/// "give it with --value n=LO..HI": how a user can make known what `value` is computed from. Empty
/// when it depends on more than a few integers of inputs.
std::string valueHint(mlir::Value value);

} // namespace ingot
