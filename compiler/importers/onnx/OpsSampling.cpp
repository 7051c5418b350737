// ONNX operators that read a feature map at computed places.
#include "compiler/importers/common/Sampling.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Window.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

static LogicalResult gridSampleOp(OnnxNode &n) {
  std::string mode = n.stringAttr("mode", "linear"),
              padding = n.stringAttr("padding_mode", "zeros");
  bool align = n.intAttr("align_corners", 0);
  // Opset 16 called the modes bilinear and bicubic.
  std::optional<SampleMode> how;
  if (mode == "nearest")
    how = SampleMode::Nearest;
  else if (mode == "linear" || mode == "bilinear")
    how = SampleMode::Linear;
  else if (mode == "cubic" || mode == "bicubic")
    how = SampleMode::Cubic;
  if (!how)
    return n.unsupported("mode = " + mode, "expected nearest, linear or cubic");
  std::optional<SamplePadding> outside;
  if (padding == "zeros")
    outside = SamplePadding::Zeros;
  else if (padding == "border")
    outside = SamplePadding::Border;
  else if (padding == "reflection")
    outside = SamplePadding::Reflection;
  if (!outside)
    return n.unsupported("padding_mode = " + padding, "expected zeros, border or reflection");
  return n.set(gridSample(n.b, n.in(0), n.in(1), *how, *outside, align));
}

static LogicalResult affineGridOp(OnnxNode &n) {
  bool align = n.intAttr("align_corners", 0);
  std::optional<Ints> size = n.constantInts(1, "size");
  if (!size)
    return failure();
  if (size->size() < 4 || llvm::any_of(*size, [](int64_t extent) { return extent < 1; }))
    return n.error("has size " + shapeName(*size));
  return n.set(affineGrid(n.b, n.in(0), ArrayRef<int64_t>(*size).drop_front(2), align));
}

static LogicalResult roiAlignOp(OnnxNode &n) {
  RoiAlignSpec spec;
  std::string mode = n.stringAttr("mode", "avg");
  std::string coordinates = n.stringAttr("coordinate_transformation_mode",
                                         n.version() < 16 ? "output_half_pixel" : "half_pixel");
  spec.height = n.intAttr("output_height", 1);
  spec.width = n.intAttr("output_width", 1);
  spec.samples = n.intAttr("sampling_ratio", 0);
  spec.scale = n.floatAttr("spatial_scale", 1.0);
  if (mode != "avg" && mode != "max")
    return n.unsupported("mode = " + mode, "expected avg or max");
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    return n.unsupported("coordinate_transformation_mode = " + coordinates,
                         "expected half_pixel or output_half_pixel");
  // 0 asks for as many samples as a bin is wide, which the boxes say at run time.
  if (spec.samples == 0)
    return n.unsupported("sampling_ratio = 0", "expected a count");
  constexpr int64_t limit = 1 << 12;
  if (spec.samples < 0 || spec.samples > limit || spec.height < 1 || spec.height > limit ||
      spec.width < 1 || spec.width > limit)
    return n.error("has bins or samples that are not possible");
  spec.maximum = mode == "max";
  spec.halfPixel = coordinates == "half_pixel";
  return n.set(roiAlign(n.b, n.in(0), n.in(1), n.in(2), spec));
}

static LogicalResult deformConvOp(OnnxNode &n) {
  Value input = n.in(0), filter = n.in(1);
  DeformConvSpec spec;
  spec.groups = n.intAttr("group", 1);
  spec.offsetGroups = n.intAttr("offset_group", 1);
  if (!input || !filter)
    return failure();
  if (B::rank(input) < 3 || B::rank(filter) != B::rank(input))
    return n.error("has an input of rank " + Twine(B::rank(input)) + " and a filter of rank " +
                   Twine(B::rank(filter)));
  std::optional<Window> w =
      readWindow(n, B::shape(input).drop_front(2), B::shape(filter).drop_front(2));
  if (!w)
    return failure();
  spec.strides = w->strides;
  spec.pads = w->pads;
  spec.dilations = w->dilations;
  return n.set(deformConv(n.b, input, filter, n.in(2), n.opt(3), n.opt(4), spec));
}

void onnximport::addSamplingOps(OpTable &table) {
  table.add("GridSample", gridSampleOp);
  table.add("AffineGrid", affineGridOp);
  table.add("RoiAlign", roiAlignOp);
  table.add("DeformConv", deformConvOp);
}
