// Builds the graph level of a model: short forms for ops that every importer uses.
#include "compiler/importers/common/GraphBuilder.h"
#include <limits>

using namespace mlir;
using namespace ingot;

//===----------------------------------------------------------------------===//
// ops that move elements
//===----------------------------------------------------------------------===//

Value GraphBuilder::reshape(Value value, ArrayRef<int64_t> to) {
  if (!value || shape(value) == to)
    return value;
  RankedTensorType result = tensorType(to, element(value));
  if (!result)
    return {};
  if (result.getNumElements() != type(value).getNumElements())
    return fail("cannot reshape " + shapeName(shape(value)) + " to " + shapeName(to));
  if (auto inner = value.getDefiningOp<ReshapeOp>())
    return reshape(inner.getInput(), to);
  return createAs<ReshapeOp>(result, value);
}

Value GraphBuilder::transpose(Value value, ArrayRef<int64_t> perm) {
  if (!value)
    return {};
  SmallVector<bool> seen(rank(value));
  for (int64_t dim : perm) {
    if (dim < 0 || dim >= rank(value) || seen[dim])
      return fail("permutation " + shapeName(perm) + " does not fit rank " + Twine(rank(value)));
    seen[dim] = true;
  }
  if (static_cast<int64_t>(perm.size()) != rank(value))
    return fail("permutation " + shapeName(perm) + " does not fit rank " + Twine(rank(value)));
  return llvm::is_sorted(perm) ? value : create<TransposeOp>(value, perm);
}

Value GraphBuilder::broadcast(Value value, ArrayRef<int64_t> to) {
  if (!value || shape(value) == to)
    return value;
  FailureOr<SmallVector<int64_t>> common = broadcastShapes(shape(value), to);
  if (failed(common) || ArrayRef<int64_t>(*common) != to)
    return fail("cannot broadcast " + shapeName(shape(value)) + " to " + shapeName(to));
  return createAs<BroadcastOp>(tensorType(to, element(value)), value);
}

Value GraphBuilder::expand(Value value, ArrayRef<int64_t> with) {
  if (!value)
    return {};
  FailureOr<SmallVector<int64_t>> common = broadcastShapes(shape(value), with);
  if (failed(common))
    return fail("cannot broadcast " + shapeName(shape(value)) + " with " + shapeName(with));
  return broadcast(value, *common);
}

Value GraphBuilder::unsqueeze(Value value, ArrayRef<int64_t> list) {
  if (!value)
    return {};
  std::optional<Ints> dims = axes(list, rank(value) + list.size());
  if (!dims)
    return {};
  Ints result(shape(value));
  for (int64_t dim : *dims)
    result.insert(result.begin() + dim, 1);
  return reshape(value, result);
}

Value GraphBuilder::squeeze(Value value, ArrayRef<int64_t> list) {
  if (!value)
    return {};
  std::optional<Ints> dims = axes(list, rank(value));
  if (!dims)
    return {};
  Ints result;
  for (auto [index, extent] : llvm::enumerate(shape(value))) {
    if (!llvm::is_contained(*dims, static_cast<int64_t>(index)))
      result.push_back(extent);
    else if (extent != 1)
      return fail("cannot squeeze dim " + Twine(index) + " of " + shapeName(shape(value)));
  }
  return reshape(value, result);
}

Value GraphBuilder::flatten(Value value, int64_t from) {
  if (!value)
    return {};
  if (from < -rank(value) || from > rank(value))
    return fail("axis " + Twine(from) + " is out of range for rank " + Twine(rank(value)));
  from = from < 0 ? from + rank(value) : from;
  int64_t outer = 1, inner = 1;
  for (auto [index, extent] : llvm::enumerate(shape(value)))
    (static_cast<int64_t>(index) < from ? outer : inner) *= extent;
  return reshape(value, {outer, inner});
}

Value GraphBuilder::slice(Value value, int64_t dim, int64_t start, int64_t size, int64_t step) {
  if (!value)
    return {};
  Ints starts(rank(value), 0), sizes(shape(value)), steps(rank(value), 1);
  if (start == 0 && step == 1 && sizes[dim] == size)
    return value;
  starts[dim] = start;
  sizes[dim] = size;
  steps[dim] = step;
  return create<SliceOp>(value, starts, sizes, steps);
}

Value GraphBuilder::sliceRange(Value value, int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (!value)
    return {};
  std::optional<int64_t> normal = axis(dim, rank(value));
  if (!normal)
    return {};
  if (step == 0 || step == std::numeric_limits<int64_t>::min())
    return fail("slice by step " + Twine(step));
  int64_t extent = shape(value)[*normal];
  auto resolve = [&](int64_t index, int64_t low, int64_t high) {
    // Clamped before the extent is added, so that the sum cannot overflow.
    if (index < 0)
      index = index < -extent ? low - 1 : index + extent;
    return std::clamp(index, low, high);
  };
  int64_t size;
  if (step > 0) {
    start = resolve(start, 0, extent);
    end = resolve(end, 0, extent);
    size = end > start ? (end - start - 1) / step + 1 : 0;
  } else {
    start = resolve(start, 0, extent - 1);
    end = resolve(end, -1, extent - 1);
    size = extent && start > end ? (start - end - 1) / -step + 1 : 0;
  }
  if (size <= 1)
    step = 1;
  return slice(value, *normal, size ? start : 0, size, step);
}

