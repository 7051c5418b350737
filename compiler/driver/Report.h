// What a compilation did: the summary on the terminal and the JSON report.
#pragma once

#include "compiler/pipeline/Phases.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

/// Phases with their times, the output's size, and the fallbacks.
void printSummary(const CompileState &state, double seconds, llvm::raw_ostream &out);

/// The value of `--report` that stands for the standard output.
constexpr llvm::StringLiteral kReportToOutput = "json";

/// The report of `--report`: per kernel name, source layers, target, strategy, FLOPs and bytes; per
/// phase milliseconds; the planner's bytes, lower bound and gap; sizes and fallbacks.
void printReport(mlir::ModuleOp module, const CompileState &state, llvm::raw_ostream &out);
/// `printReport` to a file. Error: it cannot be written.
llvm::Error writeReport(mlir::ModuleOp module, const CompileState &state, llvm::StringRef path);

} // namespace ingot
