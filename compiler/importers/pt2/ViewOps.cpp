// Operators whose results share their operand's elements, and copies.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

namespace {

ViewStep reshapeStep(ArrayRef<int64_t> shape) {
  return {[to = Ints(shape)](GraphBuilder &b, Value v) { return b.reshape(v, to); },
          [](GraphBuilder &b, Value base, Value part) { return b.reshape(part, b.shape(base)); }};
}

ViewStep permuteStep(ArrayRef<int64_t> perm) {
  Ints inverse(perm.size());
  for (auto [index, dim] : llvm::enumerate(perm))
    inverse[dim] = index;
  return {[to = Ints(perm)](GraphBuilder &b, Value v) { return b.transpose(v, to); },
          [inverse](GraphBuilder &b, Value, Value part) { return b.transpose(part, inverse); }};
}

/// `base` with `part` in the place of a slice.
Value sliceScatter(GraphBuilder &b, Value base, Value part, int64_t axis, int64_t start,
                   int64_t size, int64_t step) {
  if (!base || !part)
    return {};
  int64_t extent = b.shape(base)[axis];
  if (size == 0)
    return base;
  if (step != 1) {
    RankedTensorType type = RankedTensorType::get(b.shape(part), b.ops().getI64Type());
    return b.create<ScatterElementsOp>(base, b.iota(type, axis, (double)start, (double)step), part,
                                       (uint64_t)axis, ScatterKind::None);
  }
  SmallVector<Value> parts;
  if (start > 0)
    parts.push_back(b.slice(base, axis, 0, start));
  parts.push_back(part);
  if (start + size < extent)
    parts.push_back(b.slice(base, axis, start + size, extent - start - size));
  return parts.size() == 1 ? part : b.concat(parts, axis);
}

ViewStep sliceStep(int64_t axis, int64_t start, int64_t size, int64_t step) {
  return {[=](GraphBuilder &b, Value v) { return b.slice(v, axis, start, size, step); },
          [=](GraphBuilder &b, Value base, Value part) {
            return sliceScatter(b, base, part, axis, start, size, step);
          }};
}

/// One index along a dim, which goes.
ViewStep selectStep(int64_t axis, int64_t index) {
  return {[=](GraphBuilder &b, Value v) { return b.squeeze(b.slice(v, axis, index, 1), {axis}); },
          [=](GraphBuilder &b, Value base, Value part) {
            return sliceScatter(b, base, b.unsqueeze(part, {axis}), axis, index, 1, 1);
          }};
}

ViewStep broadcastStep(ArrayRef<int64_t> shape) {
  ViewStep step{[to = Ints(shape)](GraphBuilder &b, Value v) { return b.broadcast(v, to); }, {}};
  return step;
}

/// start:end:step along an extent as Python reads it: [first, count).
std::pair<int64_t, int64_t> range(Node &n, int64_t extent, int64_t step) {
  auto bound = [&](StringRef name, int64_t missing) {
    int64_t value = n.integer(name, missing);
    return std::clamp<int64_t>(value < 0 ? value + extent : value, 0, extent);
  };
  int64_t start = bound("start", 0), end = bound("end", extent);
  return {start, end > start && step > 0 ? (end - start - 1) / step + 1 : 0};
}

/// The axis argument `name` of operand `self`, inside its rank plus `extra`.
std::optional<int64_t> axisOf(Node &n, Value self, StringRef name, std::optional<int64_t> missing,
                              int64_t extra = 0) {
  if (!self)
    return std::nullopt;
  int64_t given = n.integer(name, missing), rank = n.b.rank(self) + extra;
  return n.b.axis(given, std::max<int64_t>(rank, 1));
}

/// To the recorded shape, as a view where torch makes one.
void reshapeTo(Node &n) {
  RankedTensorType type = n.type();
  if (!type)
    return;
  if (n.canView("self", type.getShape()))
    n.view("self", reshapeStep(type.getShape()));
  else
    n.result(n.b.reshape(n.tensor("self"), type.getShape()));
}
void viewTo(Node &n) {
  if (RankedTensorType type = n.type())
    n.view("self", reshapeStep(type.getShape()));
}

void permute(Node &n, ArrayRef<int64_t> dims) {
  Value self = n.tensor("self");
  if (!self)
    return;
  Ints perm;
  for (int64_t dim : dims)
    if (auto axis = n.b.axis(dim, n.b.rank(self)))
      perm.push_back(*axis);
    else
      return n.result({});
  Ints sorted(perm);
  llvm::sort(sorted);
  bool complete = (int64_t)perm.size() == n.b.rank(self) &&
                  std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  if (!complete)
    return n.result(n.b.fail("the dims are no permutation"));
  n.view("self", permuteStep(perm));
}

void swapDims(Node &n, int64_t a, int64_t b) {
  Value self = n.tensor("self");
  if (!self)
    return;
  Ints perm(n.b.rank(self));
  for (size_t i = 0; i < perm.size(); ++i)
    perm[i] = i;
  auto first = n.b.axis(a, std::max<int64_t>(n.b.rank(self), 1)),
       second = n.b.axis(b, std::max<int64_t>(n.b.rank(self), 1));
  if (!first || !second)
    return n.result({});
  if (!perm.empty())
    std::swap(perm[*first], perm[*second]);
  permute(n, perm);
}

void movedim(Node &n) {
  Value self = n.tensor("self");
  Ints from = n.ints("source"), to = n.ints("destination");
  if (!self || n.failed || from.size() != to.size())
    return n.result({});
  int64_t rank = n.b.rank(self);
  Ints perm(rank, -1), rest;
  std::set<int64_t> moved;
  for (auto [source, destination] : llvm::zip(from, to)) {
    auto s = n.b.axis(source, rank), d = n.b.axis(destination, rank);
    if (!s || !d)
      return n.result({});
    perm[*d] = *s;
    moved.insert(*s);
  }
  for (int64_t i = 0, next = 0; i < rank; ++i) {
    if (perm[i] >= 0)
      continue;
    while (moved.contains(next))
      ++next;
    perm[i] = next++;
  }
  permute(n, perm);
}

void slice(Node &n) {
  Value self = n.tensor("self");
  auto axis = axisOf(n, self, "dim", 0);
  int64_t step = n.integer("step", 1);
  if (!axis || n.failed)
    return n.result({});
  auto [start, size] = range(n, n.b.shape(self)[*axis], step);
  n.view("self", sliceStep(*axis, start, size, step));
}

void narrow(Node &n) {
  Value self = n.tensor("self");
  auto axis = axisOf(n, self, "dim", std::nullopt);
  if (!axis)
    return n.result({});
  int64_t start = n.integer("start"), length = n.integer("length");
  n.view("self", sliceStep(*axis, start < 0 ? start + n.b.shape(self)[*axis] : start, length, 1));
}

void select(Node &n) {
  Value self = n.tensor("self");
  auto axis = axisOf(n, self, "dim", std::nullopt);
  int64_t index = n.integer("index");
  if (!axis || n.failed)
    return n.result({});
  auto at = n.b.axis(index, n.b.shape(self)[*axis]);
  if (at)
    n.view("self", selectStep(*axis, *at));
  else
    n.result({});
}

/// Views of consecutive parts along `dim`, of the recorded extents.
void split(Node &n) {
  Value self = n.tensor("self");
  auto axis = axisOf(n, self, "dim", 0);
  if (!axis)
    return n.result({});
  int64_t start = 0;
  for (size_t i = 0; i < n.numResults(); ++i) {
    RankedTensorType type = n.type(i);
    if (!type || type.getRank() != n.b.rank(self))
      return n.result({});
    int64_t size = type.getDimSize(*axis);
    n.view("self", sliceStep(*axis, start, size, 1), i);
    start += size;
  }
}

void unbind(Node &n) {
  Value self = n.tensor("self");
  auto axis = axisOf(n, self, "dim", 0);
  if (!axis)
    return n.result({});
  for (size_t i = 0; i < n.numResults(); ++i)
    n.view("self", selectStep(*axis, i), i);
}

void expand(Node &n) {
  Value self = n.tensor("self");
  RankedTensorType type = n.type();
  if (!self || !type)
    return;
  if (n.b.shape(self) == type.getShape())
    n.alias("self");
  else
    n.view("self", broadcastStep(type.getShape()));
}

void diagonal(Node &n) {
  Value self = n.tensor("self");
  auto first = axisOf(n, self, "dim1", 0), second = axisOf(n, self, "dim2", 1);
  RankedTensorType type = n.type();
  if (!first || !second || !type || n.b.rank(self) < 2)
    return n.result({});
  int64_t offset = n.integer("offset", 0), length = type.getShape().back();
  // Both dims last and joined: the diagonal is a slice by (columns + 1).
  int64_t columns = n.b.shape(self)[*second];
  int64_t start = !length ? 0 : offset >= 0 ? offset : -offset * columns;
  Ints perm, inverse(n.b.rank(self)), moved, joined;
  for (int64_t i = 0; i < n.b.rank(self); ++i)
    if (i != *first && i != *second)
      perm.push_back(i);
  perm.append({*first, *second});
  for (auto [to, from] : llvm::enumerate(perm)) {
    moved.push_back(n.b.shape(self)[from]);
    inverse[from] = to;
  }
  llvm::append_range(joined, ArrayRef(moved).drop_back(2));
  joined.push_back(n.b.shape(self)[*first] * columns);
  auto flat = [=](GraphBuilder &b, Value v) { return b.reshape(b.transpose(v, perm), joined); };
  int64_t last = (int64_t)joined.size() - 1;
  n.view("self", {[=](GraphBuilder &b, Value v) {
                    return b.slice(flat(b, v), last, start, length, columns + 1);
                  },
                  [=](GraphBuilder &b, Value base, Value part) {
                    Value put =
                        sliceScatter(b, flat(b, base), part, last, start, length, columns + 1);
                    return put ? b.transpose(b.reshape(put, moved), inverse) : put;
                  }});
}

/// Windows of `size` by `step` along a dim, as a new last dim.
void unfold(Node &n) {
  Value self = n.tensor("self");
  auto axis = axisOf(n, self, "dimension", std::nullopt);
  RankedTensorType type = n.type();
  if (!axis || !type)
    return n.result({});
  int64_t size = n.integer("size"), step = n.integer("step"), windows = type.getDimSize(*axis);
  n.view("self", {[=](GraphBuilder &b, Value v) {
                    Ints indices;
                    for (int64_t w = 0; w < windows; ++w)
                      for (int64_t i = 0; i < size; ++i)
                        indices.push_back(w * step + i);
                    Value gathered =
                        b.create<GatherOp>(v, b.ints(indices), b.ops().getI64IntegerAttr(*axis));
                    if (!gathered)
                      return Value();
                    Ints shape(b.shape(gathered)), perm;
                    shape[*axis] = windows;
                    shape.insert(shape.begin() + *axis + 1, size);
                    for (int64_t i = 0; i < (int64_t)shape.size(); ++i)
                      if (i != *axis + 1)
                        perm.push_back(i);
                    perm.push_back(*axis + 1);
                    return b.transpose(b.reshape(gathered, shape), perm);
                  },
                  {}});
}

void asStrided(Node &n) {
  Value self = n.tensor("self");
  RankedTensorType type = n.type();
  Ints strides = n.ints("stride");
  int64_t offset = n.integer("storage_offset", 0);
  if (!self || !type || (int64_t)strides.size() != type.getRank())
    return n.result({});
  if (!n.isContiguous("self"))
    return n.unsupported("its operand is a view", "of a view");
  if (type.getNumElements() > kMaxReadElements)
    return n.unsupported("more than a million elements", "large");
  // Element offsets are known: a gather from the flat operand.
  Ints indices, index(strides.size(), 0);
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    int64_t at = offset;
    for (size_t d = 0; d < index.size(); ++d)
      at += index[d] * strides[d];
    indices.push_back(at);
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < type.getDimSize(d))
        break;
      index[d] = 0;
    }
  }
  Value flat = n.b.reshape(self, {n.b.type(self).getNumElements()});
  n.result(
      n.b.reshape(n.b.create<GatherOp>(flat, n.b.ints(indices), n.b.ops().getI64IntegerAttr(0)),
                  type.getShape()));
}

