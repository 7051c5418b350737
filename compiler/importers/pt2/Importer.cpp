// The importer's main line: nodes, results, and the storage that tensors share.
#include "compiler/importers/pt2/Importer.h"

#include "ir/graph/WeightStore.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

//===----------------------------------------------------------------------===//
// storage
//===----------------------------------------------------------------------===//

Tensor Importer::fresh(Value value) {
  auto storage = std::make_shared<Storage>();
  storage->value = value;
  return {storage, {}, value, 0};
}

Value Importer::read(Tensor &tensor) {
  if (!tensor.storage)
    return {};
  if (tensor.cached && tensor.version == tensor.storage->version)
    return tensor.cached;
  Value value = tensor.storage->value;
  for (const ViewStep &step : tensor.views)
    if (value)
      value = step.apply(b, value);
  tensor.cached = value;
  tensor.version = tensor.storage->version;
  return value;
}

LogicalResult Importer::write(Tensor &tensor, Value value) {
  Value old = read(tensor);
  if (!old || !value)
    return failure();
  Storage &storage = *tensor.storage;
  value = b.broadcast(b.cast(value, b.element(old)), b.shape(old));
  // The values along the chain, to put the parts back from the last view to the storage.
  SmallVector<Value> bases{storage.value};
  for (const ViewStep &step : tensor.views)
    bases.push_back(step.apply(b, bases.back()));
  Value part = value;
  for (size_t i = tensor.views.size(); i-- > 0 && part;) {
    if (!tensor.views[i].put)
      return b.error() << "writing in place to a view of this kind is not supported";
    part = tensor.views[i].put(b, bases[i], part);
  }
  if (!part)
    return failure();
  storage.value = part;
  ++storage.version;
  tensor.cached = value;
  tensor.version = storage.version;
  if (!storage.record.empty())
    mutated->insert(storage.record);
  if (storage.isInput && storage.version == 1)
    mlir::emitWarning(b.loc())
        << "an input is changed in place here; its new value is not returned";
  return success();
}

//===----------------------------------------------------------------------===//
// symbols and types
//===----------------------------------------------------------------------===//

std::optional<int64_t> Importer::size(const Json *symInt) {
  Tagged value = asUnion(symInt);
  if (auto direct = asInteger(symInt))
    return direct;
  if (value.tag == "as_int")
    return asInteger(value.value);
  auto text = asText(field(value.value, "expr_str"));
  if (!text) {
    b.error() << "a size of this node is malformed";
    return std::nullopt;
  }
  std::string unknown;
  auto number = evaluateExpression(*text, symbols, &unknown);
  if (number && number->isInteger)
    return number->integer;
  if (number) {
    b.error() << "the size '" << *text << "' is no integer";
  } else if (StringRef(unknown).starts_with("u")) {
    llvm::consumeError(number.takeError());
    b.error() << "its shape depends on the data (size '" << unknown << "'), which is not supported";
  } else {
    b.error() << llvm::toString(number.takeError());
  }
  return std::nullopt;
}

/// What serialised programs call complex64 and complex128.
constexpr int64_t kComplex64 = 10, kComplex128 = 11;

bool Importer::isComplex(const Scope &scope, StringRef name) {
  const Json *meta = field(field(scope.graph, "tensor_values"), name);
  if (const Json *nested = field(meta, "meta")) // schema 1
    meta = nested;
  auto number = asInteger(field(meta, "dtype"));
  return number == kComplex64 || number == kComplex128;
}

RankedTensorType Importer::recordedType(const Scope &scope, StringRef name) {
  const Json *values = field(scope.graph, "tensor_values");
  const Json *meta = field(values, name);
  if (const Json *nested = field(meta, "meta")) // schema 1
    meta = nested;
  auto number = asInteger(field(meta, "dtype"));
  const Json *sizes = field(meta, "sizes");
  if (!number || !sizes || !sizes->isArray()) {
    b.error() << "the file records no type for value '" << name << "'";
    return {};
  }
  bool complex = number == kComplex64 || number == kComplex128;
  Type element = complex ? number == kComplex64 ? Type(b.ops().getF32Type()) : b.ops().getF64Type()
                         : scalarType(b.context(), *number);
  if (!element) {
    b.error() << "value '" << name << "' has scalar type " << *number << ", which is not supported"
              << (*number == 9 ? " (complex numbers of 32 bits)" : "");
    return {};
  }
  Ints shape;
  for (const Json &extent : sizes->items) {
    auto value = size(&extent);
    if (!value)
      return {};
    shape.push_back(*value);
  }
  if (complex)
    shape.push_back(2);
  return b.tensorType(shape, element);
}

