// Turns ONNX tensors into constants, large ones into references to the mapped file.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/importers/onnx/onnx.pb.h"

namespace ingot::onnximport {

class TensorImport {
public:
  /// `source` is the model file's index in the weight store, `modelPath` its path: external data
  /// must lie in its folder.
  TensorImport(GraphBuilder &builder, int64_t source, llvm::StringRef modelPath)
      : b(builder), source(source), modelPath(modelPath) {}

  /// The tensor as a constant op. Null and one error when its type is not supported, its bytes do
  /// not fit its shape, or its external data is missing or outside the model's folder.
  mlir::Value import(const onnx::TensorProto &tensor);
  /// A sparse tensor, made dense.
  mlir::Value importSparse(const onnx::SparseTensorProto &tensor);

private:
  mlir::Value fail(const onnx::TensorProto &tensor, const llvm::Twine &message);
  mlir::Value fromExternal(const onnx::TensorProto &tensor, mlir::RankedTensorType type);
  mlir::Value fromTyped(const onnx::TensorProto &tensor, mlir::RankedTensorType type);

  GraphBuilder &b;
  int64_t source;
  std::string modelPath;
};

} // namespace ingot::onnximport
