// Access to a node's arguments and results.
#include "compiler/importers/pt2/Importer.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

OpTable::OpTable() {
  addElementwiseOps(*this);
  addViewOps(*this);
  addShapeOps(*this);
  addIndexOps(*this);
  addCreationOps(*this);
  addReductionOps(*this);
  addContractionOps(*this);
  addNormalizationOps(*this);
  addPoolingOps(*this);
  addRecurrentOps(*this);
  addQuantizationOps(*this);
  addTorchaoOps(*this);
  addMathOps(*this);
  addLossOps(*this);
  addMatrixOps(*this);
  addSamplingOps(*this);
  addComplexOps(*this);
  addSpectralOps(*this);
}

Node::Node(Importer &importer, Scope &scope, const Json &json)
    : b(importer.b), importer(importer), scope(scope), json(json) {
  StringRef target = asText(field(&json, "target")).value_or("");
  if (target.empty()) {
    error() << "a node has no target";
    failed = true;
  }
  // Edge programs spell the same operators with another prefix, and views as copies.
  bool edge = target.consume_front("executorch.exir.dialects.edge._ops.") ||
              target.consume_front("executorch.exir.dialects.edge.ops.");
  target.consume_front("torch.ops.");
  target.consume_front("aten.");
  op = target.str();
  if (auto [base, overload] = target.split('.');
      edge && base.ends_with("_copy") && base != "_to_copy")
    op = (base.drop_back(strlen("_copy")) + "." + overload).str();
  forEachElement(field(&json, "outputs"), [&](const Json *output) {
    Tagged value = asUnion(output);
    if (value.tag == "as_tensor")
      outputs.push_back(asText(field(value.value, "name")).value_or(""));
    else if (value.tag == "as_tensors")
      forEachElement(value.value, [&](const Json *item) {
        outputs.push_back(asText(field(item, "name")).value_or(""));
      });
    else
      outputs.push_back("");
  });
  produced.resize(outputs.size());
}

Tagged Node::argument(StringRef name) const {
  Tagged result;
  forEachElement(field(&json, "inputs"), [&](const Json *input) {
    if (!result.value && asText(field(input, "name")) == name)
      result = asUnion(field(input, "arg"));
  });
  if (result.tag == "as_none")
    return {};
  if (result.tag == "as_optional_tensor")
    return asUnion(result.value);
  return result;
}

Value Node::wrong(StringRef name, StringRef expected) {
  if (!failed)
    error() << "argument '" << name << "' of " << op << " is missing or no " << expected;
  failed = true;
  return {};
}

Tensor *Node::find(StringRef name) {
  auto found = scope.tensors.find(name);
  if (found == scope.tensors.end()) {
    if (!failed)
      error() << op << " reads value '" << name << "' before it is computed";
    failed = true;
    return nullptr;
  }
  if (!found->second.storage) {
    if (!failed)
      error() << importer.problems.lookup(name);
    failed = true;
    return nullptr;
  }
  return &found->second;
}

std::optional<Number> Node::numberOf(Tagged value) {
  if (auto integer = asInteger(value.value))
    return Number{true, *integer, 0};
  if (auto truth = asBool(value.value))
    return Number{true, *truth, 0};
  if (auto real = asNumber(value.value))
    return Number{false, 0, *real};
  if (!value.tag.starts_with("as_sym_"))
    return std::nullopt;
  // {as_name: …} or {as_int: …}
  Tagged inner = asUnion(value.value);
  if (inner.tag == "as_name") {
    auto number = importer.symbolic(scope, asText(inner.value).value_or(""));
    failed |= !number;
    return number;
  }
  return inner.value && !inner.tag.starts_with("as_sym_") ? numberOf(inner) : std::nullopt;
}

Value Node::autocast(Value value) {
  if (!importer.autocast || !value || !b.isFloat(value) || outputs.empty() || outputs[0].empty())
    return value;
  Type wanted = element();
  return wanted && llvm::isa<FloatType>(wanted) ? b.cast(value, wanted) : value;
}