Value GraphBuilder::concat(ArrayRef<Value> values, int64_t dim) {
  if (values.empty())
    return fail("a concatenation of nothing");
  if (llvm::is_contained(values, Value()))
    return {};
  std::optional<int64_t> normal = axis(dim, rank(values.front()));
  if (!normal)
    return {};
  return values.size() == 1 ? values.front() : create<ConcatOp>(ValueRange(values), *normal);
}

SmallVector<Value> GraphBuilder::split(Value value, int64_t dim, ArrayRef<int64_t> sizes) {
  if (!value)
    return {};
  std::optional<int64_t> normal = axis(dim, rank(value));
  if (!normal)
    return {};
  int64_t extent = shape(value)[*normal], start = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > extent - start) {
      start = -1;
      break;
    }
    start += size;
  }
  if (start != extent) {
    error() << "cannot split extent " << extent << " into " << shapeName(sizes);
    return {};
  }
  SmallVector<Value> parts;
  start = 0;
  for (int64_t size : sizes) {
    parts.push_back(slice(value, *normal, start, size));
    start += size;
  }
  return parts;
}

Value GraphBuilder::pad(Value value, ArrayRef<int64_t> low, ArrayRef<int64_t> high, double fill,
                        PadMode mode) {
  if (!value)
    return {};
  if (static_cast<int64_t>(low.size()) != rank(value) || low.size() != high.size())
    return fail("pads do not fit rank " + Twine(rank(value)));
  for (auto [extent, before, after] : llvm::zip(shape(value), low, high)) {
    std::optional<int64_t> sum = checkedAdd(before, after);
    sum = sum ? checkedAdd(*sum, extent) : sum;
    if (!sum || *sum < 0 || before < -extent || after < -extent)
      return fail("pads " + Twine(before) + " and " + Twine(after) + " do not fit extent " +
                  Twine(extent));
  }
  auto zero = [](int64_t amount) { return amount == 0; };
  if (llvm::all_of(low, zero) && llvm::all_of(high, zero))
    return value;
  return create<PadOp>(value, low, high, mode, APFloat(fill));
}

Value GraphBuilder::tile(Value value, ArrayRef<int64_t> repeats) {
  if (!value)
    return {};
  Ints counts(repeats);
  while (static_cast<int64_t>(counts.size()) < rank(value))
    counts.insert(counts.begin(), 1);
  Ints extents(shape(value));
  while (extents.size() < counts.size())
    extents.insert(extents.begin(), 1);
  // [a, b] tiled by [p, q]: [1, a, 1, b] broadcast to [p, a, q, b], reshaped to [p·a, q·b].
  Ints apart, wide, result;
  for (auto [extent, count] : llvm::zip(extents, counts)) {
    std::optional<int64_t> product = checkedMul(extent, count);
    if (!product)
      return fail("cannot repeat extent " + Twine(extent) + " " + Twine(count) + " times");
    result.push_back(*product);
    if (count != 1) {
      apart.push_back(1);
      wide.push_back(count);
    }
    apart.push_back(extent);
    wide.push_back(extent);
  }
  return reshape(broadcast(reshape(value, apart), wide), result);
}

Value GraphBuilder::iota(RankedTensorType type, int64_t dim, double start, double step) {
  return createAs<IotaOp>(type, dim, APFloat(start), APFloat(step));
}

//===----------------------------------------------------------------------===//
// arithmetic
//===----------------------------------------------------------------------===//

Value GraphBuilder::cast(Value value, Type to) {
  if (!value || element(value) == to)
    return value;
  return createAs<CastOp>(withElementType(type(value), to), value);
}

Value GraphBuilder::scale(Value value, double factor) {
  return factor == 1.0 ? value : mul(value, scalarLike(value, factor));
}

Value GraphBuilder::cmp(CmpKind kind, Value lhs, Value rhs) {
  return lhs && rhs ? create<CmpOp>(kind, lhs, rhs) : Value();
}

Value GraphBuilder::select(Value condition, Value onTrue, Value onFalse) {
  return condition && onTrue && onFalse ? create<SelectOp>(condition, onTrue, onFalse) : Value();
}

Value GraphBuilder::clamp(Value value, double min, double max) {
  return value ? create<ClampOp>(value, APFloat(min), APFloat(max)) : Value();
}

Value GraphBuilder::reduce(ReduceKind kind, Value value, ArrayRef<int64_t> list, bool keepdims) {
  if (!value)
    return {};
  std::optional<Ints> dims = axes(list, rank(value));
  if (!dims)
    return {};
  return dims->empty() ? value : create<ReduceOp>(kind, value, ArrayRef<int64_t>(*dims), keepdims);
}

Value GraphBuilder::matmul(Value lhs, Value rhs, Value bias, bool transposeB) {
  return lhs && rhs ? create<MatmulOp>(lhs, rhs, bias, transposeB) : Value();
}

Value GraphBuilder::softmax(Value value, int64_t dim, bool log) {
  if (!value)
    return {};
  std::optional<int64_t> normal = axis(dim, rank(value));
  return normal ? create<SoftmaxOp>(value, *normal, log) : Value();
}
