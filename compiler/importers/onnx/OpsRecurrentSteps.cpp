// Recurrent layers that the graph level's do not express, written out step by step: other
// activations, peepholes, clipping, sequences of several lengths.
#include "compiler/importers/onnx/Recurrent.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Steps of one direction.
constexpr int64_t kMaxSteps = 4096;

namespace {

struct Activation {
  enum Kind {
    Relu,
    Tanh,
    Sigmoid,
    Affine,
    Leaky,
    Thresholded,
    ScaledTanh,
    HardSigmoid,
    Elu,
    Softsign,
    Softplus
  } kind;
  double alpha = 0, beta = 0;
};

class Steps {
public:
  Steps(OnnxNode &n, const RecurrentLayer &layer) : n(n), b(n.b), layer(layer) {}

  /// The activations with their parameters, which are handed out in order. False after a report.
  bool readActivations() {
    size_t nextAlpha = 0, nextBeta = 0;
    for (StringRef name : layer.activations) {
      using A = Activation;
      struct Row {
        A::Kind kind;
        int parameters;
        double alpha, beta;
      };
      std::optional<Row> row = llvm::StringSwitch<std::optional<Row>>(name.lower())
                                   .Case("relu", Row{A::Relu, 0, 0, 0})
                                   .Case("tanh", Row{A::Tanh, 0, 0, 0})
                                   .Case("sigmoid", Row{A::Sigmoid, 0, 0, 0})
                                   .Case("affine", Row{A::Affine, 2, 1.0, 0.0})
                                   .Case("leakyrelu", Row{A::Leaky, 1, 0.01, 0})
                                   .Case("thresholdedrelu", Row{A::Thresholded, 1, 1.0, 0})
                                   .Case("scaledtanh", Row{A::ScaledTanh, 2, 1.0, 1.0})
                                   .Case("hardsigmoid", Row{A::HardSigmoid, 2, 0.2, 0.5})
                                   .Case("elu", Row{A::Elu, 1, 1.0, 0})
                                   .Case("softsign", Row{A::Softsign, 0, 0, 0})
                                   .Case("softplus", Row{A::Softplus, 0, 0, 0})
                                   .Default(std::nullopt);
      if (!row)
        return (void)n.unsupported("activation " + name, "expected one of the standard"), false;
      A activation{row->kind, row->alpha, row->beta};
      if (row->parameters >= 1 && nextAlpha < layer.alphas.size())
        activation.alpha = layer.alphas[nextAlpha++];
      if (row->parameters == 2 && nextBeta < layer.betas.size())
        activation.beta = layer.betas[nextBeta++];
      activations.push_back(activation);
    }
    return true;
  }

  Value activate(size_t index, Value x) {
    const Activation &a = activations[index];
    if (layer.clip > 0)
      x = b.clamp(x, -layer.clip, layer.clip);
    if (!x)
      return x;
    switch (a.kind) {
    case Activation::Relu:
      return b.create<ReluOp>(x);
    case Activation::Tanh:
      return b.create<TanhOp>(x);
    case Activation::Sigmoid:
      return b.create<SigmoidOp>(x);
    case Activation::Affine:
      return b.add(b.scale(x, a.alpha), b.scalarLike(x, a.beta));
    case Activation::Leaky:
      return b.create<LeakyReluOp>(x, APFloat(a.alpha));
    case Activation::Thresholded:
      return b.select(b.cmp(CmpKind::Ge, x, b.scalarLike(x, a.alpha)), x, b.scalarLike(x, 0.0));
    case Activation::ScaledTanh:
      return b.scale(b.create<TanhOp>(b.scale(x, a.beta)), a.alpha);
    case Activation::HardSigmoid:
      return b.create<HardSigmoidOp>(x, APFloat(a.alpha), APFloat(a.beta));
    case Activation::Elu:
      return b.create<EluOp>(x, APFloat(a.alpha), APFloat(1.0), APFloat(1.0));
    case Activation::Softsign:
      return b.div(x, b.add(b.create<AbsOp>(x), b.scalarLike(x, 1.0)));
    case Activation::Softplus:
      return b.create<SoftplusOp>(x);
    }
    return {};
  }

  /// The part of direction `d` of a tensor whose dim 0 is directions.
  Value of(Value value, int64_t d) { return b.squeeze(b.slice(value, 0, d, 1), 0); }
  /// Gate `g` of `gates` along the last dim.
  Value gate(Value value, int64_t g) {
    int64_t width = B::shape(layer.recurrence)[2];
    return value ? b.slice(value, B::rank(value) - 1, g * width, width) : value;
  }

