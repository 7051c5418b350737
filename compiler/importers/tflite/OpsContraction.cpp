// TFLite's matrix products.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/Hybrid.h"
#include "compiler/importers/tflite/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

static LogicalResult fullyConnected(TfliteNode &n) {
  auto *options = n.options<tflite::FullyConnectedOptions>();
  bool isFixed = isFixedPointProduct(n, 0, 1), isHybrid = isHybridProduct(n, 0, 1);
  Value input = isFixed ? centered(n, 0, sumType(n)) : n.in(0);
  Value weights = isFixed    ? centered(n, 1, sumType(n))
                  : isHybrid ? centered(n, 1, n.b.ops().getF32Type())
                             : n.in(1);
  FailureOr<Value> bias = isFixed ? integerBias(n, 2) : n.bias(2, 0, 1);
  if (!options || !input || !weights || failed(bias))
    return failure();
  if (options->weights_format() != tflite::FullyConnectedOptionsWeightsFormat::DEFAULT)
    return n.unsupported("shuffled weights", "expected the default layout");
  if (B::rank(weights) != 2 || B::shape(weights)[1] == 0)
    return n.error("has weights of shape " + shapeName(B::shape(weights)) + ", expected rank 2");
  int64_t inner = B::shape(weights)[1], outputs = B::shape(weights)[0];
  int64_t count = B::type(input).getNumElements();
  if (count % inner)
    return n.error("has an input of shape " + shapeName(B::shape(input)) + " for weights of " +
                   shapeName(B::shape(weights)));
  Ints shape{count / inner, outputs};
  if (options->keep_num_dims()) {
    if (B::rank(input) == 0 || B::shape(input).back() != inner)
      return n.error("has an input of shape " + shapeName(B::shape(input)) + " for weights of " +
                     shapeName(B::shape(weights)));
    shape.assign(B::shape(input).begin(), B::shape(input).end());
    shape.back() = outputs;
  }
  Value bias1 = *bias ? n.b.reshape(*bias, {outputs}) : Value();
  if (*bias && !bias1)
    return failure();
  Value rows = n.b.reshape(input, {count / inner, inner});
  HybridInput rounded;
  if (isHybrid) {
    rounded = hybridInput(n.b, rows, options->asymmetric_quantize_inputs());
    rows = rounded.steps;
  }
  Value result = n.b.matmul(rows, weights, isHybrid ? Value() : bias1, /*transposeB=*/true);
  if (isHybrid) {
    result = hybridResult(n, result, rounded, 1);
    result = bias1 ? n.b.add(result, bias1) : result;
  }
  result = n.b.reshape(result, shape);
  if (isFixed)
    return setSums(n, result, 0, 1, isWide(n) ? Rounding::Once : Rounding::Up, /*product=*/true,
                   options->fused_activation_function());
  return n.set(n.activate(result, options->fused_activation_function()));
}

/// The last two dims swapped.
static Value swapped(GraphBuilder &b, Value value) {
  Ints perm;
  for (int64_t dim = 0; dim < B::rank(value); ++dim)
    perm.push_back(dim);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return b.transpose(value, perm);
}

static LogicalResult batchMatmul(TfliteNode &n) {
  auto *options = n.optionalOptions<tflite::BatchMatMulOptions>();
  bool isFixed = isFixedPointProduct(n, 0, 1) && n.quantization(1).isWhole();
  Value lhs = isFixed ? centered(n, 0, sumType(n)) : n.in(0);
  Value rhs = isFixed ? centered(n, 1, sumType(n)) : n.in(1);
  if (!lhs || !rhs)
    return failure();
  if (B::rank(lhs) < 2 || B::rank(rhs) < 2)
    return n.error("has operands of shapes " + shapeName(B::shape(lhs)) + " and " +
                   shapeName(B::shape(rhs)) + ", expected rank 2 or more");
  if (options && options->adj_x())
    lhs = swapped(n.b, lhs);
  Value result = n.b.matmul(lhs, rhs, {}, options && options->adj_y());
  return isFixed ? setSums(n, result, 0, 1, Rounding::Up, /*product=*/true, {}) : n.set(result);
}

void tfliteimport::addContractionOps(OpTable &table) {
  table.add(Op::FULLY_CONNECTED, fullyConnected);
  table.add(Op::BATCH_MATMUL, batchMatmul);
}
