// ONNX operators that slide windows: convolutions and pools.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Window.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

std::optional<Window> onnximport::readWindow(OnnxNode &n, ArrayRef<int64_t> input,
                                             ArrayRef<int64_t> kernel) {
  size_t spatial = input.size();
  Window w;
  w.kernel = n.intsAttr("kernel_shape").value_or(Ints(kernel));
  w.strides = n.intsAttr("strides").value_or(Ints(spatial, 1));
  w.dilations = n.intsAttr("dilations").value_or(Ints(spatial, 1));
  std::optional<Ints> pads = n.intsAttr("pads");
  w.pads = pads.value_or(Ints(2 * spatial, 0));
  std::string autoPad = n.stringAttr("auto_pad", "NOTSET");
  bool positive = true;
  for (const Ints *list : {&w.kernel, &w.strides, &w.dilations})
    for (int64_t number : *list)
      positive &= number > 0 && number < (int64_t(1) << 31);
  for (int64_t amount : w.pads)
    positive &= amount >= 0 && amount < (int64_t(1) << 31);
  if (!positive || w.kernel.size() != spatial || w.strides.size() != spatial ||
      w.dilations.size() != spatial || w.pads.size() != 2 * spatial ||
      (!kernel.empty() && ArrayRef<int64_t>(w.kernel) != kernel)) {
    (void)n.error("has a kernel, strides, dilations or pads that do not fit " + Twine(spatial) +
                  " spatial dims");
    return std::nullopt;
  }
  if (autoPad == "VALID") {
    w.pads.assign(2 * spatial, 0);
  } else if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
    w.same = true;
    w.upper = autoPad == "SAME_UPPER";
    for (size_t i = 0; i < spatial; ++i) {
      int64_t out = (input[i] + w.strides[i] - 1) / w.strides[i];
      int64_t total = std::max<int64_t>((out - 1) * w.strides[i] + w.span(i) - input[i], 0);
      w.pads[i] = w.upper ? total / 2 : total - total / 2;
      w.pads[spatial + i] = total - w.pads[i];
    }
  } else if (autoPad != "NOTSET") {
    (void)n.unsupported("auto_pad = " + autoPad,
                        "expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    return std::nullopt;
  }
  return w;
}

/// [N, C, spatial…] with 1 to 3 spatial dims.
static bool isSpatial(OnnxNode &n, Value input) {
  if (!input)
    return false;
  if (B::rank(input) >= 3 && B::rank(input) <= 5)
    return true;
  (void)n.unsupported("rank " + Twine(B::rank(input)), "expected 1 to 3 spatial dims");
  return false;
}

Value onnximport::buildConv(OnnxNode &n, Value input, Value filter, Value bias) {
  if (!isSpatial(n, input) || !filter)
    return {};
  int64_t groups = n.intAttr("group", 1);
  if (B::rank(filter) != B::rank(input)) {
    (void)n.error("has a filter of rank " + Twine(B::rank(filter)) + " for an input of rank " +
                  Twine(B::rank(input)));
    return {};
  }
  std::optional<Window> w =
      readWindow(n, B::shape(input).drop_front(2), B::shape(filter).drop_front(2));
  if (!w)
    return {};
  return n.b.create<ConvOp>(input, filter, bias, w->strides, w->pads, w->dilations, groups);
}

static LogicalResult conv(OnnxNode &n) { return n.set(buildConv(n, n.in(0), n.in(1), n.opt(2))); }

static LogicalResult convTranspose(OnnxNode &n) {
  Value input = n.in(0), filter = n.in(1), bias = n.opt(2);
  if (!isSpatial(n, input) || !filter)
    return failure();
  if (B::rank(filter) != B::rank(input))
    return n.error("has a filter of rank " + Twine(B::rank(filter)));
  int64_t spatial = B::rank(input) - 2, groups = n.intAttr("group", 1);
  ArrayRef<int64_t> extents = B::shape(input).drop_front(2);
  std::optional<Ints> outputShape = n.intsAttr("output_shape");
  Ints outputPadding = n.intsAttr("output_padding").value_or(Ints(spatial, 0));
  std::optional<Window> w = readWindow(n, extents, B::shape(filter).drop_front(2));
  if (!w)
    return failure();
  if (static_cast<int64_t>(outputPadding.size()) != spatial ||
      llvm::any_of(outputPadding, [](int64_t p) { return p < 0 || p >= (int64_t(1) << 31); }))
    return n.error("has an output_padding that does not fit " + Twine(spatial) + " spatial dims");
  if (outputShape && static_cast<int64_t>(outputShape->size()) == spatial + 2)
    outputShape->erase(outputShape->begin(), outputShape->begin() + 2);
  if (outputShape && static_cast<int64_t>(outputShape->size()) != spatial)
    return n.error("has an output_shape that does not fit " + Twine(spatial) + " spatial dims");
  if (outputShape || w->same)
    for (int64_t i = 0; i < spatial; ++i) {
      // The pads that give the wanted extent; where even none is too small, the rest is added at
      // the high end.
      int64_t wanted = outputShape ? (*outputShape)[i] : extents[i] * w->strides[i];
      if (wanted < 0 || wanted > kMaxElements)
        return n.error("has an output_shape of extent " + Twine(wanted));
      int64_t total = w->strides[i] * (extents[i] - 1) + outputPadding[i] + w->span(i) - wanted;
      if (total < 0) {
        outputPadding[i] -= total;
        total = 0;
      }
      w->pads[i] = w->upper ? total / 2 : total - total / 2;
      w->pads[spatial + i] = total - w->pads[i];
    }
  return n.set(n.b.create<ConvTransposeOp>(input, filter, bias, w->strides, w->pads, w->dilations,
                                           outputPadding, groups));
}

