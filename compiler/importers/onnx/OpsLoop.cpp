// ONNX Loop and Scan: loops at run time, or bodies imported once a trip.
//
// A short loop whose trip count is known at import is imported once a trip: what a body computes
// from constants folds, and shapes may change from trip to trip, as the format allows. All others
// become one loop (LoopBuilder.h), whose values keep their shapes; a long loop that cannot is
// imported once a trip too, and one whose trip count is known only at run time is refused by name.
#include "compiler/importers/common/LoopBuilder.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// A trip count from here on stands for "until the condition ends it" in the files of exporters.
constexpr int64_t kEndless = int64_t(1) << 31;
/// The most rows that slices of an unknown number of trips are collected in.
constexpr int64_t kMaxPaddedRows = 1 << 20;

static std::string tripTag(OnnxNode &n, int64_t trip) {
  return (n.name() + "[" + Twine(trip) + "]/").str();
}

/// Nodes of a graph and of those inside, at most a few more than kMaxUnrolledNodes.
static int64_t countNodes(const onnx::GraphProto &graph, int depth = 0) {
  int64_t count = 0;
  for (const auto &node : graph.node()) {
    ++count;
    for (const auto &attribute : node.attribute())
      if (attribute.has_g() && depth < kMaxDepth && count <= kMaxUnrolledNodes)
        count += countNodes(attribute.g(), depth + 1);
  }
  return count;
}

/// Whether so many trips are to be one loop: see kMaxUnrolledNodes. A model that is imported at
/// several sizes must have the same graph at each.
static bool prefersLoop(OnnxNode &n, const onnx::GraphProto &body, int64_t trips) {
  int64_t nodes = std::max<int64_t>(countNodes(body), 1);
  return n.host.isSampled() || (trips > 1 && trips > kMaxUnrolledNodes / nodes);
}

/// Reports why a loop cannot be one at run time.
static LogicalResult refuse(OnnxNode &n, const BuiltLoop &loop) {
  if (loop.isReported)
    return n.unsupported("body"); // the body's own node is reported beside it
  return n.unsupported(loop.refusal,
                       "a loop that runs a number of times known only at run time carries tensors "
                       "of one shape; fix the trip count, or carry a tensor of the largest shape");
}

/// The values of all trips as one tensor, a new dim at `axis`.
static Value stacked(GraphBuilder &b, ArrayRef<Value> values, int64_t axis) {
  SmallVector<Value> parts;
  for (Value value : values) {
    std::optional<int64_t> at = b.axis(axis, B::rank(value) + 1);
    if (!at)
      return {};
    axis = *at;
    parts.push_back(b.unsqueeze(value, axis));
  }
  return b.concat(parts, axis);
}

/// Whether a null is among the values: a node that is reported already.
static bool incomplete(ArrayRef<Value> values) { return llvm::is_contained(values, Value()); }

namespace {

/// A Loop node.
struct LoopNode {
  const onnx::GraphProto *body = nullptr;
  /// Its trip count where it is known; endless ones are kEndless.
  std::optional<int64_t> trips;
  Value condition; ///< a tensor
  SmallVector<Value> carried;
  size_t numScans = 0;
};

enum class Unrolled { Done, Failed, AtRunTime, TooLong };

} // namespace

/// Imports the body once a trip, at most `most` times.
static Unrolled unroll(OnnxNode &n, const LoopNode &loop, int64_t most) {
  GraphBuilder &b = n.b;
  SmallVector<Value> carried = loop.carried;
  SmallVector<SmallVector<Value>> collected(loop.numScans);
  Value condition = loop.condition;
  for (int64_t trip = 0; trip < *loop.trips; ++trip) {
    std::optional<int64_t> goesOn = B::getConstantInt(condition);
    if (!goesOn)
      return Unrolled::AtRunTime;
    if (!*goesOn)
      break;
    if (trip == most)
      return Unrolled::TooLong;
    SmallVector<Value> arguments{b.scalar(b.ops().getI64Type(), static_cast<double>(trip)),
                                 condition};
    arguments.append(carried);
    FailureOr<SmallVector<Value>> results =
        n.host.importSubgraph(*loop.body, arguments, tripTag(n, trip));
    if (failed(results))
      return Unrolled::Failed;
    if (incomplete(*results))
      return (void)n.unsupported("body"), Unrolled::Failed;
    condition = results->front();
    if (isList(condition))
      return (void)n.error("has a condition that is no tensor"), Unrolled::Failed;
    carried.assign(results->begin() + 1, results->begin() + 1 + carried.size());
    for (size_t i = 0; i < loop.numScans; ++i) {
      Value value = (*results)[1 + carried.size() + i];
      if (isList(value))
        return (void)n.unsupported("that collects sequences", "expected tensors"), Unrolled::Failed;
      collected[i].push_back(value);
    }
  }
  for (auto [i, value] : llvm::enumerate(carried))
    if (failed(n.setOutput(i, value)))
      return Unrolled::Failed;
  for (auto [i, values] : llvm::enumerate(collected)) {
    if (!n.wants(carried.size() + i))
      continue;
    if (values.empty())
      return (void)n.unsupported("that collects the results of no trips"), Unrolled::Failed;
    if (failed(n.setOutput(carried.size() + i, stacked(b, values, 0))))
      return Unrolled::Failed;
  }
  return Unrolled::Done;
}

