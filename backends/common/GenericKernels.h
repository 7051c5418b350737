// Kernels for every graph op that is not a contraction: selection and emission.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot {

/// What a target computes with. `bytes` 0: one element at a time (a thread of a GPU).
struct VectorInfo {
  int64_t bytes = 16;     ///< width of a vector register
  int64_t registers = 16; ///< vector registers
  unsigned widest = 64;   ///< bits of the widest elements that vectors compute on
  bool scratch = true;    ///< whether a row may be kept in scratch, or is to be computed again
  /// Lanes of a register for elements of `bits` bits, at least 1.
  int64_t lanes(unsigned bits) const {
    return bits > widest ? 1 : std::max<int64_t>(1, bytes * 8 / std::max(8u, bits));
  }
};

/// What `selectGeneric` decides.
struct GenericChoice {
  DimExpr tiles = 1;                  ///< independent pieces of work
  llvm::SmallVector<int64_t> inPlace; ///< pairs [result, operand], as in #ingot.kernel
  int64_t units = 1;                  ///< the most tiles there could be
  uint64_t elements = 0;              ///< elements visited, for estimates; at the bounds of dims
};

/// Chooses tiles and in-place pairs for `kernel`. Failure (with an error at the op) when the body
/// holds a contraction or another op that has no generic kernel.
llvm::FailureOr<GenericChoice> selectGeneric(mlir::func::FuncOp kernel, const VectorInfo &info);

/// Emits the code of `kernel` into `dest`, a function made by `createKernelShell` with an empty
/// body. The tile range is that of `tiles`, as `selectGeneric` chose. Sets `ingot.scratch` (bytes
/// per worker) on `dest` when it needs any. `kernel` is not changed.
mlir::LogicalResult emitGenericKernel(mlir::func::FuncOp kernel, mlir::func::FuncOp dest,
                                      const VectorInfo &info, const DimExpr &tiles);

} // namespace ingot
