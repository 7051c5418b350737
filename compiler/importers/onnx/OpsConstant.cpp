// ONNX operators whose result is known at import: constants, shapes, ranges.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

static LogicalResult constantOp(OnnxNode &n) {
  GraphBuilder &b = n.b;
  auto floats = [&](ArrayRef<double> values, ArrayRef<int64_t> shape) {
    std::vector<char> bytes;
    for (double value : values) {
      float narrow = static_cast<float>(value);
      bytes.insert(bytes.end(), reinterpret_cast<char *>(&narrow),
                   reinterpret_cast<char *>(&narrow) + 4);
    }
    return b.constant(b.tensorType(shape, b.ops().getF32Type()), std::move(bytes));
  };
  if (n.has("value")) {
    const onnx::TensorProto *tensor = n.tensorAttr("value");
    return tensor ? n.set(n.host.importTensor(*tensor)) : failure();
  }
  if (n.has("value_float"))
    return n.set(floats(n.floatAttr("value_float", 0.0), {}));
  if (n.has("value_int"))
    return n.set(b.reshape(b.ints(n.intAttr("value_int", 0)), {}));
  if (std::optional<SmallVector<double>> list = n.floatsAttr("value_floats"))
    return n.set(floats(*list, static_cast<int64_t>(list->size())));
  if (std::optional<Ints> list = n.intsAttr("value_ints"))
    return n.set(b.ints(*list));
  for (StringRef name : {"value_string", "value_strings", "sparse_value"})
    if (n.has(name))
      return n.unsupported(name, "expected a numeric value");
  return n.error("has no value");
}

static LogicalResult constantOfShape(OnnxNode &n) {
  std::optional<Ints> shape = n.constantInts(0, "shape");
  if (!shape)
    return failure();
  Value value = n.b.scalar(n.b.ops().getF32Type(), 0.0);
  if (const onnx::TensorProto *tensor = n.tensorAttr("value"))
    value = n.host.importTensor(*tensor);
  if (!value)
    return failure();
  if (B::type(value).getNumElements() != 1)
    return n.error("has a value of shape " + shapeName(B::shape(value)));
  return n.set(n.b.broadcast(n.b.reshape(value, {}), *shape));
}

static LogicalResult shapeOf(OnnxNode &n) {
  Value input = n.in(0);
  if (!input)
    return failure();
  int64_t rank = B::rank(input), start = n.intAttr("start", 0), end = n.intAttr("end", rank);
  start = std::clamp<int64_t>(start < 0 ? std::max(start, -rank) + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? std::max(end, -rank - 1) + rank : end, 0, rank);
  return n.set(n.b.ints(B::shape(input).slice(start, std::max<int64_t>(end - start, 0))));
}

static LogicalResult sizeOf(OnnxNode &n) {
  Value input = n.in(0);
  return input ? n.set(n.b.reshape(n.b.ints(B::type(input).getNumElements()), {})) : failure();
}

static LogicalResult range(OnnxNode &n) {
  std::optional<SmallVector<double>> start = n.constantDoubles(0, "start");
  std::optional<SmallVector<double>> limit = start ? n.constantDoubles(1, "limit") : std::nullopt;
  std::optional<SmallVector<double>> delta = limit ? n.constantDoubles(2, "delta") : std::nullopt;
  if (!delta)
    return failure();
  if (start->size() != 1 || limit->size() != 1 || delta->size() != 1 || (*delta)[0] == 0.0)
    return n.error("needs a start, a limit and a delta that is not 0");
  double count = std::ceil(((*limit)[0] - (*start)[0]) / (*delta)[0]);
  if (!(count <= static_cast<double>(kMaxElements)))
    return n.error("has too many elements");
  int64_t extent = count > 0 ? static_cast<int64_t>(count) : 0;
  RankedTensorType type = n.b.tensorType(extent, B::element(n.in(0)));
  return n.set(n.b.iota(type, 0, (*start)[0], (*delta)[0]));
}

static LogicalResult oneHotOp(OnnxNode &n) {
  GraphBuilder &b = n.b;
  int64_t axis = n.intAttr("axis", -1);
  std::optional<SmallVector<double>> depth = n.constantDoubles(1, "depth");
  Value values = n.in(2);
  if (!depth || !values)
    return failure();
  if (depth->size() != 1 || !((*depth)[0] >= 0 && (*depth)[0] < kMaxElements) ||
      B::type(values).getNumElements() != 2)
    return n.error("needs one depth and two values");
  values = b.reshape(values, {2});
  Value off = b.reshape(b.slice(values, 0, 0, 1), {}), on = b.reshape(b.slice(values, 0, 1, 1), {});
  return n.set(oneHot(b, n.in(0), static_cast<int64_t>((*depth)[0]), on, off, axis));
}

static LogicalResult eyeLike(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  int64_t k = n.intAttr("k", 0), dtype = n.intAttr("dtype", 0);
  if (!input)
    return failure();
  Type type = dtype ? elementType(b.context(), static_cast<int32_t>(dtype)) : B::element(input);
  if (!type)
    return n.unsupported("dtype " + dataTypeName(static_cast<int32_t>(dtype)),
                         "expected a numeric element type");
  if (B::rank(input) != 2)
    return n.error("needs rank 2, but got " + Twine(B::rank(input)));
  int64_t rows = B::shape(input)[0], cols = B::shape(input)[1];
  Value both = b.binary<AndOp>(triangle(b, rows, cols, k, true), triangle(b, rows, cols, k, false));
  return n.set(b.cast(both, type));
}

void onnximport::addConstantOps(OpTable &table) {
  table.add("Constant", constantOp);
  table.add("ConstantOfShape", constantOfShape);
  table.add("Shape", shapeOf);
  table.add("Size", sizeOf);
  table.add("Range", range);
  table.add("OneHot", oneHotOp);
  table.add("EyeLike", eyeLike);
}
