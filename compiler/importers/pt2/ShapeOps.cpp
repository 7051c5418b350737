// Operators that arrange elements anew: joins, repeats, pads, rotations.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// The operands cast to the result's type; empty ones of rank 1 left out, as torch allows.
SmallVector<Value> parts(Node &n) {
  SmallVector<Value> result;
  Type element = n.element();
  for (Value value : n.tensors("tensors")) {
    if (!value || !element) {
      n.result({});
      return {};
    }
    if (n.b.shape(value) != ArrayRef<int64_t>{0})
      result.push_back(n.b.cast(value, element));
  }
  return result;
}

void join(Node &n, SmallVector<Value> values, std::optional<int64_t> axis) {
  if (!axis || n.failed)
    return n.result({});
  if (values.empty()) {
    RankedTensorType type = n.type();
    return n.result(type ? n.b.splat(type.getShape(), type.getElementType(), 0) : Value());
  }
  n.result(values.size() == 1 ? values[0] : n.b.concat(values, *axis));
}

void cat(Node &n) {
  SmallVector<Value> values = parts(n);
  int64_t rank = values.empty() ? 1 : n.b.rank(values[0]);
  join(n, values, n.b.axis(n.integer("dim", 0), rank));
}

void stack(Node &n) {
  SmallVector<Value> values;
  Type element = n.element();
  RankedTensorType type = n.type();
  auto axis = type ? n.b.axis(n.integer("dim", 0), type.getRank()) : std::nullopt;
  if (!axis)
    return n.result({});
  for (Value value : n.tensors("tensors"))
    values.push_back(n.b.unsqueeze(n.b.cast(value, element), {*axis}));
  join(n, values, axis);
}

void repeatInterleave(Node &n) {
  Value self = n.tensor("self");
  int64_t repeats = n.integer("repeats");
  auto dim = n.optionalInteger("dim");
  if (!self || n.failed)
    return n.result({});
  if (!dim)
    self = n.b.reshape(self, {n.b.type(self).getNumElements()});
  auto axis = n.b.axis(dim.value_or(0), std::max<int64_t>(n.b.rank(self), 1));
  if (!axis || repeats < 0)
    return n.result({});
  Ints shape(n.b.shape(self)), wide(shape);
  wide.insert(wide.begin() + *axis + 1, repeats);
  shape[*axis] *= repeats;
  n.result(n.b.reshape(n.b.broadcast(n.b.unsqueeze(self, {*axis + 1}), wide), shape));
}

void roll(Node &n) {
  Value self = n.tensor("self");
  Ints shifts = n.ints("shifts"), dims = n.ints("dims", Ints());
  if (!self || n.failed)
    return n.result({});
  Ints shape(n.b.shape(self));
  if (dims.empty() && shifts.size() == 1)
    return n.result(n.b.reshape(
        ingot::roll(n.b, n.b.reshape(self, {n.b.type(self).getNumElements()}), shifts[0], 0),
        shape));
  if (dims.size() != shifts.size())
    return n.result(n.b.fail("shifts and dims differ in number"));
  for (auto [shift, dim] : llvm::zip(shifts, dims)) {
    auto axis = n.b.axis(dim, n.b.rank(self));
    self = axis ? ingot::roll(n.b, self, shift, *axis) : Value();
    if (!self)
      return n.result({});
  }
  n.result(self);
}

/// Pads as torch lists them: low and high of the last dim, then of the one before, …
void pad(Node &n, StringRef listName, PadMode mode, double value) {
  Value self = n.tensor("self");
  Ints list = n.ints(listName);
  if (!self || n.failed)
    return n.result({});
  int64_t rank = n.b.rank(self);
  if (list.size() % 2 || (int64_t)list.size() / 2 > rank)
    return n.result(n.b.fail("the pads do not fit the rank"));
  Ints low(rank, 0), high(rank, 0);
  for (size_t i = 0; i < list.size() / 2; ++i) {
    low[rank - 1 - i] = list[2 * i];
    high[rank - 1 - i] = list[2 * i + 1];
  }
  n.result(n.b.pad(self, low, high, value, mode));
}

