// Pooling and resampling.
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace ingot::eval {
namespace {

/// Pools [N·C, spatial…] planes. T is double or int64_t.
template <class T, class Less>
std::vector<T> pool(Task &task, PoolOp op, const std::vector<T> &x, ArrayRef<int64_t> in,
                    ArrayRef<int64_t> out, T lowest, Less less) {
  size_t rank = in.size() - 2;
  ArrayRef<int64_t> kernel = op.getKernel(), strides = op.getStrides(), pads = op.getPads(),
                    dilations = op.getDilations();
  ArrayRef<int64_t> counted = op.getCountedPads() ? *op.getCountedPads() : pads;
  llvm::SmallVector<int64_t> inStrides = stridesOf(in.drop_front(2));
  int64_t inSpace = product(in.drop_front(2)), planes = in[0] * in[1];
  std::vector<T> y;
  y.reserve(product(out));
  for (int64_t plane = 0; plane < planes && product(out) > 0; ++plane) {
    llvm::SmallVector<int64_t> o(rank, 0);
    do {
      T peak = lowest, sum = 0;
      int64_t count = 0;
      llvm::SmallVector<int64_t> k(rank, 0);
      do {
        int64_t offset = plane * inSpace;
        bool inside = true, countedInside = true;
        for (size_t i = 0; i < rank; ++i) {
          int64_t at = o[i] * strides[i] - pads[i] + k[i] * dilations[i];
          inside &= at >= 0 && at < in[2 + i];
          countedInside &= at >= -counted[i] && at < in[2 + i] + counted[rank + i];
          offset += at * inStrides[i];
        }
        count += op.getCountIncludePad() ? inside || countedInside : inside;
        if (inside) {
          peak = less(peak, x[offset]) ? x[offset] : peak;
          sum += x[offset];
        }
      } while (advance(k, kernel));
      y.push_back(op.getKind() == PoolKind::Max ? peak : count ? sum / (T)count : 0);
    } while (advance(o, out.drop_front(2)));
  }
  return y;
}

void evaluatePool(Task &task, PoolOp op) {
  llvm::SmallVector<int64_t> in(task.in[0].shape()), out(task.resultType().getShape());
  if (op.getChannelsLast()) {
    llvm::SmallVector<int64_t> perm = toChannelsFirst(in.size()), lastIn = in, lastOut = out;
    for (size_t i = 0; i < perm.size(); ++i) {
      in[i] = lastIn[perm[i]];
      out[i] = lastOut[perm[i]];
    }
  }
  auto run = [&](auto x, auto lowest, auto less) {
    if (op.getChannelsLast())
      x = transposed(x, task.in[0].shape(), toChannelsFirst(in.size()));
    x = pool(task, op, x, in, out, lowest, less);
    return op.getChannelsLast() ? transposed(x, out, toChannelsLast(out.size())) : x;
  };
  if (task.in[0].isFloat()) {
    // A NaN is the greatest, and stays.
    auto less = [](double peak, double x) { return !std::isnan(peak) && !(x <= peak); };
    task.out.push_back(
        fromDoubles(task.resultType(),
                    run(toDoubles(task.in[0]), -std::numeric_limits<double>::infinity(), less)));
  } else if (isUnsigned(task.operandType(0))) {
    auto less = [](int64_t peak, int64_t x) { return (uint64_t)peak < (uint64_t)x; };
    task.out.push_back(
        fromIntegers(task.resultType(), run(toIntegers(task.in[0]), int64_t(0), less)));
  } else {
    unsigned width = task.operandType(0).getElementTypeBitWidth();
    auto lowest = int64_t(uint64_t(-1) << (width - 1));
    auto less = [](int64_t peak, int64_t x) { return peak < x; };
    task.out.push_back(fromIntegers(task.resultType(), run(toIntegers(task.in[0]), lowest, less)));
  }
}

/// For one output position along one dim: input positions and their weights.
struct Taps {
  llvm::SmallVector<std::pair<int64_t, double>, 4> taps;
};

double inputCoordinate(CoordinateMode mode, int64_t position, double scale, int64_t in,
                       int64_t out) {
  switch (mode) {
  case CoordinateMode::HalfPixel:
    return ((double)position + 0.5) / scale - 0.5;
  case CoordinateMode::PytorchHalfPixel:
    return out > 1 ? ((double)position + 0.5) / scale - 0.5 : 0;
  case CoordinateMode::AlignCorners:
    return out > 1 ? (double)(position * (in - 1)) / (double)(out - 1) : 0;
  case CoordinateMode::Asymmetric:
    return (double)position / scale;
  }
  return 0;
}

int64_t nearest(NearestMode mode, double x) {
  switch (mode) {
  case NearestMode::RoundPreferFloor:
    return (int64_t)std::ceil(x - 0.5);
  case NearestMode::RoundPreferCeil:
    return (int64_t)std::floor(x + 0.5);
  case NearestMode::Floor:
    return (int64_t)std::floor(x);
  case NearestMode::Ceil:
    return (int64_t)std::ceil(x);
  }
  return 0;
}

Taps tapsOf(ResizeOp op, int64_t position, double scale, int64_t in, int64_t out) {
  double x = inputCoordinate(op.getCoordinates(), position, scale, in, out);
  // A scale near 0 asks for coordinates far outside: every tap is then the edge.
  x = std::clamp(x, -4.0, (double)in + 4.0);
  Taps result;
  auto add = [&](int64_t at, double weight) {
    result.taps.push_back({std::clamp<int64_t>(at, 0, in - 1), weight});
  };
  if (op.getMode() == ResizeMode::Nearest) {
    add(nearest(op.getNearest(), x), 1);
    return result;
  }
  auto base = (int64_t)std::floor(x);
  double t = x - (double)base;
  if (op.getMode() == ResizeMode::Linear) {
    add(base, 1 - t);
    add(base + 1, t);
    return result;
  }
  // Keys' cubic convolution with coefficient a.
  double a = op.getCubicCoeff().convertToDouble();
  auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  add(base - 1, far(1 + t));
  add(base, near(t));
  add(base + 1, near(1 - t));
  add(base + 2, far(2 - t));
  return result;
}

void evaluateResize(Task &task, ResizeOp op) {
  llvm::SmallVector<int64_t> shape(task.in[0].shape());
  ArrayRef<int64_t> target = task.resultType().getShape();
  ArrayRef<double> scales = op.getScales();
  if (shape.size() != target.size() || scales.size() != target.size()) {
    task.error = "the ranks of operand, result and scales differ";
    return;
  }
  if (task.in[0].size() == 0 && task.resultType().getNumElements() > 0) {
    task.error = "an empty tensor cannot be resampled";
    return;
  }
  std::vector<double> x = toDoubles(task.in[0]);
  // Interpolation is separable: one dim after the other.
  for (size_t dim = 0; dim < target.size(); ++dim) {
    if (shape[dim] == target[dim] && scales[dim] == 1)
      continue;
    if (!(scales[dim] > 0)) {
      task.error = "a scale is not positive";
      return;
    }
    int64_t in = shape[dim], out = target[dim];
    int64_t outer = product(ArrayRef<int64_t>(shape).take_front(dim));
    int64_t inner = product(ArrayRef<int64_t>(shape).drop_front(dim + 1));
    std::vector<double> y(outer * out * inner);
    for (int64_t position = 0; position < out && !y.empty(); ++position) {
      Taps taps = tapsOf(op, position, scales[dim], in, out);
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          double sum = 0;
          for (auto [at, weight] : taps.taps)
            if (weight != 0)
              sum += x[(o * in + at) * inner + i] * weight;
          y[(o * out + position) * inner + i] = sum;
        }
    }
    x = std::move(y);
    shape[dim] = out;
  }
  task.out.push_back(fromDoubles(task.resultType(), x));
}

} // namespace

bool evaluateWindow(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<PoolOp>([&](PoolOp op) { return evaluatePool(task, op), true; })
      .Case<ResizeOp>([&](ResizeOp op) { return evaluateResize(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
