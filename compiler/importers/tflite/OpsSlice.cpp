// TFLite operators that cut out or add around: slices and pads.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/tflite/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

static LogicalResult slice(TfliteNode &n) {
  Value value = n.moved(0);
  std::optional<Ints> begin = n.constantInts(1, "begin"), size = n.constantInts(2, "size");
  if (!value || !begin || !size)
    return failure();
  if (static_cast<int64_t>(begin->size()) != B::rank(value) || begin->size() != size->size())
    return n.error("has " + Twine(begin->size()) + " starts and " + Twine(size->size()) +
                   " sizes for rank " + Twine(B::rank(value)));
  for (auto [dim, extent] : llvm::enumerate(Ints(B::shape(value)))) {
    int64_t start = (*begin)[dim], length = (*size)[dim];
    if (start >= 0 && start <= extent && length == -1)
      length = extent - start;
    if (start < 0 || start > extent || length < 0 || length > extent - start)
      return n.error("takes " + Twine((*size)[dim]) + " elements from " + Twine(start) +
                     " on of extent " + Twine(extent));
    value = n.b.slice(value, static_cast<int64_t>(dim), start, length);
  }
  return n.set(value);
}

/// Python's value[begin:end:stride, …]: bit i of a mask is about entry i.
static LogicalResult stridedSlice(TfliteNode &n) {
  auto *options = n.options<tflite::StridedSliceOptions>();
  Value value = n.moved(0);
  std::optional<Ints> begin = n.constantInts(1, "begin"), end = n.constantInts(2, "end"),
                      strides = n.constantInts(3, "strides");
  if (!options || !value || !begin || !end || !strides)
    return failure();
  size_t entries = begin->size();
  if (entries > 31 || end->size() != entries || strides->size() != entries)
    return n.error("has begin, end and strides of different sizes");
  if (options->offset())
    return n.unsupported("offset", "expected ends, not offsets");
  auto bit = [](int32_t mask, size_t i) { return (mask >> i & 1) != 0; };
  int64_t taken = 0;
  for (size_t i = 0; i < entries; ++i)
    taken += !bit(options->new_axis_mask(), i) && !bit(options->ellipsis_mask(), i);
  if (taken > B::rank(value))
    return n.error("slices " + Twine(taken) + " dims of rank " + Twine(B::rank(value)));
  int64_t dim = 0;
  Ints shape; // of the result
  bool ellipsis = false;
  auto keep = [&](int64_t count) {
    for (; count > 0; --count)
      shape.push_back(B::shape(value)[dim++]);
  };
  for (size_t i = 0; i < entries; ++i) {
    if (bit(options->ellipsis_mask(), i)) {
      if (std::exchange(ellipsis, true))
        return n.error("has two ellipses");
      keep(B::rank(value) - taken);
      continue;
    }
    if (bit(options->new_axis_mask(), i)) {
      shape.push_back(1);
      continue;
    }
    int64_t extent = B::shape(value)[dim], start = (*begin)[i], stop = (*end)[i];
    int64_t step = (*strides)[i];
    if (bit(options->shrink_axis_mask(), i)) {
      start += start < 0 ? extent : 0;
      if (bit(options->begin_mask(), i))
        start = 0;
      if (start < 0 || start >= extent)
        return n.error("takes element " + Twine((*begin)[i]) + " of extent " + Twine(extent));
      value = n.b.slice(value, dim++, start, 1);
      continue;
    }
    constexpr int64_t kFar = int64_t(1) << 40;
    if (bit(options->begin_mask(), i))
      start = step > 0 ? 0 : kFar;
    if (bit(options->end_mask(), i))
      stop = step > 0 ? kFar : -kFar;
    value = n.b.sliceRange(value, dim, start, stop, step);
    if (!value)
      return failure();
    shape.push_back(B::shape(value)[dim++]);
  }
  keep(B::rank(value) - dim);
  return n.set(n.b.reshape(value, shape));
}

/// Low and high amounts of paddings [rank, 2].
static std::optional<std::pair<Ints, Ints>> readPads(TfliteNode &n, Value value) {
  std::optional<Ints> pads = n.constantInts(1, "paddings");
  if (!value || !pads)
    return std::nullopt;
  if (static_cast<int64_t>(pads->size()) != 2 * B::rank(value)) {
    (void)n.error("has " + Twine(pads->size()) + " paddings for rank " + Twine(B::rank(value)));
    return std::nullopt;
  }
  std::pair<Ints, Ints> result;
  for (auto [i, amount] : llvm::enumerate(*pads)) {
    if (amount < 0) {
      (void)n.error("has padding " + Twine(amount));
      return std::nullopt;
    }
    (i % 2 ? result.second : result.first).push_back(amount);
  }
  return result;
}

static LogicalResult pad(TfliteNode &n) {
  // What is stored for a real 0.
  Value value = n.moved(0);
  bool asStored = n.has(0) && value == n.stored(0);
  double fill = asStored && n.quantization(0) ? n.quantization(0).zeroPoint.front() : 0;
  if (n.has(2)) {
    asStored &= n.quantization(2) == n.quantization(0);
    value = asStored ? value : n.in(0);
    std::optional<double> given = B::getConstantScalar(asStored ? n.stored(2) : n.in(2));
    if (!given)
      return n.unsupported("a fill value computed at run time", "expected a constant");
    fill = *given;
  }
  auto pads = readPads(n, value);
  return pads ? n.set(n.b.pad(value, pads->first, pads->second, fill)) : failure();
}

static LogicalResult mirrorPad(TfliteNode &n) {
  Value value = n.moved(0);
  auto *options = n.options<tflite::MirrorPadOptions>();
  auto pads = readPads(n, value);
  if (!options || !pads)
    return failure();
  // REFLECT leaves out the border itself, SYMMETRIC repeats it.
  int64_t skip = options->mode() == tflite::MirrorPadMode::REFLECT ? 1 : 0;
  for (int64_t dim = 0; value && dim < B::rank(value); ++dim) {
    int64_t extent = B::shape(value)[dim], low = pads->first[dim], high = pads->second[dim];
    if (std::max(low, high) > extent - skip)
      return n.error("mirrors " + Twine(std::max(low, high)) + " elements of extent " +
                     Twine(extent));
    SmallVector<Value> parts;
    if (low)
      parts.push_back(flip(n.b, n.b.slice(value, dim, skip, low), dim));
    parts.push_back(value);
    if (high)
      parts.push_back(flip(n.b, n.b.slice(value, dim, extent - skip - high, high), dim));
    value = n.b.concat(parts, dim);
  }
  return n.set(value);
}

void tfliteimport::addSliceOps(OpTable &table) {
  table.add(Op::SLICE, slice);
  table.add(Op::STRIDED_SLICE, stridedSlice);
  table.add(Op::PAD, pad);
  table.add(Op::PADV2, pad);
  table.add(Op::MIRROR_PAD, mirrorPad);
}