/// The body's input that an output of it is, behind any Identity; -1 when it is computed.
static int64_t passedOn(const onnx::GraphProto &body, int output) {
  std::string name = body.output(output).name();
  for (int steps = 0; steps < body.node_size() + 1; ++steps) {
    for (auto [i, input] : llvm::enumerate(body.input()))
      if (input.name() == name)
        return static_cast<int64_t>(i);
    auto producer = llvm::find_if(body.node(), [&](const onnx::NodeProto &node) {
      return node.op_type() == "Identity" && node.domain().empty() && node.input_size() == 1 &&
             node.output_size() == 1 && node.output(0) == name;
    });
    if (producer == body.node().end())
      return -1;
    name = producer->input(0);
  }
  return -1;
}

/// Rows for the slices of a scan output, where trips do not tell them: as many as the model
/// declares, or as there can be trips where only the program's user reads them.
static std::optional<int64_t> paddedRows(OnnxNode &n, size_t output, Value slice,
                                         std::optional<int64_t> trips) {
  Ints most{trips.value_or(0)};
  llvm::append_range(most, B::shape(slice));
  bool bounded = trips && *trips <= kMaxPaddedRows;
  std::optional<Ints> shape =
      n.knownShape(output, B::rank(slice) + 1, bounded ? std::optional(most) : std::nullopt);
  if (!shape) {
    (void)n.unsupported("whose trip count is known only at run time collects slices",
                        "expected a trip count that the sizes tell, or the model to declare the "
                        "shape of its output");
    return std::nullopt;
  }
  if (ArrayRef(*shape).drop_front() != B::shape(slice)) {
    (void)n.error("collects slices of shape " + shapeName(B::shape(slice)) +
                  ", but its output is declared as " + shapeName(*shape));
    return std::nullopt;
  }
  return shape->front();
}

