// ONNX operators that carry a state from call to call as a tensor: linear attention, causal
// convolution; and attention whose scores a sub-graph modifies.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Steps that are written out one after the other.
constexpr int64_t kMaxSteps = 4096;

/// [B, T, H·D] at step t: [B, H, D].
static Value headsAt(GraphBuilder &b, Value value, int64_t step, int64_t heads) {
  if (!value)
    return {};
  ArrayRef<int64_t> shape = B::shape(value);
  return b.reshape(b.slice(value, 1, step, 1), {shape[0], heads, shape[2] / heads});
}

/// The state S [B, H, Dk, Dv] of each step decays, takes in k ⊗ v (for the delta rules: what v adds
/// to what k finds already), and is read by q.
static LogicalResult linearAttention(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value query = n.in(0), key = n.in(1), value = n.in(2), past = n.opt(3), decay = n.opt(4),
        beta = n.opt(5);
  std::string rule = n.stringAttr("update_rule", "gated_delta");
  int64_t queryHeads = n.intAttr("q_num_heads", 0), heads = n.intAttr("kv_num_heads", 0);
  double scale = n.floatAttr("scale", 0.0);
  n.ignoreAttr("chunk_size"); // how to compute it, not what
  bool gated = rule == "gated" || rule == "gated_delta",
       delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear")
    return n.unsupported("update_rule = " + rule, "expected linear, gated, delta or gated_delta");
  if (!query || !key || !value)
    return failure();
  auto ranked = [](Value v) { return !v || B::rank(v) == 3; };
  if (!ranked(query) || !ranked(key) || !ranked(value) || !ranked(decay) || !ranked(beta) ||
      heads < 1 || queryHeads < 1 || queryHeads % heads || B::shape(query)[2] % queryHeads ||
      B::shape(key)[2] % heads || B::shape(value)[2] % heads || gated != !!decay || delta != !!beta)
    return n.error("has heads, ranks, a decay or a beta that do not fit together");
  int64_t batch = B::shape(query)[0], steps = B::shape(query)[1], depth = B::shape(key)[2] / heads,
          width = B::shape(value)[2] / heads;
  auto fits = [&](Value v, std::initializer_list<int64_t> last) {
    return !v || (B::shape(v)[0] == batch && B::shape(v)[1] == steps &&
                  llvm::is_contained(last, B::shape(v)[2]));
  };
  if (B::shape(query)[2] / queryHeads != depth || !fits(key, {heads * depth}) ||
      !fits(value, {heads * width}) || !fits(decay, {heads, heads * depth}) ||
      !fits(beta, {heads, 1}))
    return n.error("has operands of shapes that do not fit together");
  if (steps > kMaxSteps || steps < 1)
    return n.unsupported("of " + Twine(steps) + " steps", "expected 1 to " + Twine(kMaxSteps));
  if (scale == 0.0)
    scale = 1.0 / std::sqrt(static_cast<double>(depth));
  // At least f32 inside.
  Type type = B::element(query), f32 = b.ops().getF32Type();
  Type compute = type.getIntOrFloatBitWidth() < 32 ? f32 : type;
  auto wide = [&](Value v) { return v ? b.cast(v, compute) : v; };
  Value q = wide(query), k = wide(key), v = wide(value), g = wide(decay), beta32 = wide(beta);
  Value state = past ? wide(past) : b.splat({batch, heads, depth, width}, compute, 0.0);
  if (g)
    g = b.create<ExpOp>(g);
  int64_t repeat = queryHeads / heads;
  SmallVector<Value> outputs;
  for (int64_t t = 0; t < steps; ++t) {
    Value kt = headsAt(b, k, t, heads), vt = headsAt(b, v, t, heads);
    if (gated)
      state = b.mul(state, b.unsqueeze(headsAt(b, g, t, heads), 3));
    if (delta) {
      Value found = b.squeeze(b.matmul(b.unsqueeze(kt, 2), state), 2);
      Value rate = headsAt(b, beta32, t, B::shape(beta)[2] == heads ? heads : 1);
      vt = b.mul(rate, b.sub(vt, found));
    }
    state = b.add(state, b.mul(b.unsqueeze(kt, 3), b.unsqueeze(vt, 2)));
    // Query heads of one group read the state of their key head.
    Value qt = b.reshape(headsAt(b, q, t, queryHeads), {batch, heads, repeat, depth});
    Value read = b.scale(b.matmul(qt, state), scale);
    outputs.push_back(b.reshape(read, {batch, 1, queryHeads * width}));
    if (!outputs.back())
      return failure();
  }
  return n.set({b.cast(b.concat(outputs, 1), type), b.cast(state, past ? B::element(past) : type)});
}

