// Checks that several contracts share. Each reports by diagnostics and returns failure.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace ingot {

/// An error at `op` that begins with its layer: "'ingot.relu' op (layer act1) …".
mlir::InFlightDiagnostic contractError(mlir::Operation *op);

/// The module passes MLIR's own verifier.
mlir::LogicalResult checkVerifies(mlir::ModuleOp module);
/// The contract of import, of every function that is not a kernel.
mlir::LogicalResult checkGraph(mlir::ModuleOp module);
/// The contract of normalize, without checkGraph.
mlir::LogicalResult checkNormal(mlir::ModuleOp module);
/// Every op has a target that the module lists, and reads values of its memory space.
mlir::LogicalResult checkTargets(mlir::ModuleOp module);
/// Kernels and their launches.
mlir::LogicalResult checkKernels(mlir::ModuleOp module);

/// Whether `function` is a kernel.
inline bool isKernel(mlir::func::FuncOp function) { return function->hasAttr("ingot.kernel"); }

} // namespace ingot
