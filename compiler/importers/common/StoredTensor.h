// Constants from the bytes of tensors as model files hold them: little-endian, row-major, types
// narrower than a byte packed from the low bits on, a byte per bool.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"

namespace ingot {

/// Bytes of a tensor in a file.
uint64_t packedBytes(mlir::RankedTensorType type);

/// A constant from `bytes` (packedBytes of them), which are copied.
mlir::Value constantFromBytes(GraphBuilder &b, llvm::StringRef name, mlir::RankedTensorType type,
                              llvm::ArrayRef<char> bytes);

/// A constant from the bytes at `offset` of a file of the weight store, where they stay unless they
/// are few or narrower than a byte. The caller has checked that the file holds them.
mlir::Value constantFromFile(GraphBuilder &b, llvm::StringRef name, mlir::RankedTensorType type,
                             int64_t file, uint64_t offset);

} // namespace ingot
