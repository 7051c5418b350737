// TFLite's recurrent layers. Their states are tensors that are variables.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/OpTable.h"
#include "compiler/importers/tflite/Quantized.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;
using Activation = tflite::ActivationFunctionType;

/// Reports an operator with operands that are not floats.
static LogicalResult checkFloats(TfliteNode &n, ArrayRef<size_t> places) {
  for (size_t i : places)
    if (n.has(i) && n.stored(i) && !B::isFloat(n.stored(i)))
      return n.unsupported("of " + elementName(B::element(n.stored(i))), "expected floats");
  return success();
}

/// Input `i` of shape `shape`.
static Value shaped(TfliteNode &n, size_t i, ArrayRef<int64_t> shape) {
  Value value = n.in(i);
  if (!value || B::shape(value) == shape)
    return value;
  (void)n.error("has an input " + Twine(i) + " of shape " + shapeName(B::shape(value)) +
                ", expected " + shapeName(shape));
  return {};
}

/// The input sequence [T, B, I]: transposed when batches come first, T = 1 for a single step.
static Value sequence(TfliteNode &n, bool timeMajor) {
  Value input = n.in(0);
  if (input && B::rank(input) == 2)
    return n.b.unsqueeze(input, 0);
  if (input && B::rank(input) != 3) {
    (void)n.error("has an input of shape " + shapeName(B::shape(input)));
    return {};
  }
  return timeMajor ? input : n.b.transpose(input, {1, 0, 2});
}

/// The output [T, 1, B, H] of a layer in the order of the input.
static Value ordered(TfliteNode &n, Value output, bool timeMajor) {
  output = n.b.squeeze(output, 1);
  if (B::rank(n.in(0)) == 2)
    return n.b.squeeze(output, 0);
  return timeMajor ? output : n.b.transpose(output, {1, 0, 2});
}

namespace {
/// Where the operands of one direction of an LSTM are. Gates are i, f, c, o.
struct LstmPlaces {
  size_t weights, recurrence, peepholes, biases, projection, hidden, cell;
};
} // namespace

/// One direction; null and an error (or a report) when it cannot be.
static Value lstmDirection(TfliteNode &n, const LstmPlaces &at, bool timeMajor, bool reverse) {
  GraphBuilder &b = n.b;
  for (size_t i = 0; i < 3; ++i)
    if (n.has(at.peepholes + i))
      return (void)n.unsupported("peepholes", "expected none"), Value();
  if (n.has(at.projection))
    return (void)n.unsupported("a projection", "expected none"), Value();
  if (!n.has(at.weights) || !n.has(at.recurrence))
    return (void)n.unsupported("coupled input and forget gates", "expected four gates"), Value();
  Value input = sequence(n, timeMajor), first = n.in(at.weights);
  if (!input || !first)
    return {};
  int64_t batch = B::shape(input)[1], features = B::shape(input)[2],
          width = B::rank(first) ? B::shape(first)[0] : 0;
  // The order of ingot.lstm: i, o, f, c.
  SmallVector<Value> weights, recurrence, biases;
  for (size_t gate : {0, 3, 1, 2}) {
    weights.push_back(shaped(n, at.weights + gate, {width, features}));
    recurrence.push_back(shaped(n, at.recurrence + gate, {width, width}));
    biases.push_back(shaped(n, at.biases + gate, {width}));
    if (!weights.back() || !recurrence.back() || !biases.back())
      return {};
  }
  Value hidden = shaped(n, at.hidden, {batch, width}), cell = shaped(n, at.cell, {batch, width});
  if (!hidden || !cell)
    return {};
  auto one = [&](Value value) { return b.unsqueeze(value, 0); };
  Value w = one(b.concat(weights, 0)), r = one(b.concat(recurrence, 0));
  Value bias = one(b.concat(biases, 0)), h = one(hidden), c = one(cell);
  if (!w || !r || !bias || !h || !c)
    return {};
  auto results = b.createAll<LstmOp>(reverse ? Direction::Reverse : Direction::Forward, input, w, r,
                                     bias, h, c);
  if (results.size() != 3 || failed(n.setState(at.hidden, b.squeeze(results[1], 0))) ||
      failed(n.setState(at.cell, b.squeeze(results[2], 0))))
    return {};
  return ordered(n, results[0], timeMajor);
}

/// Checks what all LSTMs share.
template <typename Options>
static LogicalResult checkLstm(TfliteNode &n, const Options *options, size_t normalization) {
  if (!options)
    return failure();
  if (options->fused_activation_function() != Activation::TANH)
    return n.unsupported("fused activation " +
                             Twine(static_cast<int>(options->fused_activation_function())),
                         "expected TANH");
  if (options->cell_clip() != 0 || options->proj_clip() != 0)
    return n.unsupported("clipped cells", "expected no limits");
  for (size_t i = 0; normalization && i < 4; ++i)
    if (n.has(normalization + i))
      return n.unsupported("layer normalisation", "expected none");
  return checkFloats(n, {0, 1, 2, 5});
}

constexpr LstmPlaces kOneDirection{1, 5, 9, 12, 16, 18, 19};