/// A copy, or the operand itself when nothing changes.
void to(Node &n) {
  Value self = n.tensor("self");
  Type element = n.element();
  if (!self || !element)
    return;
  if (n.b.element(self) == element && !n.flag("copy"))
    n.alias("self");
  else
    n.result(n.b.cast(self, element));
}

void copy(Node &n) {
  Value self = n.tensor(n.has("self") ? "self" : "input");
  if (Type element = n.element())
    n.result(n.b.cast(self, element));
}

void dropout(Node &n) {
  if (n.flag("train") && n.number("p", 0.5) != 0)
    return n.unsupported("export the model in eval mode", "train = True");
  n.alias(n.has("self") ? "self" : "input");
}

void selectScatter(Node &n) {
  Value self = n.tensor("self"), source = n.tensor("src");
  auto axis = axisOf(n, self, "dim", std::nullopt);
  auto index = axis ? n.b.axis(n.integer("index"), n.b.shape(self)[*axis]) : std::nullopt;
  if (!index || !source)
    return n.result({});
  n.result(sliceScatter(n.b, self, n.b.unsqueeze(source, {*axis}), *axis, *index, 1, 1));
}

void sliceScatter(Node &n) {
  Value self = n.tensor("self"), source = n.tensor("src");
  auto axis = axisOf(n, self, "dim", 0);
  int64_t step = n.integer("step", 1);
  if (!axis || !source)
    return n.result({});
  auto [start, size] = range(n, n.b.shape(self)[*axis], step);
  Ints shape(n.b.shape(self));
  shape[*axis] = size;
  n.result(sliceScatter(n.b, self, n.b.broadcast(source, shape), *axis, start, size, step));
}

} // namespace

