// Pooling and resampling.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

namespace {

Ints perDim(Node &n, StringRef name, size_t dims, const Ints &missing) {
  Ints list = n.ints(name, missing);
  if (list.empty())
    list = missing;
  if (list.size() == 1)
    list.assign(dims, list[0]);
  if (list.size() != dims && !n.failed) {
    n.b.fail("argument '" + name + "' does not fit the number of spatial dims");
    n.failed = true;
  }
  return list;
}

/// The number of spatial dims in an operator's name (`max_pool2d`).
size_t spatialDims(StringRef op) {
  size_t at = op.find("d.");
  if (at == StringRef::npos)
    at = op.find("d_");
  return at != StringRef::npos && at > 0 && llvm::isDigit(op[at - 1]) ? op[at - 1] - '0' : 2;
}

/// Runs `body` on the input with a batch dim added where it has none.
template <class Body> Value batched(Node &n, Value input, size_t dims, Body body) {
  if (!input)
    return {};
  if (n.b.rank(input) != (int64_t)dims + 1)
    return body(input);
  Value result = body(n.b.unsqueeze(input, {0}));
  return result ? n.b.squeeze(result, {0}) : result;
}

void pool(Node &n, PoolKind kind) {
  size_t dims = spatialDims(n.op);
  Ints kernel = perDim(n, "kernel_size", dims, Ints(dims, 1));
  Ints stride = perDim(n, "stride", dims, kernel),
       padding = perDim(n, "padding", dims, Ints(dims, 0));
  Ints dilation = perDim(n, "dilation", dims, Ints(dims, 1));
  bool ceil = n.flag("ceil_mode");
  if (n.failed)
    return;
  if (n.has("divisor_override"))
    return n.unsupported("expected the windows' own sizes", "divisor_override");
  n.result(batched(n, n.tensor("self"), dims,
                   [&](Value x) -> Value {
                     if (!x || n.b.rank(x) != (int64_t)dims + 2)
                       return x ? n.b.fail("the operand's rank does not fit the pooling") : x;
                     Ints pads(padding);
                     llvm::append_range(pads, padding);
                     for (size_t i = 0; ceil && i < dims; ++i) {
                       int64_t in = n.b.shape(x)[2 + i], reach = dilation[i] * (kernel[i] - 1) + 1;
                       if (stride[i] <= 0)
                         return n.b.fail("a stride is not positive");
                       int64_t out = (in + 2 * padding[i] - reach + stride[i] - 1) / stride[i] + 1;
                       if ((out - 1) * stride[i] >=
                           in + padding[i]) // a window may not begin in the high pad
                         --out;
                       pads[dims + i] =
                           std::max(padding[i], (out - 1) * stride[i] + reach - in - padding[i]);
                     }
                     Ints counted(padding);
                     llvm::append_range(counted, padding);
                     bool countPads =
                         kind == PoolKind::Average && n.flag("count_include_pad", true);
                     DenseI64ArrayAttr countedAttr =
                         countPads ? n.b.ops().getDenseI64ArrayAttr(counted) : nullptr;
                     return n.b.create<PoolOp>(kind, x, kernel, stride, pads, dilation, countPads,
                                               countedAttr, false);
                   }),
           0);
}

void adaptive(Node &n, PoolKind kind) {
  size_t dims = spatialDims(n.op);
  Value self = n.tensor("self");
  RankedTensorType type = n.type();
  if (!self || !type || type.getRank() < (int64_t)dims)
    return n.result({});
  Ints sizes(type.getShape().take_back(dims));
  n.result(batched(n, self, dims, [&](Value x) { return adaptivePool(n.b, kind, x, sizes); }), 0);
}

void upsample(Node &n, ResizeMode mode, bool exact = false) {
  Value input = n.tensor(n.has("input") ? "input" : "self");
  RankedTensorType type = n.type();
  if (!input || !type)
    return n.result({});
  size_t dims = type.getRank() - 2;
  SmallVector<double> factors = n.has("scale_factors") ? n.numbers("scale_factors")
                                                       : SmallVector<double>(),
                      scales(2, 1.0);
  static constexpr StringRef kNames[] = {"scales_d", "scales_h", "scales_w"};
  for (size_t i = 0; i < dims; ++i) {
    double factor = i < factors.size() ? factors[i] : 0;
    if (dims <= 3 && n.has(dims == 1 ? "scales" : kNames[3 - dims + i]))
      factor = n.number(dims == 1 ? "scales" : kNames[3 - dims + i]);
    int64_t in = n.b.shape(input)[2 + i];
    scales.push_back(
        factor > 0 ? factor : (double)type.getDimSize(2 + i) / (double)std::max<int64_t>(in, 1));
  }
  CoordinateMode coordinates = mode == ResizeMode::Nearest && !exact ? CoordinateMode::Asymmetric
                               : n.flag("align_corners")             ? CoordinateMode::AlignCorners
                                                                     : CoordinateMode::HalfPixel;
  NearestMode nearest = exact ? NearestMode::RoundPreferCeil : NearestMode::Floor;
  n.result(n.b.createAs<ResizeOp>(type, mode, input, scales, coordinates, nearest, APFloat(-0.75)));
}

} // namespace

void addPoolingOps(OpTable &table) {
  table.add({"max_pool1d.default", "max_pool2d.default", "max_pool3d.default",
             "max_pool2d_with_indices.default", "max_pool3d_with_indices.default",
             "max_pool1d_with_indices.default"},
            [](Node &n) { pool(n, PoolKind::Max); });
  table.add({"avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default"},
            [](Node &n) { pool(n, PoolKind::Average); });
  table.add({"adaptive_avg_pool1d.default", "adaptive_avg_pool2d.default",
             "adaptive_avg_pool3d.default", "_adaptive_avg_pool2d.default",
             "_adaptive_avg_pool3d.default"},
            [](Node &n) { adaptive(n, PoolKind::Average); });
  table.add(
      {"adaptive_max_pool1d.default", "adaptive_max_pool2d.default", "adaptive_max_pool3d.default"},
      [](Node &n) { adaptive(n, PoolKind::Max); });
  table.add({"upsample_nearest1d.vec", "upsample_nearest1d.default", "upsample_nearest2d.vec",
             "upsample_nearest2d.default", "upsample_nearest3d.vec", "upsample_nearest3d.default"},
            [](Node &n) { upsample(n, ResizeMode::Nearest); });
  table.add({"_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec",
             "_upsample_nearest_exact2d.default"},
            [](Node &n) { upsample(n, ResizeMode::Nearest, true); });
  table.add({"upsample_linear1d.vec", "upsample_linear1d.default", "upsample_bilinear2d.vec",
             "upsample_bilinear2d.default", "upsample_trilinear3d.vec",
             "upsample_trilinear3d.default"},
            [](Node &n) { upsample(n, ResizeMode::Linear); });
  table.add({"upsample_bicubic2d.vec", "upsample_bicubic2d.default"},
            [](Node &n) { upsample(n, ResizeMode::Cubic); });
}

} // namespace ingot::pt2
