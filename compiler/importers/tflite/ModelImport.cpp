// Walks a TFLite model.
#include "compiler/importers/tflite/ModelImport.h"
#include "compiler/importers/common/GivenValues.h"
#include "compiler/importers/common/StoredTensor.h"
#include "compiler/importers/tflite/ReadModel.h"
#include "ir/graph/WeightStore.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

/// `name`, with a number behind it when it was there before.
static std::string unique(std::string name, llvm::StringSet<> &seen) {
  std::string result = name;
  for (int number = 1; !seen.insert(result).second; ++number)
    result = name + "_" + std::to_string(number);
  return result;
}

FailureOr<OwningOpRef<ModuleOp>> ModelImport::run(UnsupportedOps *missing) {
  StringRef file = llvm::sys::path::filename(options.model);
  b.setNode(file);
  Scope main{*model.subgraphs()->Get(0)};
  const tflite::SubGraph &graph = main.graph;
  scope = &main;
  if (failed(readTensors()) || failed(importInputs()) || failed(importOperators()))
    return failure();
  b.setNode(file);
  if (!unsupported.empty() && missing)
    return *missing = std::move(unsupported), failure();
  if (!unsupported.empty())
    return LogicalResult(unsupported.report(UnknownLoc::get(b.context()), options.model));

  FailureOr<SmallVector<Tensor *>> outputs = tensorsOf(graph.outputs(), "the graph", true);
  if (failed(outputs))
    return failure();
  if (outputs->empty() || llvm::is_contained(*outputs, nullptr))
    return b.error() << "the model has no outputs", failure();
  SmallVector<Value> results;
  std::vector<std::string> names;
  llvm::StringSet<> seen;
  const tflite::SignatureDef *signature = mainSignature(model);
  for (auto [tensor, index] : llvm::zip(*outputs, *graph.outputs())) {
    results.push_back(tensor->stored);
    names.push_back(unique(nameOf(graph, index, signature ? signature->outputs() : nullptr), seen));
  }
  updateVariables();
  return b.finish(results, names);
}

