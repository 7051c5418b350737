// Stacks of recurrent layers as torch defines them, by the graph level's single layers.
#include "compiler/importers/common/Decompositions.h"

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

/// Blocks of dim 0 (`gates` of them) in another order.
static Value reorderGates(GraphBuilder &b, Value value, ArrayRef<int64_t> order) {
  if (!value)
    return {};
  int64_t extent = B::shape(value)[0] / static_cast<int64_t>(order.size());
  SmallVector<Value> parts;
  for (int64_t gate : order)
    parts.push_back(b.slice(value, 0, gate * extent, extent));
  return b.concat(parts, 0);
}

std::optional<StackResult> ingot::recurrentStack(GraphBuilder &b, CellKind kind, Value input,
                                                 ArrayRef<CellWeights> cells, Value hidden,
                                                 Value cell, bool bidirectional, bool batchFirst) {
  int64_t directions = bidirectional ? 2 : 1, count = cells.size();
  if (!input || B::rank(input) != 3 || count == 0 || count % directions) {
    if (input)
      b.error() << "a recurrent layer with " << count << " sets of weights on rank "
                << B::rank(input);
    return std::nullopt;
  }
  // torch: i, f, g, o and r, z, n; graph: i, o, f, c and z, r, h.
  static constexpr int64_t lstmOrder[] = {0, 3, 1, 2}, gruOrder[] = {1, 0, 2}, rnnOrder[] = {0};
  ArrayRef<int64_t> order = kind == CellKind::Lstm  ? ArrayRef<int64_t>(lstmOrder)
                            : kind == CellKind::Gru ? ArrayRef<int64_t>(gruOrder)
                                                    : ArrayRef<int64_t>(rnnOrder);
  int64_t gates = order.size();
  if (batchFirst)
    input = b.transpose(input, {1, 0, 2});

  SmallVector<Value> lastHidden, lastCell;
  for (int64_t layer = 0; layer * directions < count; ++layer) {
    SmallVector<Value> weights, recurrences, inputBiases, recurrenceBiases;
    int64_t width = 0;
    for (const CellWeights &one : cells.slice(layer * directions, directions)) {
      if (!one.input || !one.recurrence)
        return std::nullopt;
      if (B::rank(one.input) != 2 || B::rank(one.recurrence) != 2 ||
          B::shape(one.recurrence)[0] != gates * B::shape(one.recurrence)[1]) {
        b.error() << "recurrent weights of shapes " << shapeName(B::shape(one.input)) << " and "
                  << shapeName(B::shape(one.recurrence)) << " do not fit " << gates << " gates";
        return std::nullopt;
      }
      width = B::shape(one.recurrence)[1];
      Value zeros = b.splat({gates * width}, B::element(input), 0.0);
      Value inputBias = one.inputBias ? one.inputBias : zeros;
      Value recurrenceBias = one.recurrenceBias ? one.recurrenceBias : zeros;
      weights.push_back(b.unsqueeze(reorderGates(b, one.input, order), 0));
      recurrences.push_back(b.unsqueeze(reorderGates(b, one.recurrence, order), 0));
      inputBiases.push_back(b.unsqueeze(reorderGates(b, inputBias, order), 0));
      recurrenceBiases.push_back(b.unsqueeze(reorderGates(b, recurrenceBias, order), 0));
    }
    Value weight = b.concat(weights, 0), recurrence = b.concat(recurrences, 0);
    Value inputBias = b.concat(inputBiases, 0), recurrenceBias = b.concat(recurrenceBiases, 0);
    int64_t batch = B::shape(input)[1];
    auto state = [&](Value all) {
      return all ? b.slice(all, 0, layer * directions, directions)
                 : b.splat({directions, batch, width}, B::element(input), 0.0);
    };
    Direction direction = bidirectional ? Direction::Bidirectional : Direction::Forward;
    SmallVector<Value> results;
    if (kind == CellKind::Lstm)
      results = b.createAll<LstmOp>(direction, input, weight, recurrence,
                                    b.add(inputBias, recurrenceBias), state(hidden), state(cell));
    else if (kind == CellKind::Gru)
      results = b.createAll<GruOp>(direction, input, weight, recurrence, inputBias, recurrenceBias,
                                   state(hidden), /*linear_before_reset=*/true);
    else
      results = b.createAll<RnnOp>(
          direction, kind == CellKind::RnnTanh ? RnnKind::Tanh : RnnKind::Relu, input, weight,
          recurrence, b.add(inputBias, recurrenceBias), state(hidden));
    if (results.empty())
      return std::nullopt;
    // [T, D, B, H] to [T, B, D·H].
    Value output = b.transpose(results[0], {0, 2, 1, 3});
    input = b.reshape(output, {B::shape(output)[0], batch, directions * width});
    lastHidden.push_back(results[1]);
    if (kind == CellKind::Lstm)
      lastCell.push_back(results[2]);
  }
  StackResult result;
  result.output = batchFirst ? b.transpose(input, {1, 0, 2}) : input;
  result.lastHidden = b.concat(lastHidden, 0);
  if (kind == CellKind::Lstm)
    result.lastCell = b.concat(lastCell, 0);
  return result;
}
