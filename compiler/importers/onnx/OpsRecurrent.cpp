// ONNX LSTM, GRU and RNN.
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Recurrent.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Initial states are [D, B, H], or [B, D, H] in layout 1.
static Value state(OnnxNode &n, const RecurrentLayer &layer, Value given, int64_t batch,
                   int64_t width) {
  if (!given)
    return n.b.splat({layer.directions, batch, width}, B::element(layer.input), 0.0);
  return layer.batchFirst ? n.b.transpose(given, {1, 0, 2}) : given;
}

static std::optional<RecurrentLayer> readLayer(OnnxNode &n, int64_t gates,
                                               ArrayRef<StringRef> activations) {
  GraphBuilder &b = n.b;
  RecurrentLayer layer;
  std::string name = n.stringAttr("direction", "forward");
  std::optional<Direction> direction = symbolizeDirection(name);
  layer.batchFirst = n.intAttr("layout", 0);
  int64_t hiddenSize = n.intAttr("hidden_size", -1);
  Value input = n.in(0);
  layer.weight = n.in(1);
  layer.recurrence = n.in(2);
  if (!direction) {
    (void)n.unsupported("direction = " + name, "expected forward, reverse or bidirectional");
    return std::nullopt;
  }
  layer.direction = *direction;
  layer.directions = *direction == Direction::Bidirectional ? 2 : 1;
  layer.alphas = n.floatsAttr("activation_alpha").value_or(SmallVector<double>());
  layer.betas = n.floatsAttr("activation_beta").value_or(SmallVector<double>());
  layer.clip = n.floatAttr("clip", 0.0);
  layer.stepwise = n.has("clip") || !layer.alphas.empty() || !layer.betas.empty();
  std::optional<SmallVector<std::string>> list = n.stringsAttr("activations");
  for (size_t i = 0; i < activations.size() * layer.directions; ++i) {
    StringRef usual = activations[i % activations.size()];
    layer.activations.push_back(list && i < list->size() ? (*list)[i] : usual.str());
    layer.stepwise |= !StringRef(layer.activations.back()).equals_insensitive(usual);
  }
  if (!input || !layer.weight || !layer.recurrence)
    return std::nullopt;
  int64_t width = B::rank(layer.recurrence) == 3 ? B::shape(layer.recurrence)[2] : -1;
  if (B::rank(input) != 3 || width < 0 || (hiddenSize >= 0 && hiddenSize != width) ||
      B::shape(layer.recurrence)[0] != layer.directions) {
    (void)n.error("has an input of shape " + shapeName(B::shape(input)) +
                  " and recurrence weights of shape " + shapeName(B::shape(layer.recurrence)));
    return std::nullopt;
  }
  layer.input = layer.batchFirst ? b.transpose(input, {1, 0, 2}) : input;
  int64_t steps = B::shape(layer.input)[0], batch = B::shape(layer.input)[1], rows = gates * width;
  if (Value lengths = n.opt(4)) {
    std::optional<Ints> known = B::getConstantInts(lengths);
    if (!known || llvm::any_of(*known, [&](int64_t length) { return length != steps; })) {
      layer.lengths = lengths;
      layer.stepwise = true;
    }
  }
  if (Value bias = n.opt(3)) {
    layer.inputBias = b.sliceRange(bias, 1, 0, rows);
    layer.recurrenceBias = b.sliceRange(bias, 1, rows, 2 * rows);
  } else {
    layer.inputBias = layer.recurrenceBias =
        b.splat({layer.directions, rows}, B::element(input), 0.0);
  }
  layer.hidden = state(n, layer, n.opt(5), batch, width);
  if (!layer.inputBias || !layer.recurrenceBias || !layer.hidden)
    return std::nullopt;
  return layer;
}

/// Outputs in the node's layout.
static LogicalResult setResults(OnnxNode &n, const RecurrentLayer &layer, ArrayRef<Value> results) {
  if (results.empty())
    return failure();
  SmallVector<Value> values(results);
  if (layer.batchFirst) {
    values[0] = n.b.transpose(values[0], {2, 0, 1, 3});
    for (Value &value : MutableArrayRef(values).drop_front())
      value = n.b.transpose(value, {1, 0, 2});
  }
  return n.set(values);
}

static LogicalResult lstm(OnnxNode &n) {
  bool coupled = n.intAttr("input_forget", 0);
  std::optional<RecurrentLayer> layer = readLayer(n, 4, {"Sigmoid", "Tanh", "Tanh"});
  if (!layer)
    return failure();
  if (Value peepholes = n.opt(7)) {
    std::optional<SmallVector<double>> known = B::getConstantDoubles(peepholes);
    if (!known || llvm::any_of(*known, [](double p) { return p != 0.0; })) {
      layer->peepholes = peepholes;
      layer->stepwise = true;
    }
  }
  Value cell =
      state(n, *layer, n.opt(6), B::shape(layer->input)[1], B::shape(layer->recurrence)[2]);
  if (layer->stepwise || coupled)
    return setResults(n, *layer, lstmBySteps(n, *layer, cell, coupled));
  return setResults(
      n, *layer,
      n.b.createAll<LstmOp>(layer->direction, layer->input, layer->weight, layer->recurrence,
                            n.b.add(layer->inputBias, layer->recurrenceBias), layer->hidden, cell));
}

static LogicalResult gru(OnnxNode &n) {
  bool linear = n.intAttr("linear_before_reset", 0);
  std::optional<RecurrentLayer> layer = readLayer(n, 3, {"Sigmoid", "Tanh"});
  if (!layer)
    return failure();
  if (layer->stepwise)
    return setResults(n, *layer, gruBySteps(n, *layer, linear));
  return setResults(n, *layer,
                    n.b.createAll<GruOp>(layer->direction, layer->input, layer->weight,
                                         layer->recurrence, layer->inputBias, layer->recurrenceBias,
                                         layer->hidden, linear));
}

static LogicalResult rnn(OnnxNode &n) {
  std::optional<SmallVector<std::string>> list = n.stringsAttr("activations");
  bool relu = list && !list->empty() && StringRef(list->front()).equals_insensitive("Relu");
  std::optional<RecurrentLayer> layer =
      readLayer(n, 1, {relu ? StringRef("Relu") : StringRef("Tanh")});
  if (!layer)
    return failure();
  if (layer->stepwise)
    return setResults(n, *layer, rnnBySteps(n, *layer));
  return setResults(n, *layer,
                    n.b.createAll<RnnOp>(layer->direction, relu ? RnnKind::Relu : RnnKind::Tanh,
                                         layer->input, layer->weight, layer->recurrence,
                                         n.b.add(layer->inputBias, layer->recurrenceBias),
                                         layer->hidden));
}

void onnximport::addRecurrentOps(OpTable &table) {
  table.add("LSTM", lstm);
  table.add("GRU", gru);
  table.add("RNN", rnn);
}
