// Two independent meanings of a program of launches: of the graph, on values, and of its plan, on
// bytes of memory.
#pragma once

#include "ir/graph/Graph.h"
#include "ir/plan/Plan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <map>
#include <vector>

namespace ingot::test {

/// One number for each byte. A kernel's result is a hash of its name and all of its operands, so
/// that a byte read from the wrong place, or too late, changes everything behind it.
using Bytes = std::vector<uint64_t>;

struct Execution {
  std::vector<Bytes> inputs, outputs;
  std::map<std::string, Bytes> variables; ///< by symbol; read and updated
};

/// What a launch of `kernel` writes to result `index`. i1 results of one byte are 0 or 1, for
/// conditions.
Bytes launchResult(llvm::StringRef kernel, unsigned index, const std::vector<Bytes> &operands,
                   uint64_t bytes);
/// The bytes of a constant.
Bytes constantBytes(mlir::Attribute value, uint64_t bytes);

/// Runs the function on values.
void runGraph(mlir::func::FuncOp function, Execution &run);
/// Runs the entry on memory. Returns what is wrong with it (a write to an input, an overlap within
/// a launch), or "".
std::string runPlan(plan::EntryOp entry, Execution &run);

} // namespace ingot::test
