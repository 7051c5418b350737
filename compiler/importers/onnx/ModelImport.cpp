// Walks an ONNX model.
#include "compiler/importers/onnx/ModelImport.h"
#include "compiler/importers/common/GivenValues.h"
#include "compiler/importers/onnx/AttributeNames.h"
#include "compiler/importers/onnx/NodeOrder.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using google::protobuf::RepeatedPtrField;

std::optional<Value> ModelImport::Scope::find(StringRef name) const {
  for (const Scope *scope = this; scope; scope = scope->parent)
    if (auto found = scope->values.find(name); found != scope->values.end())
      return found->second;
  return std::nullopt;
}

static StringRef canonicalDomain(StringRef domain) { return domain == "ai.onnx" ? "" : domain; }

FailureOr<OwningOpRef<ModuleOp>> ModelImport::run(UnsupportedOps *missing) {
  b.setNode(llvm::sys::path::filename(options.model));
  if (!model.has_graph())
    return b.error() << "the model has no graph", failure();
  Scope scope;
  scope.opsets = &opsets;
  if (failed(readOpsets(model.opset_import(), opsets)) || failed(readFunctions()))
    return failure();
  // Counted before anything is built: a small file can ask for billions.
  llvm::DenseMap<const onnx::FunctionProto *, int64_t> known;
  if (countNodes(model.graph().node(), known, 0) > kMaxNodes)
    return b.error() << "the model has more than " << kMaxNodes << " nodes", failure();
  if (failed(importInputs(scope)) || failed(importInitializers(model.graph(), scope)) ||
      failed(importNodes(model.graph().node(), scope)))
    return failure();

  b.setNode(llvm::sys::path::filename(options.model));
  if (!unsupported.empty() && missing)
    return *missing = std::move(unsupported), failure();
  if (!unsupported.empty())
    return LogicalResult(unsupported.report(UnknownLoc::get(b.context()), options.model));
  if (model.graph().output().empty())
    return b.error() << "the model has no outputs", failure();
  SmallVector<Value> results;
  std::vector<std::string> names;
  for (const auto &output : model.graph().output()) {
    std::optional<Value> value = scope.find(output.name());
    if (!value)
      return b.error() << "output '" << output.name() << "' is computed by no node", failure();
    if (isList(*value))
      return b.error()
                 << "output '" << output.name()
                 << "' is a sequence or an optional, which is not supported; expected a tensor",
             failure();
    results.push_back(*value);
    names.push_back(output.name());
  }
  counted.finish(b, names);
  return b.finish(results, names);
}

LogicalResult ModelImport::readOpsets(const RepeatedPtrField<onnx::OperatorSetIdProto> &imports,
                                      Opsets &into) {
  for (const auto &import : imports) {
    StringRef domain = canonicalDomain(import.domain());
    if (domain.empty() && (import.version() < kFirstOpset || import.version() > kLastOpset))
      return b.error() << "the model uses ONNX operator set " << import.version() << ", expected "
                       << kFirstOpset << " to " << kLastOpset,
             failure();
    into[domain] = import.version();
  }
  return success();
}

LogicalResult ModelImport::readFunctions() {
  for (const auto &function : model.functions()) {
    std::string key =
        (canonicalDomain(function.domain()) + ":" + function.name() + ":" + function.overload())
            .str();
    if (!functions.try_emplace(key, &function).second)
      return b.error() << "function '" << function.name() << "' is defined twice", failure();
  }
  return success();
}

const onnx::FunctionProto *ModelImport::calledFunction(const onnx::NodeProto &node) const {
  StringRef domain = canonicalDomain(node.domain());
  return functions.lookup((domain + ":" + node.op_type() + ":" + node.overload()).str());
}

int64_t ModelImport::countNodes(const RepeatedPtrField<onnx::NodeProto> &nodes,
                                llvm::DenseMap<const onnx::FunctionProto *, int64_t> &known,
                                int depth) const {
  int64_t total = 0;
  for (const auto &node : nodes) {
    ++total;
    if (depth < kMaxDepth)
      for (const auto &attribute : node.attribute())
        total += countNodes(attribute.g().node(), known, depth + 1);
    if (const onnx::FunctionProto *function = calledFunction(node); function && depth < kMaxDepth) {
      // A function that calls itself counts as nothing here; inlining it runs into kMaxDepth.
      auto [entry, isNew] = known.try_emplace(function, 0);
      if (isNew) {
        int64_t body = countNodes(function->node(), known, depth + 1);
        entry = known.find(function);
        entry->second = body;
      }
      total += entry->second;
    }
    total = std::min(total, kMaxNodes + 1);
  }
  return total;
}

