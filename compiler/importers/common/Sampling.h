// Decompositions that read a feature map at computed places. Values as in Decompositions.h: null
// in, null out; null and one error on failure.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"

namespace ingot {

enum class SampleMode { Nearest, Linear, Cubic };
/// What a point outside the input reads: zeros, the nearest element, or the input mirrored.
enum class SamplePadding { Zeros, Border, Reflection };

/// ONNX GridSample, torch grid_sample: `input` [N, C, d…] at `grid` [N, o…, k], whose k coordinates
/// (the innermost dim's first) run from -1 to 1; gives [N, C, o…]. With border padding, a point
/// outside is moved to the border, but of a cubic point the neighbours are, as torch and ONNX
/// Runtime do; ONNX's reference implementation moves far points first.
mlir::Value gridSample(GraphBuilder &b, mlir::Value input, mlir::Value grid, SampleMode mode,
                       SamplePadding padding, bool alignCorners);

/// The grid of an affine transform: `theta` [N, k, k + 1] gives [N, extents…, k].
mlir::Value affineGrid(GraphBuilder &b, mlir::Value theta, llvm::ArrayRef<int64_t> extents,
                       bool alignCorners);

struct RoiAlignSpec {
  int64_t height = 1, width = 1; ///< bins
  int64_t samples = 1;           ///< points a bin and dim
  double scale = 1.0;            ///< from box coordinates to the input's
  bool maximum = false;          ///< else the mean of the points
  bool halfPixel = false;        ///< coordinates are shifted by -0.5, boxes may be empty
};
/// ONNX RoiAlign: boxes [R, 4] (x1, y1, x2, y2) of images `batchIndices` [R]; gives [R, C, h, w].
mlir::Value roiAlign(GraphBuilder &b, mlir::Value input, mlir::Value rois, mlir::Value batchIndices,
                     const RoiAlignSpec &spec);

struct DeformConvSpec {
  llvm::SmallVector<int64_t> strides, pads, dilations; ///< per spatial dim; pads: low ones first
  int64_t groups = 1, offsetGroups = 1;
};
/// ONNX DeformConv: a convolution whose taps are moved by `offset` [N, og·taps·k, o…] and scaled by
/// `mask` [N, og·taps, o…] (or null); `bias` [O] or null. Elements between places are linear.
mlir::Value deformConv(GraphBuilder &b, mlir::Value input, mlir::Value filter, mlir::Value offset,
                       mlir::Value bias, mlir::Value mask, const DeformConvSpec &spec);

} // namespace ingot
