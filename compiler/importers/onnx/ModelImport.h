// Walks an ONNX model: inputs, initializers, nodes, sub-graphs and functions.
#pragma once

#include "compiler/importers/common/CountedExtents.h"
#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/TensorImport.h"
#include "compiler/pipeline/Options.h"

namespace ingot::onnximport {

class ModelImport : public NodeHost {
public:
  ModelImport(mlir::MLIRContext *context, const Options &options, const onnx::ModelProto &model,
              int64_t source, const OpTable &table, OpenDims *open)
      : b(context), options(options), model(model), table(table), open(open),
        tensors(b, source, options.model) {}

  /// As importOnnx.
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> run(UnsupportedOps *missing);

  mlir::Value importTensor(const onnx::TensorProto &tensor) override {
    return tensors.import(tensor);
  }
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  importSubgraph(const onnx::GraphProto &graph, llvm::ArrayRef<mlir::Value> arguments,
                 llvm::StringRef tag) override;
  std::optional<Ints> declaredShape(llvm::StringRef value) const override;
  bool isOnlyReturned(llvm::StringRef value) const override;
  bool isUnused(llvm::StringRef value) const override;
  bool isSampled() const override { return open && open->anySize; }
  mlir::LogicalResult returnCounted(llvm::StringRef value, int64_t dim, mlir::Value count) override;

private:
  using Opsets = llvm::StringMap<int64_t>;
  using Attributes = llvm::StringMap<const onnx::AttributeProto *>;

  /// The names visible to a node. A null value stands for the result of a node that is not
  /// supported.
  struct Scope {
    const Scope *parent = nullptr;
    llvm::StringMap<mlir::Value> values;
    const Opsets *opsets = nullptr;
    const Attributes *attributes = nullptr; ///< of the call, in a function's body
    std::string prefix;                     ///< of node names, in a function's body
    const google::protobuf::RepeatedPtrField<onnx::NodeProto> *nodes = nullptr;

    /// The value of a name, or nothing when no node before computes it.
    std::optional<mlir::Value> find(llvm::StringRef name) const;
  };

  mlir::LogicalResult
  readOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports,
             Opsets &opsets);
  mlir::LogicalResult readFunctions();
  /// Nodes after functions are inlined, at most kMaxNodes + 1. `known` holds the counts of
  /// functions.
  int64_t countNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                     llvm::DenseMap<const onnx::FunctionProto *, int64_t> &known, int depth) const;
  /// The function that a node calls, or null.
  const onnx::FunctionProto *calledFunction(const onnx::NodeProto &node) const;
  mlir::LogicalResult importInputs(Scope &scope);
  mlir::LogicalResult importInitializers(const onnx::GraphProto &graph, Scope &scope);
  mlir::LogicalResult importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                                  Scope &scope);
  mlir::LogicalResult importNode(const onnx::NodeProto &node, Scope &scope);
  mlir::LogicalResult inlineFunction(const onnx::FunctionProto &function,
                                     const onnx::NodeProto &node,
                                     llvm::ArrayRef<mlir::Value> inputs,
                                     const Attributes &attributes, llvm::StringRef name,
                                     Scope &scope);
  /// Defines a name once.
  mlir::LogicalResult define(Scope &scope, llvm::StringRef name, mlir::Value value);
  std::string nameOf(const onnx::NodeProto &node, const Scope &scope) const;
  mlir::LogicalResult missing(llvm::StringRef name, const onnx::NodeProto &node,
                              const Scope &scope);

  GraphBuilder b;
  const Options &options;
  const onnx::ModelProto &model;
  const OpTable &table;
  OpenDims *open;
  TensorImport tensors;
  UnsupportedOps unsupported;
  CountedExtents counted;
  Opsets opsets;
  llvm::StringMap<const onnx::FunctionProto *> functions;
  Scope *current = nullptr;
  int depth = 0;
  int64_t nodesSeen = 0;
};

} // namespace ingot::onnximport
