// ONNX Resize and Upsample.
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Resize.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// What a resize asks for, whichever version said it.
struct ResizeSpec {
  std::optional<SmallVector<double>> scales;
  std::optional<Ints> sizes;
};

static std::optional<ResizeMode> readMode(OnnxNode &n) {
  std::string name = n.stringAttr("mode", "nearest");
  std::optional<ResizeMode> mode =
      symbolizeResizeMode(name == "bilinear" ? "linear" : StringRef(name));
  if (!mode)
    (void)n.unsupported("mode = " + name, "expected nearest, linear or cubic");
  return mode;
}

static LogicalResult build(OnnxNode &n, ResizeMode mode, const ResizeSpec &spec,
                           ArrayRef<int64_t> axes, std::optional<CoordinateMode> coordinates,
                           NearestMode nearest, double cubic, ResizeTables *tables = nullptr) {
  Value input = n.in(0);
  int64_t rank = B::rank(input);
  std::string policy = n.stringAttr("keep_aspect_ratio_policy", "stretch");
  SmallVector<double> scales(rank, 1.0);
  Ints shape(B::shape(input));
  size_t given = spec.sizes ? spec.sizes->size() : spec.scales->size();
  if (given != axes.size())
    return n.error("has " + Twine(given) + " scales or sizes for " + Twine(axes.size()) + " dims");
  double common = 0;
  if (spec.sizes && policy != "stretch") {
    if (policy != "not_larger" && policy != "not_smaller")
      return n.unsupported("keep_aspect_ratio_policy = " + policy,
                           "expected stretch, not_larger or not_smaller");
    for (auto [axis, size] : llvm::zip(axes, *spec.sizes)) {
      double scale = static_cast<double>(size) / std::max<int64_t>(shape[axis], 1);
      common = common == 0              ? scale
               : policy == "not_larger" ? std::min(common, scale)
                                        : std::max(common, scale);
    }
  }
  for (auto [index, axis] : llvm::enumerate(axes)) {
    double extent = shape[axis], scale;
    if (!spec.sizes) {
      scale = (*spec.scales)[index];
    } else if (common != 0) {
      scale = common;
    } else {
      if ((*spec.sizes)[index] < 0 || shape[axis] == 0)
        return n.error("cannot give extent " + Twine((*spec.sizes)[index]));
      scale = (*spec.sizes)[index] / extent;
    }
    if (!(scale > 0) || scale * extent > static_cast<double>(kMaxElements))
      return n.error("has a scale that is not possible");
    shape[axis] = spec.sizes && common == 0 ? (*spec.sizes)[index]
                  : spec.sizes              ? static_cast<int64_t>(std::round(scale * extent))
                                            : static_cast<int64_t>(std::floor(scale * extent));
    scales[axis] = scale;
  }
  bool region = tables && tables->coordinates == "tf_crop_and_resize";
  if (!region && B::shape(input) == ArrayRef<int64_t>(shape) &&
      llvm::all_of(scales, [](double s) { return s == 1.0; }))
    return n.set(input);
  RankedTensorType type = n.b.tensorType(shape, B::element(input));
  // The corners of an extent that is no whole number are not those of the result.
  bool fractional = false;
  for (auto [from, to, scale] : llvm::zip(B::shape(input), shape, scales))
    fractional |= static_cast<double>(from) * scale != static_cast<double>(to);
  if (tables && type &&
      (!coordinates ||
       (fractional && !spec.sizes && coordinates == CoordinateMode::AlignCorners))) {
    for (auto [i, dim] : llvm::enumerate(tables->dims)) {
      dim.in = B::shape(input)[i];
      dim.out = shape[i];
      dim.scale = scales[i];
    }
    return resizeByTables(n, *tables);
  }
  return n.set(
      n.b.createAs<ResizeOp>(type, mode, input, scales, *coordinates, nearest, APFloat(cubic)));
}

static Ints allAxes(Value input) {
  Ints axes;
  for (int64_t dim = 0; dim < B::rank(input); ++dim)
    axes.push_back(dim);
  return axes;
}

