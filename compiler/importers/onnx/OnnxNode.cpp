// What a row of the operator table sees of a node.
#include "compiler/importers/onnx/OnnxNode.h"
#include "compiler/importers/common/CountedExtents.h"
#include "compiler/importers/common/GivenValues.h"
#include "compiler/importers/common/LoopBuilder.h"
#include "compiler/importers/onnx/onnx.pb.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

Type onnximport::elementType(MLIRContext *context, int32_t type) {
  Builder b(context);
  auto integer = [&](unsigned width, bool isUnsigned = false) -> Type {
    return isUnsigned ? b.getIntegerType(width, /*isSigned=*/false) : b.getIntegerType(width);
  };
  switch (type) {
  case onnx::TensorProto::FLOAT:
    return b.getF32Type();
  case onnx::TensorProto::DOUBLE:
    return b.getF64Type();
  case onnx::TensorProto::FLOAT16:
    return b.getF16Type();
  case onnx::TensorProto::BFLOAT16:
    return b.getBF16Type();
  case onnx::TensorProto::FLOAT8E4M3FN:
    return Float8E4M3FNType::get(context);
  case onnx::TensorProto::FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case onnx::TensorProto::FLOAT8E5M2:
    return Float8E5M2Type::get(context);
  case onnx::TensorProto::FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case onnx::TensorProto::FLOAT8E8M0:
    return Float8E8M0FNUType::get(context);
  case onnx::TensorProto::FLOAT4E2M1:
    return Float4E2M1FNType::get(context);
  case onnx::TensorProto::BOOL:
    return integer(1);
  case onnx::TensorProto::INT4:
    return integer(4);
  case onnx::TensorProto::UINT4:
    return integer(4, true);
  case onnx::TensorProto::INT2:
    return integer(2);
  case onnx::TensorProto::UINT2:
    return integer(2, true);
  case onnx::TensorProto::INT8:
    return integer(8);
  case onnx::TensorProto::UINT8:
    return integer(8, true);
  case onnx::TensorProto::INT16:
    return integer(16);
  case onnx::TensorProto::UINT16:
    return integer(16, true);
  case onnx::TensorProto::INT32:
    return integer(32);
  case onnx::TensorProto::UINT32:
    return integer(32, true);
  case onnx::TensorProto::INT64:
    return integer(64);
  case onnx::TensorProto::UINT64:
    return integer(64, true);
  default:
    return {};
  }
}

std::string onnximport::dataTypeName(int32_t type) {
  switch (type) {
  case onnx::TensorProto::STRING:
    return "STRING";
  case onnx::TensorProto::COMPLEX64:
    return "COMPLEX64";
  case onnx::TensorProto::COMPLEX128:
    return "COMPLEX128";
  default:
    return "element type " + std::to_string(type);
  }
}

std::optional<SmallVector<Value>> onnximport::sequenceElements(Value value) {
  auto cast = value ? value.getDefiningOp<UnrealizedConversionCastOp>() : nullptr;
  if (!cast || !isa<TupleType>(value.getType()))
    return std::nullopt;
  return SmallVector<Value>(cast.getInputs());
}

Value onnximport::makeSequence(GraphBuilder &b, ArrayRef<Value> elements) {
  if (llvm::is_contained(elements, Value()))
    return {};
  SmallVector<Type> types(ValueRange(elements).getTypes());
  Type tuple = TupleType::get(b.context(), types);
  return UnrealizedConversionCastOp::create(b.ops(), b.loc(), tuple, elements).getResult(0);
}

OnnxNode::OnnxNode(NodeHost &host, GraphBuilder &builder, const onnx::NodeProto &proto,
                   std::string name, int64_t version, ArrayRef<Value> inputs,
                   llvm::StringMap<const onnx::AttributeProto *> attributes,
                   UnsupportedOps &collector)
    : b(builder), host(host), proto(proto), nodeName(std::move(name)), opset(version),
      inputs(inputs), attributes(std::move(attributes)), collector(collector),
      outputs(proto.output_size()) {}

StringRef OnnxNode::op() const { return proto.op_type(); }

bool OnnxNode::isUsed(size_t i) const {
  return wants(i) && !host.isUnused(proto.output(static_cast<int>(i)));
}
bool OnnxNode::wants(size_t i) const { return i < outputs.size() && !proto.output(i).empty(); }

//===----------------------------------------------------------------------===//
// inputs
//===----------------------------------------------------------------------===//

Value OnnxNode::in(size_t i) {
  if (Value value = opt(i))
    return value;
  b.error() << op() << " has no input " << i;
  return {};
}

std::optional<Ints> OnnxNode::constantInts(size_t i, StringRef what) {
  Value value = in(i);
  if (!value)
    return std::nullopt;
  if (isList(value)) {
    (void)unsupported(what + " given as a sequence", "expected a constant");
    return std::nullopt;
  }
  if (std::optional<Ints> ints = GraphBuilder::getConstantInts(value))
    return ints;
  (void)unsupportedAtRunTime(what, value);
  return std::nullopt;
}

std::optional<int64_t> OnnxNode::constantInt(size_t i, StringRef what, int64_t otherwise) {
  if (!opt(i))
    return otherwise;
  std::optional<Ints> values = constantInts(i, what);
  if (!values)
    return std::nullopt;
  if (values->size() == 1)
    return values->front();
  (void)error("has a " + what + " of " + Twine(values->size()) + " elements");
  return std::nullopt;
}

