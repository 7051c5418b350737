// Operators that read or write elements by index tensors.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

namespace {

IntegerAttr axisAttr(Node &n, int64_t axis) { return n.b.ops().getI64IntegerAttr(axis); }

std::optional<int64_t> axisOf(Node &n, Value self) {
  return self ? n.b.axis(n.integer("dim"), std::max<int64_t>(n.b.rank(self), 1)) : std::nullopt;
}

/// An index tensor as i64.
Value index(Node &n, StringRef name) { return n.b.cast(n.tensor(name), n.b.ops().getI64Type()); }

/// The part of `value` of shape `shape`, from 0 in every dim.
Value cropped(Node &n, Value value, ArrayRef<int64_t> shape,
              std::optional<int64_t> except = std::nullopt) {
  for (size_t dim = 0; value && dim < shape.size(); ++dim)
    if ((int64_t)dim != except && n.b.shape(value)[dim] != shape[dim])
      value = n.b.slice(value, dim, 0, shape[dim]);
  return value;
}

void gather(Node &n) {
  Value self = n.tensor("self"), indices = index(n, "index");
  auto axis = axisOf(n, self);
  if (!axis || !indices)
    return n.result({});
  if (n.b.rank(self) == 0)
    return n.result(n.b.broadcast(self, n.b.shape(indices)));
  // Torch's index may be smaller than the data in the other dims.
  Value data = cropped(n, self, n.b.shape(indices), *axis);
  n.result(data ? n.b.create<GatherElementsOp>(data, indices, axisAttr(n, *axis)) : Value());
}

void takeAlongDim(Node &n) {
  Value self = n.tensor("self"), indices = index(n, "indices");
  auto dim = n.optionalInteger("dim");
  if (!self || !indices)
    return n.result({});
  if (!dim)
    return n.result(n.b.create<GatherOp>(n.b.reshape(self, {n.b.type(self).getNumElements()}),
                                         n.b.reshape(indices, {n.b.type(indices).getNumElements()}),
                                         axisAttr(n, 0)));
  auto axis = n.b.axis(*dim, n.b.rank(self));
  RankedTensorType type = n.type();
  if (!axis || !type)
    return n.result({});
  Ints shape(type.getShape());
  indices = n.b.broadcast(indices, shape);
  shape[*axis] = n.b.shape(self)[*axis];
  n.result(n.b.create<GatherElementsOp>(n.b.broadcast(self, shape), indices, axisAttr(n, *axis)));
}

void indexSelect(Node &n) {
  Value self = n.tensor("self"), indices = index(n, "index");
  auto axis = axisOf(n, self);
  if (!axis || !indices)
    return n.result({});
  if (n.b.rank(indices) == 0)
    indices = n.b.unsqueeze(indices, {0});
  n.result(n.b.create<GatherOp>(self, indices, axisAttr(n, *axis)));
}

void embedding(Node &n) {
  Value weight = n.tensor("weight"), indices = index(n, "indices");
  n.result(weight && indices ? n.b.create<GatherOp>(weight, indices, axisAttr(n, 0)) : Value());
}

Value scattered(Node &n, Value self, Value indices, Value source, int64_t axis, ScatterKind kind) {
  if (!self || !indices || !source)
    return {};
  return n.b.create<ScatterElementsOp>(self, indices, n.b.cast(source, n.b.element(self)),
                                       (uint64_t)axis, kind);
}

void scatter(Node &n, ScatterKind kind, StringRef sourceName) {
  Value self = n.tensor("self"), indices = index(n, "index"), source = n.tensor(sourceName);
  auto axis = axisOf(n, self);
  if (!axis || !indices || !source)
    return n.result({});
  if (n.b.rank(self) == 0) {
    Value one = scattered(n, n.b.unsqueeze(self, {0}), n.b.reshape(indices, {1}),
                          n.b.reshape(source, {1}), 0, kind);
    return n.result(n.b.squeeze(one, {0}));
  }
  bool scalar = sourceName == "value" || n.b.rank(source) == 0;
  source = scalar ? n.b.broadcast(n.b.cast(source, n.b.element(self)), n.b.shape(indices))
                  : cropped(n, source, n.b.shape(indices));
  n.result(scattered(n, self, indices, source, *axis, kind));
}

/// What a reduction starts from, in the type of `like`.
double identityOf(Node &n, ScatterKind kind, Value like) {
  Type element = n.b.element(like);
  if (kind == ScatterKind::Mul)
    return 1;
  if (kind == ScatterKind::Add)
    return 0;
  double sign = kind == ScatterKind::Max ? -1 : 1;
  if (n.b.isFloat(like))
    return sign * INFINITY;
  unsigned width = element.getIntOrFloatBitWidth();
  bool isUnsigned = element.isUnsignedInteger() || width == 1;
  if (kind == ScatterKind::Max)
    return isUnsigned ? 0 : -std::ldexp(1.0, width - 1);
  return std::ldexp(1.0, isUnsigned ? width : width - 1) - 1;
}

void scatterReduce(Node &n) {
  std::string reduce = n.text("reduce");
  std::optional<ScatterKind> kind = llvm::StringSwitch<std::optional<ScatterKind>>(reduce)
                                        .Cases({"sum", "add", "mean"}, ScatterKind::Add)
                                        .Cases({"prod", "multiply"}, ScatterKind::Mul)
                                        .Case("amax", ScatterKind::Max)
                                        .Case("amin", ScatterKind::Min)
                                        .Default(std::nullopt);
  if (!kind)
    return n.unsupported("expected sum, prod, mean, amax or amin", "reduce = " + reduce);
  bool own = n.flag("include_self", true), mean = reduce == "mean";
  if (own && !mean)
    return scatter(n, *kind, n.has("src") ? "src" : "value");
  Value self = n.tensor("self"), indices = index(n, "index"), source = n.tensor("src");
  auto axis = axisOf(n, self);
  if (!axis || !indices || !source)
    return n.result({});
  if (n.b.rank(self) == 0)
    return n.unsupported("expected operands of rank 1 or more", "of scalars");
  if (!own && *kind != ScatterKind::Add && n.b.element(self).isInteger(64) &&
      *kind == ScatterKind::Min)
    return n.unsupported("expected include_self or a narrower type", "amin of 64-bit integers");
  source = cropped(n, source, n.b.shape(indices));
  if (!own) {
    Value start = n.b.scalarLike(self, identityOf(n, *kind, self));
    start = start ? n.b.broadcast(start, n.b.shape(indices)) : start;
    self = scattered(n, self, indices, start, *axis, ScatterKind::None);
  }
  Value result = scattered(n, self, indices, source, *axis, *kind);
  if (!mean || !result)
    return n.result(result);
  // The mean is over what was added, and the element itself where it counts.
  Value ones = n.b.splat(n.b.shape(indices), n.b.element(result), 1);
  Value counts = scattered(n, n.b.splat(n.b.shape(result), n.b.element(result), own), indices, ones,
                           *axis, ScatterKind::Add);
  counts = n.b.binary<MaxOp>(counts, n.b.scalarLike(result, 1));
  n.result(n.b.isFloat(result) ? n.b.div(result, counts) : n.b.binary<FloorDivOp>(result, counts));
}

/// Elements of the flattened operand; negative indices count from its end.
void take(Node &n) {
  Value self = n.tensor("self"), indices = index(n, "index");
  RankedTensorType type = n.type();
  if (!self || !indices || !type)
    return n.result({});
  Value flat = n.b.reshape(self, {n.b.type(self).getNumElements()});
  n.result(n.b.create<GatherOp>(flat, indices, axisAttr(n, 0)));
}

void indexFill(Node &n) {
  Value self = n.tensor("self"), indices = index(n, "index"), value = n.operand("value");
  auto axis = axisOf(n, self);
  if (!axis || !indices || !value || n.b.rank(self) == 0)
    return n.result(self && n.b.rank(self) == 0 ? value : Value());
  Ints column(n.b.rank(self), 1), shape(n.b.shape(self));
  shape[*axis] = column[*axis] = n.b.type(indices).getNumElements();
  indices = n.b.broadcast(n.b.reshape(indices, column), shape);
  n.result(scattered(n, self, indices, n.b.broadcast(value, shape), *axis, ScatterKind::None));
}

/// Each element as often as `repeats` says, which must be known.
void repeatEach(Node &n) {
  bool alone = n.op == "repeat_interleave.Tensor";
  Value self = alone ? Value() : n.tensor("self"), repeats = n.tensor("repeats");
  RankedTensorType type = n.type();
  auto dim = n.optionalInteger("dim");
  if ((!alone && !self) || !repeats || !type)
    return n.result({});
  auto counts = GraphBuilder::getConstantInts(repeats);
  if (!counts)
    return n.unsupported("the result's shape would depend on the data", "repeats from the data");
  if (self && !dim)
    self = n.b.reshape(self, {n.b.type(self).getNumElements()});
  auto axis = self ? n.b.axis(dim.value_or(0), n.b.rank(self)) : std::optional<int64_t>(0);
  if (!axis)
    return n.result({});
  int64_t extent = self ? n.b.shape(self)[*axis] : (int64_t)counts->size();
  if (counts->size() == 1)
    counts->assign(extent, counts->front());
  if ((int64_t)counts->size() != extent)
    return n.result(n.b.fail("the repeats do not fit the operand"));
  Ints places;
  for (auto [place, count] : llvm::enumerate(*counts)) {
    if (count < 0 || count > kMaxReadElements - (int64_t)places.size())
      return n.result(n.b.fail("the repeats are negative or give more than a million elements"));
    places.append(count, place);
  }
  Value indices = n.b.ints(places);
  n.result(self ? n.b.create<GatherOp>(self, indices, axisAttr(n, *axis))
                : n.b.cast(indices, type.getElementType()));
}

/// The elements of `source`, in order, where the mask is set: the i-th set place reads the i-th.
void maskedScatter(Node &n) {
  Value self = n.tensor("self"), mask = n.tensor("mask"), source = n.tensor("source");
  RankedTensorType type = n.type();
  if (!self || !mask || !source || !type)
    return n.result({});
  Type i64 = n.b.ops().getI64Type();
  int64_t count = type.getNumElements(), given = n.b.type(source).getNumElements();
  if (count == 0 || given == 0)
    return n.result(self);
  mask =
      n.b.reshape(n.b.broadcast(n.b.cast(mask, n.b.ops().getI1Type()), type.getShape()), {count});
  Value place = mask ? n.b.create<CumsumOp>(n.b.cast(mask, i64), (uint64_t)0, false, false) : mask;
  place = n.b.clamp(n.b.sub(place, n.b.scalarLike(place, 1)), 0, (double)given - 1);
  Value read =
      place ? n.b.create<GatherOp>(n.b.reshape(source, {given}), place, axisAttr(n, 0)) : place;
  Value flat = n.b.reshape(n.b.broadcast(self, type.getShape()), {count});
  n.result(n.b.reshape(n.b.select(mask, read, flat), type.getShape()));
}

/// One slice of `source` for each index along a dim (index_copy, index_add).
void indexWrite(Node &n, ScatterKind kind) {
  Value self = n.tensor("self"), indices = index(n, "index"), source = n.tensor("source");
  auto axis = axisOf(n, self);
  if (!axis || !indices || !source || n.b.rank(self) == 0)
    return n.result(self && source && n.b.rank(self) == 0 && kind == ScatterKind::None
                        ? n.b.reshape(source, {})
                        : Value());
  if (n.has("alpha"))
    source = n.b.scale(source, n.number("alpha"));
  Ints shape(n.b.rank(self), 1);
  shape[*axis] = n.b.type(indices).getNumElements();
  indices = n.b.broadcast(n.b.reshape(indices, shape), n.b.shape(source));
  n.result(scattered(n, self, indices, source, *axis, kind));
}

/// index.Tensor and index_put: index tensors for some dims, broadcast together.
struct Advanced {
  Value tuples;      // [broadcast…, count]
  Ints perm;         // indexed dims first, the others after them, in order
  Ints common;       // broadcast shape of the index tensors
  size_t count = 0;  // of indexed dims
  int64_t place = 0; // where the broadcast dims go in the result
};

/// A constant mask's indices, one tensor for each of its dims; empty when it is none.
SmallVector<Value> maskIndices(Node &n, Value mask) {
  auto elements = GraphBuilder::getConstantInts(mask);
  if (!elements)
    return {};
  ArrayRef<int64_t> shape = n.b.shape(mask);
  SmallVector<Ints> lists(shape.size());
  for (auto [flat, element] : llvm::enumerate(*elements)) {
    int64_t rest = flat;
    if (element)
      for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
        lists[d].push_back(rest % shape[d]);
  }
  SmallVector<Value> result;
  for (const Ints &list : lists)
    result.push_back(n.b.ints(list));
  return result;
}

std::optional<Advanced> advanced(Node &n, Value self) {
  SmallVector<Value> given = n.tensors("indices"), indices;
  if (n.failed || !self)
    return std::nullopt;
  for (Value value : given) {
    if (!value || !n.b.isBool(value)) {
      indices.push_back(value ? n.b.cast(value, n.b.ops().getI64Type()) : value);
      continue;
    }
    SmallVector<Value> expanded = maskIndices(n, value);
    if (expanded.empty()) {
      n.unsupported("the result's shape would depend on the data", "a mask as index");
      return std::nullopt;
    }
    llvm::append_range(indices, expanded);
  }
  Advanced result;
  Ints others;
  std::optional<int64_t> first, last;
  SmallVector<Value> present;
  for (int64_t dim = 0; dim < n.b.rank(self); ++dim) {
    Value value = dim < (int64_t)indices.size() ? indices[dim] : Value();
    if (!value) {
      others.push_back(dim);
      continue;
    }
    auto joined = broadcastShapes(result.common, n.b.shape(value));
    if (mlir::failed(joined)) {
      n.b.fail("the index tensors' shapes do not broadcast");
      return std::nullopt;
    }
    result.common.assign(joined->begin(), joined->end());
    result.perm.push_back(dim);
    present.push_back(value);
    first = first.value_or(dim);
    last = dim;
  }
  if (present.empty() || indices.size() > (size_t)n.b.rank(self)) {
    n.b.fail("the index tensors do not fit the operand's rank");
    return std::nullopt;
  }
  result.count = present.size();
  // Index tensors of adjacent dims put their dims there, others in front.
  result.place = *last - *first + 1 == (int64_t)present.size() ? *first : 0;
  llvm::append_range(result.perm, others);
  SmallVector<Value> columns;
  for (Value value : present) {
    Value column = n.b.broadcast(value, result.common);
    columns.push_back(n.b.unsqueeze(column, {(int64_t)result.common.size()}));
  }
  result.tuples = columns.size() == 1 ? columns[0] : n.b.concat(columns, result.common.size());
  if (!result.tuples)
    return std::nullopt;
  return result;
}

/// The permutation from [broadcast…, others…] to the place where the broadcast dims belong.
Ints placed(const Advanced &a, int64_t others) {
  Ints perm;
  int64_t common = a.common.size();
  for (int64_t i = 0; i < a.place; ++i)
    perm.push_back(common + i);
  for (int64_t i = 0; i < common; ++i)
    perm.push_back(i);
  for (int64_t i = a.place; i < others; ++i)
    perm.push_back(common + i);
  return perm;
}

void indexTensor(Node &n) {
  Value self = n.tensor("self");
  auto a = advanced(n, self);
  if (!a)
    return n.result({});
  int64_t others = n.b.rank(self) - a->count;
  if (a->count == 1) { // a gather along one dim
    Value indices = n.b.reshape(a->tuples, a->common);
    return n.result(n.b.create<GatherOp>(self, indices, axisAttr(n, a->perm[0])));
  }
  Value moved = n.b.transpose(self, a->perm);
  Value gathered = moved ? n.b.create<GatherNDOp>(moved, a->tuples, axisAttr(n, 0)) : Value();
  n.result(gathered ? n.b.transpose(gathered, placed(*a, others)) : Value());
}

void indexPut(Node &n) {
  Value self = n.tensor("self"), values = n.tensor("values");
  bool accumulate = n.flag("accumulate");
  if (!self || !values)
    return n.result({});
  // A mask of the operand's leading dims with values that broadcast is a selection.
  SmallVector<Value> indices = n.tensors("indices");
  if (indices.size() == 1 && indices[0] && n.b.isBool(indices[0]) && !accumulate &&
      n.b.type(values).getNumElements() == 1) {
    Ints shape(n.b.shape(indices[0]));
    shape.resize(n.b.rank(self), 1);
    Value scalar = n.b.cast(n.b.reshape(values, {}), n.b.element(self));
    return n.result(n.b.select(n.b.reshape(indices[0], shape), scalar, self));
  }
  auto a = advanced(n, self);
  if (!a)
    return n.result({});
  int64_t others = n.b.rank(self) - a->count;
  Value moved = n.b.transpose(self, a->perm);
  if (!moved)
    return n.result({});
  // Values have the shape of what indexing gives; bring their broadcast dims to the front.
  Ints order = placed(*a, others), indexed, back(order.size());
  Ints front(a->common);
  llvm::append_range(front, n.b.shape(moved).drop_front(a->count));
  for (int64_t dim : order)
    indexed.push_back(front[dim]);
  for (auto [to, from] : llvm::enumerate(order))
    back[from] = to;
  values = n.b.transpose(n.b.broadcast(n.b.cast(values, n.b.element(self)), indexed), back);
  ScatterKind kind = accumulate ? ScatterKind::Add : ScatterKind::None;
  Value put = values ? n.b.create<ScatterNDOp>(moved, a->tuples, values, kind) : Value();
  Ints inverse(a->perm.size());
  for (auto [to, from] : llvm::enumerate(a->perm))
    inverse[from] = to;
  n.result(put ? n.b.transpose(put, inverse) : Value());
}

void oneHot(Node &n) {
  RankedTensorType type = n.type();
  Value self = index(n, "self");
  if (!type || !self)
    return n.result({});
  Type element = type.getElementType();
  n.result(ingot::oneHot(n.b, self, type.getShape().back(), n.b.scalar(element, 1),
                         n.b.scalar(element, 0), type.getRank() - 1));
}

/// The number of boundaries below (or up to, with `right`) each element.
void bucketize(Node &n) {
  Value self = n.tensor(n.has("self") ? "self" : "input");
  Value boundaries = n.tensor(n.has("boundaries") ? "boundaries" : "sorted_sequence");
  if (!self || !boundaries)
    return n.result({});
  if (n.b.rank(boundaries) != 1)
    return n.unsupported("expected boundaries of rank 1", "several sequences");
  bool right = n.flag("right") || n.text("side") == "right";
  Type common = n.b.isFloat(self) ? n.b.element(self) : n.b.element(boundaries);
  Value wide = n.b.unsqueeze(n.b.cast(self, common), {n.b.rank(self)});
  Value below = n.b.cmp(right ? CmpKind::Ge : CmpKind::Gt, wide, n.b.cast(boundaries, common));
  Value count = n.b.cast(below, n.element());
  n.result(count ? n.b.reduce(ReduceKind::Sum, count, {n.b.rank(count) - 1}, false) : Value());
}

} // namespace

