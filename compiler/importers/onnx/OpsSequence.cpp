// ONNX sequences and optionals: lists of tensors that are known at import (OnnxNode.h says how).
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// The tensors of the node's first input.
static std::optional<SmallVector<Value>> elements(OnnxNode &n) {
  std::optional<SmallVector<Value>> list = sequenceElements(n.opt(0));
  if (!list)
    (void)n.error("expects a sequence");
  return list;
}

/// A position among `count` elements, counted from the end when negative.
static std::optional<int64_t> position(OnnxNode &n, size_t input, int64_t count,
                                       int64_t otherwise) {
  std::optional<int64_t> at = n.constantInt(input, "position", otherwise);
  if (at && *at < 0)
    *at += count;
  if (at && (*at < 0 || *at >= count)) {
    (void)n.error("has a position outside its " + Twine(count) + " elements");
    return std::nullopt;
  }
  return at;
}

static LogicalResult construct(OnnxNode &n) {
  SmallVector<Value> values;
  for (size_t i = 0; i < n.numInputs(); ++i) {
    values.push_back(n.in(i));
    if (!values.back() || isList(values.back()))
      return n.error("expects tensors");
  }
  return n.set(makeSequence(n.b, values));
}

static LogicalResult empty(OnnxNode &n) {
  n.ignoreAttr("dtype"); // what it holds says that
  return n.set(makeSequence(n.b, {}));
}

static LogicalResult at(OnnxNode &n) {
  std::optional<SmallVector<Value>> list = elements(n);
  std::optional<int64_t> where = list ? position(n, 1, list->size(), 0) : std::nullopt;
  return where ? n.set((*list)[*where]) : failure();
}

static LogicalResult insert(OnnxNode &n) {
  std::optional<SmallVector<Value>> list = elements(n);
  if (!list)
    return failure();
  int64_t count = list->size();
  std::optional<int64_t> where = position(n, 2, count + 1, count);
  Value value = n.in(1);
  if (!where || !value || isList(value))
    return failure();
  // A negative position counts from the end of what is there, not of the result.
  if (n.opt(2) && *B::getConstantInt(n.opt(2)) < 0)
    --*where;
  if (*where < 0)
    return n.error("has a position outside its " + Twine(count) + " elements");
  list->insert(list->begin() + *where, value);
  return n.set(makeSequence(n.b, *list));
}

static LogicalResult erase(OnnxNode &n) {
  std::optional<SmallVector<Value>> list = elements(n);
  std::optional<int64_t> where =
      list ? position(n, 1, list->size(), static_cast<int64_t>(list->size()) - 1) : std::nullopt;
  if (!where)
    return failure();
  list->erase(list->begin() + *where);
  return n.set(makeSequence(n.b, *list));
}

static LogicalResult length(OnnxNode &n) {
  std::optional<SmallVector<Value>> list = elements(n);
  return list ? n.set(n.b.scalar(n.b.ops().getI64Type(), static_cast<double>(list->size())))
              : failure();
}

static LogicalResult splitToSequence(OnnxNode &n) {
  Value input = n.in(0);
  bool keepdims = n.intAttr("keepdims", 1);
  std::optional<int64_t> axis =
      input && !isList(input) ? n.b.axis(n.intAttr("axis", 0), B::rank(input)) : std::nullopt;
  if (!axis)
    return failure();
  int64_t extent = B::shape(input)[*axis];
  Ints sizes(n.opt(1) ? 0 : std::min<int64_t>(extent, kMaxNodes + 1), 1);
  if (n.opt(1)) {
    std::optional<Ints> given = n.constantInts(1, "split");
    if (!given)
      return failure();
    sizes = *given;
    if (B::rank(n.opt(1)) == 0) { // a size for all parts; the last may be smaller
      int64_t each = given->front();
      if (each < 1 || extent / each > kMaxNodes)
        return n.error("splits " + Twine(extent) + " elements into parts of " + Twine(each));
      sizes.assign(extent / each, each);
      if (extent % each)
        sizes.push_back(extent % each);
    }
  }
  if (static_cast<int64_t>(sizes.size()) > kMaxNodes)
    return n.error("has too many parts");
  SmallVector<Value> parts;
  if (!sizes.empty())
    parts = n.b.split(input, *axis, sizes);
  if (parts.size() != sizes.size())
    return failure();
  if (!n.opt(1) && !keepdims)
    for (Value &part : parts)
      part = n.b.squeeze(part, *axis);
  return n.set(makeSequence(n.b, parts));
}

