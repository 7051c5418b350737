// TFLite operators that give a tensor another shape, order or number.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include <numeric>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

static LogicalResult reshape(TfliteNode &n) {
  Value value = n.moved(0);
  if (!value)
    return failure();
  std::optional<Ints> shape;
  auto *options = n.optionalOptions<tflite::ReshapeOptions>();
  if (n.has(1))
    shape = n.constantInts(1, "shape");
  else if (options && options->new_shape())
    shape = Ints(options->new_shape()->begin(), options->new_shape()->end());
  else
    return n.error("has no shape");
  if (!shape)
    return failure();
  // One extent of -1 takes what is left.
  int64_t known = 1, *open = nullptr;
  for (int64_t &extent : *shape) {
    if (extent == -1 && !open) {
      open = &extent;
      continue;
    }
    std::optional<int64_t> product = checkedMul(known, extent);
    if (!product)
      return n.error("has shape " + shapeName(*shape));
    known = *product;
  }
  int64_t count = B::type(value).getNumElements();
  if (open) {
    if (known == 0 || count % known)
      return n.error("cannot reshape " + shapeName(B::shape(value)) + " to " + shapeName(*shape));
    *open = count / known;
  }
  return n.set(n.b.reshape(value, *shape));
}

static LogicalResult squeeze(TfliteNode &n) {
  Value value = n.moved(0);
  if (!value)
    return failure();
  auto *options = n.optionalOptions<tflite::SqueezeOptions>();
  Ints dims;
  if (options && options->squeeze_dims() && options->squeeze_dims()->size() != 0)
    dims.assign(options->squeeze_dims()->begin(), options->squeeze_dims()->end());
  else
    for (auto [dim, extent] : llvm::enumerate(B::shape(value)))
      if (extent == 1)
        dims.push_back(static_cast<int64_t>(dim));
  return n.set(n.b.squeeze(value, dims));
}

static LogicalResult expandDims(TfliteNode &n) {
  std::optional<int64_t> axis = n.constantInt(1, "axis");
  return axis ? n.set(n.b.unsqueeze(n.moved(0), *axis)) : failure();
}

static LogicalResult transpose(TfliteNode &n) {
  Value value = n.moved(0);
  std::optional<Ints> perm = n.constantInts(1, "permutation");
  if (!value || !perm)
    return failure();
  for (int64_t &dim : *perm)
    dim += dim < 0 && dim >= -B::rank(value) ? B::rank(value) : 0;
  return n.set(n.b.transpose(value, *perm));
}

/// Input `i` in steps of the output: each stored integer times the ratio of the scales, plus what
/// that makes of the zero point, in f32.
static Value rescaledInFloat(TfliteNode &n, size_t i) {
  GraphBuilder &b = n.b;
  if (n.quantization(i) == n.outputQuantization())
    return centered(n, i, b.ops().getF32Type());
  float ratio = n.quantization(i).scale.front() * (1.0f / n.outputQuantization().scale.front());
  float offset = -static_cast<float>(n.quantization(i).zeroPoint.front()) * ratio;
  Value x = b.scale(b.cast(n.stored(i), b.ops().getF32Type()), ratio);
  return x ? roundAway(b, b.add(x, b.scalarLike(x, offset))) : Value();
}

static LogicalResult concatenation(TfliteNode &n) {
  auto *options = n.options<tflite::ConcatenationOptions>();
  if (!options)
    return failure();
  bool activates = options->fused_activation_function() != tflite::ActivationFunctionType::NONE;
  bool same = !activates;
  for (size_t i = 0; i < n.numInputs(); ++i)
    same &= n.has(i) && n.quantization(i) == n.outputQuantization();
  SmallVector<Value> parts;
  for (size_t i = 0; i < n.numInputs(); ++i)
    parts.push_back(same ? n.stored(i) : n.in(i));
  if (!same && isFixedPoint(n, n.numInputs()) && !activates) {
    for (size_t i = 0; i < parts.size(); ++i)
      parts[i] = rescaledInFloat(n, i);
    return setCentered(n, n.b.concat(parts, options->axis()));
  }
  Value result = n.b.concat(parts, options->axis());
  return n.set(n.activate(result, options->fused_activation_function()));
}

