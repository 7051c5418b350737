// Makes one graph for every size of a model's open dims from imports at a few sizes.
//
// Importers compute shapes with numbers. They are run several times, each time with other numbers
// for the open dims, and the graphs are compared op by op: what differs is what depends on a size,
// and an expression of the dims takes its place (SampledDims.h). Shape inference and the verifiers
// of the graph then check the whole for all sizes; what cannot be shown is refused
// (docs/rationale/0003).
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace ingot {

/// A dim that a run chooses: its name in the importer's terms, and bounds, inclusive, in steps. Its
/// extents are whole numbers of steps.
struct RangedDim {
  std::string name;
  DimExpr::Range bounds;
  int64_t step = 1;
  bool isValue = false; ///< what an input holds, no extent
};

/// Imports the model with these extents of its open dims, in steps. Reports what is wrong.
using ImportAt = llvm::function_ref<mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>(
    const std::map<std::string, int64_t> &extents)>;

/// The sizes at which the dims are sampled: distinct numbers inside the bounds where there are
/// enough, so that one dim is not mistaken for another or for a constant. Never 0 or 1, where
/// importers leave out what has no effect, and outside the bounds only for an extent: a value there
/// may mean nothing. First come `required` samples that hold the whole graph,
/// then some at and near the upper bounds, which may be built otherwise in places.
struct SizeSamples {
  std::vector<std::map<std::string, int64_t>> sizes;
  size_t required = 0;
};
SizeSamples chooseSamples(llvm::ArrayRef<RangedDim> dims);

/// The module for all sizes within the bounds: `ingot.dims` names them, and types hold expressions
/// of them. Error, at the layer: the graph itself depends on a size; a number of it follows no
/// expression that is known here; or shapes cannot be shown to fit for every size.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
generalize(mlir::MLIRContext &context, llvm::ArrayRef<RangedDim> dims, ImportAt importAt);

} // namespace ingot
