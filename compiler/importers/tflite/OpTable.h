// The table of TFLite's builtin operators: which function imports which operator.
#pragma once

#include "compiler/importers/tflite/TfliteNode.h"

namespace ingot::tfliteimport {

/// Imports one operator: reads it, builds ops, sets its outputs. Failure after an error or
/// `unsupported`.
using Converter = mlir::LogicalResult (*)(TfliteNode &node);
using Op = tflite::BuiltinOperator;

class OpTable {
public:
  void add(Op op, Converter converter) { rows[static_cast<int32_t>(op)] = converter; }
  /// The converter for an operator, or null.
  Converter find(Op op) const { return rows.lookup(static_cast<int32_t>(op)); }

private:
  llvm::DenseMap<int32_t, Converter> rows;
};

void addElementwiseOps(OpTable &table);
void addActivationOps(OpTable &table);
void addWindowOps(OpTable &table);
void addContractionOps(OpTable &table);
void addShapeOps(OpTable &table);
void addSliceOps(OpTable &table);
void addBlockOps(OpTable &table);
void addReductionOps(OpTable &table);
void addIndexOps(OpTable &table);
void addCreationOps(OpTable &table);
void addResizeOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addSegmentOps(OpTable &table);
void addStableHloOps(OpTable &table);

/// Elements `steps` apart along each dim, `fill` between them.
mlir::Value spread(GraphBuilder &b, mlir::Value value, llvm::ArrayRef<int64_t> steps, double fill);

/// Whether ModelImport handles the operator itself: sub-graphs and variables.
bool isControl(Op op);

/// Every row.
OpTable builtinOps();

} // namespace ingot::tfliteimport
