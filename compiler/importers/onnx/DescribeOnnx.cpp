// The signature and the operators of an ONNX model, for `ingot inspect`.
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/onnx/StripBlobs.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include "ir/graph/MapFile.h"
#include <set>

using namespace ingot;

/// The element type's short name, or its number when it has none here.
static std::string typeName(int32_t type) {
  static const std::map<int32_t, std::string> names = {
      {1, "f32"},  {2, "u8"},   {3, "i8"},   {4, "u16"},  {5, "i16"},  {6, "i32"},   {7, "i64"},
      {9, "bool"}, {10, "f16"}, {11, "f64"}, {12, "u32"}, {13, "u64"}, {16, "bf16"}, {8, "string"}};
  auto found = names.find(type);
  return found == names.end() ? "type " + std::to_string(type) : found->second;
}

static ModelDescription::Tensor describe(const onnx::ValueInfoProto &value) {
  ModelDescription::Tensor tensor;
  tensor.name = value.name();
  if (!value.type().has_tensor_type()) {
    tensor.type = "no tensor";
    return tensor;
  }
  const auto &type = value.type().tensor_type();
  tensor.type = typeName(type.elem_type());
  int index = 0;
  for (const auto &dim : type.shape().dim()) {
    if (dim.has_dim_value())
      tensor.dims.emplace_back(dim.dim_value());
    else
      tensor.dims.emplace_back(dim.dim_param().empty()
                                   ? value.name() + ".dim" + std::to_string(index)
                                   : dim.dim_param());
    ++index;
  }
  return tensor;
}

/// Counts the operators of `graph` and of the graphs in its nodes' attributes. Depth is bounded by
/// stripBlobs.
static void count(const onnx::GraphProto &graph, std::map<std::string, unsigned> &operators) {
  for (const onnx::NodeProto &node : graph.node()) {
    std::string name = node.op_type();
    if (!node.domain().empty() && node.domain() != "ai.onnx")
      name = node.domain() + "::" + name;
    ++operators[name];
    for (const onnx::AttributeProto &attribute : node.attribute())
      if (attribute.has_g())
        count(attribute.g(), operators);
  }
}

llvm::Expected<ModelDescription> ingot::describeOnnx(llvm::StringRef path) {
  auto buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  llvm::Expected<std::string> stripped = onnximport::stripBlobs((*buffer)->getBuffer());
  if (!stripped)
    return llvm::createStringError(
        "'" + path + "' is not a valid ONNX model: " + llvm::toString(stripped.takeError()));
  onnx::ModelProto model;
  if (!model.ParseFromArray(stripped->data(), static_cast<int>(stripped->size())) ||
      !model.has_graph())
    return llvm::createStringError("'" + path + "' is not a valid ONNX model");
  ModelDescription description;
  description.format = "ONNX";
  for (const auto &set : model.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx")
      description.format += ", opset " + std::to_string(set.version());
  std::set<std::string> initializers;
  for (const auto &initializer : model.graph().initializer())
    initializers.insert(initializer.name());
  for (const auto &input : model.graph().input())
    if (!initializers.count(input.name()))
      description.inputs.push_back(describe(input));
  for (const auto &output : model.graph().output())
    description.outputs.push_back(describe(output));
  count(model.graph(), description.operators);
  return description;
}
