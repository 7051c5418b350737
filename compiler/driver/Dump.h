// Phase dumps: `NN-phase.mlir` with the computed constants beside it in `NN-phase.blobs`, and
// resuming from one.
#pragma once

#include "compiler/pipeline/Phases.h"

namespace ingot {

/// Writes the module as it stands after `phase` to `directory` (created if missing).
mlir::LogicalResult dumpPhase(mlir::ModuleOp module, Phase phase, llvm::StringRef directory);

/// Reads a dump and its blobs, reopens the model files that its weights point into and checks their
/// SHA-256. `source` replaces the path of the model file when it moved.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
readDump(mlir::MLIRContext &context, llvm::StringRef path, llvm::StringRef source);

/// Whether the file at `path` is a dump (by its name's end `.mlir`).
bool isDump(llvm::StringRef path);

} // namespace ingot