/// Upsample, and Resize of opset 10: scales alone, coordinates divided by them.
static LogicalResult upsample(OnnxNode &n) {
  Value input = n.in(0);
  std::optional<ResizeMode> mode = readMode(n);
  ResizeSpec spec;
  spec.scales = n.op() == "Upsample" && n.version() < 9 ? n.floatsAttr("scales")
                                                        : n.constantDoubles(1, "scales");
  if (!input || !mode || !spec.scales)
    return failure();
  return build(n, *mode, spec, allAxes(input), CoordinateMode::Asymmetric, NearestMode::Floor,
               -0.75);
}

static LogicalResult resize(OnnxNode &n) {
  Value input = n.in(0);
  std::optional<ResizeMode> mode = readMode(n);
  if (!input || !mode)
    return failure();
  ResizeSpec spec;
  auto isGiven = [&](size_t i) { return n.opt(i) && B::type(n.opt(i)).getNumElements() != 0; };
  if (isGiven(3))
    spec.sizes = n.constantInts(3, "sizes");
  else if (isGiven(2))
    spec.scales = n.constantDoubles(2, "scales");
  else
    return n.error("has neither scales nor sizes");
  if (!spec.sizes && !spec.scales)
    return failure();
  std::optional<Ints> axes = n.intsAttr("axes");
  if (!axes)
    axes = allAxes(input);
  else
    for (int64_t &axis : *axes) {
      std::optional<int64_t> normal = n.b.axis(axis, B::rank(input));
      if (!normal)
        return failure();
      axis = *normal;
    }

  std::string coordinateName = n.stringAttr("coordinate_transformation_mode", "half_pixel");
  std::optional<CoordinateMode> coordinates = symbolizeCoordinateMode(coordinateName);
  std::string nearestName = n.stringAttr("nearest_mode", "round_prefer_floor");
  std::optional<NearestMode> nearest = symbolizeNearestMode(nearestName);
  double cubic = n.floatAttr("cubic_coeff_a", -0.75);
  double extrapolation = n.floatAttr("extrapolation_value", 0.0); // of tf_crop_and_resize alone
  bool crops = coordinateName == "tf_crop_and_resize";
  bool halfOfNearest = coordinateName == "tf_half_pixel_for_nn"; // of older operator sets
  if (!coordinates && !crops && !halfOfNearest && coordinateName != "half_pixel_symmetric")
    return n.unsupported("coordinate_transformation_mode = " + coordinateName,
                         "expected half_pixel, half_pixel_symmetric, pytorch_half_pixel, "
                         "align_corners, asymmetric or tf_crop_and_resize");
  if (!nearest)
    return n.unsupported("nearest_mode = " + nearestName,
                         "expected round_prefer_floor, round_prefer_ceil, floor or ceil");
  ResizeTables tables{{}, *mode, coordinateName, *nearest, cubic, extrapolation};
  tables.dims.assign(B::rank(input), ResizeDim{0, 0, 1.0});
  tables.excludeOutside = n.intAttr("exclude_outside", 0) && *mode == ResizeMode::Cubic;
  tables.antialias = n.intAttr("antialias", 0) && *mode != ResizeMode::Nearest;
  if (tables.excludeOutside || tables.antialias)
    coordinates.reset();
  if (crops) {
    std::optional<SmallVector<double>> region = n.constantDoubles(1, "roi");
    if (!region)
      return failure();
    if (region->size() != 2 * axes->size())
      return n.error("has a roi of " + Twine(region->size()) + " numbers for " +
                     Twine(axes->size()) + " dims");
    for (auto [i, axis] : llvm::enumerate(*axes)) {
      tables.dims[axis].start = (*region)[i];
      tables.dims[axis].end = (*region)[axes->size() + i];
    }
  }
  return build(n, *mode, spec, *axes, coordinates, *nearest, cubic, &tables);
}

void onnximport::addResizeOps(OpTable &table) {
  table.add("Upsample", upsample);
  table.add("Resize", 10, 10, upsample);
  table.add("Resize", 11, kNewest, resize);
}
