// TFLite operators that slide windows over [N, H, W, C]: convolutions and pools.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/Hybrid.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

namespace {
/// Strides, dilations and pads of two or three spatial dims.
struct Window {
  Ints kernel, strides, dilations{1, 1}, pads{};
};
} // namespace

/// A stride, dilation or kernel extent that is possible: far from overflow in what follows.
static bool isPossible(ArrayRef<int64_t> values) {
  return llvm::all_of(values, [](int64_t v) { return v > 0 && v < (int64_t(1) << 31); });
}

/// Computes the pads: SAME gives ceil(extent / stride) windows, the odd element is added at the
/// end.
static LogicalResult setPads(TfliteNode &n, Window &w, ArrayRef<int64_t> extents,
                             tflite::Padding padding) {
  size_t spatial = w.kernel.size();
  w.pads.assign(2 * spatial, 0);
  if (!isPossible(w.kernel) || !isPossible(w.strides) || !isPossible(w.dilations))
    return n.error("has a kernel, stride or dilation that is not positive");
  if (padding == tflite::Padding::VALID)
    return success();
  if (padding != tflite::Padding::SAME)
    return n.unsupported("padding " + Twine(static_cast<int>(padding)), "expected SAME or VALID");
  for (size_t i = 0; i < spatial; ++i) {
    int64_t out = (extents[i] + w.strides[i] - 1) / w.strides[i];
    std::optional<int64_t> span = checkedMul(w.kernel[i] - 1, w.dilations[i]);
    std::optional<int64_t> total = checkedMul(std::max<int64_t>(out - 1, 0), w.strides[i]);
    total = span && total ? checkedAdd(*total, *span + 1 - extents[i]) : std::nullopt;
    if (!total || *total > kMaxElements)
      return n.error("has a window that is too large");
    w.pads[i] = std::max<int64_t>(*total, 0) / 2;
    w.pads[spatial + i] = std::max<int64_t>(*total, 0) - w.pads[i];
  }
  return success();
}

/// Whether `value` is [N, H, W, C].
static bool isImage(TfliteNode &n, Value value) {
  if (value && B::rank(value) != 4)
    (void)n.error("has an operand of shape " + shapeName(B::shape(value)) + ", expected rank 4");
  return value && B::rank(value) == 4;
}

template <typename Options>
static LogicalResult convolve(TfliteNode &n, const Options *options, ArrayRef<int64_t> perm,
                              bool isDepthwise) {
  bool isFixed = isFixedPointProduct(n, 0, 1), isHybrid = isHybridProduct(n, 0, 1);
  Value input = isFixed ? centered(n, 0, sumType(n)) : n.in(0);
  if (!options || !isImage(n, input) || !isImage(n, n.stored(1)))
    return failure();
  // To [O, I/groups, H, W].
  Value filter = isFixed    ? centered(n, 1, sumType(n), perm)
                 : isHybrid ? centered(n, 1, n.b.ops().getF32Type(), perm)
                            : n.transposed(1, perm);
  FailureOr<Value> bias = isFixed ? integerBias(n, 2) : n.bias(2, 0, 1);
  if (!filter || failed(bias))
    return failure();
  int64_t channels = B::shape(input)[3], each = B::shape(filter)[1];
  if (channels == 0 || each == 0 || channels % each)
    return n.error("has " + Twine(channels) + " channels for a filter of " + Twine(each));
  Window w;
  w.kernel = {B::shape(filter)[2], B::shape(filter)[3]};
  w.strides = {options->stride_h(), options->stride_w()};
  w.dilations = {options->dilation_h_factor(), options->dilation_w_factor()};
  if (failed(setPads(n, w, B::shape(input).slice(1, 2), options->padding())))
    return failure();
  if (isDepthwise && B::shape(filter)[1] != 1)
    return n.error("has a depthwise filter whose first extent is " + Twine(each) + ", expected 1");
  HybridInput rounded;
  if (isHybrid) {
    // Filters with one scale have a kernel of their own.
    rounded = hybridInput(n.b, input, isDepthwise || n.quantization(1).scale.size() > 1);
    if (!rounded.steps)
      return failure();
    input = rounded.steps;
  }
  Value result = n.b.create<ConvOp>(input, filter, isHybrid ? Value() : *bias, w.strides, w.pads,
                                    w.dilations, channels / each, /*channels_last=*/true);
  if (isHybrid) {
    result = hybridResult(n, result, rounded, 1);
    result = *bias ? n.b.add(result, *bias) : result;
  }
  if (isFixed) {
    bool isByte = n.outputElement().isUnsignedInteger();
    return setSums(n, result, 0, 1, isByte && isDepthwise ? Rounding::Away : Rounding::Up,
                   /*product=*/isByte, options->fused_activation_function());
  }
  return n.set(n.activate(result, options->fused_activation_function()));
}

