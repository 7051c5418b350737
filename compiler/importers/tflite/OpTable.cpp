// The table of TFLite's builtin operators.
#include "compiler/importers/tflite/OpTable.h"

using namespace ingot;
using namespace ingot::tfliteimport;

OpTable tfliteimport::builtinOps() {
  OpTable table;
  addElementwiseOps(table);
  addActivationOps(table);
  addWindowOps(table);
  addContractionOps(table);
  addShapeOps(table);
  addSliceOps(table);
  addBlockOps(table);
  addReductionOps(table);
  addIndexOps(table);
  addCreationOps(table);
  addResizeOps(table);
  addRecurrentOps(table);
  addSegmentOps(table);
  addStableHloOps(table);
  return table;
}