//===----------------------------------------------------------------------===//
// inputs and initializers
//===----------------------------------------------------------------------===//

LogicalResult ModelImport::importInputs(Scope &scope) {
  const onnx::GraphProto &graph = model.graph();
  llvm::StringSet<> constants;
  for (const auto &tensor : graph.initializer())
    constants.insert(tensor.name());
  for (const auto &tensor : graph.sparse_initializer())
    constants.insert(tensor.values().name());

  std::vector<GraphBuilder::Input> inputs;
  std::vector<std::string> problems, hints;
  GivenDims dims(options);
  GivenValues values(options);
  std::vector<std::optional<Ints>> given;
  for (const auto &input : graph.input())
    for (const auto &dim : input.type().tensor_type().shape().dim())
      if (!dim.dim_param().empty())
        dims.declare(dim.dim_param());
  std::vector<OpenDim> unknown, unknownValues;
  for (const auto &input : graph.input()) {
    // Before IR version 4 initializers had to be listed as inputs; later they are defaults, which
    // are kept.
    if (constants.contains(input.name()))
      continue;
    if (!input.type().has_tensor_type())
      return b.error() << "input '" << input.name() << "' is not a tensor, which is not supported",
             failure();
    const auto &tensor = input.type().tensor_type();
    Type element = elementType(b.context(), tensor.elem_type());
    if (!element)
      return b.error() << "input '" << input.name() << "' has element type "
                       << dataTypeName(tensor.elem_type()) << ", which is not supported",
             failure();
    if (!tensor.has_shape())
      return b.error() << "input '" << input.name() << "' has no shape, which is not supported",
             failure();
    Ints shape;
    for (const auto &[index, dim] : llvm::enumerate(tensor.shape().dim())) {
      bool isFixed = dim.has_dim_value() && dim.dim_value() >= 0;
      if (isFixed && !dims.opens(input.name(), index)) {
        shape.push_back(dim.dim_value());
        continue;
      }
      std::string name = dims.nameOf(input.name(), index, dim.dim_param());
      FailureOr<std::optional<int64_t>> given = dims.take(b, name);
      if (failed(given))
        return failure();
      if (*given) {
        shape.push_back(**given);
        if (isFixed && open)
          open->note(input.name(), index, dim.dim_value());
        continue;
      }
      problems.push_back("'" + name + "' (input '" + input.name() + "', dim " +
                         std::to_string(index) + ")");
      for (const std::string &part : dims.namesOf(name))
        if (!llvm::is_contained(hints, part)) {
          hints.push_back(part);
          unknown.push_back({part, {}, input.name(), static_cast<int64_t>(index), {}, {}});
        }
      shape.push_back(1);
    }
    RankedTensorType type = b.tensorType(shape, element);
    if (!type)
      return failure();
    FailureOr<std::optional<Ints>> known =
        values.take(b, dims, input.name(), inputs.size(), type, unknownValues);
    if (failed(known))
      return failure();
    given.push_back(std::move(*known));
    inputs.push_back({input.name(), type});
  }
  if (failed(dims.checkUsed(b)) || failed(values.finish(b)))
    return failure();
  if (!unknownValues.empty() && open && open->collect)
    return open->dims = std::move(unknownValues), failure();
  if (!problems.empty() && open && open->collect)
    return open->dims = std::move(unknown), failure();
  if (!problems.empty()) {
    InFlightDiagnostic diagnostic =
        b.error() << (problems.size() == 1 ? "dim " : "dims ") << llvm::join(problems, ", ")
                  << (problems.size() == 1 ? " has no extent" : " have no extent");
    std::string flags;
    for (const std::string &name : hints)
      flags += " --dim " + name + "=N";
    diagnostic.attachNote() << "hint: compile with" << flags << ", or --dim " << hints.front()
                            << "=LO..HI for a program that takes every size of a range";
    return diagnostic;
  }
  llvm::ArrayRef<BlockArgument> arguments = b.beginForward(inputs);
  for (auto [input, argument, elements] : llvm::zip(inputs, arguments, given)) {
    b.setNode(input.name);
    Value value = elements ? constantInput(b, input.type, *elements) : Value(argument);
    if (!value || failed(define(scope, input.name, value)))
      return failure();
  }
  return success();
}

