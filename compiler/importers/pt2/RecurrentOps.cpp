// LSTM, GRU and plain recurrent layers, and their single cells.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

namespace {

void layers(Node &n, CellKind kind) {
  Value input = n.tensor("input");
  bool lstm = kind == CellKind::Lstm;
  SmallVector<Value> states = lstm ? n.tensors("hx") : SmallVector<Value>{n.tensor("hx")};
  SmallVector<Value> parameters = n.tensors("params");
  bool biases = n.flag("has_biases"), bidirectional = n.flag("bidirectional"),
       batchFirst = n.flag("batch_first");
  int64_t count = n.integer("num_layers") * (bidirectional ? 2 : 1);
  if (n.failed || !input)
    return n.result({});
  if (n.flag("train") && n.number("dropout", 0) != 0)
    return n.unsupported("export the model in eval mode", "train = True");
  size_t each = biases ? 4 : 2;
  if (count <= 0 || parameters.size() != count * each || states.size() != (lstm ? 2u : 1u))
    return n.unsupported("expected 2 weights (and 2 biases) for each layer and direction",
                         "projections");
  SmallVector<CellWeights> cells;
  for (int64_t i = 0; i < count; ++i) {
    Value *p = &parameters[i * each];
    cells.push_back({p[0], p[1], biases ? p[2] : Value(), biases ? p[3] : Value()});
  }
  // Without a batch: [T, I] and states [layers, H].
  bool single = n.b.rank(input) == 2;
  if (single) {
    input = n.b.unsqueeze(input, {1});
    for (Value &state : states)
      state = n.b.unsqueeze(state, {1});
    batchFirst = false;
  }
  auto result = recurrentStack(n.b, kind, input, cells, states[0], lstm ? states[1] : Value(),
                               bidirectional, batchFirst);
  if (!result)
    return n.result({});
  auto out = [&](Value value) { return single ? n.b.squeeze(value, {1}) : value; };
  n.result(out(result->output), 0);
  n.result(out(result->lastHidden), 1);
  if (lstm)
    n.result(out(result->lastCell), 2);
}

void cell(Node &n, CellKind kind) {
  bool lstm = kind == CellKind::Lstm;
  SmallVector<Value> states = lstm ? n.tensors("hx") : SmallVector<Value>{n.tensor("hx")};
  CellWeights weights{n.tensor("w_ih"), n.tensor("w_hh"), n.optional("b_ih"), n.optional("b_hh")};
  Value input = n.tensor("input");
  if (n.failed || !input || states.size() != (lstm ? 2u : 1u) || n.b.rank(input) != 2)
    return n.result(n.failed ? Value() : n.b.fail("expected an input [B, I]"));
  auto result =
      recurrentStack(n.b, kind, n.b.unsqueeze(input, {0}), {weights}, n.b.unsqueeze(states[0], {0}),
                     lstm ? n.b.unsqueeze(states[1], {0}) : Value(), false, false);
  if (!result)
    return n.result({});
  n.result(n.b.squeeze(result->lastHidden, {0}), 0);
  if (lstm)
    n.result(n.b.squeeze(result->lastCell, {0}), 1);
}

} // namespace

void addRecurrentOps(OpTable &table) {
  table.add({"lstm.input"}, [](Node &n) { layers(n, CellKind::Lstm); });
  table.add({"gru.input"}, [](Node &n) { layers(n, CellKind::Gru); });
  table.add({"rnn_tanh.input"}, [](Node &n) { layers(n, CellKind::RnnTanh); });
  table.add({"rnn_relu.input"}, [](Node &n) { layers(n, CellKind::RnnRelu); });
  table.add({"lstm_cell.default"}, [](Node &n) { cell(n, CellKind::Lstm); });
  table.add({"gru_cell.default"}, [](Node &n) { cell(n, CellKind::Gru); });
}

} // namespace ingot::pt2
