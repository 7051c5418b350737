// Symbolic sizes: the dims that a model names, and expressions over them.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <string>

namespace ingot::pt2 {

/// A number of an expression: an integer, or a real.
struct Number {
  bool isInteger = true;
  int64_t integer = 0;
  double real = 0;
  double asReal() const { return isInteger ? (double)integer : real; }
};

/// Evaluates the text of a symbolic expression, in SymPy's `srepr` form (`Mul(Integer(2),
/// Symbol('s77', integer=True))`) or the infix form of older files (`2*s0 + 1`). Error: a symbol
/// without a value (`unknownSymbol` names it), an overflow, a function that is not known, or text
/// that is no expression.
llvm::Expected<Number> evaluateExpression(llvm::StringRef text,
                                          const llvm::StringMap<int64_t> &symbols,
                                          std::string *unknownSymbol = nullptr);

/// The symbol when the expression is just one, else nothing.
llvm::StringRef bareSymbol(llvm::StringRef text);

/// The symbols of an expression, each once.
llvm::SmallVector<llvm::StringRef> symbolsOf(llvm::StringRef text);

} // namespace ingot::pt2