LogicalResult ModelImport::importInitializers(const onnx::GraphProto &graph, Scope &scope) {
  for (const auto &tensor : graph.initializer()) {
    b.setNode(tensor.name());
    Value value = tensors.import(tensor);
    if (!value || failed(define(scope, tensor.name(), value)))
      return failure();
  }
  for (const auto &tensor : graph.sparse_initializer()) {
    b.setNode(tensor.values().name());
    Value value = tensors.importSparse(tensor);
    if (!value || failed(define(scope, tensor.values().name(), value)))
      return failure();
  }
  return success();
}

LogicalResult ModelImport::define(Scope &scope, StringRef name, Value value) {
  if (scope.values.try_emplace(name, value).second)
    return success();
  return b.error() << "'" << name << "' is computed twice", failure();
}

std::optional<Ints> ModelImport::declaredShape(StringRef value) const {
  if (!current || current->parent || !current->prefix.empty())
    return std::nullopt;
  for (const auto *list : {&model.graph().output(), &model.graph().value_info()})
    for (const auto &info : *list) {
      if (info.name() != value || !info.type().tensor_type().has_shape())
        continue;
      Ints shape;
      for (const auto &dim : info.type().tensor_type().shape().dim()) {
        if (!dim.has_dim_value() || dim.dim_value() < 0)
          return std::nullopt;
        shape.push_back(dim.dim_value());
      }
      return shape;
    }
  return std::nullopt;
}

/// Whether a node of `graph`, or of a graph inside, reads `value`.
static bool isRead(const onnx::GraphProto &graph, StringRef value, int depth = 0) {
  return llvm::any_of(graph.node(), [&](const onnx::NodeProto &node) {
    auto inside = [&](const onnx::AttributeProto &attribute) {
      // What lies deeper is refused elsewhere.
      return depth < 64 &&
             ((attribute.has_g() && isRead(attribute.g(), value, depth + 1)) ||
              llvm::any_of(
                  attribute.graphs(),
                  [&](const onnx::GraphProto &part) { return isRead(part, value, depth + 1); }));
    };
    return llvm::is_contained(node.input(), value) || llvm::any_of(node.attribute(), inside);
  });
}

static bool isReturned(const onnx::GraphProto &graph, StringRef value) {
  return llvm::any_of(graph.output(),
                      [&](const onnx::ValueInfoProto &info) { return info.name() == value; });
}

bool ModelImport::isOnlyReturned(StringRef value) const {
  return current && !current->parent && current->prefix.empty() && !isRead(model.graph(), value) &&
         isReturned(model.graph(), value);
}

bool ModelImport::isUnused(StringRef value) const {
  return current && !current->parent && current->prefix.empty() && !isRead(model.graph(), value) &&
         !isReturned(model.graph(), value);
}

LogicalResult ModelImport::returnCounted(StringRef value, int64_t dim, Value count) {
  return counted.add(b, value, dim, count);
}

//===----------------------------------------------------------------------===//
// nodes
//===----------------------------------------------------------------------===//

/// The last path of module names that torch's exporter wrote on a node ("['', 'layer1', 'layer1.0',
/// 'conv2d']": the last but one), or nothing.
static StringRef torchModule(const onnx::NodeProto &node) {
  for (const auto &property : node.metadata_props()) {
    if (property.key() != "pkg.torch.onnx.name_scopes")
      continue;
    SmallVector<StringRef> scopes;
    StringRef(property.value()).trim("[]").split(scopes, ", ");
    return scopes.size() >= 2 ? scopes[scopes.size() - 2].trim("'\"") : StringRef();
  }
  return {};
}

