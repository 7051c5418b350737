// What a compilation did: the summary on the terminal and the JSON report.
#pragma once

#include "compiler/pipeline/Phases.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

/// Phases with their times, the output's size, and the fallbacks.
void printSummary(const CompileState &state, double seconds, llvm::raw_ostream &out);

/// `--report=F.json`: per kernel name, source layers, target, strategy, FLOPs and bytes; per phase
/// milliseconds; the planner's bytes, lower bound and gap; sizes and fallbacks. Error: the file
/// cannot be written.
llvm::Error writeReport(mlir::ModuleOp module, const CompileState &state, llvm::StringRef path);

} // namespace ingot
