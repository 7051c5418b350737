// Nodes that have sub-graphs: regions, branches, loops.
//
// A region is imported in place. Of two branches the one that is taken is, when the predicate is
// known; else both, and each result is selected: sub-graphs of branches and loops have no effects
// but their results. Branches that hold loops become scf.if: a loop may end only where it is meant
// to run. Loops of few trips, known at import, are imported once a trip; others become
// loops (LoopBuilder.h).
#include "compiler/importers/pt2/Importer.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace ingot::pt2 {

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
  static constexpr StringRef kLoops[] = {"while_loop", "scan", "map_impl"};
  if (llvm::is_contained(kLoops, hop) &&
      llvm::any_of(operands, [](const Tensor &operand) { return operand.isComplex; })) {
    node.unsupported("expected torch.view_as_real(…)", "complex values in a loop");
    return std::nullopt;
  }
  if (hop == "while_loop" && graphs.size() == 2 && lists.size() == 2)
    return importWhile(node, graphs, values(lists[0]), values(lists[1]), depth);
  if (hop == "scan" && graphs.size() == 1 && lists.size() == 3)
    return importScan(node, graphs[0], values(lists[0]), values(lists[1]), values(lists[2]), depth);
  if (hop == "map_impl" && graphs.size() == 1 && lists.size() == 2)
    return importScan(node, graphs[0], {}, values(lists[0]), values(lists[1]), depth);
  node.unsupported("");
  return std::nullopt;
}

/// Whether a graph holds a loop, which may not end in a branch that is not taken.
static bool holdsLoop(const Json *graph, unsigned depth = 0) {
  bool found = depth > kMaxDepth; // refused where it is imported
  forEachElement(field(graph, "nodes"), [&](const Json *node) {
    StringRef target = asText(field(node, "target")).value_or("");
    found = found || target.ends_with("higher_order.while_loop");
    forEachElement(field(node, "inputs"), [&](const Json *input) {
      Tagged argument = asUnion(field(input, "arg"));
      found = found ||
              (argument.tag == "as_graph" && holdsLoop(field(argument.value, "graph"), depth + 1));
    });
  });
  return found;
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
  bool selects = known || !(holdsLoop(graphs[0]) || holdsLoop(graphs[1]));
  condition = known ? condition : b.cast(b.reshape(condition, {}), b.ops().getI1Type());
  Location loc = b.loc();
  SmallVector<Tensor> taken[2];
  Region regions[2];
  for (int branch = 0; branch < 2; ++branch) { // on true first
    if (known && *known != (branch == 0))
      continue;
    OpBuilder::InsertionGuard guard(b.ops());
    if (!selects)
      b.ops().createBlock(&regions[branch]);
    if (failed(importGraph(graphs[branch], operands, taken[branch], depth)))
      return failure();
    for (Tensor &tensor : taken[branch]) // here, where its views can be computed
      if (tensor.storage && !read(tensor))
        return failure();
  }
  b.setLoc(loc);
  if (known)
    return setResults(node, taken[*known ? 0 : 1]);
  if (taken[0].size() != taken[1].size())
    return b.error() << "two branches have different numbers of results";
  SmallVector<Tensor> results;
  SmallVector<Value> given[2];
  for (auto [onTrue, onFalse] : llvm::zip(taken[0], taken[1])) {
    if (!onTrue.storage || !onFalse.storage) {
      results.push_back({});
      continue;
    }
    Value yes = read(onTrue), no = read(onFalse);
    if (yes.getType() != no.getType())
      return b.error() << "two branches give " << shapeName(b.shape(yes)) << " and "
                       << shapeName(b.shape(no)) << ", which is not supported";
    given[0].push_back(yes);
    given[1].push_back(no);
    results.push_back(fresh(selects ? b.select(condition, yes, no) : yes));
  }
  if (selects)
    return setResults(node, results);
  Value flag = tensor::ExtractOp::create(b.ops(), loc, condition, ValueRange{});
  auto branch = scf::IfOp::create(b.ops(), loc, ValueRange(given[0]).getTypes(), flag,
                                  /*addThenBlock=*/false, /*addElseBlock=*/false);
  for (int i = 0; i < 2; ++i) {
    Region &into = i ? branch.getElseRegion() : branch.getThenRegion();
    into.takeBody(regions[i]);
    OpBuilder::InsertionGuard guard(b.ops());
    b.ops().setInsertionPointToEnd(&into.front());
    scf::YieldOp::create(b.ops(), loc, given[i]);
  }
  size_t next = 0;
  for (Tensor &result : results)
    if (result.storage)
      result = fresh(branch.getResult(next++));
  return setResults(node, results);
}

//===----------------------------------------------------------------------===//
// loops
//===----------------------------------------------------------------------===//

