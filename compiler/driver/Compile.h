// The compiler as a library call: model file in, program file out.
#pragma once

#include "compiler/pipeline/Phases.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

/// Process exit codes (DESIGN §7).
enum ExitCode { kDone = 0, kUserError = 1, kUsageError = 2, kInternalError = 70 };

/// A context with every dialect that the compiler uses, single-threaded unless `threads` != 1.
std::unique_ptr<mlir::MLIRContext> makeContext(unsigned threads);

/// Fills `state` with the built-in targets and those of `options.plugins`, then creates `options.targets`.
/// Error: an unknown target or a plug-in that cannot be loaded, in words.
llvm::Error prepare(CompileState &state);

/// Imports or resumes, runs the phases up to `options.stopAfter`, and dumps as asked. Diagnostics go to the context's
/// handler. Returns the module after the last phase.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> compileModule(mlir::MLIRContext &context,
                                                                 CompileState &state);

/// `ingot compile`: compiles, reports progress on `out` and errors on `err`. Returns an exit code.
int compileCommand(const Options &options, llvm::raw_ostream &out, llvm::raw_ostream &err);

} // namespace ingot
