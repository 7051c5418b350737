// ONNX Loop and Scan whose trip count is known at import: their bodies are imported once a trip.
//
// What a body computes from constants folds, so that shapes may change from trip to trip, as the
// format allows. Loops that run a number of times known only at run time are refused by name.
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Trips of one loop: what is more would not compile in reasonable time.
constexpr int64_t kMaxTrips = 1 << 14;

static std::string tripTag(OnnxNode &n, int64_t trip) {
  return (n.name() + "[" + Twine(trip) + "]/").str();
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

static LogicalResult loop(OnnxNode &n) {
  GraphBuilder &b = n.b;
  const onnx::GraphProto *body = n.graphAttr("body");
  if (!body)
    return n.error("has no body");
  std::optional<int64_t> trips = n.constantInt(0, "trip count", kMaxTrips + 1);
  if (!trips)
    return failure();
  size_t carriedCount = n.numInputs() > 2 ? n.numInputs() - 2 : 0;
  if (static_cast<size_t>(body->output_size()) < carriedCount + 1 ||
      n.numOutputs() > static_cast<size_t>(body->output_size()) - 1)
    return n.error("has " + Twine(carriedCount) + " values to carry, but a body of " +
                   Twine(body->output_size()) + " outputs");
  SmallVector<Value> carried;
  for (size_t i = 0; i < carriedCount; ++i)
    carried.push_back(n.in(2 + i));
  if (incomplete(carried))
    return failure();
  size_t scans = body->output_size() - 1 - carriedCount;
  SmallVector<SmallVector<Value>> collected(scans);
  if (isList(n.opt(1)))
    return n.error("has a condition that is no tensor");
  Value condition = n.opt(1) ? n.opt(1) : b.scalar(b.ops().getI1Type(), 1);
  for (int64_t trip = 0; trip < *trips; ++trip) {
    std::optional<int64_t> goesOn = B::getConstantInt(condition);
    if (!goesOn)
      return n.unsupported("whose condition is computed at run time",
                           "expected a trip count known at import");
    if (!*goesOn)
      break;
    if (trip == kMaxTrips)
      return n.unsupported("of more than " + Twine(kMaxTrips) + " trips");
    SmallVector<Value> arguments{b.scalar(b.ops().getI64Type(), static_cast<double>(trip)),
                                 condition};
    arguments.append(carried);
    FailureOr<SmallVector<Value>> results =
        n.host.importSubgraph(*body, arguments, tripTag(n, trip));
    if (failed(results))
      return failure();
    if (incomplete(*results))
      return n.unsupported("body"); // the body's own node is reported beside it
    condition = results->front();
    if (isList(condition))
      return n.error("has a condition that is no tensor");
    carried.assign(results->begin() + 1, results->begin() + 1 + carriedCount);
    for (size_t i = 0; i < scans; ++i) {
      Value value = (*results)[1 + carriedCount + i];
      if (isList(value))
        return n.unsupported("that collects sequences", "expected tensors");
      collected[i].push_back(value);
    }
  }
  for (size_t i = 0; i < carriedCount; ++i)
    if (failed(n.setOutput(i, carried[i])))
      return failure();
  for (size_t i = 0; i < scans; ++i) {
    if (!n.wants(carriedCount + i))
      continue;
    if (collected[i].empty())
      return n.unsupported("that collects the results of no trips");
    if (failed(n.setOutput(carriedCount + i, stacked(b, collected[i], 0))))
      return failure();
  }
  return success();
}

namespace {
/// What a Scan does, whichever version says it.
struct ScanSpec {
  const onnx::GraphProto *body;
  Ints inputAxes, outputAxes, inputDirections, outputDirections;
};
} // namespace

/// Runs a scan over `states` and `inputs`: final states, then stacked outputs. Empty after an error
/// or a report.
static SmallVector<Value> runScan(OnnxNode &n, const ScanSpec &spec, SmallVector<Value> states,
                                  ArrayRef<Value> inputs, StringRef tag) {
  GraphBuilder &b = n.b;
  size_t outputs = spec.body->output_size() - states.size();
  int64_t trips = -1;
  for (auto [input, axis] : llvm::zip(inputs, spec.inputAxes)) {
    int64_t extent = B::shape(input)[axis];
    if (trips >= 0 && extent != trips)
      return (void)n.error("scans " + Twine(trips) + " and " + Twine(extent) + " elements"),
             SmallVector<Value>();
    trips = extent;
  }
  if (trips > kMaxTrips)
    return (void)n.unsupported("of more than " + Twine(kMaxTrips) + " steps"), SmallVector<Value>();
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
  if (!batched) {
    SmallVector<Value> results =
        runScan(n, spec, SmallVector<Value>(ArrayRef(all).take_front(states)), inputs, "");
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
        runScan(n, spec, SmallVector<Value>(ArrayRef(one).take_front(states)),
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