static LogicalResult pack(TfliteNode &n) {
  auto *options = n.options<tflite::PackOptions>();
  if (!options)
    return failure();
  SmallVector<Value> parts;
  for (size_t i = 0; i < n.numInputs(); ++i)
    parts.push_back(n.b.unsqueeze(n.moved(i), static_cast<int64_t>(options->axis())));
  if (parts.empty() || !parts.front())
    return failure();
  std::optional<int64_t> axis = n.b.axis(options->axis(), B::rank(parts.front()));
  return axis ? n.set(n.b.concat(parts, *axis)) : failure();
}

static LogicalResult unpack(TfliteNode &n) {
  auto *options = n.options<tflite::UnpackOptions>();
  Value value = n.moved(0);
  std::optional<int64_t> axis =
      options && value ? n.b.axis(options->axis(), B::rank(value)) : std::nullopt;
  if (!axis)
    return failure();
  int64_t extent = B::shape(value)[*axis];
  if (extent != static_cast<int64_t>(n.numOutputs()))
    return n.error("has " + Twine(n.numOutputs()) + " outputs for extent " + Twine(extent));
  for (int64_t i = 0; i < extent; ++i)
    if (failed(n.set(i, n.b.squeeze(n.b.slice(value, *axis, i, 1), *axis))))
      return failure();
  return success();
}

/// Parts of `value` become the outputs.
static LogicalResult setParts(TfliteNode &n, Value value, int64_t axis, ArrayRef<int64_t> sizes) {
  if (sizes.size() != n.numOutputs())
    return n.error("has " + Twine(n.numOutputs()) + " outputs for " + Twine(sizes.size()) +
                   " parts");
  SmallVector<Value> parts = n.b.split(value, axis, sizes);
  if (parts.size() != sizes.size())
    return failure();
  for (auto [i, part] : llvm::enumerate(parts))
    if (failed(n.set(i, part)))
      return failure();
  return success();
}

static LogicalResult split(TfliteNode &n) {
  std::optional<int64_t> given = n.constantInt(0, "axis");
  Value value = n.moved(1);
  std::optional<int64_t> axis = given && value ? n.b.axis(*given, B::rank(value)) : std::nullopt;
  if (!axis || n.numOutputs() == 0)
    return failure();
  int64_t parts = n.numOutputs(), extent = B::shape(value)[*axis];
  if (extent % parts)
    return n.error("cannot split extent " + Twine(extent) + " into " + Twine(parts) + " parts");
  return setParts(n, value, *axis, Ints(parts, extent / parts));
}

static LogicalResult splitV(TfliteNode &n) {
  Value value = n.moved(0);
  std::optional<Ints> sizes = n.constantInts(1, "sizes");
  std::optional<int64_t> given = n.constantInt(2, "axis");
  std::optional<int64_t> axis =
      value && sizes && given ? n.b.axis(*given, B::rank(value)) : std::nullopt;
  if (!axis)
    return failure();
  // One size of -1 takes what is left.
  if (int64_t *open = llvm::find(*sizes, -1); open != sizes->end()) {
    int64_t rest = B::shape(value)[*axis];
    for (int64_t size : *sizes)
      rest -= size > 0 && size <= rest ? size : 0;
    *open = rest;
  }
  return setParts(n, value, *axis, *sizes);
}

static LogicalResult tile(TfliteNode &n) {
  std::optional<Ints> counts = n.constantInts(1, "multiples");
  return counts ? n.set(n.b.tile(n.moved(0), *counts)) : failure();
}

static LogicalResult broadcastTo(TfliteNode &n) {
  std::optional<Ints> shape = n.constantInts(1, "shape");
  return shape ? n.set(n.b.broadcast(n.moved(0), *shape)) : failure();
}

static LogicalResult reverse(TfliteNode &n) {
  Value value = n.moved(0);
  std::optional<Ints> given = n.constantInts(1, "axes");
  std::optional<Ints> axes = value && given ? n.b.axes(*given, B::rank(value)) : std::nullopt;
  return axes ? n.set(flip(n.b, value, *axes)) : failure();
}

void tfliteimport::addShapeOps(OpTable &table) {
  table.add(Op::RESHAPE, reshape);
  table.add(Op::SQUEEZE, squeeze);
  table.add(Op::EXPAND_DIMS, expandDims);
  table.add(Op::TRANSPOSE, transpose);
  table.add(Op::CONCATENATION, concatenation);
  table.add(Op::PACK, pack);
  table.add(Op::UNPACK, unpack);
  table.add(Op::SPLIT, split);
  table.add(Op::SPLIT_V, splitV);
  table.add(Op::TILE, tile);
  table.add(Op::BROADCAST_TO, broadcastTo);
  table.add(Op::REVERSE_V2, reverse);
}
