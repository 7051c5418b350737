// The shell of an emitted kernel: its signature on buffers, and flat views of them.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot {

/// The type of an element in memory: `i1` is one byte, unsigned integers are signless.
mlir::Type memoryElement(mlir::Type element);

/// The buffer type of a tensor: contiguous, row-major; one dim when an extent is dynamic.
mlir::MemRefType bufferType(mlir::RankedTensorType tensor);

/// Creates the public function `name` with the arguments of an emitted kernel: a buffer for each
/// operand of `kernel`, one for each result, the worker's scratch (memref<?xi8>), the kernel's dims
/// d0, d1, … and the tile range `begin`, `end` (index). The body is empty but for its return; the
/// builder is put before it.
mlir::func::FuncOp createKernelShell(mlir::OpBuilder &builder, mlir::func::FuncOp kernel,
                                     llvm::StringRef name);

/// The arguments of a function made by `createKernelShell`.
struct KernelArguments {
  mlir::ValueRange operands, results, dims;
  mlir::Value scratch, begin, end;
  KernelArguments(mlir::func::FuncOp kernel, mlir::func::FuncOp shell);
};

/// `buffer` (static, contiguous) as a memref of one dim.
mlir::Value flatView(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value buffer);

/// `buffer` (static, contiguous) under another shape of as many elements.
mlir::Value viewAs(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value buffer,
                   llvm::ArrayRef<int64_t> shape);

/// `elements` elements of type `element` at byte `offset` (a multiple of 64) of the scratch
/// (memref<?xi8>), as one dim.
mlir::Value scratchView(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value scratch,
                        int64_t offset, int64_t elements, mlir::Type element);

/// How many dims d0, d1, … `kernel` is compiled for.
unsigned dimCount(mlir::func::FuncOp kernel);

/// Name of the attribute of an emitted function that says how many bytes of scratch a worker needs.
inline constexpr llvm::StringLiteral scratchAttr = "ingot.scratch";

} // namespace ingot