/// High pads enlarged for ceil mode: the last window may hang over, when it starts inside the input
/// or its low pad.
static Ints ceilPads(const Window &w, ArrayRef<int64_t> input) {
  Ints pads = w.pads;
  for (size_t i = 0, spatial = input.size(); i < spatial; ++i) {
    int64_t free = input[i] + pads[i] + pads[spatial + i] - w.span(i);
    if (free < 0)
      continue;
    int64_t out = (free + w.strides[i] - 1) / w.strides[i] + 1;
    if ((out - 1) * w.strides[i] >= input[i] + pads[i])
      --out;
    pads[spatial + i] += std::max<int64_t>((out - 1) * w.strides[i] - free, 0);
  }
  return pads;
}

template <PoolKind kind> static LogicalResult pool(OnnxNode &n) {
  Value input = n.in(0);
  if (!isSpatial(n, input))
    return failure();
  ArrayRef<int64_t> extents = B::shape(input).drop_front(2);
  bool ceil = n.intAttr("ceil_mode", 0);
  bool includePad = kind == PoolKind::Average && n.intAttr("count_include_pad", 0);
  bool columnMajor = n.intAttr("storage_order", 0); // of the second output alone
  if (!n.has("kernel_shape"))
    return n.error("has no kernel_shape");
  std::optional<Window> w = readWindow(n, extents, {});
  if (!w)
    return failure();
  Ints pads = ceil && !w->same ? ceilPads(*w, extents) : w->pads;
  if (kind == PoolKind::Max && n.wants(1))
    return maxPoolWithIndices(n, input, *w, pads, columnMajor);
  DenseI64ArrayAttr counted;
  if (includePad && pads != w->pads)
    counted = n.b.ops().getDenseI64ArrayAttr(w->pads);
  return n.set(n.b.create<PoolOp>(kind, input, w->kernel, w->strides, pads, w->dilations,
                                  includePad, counted));
}

template <PoolKind kind> static LogicalResult globalPoolOp(OnnxNode &n) {
  return n.set(globalPool(n.b, kind, n.in(0)));
}

/// value to an exponent, by simpler ops where there are.
static Value power(GraphBuilder &b, Value value, double exponent) {
  if (exponent == 1.0)
    return value;
  if (exponent == 2.0)
    return b.mul(value, value);
  return exponent == 0.5 ? b.create<SqrtOp>(value)
                         : b.binary<PowOp>(value, b.scalarLike(value, exponent));
}

/// (sum |x|^p)^(1/p): the sum is an average, pads counted, times the window's size.
static LogicalResult lpPool(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  int64_t p = n.intAttr("p", 2);
  bool ceil = n.intAttr("ceil_mode", 0);
  if (!isSpatial(n, input))
    return failure();
  if (p < 1)
    return n.error("has p = " + Twine(p));
  ArrayRef<int64_t> extents = B::shape(input).drop_front(2);
  std::optional<Window> w = readWindow(n, extents, {});
  if (!w)
    return failure();
  Ints pads = ceil && !w->same ? ceilPads(*w, extents) : w->pads;
  double size = 1;
  for (int64_t extent : w->kernel)
    size *= static_cast<double>(extent);
  Value terms = power(b, p == 2 ? input : b.create<AbsOp>(input), static_cast<double>(p));
  Value average =
      b.create<PoolOp>(PoolKind::Average, terms, w->kernel, w->strides, pads, w->dilations,
                       /*count_include_pad=*/true, DenseI64ArrayAttr());
  return n.set(power(b, b.scale(average, size), 1.0 / static_cast<double>(p)));
}

static LogicalResult globalLpPool(OnnxNode &n) {
  Value input = n.in(0);
  int64_t p = n.intAttr("p", 2);
  if (!isSpatial(n, input))
    return failure();
  if (p < 1)
    return n.error("has p = " + Twine(p));
  Ints dims;
  for (int64_t dim = 2; dim < B::rank(input); ++dim)
    dims.push_back(dim);
  Value terms = power(n.b, p == 2 ? input : n.b.create<AbsOp>(input), static_cast<double>(p));
  return n.set(
      power(n.b, n.b.reduce(ReduceKind::Sum, terms, dims, true), 1.0 / static_cast<double>(p)));
}

void onnximport::addWindowOps(OpTable &table) {
  table.add("Conv", conv);
  table.add("ConvTranspose", convTranspose);
  table.add("MaxPool", pool<PoolKind::Max>);
  table.add("AveragePool", pool<PoolKind::Average>);
  table.add("GlobalMaxPool", globalPoolOp<PoolKind::Max>);
  table.add("GlobalAveragePool", globalPoolOp<PoolKind::Average>);
  table.add("LpPool", lpPool);
  table.add("GlobalLpPool", globalLpPool);
}