/// Nodes of a graph and of those inside, at most a few more than kMaxUnrolledNodes.
static int64_t countNodes(const Json *graph, unsigned depth = 0) {
  int64_t count = 0;
  forEachElement(field(graph, "nodes"), [&](const Json *node) {
    ++count;
    forEachElement(field(node, "inputs"), [&](const Json *input) {
      Tagged argument = asUnion(field(input, "arg"));
      if (argument.tag == "as_graph" && depth < kMaxDepth && count <= kMaxUnrolledNodes)
        count += countNodes(field(argument.value, "graph"), depth + 1);
    });
  });
  return count;
}

/// The current values of tensors; null where one is none.
static SmallVector<Value> valuesOf(ArrayRef<Tensor> tensors, function_ref<Value(Tensor &)> read) {
  SmallVector<Value> values;
  for (Tensor tensor : tensors)
    values.push_back(tensor.storage ? read(tensor) : Value());
  return values;
}

FailureOr<SmallVector<Value>> Importer::importBody(const Json *graph, ArrayRef<Value> values,
                                                   ArrayRef<Tensor> others, unsigned depth) {
  SmallVector<Tensor> operands, results;
  for (Value value : values)
    operands.push_back(fresh(value));
  llvm::append_range(operands, others);
  UnsupportedOps before = unsupported;
  if (failed(importGraph(graph, operands, results, depth)))
    return failure();
  if (unsupported.count() != before.count())
    return SmallVector<Value>{Value()};
  SmallVector<Value> given = valuesOf(results, [&](Tensor &tensor) { return read(tensor); });
  if (llvm::is_contained(given, Value()))
    return b.error() << "a loop's sub-graph gives a value that is no tensor", failure();
  return given;
}

std::optional<LogicalResult> Importer::setLoopResults(Node &node,
                                                      const FailureOr<BuiltLoop> &built) {
  if (failed(built))
    return failure();
  if (built->isReported) {
    node.unsupported(""); // the node inside is reported beside it
    return std::nullopt;
  }
  if (!built->refusal.empty()) {
    node.unsupported("a loop that runs a number of times known only at run time carries tensors "
                     "of one shape",
                     built->refusal);
    return std::nullopt;
  }
  SmallVector<Tensor> results;
  for (Value value : built->results) {
    if (!value)
      return failure();
    results.push_back(fresh(value));
  }
  return setResults(node, results);
}

std::optional<LogicalResult> Importer::whileAtRunTime(Node &node, ArrayRef<const Json *> graphs,
                                                      ArrayRef<Value> carried,
                                                      ArrayRef<Tensor> others, unsigned depth) {
  LoopSpec spec;
  spec.carried.assign(carried.begin(), carried.end());
  spec.names.assign(node.outputs.begin(), node.outputs.end());
  spec.condition = [&](ArrayRef<Value> values) -> FailureOr<Value> {
    FailureOr<SmallVector<Value>> results = importBody(graphs[0], values, others, depth);
    if (failed(results))
      return failure();
    if (results->size() != 1)
      return b.error() << "a loop's condition gives " << results->size() << " values", failure();
    return results->front() ? b.cast(results->front(), b.ops().getI1Type()) : Value();
  };
  spec.body = [&](Value, ArrayRef<Value> values, ArrayRef<Value>) {
    return importBody(graphs[1], values, others, depth);
  };
  return setLoopResults(node, buildLoop(b, std::move(spec)));
}

std::optional<LogicalResult> Importer::importWhile(Node &node, ArrayRef<const Json *> graphs,
                                                   ArrayRef<Tensor> carried,
                                                   ArrayRef<Tensor> others, unsigned depth) {
  SmallVector<Value> before = valuesOf(carried, [&](Tensor &tensor) { return read(tensor); });
  if (llvm::is_contained(before, Value()))
    return b.error() << "a loop carries a value that is no tensor";
  int64_t nodes = std::max<int64_t>(countNodes(graphs[0]) + countNodes(graphs[1]), 1);
  // How often it runs shows as it is written out. Null where it does not, or too often.
  auto unroll = [&](int64_t most) -> std::optional<LogicalResult> {
    Attempt attempt(b, unsupported);
    FailureOr<SmallVector<Value>> values = unrollWhile(graphs, before, others, most, depth);
    if (failed(values))
      return std::nullopt;
    attempt.keep();
    SmallVector<Tensor> results;
    for (Value value : *values)
      results.push_back(fresh(value));
    return setResults(node, results);
  };
  if (!(open && open->anySize))
    if (auto done = unroll(kMaxUnrolledNodes / nodes + 1))
      return done;
  {
    Attempt attempt(b, unsupported);
    auto done = whileAtRunTime(node, graphs, before, others, depth);
    if (done && succeeded(*done)) {
      attempt.keep();
      return done;
    }
    node.isUnsupported = false;
  }
  if (auto done = unroll(kMaxUnrolledTrips))
    return done;
  return whileAtRunTime(node, graphs, before, others, depth);
}

