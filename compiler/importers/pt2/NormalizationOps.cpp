// Normalisations.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// A parameter for each channel, or `missing` in all of them.
Value channelParameter(Node &n, StringRef name, Value input, double missing) {
  if (Value given = n.optional(name))
    return given;
  return input ? n.b.splat({n.b.shape(input)[1]}, n.b.element(input), missing) : Value();
}

void batchNorm(Node &n) {
  // Without running statistics and a batch of one, this is how an instance norm is decomposed.
  if (Value single = n.optional("input"); single && StringRef(n.op).ends_with(".no_stats") &&
                                          n.b.rank(single) > 2 && n.b.shape(single)[0] == 1)
    return n.result(ingot::instanceNorm(n.b, single, n.optional("weight"), n.optional("bias"),
                                        n.number("eps")));
  bool training = n.flag("training") ||
                  StringRef(n.op).starts_with("_native_batch_norm_legit_functional") ||
                  StringRef(n.op).ends_with(".no_stats");
  if (training)
    return n.unsupported("export the model in eval mode", "training = True");
  Value input = n.tensor("input");
  if (!input || n.b.rank(input) < 2)
    return n.result(input ? n.b.fail("the input has no channels") : Value());
  Value scale = channelParameter(n, "weight", input, 1),
        bias = channelParameter(n, "bias", input, 0);
  Value mean = channelParameter(n, "running_mean", input, 0),
        variance = channelParameter(n, "running_var", input, 1);
  double epsilon = n.number("eps");
  n.result(n.b.create<BatchNormOp>(input, scale, bias, mean, variance, APFloat(epsilon)));
}

void layerNorm(Node &n) {
  Value input = n.tensor("input"), scale = n.optional("weight"), bias = n.optional("bias");
  Ints shape = n.ints("normalized_shape");
  if (!input || n.failed)
    return n.result({});
  uint64_t axis = n.b.rank(input) - std::min<int64_t>(shape.size(), n.b.rank(input));
  n.result(n.b.create<LayerNormOp>(input, scale, bias, axis, APFloat(n.number("eps", 1e-5))));
}

void rmsNorm(Node &n) {
  Value input = n.tensor("input"), scale = n.optional("weight");
  Ints shape = n.ints("normalized_shape");
  if (!input || n.failed)
    return n.result({});
  // Without one, epsilon is that of the element type (of f32 for the narrower floats, which compute
  // in it).
  double missing = n.b.element(input).isF64() ? 2.220446049250313e-16 : 1.1920928955078125e-07;
  uint64_t axis = n.b.rank(input) - std::min<int64_t>(shape.size(), n.b.rank(input));
  n.result(n.b.create<RmsNormOp>(input, scale, axis, APFloat(n.number("eps", missing))));
}

void groupNorm(Node &n) {
  uint64_t groups = n.has("num_groups") ? n.integer("num_groups") : n.integer("group");
  n.result(n.b.create<GroupNormOp>(n.tensor("input"), n.optional("weight"), n.optional("bias"),
                                   groups, APFloat(n.number("eps", 1e-5)), false));
}

void instanceNorm(Node &n) {
  if (!n.flag("use_input_stats", true))
    return batchNorm(n);
  n.result(ingot::instanceNorm(n.b, n.tensor("input"), n.optional("weight"), n.optional("bias"),
                               n.number("eps", 1e-5)));
}

/// v · (g / |v|), the norm over all dims but one.
void weightNorm(Node &n) {
  Value v = n.tensor("v"), g = n.tensor("g");
  auto keep = v ? n.b.axis(n.integer("dim", 0), n.b.rank(v)) : std::nullopt;
  if (!keep || !g)
    return n.result({});
  Ints dims;
  for (int64_t i = 0; i < n.b.rank(v); ++i)
    if (i != *keep)
      dims.push_back(i);
  n.result(n.b.mul(v, n.b.div(g, reduceNorm(n.b, NormKind::L2, v, dims, true))));
}

void cosineSimilarity(Node &n) {
  Value x = n.tensor("x1"), y = n.tensor("x2");
  auto shape = x && y ? broadcastShapes(n.b.shape(x), n.b.shape(y))
                      : llvm::FailureOr<SmallVector<int64_t>>(failure());
  if (mlir::failed(shape))
    return n.result(x && y ? n.b.fail("the operands' shapes do not broadcast") : Value());
  x = n.b.broadcast(x, *shape), y = n.b.broadcast(y, *shape);
  auto axis = n.b.axis(n.integer("dim", 1), shape->size());
  if (!axis)
    return n.result({});
  Value epsilon = n.b.scalarLike(x, n.number("eps", 1e-8));
  auto norm = [&](Value v) {
    return n.b.binary<MaxOp>(reduceNorm(n.b, NormKind::L2, v, {*axis}, true), epsilon);
  };
  n.result(n.b.reduce(ReduceKind::Sum, n.b.mul(n.b.div(x, norm(x)), n.b.div(y, norm(y))), {*axis},
                      false));
}

} // namespace

void addNormalizationOps(OpTable &table) {
  table.add({"batch_norm.default", "_native_batch_norm_legit_no_training.default",
             "_native_batch_norm_legit.default", "_native_batch_norm_legit.no_stats",
             "_native_batch_norm_legit_functional.default", "native_batch_norm.default",
             "_batch_norm_no_update.default"},
            batchNorm);
  table.add({"layer_norm.default", "native_layer_norm.default"}, layerNorm);
  table.add({"rms_norm.default", "_fused_rms_norm.default"}, rmsNorm);
  table.add({"group_norm.default", "native_group_norm.default"}, groupNorm);
  table.add({"instance_norm.default"}, instanceNorm);
  table.add({"_weight_norm.default"}, weightNorm);
  table.add({"cosine_similarity.default"}, cosineSimilarity);
}

} // namespace ingot::pt2
