// What a program is given: its dims, its inputs, and its stored tensors.
#include "compiler/importers/pt2/Importer.h"

#include "ir/graph/WeightStore.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace ingot::pt2 {

LogicalResult Importer::bindDims() {
  const Json &program = package.program();
  const Json *ranges = field(&program, "range_constraints");
  std::set<std::string> used, known, fixed;
  llvm::StringMap<std::string> renamed; // symbol → the user's name
  auto bind = [&](StringRef symbol, StringRef input, int64_t dim, bool bare) -> LogicalResult {
    std::string place = bare ? placeOf(input, dim) : symbol.str();
    for (const std::string &called : {symbol.str(), place})
      if (auto other = options.dimNames.find(called); other != options.dimNames.end()) {
        renamed[symbol] = other->second;
        used.insert(called);
      }
    auto other = renamed.find(symbol);
    std::string name = other == renamed.end() ? symbol.str() : other->second;
    known.insert({symbol.str(), place, name});
    auto given = options.dims.find(symbol.str());
    for (const std::string &called : {place, name})
      if (given == options.dims.end())
        given = options.dims.find(called);
    // The same symbol may have been given by another place.
    if (given == options.dims.end() && symbols.contains(symbol))
      return success();
    const Json *range = field(ranges, symbol);
    int64_t low = asInteger(field(range, "min_val")).value_or(0);
    int64_t high = asInteger(field(range, "max_val")).value_or(INT64_MAX);
    std::string span =
        std::to_string(low) + ".." + (high > INT64_MAX / 2 ? "" : std::to_string(high));
    if (given == options.dims.end() && open && open->collect) {
      OpenDim entry{name, {symbol.str(), place}, input.str(), dim, low, {}};
      if (high <= kMaxElements)
        entry.high = high;
      return open->add(std::move(entry)), success();
    }
    if (given == options.dims.end()) {
      InFlightDiagnostic diagnostic = b.error() << "dim '" << symbol << "' (dim " << dim
                                                << " of input '" << input << "') has no extent";
      diagnostic.attachNote() << "compile with --dim " << name << "=N, N in " << span
                              << ", or --dim " << name << "=LO..HI for a range";
      return diagnostic;
    }
    used.insert(given->first);
    if ((given->second < low || given->second > high) && !(open && open->anySize))
      return b.error() << "dim '" << given->first << "' is set to " << given->second
                       << ", but the model allows " << span;
    auto [entry, inserted] = symbols.try_emplace(symbol, given->second);
    if (!inserted && entry->second != given->second)
      return b.error() << "dim '" << given->first << "' is set to " << given->second << ", but '"
                       << symbol << "' is already " << entry->second;
    return success();
  };
  auto bindAll = [&](StringRef text, StringRef input, int64_t dim) -> LogicalResult {
    for (StringRef symbol : symbolsOf(text))
      if (failed(bind(symbol, input, dim, !bareSymbol(text).empty())))
        return failure();
    return success();
  };

  const Json *graph = root.graph;
  const Json *signature = field(field(&program, "graph_module"), "signature");
  LogicalResult status = success();
  forEachElement(field(signature, "input_specs"), [&](const Json *spec) {
    Tagged kind = asUnion(spec);
    Tagged argument = asUnion(field(kind.value, "arg"));
    if (failed(status) || kind.tag != "user_input")
      return;
    auto name = asText(field(argument.value, argument.tag == "as_tensor" ? "name" : "as_name"));
    if (!name)
      return;
    if (argument.tag == "as_sym_int") {
      const Json *entry = field(field(graph, "sym_int_values"), name->str().c_str());
      auto text = asText(field(asUnion(entry).value, "expr_str"));
      if (text)
        status = bindAll(*text, *name, 0);
      return;
    }
    int64_t dim = 0;
    forEachElement(field(field(field(graph, "tensor_values"), name->str().c_str()), "sizes"),
                   [&](const Json *extent) {
                     auto text = asText(field(asUnion(extent).value, "expr_str"));
                     if (succeeded(status) && text)
                       status = bindAll(*text, *name, dim);
                     if (!text || symbolsOf(*text).empty())
                       fixed.insert(placeOf(*name, dim));
                     ++dim;
                   });
  });
  if (failed(status))
    return failure();
  // torch.export writes the extents of every value into the file.
  for (const std::string &place : fixed)
    if (options.dims.contains(place) || options.dimRanges.contains(place) ||
        options.dimNames.contains(place)) {
      InFlightDiagnostic diagnostic = b.error() << "dim '" << place
                                                << "' is a number throughout the exported program";
      diagnostic.attachNote() << "hint: leave it open when the model is exported: "
                                 "torch.export.export(…, dynamic_shapes=…)";
      return diagnostic;
    }
  for (const auto &[name, other] : options.dimNames)
    if (!used.contains(name))
      return b.error() << "the model has no dim '" << name << "' to call '" << other << "'";
  if (open && !open->dims.empty())
    return failure();
  for (const auto &[name, extent] : options.dims)
    if (!used.contains(name)) {
      std::string list;
      for (const std::string &entry : known)
        list += (list.empty() ? "" : ", ") + entry;
      return b.error() << "the model has no dim '" << name << "'"
                       << (list.empty() ? "; all its dims are fixed" : "; its dims are " + list);
    }
  return success();
}