std::string ModelImport::nameOf(const onnx::NodeProto &node, const Scope &scope) const {
  std::string name = node.name();
  if (StringRef module = torchModule(node); !module.empty())
    name = (module + "/" + node.op_type()).str();
  if (name.empty())
    for (const std::string &output : node.output())
      if (!output.empty()) {
        name = output;
        break;
      }
  return scope.prefix + (name.empty() ? node.op_type() : name);
}

LogicalResult ModelImport::missing(StringRef name, const onnx::NodeProto &node,
                                   const Scope &scope) {
  for (const Scope *s = &scope; s; s = s->parent)
    if (s->nodes)
      for (const auto &later : *s->nodes)
        if (llvm::is_contained(later.output(), name))
          return b.error() << node.op_type() << " reads '" << name
                           << "', which needs its own result: the graph has a cycle",
                 failure();
  return b.error() << node.op_type() << " reads '" << name << "', which no node computes",
         failure();
}

LogicalResult ModelImport::importNodes(const RepeatedPtrField<onnx::NodeProto> &nodes,
                                       Scope &scope) {
  if (++depth > kMaxDepth)
    return b.error() << "sub-graphs or functions are nested more than " << kMaxDepth << " deep",
           failure();
  const auto *outerNodes = scope.nodes;
  Scope *outer = std::exchange(current, &scope);
  scope.nodes = &nodes;
  LogicalResult result = success();
  for (const onnx::NodeProto *node : inOrder(nodes))
    if (failed(result = importNode(*node, scope)))
      break;
  scope.nodes = outerNodes;
  current = outer;
  --depth;
  return result;
}

LogicalResult ModelImport::importNode(const onnx::NodeProto &node, Scope &scope) {
  std::string name = nameOf(node, scope);
  b.setNode(name);
  if (++nodesSeen > kMaxNodes)
    return b.error() << "the model has more than " << kMaxNodes << " nodes", failure();

  SmallVector<Value> inputs;
  bool poisoned = false;
  for (const std::string &input : node.input()) {
    if (input.empty()) {
      inputs.push_back({});
      continue;
    }
    std::optional<Value> value = scope.find(input);
    if (!value)
      return missing(input, node, scope);
    poisoned |= !*value;
    inputs.push_back(*value);
  }
  // An absent optional input at the end is the same as none.
  while (!inputs.empty() && !inputs.back() && node.input(inputs.size() - 1).empty())
    inputs.pop_back();

  Attributes attributes;
  for (const auto &attribute : node.attribute()) {
    const onnx::AttributeProto *actual = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      auto found = scope.attributes ? scope.attributes->find(attribute.ref_attr_name())
                                    : Attributes::const_iterator();
      if (!scope.attributes || found == scope.attributes->end())
        continue;
      actual = found->second;
    }
    attributes[attribute.name()] = actual;
  }

  StringRef domain = canonicalDomain(node.domain());
  auto imported = scope.opsets->find(domain);
  int64_t version = imported == scope.opsets->end() ? (domain.empty() ? 0 : 1) : imported->second;
  if (domain.empty() && imported == scope.opsets->end())
    return b.error() << "the model does not import the operator set that " << node.op_type()
                     << " belongs to",
           failure();

  auto poison = [&] {
    for (const std::string &output : node.output())
      if (!output.empty() && failed(define(scope, output, {})))
        return failure();
    return success();
  };
  auto function = functions.find((domain + ":" + node.op_type() + ":" + node.overload()).str());
  Converter converter = table.find(domain, node.op_type(), version);
  if (function != functions.end() && (!converter || !domain.empty())) {
    if (poisoned)
      return poison();
    return inlineFunction(*function->second, node, inputs, attributes, name, scope);
  }
  if (!converter) {
    unsupported.add(domain.empty() ? node.op_type() : (domain + "::" + node.op_type()).str(), name);
    return poison();
  }
  if (poisoned)
    return poison();

  OnnxNode reader(*this, b, node, name, version, inputs, attributes, unsupported);
  if (llvm::any_of(inputs, isList) && !table.takesLists(domain, node.op_type())) {
    (void)reader.unsupported("of a sequence or an empty optional", "expected a tensor");
    return poison();
  }
  LogicalResult result = converter(reader);
  if (reader.isUnsupported())
    return poison();
  if (failed(result))
    return failure();
  for (const std::string &unknown : reader.unknownAttrs()) {
    if (domain.empty() && !isAttributeName(unknown)) {
      mlir::emitWarning(b.loc()) << node.op_type() << " has an attribute '" << unknown
                                 << "', which no operator has: it is ignored";
      continue;
    }
    (void)reader.unsupported("attribute " + unknown);
    return poison();
  }
  for (auto [index, output] : llvm::enumerate(node.output())) {
    if (output.empty())
      continue;
    Value value = reader.results()[index];
    if (!value) {
      (void)reader.unsupported("output " + Twine(index));
    }
    if (failed(define(scope, output, value)))
      return failure();
  }
  return success();
}