Value Node::tensor(StringRef name) {
  Tagged value = argument(name);
  if (value.tag == "as_tensor") {
    StringRef reference = asText(field(value.value, "name")).value_or("");
    // A mixed list or a tensor's place may name a symbolic number.
    if (!scope.tensors.contains(reference) && importer.symbolicOutput(scope, reference)) {
      auto number = importer.symbolic(scope, reference);
      failed |= !number;
      return number ? b.scalar(b.ops().getI64Type(), number->asReal()) : Value();
    }
    Tensor *tensor = find(reference);
    Value result = tensor ? autocast(importer.read(*tensor)) : Value();
    failed |= !result;
    return result;
  }
  if (auto number = numberOf(value)) {
    Type type = value.tag == "as_bool" ? Type(b.ops().getI1Type())
                : number->isInteger    ? Type(b.ops().getI64Type())
                                       : Type(b.ops().getF32Type());
    if (number->isInteger && value.tag != "as_bool") { // exact
      std::vector<char> bytes(8);
      memcpy(bytes.data(), &number->integer, 8);
      return b.constant(RankedTensorType::get({}, type), std::move(bytes));
    }
    return b.scalar(type, number->asReal());
  }
  return wrong(name, "tensor");
}

Value Node::optional(StringRef name) { return has(name) ? tensor(name) : Value(); }

SmallVector<Value> Node::tensors(StringRef name) {
  SmallVector<Value> result;
  Tagged value = argument(name);
  if (value.tag != "as_tensors" && value.tag != "as_optional_tensors") {
    wrong(name, "list of tensors");
    return result;
  }
  forEachElement(value.value, [&](const Json *item) {
    // {name} or {as_tensor: {name}} or {as_none: true}
    auto reference = asText(field(item, "name"));
    if (!reference) {
      Tagged inner = asUnion(item);
      reference = inner.tag == "as_tensor" ? asText(field(inner.value, "name")) : std::nullopt;
      if (inner.tag == "as_tensor" && !reference)
        reference = asText(inner.value);
    }
    if (!reference) {
      result.push_back({});
      return;
    }
    Tensor *tensor = find(*reference);
    Value read = tensor ? autocast(importer.read(*tensor)) : Value();
    failed |= !read;
    result.push_back(read);
  });
  return result;
}

int64_t Node::integer(StringRef name, std::optional<int64_t> missing) {
  Tagged value = argument(name);
  if (!value.value && missing)
    return *missing;
  auto number = numberOf(value);
  if (!number || !number->isInteger) {
    wrong(name, "integer");
    return 0;
  }
  return number->integer;
}

std::optional<int64_t> Node::optionalInteger(StringRef name) {
  return has(name) ? std::optional<int64_t>(integer(name)) : std::nullopt;
}

Ints Node::ints(StringRef name, std::optional<Ints> missing) {
  Tagged value = argument(name);
  if (!value.value && missing)
    return *missing;
  Ints result;
  if (auto number =
          value.tag == "as_int" || value.tag == "as_sym_int" ? numberOf(value) : std::nullopt) {
    result.push_back(number->integer); // a bare number stands for a list of one
    return result;
  }
  if (!value.value || !value.value->isArray() ||
      (int64_t)value.value->items.size() > kMaxReadElements) {
    wrong(name, "list of integers");
    return result;
  }
  for (const Json &item : value.value->items) {
    auto number = item.isObject() ? numberOf({"as_sym_int", &item}) : numberOf({"as_int", &item});
    if (auto reference =
            asText(field(&item, "name"))) // a list of values that names symbolic numbers
      number = importer.symbolic(scope, *reference);
    if (!number || !number->isInteger) {
      wrong(name, "list of integers");
      return {};
    }
    result.push_back(number->integer);
  }
  return result;
}

double Node::number(StringRef name, std::optional<double> missing) {
  Tagged value = argument(name);
  if (!value.value && missing)
    return *missing;
  if (auto number = numberOf(value))
    return number->asReal();
  // A rank-0 constant may stand for a scalar.
  if (value.tag == "as_tensor")
    if (auto constant = GraphBuilder::getConstantScalar(tensor(name)))
      return *constant;
  wrong(name, "number");
  return 0;
}

