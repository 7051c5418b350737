// ONNX losses: what a model exported with its training loss computes, at inference.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// -weight[target] * logProbabilities[n, target, …], reduced as the node says. `logProbabilities`
/// [N, C, d…], `target` [N, d…]; positions whose target is `ignore_index` count as nothing.
static Value likelihoodLoss(OnnxNode &n, Value logProbabilities, Value target, Value weight) {
  GraphBuilder &b = n.b;
  std::string reduction = n.stringAttr("reduction", "mean");
  bool ignores = n.has("ignore_index");
  int64_t ignored = n.intAttr("ignore_index", 0);
  if (reduction != "mean" && reduction != "sum" && reduction != "none") {
    (void)n.unsupported("reduction = " + reduction, "expected none, sum or mean");
    return {};
  }
  if (!logProbabilities || !target)
    return {};
  if (B::rank(logProbabilities) < 2 || B::rank(target) != B::rank(logProbabilities) - 1)
    return b.fail("needs scores [N, C, …] and a target [N, …], but got " +
                  shapeName(B::shape(logProbabilities)) + " and " + shapeName(B::shape(target)));
  target = b.cast(target, b.ops().getI64Type());
  Value counts;
  if (ignores) {
    // What is ignored may lie outside the classes; it reads class 0 instead.
    counts = b.cmp(CmpKind::Ne, target, b.scalarLike(target, static_cast<double>(ignored)));
    target = b.select(counts, target, b.scalarLike(target, 0.0));
  }
  Value chosen = b.create<GatherElementsOp>(logProbabilities, b.unsqueeze(target, 1), 1);
  Value loss = b.create<NegOp>(b.squeeze(chosen, 1)), factor;
  if (!loss)
    return {};
  if (weight)
    factor = b.create<GatherOp>(weight, target, 0);
  if (ignores) {
    Value zero = b.scalarLike(loss, 0.0);
    factor = factor ? b.select(counts, factor, zero) : b.cast(counts, B::element(loss));
    // Not a product alone: an ignored score may be infinite.
    loss = b.select(counts, loss, zero);
  }
  if (factor)
    loss = b.mul(loss, factor);
  if (reduction == "none" || !loss)
    return loss;
  Ints all;
  for (int64_t dim = 0; dim < B::rank(loss); ++dim)
    all.push_back(dim);
  if (reduction == "mean" && !factor)
    return b.reduce(ReduceKind::Mean, loss, all, false);
  Value sum = b.reduce(ReduceKind::Sum, loss, all, false);
  return reduction == "sum" ? sum : b.div(sum, b.reduce(ReduceKind::Sum, factor, all, false));
}

static LogicalResult negativeLogLikelihood(OnnxNode &n) {
  return n.set(likelihoodLoss(n, n.in(0), n.in(1), n.opt(2)));
}

static LogicalResult softmaxCrossEntropy(OnnxNode &n) {
  Value scores = n.in(0);
  if (!scores)
    return failure();
  if (B::rank(scores) < 2)
    return n.error("needs scores [N, C, …], but got " + shapeName(B::shape(scores)));
  Value logProbabilities = n.b.softmax(scores, 1, /*log=*/true);
  return n.set({likelihoodLoss(n, logProbabilities, n.in(1), n.opt(2)), logProbabilities});
}

void onnximport::addLossOps(OpTable &table) {
  table.add("NegativeLogLikelihoodLoss", negativeLogLikelihood);
  table.add("SoftmaxCrossEntropyLoss", softmaxCrossEntropy);
}