void padByName(Node &n) {
  std::string mode = n.text("mode", "constant");
  if (mode == "constant")
    pad(n, "pad", PadMode::Constant, n.number("value", 0));
  else if (mode == "reflect")
    pad(n, "pad", PadMode::Reflect, 0);
  else if (mode == "replicate")
    pad(n, "pad", PadMode::Edge, 0);
  else if (mode == "circular")
    pad(n, "pad", PadMode::Wrap, 0);
  else
    n.unsupported("expected constant, reflect, replicate or circular", "mode = " + mode);
}

void meshgrid(Node &n) {
  SmallVector<Value> axes = n.tensors("tensors");
  bool swap = n.text("indexing", "ij") == "xy" && axes.size() >= 2;
  for (auto [index, value] : llvm::enumerate(axes)) {
    RankedTensorType type = n.type(index);
    if (!value || !type)
      return n.result({});
    size_t dim = swap && index < 2 ? 1 - index : index;
    Ints shape(type.getRank(), 1);
    shape[dim] = n.b.type(value).getNumElements();
    n.result(n.b.broadcast(n.b.reshape(value, shape), type.getShape()), index);
  }
}

void broadcastTensors(Node &n) {
  for (auto [index, value] : llvm::enumerate(n.tensors("tensors")))
    if (RankedTensorType type = n.type(index))
      n.result(n.b.broadcast(value, type.getShape()), index);
}

void tri(Node &n) {
  n.result(trilu(n.b, n.tensor("self"), n.integer("diagonal", 0), n.op.starts_with("triu")));
}

void diff(Node &n) {
  Value self = n.tensor("self");
  auto axis = self ? n.b.axis(n.integer("dim", -1), n.b.rank(self)) : std::nullopt;
  int64_t times = n.integer("n", 1);
  if (!axis)
    return n.result({});
  SmallVector<Value> joined;
  if (Value before = n.optional("prepend"))
    joined.push_back(before);
  joined.push_back(self);
  if (Value after = n.optional("append"))
    joined.push_back(after);
  Value value = joined.size() == 1 ? self : n.b.concat(joined, *axis);
  for (int64_t i = 0; i < times && value; ++i) {
    int64_t extent = n.b.shape(value)[*axis];
    if (extent == 0)
      return n.result(n.b.fail("cannot difference an extent of 0"));
    Value upper = n.b.slice(value, *axis, 1, extent - 1),
          lower = n.b.slice(value, *axis, 0, extent - 1);
    value = n.b.isBool(value) ? n.b.create<XorOp>(upper, lower) : n.b.sub(upper, lower);
  }
  n.result(value);
}