std::optional<SmallVector<double>> OnnxNode::constantDoubles(size_t i, StringRef what) {
  Value value = in(i);
  if (!value)
    return std::nullopt;
  if (std::optional<SmallVector<double>> numbers = GraphBuilder::getConstantDoubles(value))
    return numbers;
  (void)unsupportedAtRunTime(what, value);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// attributes
//===----------------------------------------------------------------------===//

const onnx::AttributeProto *OnnxNode::find(StringRef name, int type) {
  understood.insert(name);
  auto found = attributes.find(name);
  if (found == attributes.end())
    return nullptr;
  // Before IR version 2 the type could be left out.
  if (found->second->has_type() && found->second->type() != type) {
    (void)unsupported("attribute " + name + " of another type");
    return nullptr;
  }
  return found->second;
}

int64_t OnnxNode::intAttr(StringRef name, int64_t otherwise) {
  const auto *found = find(name, onnx::AttributeProto::INT);
  return found ? found->i() : otherwise;
}

double OnnxNode::floatAttr(StringRef name, double otherwise) {
  const auto *found = find(name, onnx::AttributeProto::FLOAT);
  return found ? found->f() : otherwise;
}

std::string OnnxNode::stringAttr(StringRef name, StringRef otherwise) {
  const auto *found = find(name, onnx::AttributeProto::STRING);
  return found ? found->s() : otherwise.str();
}

std::optional<Ints> OnnxNode::intsAttr(StringRef name) {
  const auto *found = find(name, onnx::AttributeProto::INTS);
  return found ? std::optional<Ints>(Ints(found->ints().begin(), found->ints().end()))
               : std::nullopt;
}

std::optional<SmallVector<double>> OnnxNode::floatsAttr(StringRef name) {
  const auto *found = find(name, onnx::AttributeProto::FLOATS);
  if (!found)
    return std::nullopt;
  return SmallVector<double>(found->floats().begin(), found->floats().end());
}

std::optional<SmallVector<std::string>> OnnxNode::stringsAttr(StringRef name) {
  const auto *found = find(name, onnx::AttributeProto::STRINGS);
  if (!found)
    return std::nullopt;
  return SmallVector<std::string>(found->strings().begin(), found->strings().end());
}

const onnx::TensorProto *OnnxNode::tensorAttr(StringRef name) {
  const auto *found = find(name, onnx::AttributeProto::TENSOR);
  return found ? &found->t() : nullptr;
}

const onnx::GraphProto *OnnxNode::graphAttr(StringRef name) {
  const auto *found = find(name, onnx::AttributeProto::GRAPH);
  return found ? &found->g() : nullptr;
}

std::vector<std::string> OnnxNode::unknownAttrs() const {
  std::vector<std::string> names;
  for (const auto &attribute : proto.attribute())
    if (attributes.count(attribute.name()) && !understood.contains(attribute.name()) &&
        // A hint of the first operator sets about sharing memory.
        (opset > 5 || attribute.name() != "consumed_inputs"))
      names.push_back(attribute.name());
  return names;
}

//===----------------------------------------------------------------------===//
// results
//===----------------------------------------------------------------------===//

LogicalResult OnnxNode::set(ArrayRef<Value> values) {
  for (auto [index, value] : llvm::enumerate(values))
    if (failed(setOutput(index, value)))
      return failure();
  return success();
}

LogicalResult OnnxNode::setOutput(size_t i, Value value) {
  if (!value)
    return failure();
  if (i < outputs.size())
    outputs[i] = value;
  return success();
}

std::optional<Ints> OnnxNode::knownShape(size_t i, int64_t rank, std::optional<Ints> most) const {
  std::optional<Ints> shape;
  if (wants(i))
    shape = host.declaredShape(proto.output(i));
  if (shape && static_cast<int64_t>(shape->size()) == rank)
    return shape;
  return wants(i) && host.isOnlyReturned(proto.output(i)) ? most : std::nullopt;
}

std::optional<Ints> OnnxNode::declaredShape(size_t i, int64_t rank, std::optional<Ints> most) {
  std::optional<Ints> shape = knownShape(i, rank, std::move(most));
  if (!shape)
    (void)unsupported("whose result's shape depends on its input",
                      "expected the model to declare the shape of its output");
  return shape;
}

bool OnnxNode::attempt(llvm::function_ref<LogicalResult()> build, bool shows) {
  Attempt attempt(b, collector, shows);
  if (succeeded(build())) {
    attempt.keep();
    return true;
  }
  outputs.assign(outputs.size(), {});
  reported = false;
  return false;
}

bool OnnxNode::isOnlyReturned(size_t i) const {
  return wants(i) && host.isOnlyReturned(proto.output(i));
}

LogicalResult OnnxNode::setCounted(size_t i, Value value, int64_t dim, Value count) {
  if (!wants(i))
    return success();
  value = compacted(b, value, dim, count);
  if (!value || failed(host.returnCounted(proto.output(i), dim, count)))
    return failure();
  return setOutput(i, value);
}

LogicalResult OnnxNode::unsupported(const Twine &what, const Twine &reason) {
  if (!reported) {
    std::string kind = proto.domain().empty() ? std::string() : proto.domain() + "::";
    kind += proto.op_type();
    std::string detail = what.str();
    collector.add(detail.empty() ? kind : kind + " (" + detail + ")", nodeName, reason.str());
  }
  reported = true;
  return failure();
}

LogicalResult OnnxNode::unsupportedAtRunTime(const Twine &what, Value value) {
  std::string hint = valueHint(value);
  return unsupported(what + " computed at run time",
                     hint.empty() ? "expected a constant" : "expected a constant; " + hint);
}

LogicalResult OnnxNode::error(const Twine &message) {
  b.error() << op() << " " << message;
  return failure();
}