void addIndexOps(OpTable &table) {
  table.add({"gather.default"}, gather);
  table.add({"take_along_dim.default"}, takeAlongDim);
  table.add({"index_select.default"}, indexSelect);
  table.add({"embedding.default"}, embedding);
  table.add({"scatter.src"}, [](Node &n) { scatter(n, ScatterKind::None, "src"); });
  table.add({"scatter.value"}, [](Node &n) { scatter(n, ScatterKind::None, "value"); });
  table.add({"scatter_add.default"}, [](Node &n) { scatter(n, ScatterKind::Add, "src"); });
  table.add({"scatter_reduce.two", "scatter.reduce", "scatter.value_reduce"}, scatterReduce);
  table.add({"index_copy.default"}, [](Node &n) { indexWrite(n, ScatterKind::None); });
  table.add({"index_add.default"}, [](Node &n) { indexWrite(n, ScatterKind::Add); });
  table.add({"index.Tensor", "_unsafe_index.Tensor"}, indexTensor);
  table.add({"index_put.default", "_unsafe_index_put.default"}, indexPut);
  table.add({"take.default"}, take);
  table.add({"index_fill.int_Scalar", "index_fill.int_Tensor"}, indexFill);
  table.add({"repeat_interleave.Tensor", "repeat_interleave.self_Tensor"}, repeatEach);
  table.add({"masked_scatter.default"}, maskedScatter);
  table.add({"one_hot.default"}, oneHot);
  table.add({"bucketize.Tensor", "searchsorted.Tensor"}, bucketize);
}

} // namespace ingot::pt2