static LogicalResult causalConv(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), filter = n.in(1), bias = n.opt(2), past = n.opt(3);
  std::string activation = n.stringAttr("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return n.unsupported("activation = " + activation, "expected none, silu or swish");
  if (!input || !filter)
    return failure();
  if (B::rank(input) != 3 || B::rank(filter) != 3)
    return n.error("needs an input [batch, channels, length] and a filter [channels, 1, taps]");
  int64_t before = B::shape(filter)[2] - 1;
  if (before < 0)
    return n.error("has a filter without taps");
  Value padded = past ? b.concat({past, input}, 2) : b.pad(input, {0, 0, before}, {0, 0, 0});
  if (!padded)
    return failure();
  Ints one{1}, none{0, 0};
  Value result = b.create<ConvOp>(padded, filter, bias, one, none, one, B::shape(filter)[0]);
  if (activation != "none")
    result = b.create<SiluOp>(result);
  return n.set({result, b.slice(padded, 2, B::shape(padded)[2] - before, before)});
}

/// Attention whose scores and weights go through sub-graphs.
static LogicalResult flexAttention(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value query = n.in(0), key = n.in(1), value = n.in(2);
  double scale = n.floatAttr("scale", 0.0);
  bool given = n.has("scale");
  auto precision = static_cast<int32_t>(n.intAttr("softmax_precision", 0));
  const onnx::GraphProto *mods[] = {n.graphAttr("score_mod"), n.graphAttr("prob_mod")};
  if (!query || !key || !value)
    return failure();
  if (B::rank(query) != 4 || B::rank(key) != 4 || B::rank(value) != 4 || B::shape(key)[1] < 1 ||
      B::shape(query)[1] % B::shape(key)[1])
    return n.error("needs operands of rank 4 whose heads fit");
  int64_t repeat = B::shape(query)[1] / B::shape(key)[1], depth = B::shape(query)[3];
  if (!given)
    scale = depth ? 1.0 / std::sqrt(static_cast<double>(depth)) : 1.0;
  Type type = B::element(query);
  Type compute = type.getIntOrFloatBitWidth() < 32 ? b.ops().getF32Type() : type;
  if (precision && !(compute = elementType(b.context(), precision)))
    return n.unsupported("softmax_precision " + dataTypeName(precision), "expected a float type");
  if (!isa<FloatType>(compute))
    return n.unsupported("softmax_precision " + elementName(compute), "expected a float type");
  auto repeated = [&](Value of) {
    Ints shape(B::shape(of)), wide(shape);
    wide.insert(wide.begin() + 2, repeat);
    shape[1] *= repeat;
    return repeat == 1 ? of : b.reshape(b.broadcast(b.unsqueeze(of, 2), wide), shape);
  };
  Value scores =
      b.cast(b.scale(b.matmul(query, repeated(key), {}, /*transposeB=*/true), scale), compute);
  if (!scores)
    return failure();
  auto modified = [&](Value x, const onnx::GraphProto *graph, StringRef tag) -> FailureOr<Value> {
    if (!graph || !x)
      return x;
    FailureOr<SmallVector<Value>> results =
        n.host.importSubgraph(*graph, x, (n.name() + "/" + tag + "/").str());
    if (failed(results))
      return failure();
    if (results->size() != 1 || !results->front() || isList(results->front()))
      return n.unsupported(tag);
    return b.cast(results->front(), compute);
  };
  FailureOr<Value> masked = modified(scores, mods[0], "score_mod");
  if (failed(masked))
    return failure();
  FailureOr<Value> weights = modified(b.softmax(*masked, -1), mods[1], "prob_mod");
  if (failed(weights))
    return failure();
  return n.set(b.cast(b.matmul(*weights, b.cast(repeated(value), compute)), B::element(value)));
}

void onnximport::addStateOps(OpTable &table) {
  table.add("LinearAttention", linearAttention);
  table.add("CausalConvWithState", causalConv);
  table.add("ai.onnx.preview", "FlexAttention", 1, kNewest, flexAttention);
}