LogicalResult ModelImport::inlineFunction(const onnx::FunctionProto &function,
                                          const onnx::NodeProto &node, ArrayRef<Value> inputs,
                                          const Attributes &attributes, StringRef name,
                                          Scope &scope) {
  if (static_cast<int>(inputs.size()) > function.input_size() ||
      node.output_size() > function.output_size())
    return b.error() << "function " << function.name() << " has " << function.input_size()
                     << " inputs and " << function.output_size() << " outputs, but is called with "
                     << inputs.size() << " and " << node.output_size(),
           failure();
  Opsets functionOpsets;
  if (failed(readOpsets(function.opset_import(), functionOpsets)))
    return failure();
  for (const auto &entry : opsets)
    functionOpsets.try_emplace(entry.first(), entry.second);
  Attributes actual;
  for (const auto &fallback : function.attribute_proto())
    actual[fallback.name()] = &fallback;
  for (const auto &given : attributes)
    actual[given.first()] = given.second;

  Scope body;
  body.opsets = &functionOpsets;
  body.attributes = &actual;
  body.prefix = (name + "/").str();
  for (auto [index, formal] : llvm::enumerate(function.input()))
    if (index < inputs.size() && inputs[index])
      body.values[formal] = inputs[index];
  // An optional input that the call leaves out is an empty name inside.
  SmallVector<std::string> absent;
  for (auto [index, formal] : llvm::enumerate(function.input()))
    if (index >= inputs.size() || !inputs[index])
      absent.push_back(formal);
  if (absent.empty()) {
    if (failed(importNodes(function.node(), body)))
      return failure();
  } else {
    RepeatedPtrField<onnx::NodeProto> nodes(function.node());
    for (auto &inner : nodes)
      for (std::string &input : *inner.mutable_input())
        if (llvm::is_contained(absent, input))
          input.clear();
    if (failed(importNodes(nodes, body)))
      return failure();
  }
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty())
      continue;
    std::optional<Value> value = body.find(function.output(i));
    if (!value)
      return b.error() << "function " << function.name() << " does not compute its output '"
                       << function.output(i) << "'",
             failure();
    if (failed(define(scope, node.output(i), *value)))
      return failure();
  }
  return success();
}

FailureOr<SmallVector<Value>> ModelImport::importSubgraph(const onnx::GraphProto &graph,
                                                          ArrayRef<Value> arguments,
                                                          StringRef tag) {
  Scope scope;
  scope.parent = current;
  scope.opsets = current->opsets;
  scope.attributes = current->attributes;
  scope.prefix = current->prefix + tag.str();
  Location outer = b.loc();
  // A trip of an empty body counts too: loops in loops end soon.
  if (++nodesSeen > kMaxNodes)
    return b.error() << "the model has more than " << kMaxNodes << " nodes", failure();
  if (static_cast<int>(arguments.size()) != graph.input_size())
    return b.error() << "a sub-graph has " << graph.input_size() << " inputs, expected "
                     << arguments.size(),
           failure();
  for (auto [input, argument] : llvm::zip(graph.input(), arguments))
    if (failed(define(scope, input.name(), argument)))
      return failure();
  if (failed(importInitializers(graph, scope)) || failed(importNodes(graph.node(), scope)))
    return failure();
  b.setLoc(outer);
  SmallVector<Value> results;
  for (const auto &output : graph.output()) {
    std::optional<Value> value = scope.find(output.name());
    if (!value)
      return b.error() << "output '" << output.name() << "' of a sub-graph is computed by no node",
             failure();
    results.push_back(*value);
  }
  return results;
}