static LogicalResult conv(TfliteNode &n) {
  return convolve(n, n.options<tflite::Conv2DOptions>(), {0, 3, 1, 2}, false);
}

static LogicalResult depthwiseConv(TfliteNode &n) {
  return convolve(n, n.options<tflite::DepthwiseConv2DOptions>(), {3, 0, 1, 2}, true);
}

/// The pads and output padding of a transposed convolution that gives extents `wanted`.
static FailureOr<Ints> transposedPads(TfliteNode &n, Window &w, ArrayRef<int64_t> extents,
                                      ArrayRef<int64_t> wanted, tflite::Padding padding) {
  // The pads of the convolution whose gradient this is.
  if (failed(setPads(n, w, wanted, padding)))
    return failure();
  size_t spatial = w.kernel.size();
  Ints more(spatial, 0);
  for (size_t i = 0; i < spatial; ++i) {
    std::optional<int64_t> whole = checkedMul(extents[i] - 1, w.strides[i]);
    std::optional<int64_t> span = checkedMul(w.kernel[i] - 1, w.dilations[i]);
    if (!whole || !span)
      return n.error("has an input of shape " + shapeName(extents));
    int64_t high = *whole + *span + 1 - w.pads[i] - wanted[i];
    w.pads[spatial + i] = std::max<int64_t>(high, 0);
    more[i] = std::max<int64_t>(-high, 0);
  }
  return more;
}

static LogicalResult transposeConv(TfliteNode &n) {
  auto *options = n.options<tflite::TransposeConvOptions>();
  std::optional<Ints> shape = n.constantInts(0, "output shape");
  bool isFixed = isFixedPointProduct(n, 2, 1);
  Value input = isFixed ? centered(n, 2, sumType(n)) : n.in(2);
  if (!options || !shape || !isImage(n, input) || !isImage(n, n.stored(1)))
    return failure();
  // From [O, H, W, I] to [I, O, H, W].
  Value filter = isFixed ? centered(n, 1, sumType(n), {3, 0, 1, 2}) : n.transposed(1, {3, 0, 1, 2});
  FailureOr<Value> bias = isFixed ? integerBias(n, 3) : n.bias(3, 2, 1);
  if (!filter || failed(bias))
    return failure();
  if (shape->size() != 4 || !isPossible(ArrayRef(*shape).slice(1, 2)))
    return n.error("has output shape " + shapeName(*shape));
  Window w;
  w.kernel = {B::shape(filter)[2], B::shape(filter)[3]};
  w.strides = {options->stride_h(), options->stride_w()};
  FailureOr<Ints> more = transposedPads(n, w, B::shape(input).slice(1, 2),
                                        ArrayRef(*shape).slice(1, 2), options->padding());
  if (failed(more))
    return failure();
  Value result = n.b.create<ConvTransposeOp>(input, filter, *bias, w.strides, w.pads, w.dilations,
                                             *more, 1, /*channels_last=*/true);
  if (isFixed) {
    bool isByte = n.outputElement().isUnsignedInteger();
    return setSums(n, result, 2, 1, isByte ? Rounding::Up : Rounding::Away, /*product=*/isByte,
                   options->fused_activation_function());
  }
  return n.set(n.activate(result, options->fused_activation_function()));
}

/// Strides and dilations of a volume.
static Window volumeWindow(const tflite::Conv3DOptions &options, ArrayRef<int64_t> kernel) {
  Window w;
  w.kernel.assign(kernel.begin(), kernel.end());
  w.strides = {options.stride_d(), options.stride_h(), options.stride_w()};
  w.dilations = {options.dilation_d_factor(), options.dilation_h_factor(),
                 options.dilation_w_factor()};
  return w;
}

/// Whether `value` is [N, D, H, W, C].
static bool isVolume(TfliteNode &n, Value value) {
  if (value && B::rank(value) != 5)
    (void)n.error("has an operand of shape " + shapeName(B::shape(value)) + ", expected rank 5");
  return value && B::rank(value) == 5;
}

