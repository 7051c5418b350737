// Losses: programs that were exported with what they are trained by.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// Sets the result to a loss's elements (null: failed), reduced as the argument `reduction` says.
void finish(Node &n, Value loss) {
  int64_t reduction = n.integer("reduction", 1);
  if (!loss || n.failed)
    return n.result({});
  if (reduction < 0 || reduction > 2)
    return n.result(n.b.fail("reduction is " + Twine(reduction) + ", expected 0, 1 or 2"));
  n.result(reduceLoss(n.b, loss, static_cast<LossReduction>(reduction)));
}

Value difference(Node &n) { return n.b.sub(n.operand("self"), n.operand("target")); }
Value square(Node &n, Value x) { return n.b.mul(x, x); }
/// max(x, 0), NaN kept.
Value positive(Node &n, Value x) { return n.b.create<ReluOp>(x); }

/// Quadratic for |x| below `limit`, linear beyond; smooth_l1 is huber divided by the limit.
void huber(Node &n, StringRef limitName, bool smooth) {
  double limit = n.number(limitName, 1);
  Value x = n.b.create<AbsOp>(difference(n));
  if (smooth && limit == 0)
    return finish(n, x);
  Value inner = n.b.scale(square(n, x), smooth ? 0.5 / limit : 0.5);
  Value outer = n.b.scale(n.b.sub(x, n.b.scalarLike(x, 0.5 * limit)), smooth ? 1 : limit);
  finish(n, n.b.select(n.b.cmp(CmpKind::Lt, x, n.b.scalarLike(x, limit)), inner, outer));
}

/// target · (log target - input), 0 where the target is 0.
void divergence(Node &n) {
  Value input = n.operand("self"), target = n.operand("target");
  if (n.flag("log_target"))
    return finish(n, n.b.mul(n.b.create<ExpOp>(target), n.b.sub(target, input)));
  Value entropy = n.b.mul(target, n.b.create<LogOp>(target));
  Value zero = n.b.cmp(CmpKind::Eq, target, n.b.scalarLike(target, 0));
  entropy = n.b.select(zero, n.b.scalarLike(target, 0), entropy);
  finish(n, n.b.sub(entropy, n.b.mul(target, input)));
}

Value weighted(Node &n, Value loss) {
  return n.has("weight") ? n.b.mul(loss, n.operand("weight")) : loss;
}

void binaryCrossEntropy(Node &n) {
  // Logarithms are bounded by -100, as torch has them.
  auto logarithm = [&](Value x) {
    Value y = n.b.create<LogOp>(x);
    return n.b.binary<MaxOp>(y, n.b.scalarLike(y, -100));
  };
  Value x = n.operand("self"), target = n.operand("target"), one = n.b.scalarLike(x, 1);
  Value no = n.b.mul(n.b.sub(target, one), logarithm(n.b.sub(one, x)));
  finish(n, weighted(n, n.b.sub(no, n.b.mul(target, logarithm(x)))));
}

void binaryCrossEntropyWithLogits(Node &n) {
  // (1 - y) x - w log(sigmoid x), where w = 1 + (positive weight - 1) y.
  Value x = n.operand("self"), target = n.operand("target"), one = n.b.scalarLike(x, 1);
  Value minusLog = n.b.create<SoftplusOp>(n.b.create<NegOp>(x));
  if (n.has("pos_weight")) {
    Value excess = n.b.sub(n.operand("pos_weight"), one);
    minusLog = n.b.mul(n.b.add(n.b.mul(excess, target), one), minusLog);
  }
  finish(n, weighted(n, n.b.add(n.b.mul(n.b.sub(one, target), x), minusLog)));
}

/// Scores of one sample without a batch dim get one; gives whether they had none.
bool addBatch(Node &n, Value &scores, Value &target) {
  if (!scores || !target || n.b.rank(scores) != 1)
    return false;
  scores = n.b.unsqueeze(scores, {0});
  target = n.b.unsqueeze(target, {0});
  return true;
}