SmallVector<double> Node::numbers(StringRef name) {
  SmallVector<double> result;
  Tagged value = argument(name);
  forEachElement(value.value, [&](const Json *item) {
    auto number =
        item->isObject() ? numberOf({"as_sym_float", item}) : numberOf({"as_float", item});
    if (number)
      result.push_back(number->asReal());
    else
      wrong(name, "list of numbers");
  });
  return result;
}

bool Node::flag(StringRef name, bool missing) {
  Tagged value = argument(name);
  if (!value.value)
    return missing;
  auto number = numberOf(value);
  if (!number)
    wrong(name, "boolean");
  return number && number->asReal() != 0;
}

std::string Node::text(StringRef name, StringRef missing) {
  Tagged value = argument(name);
  if (!value.value)
    return missing.str();
  auto result = asText(value.value);
  if (!result)
    wrong(name, "text");
  return result.value_or("").str();
}

Type Node::dtype(StringRef name) {
  Tagged value = argument(name);
  if (!value.value)
    return {};
  auto number = asInteger(value.value);
  Type type = number ? scalarType(b.context(), *number) : Type();
  if (!type)
    wrong(name, "scalar type that is supported");
  return type;
}

bool Node::isNumber(StringRef name) const {
  StringRef tag = argument(name).tag;
  return tag == "as_int" || tag == "as_float" || tag == "as_bool" || tag == "as_sym_int" ||
         tag == "as_sym_float" || tag == "as_sym_bool";
}
bool Node::isFloatNumber(StringRef name) const {
  StringRef tag = argument(name).tag;
  return tag == "as_float" || tag == "as_sym_float";
}
bool Node::isBoolNumber(StringRef name) const {
  StringRef tag = argument(name).tag;
  return tag == "as_bool" || tag == "as_sym_bool";
}

bool Node::isComplex(StringRef name) {
  auto found = scope.tensors.find(asText(field(argument(name).value, "name")).value_or(""));
  return found != scope.tensors.end() && found->second.isComplex;
}

bool Node::hasComplex() {
  bool any = llvm::any_of(
      outputs, [&](StringRef name) { return !name.empty() && importer.isComplex(scope, name); });
  auto look = [&](const Json *reference) {
    auto found = scope.tensors.find(asText(field(reference, "name")).value_or(""));
    any |= found != scope.tensors.end() && found->second.isComplex;
  };
  forEachElement(field(&json, "inputs"), [&](const Json *input) {
    Tagged value = asUnion(field(input, "arg"));
    if (value.tag == "as_tensor")
      look(value.value);
    else if (value.tag == "as_tensors")
      forEachElement(value.value, look);
  });
  return any;
}

RankedTensorType Node::type(unsigned result) {
  if (result >= outputs.size() || outputs[result].empty()) {
    if (!failed)
      error() << op << " has no result " << result;
    failed = true;
    return {};
  }
  RankedTensorType recorded = importer.recordedType(scope, outputs[result]);
  failed |= !recorded;
  return recorded;
}

void Node::result(Value value, unsigned index) {
  if (!value)
    failed = failed || !isUnsupported;
  else if (index < produced.size())
    produced[index] = importer.fresh(value);
}

void Node::results(ArrayRef<Value> values) {
  for (auto [index, value] : llvm::enumerate(values))
    result(value, index);
}

void Node::alias(StringRef base, unsigned index) {
  if (argument(base).tag != "as_tensor")
    return result(tensor(base), index);
  Tensor *tensor = find(asText(field(argument(base).value, "name")).value_or(""));
  if (tensor && index < produced.size())
    produced[index] = *tensor;
}