FailureOr<SmallVector<Value>> Importer::unrollWhile(ArrayRef<const Json *> graphs,
                                                    SmallVector<Value> values,
                                                    ArrayRef<Tensor> others, int64_t most,
                                                    unsigned depth) {
  for (int64_t trip = 0;; ++trip) {
    FailureOr<SmallVector<Value>> goesOn = importBody(graphs[0], values, others, depth);
    if (failed(goesOn) || goesOn->size() != 1)
      return failure();
    std::optional<double> known = GraphBuilder::getConstantScalar(goesOn->front());
    if (!known || (*known != 0 && trip == most))
      return failure();
    if (*known == 0)
      return values;
    FailureOr<SmallVector<Value>> next = importBody(graphs[1], values, others, depth);
    if (failed(next) || next->size() != values.size() || llvm::is_contained(*next, Value()))
      return failure();
    values = *next;
  }
}

std::optional<LogicalResult> Importer::importScan(Node &node, const Json *graph,
                                                  ArrayRef<Tensor> carried,
                                                  ArrayRef<Tensor> scanned, ArrayRef<Tensor> others,
                                                  unsigned depth) {
  SmallVector<Value> sequences = valuesOf(scanned, [&](Tensor &tensor) { return read(tensor); }),
                     before = valuesOf(carried, [&](Tensor &tensor) { return read(tensor); });
  if (llvm::is_contained(before, Value()))
    return b.error() << "a loop carries a value that is no tensor";
  for (Value value : sequences)
    if (!value || b.rank(value) == 0 || b.shape(value)[0] != b.shape(sequences[0])[0])
      return b.error() << "a loop's sequences do not have the same length";
  int64_t trips = sequences.empty() ? 0 : b.shape(sequences[0])[0];
  if (trips == 0) {
    node.unsupported("expected 1 trip or more", "an empty loop");
    return std::nullopt;
  }
  bool sampled = open && open->anySize;
  int64_t nodes = std::max<int64_t>(countNodes(graph), 1);
  if (!sampled && (trips == 1 || trips <= kMaxUnrolledNodes / nodes))
    return unrollScan(node, graph, before, sequences, others, depth);
  {
    LoopSpec spec;
    spec.bound = b.scalar(b.ops().getI64Type(), static_cast<double>(trips));
    spec.carried = before;
    spec.names.assign(node.outputs.begin(), node.outputs.end());
    for (Value value : sequences)
      spec.inputs.push_back({value, 0, false});
    spec.body = [&](Value, ArrayRef<Value> values, ArrayRef<Value> slices) {
      SmallVector<Value> operands(values);
      operands.append(slices.begin(), slices.end());
      return importBody(graph, operands, others, depth);
    };
    spec.outputs = [&](ArrayRef<Value> slices, bool) -> FailureOr<SmallVector<LoopSpec::Output>> {
      return SmallVector<LoopSpec::Output>(slices.size(), {trips, 0, false});
    };
    Attempt attempt(b, unsupported);
    if (auto done = setLoopResults(node, buildLoop(b, std::move(spec))); done && succeeded(*done)) {
      attempt.keep();
      return done;
    }
    node.isUnsupported = false;
  }
  return unrollScan(node, graph, before, sequences, others, depth);
}

std::optional<LogicalResult> Importer::unrollScan(Node &node, const Json *graph,
                                                  SmallVector<Value> carried,
                                                  ArrayRef<Value> sequences,
                                                  ArrayRef<Tensor> others, unsigned depth) {
  int64_t trips = b.shape(sequences[0])[0];
  if (trips > kMaxUnrolledTrips) {
    node.unsupported("expected at most " + std::to_string(kMaxUnrolledTrips) + " trips",
                     "a long loop");
    return std::nullopt;
  }
  SmallVector<SmallVector<Value>> collected;
  for (int64_t trip = 0; trip < trips; ++trip) {
    SmallVector<Value> operands(carried);
    for (Value sequence : sequences)
      operands.push_back(b.squeeze(b.slice(sequence, 0, trip, 1), {0}));
    if (llvm::is_contained(operands, Value()))
      return failure();
    FailureOr<SmallVector<Value>> results = importBody(graph, operands, others, depth);
    if (failed(results))
      return failure();
    if (llvm::is_contained(*results, Value())) {
      node.unsupported(""); // the node inside is reported beside it
      return std::nullopt;
    }
    if (results->size() < carried.size())
      return b.error() << "a loop's body gives too few values";
    collected.resize(results->size() - carried.size());
    for (auto [index, value] : llvm::enumerate(*results)) {
      if (index < carried.size())
        carried[index] = value;
      else
        collected[index - carried.size()].push_back(b.unsqueeze(value, {0}));
    }
  }
  SmallVector<Tensor> results;
  for (Value value : carried)
    results.push_back(fresh(value));
  for (ArrayRef<Value> values : collected) {
    Value joined = values.size() == 1 ? values[0] : b.concat(values, 0);
    if (!joined)
      return failure();
    results.push_back(fresh(joined));
  }
  return setResults(node, results);
}

} // namespace ingot::pt2
