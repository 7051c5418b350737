// LSTMs of i8 whose cell is i16, as LiteRT's integer kernel computes them: gates in steps of 2^-12,
// their functions by tables of every i16.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/IntegerTables.h"
#include "compiler/importers/tflite/Quantized.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

namespace {

/// Where operands are, in the order of gates i, f, c, o.
constexpr size_t kWeights = 1, kRecurrence = 5, kPeepholes = 9, kBiases = 12, kProjection = 16,
                 kProjectionBias = 17, kHidden = 18, kCell = 19, kNormalization = 20;
constexpr double kGateStep = 0x1p-12;
/// Steps of time that are written out.
constexpr int64_t kMaxSteps = 4096;

class IntegerLstm {
public:
  IntegerLstm(TfliteNode &n, float cellClip, float projectionClip)
      : n(n), b(n.b), cellClip(cellClip), projectionClip(projectionClip) {}

  LogicalResult run(bool timeMajor);

private:
  bool check();
  float scale(size_t i) { return n.quantization(i).scale.front(); }
  bool isCoupled() { return !n.has(kWeights); }
  Value number(Value like, int64_t value) { return b.scalarLike(like, static_cast<double>(value)); }
  Value narrow(Value x) { return b.clamp(x, -32768, 32767); }
  Value wide(Value x) { return b.cast(x, b.ops().getI64Type()); }
  /// Integers times weights `i`, plus a bias, times a factor, as i32.
  Value product(Value x, size_t i, size_t bias, double factor);
  Value tabled(Value x, llvm::function_ref<int16_t(int16_t)> function);
  /// Gate `i` before its function: `fromInput` is what the input gives.
  Value gate(size_t i, Value fromInput, Value hidden, Value cell);
  Value nextCell(Value cell, Value in, Value forget, Value update);
  /// The hidden state, as it is stored, in i32.
  Value nextHidden(Value cell, Value out);