void likelihood(Node &n, Value scores) {
  Value target = n.tensor("target"), weight = n.optional("weight");
  int64_t reduction = n.integer("reduction", 1), ignored = n.integer("ignore_index", -100);
  bool single = addBatch(n, scores, target);
  if (!scores || !target || n.failed || reduction < 0 || reduction > 2)
    return n.result({});
  Value loss =
      likelihoodLoss(n.b, scores, target, weight, ignored, static_cast<LossReduction>(reduction));
  n.result(single && loss && n.b.rank(loss) == 1 ? n.b.squeeze(loss, {0}) : loss, 0);
}

void crossEntropy(Node &n) {
  Value scores = n.tensor("self"), target = n.tensor("target");
  double smoothing = n.number("label_smoothing", 0);
  if (!scores || !target || n.failed || n.b.rank(scores) < 1)
    return n.result({});
  int64_t axis = n.b.rank(scores) == 1 ? 0 : 1;
  scores = n.b.softmax(scores, axis, /*log=*/true);
  if (!scores || (!n.b.isFloat(target) && smoothing == 0))
    return likelihood(n, scores);
  if (!n.b.isFloat(target))
    return n.unsupported("give probabilities as the target", "label_smoothing of class indices");
  // Probabilities: the sum over the classes; its mean is over the samples alone.
  double classes = (double)n.b.shape(scores)[axis];
  if (smoothing != 0)
    target = n.b.add(n.b.scale(target, 1 - smoothing), n.b.scalarLike(target, smoothing / classes));
  Value terms = n.b.mul(scores, target);
  if (Value weight = n.optional("weight")) {
    Ints shape(n.b.rank(scores), 1);
    shape[axis] = n.b.type(weight).getNumElements();
    terms = n.b.mul(terms, n.b.reshape(weight, shape));
  }
  if (terms)
    finish(n, n.b.create<NegOp>(n.b.reduce(ReduceKind::Sum, terms, {axis}, false)));
  else
    n.result({});
}

/// |x1 - x2 + epsilon| in the p-norm along the last dim.
Value distance(Node &n, Value x1, Value x2, double p, double epsilon, bool keep) {
  Value x = n.b.create<AbsOp>(n.b.add(n.b.sub(x1, x2), n.b.scalarLike(x1, epsilon)));
  if (!x || n.b.rank(x) == 0)
    return x;
  int64_t last = n.b.rank(x) - 1;
  if (p == 2)
    return reduceNorm(n.b, NormKind::L2, x, {last}, keep);
  if (p == 1)
    return reduceNorm(n.b, NormKind::L1, x, {last}, keep);
  if (std::isinf(p) && p > 0)
    return n.b.reduce(ReduceKind::Max, x, {last}, keep);
  Value sum = n.b.reduce(ReduceKind::Sum, n.b.binary<PowOp>(x, n.b.scalarLike(x, p)), {last}, keep);
  return n.b.binary<PowOp>(sum, n.b.scalarLike(sum, 1 / p));
}

void triplet(Node &n) {
  Value anchor = n.operand("anchor"), plus = n.operand("positive"), minus = n.operand("negative");
  double margin = n.number("margin", 1), p = n.number("p", 2), epsilon = n.number("eps", 1e-6);
  Value near = distance(n, anchor, plus, p, epsilon, false),
        far = distance(n, anchor, minus, p, epsilon, false);
  if (n.flag("swap"))
    far = n.b.binary<MinOp>(far, distance(n, plus, minus, p, epsilon, false));
  finish(n, positive(n, n.b.add(n.b.sub(near, far), n.b.scalarLike(near, margin))));
}

/// Targets 1 and -1 choose one of two values, others 0.
Value bySign(Node &n, Value target, Value ofOne, Value ofMinusOne) {
  Value zero = n.b.scalarLike(ofOne, 0);
  auto is = [&](double sign) { return n.b.cmp(CmpKind::Eq, target, n.b.scalarLike(target, sign)); };
  return n.b.add(n.b.select(is(1), ofOne, zero), n.b.select(is(-1), ofMinusOne, zero));
}

