// Operators of the com.microsoft domain that ONNX Runtime's optimiser writes.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/Attention.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

static LogicalResult fusedMatmul(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value lhs = n.in(0), rhs = n.in(1);
  double alpha = n.floatAttr("alpha", 1.0);
  bool transA = n.intAttr("transA", 0), transB = n.intAttr("transB", 0);
  bool batchA = n.intAttr("transBatchA", 0), batchB = n.intAttr("transBatchB", 0);
  // The rows of the matrices come first, before the batches: [d0, d1…, dn] is [d1…, d0, dn].
  auto rowsFirst = [&](Value value) {
    if (!value || B::rank(value) < 3)
      return value;
    Ints perm;
    for (int64_t dim = 1; dim + 1 < B::rank(value); ++dim)
      perm.push_back(dim);
    perm.append({0, B::rank(value) - 1});
    return b.transpose(value, perm);
  };
  lhs = batchA ? rowsFirst(lhs) : lhs;
  rhs = batchB ? rowsFirst(rhs) : rhs;
  auto swapped = [&](Value value) {
    if (!value || B::rank(value) < 2)
      return value;
    Ints perm;
    for (int64_t dim = 0; dim < B::rank(value); ++dim)
      perm.push_back(dim);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return b.transpose(value, perm);
  };
  return n.set(
      b.scale(matmulAnyRank(b, transA ? swapped(lhs) : lhs, transB ? swapped(rhs) : rhs), alpha));
}

/// A Gemm and the activation after it.
static LogicalResult fusedGemm(OnnxNode &n) {
  GraphBuilder &b = n.b;
  double alpha = n.floatAttr("alpha", 1.0), beta = n.floatAttr("beta", 1.0);
  bool transA = n.intAttr("transA", 0), transB = n.intAttr("transB", 0);
  std::string activation = n.stringAttr("activation", "");
  double slope = n.floatAttr("activation_alpha", 0.01f);
  Value product = gemm(b, n.in(0), n.in(1), n.opt(2), alpha, beta, transA, transB);
  if (activation == "Relu")
    return n.set(b.create<ReluOp>(product));
  if (activation == "Tanh")
    return n.set(b.create<TanhOp>(product));
  if (activation == "Sigmoid")
    return n.set(b.create<SigmoidOp>(product));
  if (activation == "LeakyRelu" && product)
    return n.set(b.select(b.cmp(CmpKind::Lt, product, b.scalarLike(product, 0.0)),
                          b.scale(product, slope), product));
  return n.unsupported("activation = " + activation, "expected Relu, LeakyRelu, Tanh or Sigmoid");
}

static LogicalResult gelu(OnnxNode &n) { return n.set(n.b.create<GeluOp>(n.in(0), false)); }

static LogicalResult biasGelu(OnnxNode &n) {
  return n.set(n.b.create<GeluOp>(n.b.add(n.in(0), n.in(1)), false));
}

static LogicalResult fastGelu(OnnxNode &n) {
  Value input = n.in(0);
  return n.set(n.b.create<GeluOp>(n.opt(1) ? n.b.add(input, n.opt(1)) : input, true));
}

static LogicalResult quickGelu(OnnxNode &n) {
  Value input = n.in(0);
  return n.set(
      n.b.mul(input, n.b.create<SigmoidOp>(n.b.scale(input, n.floatAttr("alpha", 1.702f)))));
}

/// The sum of input, skip and bias (input `biasIndex`, optional), which is also output 3.
static Value skipSum(OnnxNode &n, size_t biasIndex) {
  Value sum = n.b.add(n.in(0), n.in(1));
  if (n.opt(biasIndex))
    sum = n.b.add(sum, n.opt(biasIndex));
  if (sum && n.wants(3))
    (void)n.setOutput(3, sum);
  return sum;
}

static LogicalResult skipLayerNorm(OnnxNode &n) {
  double epsilon = n.floatAttr("epsilon", 1e-12f);
  if (n.wants(1) || n.wants(2))
    return n.unsupported("output mean or inv_std_var");
  Value sum = skipSum(n, 4);
  return n.setOutput(0, layerNorm(n, sum, n.in(2), n.opt(3), -1, epsilon));
}

static LogicalResult skipRmsNorm(OnnxNode &n) {
  double epsilon = n.floatAttr("epsilon", 1e-12f);
  if (n.wants(1) || n.wants(2))
    return n.unsupported("output mean or inv_std_var");
  Value sum = skipSum(n, 3);
  return n.setOutput(0, rmsNorm(n, sum, n.in(2), -1, epsilon));
}

void onnximport::addMicrosoftOps(OpTable &table) {
  StringRef domain = "com.microsoft";
  addMicrosoftAttentionOps(table);
  addMicrosoftQuantizedOps(table);
  table.add(domain, "FusedMatMul", 1, kNewest, fusedMatmul);
  table.add(domain, "FusedGemm", 1, kNewest, fusedGemm);
  table.add(domain, "Gelu", 1, kNewest, gelu);
  table.add(domain, "BiasGelu", 1, kNewest, biasGelu);
  table.add(domain, "FastGelu", 1, kNewest, fastGelu);
  table.add(domain, "QuickGelu", 1, kNewest, quickGelu);
  table.add(domain, "SkipLayerNormalization", 1, kNewest, skipLayerNorm);
  table.add(domain, "SkipSimplifiedLayerNormalization", 1, kNewest, skipRmsNorm);
}
