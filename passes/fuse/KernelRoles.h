// What fusion knows of an op: whether it starts a kernel, joins one, or stays between them.
#pragma once

#include "ir/graph/Graph.h"

namespace ingot {

enum class KernelRole {
  None,        ///< stays between kernels: constants, views, transfers, variables, control flow
  Contraction, ///< matmul and convolutions: epilogues on accumulators, operands read from memory
  Root,        ///< other composites: epilogues, and producers when they read their input in order
  Movement,    ///< moves elements: transpose, slice, pad, concat, broadcast, iota
  Pointwise,   ///< one element of the result from one of each operand
};

KernelRole kernelRole(mlir::Operation *op);

/// Whether the plan can make `op`'s result an alias of its operand (or operands of the result): a
/// reshape, a slice whose elements lie together, a concatenation along the outermost dim that is
/// not 1.
bool isView(mlir::Operation *op);

/// Whether a second evaluation of an elementwise op costs about as much as reading its result from
/// memory.
bool isCheap(mlir::Operation *op);

/// Whether `value` is a constant that belongs inside a kernel: a scalar, or equal elements
/// everywhere.
bool isInlineConstant(mlir::Value value);

/// A word for `op` in a kernel's name: "conv3x3s2", "gemm", "relu".
std::string kernelWord(mlir::Operation *op);

} // namespace ingot