static LogicalResult conv3d(TfliteNode &n) {
  auto *options = n.options<tflite::Conv3DOptions>();
  Value input = n.in(0);
  if (!options || !isVolume(n, input) || !isVolume(n, n.stored(1)))
    return failure();
  // From [D, H, W, I, O] to [O, I, D, H, W].
  Value filter = n.transposed(1, {4, 3, 0, 1, 2});
  FailureOr<Value> bias = n.bias(2, 0, 1);
  if (!filter || failed(bias))
    return failure();
  int64_t channels = B::shape(input)[4], each = B::shape(filter)[1];
  if (channels == 0 || each == 0 || channels % each)
    return n.error("has " + Twine(channels) + " channels for a filter of " + Twine(each));
  Window w = volumeWindow(*options, B::shape(filter).drop_front(2));
  if (failed(setPads(n, w, B::shape(input).slice(1, 3), options->padding())))
    return failure();
  Value result = n.b.create<ConvOp>(input, filter, *bias, w.strides, w.pads, w.dilations,
                                    channels / each, /*channels_last=*/true);
  return n.set(n.activate(result, options->fused_activation_function()));
}

static LogicalResult transposeConv3d(TfliteNode &n) {
  auto *options = n.options<tflite::Conv3DOptions>();
  std::optional<Ints> shape = n.constantInts(0, "output shape");
  Value input = n.in(2);
  if (!options || !shape || !isVolume(n, input) || !isVolume(n, n.stored(1)))
    return failure();
  // From [D, H, W, O, I] to [I, O, D, H, W].
  Value filter = n.transposed(1, {4, 3, 0, 1, 2});
  FailureOr<Value> bias = n.bias(3, 2, 1);
  if (!filter || failed(bias))
    return failure();
  if (shape->size() != 5 || !isPossible(ArrayRef(*shape).slice(1, 3)))
    return n.error("has output shape " + shapeName(*shape));
  Window w = volumeWindow(*options, B::shape(filter).drop_front(2));
  FailureOr<Ints> more = transposedPads(n, w, B::shape(input).slice(1, 3),
                                        ArrayRef(*shape).slice(1, 3), options->padding());
  if (failed(more))
    return failure();
  Value result = n.b.create<ConvTransposeOp>(input, filter, *bias, w.strides, w.pads, w.dilations,
                                             *more, 1, /*channels_last=*/true);
  return n.set(n.activate(result, options->fused_activation_function()));
}

/// A pool over `input`, pads not counted by an average.
static Value pool(TfliteNode &n, PoolKind kind, Value input, const tflite::Pool2DOptions *options) {
  if (!options || !isImage(n, input))
    return {};
  Window w;
  w.kernel = {options->filter_height(), options->filter_width()};
  w.strides = {options->stride_h(), options->stride_w()};
  if (failed(setPads(n, w, B::shape(input).slice(1, 2), options->padding())))
    return {};
  return n.b.create<PoolOp>(kind, input, w.kernel, w.strides, w.pads, w.dilations,
                            /*count_include_pad=*/false, DenseI64ArrayAttr(),
                            /*channels_last=*/true);
}

template <PoolKind kind> static LogicalResult poolOp(TfliteNode &n) {
  auto *options = n.options<tflite::Pool2DOptions>();
  if (options && isFixedPoint(n) && n.quantization(0) == n.outputQuantization()) {
    // What is stored has the order and the average of what it stands for.
    Value stored = n.b.cast(n.stored(0), n.b.ops().getF32Type());
    Value result = pool(n, kind, stored, options);
    return quantizedAverage(n, result, options->fused_activation_function());
  }
  Value result = pool(n, kind, n.in(0), options);
  return result ? n.set(n.activate(result, options->fused_activation_function())) : failure();
}

/// sqrt of the mean of squares.
static LogicalResult l2Pool(TfliteNode &n) {
  auto *options = n.options<tflite::Pool2DOptions>();
  Value input = n.in(0);
  Value mean = pool(n, PoolKind::Average, n.b.mul(input, input), options);
  return mean ? n.set(n.activate(n.b.create<SqrtOp>(mean), options->fused_activation_function()))
              : failure();
}

void tfliteimport::addWindowOps(OpTable &table) {
  table.add(Op::CONV_2D, conv);
  table.add(Op::DEPTHWISE_CONV_2D, depthwiseConv);
  table.add(Op::TRANSPOSE_CONV, transposeConv);
  table.add(Op::CONV_3D, conv3d);
  table.add(Op::CONV_3D_TRANSPOSE, transposeConv3d);
  table.add(Op::AVERAGE_POOL_2D, poolOp<PoolKind::Average>);
  table.add(Op::MAX_POOL_2D, poolOp<PoolKind::Max>);
  table.add(Op::L2_POOL_2D, l2Pool);
}
