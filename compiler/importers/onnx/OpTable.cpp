// The table of ONNX operators.
#include "compiler/importers/onnx/OpTable.h"

using namespace ingot;
using namespace ingot::onnximport;

Converter OpTable::find(llvm::StringRef domain, llvm::StringRef name, int64_t version) const {
  auto found = rows.find((domain + ":" + name).str());
  if (found == rows.end())
    return nullptr;
  for (const Row &row : llvm::reverse(found->second))
    if (version >= row.first && version <= row.last)
      return row.converter;
  return nullptr;
}

OpTable onnximport::builtinOps() {
  OpTable table;
  addElementwiseOps(table);
  addReductionOps(table);
  addShapeOps(table);
  addConstantOps(table);
  addIndexingOps(table);
  addSelectionOps(table);
  addWindowOps(table);
  addWindowIndexOps(table);
  addSamplingOps(table);
  addResizeOps(table);
  addContractionOps(table);
  addNormalizationOps(table);
  addLossOps(table);
  addSignalOps(table);
  addRecurrentOps(table);
  addQuantizationOps(table);
  addAttentionOps(table);
  addControlOps(table);
  addOtherOps(table);
  addLoopOps(table);
  addSequenceOps(table);
  addStateOps(table);
  addMicrosoftOps(table);
  return table;
}
