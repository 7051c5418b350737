// TFLite's activations, softmax and L2 normalisation.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using Activation = tflite::ActivationFunctionType;

template <typename G> static LogicalResult simple(TfliteNode &n) {
  Value value = n.in(0);
  return value ? n.set(n.b.create<G>(value)) : failure();
}

/// Whether the operator is a function from i16 to i16.
static bool isWideFunction(TfliteNode &n) {
  return isFixedPoint(n) && isWide(n) && n.outputElement() == GraphBuilder::element(n.stored(0));
}

static LogicalResult tanh(TfliteNode &n) {
  return isWideFunction(n) ? quantizedTanh(n) : simple<TanhOp>(n);
}

static LogicalResult logistic(TfliteNode &n) {
  return isWideFunction(n) ? quantizedSigmoid(n) : simple<SigmoidOp>(n);
}

template <Activation kind> static LogicalResult activation(TfliteNode &n) {
  if (kind != Activation::TANH && isFixedPoint(n))
    return quantizedRescale(n, kind);
  return n.set(n.activate(n.in(0), kind));
}

static LogicalResult relu0To1(TfliteNode &n) { return n.set(n.b.clamp(n.in(0), 0.0, 1.0)); }

static LogicalResult leakyRelu(TfliteNode &n) {
  Value value = n.in(0);
  auto *options = n.options<tflite::LeakyReluOptions>();
  if (!value || !options)
    return failure();
  if (isFixedPoint(n))
    return quantizedLeakyRelu(n, options->alpha());
  return n.set(n.b.create<LeakyReluOp>(value, APFloat(double(options->alpha()))));
}

static LogicalResult elu(TfliteNode &n) {
  Value value = n.in(0);
  return value ? n.set(n.b.create<EluOp>(value, APFloat(1.0), APFloat(1.0), APFloat(1.0)))
               : failure();
}

static LogicalResult gelu(TfliteNode &n) {
  Value value = n.in(0);
  auto *options = n.optionalOptions<tflite::GeluOptions>();
  bool isApproximate = options && options->approximate();
  if (value && isWideFunction(n))
    return quantizedFunction(n, [&](float x) {
      constexpr auto kRoot = static_cast<float>(M_SQRT1_2);
      constexpr auto kFactor = static_cast<float>(M_2_SQRTPI * M_SQRT1_2);
      return isApproximate ? 0.5f * x * (1.f + std::tanh(kFactor * (x + 0.044715f * x * x * x)))
                           : 0.5f * x * (1.f + std::erf(x * kRoot));
    });
  return value ? n.set(n.b.create<GeluOp>(value, isApproximate)) : failure();
}

static LogicalResult preluOp(TfliteNode &n) {
  if (isFixedPoint(n, 2))
    return quantizedPrelu(n);
  return n.set(prelu(n.b, n.in(0), n.in(1)));
}

static LogicalResult softmax(TfliteNode &n) {
  Value value = n.in(0);
  auto *options = n.options<tflite::SoftmaxOptions>();
  if (!value || !options)
    return failure();
  if (isWideFunction(n))
    return quantizedSoftmax(n, options->beta());
  return n.set(n.b.softmax(n.b.scale(value, options->beta()), -1));
}

static LogicalResult logSoftmax(TfliteNode &n) {
  return n.set(n.b.softmax(n.in(0), -1, /*log=*/true));
}

/// Divided by the norm along the last dim, which counts as 1e-6 at least.
static LogicalResult l2Normalization(TfliteNode &n) {
  Value value = n.in(0);
  if (!value)
    return failure();
  if (isFixedPoint(n) && !isWide(n))
    return quantizedL2Normalization(n);
  return n.set(
      n.activate(lpNormalize(n.b, value, 2, -1, 1e-6), fusedActivation<tflite::L2NormOptions>(n)));
}

void tfliteimport::addActivationOps(OpTable &table) {
  table.add(Op::RELU, activation<Activation::RELU>);
  table.add(Op::RELU6, activation<Activation::RELU6>);
  table.add(Op::RELU_N1_TO_1, activation<Activation::RELU_N1_TO_1>);
  table.add(Op::RELU_0_TO_1, relu0To1);
  table.add(Op::TANH, tanh);
  table.add(Op::LOGISTIC, logistic);
  table.add(Op::HARD_SWISH, simple<HardSwishOp>);
  table.add(Op::LEAKY_RELU, leakyRelu);
  table.add(Op::PRELU, preluOp);
  table.add(Op::ELU, elu);
  table.add(Op::GELU, gelu);
  table.add(Op::SOFTMAX, softmax);
  table.add(Op::LOG_SOFTMAX, logSoftmax);
  table.add(Op::L2_NORMALIZATION, l2Normalization);
}
