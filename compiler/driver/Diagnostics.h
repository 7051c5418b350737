// Turns MLIR diagnostics into messages for people: `error: layer: text`, notes as `hint:` or
// indented lines.
#pragma once

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"

namespace ingot {

/// Prints every diagnostic of a context to `stream` for its lifetime, at most ten lines each.
class DiagnosticPrinter {
public:
  DiagnosticPrinter(mlir::MLIRContext &context, llvm::raw_ostream &stream);
  bool hasErrors() const { return errors > 0; }

private:
  void print(mlir::Diagnostic &diagnostic);

  llvm::raw_ostream &stream;
  unsigned errors = 0;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace ingot