std::optional<Number> Importer::symbolic(const Scope &scope, StringRef name) {
  for (const char *tableName : {"sym_int_values", "sym_bool_values", "sym_float_values"}) {
    const Json *entry = field(field(scope.graph, tableName), name);
    if (!entry)
      continue;
    Tagged value = asUnion(entry);
    if (auto integer = asInteger(value.value))
      return Number{true, *integer, 0};
    if (auto truth = asBool(value.value))
      return Number{true, *truth, 0};
    if (auto real = asNumber(value.value))
      return Number{false, 0, *real};
    auto text = value.value && value.value->isText() ? asText(value.value)
                                                     : asText(field(value.value, "expr_str"));
    if (!text)
      break;
    std::string unknown;
    auto number = evaluateExpression(*text, symbols, &unknown);
    if (number)
      return *number;
    if (StringRef(unknown).starts_with("u")) {
      llvm::consumeError(number.takeError());
      b.error() << "the number '" << name << "' depends on the data, which is not supported";
    } else {
      b.error() << llvm::toString(number.takeError());
    }
    return std::nullopt;
  }
  b.error() << "the file records no value for '" << name << "'";
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// nodes
//===----------------------------------------------------------------------===//

std::string Importer::layerName(const Json &node) const {
  StringRef own = asText(field(&node, "name")).value_or("");
  if (own.empty())
    forEachElement(field(&node, "outputs"), [&](const Json *output) {
      if (own.empty())
        own = asText(field(asUnion(output).value, "name")).value_or("");
    });
  StringRef stack = asText(field(field(&node, "metadata"), "nn_module_stack")).value_or("");
  // Items "key,path,type" joined by semicolons; the last is the innermost module.
  StringRef last = stack.rsplit(';').second;
  if (last.empty())
    last = stack;
  auto [key, rest] = last.split(',');
  auto [path, type] = rest.rsplit(',');
  if (path.empty() || path.contains('['))
    return own.str();
  // A layer of the library is one thing to its user; inside others several nodes share a path.
  if (type.starts_with("torch.nn.modules.") && !type.contains(".container."))
    return path.str();
  return (path + "/" + own).str();
}

LogicalResult Importer::importNodes(Scope &scope, unsigned depth) {
  const Json *nodes = field(scope.graph, "nodes");
  if (!nodes || !nodes->isArray())
    return b.error() << "the graph holds no nodes";
  if (depth > kMaxDepth)
    return b.error() << "graphs are nested more than " << kMaxDepth << " deep";
  for (const Json &node : nodes->items) {
    if (++nodeCount > kMaxNodes)
      return b.error() << "the model holds more than " << kMaxNodes << " nodes";
    b.setNode(layerName(node));
    if (failed(importNode(scope, node, depth)))
      return failure();
  }
  return success();
}

/// Nodes that only check, or compute numbers that are evaluated from their expressions where they
/// are used.
static bool isIgnored(StringRef target) {
  static constexpr StringRef kIgnored[] = {"_assert_tensor_metadata.default",
                                           "_assert_scalar.default",
                                           "_assert_async.msg",
                                           "sym_constrain_range.default",
                                           "sym_size.int",
                                           "sym_stride.int",
                                           "sym_constrain_range_for_size.default",
                                           "sym_numel.default",
                                           "sym_storage_offset.default",
                                           "item.default",
                                           "_local_scalar_dense.default"};
  return target.starts_with("_operator.") || target.starts_with("torch.sym_") ||
         target == "math.trunc" || llvm::is_contained(kIgnored, target);
}

LogicalResult Importer::importNode(Scope &scope, const Json &json, unsigned depth) {
  Node node(*this, scope, json);
  StringRef op = node.op;
  if (node.failed)
    return failure();
  if (isIgnored(op))
    return success();
  if (StringRef hop = op; hop.consume_front("higher_order.")) {
    std::optional<LogicalResult> done = importHigherOrder(node, hop, depth);
    if (done)
      return *done;
  } else {
    bool complex = node.hasComplex();
    auto findRow = [&](StringRef name) {
      return complex ? table.findComplex(name) : table.find(name);
    };
    OpTable::Converter converter = findRow(op);
    // `relu_.default` is `relu.default` written to its first argument.
    auto [base, overload] = op.split('.');
    bool inPlace = !converter && base.ends_with("_") && !base.ends_with("__");
    if (inPlace)
      converter = findRow((base.drop_back() + "." + overload).str());
    if (!converter)
      node.unsupported("", complex ? "complex values" : "");
    else
      converter(node);
    if (inPlace && !node.isUnsupported && !node.failed) {
      Tensor *target = nullptr;
      for (StringRef name : {"self", "input"})
        if (!target && node.has(name))
          target = node.find(asText(field(node.argument(name).value, "name")).value_or(""));
      if (!target || node.produced.empty() || !node.produced[0].storage)
        return failure();
      if (failed(write(*target, read(node.produced[0]))))
        return failure();
      node.produced[0] = *target;
    }
  }
  if (node.failed)
    return failure();
  for (auto [index, name] : llvm::enumerate(node.outputs)) {
    if (name.empty())
      continue;
    RankedTensorType expected = recordedType(scope, name);
    if (!expected)
      return failure();
    bool complex = isComplex(scope, name);
    if (node.isUnsupported) { // something of the right type, to go on and find what else is
                              // unsupported
      scope.tensors[name] = fresh(b.splat(expected.getShape(), expected.getElementType(), 0));
      scope.tensors[name].isComplex = complex;
      continue;
    }
    if (!node.produced[index].storage) { // an error if it is read
      scope.tensors[name] = node.produced[index];
      problems[name] = ("result " + Twine(index) + " of " + op + ", which is not supported").str();
      continue;
    }
    Value value = read(node.produced[index]);
    if (!value)
      return failure();
    if (value.getType() != expected)
      return b.error() << "importing " << op << " gives " << elementName(b.element(value))
                       << shapeName(b.shape(value)) << ", but the file records "
                       << elementName(expected.getElementType()) << shapeName(expected.getShape());
    scope.tensors[name] = node.produced[index];
    scope.tensors[name].isComplex = complex;
  }
  return success();
}

bool Importer::symbolicOutput(const Scope &scope, StringRef name) {
  return field(field(scope.graph, "sym_int_values"), name) ||
         field(field(scope.graph, "sym_bool_values"), name) ||
         field(field(scope.graph, "sym_float_values"), name);
}

//===----------------------------------------------------------------------===//
// the whole
//===----------------------------------------------------------------------===//

FailureOr<OwningOpRef<ModuleOp>> Importer::run(std::set<std::string> &records,
                                               UnsupportedOps *missing) {
  mutated = &records;
  b.setNode(llvm::sys::path::filename(options.model));
  const Json *module = field(&package.program(), "graph_module");
  root.graph = field(module, "graph");
  // What a list of state writes names is state from the start.
  forEachElement(field(field(module, "signature"), "output_specs"), [&](const Json *spec) {
    Tagged kind = asUnion(spec);
    bool buffer = kind.tag == "buffer_mutation";
    if (!buffer && kind.tag != "parameter_mutation")
      return;
    auto name = asText(field(kind.value, buffer ? "buffer_name" : "parameter_name"));
    if (const StoredTensor *tensor = name ? package.find(*name, false) : nullptr)
      mutated->insert(tensor->record);
  });
  for (const std::string &name : options.variables)
    if (const StoredTensor *tensor = package.find(name, false))
      mutated->insert(tensor->record);
  if (failed(bindDims()) || failed(bindInputs()) || failed(importNodes(root, 0)))
    return failure();
  b.setNode(llvm::sys::path::filename(options.model));
  if (!unsupported.empty() && missing)
    return *missing = std::move(unsupported), failure();
  if (!unsupported.empty()) {
    (void)unsupported.report(b.loc(), options.model);
    return failure();
  }
  return finish();
}

/// The keys of the program's result when it is a dict (or a dataclass that was registered as one)
/// of plain values.
static std::vector<std::string> resultKeys(const Json &program) {
  std::vector<std::string> keys;
  const Json *calls = field(field(&program, "graph_module"), "module_call_graph");
  if (!calls || !calls->isArray() || calls->items.empty())
    return keys;
  auto text = asText(field(field(&calls->items[0], "signature"), "out_spec"));
  JsonDocument spec, context;
  if (!text)
    return keys;
  if (llvm::Error error = spec.parse(*text)) {
    llvm::consumeError(std::move(error));
    return keys;
  }
  if (!spec.root()->isArray() || spec.root()->items.size() != 2)
    return keys;
  auto contextText = asText(field(&spec.root()->items[1], "context"));
  if (!contextText)
    return keys;
  if (llvm::Error error = context.parse(*contextText)) {
    llvm::consumeError(std::move(error));
    return keys;
  }
  forEachElement(field(&spec.root()->items[1], "children_spec"), [&](const Json *child) {
    if (field(child, "type"))
      keys.push_back(""); // not plain: positions would not fit
  });
  if (!keys.empty())
    return {};
  forEachElement(context.root(),
                 [&](const Json *key) { keys.push_back(asText(key).value_or("").str()); });
  return keys;
}

FailureOr<OwningOpRef<ModuleOp>> Importer::finish() {
  const Json *module = field(&package.program(), "graph_module");
  SmallVector<Tagged> outputs;
  SmallVector<const Json *> specs;
  forEachElement(field(root.graph, "outputs"),
                 [&](const Json *output) { outputs.push_back(asUnion(output)); });
  forEachElement(field(field(module, "signature"), "output_specs"),
                 [&](const Json *spec) { specs.push_back(spec); });
  if (outputs.size() != specs.size())
    return b.error() << "the graph has " << outputs.size() << " outputs, its signature "
                     << specs.size(),
           failure();

  std::vector<std::string> keys = resultKeys(package.program()), names;
  SmallVector<Value> results;
  size_t userOutput = 0;
  for (auto [output, specJson] : llvm::zip(outputs, specs)) {
    Tagged spec = asUnion(specJson);
    auto name = asText(field(output.value, "name"));
    auto found = output.tag == "as_tensor" && name ? root.tensors.find(*name) : root.tensors.end();
    if (spec.tag == "user_output" || spec.tag == "loss_output") {
      std::string key = userOutput < keys.size() ? keys[userOutput] : "";
      ++userOutput;
      if (output.tag == "as_none")
        continue;
      if (found != root.tensors.end() && found->second.isComplex)
        return b.error() << "output '" << *name
                         << "' is complex, which is not supported: return torch.view_as_real(…)",
               failure();
      if (output.tag != "as_tensor")
        return b.error() << "output " << userOutput - 1
                         << " is a number, which is not supported: return a tensor",
               failure();
      Value value = found == root.tensors.end() ? Value() : read(found->second);
      if (!value && name && problems.contains(*name))
        return b.error() << "output '" << *name << "' is " << problems.lookup(*name), failure();
      if (!value)
        return b.error() << "output '" << name.value_or("?") << "' is not computed", failure();
      std::string wanted = key.empty() ? name->str() : key, unique = wanted;
      for (int i = 1; llvm::is_contained(names, unique); ++i)
        unique = wanted + "_" + std::to_string(i);
      names.push_back(unique);
      results.push_back(value);
    } else if (spec.tag == "buffer_mutation" || spec.tag == "parameter_mutation") {
      bool buffer = spec.tag == "buffer_mutation";
      auto target = asText(field(spec.value, buffer ? "buffer_name" : "parameter_name"));
      const StoredTensor *tensor = target ? package.find(*target, false) : nullptr;
      if (!tensor || found == root.tensors.end())
        return b.error() << "the write to '" << target.value_or("?") << "' does not fit the model",
               failure();
      for (auto &[stateName, storage] : states)
        if (storage->record == tensor->record)
          storage->value = read(found->second);
    } else if (spec.tag == "user_input_mutation") {
      mlir::emitWarning(b.loc())
          << "input '" << asText(field(spec.value, "user_input_name")).value_or("?")
          << "' is changed in place by the model; its new value is not returned";
    }
  }
  for (auto &[name, storage] : states) {
    b.setNode(name);
    if (!storage->value)
      return failure();
    auto read = storage->value.getDefiningOp<VariableReadOp>();
    if (!read || read.getVariable() != name)
      VariableUpdateOp::create(b.ops(), b.loc(), name, storage->value);
  }
  return b.finish(results, names);
}

} // namespace ingot::pt2