static LogicalResult loopAtRunTime(OnnxNode &n, const LoopNode &loop) {
  GraphBuilder &b = n.b;
  size_t count = loop.carried.size();
  SmallVector<size_t> collects;
  for (size_t i = count; i < count + loop.numScans; ++i)
    if (n.isUsed(i))
      collects.push_back(i);
    else if (n.wants(i) && failed(n.setOutput(i, b.splat({0}, b.ops().getF32Type(), 0.0))))
      return failure();
  LoopSpec spec;
  if (!loop.trips || *loop.trips < kEndless)
    spec.bound = n.opt(0);
  spec.carriesCondition = true;
  spec.carried.push_back(b.reshape(loop.condition, {}));
  spec.names.push_back(loop.body->output(0).name());
  spec.carried.append(loop.carried);
  for (size_t i = 0; i < count; ++i)
    spec.names.push_back(loop.body->output(static_cast<int>(1 + i)).name());
  SmallVector<Value> outside(spec.carried);
  spec.body = [&](Value trip, ArrayRef<Value> carried,
                  ArrayRef<Value>) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> arguments{trip};
    // What the body only passes on stays what it is outside: a constant, perhaps.
    for (auto [i, value] : llvm::enumerate(carried))
      arguments.push_back(passedOn(*loop.body, static_cast<int>(i)) == static_cast<int64_t>(1 + i)
                              ? outside[i]
                              : value);
    FailureOr<SmallVector<Value>> results =
        n.host.importSubgraph(*loop.body, arguments, (n.name() + "/").str());
    if (failed(results) || incomplete(*results))
      return results;
    Value &goesOn = results->front();
    if (isList(goesOn) || B::type(goesOn).getNumElements() != 1 || !B::isBool(goesOn))
      return n.error("has a condition that is no single bool");
    goesOn = b.reshape(goesOn, {});
    SmallVector<Value> wanted(results->begin(), results->begin() + 1 + count);
    for (size_t output : collects)
      wanted.push_back((*results)[1 + output]);
    return wanted;
  };
  spec.outputs = [&](ArrayRef<Value> slices,
                     bool endsByBound) -> FailureOr<SmallVector<LoopSpec::Output>> {
    SmallVector<LoopSpec::Output> outputs;
    for (auto [slice, output] : llvm::zip(slices, collects)) {
      std::optional<int64_t> rows;
      if (endsByBound && loop.trips)
        rows = std::max<int64_t>(*loop.trips, 0);
      else if (isList(slice))
        return n.unsupported("that collects sequences", "expected tensors");
      else
        rows = paddedRows(n, output, slice, loop.trips);
      if (!rows)
        return failure();
      outputs.push_back({*rows, 0, false});
    }
    return outputs;
  };
  FailureOr<BuiltLoop> built = buildLoop(b, std::move(spec));
  if (failed(built))
    return failure();
  if (built->results.empty())
    return refuse(n, *built);
  for (size_t i = 0; i < count; ++i)
    if (failed(n.setOutput(i, built->results[1 + i])))
      return failure();
  for (auto [i, output] : llvm::enumerate(collects))
    if (failed(n.setOutput(output, built->results[1 + count + i])))
      return failure();
  return success();
}

static LogicalResult loop(OnnxNode &n) {
  GraphBuilder &b = n.b;
  LoopNode loop;
  loop.body = n.graphAttr("body");
  if (!loop.body)
    return n.error("has no body");
  size_t count = n.numInputs() > 2 ? n.numInputs() - 2 : 0, outputs = loop.body->output_size();
  if (outputs < count + 1 || n.numOutputs() > outputs - 1)
    return n.error("has " + Twine(count) + " values to carry, but a body of " + Twine(outputs) +
                   " outputs");
  for (size_t i = 0; i < count; ++i)
    loop.carried.push_back(n.in(2 + i));
  if (incomplete(loop.carried))
    return failure();
  loop.numScans = outputs - 1 - count;
  if (isList(n.opt(0)) || isList(n.opt(1)))
    return n.error("has a trip count or a condition that is no tensor");
  loop.condition = n.opt(1) ? n.opt(1) : b.scalar(b.ops().getI1Type(), 1);
  if (!B::isBool(loop.condition) || B::type(loop.condition).getNumElements() != 1)
    return n.error("has a condition of type " + elementName(B::element(loop.condition)) +
                   shapeName(B::shape(loop.condition)) + ", expected one bool");
  loop.trips = n.opt(0) ? B::getConstantInt(n.opt(0)) : kEndless;
  if (loop.trips)
    loop.trips = std::min(*loop.trips, kEndless);
  if (!loop.trips || !B::getConstantInt(loop.condition))
    return loopAtRunTime(n, loop);

  auto asLoop = [&] { return n.attempt([&] { return loopAtRunTime(n, loop); }); };
  bool isEndless = *loop.trips == kEndless;
  if ((!isEndless || n.host.isSampled()) && prefersLoop(n, *loop.body, *loop.trips) && asLoop())
    return success();
  // How often an endless loop runs shows as it is written out.
  int64_t few = kMaxUnrolledNodes / std::max<int64_t>(countNodes(*loop.body), 1) + 1;
  Unrolled end = Unrolled::Failed;
  bool isDone = n.attempt(
      [&] {
        end = unroll(n, loop, isEndless ? few : kMaxUnrolledTrips);
        return success(end == Unrolled::Done || end == Unrolled::Failed);
      },
      /*shows=*/true);
  if (!isDone && end == Unrolled::AtRunTime)
    return loopAtRunTime(n, loop);
  if (!isDone && isEndless && asLoop())
    return success();
  if (!isDone && isEndless)
    end = unroll(n, loop, kMaxUnrolledTrips);
  if (end == Unrolled::TooLong)
    return n.unsupported("of more than " + Twine(kMaxUnrolledTrips) + " trips");
  return success(end == Unrolled::Done);
}

