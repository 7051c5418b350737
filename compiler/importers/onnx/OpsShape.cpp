// ONNX operators that arrange elements: reshape, transpose, slice, concatenate, pad.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

static LogicalResult reshape(OnnxNode &n) {
  Value input = n.in(0);
  bool allowZero = n.intAttr("allowzero", 0);
  std::optional<Ints> shape = n.version() < 5 ? n.intsAttr("shape") : n.constantInts(1, "shape");
  if (!input || !shape)
    return failure();
  int64_t known = 1, unknown = -1;
  for (auto [index, extent] : llvm::enumerate(*shape)) {
    if (extent == 0 && !allowZero) {
      if (static_cast<int64_t>(index) >= B::rank(input))
        return n.error("copies dim " + Twine(index) + " of rank " + Twine(B::rank(input)));
      extent = B::shape(input)[index];
    }
    if (extent == -1 && unknown < 0) {
      unknown = index;
      continue;
    }
    std::optional<int64_t> product = checkedMul(known, extent);
    if (!product)
      return n.error("to shape " + shapeName(*shape) + " is not possible");
    known = *product;
  }
  if (unknown >= 0) {
    int64_t total = B::type(input).getNumElements();
    if (known == 0 ? total != 0 : total % known != 0)
      return n.error("of " + shapeName(B::shape(input)) + " to " + shapeName(*shape) +
                     " is not possible");
    (*shape)[unknown] = known ? total / known : 0;
  }
  return n.set(n.b.reshape(input, *shape));
}

static LogicalResult flatten(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", 1);
  return n.set(n.b.flatten(n.in(0), axis));
}

/// The axes of Squeeze and Unsqueeze: an attribute before opset 13, then an input.
static std::optional<Ints> listedAxes(OnnxNode &n) {
  if (n.version() < 13)
    return n.intsAttr("axes").value_or(Ints());
  return n.opt(1) ? n.constantInts(1, "axes") : std::optional<Ints>(Ints());
}

static LogicalResult squeeze(OnnxNode &n) {
  Value input = n.in(0);
  std::optional<Ints> axes = listedAxes(n);
  if (!input || !axes)
    return failure();
  if (axes->empty())
    for (auto [index, extent] : llvm::enumerate(B::shape(input)))
      if (extent == 1)
        axes->push_back(index);
  return n.set(n.b.squeeze(input, *axes));
}

static LogicalResult unsqueeze(OnnxNode &n) {
  std::optional<Ints> axes = listedAxes(n);
  return axes ? n.set(n.b.unsqueeze(n.in(0), *axes)) : failure();
}

static LogicalResult transpose(OnnxNode &n) {
  Value input = n.in(0);
  std::optional<Ints> perm = n.intsAttr("perm");
  if (!input)
    return failure();
  if (!perm) {
    perm.emplace();
    for (int64_t dim = B::rank(input); dim-- > 0;)
      perm->push_back(dim);
  }
  return n.set(n.b.transpose(input, *perm));
}

static LogicalResult concat(OnnxNode &n) {
  if (!n.has("axis") && n.version() >= 4)
    return n.error("has no axis");
  int64_t axis = n.intAttr("axis", 1);
  SmallVector<Value> values;
  for (size_t i = 0; i < n.numInputs(); ++i)
    values.push_back(n.in(i));
  return n.set(n.b.concat(values, axis));
}

static LogicalResult split(OnnxNode &n) {
  Value input = n.in(0);
  int64_t count = n.intAttr("num_outputs", n.numOutputs());
  std::optional<int64_t> axis =
      input ? n.b.axis(n.intAttr("axis", 0), B::rank(input)) : std::nullopt;
  if (!axis)
    return failure();
  std::optional<Ints> sizes;
  if (n.version() < 13)
    sizes = n.intsAttr("split");
  else if (n.opt(1) && !(sizes = n.constantInts(1, "split")))
    return failure();
  if (!sizes) {
    // Equal parts; the last may be smaller.
    int64_t extent = B::shape(input)[*axis];
    if (count < 1 || static_cast<size_t>(count) != n.numOutputs())
      return n.error("has " + Twine(n.numOutputs()) + " outputs, but num_outputs " + Twine(count));
    int64_t part = (extent + count - 1) / count;
    sizes.emplace();
    for (int64_t i = 0; i < count; ++i)
      sizes->push_back(std::clamp<int64_t>(extent - i * part, 0, part));
  }
  SmallVector<Value> parts = n.b.split(input, *axis, *sizes);
  if (parts.empty() || parts.size() != n.numOutputs())
    return parts.empty() ? failure()
                         : n.error("has " + Twine(n.numOutputs()) + " outputs for " +
                                   Twine(parts.size()) + " parts");
  return n.set(parts);
}