static LogicalResult concatFromSequence(OnnxNode &n) {
  std::optional<SmallVector<Value>> list = elements(n);
  int64_t axis = n.intAttr("axis", 0);
  bool isNew = n.intAttr("new_axis", 0);
  if (!list)
    return failure();
  if (list->empty())
    return n.error("joins an empty sequence");
  if (isNew)
    for (Value &value : *list)
      value = n.b.unsqueeze(value, axis);
  return n.set(n.b.concat(*list, axis));
}

/// The body for each element of the first sequence, and of the others beside it.
static LogicalResult sequenceMap(OnnxNode &n) {
  const onnx::GraphProto *body = n.graphAttr("body");
  std::optional<SmallVector<Value>> list = elements(n);
  if (!list)
    return failure();
  if (!body || n.numOutputs() > static_cast<size_t>(body->output_size()))
    return n.error("has no body for its outputs");
  SmallVector<SmallVector<Value>> collected(n.numOutputs());
  for (auto [i, value] : llvm::enumerate(*list)) {
    SmallVector<Value> arguments{value};
    for (size_t input = 1; input < n.numInputs(); ++input) {
      Value other = n.in(input);
      if (std::optional<SmallVector<Value>> others = sequenceElements(other)) {
        if (others->size() != list->size())
          return n.error("walks sequences of different lengths");
        other = (*others)[i];
      }
      if (!other)
        return failure();
      arguments.push_back(other);
    }
    FailureOr<SmallVector<Value>> results =
        n.host.importSubgraph(*body, arguments, (n.name() + "[" + Twine(i) + "]/").str());
    if (failed(results))
      return failure();
    if (llvm::is_contained(*results, Value()) || llvm::any_of(*results, isList))
      return n.unsupported("body");
    for (auto [into, result] : llvm::zip(collected, *results))
      into.push_back(result);
  }
  for (auto [i, values] : llvm::enumerate(collected))
    if (failed(n.setOutput(i, makeSequence(n.b, values))))
      return failure();
  return success();
}

static LogicalResult optional(OnnxNode &n) {
  n.ignoreAttr("type"); // what it holds says that
  if (n.opt(0))
    return n.set(n.opt(0));
  auto none = UnrealizedConversionCastOp::create(n.b.ops(), n.b.loc(), NoneType::get(n.b.context()),
                                                 ValueRange());
  return n.set(none.getResult(0));
}

static LogicalResult hasElement(OnnxNode &n) {
  bool holds = n.opt(0) && !isa<NoneType>(n.opt(0).getType());
  return n.set(n.b.scalar(n.b.ops().getI1Type(), holds));
}

static LogicalResult getElement(OnnxNode &n) {
  Value value = n.in(0);
  if (value && isa<NoneType>(value.getType()))
    return n.error("takes the element of an empty optional");
  return n.set(value);
}

void onnximport::addSequenceOps(OpTable &table) {
  table.addOnLists("SequenceConstruct", construct);
  table.addOnLists("SequenceEmpty", empty);
  table.addOnLists("SequenceAt", at);
  table.addOnLists("SequenceInsert", insert);
  table.addOnLists("SequenceErase", erase);
  table.addOnLists("SequenceLength", length);
  table.addOnLists("SplitToSequence", splitToSequence);
  table.addOnLists("ConcatFromSequence", concatFromSequence);
  table.addOnLists("SequenceMap", sequenceMap);
  table.addOnLists("Optional", optional);
  table.addOnLists("OptionalHasElement", hasElement);
  table.addOnLists("OptionalGetElement", getElement);
}