void Node::part(StringRef whole, StringRef attribute, unsigned index) {
  StringRef name = asText(field(argument(whole).value, "name")).value_or("");
  auto found = scope.tensors.find(name);
  const StoredTensor *stored = found == scope.tensors.end() ? nullptr : found->second.subclass;
  ArrayRef<StoredTensor> parts = stored ? ArrayRef(stored->parts) : ArrayRef<StoredTensor>();
  const StoredTensor *inner =
      llvm::find_if(parts, [&](const StoredTensor &part) { return part.attribute == attribute; });
  if (inner == parts.end() || index >= produced.size()) {
    if (!failed)
      error() << "'" << name << "' has no tensor '" << attribute << "'";
    failed = true;
    return;
  }
  FailureOr<Tensor> tensor = importer.storedTensor(*inner, (name + "." + attribute).str());
  failed |= mlir::failed(tensor);
  if (failed)
    return;
  if (!tensor->storage && !tensor->subclass) {
    error() << "'" << name << "." << attribute << "' " << inner->problem;
    failed = true;
    return;
  }
  produced[index] = *tensor;
}

void Node::view(StringRef base, ViewStep step, unsigned index) {
  Tensor *tensor = find(asText(field(argument(base).value, "name")).value_or(""));
  Value from = tensor ? importer.read(*tensor) : Value();
  Value value = from ? step.apply(b, from) : Value();
  if (!value || index >= produced.size()) {
    failed = true;
    return;
  }
  Tensor viewed = *tensor;
  viewed.views.push_back(std::move(step));
  viewed.cached = value;
  viewed.version = tensor->storage->version;
  produced[index] = std::move(viewed);
}

std::optional<Ints> Node::strides(StringRef name) {
  StringRef reference = asText(field(argument(name).value, "name")).value_or("");
  const Json *meta = field(field(scope.graph, "tensor_values"), reference);
  const Json *list = field(meta, "strides");
  if (!list || !list->isArray())
    return std::nullopt;
  Ints result;
  for (const Json &stride : list->items) {
    auto value = importer.size(&stride);
    if (!value)
      return std::nullopt;
    result.push_back(*value);
  }
  return result;
}

bool Node::isContiguous(StringRef name) {
  Value value = tensor(name);
  auto recorded = strides(name);
  if (!value || !recorded || recorded->size() != b.shape(value).size())
    return false;
  int64_t expected = 1;
  for (size_t i = recorded->size(); i-- > 0;) {
    int64_t extent = b.shape(value)[i];
    if (extent == 0)
      return true;
    if (extent != 1 && (*recorded)[i] != expected)
      return false;
    expected *= extent;
  }
  return true;
}

bool Node::canView(StringRef name, ArrayRef<int64_t> shape) {
  Value value = tensor(name);
  auto recorded = strides(name);
  if (!value || !recorded || recorded->size() != b.shape(value).size())
    return false;
  // Runs of dims that lie in memory as one; each must be split by whole dims of the new shape.
  ArrayRef<int64_t> old = b.shape(value);
  if (llvm::is_contained(old, 0) || old.empty())
    return true;
  int64_t view = (int64_t)shape.size() - 1, chunkStride = recorded->back(), inChunk = 1, inView = 1;
  for (int64_t dim = (int64_t)old.size() - 1; dim >= 0; --dim) {
    inChunk *= old[dim];
    bool ends = dim == 0 || (old[dim - 1] != 1 && (*recorded)[dim - 1] != inChunk * chunkStride);
    if (!ends)
      continue;
    while (view >= 0 && (inView < inChunk || shape[view] == 1))
      inView *= shape[view--];
    if (inView != inChunk)
      return false;
    if (dim > 0) {
      chunkStride = (*recorded)[dim - 1];
      inChunk = inView = 1;
    }
  }
  return view == -1;
}

void Node::unsupported(StringRef reason, StringRef detail) {
  if (isUnsupported || failed)
    return;
  isUnsupported = true;
  std::string kind = "aten." + op;
  if (StringRef(op).contains('.') &&
      (StringRef(op).split('.').second.contains('.') || StringRef(op).starts_with("higher_order")))
    kind = op; // of another namespace
  if (!detail.empty())
    kind += (" (" + detail + ")").str();
  std::string name = importer.layerName(json);
  importer.unsupported.add(kind, name, reason);
}

} // namespace ingot::pt2
