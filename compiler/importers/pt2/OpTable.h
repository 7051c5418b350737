// The table of torch operators: which function imports which operator.
#pragma once

#include "llvm/ADT/StringMap.h"
#include <initializer_list>

namespace ingot::pt2 {

class Node;

/// Converters by operator name (`conv2d.default`; other namespaces than aten in front:
/// `vendor.swish.default`).
class OpTable {
public:
  /// Imports one node: reads its arguments, builds ops, sets its results.
  using Converter = void (*)(Node &);

  /// The rows that come with the compiler.
  OpTable();
  /// Adds a row for one name, or for several that mean the same. Replaces rows of these names.
  void add(std::initializer_list<const char *> names, Converter converter) {
    for (const char *name : names)
      rows[name] = converter;
  }
  Converter find(llvm::StringRef name) const { return rows.lookup(name); }
  /// The same for nodes with a complex operand or result (Tensor::isComplex): no row of the others
  /// serves these unless it stands here too.
  void addComplex(std::initializer_list<const char *> names, Converter converter) {
    for (const char *name : names)
      complexRows[name] = converter;
  }
  Converter findComplex(llvm::StringRef name) const { return complexRows.lookup(name); }

private:
  llvm::StringMap<Converter> rows, complexRows;
};

// The rows, by family.
void addElementwiseOps(OpTable &table);
void addViewOps(OpTable &table);
void addShapeOps(OpTable &table);
void addIndexOps(OpTable &table);
void addCreationOps(OpTable &table);
void addReductionOps(OpTable &table);
void addContractionOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addTorchaoOps(OpTable &table);
void addMathOps(OpTable &table);
void addLossOps(OpTable &table);
void addMatrixOps(OpTable &table);
void addSamplingOps(OpTable &table);
/// Behind the others: takes rows of theirs that serve complex tensors as well.
void addComplexOps(OpTable &table);
void addSpectralOps(OpTable &table);

} // namespace ingot::pt2
