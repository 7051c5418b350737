// Checks the tables of a TFLite file.
#include "compiler/importers/tflite/ReadModel.h"
#include "compiler/importers/common/Limits.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace ingot;
using namespace ingot::tfliteimport;

Expected<const tflite::Model *> tfliteimport::readModel(StringRef file) {
  // Offsets are signed 32-bit numbers; buffers that lie behind are found by their own fields.
  size_t size = std::min<size_t>(file.size(), FLATBUFFERS_MAX_BUFFER_SIZE - 1);
  auto data = reinterpret_cast<const uint8_t *>(file.data());
  if (size < 8 || !tflite::ModelBufferHasIdentifier(data))
    return createStringError("it does not begin with the identifier TFL3");
  // A node takes about four tables, a tensor three.
  flatbuffers::Verifier verifier(data, size, kMaxDepth, 16 * kMaxNodes);
  if (!tflite::VerifyModelBuffer(verifier))
    return createStringError("its tables are cut off, point outside the file or are too many");
  const tflite::Model *model = tflite::GetModel(data);
  if (model->version() != 3)
    return createStringError("its version is " + Twine(model->version()) + ", expected 3");
  if (!model->subgraphs() || model->subgraphs()->size() == 0)
    return createStringError("it has no sub-graph");
  return model;
}

tflite::BuiltinOperator tfliteimport::operatorOf(const tflite::OperatorCode &code) {
  auto narrow = static_cast<tflite::BuiltinOperator>(code.deprecated_builtin_code());
  return std::max(narrow, code.builtin_code());
}

std::string tfliteimport::operatorName(const tflite::OperatorCode &code) {
  tflite::BuiltinOperator op = operatorOf(code);
  if (op == tflite::BuiltinOperator::CUSTOM)
    return ("CUSTOM (" + text(code.custom_code()) + ")").str();
  std::string name = tflite::EnumNameBuiltinOperator(op);
  return name.empty() ? "operator " + itostr(static_cast<int32_t>(op)) : name;
}

std::string tfliteimport::typeName(tflite::TensorType type) {
  std::string name = StringRef(tflite::EnumNameTensorType(type)).lower();
  if (name.empty())
    return "type " + itostr(static_cast<int>(type));
  for (auto [prefix, letter] : {std::pair("float", "f"), {"uint", "u"}, {"int", "i"}})
    if (StringRef(name).starts_with(prefix))
      return letter + name.substr(StringRef(prefix).size());
  return name == "bfloat16" ? "bf16" : name;
}

const tflite::SignatureDef *tfliteimport::mainSignature(const tflite::Model &model) {
  if (model.signature_defs())
    for (const tflite::SignatureDef *signature : *model.signature_defs())
      if (signature->subgraph_index() == 0)
        return signature;
  return nullptr;
}

std::string
tfliteimport::nameOf(const tflite::SubGraph &graph, int32_t index,
                     const flatbuffers::Vector<flatbuffers::Offset<tflite::TensorMap>> *signature) {
  if (signature)
    for (const tflite::TensorMap *entry : *signature)
      if (static_cast<int64_t>(entry->tensor_index()) == index && !text(entry->name()).empty())
        return text(entry->name()).str();
  if (index < 0 || !graph.tensors() || static_cast<size_t>(index) >= graph.tensors()->size())
    return "?";
  StringRef name = text(graph.tensors()->Get(index)->name());
  return name.empty() ? "tensor" + itostr(index) : name.str();
}