LogicalResult ModelImport::importOperators() {
  if (!scope->graph.operators())
    return success();
  for (const tflite::Operator *op : *scope->graph.operators()) {
    if (++nodes > kMaxNodes)
      return b.error() << "the model has more than " << kMaxNodes << " nodes", failure();
    if (failed(importOperator(*op)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// tensors
//===----------------------------------------------------------------------===//

LogicalResult ModelImport::readTensors() {
  const tflite::SubGraph &graph = scope->graph;
  if (!graph.tensors())
    return b.error() << "the model has no tensors", failure();
  for (auto [index, proto] : llvm::enumerate(*graph.tensors())) {
    Tensor &tensor = scope->tensors.emplace_back();
    tensor.proto = proto;
    tensor.name = nameOf(graph, static_cast<int32_t>(index), nullptr);
    tensor.element = elementType(b.context(), proto->type());
    if (failed(readQuantization(tensor)))
      return failure();
  }
  return success();
}

LogicalResult ModelImport::readQuantization(Tensor &tensor) {
  const tflite::QuantizationParameters *by = tensor.proto->quantization();
  // Floats carry the range that was seen in training.
  if (!by || !by->scale() || by->scale()->size() == 0 ||
      !isa_and_nonnull<IntegerType>(tensor.element))
    return success();
  auto fail = [&](const Twine &message) {
    b.error() << "tensor '" << tensor.name << "' " << message.str();
    return failure();
  };
  if (by->details_type() != tflite::QuantizationDetails::NONE)
    return fail("is quantised in a custom form, which is not supported");
  Quantization &q = tensor.quantization;
  size_t count = by->scale()->size();
  if (count > kMaxReadElements)
    return fail("has " + Twine(count) + " scales");
  for (float scale : *by->scale()) {
    if (!std::isfinite(scale) || scale < 0)
      return fail("has a scale that is not a positive number");
    q.scale.push_back(scale);
  }
  // Converters write scale 0 where nothing is quantised.
  if (count == 1 && q.scale[0] == 0) {
    q.scale.clear();
    return success();
  }
  unsigned width = tensor.element.getIntOrFloatBitWidth();
  bool isUnsigned = tensor.element.isUnsignedInteger();
  int64_t low = isUnsigned ? 0 : -(int64_t(1) << (std::min(width, 63u) - 1));
  int64_t high = (int64_t(1) << (std::min(width, 63u) - (isUnsigned ? 0 : 1))) - 1;
  for (size_t i = 0; i < count; ++i) {
    size_t zeros = by->zero_point() ? by->zero_point()->size() : 0;
    if (zeros > 1 && zeros != count)
      return fail("has " + Twine(count) + " scales, but " + Twine(zeros) + " zero points");
    int64_t zero = zeros == 0 ? 0 : by->zero_point()->Get(zeros == 1 ? 0 : i);
    if (zero < low || zero > high)
      return fail("has zero point " + Twine(zero) + ", which its type does not hold");
    q.zeroPoint.push_back(zero);
  }
  q.axis = by->quantized_dimension();
  const flatbuffers::Vector<int32_t> *shape = tensor.proto->shape();
  if (count > 1 && (!shape || q.axis < 0 || q.axis >= static_cast<int64_t>(shape->size()) ||
                    shape->Get(q.axis) != static_cast<int64_t>(count)))
    return fail("has " + Twine(count) + " scales, which do not fit dim " + Twine(q.axis) +
                " of its shape");
  return success();
}

RankedTensorType ModelImport::declaredType(const Tensor &tensor) {
  if (!tensor.element) {
    b.error() << "tensor '" << tensor.name << "' has element type "
              << typeName(tensor.proto->type()) << ", which is not supported";
    return {};
  }
  Ints shape;
  if (tensor.proto->shape())
    shape.assign(tensor.proto->shape()->begin(), tensor.proto->shape()->end());
  return b.tensorType(shape, tensor.element);
}

LogicalResult ModelImport::importConstant(Tensor &tensor, StringRef reader) {
  b.setNode(tensor.name);
  auto fail = [&](const Twine &message) {
    b.error() << "tensor '" << tensor.name << "' " << message.str();
    return failure();
  };
  if (tensor.proto->sparsity())
    return fail("is sparse, which is not supported");
  if (tensor.proto->is_variable()) {
    RankedTensorType type = declaredType(tensor);
    if (!type)
      return failure();
    if (depth > 0)
      return fail("is a variable of a sub-graph that is called, which is not supported");
    Variable &variable = variables[tensor.name];
    // It stands for 0 at first.
    if (int64_t zero = tensor.quantization ? tensor.quantization.zeroPoint.front() : 0) {
      if (!tensor.element.isInteger(8) || tensor.element.isUnsignedInteger())
        return fail("is a variable of " + elementName(tensor.element) +
                    " whose zero point is not 0, which is not supported");
      if (!variable.initial)
        variable.initial = DenseElementsAttr::get(
            type, APInt(8, static_cast<uint64_t>(zero), /*isSigned=*/true, /*implicitTrunc=*/true));
    }
    tensor.stored = readVariable(variable, tensor.name, type);
    return success(tensor.stored != nullptr);
  }
  uint32_t index = tensor.proto->buffer();
  if (!model.buffers() || index >= model.buffers()->size())
    return fail("has its bytes in buffer " + Twine(index) + " of " +
                Twine(model.buffers() ? model.buffers()->size() : 0));
  if (tensor.proto->external_buffer())
    return fail("has its bytes in another file, which is not supported");
  RankedTensorType type = declaredType(tensor);
  if (!type)
    return failure();
  // In the tables, or behind them in a file that is too large for these.
  const tflite::Buffer *buffer = model.buffers()->Get(index);
  StringRef file = weightsOf(b.context()).getSource(source).buffer->getBuffer();
  uint64_t offset = buffer->offset(), have = buffer->size(), want = packedBytes(type);
  if (buffer->data() && buffer->data()->size() != 0) {
    offset = reinterpret_cast<const char *>(buffer->data()->data()) - file.data();
    have = buffer->data()->size();
  } else if (have == 0) {
    if (want != 0)
      return fail("is read by " + reader + ", but no operator before it computes it");
    offset = 0;
  }
  if (offset > file.size() || have > file.size() - offset)
    return fail("has its bytes at " + Twine(offset) + ", beyond the end of the file");
  if (have != want)
    return fail("holds " + Twine(have) + " bytes, but its shape " + shapeName(type.getShape()) +
                " of " + elementName(tensor.element) + " takes " + Twine(want));
  tensor.stored = constantFromFile(b, tensor.name, type, source, offset);
  return success(tensor.stored != nullptr);
}

//===----------------------------------------------------------------------===//
// inputs
//===----------------------------------------------------------------------===//

LogicalResult ModelImport::importInputs() {
  const tflite::SubGraph &graph = scope->graph;
  std::vector<Tensor> &tensors = scope->tensors;
  std::vector<GraphBuilder::Input> inputs;
  GivenDims dims(options);
  GivenValues values(options);
  std::vector<std::optional<Ints>> elements;
  std::vector<OpenDim> unknownValues;
  SmallVector<Tensor *> order;
  llvm::StringSet<> seen;
  const tflite::SignatureDef *signature = mainSignature(model);
  size_t count = graph.inputs() ? graph.inputs()->size() : 0;
  for (size_t i = 0; i < count; ++i) {
    int32_t index = graph.inputs()->Get(i);
    if (index < 0 || static_cast<size_t>(index) >= tensors.size())
      return b.error() << "input " << i << " is tensor " << index << " of " << tensors.size(),
             failure();
    Tensor &tensor = tensors[index];
    if (llvm::is_contained(order, &tensor))
      return b.error() << "tensor '" << tensor.name << "' is an input twice", failure();
    std::string name =
        unique(nameOf(graph, index, signature ? signature->inputs() : nullptr), seen);
    if (!tensor.element)
      return b.error() << "input '" << name << "' has element type "
                       << typeName(tensor.proto->type()) << ", which is not supported",
             failure();
    Ints shape;
    if (tensor.proto->shape())
      shape.assign(tensor.proto->shape()->begin(), tensor.proto->shape()->end());
    const flatbuffers::Vector<int32_t> *open = tensor.proto->shape_signature();
    for (size_t dim = 0; dim < shape.size(); ++dim) {
      bool isOpen =
          shape[dim] == -1 || (open && open->size() == shape.size() && open->Get(dim) < 0);
      if (!isOpen && !dims.opens(name, dim))
        continue;
      std::string called = dims.nameOf(name, dim);
      FailureOr<std::optional<int64_t>> given = dims.take(b, called);
      if (failed(given))
        return failure();
      if (!*given && this->open && this->open->collect)
        this->open->add({called, {}, name, static_cast<int64_t>(dim), {}, {}});
      if (!isOpen && *given && this->open)
        this->open->note(name, dim, shape[dim]);
      // The file's own extent is the default.
      shape[dim] = *given ? **given : std::max<int64_t>(shape[dim], 1);
    }
    RankedTensorType type = b.tensorType(shape, tensor.element);
    if (!type)
      return failure();
    // Extents of 2^31 - 1 stand in files for what their writer did not know.
    if (packedBytes(type) > std::numeric_limits<int32_t>::max())
      return b.error() << "input '" << name << "' of shape " << shapeName(shape) << " takes "
                       << packedBytes(type) << " bytes, expected less than 2 GiB",
             failure();
    FailureOr<std::optional<Ints>> known =
        values.take(b, dims, name, inputs.size(), type, unknownValues);
    if (failed(known))
      return failure();
    elements.push_back(std::move(*known));
    inputs.push_back({name, type});
    order.push_back(&tensor);
  }
  if (failed(dims.checkUsed(b)) || failed(values.finish(b)))
    return failure();
  if (!unknownValues.empty() && this->open && this->open->collect)
    return this->open->dims = std::move(unknownValues), failure();
  ArrayRef<BlockArgument> arguments = b.beginForward(inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    b.setNode(inputs[i].name);
    order[i]->stored =
        elements[i] ? constantInput(b, inputs[i].type, *elements[i]) : Value(arguments[i]);
    if (!order[i]->stored)
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// operators
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Tensor *>> ModelImport::tensorsOf(Indices indices, StringRef what,
                                                        bool areInputs) {
  std::vector<Tensor> &tensors = scope->tensors;
  SmallVector<Tensor *> result;
  for (size_t i = 0; indices && i < indices->size(); ++i) {
    int32_t index = indices->Get(i);
    if (index == -1 && areInputs) {
      result.push_back(nullptr);
      continue;
    }
    if (index < 0 || static_cast<size_t>(index) >= tensors.size())
      return b.error() << what << " names tensor " << index << " of " << tensors.size(), failure();
    Tensor &tensor = tensors[index];
    if (!areInputs && (tensor.stored || tensor.poisoned || !tensor.resource.empty() ||
                       llvm::is_contained(result, &tensor)))
      return b.error() << "tensor '" << tensor.name << "' is computed twice", failure();
    Location loc = b.loc();
    bool isOpen = !tensor.stored && !tensor.poisoned && tensor.resource.empty();
    if (areInputs && isOpen && failed(importConstant(tensor, what)))
      return failure();
    b.setLoc(loc);
    result.push_back(&tensor);
  }
  while (!result.empty() && !result.back())
    result.pop_back();
  return result;
}

LogicalResult ModelImport::importOperator(const tflite::Operator &op) {
  uint32_t code = op.opcode_index();
  if (!model.operator_codes() || code >= model.operator_codes()->size())
    return b.error() << "an operator has code " << code << " of "
                     << (model.operator_codes() ? model.operator_codes()->size() : 0),
           failure();
  std::string kind = operatorName(*model.operator_codes()->Get(code));
  FailureOr<SmallVector<Tensor *>> outputs = tensorsOf(op.outputs(), kind, false);
  if (failed(outputs))
    return failure();
  // TFLite's operators have no names; tools show them by their first result.
  std::string name = outputs->empty() ? kind : outputs->front()->name;
  b.setNode(name);

  auto poison = [&] {
    for (Tensor *output : *outputs)
      output->poisoned = true;
    return success();
  };
  Op builtin = operatorOf(*model.operator_codes()->Get(code));
  Converter converter = table.find(builtin);
  if (!converter && !isControl(builtin)) {
    unsupported.add(kind, name);
    return poison();
  }
  FailureOr<SmallVector<Tensor *>> inputs = tensorsOf(op.inputs(), kind, true);
  if (failed(inputs))
    return failure();
  if (llvm::any_of(*inputs, [](Tensor *input) { return input && input->poisoned; }))
    return poison();
  SmallVector<const Tensor *> reads(inputs->begin(), inputs->end()),
      writes(outputs->begin(), outputs->end()), holds;
  for (size_t i = 0; op.intermediates() && i < op.intermediates()->size(); ++i) {
    auto index = static_cast<uint32_t>(op.intermediates()->Get(i));
    holds.push_back(index < scope->tensors.size() ? &scope->tensors[index] : nullptr);
  }
  TfliteNode node(b, op, kind, name, reads, writes, holds, unsupported);
  for (const Tensor *output : writes)
    if (!output->element && output->proto->type() != tflite::TensorType::RESOURCE) {
      (void)node.unsupported(typeName(output->proto->type()));
      return poison();
    }
  LogicalResult result = converter ? converter(node) : importControl(node, *inputs, *outputs);
  if (node.isUnsupported())
    return poison();
  if (failed(result))
    return failure();
  for (auto [index, value] : node.states()) {
    Tensor &tensor = *(*inputs)[index];
    auto found = variables.find(tensor.name);
    if (found == variables.end() || !tensor.proto->is_variable() || found->second.value == nullptr)
      return b.error() << kind << " changes '" << tensor.name << "', which is not a variable",
             failure();
    found->second.value = tensor.stored = value;
    found->second.isChanged = true;
  }
  for (auto [output, value] : llvm::zip(*outputs, node.results())) {
    if (!value && !output->resource.empty())
      continue;
    // What a branch that is reported already would have given.
    if (!value && converter == nullptr && !unsupported.empty()) {
      output->poisoned = true;
      continue;
    }
    if (!value)
      return b.error() << kind << " gives no output '" << output->name << "'", failure();
    output->stored = value;
  }
  return success();
}
