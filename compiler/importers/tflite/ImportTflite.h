// Imports TFLite models into the graph level.
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/common/ModelDescription.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "compiler/pipeline/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace ingot {

/// Whether a file's first bytes are those of a TFLite model (FlatBuffers identifier `TFL3`).
bool isTfliteModel(llvm::StringRef bytes);

/// Reads the TFLite file `options.model` into a module with one public function @forward: the first
/// sub-graph. Inputs and outputs have the names of its signature, or of their tensors when it has
/// none. An open extent (-1 in `shape_signature`) is the dim `INPUT.dimN`, 1 or what the file says
/// unless `options.dims` gives it. Quantised tensors become `ingot.dequantize` before and
/// `ingot.quantize` after the float operator. Weights stay in the mapped file. Errors come through
/// the context's diagnostic engine: the file cannot be read or is not a model, or operators are not
/// supported (all of them in one error). With `missing`, these go there instead; `open` says what
/// becomes of dims without an extent.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> importTflite(mlir::MLIRContext &context,
                                                                const Options &options,
                                                                UnsupportedOps *missing = nullptr,
                                                                OpenDims *open = nullptr);

/// The model's signature and operators; open extents are `INPUT.dimN`. Error: the file cannot be
/// read or is not a model.
llvm::Expected<ModelDescription> describeTflite(llvm::StringRef path);

} // namespace ingot
