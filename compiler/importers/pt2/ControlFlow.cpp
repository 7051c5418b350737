// Nodes that have sub-graphs: regions, branches, loops.
//
// A region is imported in place. Of two branches the one that is taken is, when the predicate is
// known; else both, and each result is selected: sub-graphs of branches and loops have no effects
// but their results. Loops run a number of times known at import and are imported once a trip.
#include "compiler/importers/pt2/Importer.h"

using namespace mlir;

namespace ingot::pt2 {

/// Trips of one loop: what is more would not compile in reasonable time.
constexpr int64_t kMaxTrips = 1 << 14;

LogicalResult Importer::importGraph(const Json *graph, ArrayRef<Tensor> operands,
                                    SmallVectorImpl<Tensor> &results, unsigned depth) {
  Scope inner;
  inner.graph = graph;
  size_t next = 0;
  bool fits = true;
  forEachElement(field(graph, "inputs"), [&](const Json *input) {
    Tagged argument = asUnion(input);
    auto name = asText(field(argument.value, "name"));
    const Tensor *operand = next < operands.size() ? &operands[next] : nullptr;
    ++next;
    if (argument.tag != "as_tensor" || !name)
      return; // a symbolic number: its own tables hold its expression
    if (!operand || !operand->storage)
      fits = false;
    else
      inner.tensors[*name] = *operand;
  });
  if (!fits)
    return b.error() << "a sub-graph's inputs do not fit its operands";
  if (failed(importNodes(inner, depth + 1)))
    return failure();
  results.clear();
  forEachElement(field(graph, "outputs"), [&](const Json *output) {
    auto name = asText(field(asUnion(output).value, "name"));
    auto found = name ? inner.tensors.find(*name) : inner.tensors.end();
    results.push_back(found == inner.tensors.end() ? Tensor() : found->second);
  });
  return success();
}

LogicalResult Importer::setResults(Node &node, ArrayRef<Tensor> results) {
  for (auto [index, name] : llvm::enumerate(node.outputs)) {
    if (name.empty() || symbolicOutput(node.scope, name))
      continue;
    if (index >= results.size() || !results[index].storage)
      return b.error() << "a sub-graph's outputs do not fit its node's";
    Tensor result = results[index];
    Value value = read(result);
    RankedTensorType expected = value ? recordedType(node.scope, name) : RankedTensorType();
    if (!expected)
      return failure();
    if (isComplex(node.scope, name) != result.isComplex)
      return b.error() << "complex values of " << node.op << " are not supported";
    if (value.getType() != expected)
      return b.error() << "importing " << node.op << " gives " << elementName(b.element(value))
                       << shapeName(b.shape(value)) << ", but the file records "
                       << elementName(expected.getElementType()) << shapeName(expected.getShape());
    node.scope.tensors[name] = result;
  }
  return success();
}

std::optional<LogicalResult> Importer::importHigherOrder(Node &node, StringRef hop,
                                                         unsigned depth) {
  // Sub-graphs, and behind the first of them single operands or lists of them.
  SmallVector<const Json *> graphs;
  SmallVector<SmallVector<Tensor>> lists;
  SmallVector<Tensor> operands;
  SmallVector<bool> flags;
  auto operand = [&](StringRef name) {
    Tensor *tensor = name.empty() || symbolicOutput(node.scope, name) ? nullptr : node.find(name);
    return tensor ? *tensor : Tensor();
  };
  forEachElement(field(&node.json, "inputs"), [&](const Json *input) {
    Tagged argument = asUnion(field(input, "arg"));
    if (argument.tag == "as_graph")
      graphs.push_back(field(argument.value, "graph"));
    else if (auto flag = argument.tag == "as_bool" ? asBool(argument.value) : std::nullopt)
      flags.push_back(*flag);
    else if (!graphs.empty() && argument.tag == "as_tensor")
      operands.push_back(operand(asText(field(argument.value, "name")).value_or("")));
    else if (!graphs.empty() && argument.tag == "as_tensors") {
      SmallVector<Tensor> &list = lists.emplace_back();
      forEachElement(argument.value, [&](const Json *item) {
        list.push_back(operand(asText(field(item, "name")).value_or("")));
        operands.push_back(list.back());
      });
    }
  });
  if (node.failed)
    return failure();
  static constexpr StringRef kInlined[] = {"wrap_with_set_grad_enabled",
                                           "wrap_with_autocast",
                                           "strict_mode",
                                           "hints_wrapper",
                                           "run_const_graph",
                                           "invoke_subgraph"};
  // Operands of branches and loops by value: these have no effects.
  auto values = [&](ArrayRef<Tensor> tensors) {
    SmallVector<Tensor> result;
    for (Tensor tensor : tensors) {
      result.push_back(tensor.storage ? fresh(read(tensor)) : Tensor());
      result.back().isComplex = tensor.isComplex;
    }
    return result;
  };
  if (graphs.size() == 1 && llvm::is_contained(kInlined, hop)) {
    bool outer = autocast;
    if (hop == "wrap_with_autocast")
      autocast = !flags.empty() && flags[0];
    SmallVector<Tensor> results;
    LogicalResult status = importGraph(graphs[0], operands, results, depth);
    autocast = outer;
    return failed(status) ? failure() : setResults(node, results);
  }
  if (hop == "cond" && graphs.size() == 2)
    return importBranches(node, graphs, values(operands), depth);
  if (hop == "while_loop" && graphs.size() == 2 && lists.size() == 2)
    return importWhile(node, graphs, values(lists[0]), values(lists[1]), depth);
  if (hop == "scan" && graphs.size() == 1 && lists.size() == 3)
    return importScan(node, graphs[0], values(lists[0]), values(lists[1]), values(lists[2]), depth);
  if (hop == "map_impl" && graphs.size() == 1 && lists.size() == 2)
    return importScan(node, graphs[0], {}, values(lists[0]), values(lists[1]), depth);
  node.unsupported("");
  return std::nullopt;
}

std::optional<LogicalResult> Importer::importBranches(Node &node, ArrayRef<const Json *> graphs,
                                                      ArrayRef<Tensor> operands, unsigned depth) {
  const Json *inputs = field(&node.json, "inputs");
  if (!inputs || !inputs->isArray() || inputs->items.empty())
    return failure();
  Tagged predicate = asUnion(field(&inputs->items[0], "arg"));
  Value condition;
  std::optional<bool> known;
  if (predicate.tag == "as_tensor") {
    Tensor *tensor = node.find(asText(field(predicate.value, "name")).value_or(""));
    condition = tensor ? read(*tensor) : Value();
    if (!condition)
      return failure();
    if (b.type(condition).getNumElements() != 1)
      return b.error() << "the predicate of a branch has more than one element";
    if (auto constant = GraphBuilder::getConstantScalar(condition))
      known = *constant != 0;
  } else if (auto number = node.numberOf(predicate)) {
    known = number->asReal() != 0;
  } else {
    return node.failed ? failure() : b.error() << "a branch has no predicate";
  }
  SmallVector<Tensor> taken[2];
  for (int branch = 0; branch < 2; ++branch) // on true first
    if (!known || *known == (branch == 0))
      if (failed(importGraph(graphs[branch], operands, taken[branch], depth)))
        return failure();
  if (known)
    return setResults(node, taken[*known ? 0 : 1]);
  if (taken[0].size() != taken[1].size())
    return b.error() << "two branches have different numbers of results";
  condition = b.cast(b.reshape(condition, {}), b.ops().getI1Type());
  SmallVector<Tensor> results;
  for (auto [onTrue, onFalse] : llvm::zip(taken[0], taken[1])) {
    if (!onTrue.storage || !onFalse.storage) {
      results.push_back({});
      continue;
    }
    Value yes = read(onTrue), no = read(onFalse);
    if (!yes || !no)
      return failure();
    if (yes.getType() != no.getType())
      return b.error() << "two branches give " << shapeName(b.shape(yes)) << " and "
                       << shapeName(b.shape(no)) << ", which is not supported";
    results.push_back(fresh(b.select(condition, yes, no)));
  }
  return setResults(node, results);
}

std::optional<LogicalResult> Importer::importWhile(Node &node, ArrayRef<const Json *> graphs,
                                                   SmallVector<Tensor> carried,
                                                   ArrayRef<Tensor> others, unsigned depth) {
  for (int64_t trip = 0; trip <= kMaxTrips; ++trip) {
    SmallVector<Tensor> operands(carried), results;
    llvm::append_range(operands, others);
    if (failed(importGraph(graphs[0], operands, results, depth)))
      return failure();
    Value condition = results.size() == 1 && results[0].storage ? read(results[0]) : Value();
    if (!condition)
      return b.error() << "a loop's condition is no tensor";
    auto constant = GraphBuilder::getConstantScalar(condition);
    if (!constant) {
      node.unsupported("the number of trips depends on the data");
      return std::nullopt;
    }
    if (*constant == 0)
      return setResults(node, carried);
    if (failed(importGraph(graphs[1], operands, results, depth)))
      return failure();
    if (results.size() != carried.size())
      return b.error() << "a loop's body gives " << results.size() << " values, expected "
                       << carried.size();
    for (auto [value, result] : llvm::zip(carried, results))
      value = result.storage ? fresh(read(result)) : Tensor();
  }
  node.unsupported("expected at most " + std::to_string(kMaxTrips) + " trips", "a long loop");
  return std::nullopt;
}

std::optional<LogicalResult> Importer::importScan(Node &node, const Json *graph,
                                                  SmallVector<Tensor> carried,
                                                  ArrayRef<Tensor> scanned, ArrayRef<Tensor> others,
                                                  unsigned depth) {
  SmallVector<Value> sequences;
  for (Tensor tensor : scanned) {
    Value value = tensor.storage ? read(tensor) : Value();
    if (!value || b.rank(value) == 0 ||
        b.shape(value)[0] != b.shape(sequences.empty() ? value : sequences[0])[0])
      return b.error() << "a loop's sequences do not have the same length";
    sequences.push_back(value);
  }
  int64_t trips = sequences.empty() ? 0 : b.shape(sequences[0])[0];
  if (trips == 0 || trips > kMaxTrips) {
    node.unsupported("expected 1 to " + std::to_string(kMaxTrips) + " trips",
                     trips ? "a long loop" : "an empty loop");
    return std::nullopt;
  }
  SmallVector<SmallVector<Value>> collected;
  for (int64_t trip = 0; trip < trips; ++trip) {
    SmallVector<Tensor> operands(carried), results;
    for (Value sequence : sequences)
      operands.push_back(fresh(b.squeeze(b.slice(sequence, 0, trip, 1), {0})));
    llvm::append_range(operands, others);
    if (failed(importGraph(graph, operands, results, depth)))
      return failure();
    if (results.size() < carried.size())
      return b.error() << "a loop's body gives too few values";
    collected.resize(results.size() - carried.size());
    for (auto [index, result] : llvm::enumerate(results)) {
      Value value = result.storage ? read(result) : Value();
      if (!value)
        return b.error() << "a loop's body gives a value that is no tensor";
      if (index < carried.size())
        carried[index] = fresh(value);
      else
        collected[index - carried.size()].push_back(b.unsqueeze(value, {0}));
    }
  }
  SmallVector<Tensor> results(carried);
  for (ArrayRef<Value> values : collected) {
    Value joined = values.size() == 1 ? values[0] : b.concat(values, 0);
    if (!joined)
      return failure();
    results.push_back(fresh(joined));
  }
  return setResults(node, results);
}

} // namespace ingot::pt2