/// Whether the layer works on integers.
static bool isInteger(TfliteNode &n) {
  return n.has(0) && n.stored(0) && B::element(n.stored(0)).isInteger(8);
}

static LogicalResult sequenceLstm(TfliteNode &n) {
  auto *options = n.options<tflite::UnidirectionalSequenceLSTMOptions>();
  if (options && isInteger(n))
    return quantizedLstm(n, options->time_major(), options->cell_clip(), options->proj_clip());
  if (failed(checkLstm(n, options, 20)))
    return failure();
  if (options->diagonal_recurrent_tensors())
    return n.unsupported("diagonal recurrent weights", "expected matrices");
  return n.set(lstmDirection(n, kOneDirection, options->time_major(), false));
}

/// Input, hidden and cell state, one matrix for all gates (i, c, f, o): the older kernel, whose
/// states are operands and results.
static LogicalResult basicLstm(TfliteNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), hidden = n.in(1), weights = n.in(2), bias = n.in(3), cell = n.in(4);
  if (!input || !hidden || !weights || !bias || !cell)
    return failure();
  if (B::rank(input) != 2 || B::rank(hidden) != 2 || B::rank(weights) != 2 || B::rank(cell) != 2)
    return n.error("has operands of other ranks than 2");
  Value both = b.concat({input, hidden}, 1);
  Value gates = b.matmul(both, weights, bias, /*transposeB=*/true);
  int64_t width = B::shape(cell)[1];
  if (!gates || B::shape(gates)[1] != 4 * width)
    return gates ? n.error("has weights of shape " + shapeName(B::shape(weights))) : failure();
  auto gate = [&](int64_t i) { return b.slice(gates, 1, i * width, width); };
  Value in = b.create<SigmoidOp>(gate(0)), update = b.create<TanhOp>(gate(1));
  Value forget = b.create<SigmoidOp>(gate(2)), out = b.create<SigmoidOp>(gate(3));
  Value next = b.add(b.mul(in, update), b.mul(forget, cell));
  if (!next)
    return failure();
  // The last two results are the kernel's working memory.
  if (failed(n.set(0, b.mul(out, b.create<TanhOp>(next)))) || failed(n.set(1, next)))
    return failure();
  if (n.numOutputs() > 2 && failed(n.set(2, both)))
    return failure();
  return n.numOutputs() > 3 ? n.set(3, gates) : success();
}

static LogicalResult lstm(TfliteNode &n) {
  auto *options = n.options<tflite::LSTMOptions>();
  if (!options)
    return failure();
  if (options->kernel_type() == tflite::LSTMKernelType::BASIC)
    return failed(checkFloats(n, {0, 1, 2})) ? failure() : basicLstm(n);
  if (isInteger(n))
    return quantizedLstm(n, /*timeMajor=*/true, options->cell_clip(), options->proj_clip());
  if (failed(checkLstm(n, options, 20)))
    return failure();
  return n.set(lstmDirection(n, kOneDirection, /*timeMajor=*/true, false));
}

/// Sets one or two outputs to both directions.
static LogicalResult setBoth(TfliteNode &n, Value forward, Value backward, bool merge) {
  if (!forward || !backward)
    return failure();
  if (merge)
    return n.set(n.b.concat({forward, backward}, -1));
  return failed(n.set(0, forward)) ? failure() : n.set(1, backward);
}

static LogicalResult bidirectionalLstm(TfliteNode &n) {
  auto *options = n.options<tflite::BidirectionalSequenceLSTMOptions>();
  if (failed(checkLstm(n, options, 0)))
    return failure();
  if (n.has(39))
    return n.unsupported("an auxiliary input", "expected none");
  Value forward = lstmDirection(n, {1, 5, 9, 12, 16, 35, 36}, options->time_major(), false);
  Value backward = forward
                       ? lstmDirection(n, {18, 22, 26, 29, 33, 37, 38}, options->time_major(), true)
                       : Value();
  return setBoth(n, forward, backward, options->merge_outputs());
}

/// One direction of a plain layer: weights, recurrence, bias and state from input `at` on.
static Value rnnDirection(TfliteNode &n, size_t at, Activation activation, bool timeMajor,
                          bool reverse) {
  GraphBuilder &b = n.b;
  if (activation != Activation::TANH && activation != Activation::RELU)
    return (void)n.unsupported("fused activation " + Twine(static_cast<int>(activation)),
                               "expected TANH or RELU"),
           Value();
  Value input = sequence(n, timeMajor), weights = n.in(at);
  if (!input || !weights)
    return {};
  int64_t batch = B::shape(input)[1], features = B::shape(input)[2],
          width = B::rank(weights) ? B::shape(weights)[0] : 0;
  Value w = shaped(n, at, {width, features}), r = shaped(n, at + 1, {width, width});
  Value bias = shaped(n, at + 2, {width}), hidden = shaped(n, at + 3, {batch, width});
  if (!w || !r || !bias || !hidden)
    return {};
  auto results = b.createAll<RnnOp>(reverse ? Direction::Reverse : Direction::Forward,
                                    activation == Activation::TANH ? RnnKind::Tanh : RnnKind::Relu,
                                    input, b.unsqueeze(w, 0), b.unsqueeze(r, 0),
                                    b.unsqueeze(bias, 0), b.unsqueeze(hidden, 0));
  if (results.size() != 2 || failed(n.setState(at + 3, b.squeeze(results[1], 0))))
    return {};
  return ordered(n, results[0], timeMajor);
}

