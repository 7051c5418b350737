// The compiler as a library call: model file in, program file out.
#pragma once

#include "compiler/driver/Commands.h"
#include "compiler/pipeline/Phases.h"

namespace ingot {

/// A context with every dialect that the compiler uses, single-threaded unless `threads` != 1.
std::unique_ptr<mlir::MLIRContext> makeContext(unsigned threads);

/// Fills `state` with the built-in targets and those of `options.plugins`, then creates
/// `options.targets`. Error: an unknown target or a plug-in that cannot be loaded, in words.
llvm::Error prepare(CompileState &state);

/// Imports or resumes, runs the phases up to `options.stopAfter`, and dumps as asked. Diagnostics
/// go to the context's handler. Returns the module after the last phase.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> compileModule(mlir::MLIRContext &context,
                                                                 CompileState &state);

} // namespace ingot