/// [N, C, H, W] to [N, C·kh·kw, windows].
void im2col(Node &n) {
  Value self = n.tensor("self");
  Ints kernel = n.ints("kernel_size"), dilation = n.ints("dilation"), padding = n.ints("padding"),
       stride = n.ints("stride");
  RankedTensorType type = n.type();
  if (!self || !type || n.b.rank(self) != 4 || kernel.size() != 2 || dilation.size() != 2 ||
      padding.size() != 2 || stride.size() != 2)
    return n.unsupported("expected an input [N, C, H, W]", "rank 3");
  Value padded = n.b.pad(self, {0, 0, padding[0], padding[1]}, {0, 0, padding[0], padding[1]});
  if (!padded)
    return n.result({});
  ArrayRef<int64_t> shape = n.b.shape(padded);
  Ints out;
  for (int i = 0; i < 2; ++i)
    out.push_back((shape[2 + i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1);
  SmallVector<Value> taps;
  for (int64_t y = 0; y < kernel[0]; ++y)
    for (int64_t x = 0; x < kernel[1]; ++x) {
      Value rows = n.b.slice(padded, 2, y * dilation[0], out[0], stride[0]);
      taps.push_back(n.b.unsqueeze(n.b.slice(rows, 3, x * dilation[1], out[1], stride[1]), {2}));
    }
  n.result(n.b.reshape(taps.size() == 1 ? taps[0] : n.b.concat(taps, 2), type.getShape()));
}

} // namespace

void addShapeOps(OpTable &table) {
  table.add({"cat.default", "concat.default", "concatenate.default"}, cat);
  table.add({"stack.default"}, stack);
  table.add({"hstack.default"}, [](Node &n) {
    SmallVector<Value> values = parts(n);
    join(n, values, !values.empty() && n.b.rank(values[0]) == 1 ? 0 : 1);
  });
  table.add({"vstack.default", "row_stack.default", "dstack.default", "column_stack.default"},
            [](Node &n) {
              // Vectors are rows of vstack and columns of the others; dstack joins a third dim.
              SmallVector<Value> values = n.tensors("tensors");
              bool rows = n.op.starts_with("vstack") || n.op.starts_with("row"),
                   deep = n.op.starts_with("dstack");
              for (Value &value : values) {
                value = value && n.element() ? n.b.cast(value, n.element()) : Value();
                if (value && n.b.rank(value) == 0)
                  value = n.b.unsqueeze(value, {0});
                if (value && n.b.rank(value) == 1)
                  value = n.b.unsqueeze(value, {rows || deep ? 0 : 1});
                if (value && deep && n.b.rank(value) == 2)
                  value = n.b.unsqueeze(value, {2});
              }
              join(n, values, rows ? 0 : deep ? 2 : 1);
            });
  table.add({"fliplr.default", "flipud.default"}, [](Node &n) {
    Value self = n.tensor("self");
    n.result(self ? flip(n.b, self, {n.op.starts_with("fliplr") ? 1 : 0}) : self);
  });
  table.add({"repeat.default", "tile.default"}, [](Node &n) {
    n.result(n.b.tile(n.tensor("self"), n.ints(n.op.starts_with("tile") ? "dims" : "repeats")));
  });
  table.add({"repeat_interleave.self_int"}, repeatInterleave);
  table.add({"flip.default"}, [](Node &n) {
    Value self = n.tensor("self");
    auto dims = self ? n.b.axes(n.ints("dims"), n.b.rank(self)) : std::nullopt;
    n.result(dims ? flip(n.b, self, *dims) : Value());
  });
  table.add({"roll.default"}, roll);
  table.add({"pad.default"}, padByName);
  table.add({"constant_pad_nd.default"},
            [](Node &n) { pad(n, "pad", PadMode::Constant, n.number("value", 0)); });
  table.add({"reflection_pad1d.default", "reflection_pad2d.default", "reflection_pad3d.default"},
            [](Node &n) { pad(n, "padding", PadMode::Reflect, 0); });
  table.add({"replication_pad1d.default", "replication_pad2d.default", "replication_pad3d.default"},
            [](Node &n) { pad(n, "padding", PadMode::Edge, 0); });
  table.add({"meshgrid.indexing", "meshgrid.default"}, meshgrid);
  table.add({"broadcast_tensors.default"}, broadcastTensors);
  table.add({"tril.default", "triu.default"}, tri);
  table.add({"diff.default"}, diff);
  table.add({"im2col.default"}, im2col);
  table.add({"pixel_shuffle.default"}, [](Node &n) {
    n.result(depthToSpace(n.b, n.tensor("self"), n.integer("upscale_factor"), true));
  });
  table.add({"pixel_unshuffle.default"}, [](Node &n) {
    n.result(spaceToDepth(n.b, n.tensor("self"), n.integer("downscale_factor"), true));
  });
  table.add({"channel_shuffle.default", "native_channel_shuffle.default"}, [](Node &n) {
    Value self = n.tensor("self");
    int64_t groups = n.integer("groups");
    if (!self || groups <= 0 || n.b.rank(self) < 2 || n.b.shape(self)[1] % groups)
      return n.result(self ? n.b.fail("the channels are no multiple of the groups") : Value());
    Ints shape(n.b.shape(self)), split(shape), perm;
    split[1] = groups;
    split.insert(split.begin() + 2, shape[1] / groups);
    for (int64_t i = 0; i < (int64_t)split.size(); ++i)
      perm.push_back(i);
    std::swap(perm[1], perm[2]);
    n.result(n.b.reshape(n.b.transpose(n.b.reshape(self, split), perm), shape));
  });
}

} // namespace ingot::pt2
