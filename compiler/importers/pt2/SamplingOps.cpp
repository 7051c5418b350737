// Operators that read feature maps at computed places, or put windows back together.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/common/Sampling.h"
#include "compiler/importers/pt2/Importer.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

namespace {

void sampleGrid(Node &n) {
  static constexpr SampleMode kModes[] = {SampleMode::Linear, SampleMode::Nearest,
                                          SampleMode::Cubic};
  static constexpr SamplePadding kPaddings[] = {SamplePadding::Zeros, SamplePadding::Border,
                                                SamplePadding::Reflection};
  int64_t mode = n.integer("interpolation_mode"), padding = n.integer("padding_mode");
  Value input = n.tensor("input"), grid = n.tensor("grid");
  if (n.failed)
    return;
  if (mode < 0 || mode > 2 || padding < 0 || padding > 2)
    return n.result(n.b.fail("expected modes from 0 to 2"));
  n.result(gridSample(n.b, input, grid, kModes[mode], kPaddings[padding], n.flag("align_corners")));
}

void affine(Node &n) {
  Ints size = n.ints("size");
  if (n.failed || size.size() < 3)
    return n.result(n.failed ? Value() : n.b.fail("argument 'size' has no spatial extents"));
  n.result(
      affineGrid(n.b, n.tensor("theta"), ArrayRef(size).drop_front(2), n.flag("align_corners")));
}

/// [N, C·kh·kw, windows] added up at their places in [N, C, H, W].
void foldWindows(Node &n) {
  Value x = n.tensor("self");
  Ints kernel = n.ints("kernel_size"), dilation = n.ints("dilation"), padding = n.ints("padding"),
       stride = n.ints("stride"), size = n.ints("output_size");
  RankedTensorType type = n.type();
  if (!x || !type || n.failed)
    return n.result({});
  for (Ints *list : {&kernel, &dilation, &padding, &stride, &size})
    if (list->size() != 2)
      return n.result(n.b.fail("expected two spatial dims"));
  bool single = n.b.rank(x) == 2;
  if (single)
    x = n.b.unsqueeze(x, {0});
  if (!x || n.b.rank(x) != 3)
    return n.result(x ? n.b.fail("expected windows [N, C, L]") : x);
  int64_t counts[2];
  for (int i = 0; i < 2; ++i) {
    if (stride[i] <= 0 || kernel[i] <= 0)
      return n.result(n.b.fail("a stride or a window is not positive"));
    counts[i] = (size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
  }
  int64_t taps = kernel[0] * kernel[1], windows = n.b.shape(x)[2], area = size[0] * size[1];
  if (counts[0] * counts[1] != windows || n.b.shape(x)[1] % taps ||
      taps > kMaxReadElements / std::max<int64_t>(windows, 1))
    return n.result(n.b.fail("the windows do not fit the output's size"));
  int64_t batch = n.b.shape(x)[0], channels = n.b.shape(x)[1] / taps;
  // What falls into the padding goes to an element behind the others, which is cut off.
  Ints places;
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t window = 0; window < windows; ++window) {
      int64_t row = window / counts[1] * stride[0] + tap / kernel[1] * dilation[0] - padding[0],
              col = window % counts[1] * stride[1] + tap % kernel[1] * dilation[1] - padding[1];
      bool inside = row >= 0 && row < size[0] && col >= 0 && col < size[1];
      places.push_back(inside ? row * size[1] + col : area);
    }
  Ints shape{batch, channels, taps * windows};
  Value source = n.b.reshape(x, shape),
        indices = n.b.broadcast(n.b.reshape(n.b.ints(places), {1, 1, taps * windows}), shape);
  Value base = n.b.splat({batch, channels, area + 1}, n.b.element(x), 0);
  if (!source || !indices || !base)
    return n.result({});
  Value sum = n.b.create<ScatterElementsOp>(base, indices, source, (uint64_t)2, ScatterKind::Add);
  n.result(sum ? n.b.reshape(n.b.slice(sum, 2, 0, area), type.getShape()) : sum);
}

/// Elements put at their indices in each channel's plane, zeros elsewhere.
void unpool(Node &n) {
  Value x = n.tensor("self"), indices = n.b.cast(n.tensor("indices"), n.b.ops().getI64Type());
  RankedTensorType type = n.type();
  if (!x || !indices || !type || type.getRank() < 3)
    return n.result({});
  ArrayRef<int64_t> in = n.b.shape(x), out = type.getShape();
  int64_t planes = 1;
  for (int64_t extent : in.drop_back(2))
    planes *= extent;
  Ints from{planes, in[in.size() - 2] * in.back()}, to{planes, out[out.size() - 2] * out.back()};
  Value base = n.b.splat(to, n.b.element(x), 0);
  x = n.b.reshape(x, from), indices = n.b.reshape(indices, from);
  if (!x || !indices || !base)
    return n.result({});
  n.result(n.b.reshape(
      n.b.create<ScatterElementsOp>(base, indices, x, (uint64_t)1, ScatterKind::None), out));
}

/// The weights of one dim's antialiased resampling, [out, in].
Value resampleTable(Node &n, Value like, int64_t in, int64_t out, double scale, bool cubic) {
  auto weight = [&](double x) {
    x = std::abs(x);
    if (!cubic)
      return std::max(1 - x, 0.0);
    constexpr double a = -0.5;
    if (x < 1)
      return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0.0;
  };
  double wide = std::max(scale, 1.0), support = (cubic ? 2 : 1) * wide;
  std::vector<double> table(in * out, 0.0);
  for (int64_t i = 0; i < out; ++i) {
    double center = scale * ((double)i + 0.5), sum = 0;
    int64_t first = std::max<int64_t>((int64_t)(center - support + 0.5), 0),
            last = std::min<int64_t>((int64_t)(center + support + 0.5), in);
    for (int64_t j = first; j < last; ++j)
      sum += table[i * in + j] = weight(((double)j - center + 0.5) / wide);
    for (int64_t j = first; j < last && sum != 0; ++j)
      table[i * in + j] /= sum;
  }
  std::vector<char> bytes(table.size() * sizeof(double));
  memcpy(bytes.data(), table.data(), bytes.size());
  Value value = n.b.constant(n.b.tensorType({out, in}, n.b.ops().getF64Type()), std::move(bytes));
  return value ? n.b.cast(value, n.b.element(like)) : value;
}

/// Resampling with filters as wide as the scale, dim by dim: two products with constant tables.
void antialias(Node &n, bool cubic) {
  Value x = n.tensor(n.has("input") ? "input" : "self");
  RankedTensorType type = n.type();
  if (!x || !type || type.getRank() != 4)
    return n.result({});
  bool corners = n.flag("align_corners");
  SmallVector<double> factors =
      n.has("scale_factors") ? n.numbers("scale_factors") : SmallVector<double>();
  Value tables[2];
  for (int i = 0; i < 2; ++i) {
    int64_t in = n.b.shape(x)[2 + i], out = type.getDimSize(2 + i);
    StringRef name = i ? "scales_w" : "scales_h";
    double factor = n.has(name) ? n.number(name) : (size_t)i < factors.size() ? factors[i] : 0;
    double scale = corners      ? (out > 1 ? (double)(in - 1) / (double)(out - 1) : 0)
                   : factor > 0 ? 1 / factor
                                : (double)in / (double)std::max<int64_t>(out, 1);
    if (out > 0 && in > kMaxReadElements / out)
      return n.unsupported("extents whose product is above a million", "large");
    tables[i] = resampleTable(n, x, in, out, scale, cubic);
  }
  Value wide = tables[1] ? n.b.matmul(x, n.b.transpose(tables[1], {1, 0})) : Value();
  n.result(wide && tables[0] ? matmulAnyRank(n.b, tables[0], wide) : Value());
}

/// The sum, mean or maximum of the rows that each bag names.
void embeddingBag(Node &n) {
  Value weight = n.tensor("weight"), indices = n.tensor("indices"), offsets = n.tensor("offsets");
  Value scales = n.optional("per_sample_weights");
  int64_t mode = n.integer("mode", 0);
  RankedTensorType type = n.type();
  std::optional<int64_t> padding = n.optionalInteger("padding_idx");
  if (!weight || !indices || !offsets || !type || n.failed)
    return n.result({});
  if (n.b.rank(indices) != 1 || n.b.rank(weight) != 2 || mode < 0 || mode > 2)
    return n.result(n.b.fail("expected weights [V, D], indices [N] and a mode from 0 to 2"));
  if (padding && *padding < 0)
    *padding += n.op.starts_with("_") ? 0 : n.b.shape(weight)[0];
  if (padding && *padding < 0)
    padding.reset();
  if (padding && mode == 2)
    return n.unsupported("expected sum or mean with padding_idx", "the maximum with padding_idx");
  Type i64 = n.b.ops().getI64Type(), element = n.b.element(weight);
  int64_t bags = type.getDimSize(0), count = n.b.shape(indices)[0];
  indices = n.b.cast(indices, i64);
  // Element i lies in the last bag that begins at or before it.
  RankedTensorType column = n.b.tensorType({count, 1}, i64);
  Value begins = n.b.cast(n.b.slice(offsets, 0, 0, bags), i64);
  Value reached = column ? n.b.cmp(CmpKind::Ge, n.b.iota(column, 0), begins) : Value();
  Value bag = reached ? n.b.reduce(ReduceKind::Sum, n.b.cast(reached, i64), {1}, true) : Value();
  bag = n.b.sub(bag, n.b.scalarLike(bag, 1));
  Value rows = n.b.create<GatherOp>(weight, indices, n.b.ops().getI64IntegerAttr(0));
  Value counted = n.b.splat({count}, element, 1);
  if (padding) {
    Value keep = n.b.cmp(CmpKind::Ne, indices, n.b.scalarLike(indices, (double)*padding));
    counted = n.b.cast(keep, element);
    rows = n.b.select(n.b.unsqueeze(keep, {1}), rows, n.b.scalarLike(rows, 0));
  }
  if (scales)
    rows = n.b.mul(rows, n.b.unsqueeze(n.b.cast(scales, element), {1}));
  Value sizes = n.b.splat({bags}, element, 0);
  if (!rows || !bag || !counted || !sizes)
    return n.result({});
  sizes = n.b.unsqueeze(n.b.create<ScatterNDOp>(sizes, bag, counted, ScatterKind::Add), {1});
  Value base = n.b.splat(type.getShape(), element, mode == 2 ? -INFINITY : 0);
  Value result = base ? n.b.create<ScatterNDOp>(base, bag, rows,
                                                mode == 2 ? ScatterKind::Max : ScatterKind::Add)
                      : base;
  if (mode == 1)
    result = n.b.div(result, n.b.binary<MaxOp>(sizes, n.b.scalarLike(sizes, 1)));
  if (mode == 2)
    result = n.b.select(n.b.cmp(CmpKind::Eq, sizes, n.b.scalarLike(sizes, 0)),
                        n.b.scalarLike(result, 0), result);
  n.result(result, 0);
}

} // namespace

void addSamplingOps(OpTable &table) {
  table.add({"grid_sampler.default", "grid_sampler_2d.default", "grid_sampler_3d.default"},
            sampleGrid);
  table.add({"affine_grid_generator.default"}, affine);
  table.add({"col2im.default"}, foldWindows);
  table.add({"max_unpool2d.default"}, unpool);
  table.add({"_upsample_bilinear2d_aa.default", "_upsample_bilinear2d_aa.vec"},
            [](Node &n) { antialias(n, false); });
  table.add({"_upsample_bicubic2d_aa.default", "_upsample_bicubic2d_aa.vec"},
            [](Node &n) { antialias(n, true); });
  table.add({"embedding_bag.default", "embedding_bag.padding_idx", "_embedding_bag.default",
             "_embedding_bag_forward_only.default"},
            embeddingBag);
}

} // namespace ingot::pt2
