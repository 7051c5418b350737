// LSTM, GRU and plain recurrent layers (ONNX's definitions).
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <Eigen/Core>
#include <cmath>

using namespace mlir;

namespace ingot::eval {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstView = Eigen::Map<const Matrix>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// T steps, batch B, features I, hidden H, D directions.
struct Layer {
  int64_t steps, batch, features, hidden, directions;
  Direction direction;

  Layer(Task &task, Direction direction, unsigned initial) : direction(direction) {
    ArrayRef<int64_t> input = task.in[0].shape(), state = task.in[initial].shape();
    steps = input[0], batch = input[1], features = input[2], directions = state[0],
    hidden = state[2];
  }
  bool reversed(int64_t d) const { return direction == Direction::Reverse || d == 1; }
};

/// Direction d of a [D, rows, columns] operand as a matrix (rank 2: one row).
Matrix slab(const TensorValue &value, int64_t d) {
  std::vector<double> all = toDoubles(value);
  ArrayRef<int64_t> shape = value.shape();
  int64_t rows = shape.size() == 3 ? shape[1] : 1, columns = shape.back();
  return ConstView(all.data() + d * rows * columns, rows, columns);
}

/// Walks the steps of each direction: `step(d, x [B, I], h [B, H])` updates h. Fills output and
/// last state.
template <class Enter, class Step>
void walk(Task &task, const Layer &layer, unsigned initial, Enter enter, Step step,
          std::vector<double> &lastH) {
  std::vector<double> input = toDoubles(task.in[0]);
  std::vector<double> output(layer.steps * layer.directions * layer.batch * layer.hidden);
  lastH.clear();
  for (int64_t d = 0; d < layer.directions; ++d) {
    enter(d);
    Matrix h = slab(task.in[initial], d);
    for (int64_t s = 0; s < layer.steps; ++s) {
      int64_t t = layer.reversed(d) ? layer.steps - 1 - s : s;
      Matrix x =
          ConstView(input.data() + t * layer.batch * layer.features, layer.batch, layer.features);
      step(x, h);
      std::copy_n(h.data(), h.size(),
                  output.data() + (t * layer.directions + d) * layer.batch * layer.hidden);
    }
    lastH.insert(lastH.end(), h.data(), h.data() + h.size());
  }
  task.out.push_back(fromDoubles(task.resultType(0), output));
  task.out.push_back(fromDoubles(task.resultType(1), lastH));
}

void evaluateLstm(Task &task, LstmOp op) {
  Layer layer(task, op.getDirection(), 4);
  int64_t hidden = layer.hidden;
  Matrix w, r, bias, c;
  std::vector<double> lastH, lastC;
  auto leave = [&] { lastC.insert(lastC.end(), c.data(), c.data() + c.size()); };
  auto enter = [&](int64_t d) {
    if (d > 0)
      leave();
    w = slab(task.in[1], d), r = slab(task.in[2], d), bias = slab(task.in[3], d),
    c = slab(task.in[5], d);
  };
  auto step = [&](const Matrix &x, Matrix &h) {
    Matrix gates = x * w.transpose() + h * r.transpose();
    for (int64_t b = 0; b < layer.batch; ++b)
      for (int64_t j = 0; j < hidden; ++j) {
        auto gate = [&](int64_t which) {
          return gates(b, which * hidden + j) + bias(0, which * hidden + j);
        };
        double i = sigmoid(gate(0)), o = sigmoid(gate(1)), f = sigmoid(gate(2));
        c(b, j) = f * c(b, j) + i * std::tanh(gate(3));
        h(b, j) = o * std::tanh(c(b, j));
      }
  };
  walk(task, layer, 4, enter, step, lastH);
  leave();
  task.out.push_back(fromDoubles(task.resultType(2), lastC));
}

void evaluateGru(Task &task, GruOp op) {
  Layer layer(task, op.getDirection(), 5);
  int64_t hidden = layer.hidden;
  Matrix w, r, inputBias, recurrenceBias;
  std::vector<double> lastH;
  auto enter = [&](int64_t d) {
    w = slab(task.in[1], d), r = slab(task.in[2], d);
    inputBias = slab(task.in[3], d), recurrenceBias = slab(task.in[4], d);
  };
  auto step = [&](const Matrix &x, Matrix &h) {
    Matrix fromInput = x * w.transpose(), fromState = h * r.transpose(), z(layer.batch, hidden),
           reset = z, last = z;
    for (int64_t b = 0; b < layer.batch; ++b)
      for (int64_t j = 0; j < hidden; ++j) {
        auto gate = [&](int64_t which) {
          int64_t at = which * hidden + j;
          return fromInput(b, at) + inputBias(0, at) + fromState(b, at) + recurrenceBias(0, at);
        };
        z(b, j) = sigmoid(gate(0));
        reset(b, j) = sigmoid(gate(1));
        last(b, j) = fromState(b, 2 * hidden + j);
      }
    if (op.getLinearBeforeReset()) {
      for (int64_t b = 0; b < layer.batch; ++b)
        for (int64_t j = 0; j < hidden; ++j)
          last(b, j) = reset(b, j) * (last(b, j) + recurrenceBias(0, 2 * hidden + j));
    } else {
      Matrix gated = reset.cwiseProduct(h);
      last = gated * r.bottomRows(hidden).transpose();
      for (int64_t b = 0; b < layer.batch; ++b)
        for (int64_t j = 0; j < hidden; ++j)
          last(b, j) += recurrenceBias(0, 2 * hidden + j);
    }
    for (int64_t b = 0; b < layer.batch; ++b)
      for (int64_t j = 0; j < hidden; ++j) {
        double candidate =
            std::tanh(fromInput(b, 2 * hidden + j) + inputBias(0, 2 * hidden + j) + last(b, j));
        h(b, j) = (1 - z(b, j)) * candidate + z(b, j) * h(b, j);
      }
  };
  walk(task, layer, 5, enter, step, lastH);
}

void evaluateRnn(Task &task, RnnOp op) {
  Layer layer(task, op.getDirection(), 4);
  Matrix w, r, bias;
  std::vector<double> lastH;
  auto enter = [&](int64_t d) {
    w = slab(task.in[1], d), r = slab(task.in[2], d), bias = slab(task.in[3], d);
  };
  auto step = [&](const Matrix &x, Matrix &h) {
    Matrix next = x * w.transpose() + h * r.transpose();
    for (int64_t b = 0; b < layer.batch; ++b)
      for (int64_t j = 0; j < layer.hidden; ++j) {
        double sum = next(b, j) + bias(0, j);
        h(b, j) = op.getKind() == RnnKind::Tanh ? std::tanh(sum) : sum < 0 ? 0 : sum;
      }
  };
  walk(task, layer, 4, enter, step, lastH);
}

} // namespace

bool evaluateRecurrent(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<LstmOp>([&](LstmOp op) { return evaluateLstm(task, op), true; })
      .Case<GruOp>([&](GruOp op) { return evaluateGru(task, op), true; })
      .Case<RnnOp>([&](RnnOp op) { return evaluateRnn(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
