// The attributes that convolutions and pools share.
#pragma once

#include "compiler/importers/onnx/OnnxNode.h"

namespace ingot::onnximport {

/// A sliding window over spatial dims; pads list the low pads of all dims, then the high pads.
struct Window {
  Ints kernel, strides, dilations, pads;
  bool same =
      false; ///< auto_pad was SAME_UPPER or SAME_LOWER (then `pads` are those of a forward window)
  bool upper = false; ///< SAME_UPPER
  /// Elements from the first to the last that the window touches along dim i.
  int64_t span(size_t i) const { return dilations[i] * (kernel[i] - 1) + 1; }
};

/// Reads kernel_shape, strides, dilations, pads and auto_pad for spatial extents `input`; `kernel`
/// is the filter's, or empty when the attribute alone says it. Nothing after an error.
std::optional<Window> readWindow(OnnxNode &n, llvm::ArrayRef<int64_t> input,
                                 llvm::ArrayRef<int64_t> kernel);

/// A convolution by the node's attributes; float, or integers giving i32.
mlir::Value buildConv(OnnxNode &n, mlir::Value input, mlir::Value filter, mlir::Value bias);

/// MaxPool with its second output, the index of each maximum in the whole input (`columnMajor`:
/// the spatial dims of a plane counted with the first one innermost). `pads` are those of the
/// windows.
mlir::LogicalResult maxPoolWithIndices(OnnxNode &n, mlir::Value input, const Window &w,
                                       llvm::ArrayRef<int64_t> pads, bool columnMajor);

} // namespace ingot::onnximport
