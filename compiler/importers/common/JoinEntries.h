// Several imported models as one module: each is an entry point of the program.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>

namespace ingot {

struct ImportedEntry {
  std::string name;                         ///< of the entry point: letters, digits, `_`, `.`, `-`
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< its function is @forward
};

/// Joins modules of one context, at least one. Weights are the same where their bytes are.
/// Variables of one name, type and initial value are one variable: what an entry leaves there, the
/// next one finds. Others keep apart; a name that is taken gets the entry's before it, as a dim
/// does whose bounds differ (`decode.seq`). Error: a model's dims come from what an input holds, or
/// its results have extents that a run counts.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
joinEntries(llvm::MutableArrayRef<ImportedEntry> entries);

} // namespace ingot
