// Imports `.pt2` packages, as torch.export.save writes them.
#pragma once

#include "compiler/evaluator/TensorValue.h"
#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "compiler/importers/pt2/OpTable.h"
#include "compiler/pipeline/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace ingot {

/// Imports `options.model` (of an archive with several, `options.member`): training IR and
/// decomposed core ATen, of torch 2.1 and later. The entry is @forward; arguments and results carry
/// `ingot.name`. Buffers that the model changes become variables. Symbolic dims take their extents
/// from `options.dims`, by the name of the symbol
/// (`s77`) or of the input's dim (`x.0`). All nodes that cannot be imported are reported in one
/// error. `ops` says what can be imported: the rows of the compiler, and those of plug-ins. With
/// `missing`, nodes that cannot be imported go there instead of into an error; `open` says what
/// becomes of dims without an extent.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importPt2(mlir::MLIRContext &context, const Options &options, const pt2::OpTable &ops = {},
          UnsupportedOps *missing = nullptr, OpenDims *open = nullptr);

/// The sample inputs stored in a package, in the order of the arguments (those that are no tensors
/// left out), of the model called `entry` when it holds several. Error: the package holds none, or
/// is damaged.
llvm::Expected<llvm::SmallVector<TensorValue>>
readPt2SampleInputs(mlir::MLIRContext &context, llvm::StringRef path, llvm::StringRef entry = "");

} // namespace ingot