static LogicalResult rnn(TfliteNode &n) {
  auto *options = n.options<tflite::RNNOptions>();
  if (!options || failed(checkFloats(n, {0, 1, 2})))
    return failure();
  return n.set(rnnDirection(n, 1, options->fused_activation_function(), true, false));
}

static LogicalResult sequenceRnn(TfliteNode &n) {
  auto *options = n.options<tflite::SequenceRNNOptions>();
  if (!options || failed(checkFloats(n, {0, 1, 2})))
    return failure();
  return n.set(
      rnnDirection(n, 1, options->fused_activation_function(), options->time_major(), false));
}

static LogicalResult bidirectionalRnn(TfliteNode &n) {
  auto *options = n.options<tflite::BidirectionalSequenceRNNOptions>();
  if (!options || failed(checkFloats(n, {0, 1, 2})))
    return failure();
  if (n.has(9))
    return n.unsupported("an auxiliary input", "expected none");
  Activation activation = options->fused_activation_function();
  Value forward = rnnDirection(n, 1, activation, options->time_major(), false);
  Value backward = forward ? rnnDirection(n, 5, activation, options->time_major(), true) : Value();
  return setBoth(n, forward, backward, options->merge_outputs());
}

/// A layer whose weights are products of a filter over features and one over time, which reads the
/// last features of each filter from its state [B, filters * memory].
static LogicalResult svdf(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.options<tflite::SVDFOptions>();
  Value input = n.stored(0), state = n.stored(4), time = n.stored(2), feature = n.stored(1);
  if (!options || !input || !state || !time || !feature)
    return failure();
  bool isFixed = isFixedPoint(n) && n.quantization(1).isWhole() && n.quantization(2).isWhole() &&
                 n.quantization(4).isWhole() && B::element(state).isInteger(16);
  if (!isFixed && failed(checkFloats(n, {0, 1, 2, 4})))
    return failure();
  if (B::rank(input) != 2 || B::rank(time) != 2 || B::rank(feature) != 2 || B::rank(state) != 2)
    return n.error("has operands of other ranks than 2");
  int64_t batch = B::shape(input)[0], filters = B::shape(time)[0], memory = B::shape(time)[1],
          rank = options->rank();
  if (rank < 1 || filters % rank || memory < 1 || B::shape(feature)[0] != filters ||
      B::shape(state)[0] != batch || B::shape(state)[1] != filters * memory)
    return n.error("has weights " + shapeName(B::shape(time)) + " and a state " +
                   shapeName(B::shape(state)) + " that do not fit rank " + Twine(rank));
  Type f32 = b.ops().getF32Type(), i64 = b.ops().getI64Type();
  Value x = isFixed ? centered(n, 0, f32) : n.in(0);
  Value found = b.matmul(x, isFixed ? centered(n, 1, f32) : n.in(1), {}, /*transposeB=*/true);
  if (isFixed) {
    Factor by = fixedPoint(scaleOf(n, 0) * scaleOf(n, 1) / scaleOf(n, 4));
    found = b.cast(scaled(b, found, by, Rounding::Away), B::element(state));
  }
  Value past = b.reshape(state, {batch, filters, memory});
  Value next = b.concat({b.slice(past, 2, 1, memory - 1), b.unsqueeze(found, 2)}, 2);
  if (failed(n.setState(4, b.reshape(next, {batch, filters * memory}))))
    return failure();
  Value read = isFixed ? b.cast(next, i64) : next, weights = isFixed ? b.cast(time, i64) : n.in(2);
  Value sums = b.reduce(ReduceKind::Sum, b.mul(read, weights), {2}, false);
  sums = b.reduce(ReduceKind::Sum, b.reshape(sums, {batch, filters / rank, rank}), {2}, false);
  if (n.has(3))
    sums = b.add(sums, isFixed ? b.cast(n.stored(3), i64) : n.in(3));
  if (!isFixed)
    return n.set(n.activate(sums, options->fused_activation_function()));
  Factor by = fixedPoint(scaleOf(n, 4) * scaleOf(n, 2) / outputScale(n));
  // The kernel of integers knows no activation.
  return setCentered(n, scaledExactly(b, sums, by));
}

void tfliteimport::addRecurrentOps(OpTable &table) {
  table.add(Op::UNIDIRECTIONAL_SEQUENCE_LSTM, sequenceLstm);
  table.add(Op::BIDIRECTIONAL_SEQUENCE_LSTM, bidirectionalLstm);
  table.add(Op::LSTM, lstm);
  table.add(Op::RNN, rnn);
  table.add(Op::UNIDIRECTIONAL_SEQUENCE_RNN, sequenceRnn);
  table.add(Op::BIDIRECTIONAL_SEQUENCE_RNN, bidirectionalRnn);
  table.add(Op::SVDF, svdf);
}