static LogicalResult sliceBy(OnnxNode &n, const Ints &starts, const Ints &ends, Ints axes,
                             Ints steps) {
  Value value = n.in(0);
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i)
      axes.push_back(i);
  if (steps.empty())
    steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return n.error("has starts, ends, axes and steps of different lengths");
  for (size_t i = 0; i < starts.size(); ++i)
    value = n.b.sliceRange(value, axes[i], starts[i], ends[i], steps[i]);
  return n.set(value);
}

static LogicalResult sliceAttributes(OnnxNode &n) {
  std::optional<Ints> starts = n.intsAttr("starts"), ends = n.intsAttr("ends"),
                      axes = n.intsAttr("axes");
  if (!starts || !ends)
    return n.error("has no starts or ends");
  return sliceBy(n, *starts, *ends, axes.value_or(Ints()), {});
}

static LogicalResult sliceInputs(OnnxNode &n) {
  std::optional<Ints> starts = n.constantInts(1, "starts");
  std::optional<Ints> ends = starts ? n.constantInts(2, "ends") : std::nullopt;
  std::optional<Ints> axes = Ints(), steps = Ints();
  if (ends && n.opt(3))
    axes = n.constantInts(3, "axes");
  if (ends && axes && n.opt(4))
    steps = n.constantInts(4, "steps");
  return ends && axes && steps ? sliceBy(n, *starts, *ends, *axes, *steps) : failure();
}

static LogicalResult expand(OnnxNode &n) {
  std::optional<Ints> shape = n.constantInts(1, "shape");
  return shape ? n.set(n.b.expand(n.in(0), *shape)) : failure();
}

static LogicalResult tile(OnnxNode &n) {
  std::optional<Ints> repeats = n.constantInts(1, "repeats");
  Value input = n.in(0);
  if (!repeats || !input)
    return failure();
  if (static_cast<int64_t>(repeats->size()) != B::rank(input))
    return n.error("has " + Twine(repeats->size()) + " repeats for rank " + Twine(B::rank(input)));
  return n.set(n.b.tile(input, *repeats));
}

/// Before opset 6: a count for one axis.
static LogicalResult tileAxis(OnnxNode &n) {
  std::optional<Ints> count = n.constantInts(1, "tiles"),
                      axis = count ? n.constantInts(2, "axis") : std::nullopt;
  Value input = n.in(0);
  if (!axis || !input)
    return failure();
  std::optional<int64_t> dim = axis->size() == 1 && count->size() == 1
                                   ? n.b.axis(axis->front(), B::rank(input))
                                   : std::nullopt;
  if (!dim)
    return n.error("needs one count and one axis of its input");
  Ints repeats(B::rank(input), 1);
  repeats[*dim] = count->front();
  return n.set(n.b.tile(input, repeats));
}

static LogicalResult padBy(OnnxNode &n, const Ints &pads, std::optional<Ints> axes, Value fillValue,
                           double fill) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  if (!input)
    return failure();
  std::string mode = n.stringAttr("mode", "constant");
  std::optional<PadMode> kind = symbolizePadMode(mode);
  if (!kind)
    return n.unsupported("mode = " + mode, "expected constant, reflect, edge or wrap");
  int64_t rank = B::rank(input);
  if (!axes) {
    axes.emplace();
    for (int64_t dim = 0; dim < rank; ++dim)
      axes->push_back(dim);
  }
  size_t count = axes->size();
  if (pads.size() != 2 * count)
    return n.error("has " + Twine(pads.size()) + " pads for " + Twine(count) + " axes");
  Ints low(rank, 0), high(rank, 0);
  for (size_t i = 0; i < count; ++i) {
    std::optional<int64_t> dim = b.axis((*axes)[i], rank);
    if (!dim)
      return failure();
    low[*dim] = pads[i];
    high[*dim] = pads[count + i];
  }
  if (*kind != PadMode::Constant || !fillValue || B::getConstantScalar(fillValue))
    return n.set(
        b.pad(input, low, high, fillValue ? *B::getConstantScalar(fillValue) : fill, *kind));
  // A fill known at run time alone: chosen where a mask is padded.
  Value inside = b.pad(b.splat(B::shape(input), b.ops().getI1Type(), 1), low, high);
  return n.set(b.select(inside, b.pad(input, low, high), b.reshape(fillValue, {})));
}

static LogicalResult padAttributes(OnnxNode &n) {
  std::optional<Ints> pads = n.intsAttr(n.version() < 2 ? "paddings" : "pads");
  double fill = n.floatAttr("value", 0.0);
  return pads ? padBy(n, *pads, std::nullopt, {}, fill) : n.error("has no pads");
}

