// What a resize asks for that is written out by tables.
#pragma once

#include "compiler/importers/onnx/OnnxNode.h"

namespace ingot::onnximport {

struct ResizeDim {
  int64_t in, out;
  double scale;                  ///< output by input, as the model says: out may be rounded
  double start = 0.0, end = 1.0; ///< of the region, in parts of the input
};

struct ResizeTables {
  llvm::SmallVector<ResizeDim> dims;
  ResizeMode mode;
  std::string coordinates; ///< coordinate_transformation_mode
  NearestMode nearest;
  double cubic = -0.75, extrapolation = 0.0;
  bool antialias = false, excludeOutside = false;
};

mlir::LogicalResult resizeByTables(OnnxNode &n, const ResizeTables &spec);

} // namespace ingot::onnximport
