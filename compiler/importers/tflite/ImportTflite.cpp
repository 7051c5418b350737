// Opens a TFLite file and hands it to ModelImport; describes one for `ingot inspect`.
#include "compiler/importers/tflite/ImportTflite.h"
#include "compiler/importers/tflite/ModelImport.h"
#include "compiler/importers/tflite/ReadModel.h"
#include "ir/graph/MapFile.h"
#include "ir/graph/WeightStore.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

bool ingot::isTfliteModel(StringRef bytes) { return bytes.substr(4, 4) == "TFL3"; }

FailureOr<OwningOpRef<ModuleOp>> ingot::importTflite(MLIRContext &context, const Options &options,
                                                     UnsupportedOps *missing, OpenDims *open) {
  Location loc = UnknownLoc::get(&context);
  context.loadDialect<IngotDialect>();
  WeightStore &store = weightsOf(&context);
  llvm::Expected<int64_t> source = store.addFile(options.model);
  if (!source)
    return emitError(loc) << llvm::toString(source.takeError()), failure();
  llvm::Expected<const tflite::Model *> model =
      readModel(store.getSource(*source).buffer->getBuffer());
  if (!model)
    return emitError(loc) << options.model
                          << " is not a valid TFLite model: " << llvm::toString(model.takeError()),
           failure();
  return ModelImport(&context, options, **model, *source, open).run(missing);
}

static std::vector<ModelDescription::Tensor>
describe(const tflite::SubGraph &graph, const flatbuffers::Vector<int32_t> *indices,
         const flatbuffers::Vector<flatbuffers::Offset<tflite::TensorMap>> *signature) {
  std::vector<ModelDescription::Tensor> result;
  for (size_t i = 0; indices && i < indices->size(); ++i) {
    int32_t index = indices->Get(i);
    ModelDescription::Tensor &tensor = result.emplace_back();
    tensor.name = nameOf(graph, index, signature);
    if (index < 0 || !graph.tensors() || static_cast<size_t>(index) >= graph.tensors()->size())
      continue;
    const tflite::Tensor &proto = *graph.tensors()->Get(index);
    tensor.type = typeName(proto.type());
    size_t rank = proto.shape() ? proto.shape()->size() : 0;
    const flatbuffers::Vector<int32_t> *open = proto.shape_signature();
    for (size_t dim = 0; dim < rank; ++dim) {
      if (proto.shape()->Get(dim) == -1 || (open && open->size() == rank && open->Get(dim) < 0))
        tensor.dims.emplace_back(tensor.name + ".dim" + std::to_string(dim));
      else
        tensor.dims.emplace_back(proto.shape()->Get(dim));
    }
  }
  return result;
}

llvm::Expected<ModelDescription> ingot::describeTflite(llvm::StringRef path) {
  auto buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  llvm::Expected<const tflite::Model *> model = readModel((*buffer)->getBuffer());
  if (!model)
    return llvm::createStringError(
        "'" + path + "' is not a valid TFLite model: " + llvm::toString(model.takeError()));
  const tflite::SubGraph &graph = *(*model)->subgraphs()->Get(0);
  const tflite::SignatureDef *signature = mainSignature(**model);
  ModelDescription description;
  description.format = "TFLite, version " + std::to_string((*model)->version());
  description.inputs = describe(graph, graph.inputs(), signature ? signature->inputs() : nullptr);
  description.outputs =
      describe(graph, graph.outputs(), signature ? signature->outputs() : nullptr);
  if (graph.operators() && (*model)->operator_codes())
    for (const tflite::Operator *op : *graph.operators())
      if (op->opcode_index() < (*model)->operator_codes()->size())
        ++description.operators[operatorName(*(*model)->operator_codes()->Get(op->opcode_index()))];
  return description;
}
