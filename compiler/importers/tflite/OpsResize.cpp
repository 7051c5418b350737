// TFLite's resizes of [N, H, W, C].
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

template <typename Options>
static LogicalResult resize(TfliteNode &n, Value value, ResizeMode mode, const Options *options) {
  std::optional<Ints> size = n.constantInts(1, "size");
  if (!value || !options || !size)
    return failure();
  if (B::rank(value) != 4 || size->size() != 2 || (*size)[0] < 1 || (*size)[1] < 1 ||
      B::shape(value)[1] == 0 || B::shape(value)[2] == 0)
    return n.error("cannot resize " + shapeName(B::shape(value)) + " to " + shapeName(*size));
  if (options->align_corners() && options->half_pixel_centers())
    return n.unsupported("align_corners and half_pixel_centers", "expected one of them");
  CoordinateMode coordinates = options->align_corners()        ? CoordinateMode::AlignCorners
                               : options->half_pixel_centers() ? CoordinateMode::HalfPixel
                                                               : CoordinateMode::Asymmetric;
  // The nearest element of a center or corner is found by rounding, else by truncating.
  NearestMode nearest =
      coordinates == CoordinateMode::Asymmetric ? NearestMode::Floor : NearestMode::RoundPreferCeil;
  Ints shape(B::shape(value));
  SmallVector<double> scales(4, 1.0);
  for (size_t i = 0; i < 2; ++i) {
    scales[1 + i] = static_cast<double>((*size)[i]) / static_cast<double>(shape[1 + i]);
    shape[1 + i] = (*size)[i];
  }
  if (ArrayRef<int64_t>(shape) == B::shape(value))
    return n.set(value);
  bool isFixed =
      mode == ResizeMode::Linear && isFixedPoint(n) && n.quantization(0) == n.outputQuantization();
  if (isFixed && std::max((*size)[0], (*size)[1]) > kMaxReadElements)
    return n.error("cannot resize to " + shapeName(*size));
  if (isFixed && !n.outputElement().isUnsignedInteger())
    return quantizedBilinear(n, *size, options->align_corners(), options->half_pixel_centers());
  if (isFixed)
    value = n.b.cast(n.stored(0), n.b.ops().getF32Type());
  Value result = n.b.createAs<ResizeOp>(n.b.tensorType(shape, B::element(value)), mode, value,
                                        scales, coordinates, nearest, APFloat(-0.75));
  return isFixed ? quantizedAverage(n, result, {}) : n.set(result);
}

static LogicalResult bilinear(TfliteNode &n) {
  return resize(n, n.in(0), ResizeMode::Linear, n.options<tflite::ResizeBilinearOptions>());
}

static LogicalResult nearest(TfliteNode &n) {
  return resize(n, n.moved(0), ResizeMode::Nearest,
                n.options<tflite::ResizeNearestNeighborOptions>());
}

void tfliteimport::addResizeOps(OpTable &table) {
  table.add(Op::RESIZE_BILINEAR, bilinear);
  table.add(Op::RESIZE_NEAREST_NEIGHBOR, nearest);
}
