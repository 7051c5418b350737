// Losses that every importer knows: what a model exported with its training loss computes.
#include "compiler/importers/common/Decompositions.h"

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

Value ingot::reduceLoss(GraphBuilder &b, Value loss, LossReduction reduction) {
  if (!loss || reduction == LossReduction::None)
    return loss;
  Ints all;
  for (int64_t dim = 0; dim < B::rank(loss); ++dim)
    all.push_back(dim);
  if (all.empty())
    return loss;
  return b.reduce(reduction == LossReduction::Mean ? ReduceKind::Mean : ReduceKind::Sum, loss, all,
                  false);
}

Value ingot::likelihoodLoss(GraphBuilder &b, Value logProbabilities, Value target, Value weight,
                            std::optional<int64_t> ignored, LossReduction reduction) {
  if (!logProbabilities || !target)
    return {};
  if (B::rank(logProbabilities) < 2 || B::rank(target) != B::rank(logProbabilities) - 1)
    return b.fail("needs scores [N, C, …] and a target [N, …], but got " +
                  shapeName(B::shape(logProbabilities)) + " and " + shapeName(B::shape(target)));
  target = b.cast(target, b.ops().getI64Type());
  Value counts;
  if (ignored) {
    // What is ignored may lie outside the classes; it reads class 0 instead.
    counts = b.cmp(CmpKind::Ne, target, b.scalarLike(target, static_cast<double>(*ignored)));
    target = b.select(counts, target, b.scalarLike(target, 0.0));
  }
  Value chosen = b.create<GatherElementsOp>(logProbabilities, b.unsqueeze(target, 1), 1);
  Value loss = b.create<NegOp>(b.squeeze(chosen, 1)), factor;
  if (!loss)
    return {};
  if (weight)
    factor = b.create<GatherOp>(weight, target, 0);
  if (ignored) {
    Value zero = b.scalarLike(loss, 0.0);
    factor = factor ? b.select(counts, factor, zero) : b.cast(counts, B::element(loss));
    // Not a product alone: an ignored score may be infinite.
    loss = b.select(counts, loss, zero);
  }
  if (factor)
    loss = b.mul(loss, factor);
  if (reduction != LossReduction::Mean || !factor)
    return reduceLoss(b, loss, reduction);
  return b.div(reduceLoss(b, loss, LossReduction::Sum), reduceLoss(b, factor, LossReduction::Sum));
}