LogicalResult Importer::bindStored(StringRef name, StringRef storedName, bool constant) {
  const StoredTensor *tensor = package.find(storedName, constant);
  b.setNode(storedName);
  if (!tensor)
    return b.error() << "the archive holds no weight of this name";
  FailureOr<Tensor> bound = storedTensor(*tensor, storedName);
  if (failed(bound))
    return failure();
  if (!bound->storage)
    problems[name] = "weight '" + storedName.str() + "' " + tensor->problem;
  root.tensors[name] = *bound;
  return success();
}

FailureOr<Tensor> Importer::storedTensor(const StoredTensor &tensor, StringRef storedName) {
  // Only an error if it is read: packages keep tensors that nothing uses.
  if (!tensor.problem.empty()) {
    Tensor none;
    none.subclass = tensor.parts.empty() ? nullptr : &tensor;
    return none;
  }
  std::string geometry = shapeName(tensor.sizes) + shapeName(tensor.strides) +
                         std::to_string(tensor.elementOffset) + elementName(tensor.element);
  std::shared_ptr<Storage> &storage = stored[tensor.record + geometry];
  if (!storage) {
    if (mutated->contains(tensor.record)) {
      auto [first, inserted] = geometries.try_emplace(tensor.record, geometry);
      if (!inserted && first->second != geometry)
        return b.error() << "shares the storage of another tensor in part, and one of them is "
                            "changed by the model, which "
                            "is not supported",
               failure();
    }
    auto attribute = package.constantOf(tensor, storedName);
    if (!attribute)
      return b.error() << llvm::toString(attribute.takeError()), failure();
    RankedTensorType type = b.tensorType(tensor.sizes, tensor.element);
    if (!type)
      return failure();
    storage = std::make_shared<Storage>();
    storage->record = tensor.record;
    if (mutated->contains(tensor.record)) {
      storage->variable = storedName.str();
      OpBuilder::InsertionGuard guard(b.ops());
      b.ops().setInsertionPointToStart(b.getModule().getBody());
      VariableOp::create(b.ops(), b.loc(), b.ops().getStringAttr(storedName), TypeAttr::get(type),
                         *attribute);
      states.push_back({storedName.str(), storage});
    } else {
      storage->value = b.constant(type, *attribute);
    }
    if (!storage->variable.empty())
      storage->value = VariableReadOp::create(b.ops(), b.loc(), type, storage->variable);
  }
  return Tensor{storage, {}, {}, 0};
}

LogicalResult Importer::bindInputs() {
  const Json *module = field(&package.program(), "graph_module");
  const Json *specs = field(field(module, "signature"), "input_specs");
  if (!specs || !specs->isArray())
    return b.error() << "the file holds no signature, or one of a version that is not supported";
  // The function's arguments come first: what is stored is read inside it.
  SmallVector<GraphBuilder::Input> inputs;
  for (const Json &spec : specs->items) {
    Tagged kind = asUnion(&spec), argument = asUnion(field(kind.value, "arg"));
    if (kind.tag != "user_input" || argument.tag != "as_tensor")
      continue;
    auto name = asText(field(argument.value, "name"));
    if (!name)
      return b.error() << "an input has no name";
    b.setNode(*name);
    if (isComplex(root, *name))
      return b.error() << "input '" << *name
                       << "' is complex, which is not supported: take pairs of real numbers and "
                          "torch.view_as_complex(…)";
    RankedTensorType type = recordedType(root, *name);
    if (!type)
      return failure();
    inputs.push_back({name->str(), type});
  }
  auto arguments = b.beginForward(inputs);
  for (auto [input, argument] : llvm::zip(inputs, arguments)) {
    Tensor tensor = fresh(argument);
    tensor.storage->isInput = true;
    root.tensors[input.name] = tensor;
  }
  for (const Json &spec : specs->items) {
    Tagged kind = asUnion(&spec);
    const Json *direct = field(kind.value, "arg");
    auto name = asText(field(direct, "name"));
    if (!name) // older schemas wrap the argument
      name = asText(field(asUnion(direct).value, "name"));
    const char *key = kind.tag == "parameter"         ? "parameter_name"
                      : kind.tag == "buffer"          ? "buffer_name"
                      : kind.tag == "tensor_constant" ? "tensor_constant_name"
                                                      : nullptr;
    if (!key) {
      continue;
    }
    auto storedName = asText(field(kind.value, key));
    if (!name || !storedName)
      return b.error() << "an input of the graph has no name";
    bool constant =
        kind.tag == "tensor_constant" ||
        (kind.tag == "buffer" && !asBool(field(kind.value, "persistent")).value_or(true));
    if (failed(bindStored(*name, *storedName, constant)))
      return failure();
  }
  return success();
}

} // namespace ingot::pt2