  TfliteNode &n;
  GraphBuilder &b;
  float cellClip, projectionClip;
  int cellBits = 0; ///< of the cell before its point
  int cellLog2 = 0;
};

bool IntegerLstm::check() {
  auto unsupported = [&](const Twine &what, const Twine &reason) {
    (void)n.unsupported(what, reason);
    return false;
  };
  for (size_t i = 0; i < 4; ++i)
    if (n.has(kNormalization + i))
      return unsupported("layer normalisation of integers", "expected none");
  if (!n.intermediate(4) || !n.intermediate(4)->isWhole())
    return unsupported("integers without the scale of the hidden state",
                       "expected 5 intermediate tensors");
  for (size_t i : {size_t(0), kWeights + 1, kWeights + 2, kWeights + 3, kRecurrence + 1,
                   kRecurrence + 2, kRecurrence + 3, kHidden, kCell}) {
    if (!n.has(i) || !n.stored(i) || !n.quantization(i).isWhole() ||
        !B::element(n.stored(i)).isInteger(i == kCell ? 16 : 8))
      return unsupported("input " + Twine(i), "expected i8 with one scale, and a cell of i16");
  }
  if (isCoupled() == n.has(kRecurrence))
    return unsupported("a part of the input gate", "expected all of it or none");
  cellLog2 = static_cast<int>(std::round(std::log2(scale(kCell))));
  cellBits = 15 + cellLog2;
  if (std::ldexp(1.0f, cellLog2) != scale(kCell) || cellBits < 0 || cellBits > 6)
    return unsupported("a cell in steps of " + Twine(std::to_string(scale(kCell))),
                       "expected a power of 2 from 2^-15 to 2^-9");
  return true;
}

Value IntegerLstm::product(Value x, size_t i, size_t bias, double factor) {
  Value sums = wide(b.matmul(x, centered(n, i, b.ops().getF32Type()), {}, /*transposeB=*/true));
  if (bias != 0 && n.has(bias))
    sums = b.add(sums, wide(n.stored(bias)));
  return scaledExactly(b, sums, fixedPoint(factor));
}

Value IntegerLstm::tabled(Value x, llvm::function_ref<int16_t(int16_t)> function) {
  std::vector<int16_t> values = wholeTable(function);
  auto *data = reinterpret_cast<const char *>(values.data());
  Value table = b.constant(b.tensorType(65536, b.ops().getIntegerType(16)),
                           std::vector<char>(data, data + values.size() * sizeof(int16_t)));
  Value index = b.add(x, number(x, 32768));
  return table && index ? b.cast(b.create<GatherOp>(table, index, 0), b.ops().getI32Type())
                        : Value();
}

Value IntegerLstm::gate(size_t i, Value fromInput, Value hidden, Value cell) {
  float factor = scale(kRecurrence + i) * scale(kHidden) / static_cast<float>(kGateStep);
  Value sum = narrow(b.add(fromInput, product(hidden, kRecurrence + i, 0, factor)));
  // The update has no peephole.
  size_t peephole = kPeepholes + (i == 3 ? 2 : i);
  if (i != 2 && n.has(peephole)) {
    float by = static_cast<float>(std::ldexp(1.0, cellLog2) * scale(peephole) / kGateStep);
    Value seen = b.mul(wide(cell), wide(n.stored(peephole)));
    sum = narrow(b.add(sum, scaledExactly(b, seen, fixedPoint(by))));
  }
  return tabled(sum, [&](int16_t x) { return i == 2 ? fixedTanh(x, 3) : fixedSigmoid(x, 3); });
}

Value IntegerLstm::nextCell(Value cell, Value in, Value forget, Value update) {
  Value kept = shiftRight(b, b.mul(forget, cell), 15, /*away=*/true);
  Value added = shiftRight(b, b.mul(in, update), 30 + cellLog2, /*away=*/true);
  Value next = narrow(b.add(kept, added));
  if (cellClip > 0) {
    auto limit = std::trunc(std::min(cellClip / scale(kCell), 32767.0f));
    next = b.clamp(next, -limit, limit);
  }
  return next;
}

Value IntegerLstm::nextHidden(Value cell, Value out) {
  float between = n.intermediate(4)->scale.front();
  int64_t zero = n.intermediate(4)->zeroPoint.front();
  Value squashed = tabled(cell, [&](int16_t x) { return fixedTanh(x, cellBits); });
  auto factor = static_cast<float>(0x1p-15 / double(between) * 0x1p-15);
  Value value = scaledExactly(b, wide(b.mul(out, squashed)), fixedPoint(factor));
  if (!n.has(kProjection))
    return b.clamp(b.add(value, number(value, zero)), -128, 127);
  // The kernel stores it without its zero point, in 8 bits all the same.
  value = b.clamp(b.sub(value, number(value, zero)), -128, 127);
  value = b.cast(b.add(value, number(value, zero)), b.ops().getF32Type());
  float by = scale(kProjection) * between / scale(kHidden);
  value = product(value, kProjection, kProjectionBias, by);
  value =
      b.clamp(b.add(value, number(value, n.quantization(kHidden).zeroPoint.front())), -128, 127);
  if (projectionClip > 0) {
    auto limit = std::trunc(std::min(projectionClip / outputScale(n), 127.0));
    value = b.clamp(value, -limit, limit);
  }
  return value;
}

LogicalResult IntegerLstm::run(bool timeMajor) {
  if (!check())
    return failure();
  Type f32 = b.ops().getF32Type(), i32 = b.ops().getI32Type();
  Value input = centered(n, 0, f32);
  if (!input)
    return failure();
  int64_t rank = B::rank(input);
  if (rank != 2 && rank != 3)
    return n.error("has an input of shape " + shapeName(B::shape(input)));
  if (rank == 2)
    input = b.unsqueeze(input, 0);
  else if (!timeMajor)
    input = b.transpose(input, {1, 0, 2});
  Ints shape(B::shape(input));
  if (shape[0] > kMaxSteps)
    return n.unsupported("more than " + Twine(kMaxSteps) + " steps");
  input = b.reshape(input, {shape[0] * shape[1], shape[2]});
  Value fromInput[4];
  for (size_t i = isCoupled() ? 1 : 0; i < 4; ++i) {
    float factor = scale(kWeights + i) * scale(0) / static_cast<float>(kGateStep);
    fromInput[i] = narrow(product(input, kWeights + i, kBiases + i, factor));
    if (!fromInput[i])
      return failure();
  }
  Value hidden = b.cast(n.stored(kHidden), i32), cell = b.cast(n.stored(kCell), i32);
  int64_t zero = n.quantization(kHidden).zeroPoint.front();
  SmallVector<Value> results;
  for (int64_t step = 0; step < shape[0]; ++step) {
    Value before = b.cast(b.sub(hidden, number(hidden, zero)), f32);
    auto at = [&](size_t i) {
      return gate(i, b.slice(fromInput[i], 0, step * shape[1], shape[1]), before, cell);
    };
    Value forget = at(1);
    Value in = isCoupled() ? b.sub(number(forget, 32767), forget) : at(0);
    cell = nextCell(cell, in, forget, at(2));
    hidden = nextHidden(cell, at(3));
    if (!hidden)
      return failure();
    results.push_back(b.unsqueeze(b.cast(hidden, n.outputElement()), 0));
  }
  if (results.empty())
    return n.unsupported("no steps", "expected at least one");
  if (failed(n.setState(kHidden, b.cast(hidden, b.ops().getIntegerType(8)))) ||
      failed(n.setState(kCell, b.cast(cell, b.ops().getIntegerType(16)))))
    return failure();
  Value output = b.concat(results, 0);
  if (rank == 2)
    return n.set(b.squeeze(output, 0));
  return n.set(timeMajor ? output : b.transpose(output, {1, 0, 2}));
}

} // namespace

LogicalResult tfliteimport::quantizedLstm(TfliteNode &n, bool timeMajor, float cellClip,
                                          float projectionClip) {
  return IntegerLstm(n, cellClip, projectionClip).run(timeMajor);
}
