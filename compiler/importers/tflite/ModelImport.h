// Walks a TFLite model: tensors, inputs, operators.
#pragma once

#include "compiler/importers/common/GivenDims.h"
#include "compiler/importers/common/LoopBuilder.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/pipeline/Options.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>

namespace ingot::tfliteimport {

class ModelImport {
public:
  /// `source` is the file's index in the weight store.
  ModelImport(mlir::MLIRContext *context, const Options &options, const tflite::Model &model,
              int64_t source, OpenDims *open)
      : b(context), options(options), model(model), source(source), open(open),
        table(builtinOps()) {}

  /// As importTflite.
  mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> run(UnsupportedOps *missing);

private:
  using Indices = const flatbuffers::Vector<int32_t> *;

  /// A sub-graph that is imported: its tensors have values as far as it has come.
  struct Scope {
    const tflite::SubGraph &graph;
    std::vector<Tensor> tensors = {};
  };
  /// State that survives between runs.
  struct Variable {
    std::string symbol;          ///< empty until something reads or changes it
    mlir::Attribute initial;     ///< null: zeros
    mlir::RankedTensorType type; ///< null: not known yet
    mlir::Value before;          ///< at the run's start
    mlir::Value value;           ///< at this point of the run
    bool isChanged = false;
  };

  mlir::LogicalResult readTensors();
  mlir::LogicalResult readQuantization(Tensor &tensor);
  mlir::LogicalResult importInputs();
  mlir::LogicalResult importOperator(const tflite::Operator &op);
  mlir::LogicalResult importOperators();
  /// Results of what ControlFlow.cpp holds, as a converter's: control flow and variables.
  mlir::LogicalResult importControl(TfliteNode &node, llvm::ArrayRef<Tensor *> inputs,
                                    llvm::ArrayRef<Tensor *> outputs);
  mlir::LogicalResult importIf(TfliteNode &node, llvm::ArrayRef<Tensor *> inputs);
  mlir::LogicalResult importWhile(TfliteNode &node, llvm::ArrayRef<Tensor *> inputs);
  /// A loop's results when it is imported once a step, at most `most` times. Failure where that
  /// does not show when it ends; then errors say nothing.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> unrollWhile(TfliteNode &node,
                                                              const tflite::WhileOptions &loop,
                                                              llvm::SmallVector<mlir::Value> values,
                                                              int64_t most);
  mlir::LogicalResult whileAtRunTime(TfliteNode &node, const tflite::WhileOptions &loop,
                                     llvm::ArrayRef<mlir::Value> values);
  mlir::LogicalResult importCallOnce(TfliteNode &node);
  /// The results of a sub-graph for arguments; null ones are of operators that are reported.
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  importSubgraph(TfliteNode &node, int64_t index, llvm::ArrayRef<mlir::Value> arguments);
  /// The value of a variable now, which begins as `type`; null and an error where it is another.
  mlir::Value readVariable(Variable &variable, llvm::StringRef name, mlir::RankedTensorType type);
  /// Writes what the run leaves in the variables.
  void updateVariables();
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
  int64_t source;
  OpenDims *open;
  OpTable table;
  Scope *scope = nullptr; ///< that operators are imported of
  int depth = 0;          ///< sub-graphs around it
  int branches = 0;       ///< of these, branches chosen at run time
  bool initializes = false;
  int64_t nodes = 0;
  /// By `container/name`, and by the name of a tensor that is one.
  std::map<std::string, Variable> variables;
  UnsupportedOps unsupported;
};

} // namespace ingot::tfliteimport