  /// Runs all directions. `step(d, x, states)` takes the input's share [B, G·H] of a step and gives
  /// the new states, the first of which is the output. `withBias`: both biases are added to the
  /// input's share, else the input's alone.
  SmallVector<Value>
  run(SmallVector<Value> initial, bool withBias,
      llvm::function_ref<SmallVector<Value>(int64_t, Value, ArrayRef<Value>)> step) {
    int64_t steps = B::shape(layer.input)[0], batch = B::shape(layer.input)[1];
    if (steps < 1 || steps > kMaxSteps)
      return (void)n.unsupported("of " + Twine(steps) + " steps written out one by one"),
             SmallVector<Value>();
    if (!readActivations())
      return {};
    SmallVector<Value> outputs;
    SmallVector<SmallVector<Value>> last(initial.size());
    for (int64_t d = 0; d < layer.directions; ++d) {
      bool backwards = layer.direction == Direction::Reverse || d == 1;
      Value bias = withBias ? b.add(layer.inputBias, layer.recurrenceBias) : layer.inputBias;
      Value share = b.matmul(layer.input, of(layer.weight, d), {}, /*transposeB=*/true);
      share = b.add(share, of(bias, d));
      SmallVector<Value> states, stepOutputs(steps);
      for (Value value : initial)
        states.push_back(of(value, d));
      for (int64_t i = 0; i < steps; ++i) {
        int64_t t = backwards ? steps - 1 - i : i;
        Value x = b.squeeze(b.slice(share, 0, t, 1), 0);
        SmallVector<Value> next = step(d, x, states);
        if (llvm::is_contained(next, Value()))
          return {};
        Value output = next[0];
        if (layer.lengths) {
          // Beyond its end a sequence keeps its state, and gives zeros.
          Value inside = b.cmp(CmpKind::Gt, layer.lengths,
                               b.scalarLike(layer.lengths, static_cast<double>(t)));
          inside = b.reshape(inside, {batch, 1});
          output = b.select(inside, output, b.scalarLike(output, 0.0));
          for (auto [now, before] : llvm::zip(next, states))
            now = b.select(inside, now, before);
        }
        states = next;
        stepOutputs[t] = b.unsqueeze(output, 0);
      }
      outputs.push_back(b.unsqueeze(b.concat(stepOutputs, 0), 1));
      for (auto [into, state] : llvm::zip(last, states))
        into.push_back(b.unsqueeze(state, 0));
    }
    SmallVector<Value> results{b.concat(outputs, 1)};
    for (const SmallVector<Value> &states : last)
      results.push_back(b.concat(states, 0));
    return llvm::is_contained(results, Value()) ? SmallVector<Value>() : results;
  }

  Value recurrent(int64_t d, Value hidden) {
    return b.matmul(hidden, of(layer.recurrence, d), {}, /*transposeB=*/true);
  }

private:
  OnnxNode &n;
  GraphBuilder &b;
  const RecurrentLayer &layer;
  SmallVector<Activation> activations;
};

} // namespace

SmallVector<Value> onnximport::lstmBySteps(OnnxNode &n, const RecurrentLayer &layer, Value cell,
                                           bool coupled) {
  GraphBuilder &b = n.b;
  Steps steps(n, layer);
  return steps.run({layer.hidden, cell}, true, [&](int64_t d, Value x, ArrayRef<Value> states) {
    Value sum = b.add(x, steps.recurrent(d, states[0])), before = states[1];
    auto peeped = [&](int64_t g, Value state) {
      Value own = steps.gate(sum, g);
      return layer.peepholes ? b.add(own, b.mul(steps.gate(steps.of(layer.peepholes, d), g), state))
                             : own;
    };
    size_t first = 3 * d;
    Value in = steps.activate(first, peeped(0, before));
    Value forget =
        coupled ? b.sub(b.scalarLike(in, 1.0), in) : steps.activate(first, peeped(2, before));
    Value fresh = steps.activate(first + 1, steps.gate(sum, 3));
    Value after = b.add(b.mul(forget, before), b.mul(in, fresh));
    Value out = steps.activate(first, peeped(1, after));
    return SmallVector<Value>{b.mul(out, steps.activate(first + 2, after)), after};
  });
}

SmallVector<Value> onnximport::gruBySteps(OnnxNode &n, const RecurrentLayer &layer,
                                          bool linearBeforeReset) {
  GraphBuilder &b = n.b;
  Steps steps(n, layer);
  return steps.run({layer.hidden}, false, [&](int64_t d, Value x, ArrayRef<Value> states) {
    Value hidden = states[0], bias = steps.of(layer.recurrenceBias, d);
    Value share = b.add(steps.recurrent(d, hidden), bias);
    size_t first = 2 * d;
    Value update = steps.activate(first, b.add(steps.gate(x, 0), steps.gate(share, 0)));
    Value reset = steps.activate(first, b.add(steps.gate(x, 1), steps.gate(share, 1)));
    Value inner;
    if (linearBeforeReset)
      inner = b.mul(reset, steps.gate(share, 2));
    else
      inner = b.add(steps.gate(steps.recurrent(d, b.mul(reset, hidden)), 2), steps.gate(bias, 2));
    Value fresh = steps.activate(first + 1, b.add(steps.gate(x, 2), inner));
    Value kept = b.mul(update, hidden);
    Value added = b.mul(b.sub(b.scalarLike(update, 1.0), update), fresh);
    return SmallVector<Value>{b.add(added, kept)};
  });
}

SmallVector<Value> onnximport::rnnBySteps(OnnxNode &n, const RecurrentLayer &layer) {
  Steps steps(n, layer);
  return steps.run({layer.hidden}, true, [&](int64_t d, Value x, ArrayRef<Value> states) {
    return SmallVector<Value>{steps.activate(d, n.b.add(x, steps.recurrent(d, states[0])))};
  });
}