namespace {
/// What a Scan does, whichever version says it.
struct ScanSpec {
  const onnx::GraphProto *body;
  Ints inputAxes, outputAxes, inputDirections, outputDirections;
};
} // namespace

/// Imports a scan's body once a step: over `states` and `inputs`: final states, then stacked
/// outputs. Empty after an error or a report.
static SmallVector<Value> unrollScan(OnnxNode &n, const ScanSpec &spec, SmallVector<Value> states,
                                     ArrayRef<Value> inputs, StringRef tag) {
  GraphBuilder &b = n.b;
  size_t outputs = spec.body->output_size() - states.size();
  int64_t trips = B::shape(inputs[0])[spec.inputAxes[0]];
  if (trips > kMaxUnrolledTrips)
    return (void)n.unsupported("of more than " + Twine(kMaxUnrolledTrips) + " steps"),
           SmallVector<Value>();
  SmallVector<SmallVector<Value>> collected(outputs);
  for (int64_t trip = 0; trip < trips; ++trip) {
    SmallVector<Value> arguments(states);
    for (auto [i, input] : llvm::enumerate(inputs)) {
      int64_t at = spec.inputDirections[i] ? trips - 1 - trip : trip;
      arguments.push_back(b.squeeze(b.slice(input, spec.inputAxes[i], at, 1), spec.inputAxes[i]));
    }
    if (incomplete(arguments))
      return {};
    FailureOr<SmallVector<Value>> results =
        n.host.importSubgraph(*spec.body, arguments, tag.str() + tripTag(n, trip));
    if (failed(results))
      return {};
    if (incomplete(*results) || llvm::any_of(*results, isList))
      return (void)n.unsupported("body"), SmallVector<Value>();
    for (size_t i = 0; i < outputs; ++i)
      collected[i].push_back((*results)[states.size() + i]);
    states.assign(results->begin(), results->begin() + states.size());
  }
  SmallVector<Value> results(states);
  for (auto [i, values] : llvm::enumerate(collected)) {
    if (values.empty())
      return (void)n.unsupported("of no steps"), SmallVector<Value>();
    if (spec.outputDirections[i])
      std::reverse(values.begin(), values.end());
    results.push_back(stacked(b, values, spec.outputAxes[i]));
  }
  return incomplete(results) ? SmallVector<Value>() : results;
}

/// The same as one loop.
static LogicalResult scanAtRunTime(OnnxNode &n, const ScanSpec &spec, ArrayRef<Value> states,
                                   ArrayRef<Value> inputs) {
  LoopSpec loop;
  int64_t trips = B::shape(inputs[0])[spec.inputAxes[0]];
  loop.bound = n.b.scalar(n.b.ops().getI64Type(), static_cast<double>(trips));
  loop.carried.assign(states.begin(), states.end());
  for (size_t i = 0; i < states.size(); ++i)
    loop.names.push_back(spec.body->output(static_cast<int>(i)).name());
  for (auto [i, input] : llvm::enumerate(inputs))
    loop.inputs.push_back({input, spec.inputAxes[i], spec.inputDirections[i] != 0});
  loop.body = [&](Value, ArrayRef<Value> carried,
                  ArrayRef<Value> slices) -> FailureOr<SmallVector<Value>> {
    SmallVector<Value> arguments(carried);
    arguments.append(slices.begin(), slices.end());
    return n.host.importSubgraph(*spec.body, arguments, (n.name() + "/").str());
  };
  loop.outputs = [&](ArrayRef<Value> slices, bool) -> FailureOr<SmallVector<LoopSpec::Output>> {
    SmallVector<LoopSpec::Output> outputs;
    for (auto [i, slice] : llvm::enumerate(slices)) {
      int64_t rank = isList(slice) ? 1 : B::rank(slice) + 1;
      std::optional<int64_t> axis = n.b.axis(spec.outputAxes[i], rank);
      if (!axis)
        return failure();
      outputs.push_back({trips, *axis, spec.outputDirections[i] != 0});
    }
    return outputs;
  };
  FailureOr<BuiltLoop> built = buildLoop(n.b, std::move(loop));
  if (failed(built))
    return failure();
  return built->results.empty() ? refuse(n, *built) : n.set(built->results);
}

