// Imports ONNX models into the graph level.
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/common/ModelDescription.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/pipeline/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace ingot {

/// Reads the ONNX file `options.model` (opsets 7 to 27, IR versions 3 to 13; weights inside or in
/// files of the same folder) into a module with one public function @forward. Named dims take their
/// extents from `options.dims`. Weights stay in the mapped files. Errors come through the context's
/// diagnostic engine: the file cannot be read or is not a model, a dim has no extent, or operators
/// are not supported (all of them in one error). `ops` says what can be imported: the rows of the
/// compiler, and those of plug-ins. With `missing`, operators that are not supported go
/// there instead of into an error; `open` says what becomes of dims without an extent.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
importOnnx(mlir::MLIRContext &context, const Options &options,
           const onnximport::OpTable &ops = onnximport::builtinOps(),
           UnsupportedOps *missing = nullptr, OpenDims *open = nullptr);

/// The model's signature and operators; open dims keep their names. Error: the file cannot be read
/// or is not a model.
llvm::Expected<ModelDescription> describeOnnx(llvm::StringRef path);

} // namespace ingot