void cosineEmbedding(Node &n) {
  constexpr double kEpsilon = 1e-12; // torch's
  Value x = n.operand("input1"), y = n.operand("input2");
  if (!x || !y || n.b.rank(x) == 0)
    return n.result({});
  int64_t last = n.b.rank(x) - 1;
  auto product = [&](Value a, Value b) {
    return n.b.reduce(ReduceKind::Sum, n.b.mul(a, b), {last}, false);
  };
  auto length = [&](Value a) {
    Value sum = product(a, a);
    return n.b.add(sum, n.b.scalarLike(sum, kEpsilon));
  };
  Value cosine = n.b.div(product(x, y), n.b.create<SqrtOp>(n.b.mul(length(x), length(y))));
  Value same = n.b.sub(n.b.scalarLike(cosine, 1), cosine);
  Value other = positive(n, n.b.sub(cosine, n.b.scalarLike(cosine, n.number("margin", 0))));
  finish(n, bySign(n, n.tensor("target"), same, other));
}

} // namespace

void addLossOps(OpTable &table) {
  table.add({"l1_loss.default"}, [](Node &n) { finish(n, n.b.create<AbsOp>(difference(n))); });
  table.add({"mse_loss.default"}, [](Node &n) { finish(n, square(n, difference(n))); });
  table.add({"smooth_l1_loss.default"}, [](Node &n) { huber(n, "beta", true); });
  table.add({"huber_loss.default"}, [](Node &n) { huber(n, "delta", false); });
  table.add({"kl_div.default"}, divergence);
  table.add({"binary_cross_entropy.default"}, binaryCrossEntropy);
  table.add({"binary_cross_entropy_with_logits.default"}, binaryCrossEntropyWithLogits);
  table.add({"nll_loss_nd.default", "nll_loss.default", "nll_loss2d.default",
             "nll_loss_forward.default", "nll_loss2d_forward.default"},
            [](Node &n) { likelihood(n, n.tensor("self")); });
  table.add({"cross_entropy_loss.default"}, crossEntropy);
  table.add({"soft_margin_loss.default"}, [](Node &n) {
    // log(1 + exp(-target · x))
    Value product = n.b.mul(n.operand("self"), n.operand("target"));
    finish(n, n.b.create<SoftplusOp>(n.b.create<NegOp>(product)));
  });
  table.add({"margin_ranking_loss.default"}, [](Node &n) {
    Value product = n.b.mul(n.operand("target"), n.b.sub(n.operand("input2"), n.operand("input1")));
    finish(n, positive(n, n.b.add(product, n.b.scalarLike(product, n.number("margin", 0)))));
  });
  table.add({"hinge_embedding_loss.default"}, [](Node &n) {
    // The margin's part where the target is not 1, the element's where it is not -1.
    Value x = n.operand("self"), target = n.operand("target"), zero = n.b.scalarLike(x, 0);
    Value part = positive(n, n.b.sub(n.b.scalarLike(x, n.number("margin", 1)), x));
    Value plus = n.b.cmp(CmpKind::Eq, target, n.b.scalarLike(target, 1)),
          minus = n.b.cmp(CmpKind::Eq, target, n.b.scalarLike(target, -1));
    finish(n, n.b.add(n.b.select(plus, zero, part), n.b.select(minus, zero, x)));
  });
  table.add({"cosine_embedding_loss.default"}, cosineEmbedding);
  table.add({"triplet_margin_loss.default"}, triplet);
  table.add({"poisson_nll_loss.default"}, [](Node &n) {
    if (n.flag("full"))
      return n.unsupported("expected full = False", "full = True");
    Value x = n.operand("input"), target = n.operand("target");
    if (n.flag("log_input"))
      return finish(n, n.b.sub(n.b.create<ExpOp>(x), n.b.mul(target, x)));
    Value shifted = n.b.add(x, n.b.scalarLike(x, n.number("eps")));
    finish(n, n.b.sub(x, n.b.mul(target, n.b.create<LogOp>(shifted))));
  });
  table.add({"pairwise_distance.default"}, [](Node &n) {
    n.result(distance(n, n.operand("x1"), n.operand("x2"), n.number("p", 2), n.number("eps", 1e-6),
                      n.flag("keepdim")));
  });
}

} // namespace ingot::pt2