void addViewOps(OpTable &table) {
  table.add({"view.default", "unflatten.int", "view_as.default"}, viewTo);
  table.add({"reshape.default", "flatten.using_ints", "reshape_as.default", "_unsafe_view.default",
             "_reshape_alias.default", "ravel.default"},
            reshapeTo);
  table.add({"atleast_1d.default", "atleast_2d.default", "atleast_3d.default"}, viewTo);
  table.add({"unsqueeze.default", "squeeze.default", "squeeze.dim", "squeeze.dims"}, viewTo);
  table.add({"permute.default"}, [](Node &n) { permute(n, n.ints("dims")); });
  table.add({"transpose.int", "swapaxes.default", "swapdims.default"}, [](Node &n) {
    bool swap = n.has("axis0") || n.has("axis1");
    swapDims(n, n.integer(swap ? "axis0" : "dim0"), n.integer(swap ? "axis1" : "dim1"));
  });
  table.add({"t.default", "numpy_T.default", "matrix_H.default"}, [](Node &n) {
    Value self = n.tensor("self");
    Ints perm;
    for (int64_t i = self ? n.b.rank(self) : 0; i-- > 0;)
      perm.push_back(i);
    permute(n, perm);
  });
  table.add({"mT.default", "mH.default", "adjoint.default"}, [](Node &n) { swapDims(n, -1, -2); });
  table.add({"movedim.int", "movedim.intlist", "moveaxis.int", "moveaxis.intlist"}, movedim);
  table.add({"slice.Tensor"}, slice);
  table.add({"narrow.default"}, narrow);
  table.add({"select.int"}, select);
  table.add({"split.Tensor", "split.sizes", "split_with_sizes.default", "chunk.default",
             "tensor_split.sections", "tensor_split.indices", "unsafe_split.Tensor",
             "unsafe_chunk.default", "split_with_sizes_copy.default", "split_copy.Tensor"},
            split);
  table.add({"unbind.int", "unbind_copy.int"}, unbind);
  table.add({"expand.default", "expand_as.default", "broadcast_to.default"}, expand);
  table.add({"diagonal.default"}, diagonal);
  table.add({"unfold.default"}, unfold);
  table.add({"as_strided.default"}, asStrided);
  table.add({"alias.default", "detach.default", "detach_.default"},
            [](Node &n) { n.alias("self"); });
  table.add({"to.dtype", "to.dtype_layout", "to.device", "to.other", "type_as.default",
             "to.prim_Device", "_autocast_to_reduced_precision.default",
             "_autocast_to_full_precision.default"},
            to);
  table.add({"_to_copy.default", "clone.default", "lift_fresh_copy.default", "lift_fresh.default",
             "dim_order_ops._to_dim_order_copy.default", "dim_order_ops._clone_dim_order.default"},
            copy);
  table.add({"contiguous.default"}, [](Node &n) {
    if (n.isContiguous("self"))
      n.alias("self");
    else
      n.result(n.tensor("self"));
  });
  table.add({"copy.default"}, [](Node &n) {
    RankedTensorType type = n.type();
    if (type)
      n.result(n.b.broadcast(n.b.cast(n.tensor("src"), type.getElementType()), type.getShape()));
  });
  table.add({"dropout.default", "feature_dropout.default", "alpha_dropout.default",
             "feature_alpha_dropout.default", "native_dropout.default"},
            dropout);
  table.add({"select_scatter.default"}, selectScatter);
  table.add({"slice_scatter.default"}, sliceScatter);
}

} // namespace ingot::pt2
