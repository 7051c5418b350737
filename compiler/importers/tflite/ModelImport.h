// Walks a TFLite model: tensors, inputs, operators.
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/pipeline/Options.h"
#include "mlir/IR/OwningOpRef.h"

namespace ingot::tfliteimport {

class ModelImport {
public:
  /// `source` is the file's index in the weight store.
  ModelImport(mlir::MLIRContext *context, const Options &options, const tflite::Model &model,
              int64_t source, OpenDims *open)
      : b(context), options(options), model(model), graph(*model.subgraphs()->Get(0)),
        source(source), open(open), table(builtinOps()) {}

  /// As importTflite.
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> run(UnsupportedOps *missing);

private:
  using Indices = const flatbuffers::Vector<int32_t> *;

  mlir::LogicalResult readTensors();
  mlir::LogicalResult readQuantization(Tensor &tensor);
  mlir::LogicalResult importInputs();
  mlir::LogicalResult importOperator(const tflite::Operator &op);
  /// The tensors of an operator, absent ones (-1) as null; the constants among them are made.
  mlir::FailureOr<llvm::SmallVector<Tensor *>> tensorsOf(Indices indices, llvm::StringRef what,
                                                         bool areInputs);
  /// Gives a tensor that no operator computed yet the constant of its buffer.
  mlir::LogicalResult importConstant(Tensor &tensor, llvm::StringRef reader);
  /// The shape that the file declares, checked; null after an error.
  mlir::RankedTensorType declaredType(const Tensor &tensor);

  GraphBuilder b;
  const Options &options;
  const tflite::Model &model;
  const tflite::SubGraph &graph;
  int64_t source;
  OpenDims *open;
  OpTable table;
  std::vector<Tensor> tensors;
  UnsupportedOps unsupported;
};

} // namespace ingot::tfliteimport