static LogicalResult padInputs(OnnxNode &n) {
  std::optional<Ints> pads = n.constantInts(1, "pads"), axes;
  if (!pads || (n.opt(3) && !(axes = n.constantInts(3, "axes"))))
    return failure();
  return padBy(n, *pads, axes, n.opt(2), 0.0);
}

static LogicalResult depthToSpaceOp(OnnxNode &n) {
  int64_t block = n.intAttr("blocksize", 0);
  std::string mode = n.stringAttr("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    return n.unsupported("mode = " + mode, "expected DCR or CRD");
  return n.set(depthToSpace(n.b, n.in(0), block, mode == "CRD"));
}

static LogicalResult spaceToDepthOp(OnnxNode &n) {
  int64_t block = n.intAttr("blocksize", 0);
  return n.set(spaceToDepth(n.b, n.in(0), block, /*columnFirst=*/false));
}

static LogicalResult triluOp(OnnxNode &n) {
  bool upper = n.intAttr("upper", 1);
  int64_t k = 0;
  if (n.opt(1)) {
    std::optional<Ints> given = n.constantInts(1, "k");
    if (!given || given->size() != 1)
      return given ? n.error("has a k of " + Twine(given->size()) + " elements") : failure();
    k = given->front();
  }
  return n.set(trilu(n.b, n.in(0), k, upper));
}

static LogicalResult centerCropPad(OnnxNode &n) {
  Value value = n.in(0);
  std::optional<Ints> sizes = n.constantInts(1, "shape"), axes = n.intsAttr("axes");
  if (!value || !sizes)
    return failure();
  if (!axes) {
    axes.emplace();
    for (int64_t dim = 0; dim < B::rank(value); ++dim)
      axes->push_back(dim);
  }
  if (axes->size() != sizes->size())
    return n.error("has " + Twine(sizes->size()) + " extents for " + Twine(axes->size()) + " axes");
  Ints low(B::rank(value), 0), high(low);
  for (auto [axis, size] : llvm::zip(*axes, *sizes)) {
    std::optional<int64_t> dim = n.b.axis(axis, B::rank(value));
    if (!dim)
      return failure();
    if (size < 0 || size > kMaxElements)
      return n.error("has extent " + Twine(size));
    // Odd amounts: one more is cropped from, or padded to, the high end.
    int64_t extra = size - B::shape(value)[*dim];
    low[*dim] = extra >= 0 ? extra / 2 : -((-extra) / 2);
    high[*dim] = extra - low[*dim];
  }
  return n.set(n.b.pad(value, low, high));
}

static LogicalResult reverseSequence(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), lengths = n.in(1);
  int64_t timeAxis = n.intAttr("time_axis", 0), batchAxis = n.intAttr("batch_axis", 1);
  if (!input || !lengths)
    return failure();
  if (B::rank(input) < 2 || timeAxis + batchAxis != 1 || timeAxis * batchAxis != 0 ||
      B::rank(lengths) != 1)
    return n.unsupported("time_axis = " + Twine(timeAxis) + ", batch_axis = " + Twine(batchAxis),
                         "expected 0 and 1 in either order");
  // The element at time t comes from length - 1 - t inside the sequence, from t after it.
  Type i64 = b.ops().getI64Type();
  int64_t steps = B::shape(input)[timeAxis], batch = B::shape(input)[batchAxis];
  Ints shape(B::rank(input), 1), across(shape);
  shape[timeAxis] = steps;
  across[batchAxis] = batch;
  Value time = b.iota(b.tensorType(shape, i64), timeAxis);
  Value length = b.reshape(b.cast(lengths, i64), across);
  Value mirrored = b.sub(b.sub(length, b.scalar(i64, 1)), time);
  Value index = b.select(b.cmp(CmpKind::Lt, time, length), mirrored, time);
  return n.set(b.create<GatherElementsOp>(input, b.broadcast(index, B::shape(input)), timeAxis));
}

void onnximport::addShapeOps(OpTable &table) {
  table.add("Reshape", reshape);
  table.add("Flatten", flatten);
  table.add("Squeeze", squeeze);
  table.add("Unsqueeze", unsqueeze);
  table.add("Transpose", transpose);
  table.add("Concat", concat);
  table.add("Split", split);
  table.add("Slice", 1, 9, sliceAttributes);
  table.add("Slice", 10, kNewest, sliceInputs);
  table.add("Expand", expand);
  table.add("Tile", 1, 5, tileAxis);
  table.add("Tile", 6, kNewest, tile);
  table.add("Pad", 1, 10, padAttributes);
  table.add("Pad", 11, kNewest, padInputs);
  table.add("DepthToSpace", depthToSpaceOp);
  table.add("SpaceToDepth", spaceToDepthOp);
  table.add("Trilu", triluOp);
  table.add("CenterCropPad", centerCropPad);
  table.add("ReverseSequence", reverseSequence);
}
