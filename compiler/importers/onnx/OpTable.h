// The table of ONNX operators: which function imports which version of which operator.
#pragma once

#include "compiler/importers/onnx/OnnxNode.h"

namespace ingot::onnximport {

/// Imports one node: reads it, builds ops, sets its outputs. Failure after an error or
/// `unsupported`.
using Converter = mlir::LogicalResult (*)(OnnxNode &node);

/// The last version of a row that no later version replaced.
constexpr int64_t kNewest = 1 << 30;
/// The newest operator set of ai.onnx whose meaning the table knows.
constexpr int64_t kLastOpset = 27;
constexpr int64_t kFirstOpset = 1;

class OpTable {
public:
  /// A row for operator `name` of `domain` ("" is ai.onnx), imported versions `first` to `last`.
  void add(llvm::StringRef domain, llvm::StringRef name, int64_t first, int64_t last,
           Converter converter) {
    rows[(domain + ":" + name).str()].push_back({first, last, converter});
  }
  /// A row of ai.onnx.
  void add(llvm::StringRef name, int64_t first, int64_t last, Converter converter) {
    add("", name, first, last, converter);
  }
  /// A row of ai.onnx whose meaning did not change.
  void add(llvm::StringRef name, Converter converter) { add("", name, 1, kNewest, converter); }

  /// A row of ai.onnx whose inputs may be sequences or optionals.
  void addOnLists(llvm::StringRef name, Converter converter) {
    add(name, converter);
    onLists.insert(name);
  }
  bool takesLists(llvm::StringRef domain, llvm::StringRef name) const {
    return domain.empty() && onLists.contains(name);
  }

  /// The converter for an operator at an imported version, or null.
  Converter find(llvm::StringRef domain, llvm::StringRef name, int64_t version) const;

private:
  struct Row {
    int64_t first, last;
    Converter converter;
  };
  llvm::StringMap<llvm::SmallVector<Row, 1>> rows;
  llvm::StringSet<> onLists;
};

//===--- what rows of several files share
//-------------------------------------------------------------------------===//

/// x / rms(x) over the dims from `axis` on, and the layer norm; scale and bias (or null) broadcast
/// to those dims.
mlir::Value rmsNorm(OnnxNode &n, mlir::Value input, mlir::Value scale, int64_t axis,
                    double epsilon);
mlir::Value layerNorm(OnnxNode &n, mlir::Value input, mlir::Value scale, mlir::Value bias,
                      int64_t axis, double epsilon);
/// Quantize and dequantize with a scale (and zero point or null) for the whole tensor, along
/// `axis`, or in blocks of `block` (0: none) along it.
mlir::Value quantize(OnnxNode &n, mlir::Value input, mlir::Value scale, mlir::Value zeroPoint,
                     mlir::Type to, int64_t axis, int64_t block);
mlir::Value dequantize(OnnxNode &n, mlir::Value input, mlir::Value scale, mlir::Value zeroPoint,
                       int64_t axis, int64_t block);

//===--- the rows
//-------------------------------------------------------------------------------------------------===//

void addElementwiseOps(OpTable &table);
void addLossOps(OpTable &table);
void addSignalOps(OpTable &table);
void addReductionOps(OpTable &table);
void addShapeOps(OpTable &table);
void addConstantOps(OpTable &table);
void addIndexingOps(OpTable &table);
void addSelectionOps(OpTable &table);
void addWindowOps(OpTable &table);
void addWindowIndexOps(OpTable &table);
void addSamplingOps(OpTable &table);
void addResizeOps(OpTable &table);
void addContractionOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addAttentionOps(OpTable &table);
void addControlOps(OpTable &table);
void addOtherOps(OpTable &table);
void addLoopOps(OpTable &table);
void addSequenceOps(OpTable &table);
void addStateOps(OpTable &table);
void addMicrosoftOps(OpTable &table);

/// Every row that comes with the compiler.
OpTable builtinOps();

} // namespace ingot::onnximport