/// `given` with `count` entries, zeros when absent; nothing (and an error) when it has others.
static std::optional<Ints> listOf(OnnxNode &n, StringRef name, size_t count) {
  Ints list = n.intsAttr(name).value_or(Ints(count, 0));
  if (list.size() == count)
    return list;
  (void)n.error("has " + name + " of " + Twine(list.size()) + " entries, expected " + Twine(count));
  return std::nullopt;
}

static LogicalResult scan(OnnxNode &n) {
  GraphBuilder &b = n.b;
  // Opset 8 scanned a batch, each element for itself.
  bool batched = n.version() < 9;
  ScanSpec spec{n.graphAttr("body"), {}, {}, {}, {}};
  int64_t count = n.intAttr("num_scan_inputs", 0);
  if (!spec.body)
    return n.error("has no body");
  if (batched && n.opt(0))
    return n.unsupported("sequence_lens", "expected none");
  SmallVector<Value> all;
  for (size_t i = batched; i < n.numInputs(); ++i)
    all.push_back(n.in(i));
  if (incomplete(all))
    return failure();
  if (count < 1 || static_cast<size_t>(count) > all.size() ||
      static_cast<size_t>(spec.body->output_size()) < all.size() - count)
    return n.error("has num_scan_inputs " + Twine(count) + " of " + Twine(all.size()) + " inputs");
  size_t states = all.size() - count, outputs = spec.body->output_size() - states;
  std::optional<Ints> inputAxes = listOf(n, "scan_input_axes", count),
                      outputAxes = listOf(n, "scan_output_axes", outputs),
                      inputWays =
                          listOf(n, batched ? "directions" : "scan_input_directions", count),
                      outputWays = listOf(n, "scan_output_directions", outputs);
  if (!inputAxes || !outputAxes || !inputWays || !outputWays)
    return failure();
  spec.inputAxes = *inputAxes;
  spec.outputAxes = *outputAxes;
  spec.inputDirections = *inputWays;
  spec.outputDirections = *outputWays;
  ArrayRef<Value> inputs = ArrayRef(all).drop_front(states);
  for (auto [axis, input] : llvm::zip(spec.inputAxes, inputs)) {
    std::optional<int64_t> normal = b.axis(axis, B::rank(input) - batched);
    if (!normal)
      return failure();
    axis = *normal;
  }
  for (auto [input, axis] : llvm::zip(inputs, spec.inputAxes)) {
    int64_t first = B::shape(inputs[0])[spec.inputAxes[0] + batched];
    if (int64_t extent = B::shape(input)[axis + batched]; extent != first)
      return n.error("scans " + Twine(first) + " and " + Twine(extent) + " elements");
  }
  if (!batched) {
    int64_t trips = B::shape(inputs[0])[spec.inputAxes[0]];
    ArrayRef<Value> before = ArrayRef(all).take_front(states);
    if (prefersLoop(n, *spec.body, trips) &&
        n.attempt([&] { return scanAtRunTime(n, spec, before, inputs); }))
      return success();
    SmallVector<Value> results = unrollScan(n, spec, SmallVector<Value>(before), inputs, "");
    return results.empty() ? failure() : n.set(results);
  }
  SmallVector<SmallVector<Value>> parts;
  int64_t batch = B::rank(inputs[0]) ? B::shape(inputs[0])[0] : 0;
  for (int64_t i = 0; i < batch; ++i) {
    SmallVector<Value> one;
    for (Value value : all)
      one.push_back(b.squeeze(b.sliceRange(value, 0, i, i + 1), 0));
    if (incomplete(one))
      return failure();
    SmallVector<Value> results =
        unrollScan(n, spec, SmallVector<Value>(ArrayRef(one).take_front(states)),
                   ArrayRef(one).drop_front(states), (n.name() + "[" + Twine(i) + "]/").str());
    if (results.empty())
      return failure();
    parts.resize(results.size());
    for (auto [into, value] : llvm::zip(parts, results))
      into.push_back(value);
  }
  for (auto [i, values] : llvm::enumerate(parts))
    if (failed(n.setOutput(i, stacked(b, values, 0))))
      return failure();
  return success();
}

void onnximport::addLoopOps(OpTable &table) {
  table.addOnLists("Loop", loop);
  table.add("Scan", scan);
}
