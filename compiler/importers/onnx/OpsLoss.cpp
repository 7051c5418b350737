// ONNX losses: what a model exported with its training loss computes, at inference.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// The loss of a node, by its attributes.
static Value likelihoodLoss(OnnxNode &n, Value logProbabilities, Value target, Value weight) {
  std::string text = n.stringAttr("reduction", "mean");
  auto reduction = llvm::StringSwitch<std::optional<LossReduction>>(text)
                       .Case("none", LossReduction::None)
                       .Case("mean", LossReduction::Mean)
                       .Case("sum", LossReduction::Sum)
                       .Default(std::nullopt);
  std::optional<int64_t> ignored;
  if (n.has("ignore_index"))
    ignored = n.intAttr("ignore_index", 0);
  if (!reduction) {
    (void)n.unsupported("reduction = " + text, "expected none, sum or mean");
    return {};
  }
  return ingot::likelihoodLoss(n.b, logProbabilities, target, weight, ignored, *reduction);
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
