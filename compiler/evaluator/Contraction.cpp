// Convolutions, matrix products and attention, as products of float64 matrices.
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <Eigen/Core>
#include <cmath>

using namespace mlir;

namespace ingot::eval {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<Matrix>;
using ConstView = Eigen::Map<const Matrix>;

/// Stores sums: floats are rounded, integers wrap to the accumulator's type. Sums of products of
/// 8-bit and 16-bit integers are exact in float64.
TensorValue store(RankedTensorType type, const std::vector<double> &sums) {
  if (llvm::isa<FloatType>(type.getElementType()))
    return fromDoubles(type, sums);
  std::vector<int64_t> integers(sums.begin(), sums.end());
  return fromIntegers(type, integers);
}

/// Whether products of these operands may be summed in float64 without loss.
bool wideIntegers(Task &task, const TensorValue &x, const TensorValue &y) {
  auto wide = [](const TensorValue &value) {
    auto integer = llvm::dyn_cast<IntegerType>(value.type.getElementType());
    return integer && integer.getWidth() > 16;
  };
  if (!wide(x) && !wide(y))
    return false;
  task.error = "contractions of integers wider than 16 bits cannot be evaluated";
  return true;
}

/// A convolution's geometry with [N, C, spatial…] activations.
struct Window {
  llvm::SmallVector<int64_t> in, kernel, out; // spatial extents
  ArrayRef<int64_t> strides, pads, dilations;

  /// Calls `body(kernel position, output position, input position)` for the output positions
  /// `from`..`to` wherever the window lies inside the input.
  template <class Body> void forEach(int64_t from, int64_t to, Body body) const {
    size_t rank = in.size();
    llvm::SmallVector<int64_t> k(rank, 0), o(rank);
    llvm::SmallVector<int64_t> outStrides = stridesOf(out), inStrides = stridesOf(in);
    int64_t kernelPosition = 0;
    do {
      for (size_t i = 0; i < rank; ++i)
        o[i] = from / outStrides[i] % out[i];
      for (int64_t position = from; position < to; ++position) {
        int64_t offset = 0;
        bool inside = true;
        for (size_t i = 0; i < rank && inside; ++i) {
          int64_t x = o[i] * strides[i] - pads[i] + k[i] * dilations[i];
          inside = x >= 0 && x < in[i];
          offset += x * inStrides[i];
        }
        if (inside)
          body(kernelPosition, position, offset);
        advance(o, out);
      }
      ++kernelPosition;
    } while (advance(k, kernel));
  }
};

/// Activations as doubles in [N, C, spatial…].
std::vector<double> channelsFirst(const TensorValue &value, bool channelsLast,
                                  llvm::SmallVector<int64_t> &shape) {
  shape.assign(value.shape().begin(), value.shape().end());
  std::vector<double> data = toDoubles(value);
  if (!channelsLast)
    return data;
  llvm::SmallVector<int64_t> perm = toChannelsFirst(shape.size());
  data = transposed(data, value.shape(), perm);
  for (size_t i = 0; i < perm.size(); ++i)
    shape[i] = value.shape()[perm[i]];
  return data;
}

/// The result in the layout the op asks for. `shape` is [N, C, spatial…].
TensorValue finish(Task &task, std::vector<double> data, ArrayRef<int64_t> shape,
                   bool channelsLast) {
  if (channelsLast)
    data = transposed(data, shape, toChannelsLast(shape.size()));
  return store(task.resultType(), data);
}

void addBias(std::vector<double> &data, const TensorValue *bias, ArrayRef<int64_t> shape) {
  if (!bias)
    return;
  std::vector<double> values = toDoubles(*bias);
  int64_t space = product(shape.drop_front(2));
  for (size_t i = 0; i < data.size(); ++i)
    data[i] += values[i / space % shape[1]];
}

void evaluateConv(Task &task, ConvOp op) {
  if (wideIntegers(task, task.in[0], task.in[1]))
    return;
  llvm::SmallVector<int64_t> in, out(task.resultType().getShape());
  std::vector<double> x = channelsFirst(task.in[0], op.getChannelsLast(), in),
                      w = toDoubles(task.in[1]);
  if (op.getChannelsLast()) {
    llvm::SmallVector<int64_t> perm = toChannelsFirst(out.size()), last = out;
    for (size_t i = 0; i < perm.size(); ++i)
      out[i] = last[perm[i]];
  }
  ArrayRef<int64_t> filter = task.in[1].shape();
  Window window{llvm::to_vector(ArrayRef<int64_t>(in).drop_front(2)),
                llvm::to_vector(filter.drop_front(2)),
                llvm::to_vector(ArrayRef<int64_t>(out).drop_front(2)),
                op.getStrides(),
                op.getPads(),
                op.getDilations()};
  int64_t groups = op.getGroups(), channels = filter[1], outChannels = out[1] / groups;
  int64_t inSpace = product(window.in), outSpace = product(window.out),
          taps = product(window.kernel);
  std::vector<double> y(product(out), 0.0);
  // Columns are built for as many output positions at a time as keep them within 32 MiB.
  int64_t depth = channels * taps;
  int64_t chunk = std::clamp<int64_t>((int64_t(1) << 22) / std::max<int64_t>(depth, 1), 1,
                                      std::max<int64_t>(outSpace, 1));
  std::vector<double> columns;
  for (int64_t n = 0; n < out[0] && !y.empty() && depth > 0; ++n)
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t from = 0; from < outSpace; from += chunk) {
        int64_t to = std::min(from + chunk, outSpace), count = to - from;
        columns.assign(depth * count, 0.0);
        const double *source = x.data() + (n * in[1] + g * channels) * inSpace;
        window.forEach(from, to, [&](int64_t tap, int64_t position, int64_t offset) {
          for (int64_t c = 0; c < channels; ++c)
            columns[(c * taps + tap) * count + position - from] = source[c * inSpace + offset];
        });
        Matrix sums = ConstView(w.data() + g * outChannels * depth, outChannels, depth) *
                      ConstView(columns.data(), depth, count);
        for (int64_t o = 0; o < outChannels; ++o)
          std::copy_n(sums.data() + o * count, count,
                      y.data() + ((n * groups + g) * outChannels + o) * outSpace + from);
      }
  addBias(y, task.optional(op.getBias()), out);
  task.out.push_back(finish(task, std::move(y), out, op.getChannelsLast()));
}

void evaluateConvTranspose(Task &task, ConvTransposeOp op) {
  if (wideIntegers(task, task.in[0], task.in[1]))
    return;
  llvm::SmallVector<int64_t> in, out(task.resultType().getShape());
  std::vector<double> x = channelsFirst(task.in[0], op.getChannelsLast(), in),
                      w = toDoubles(task.in[1]);
  if (op.getChannelsLast()) {
    llvm::SmallVector<int64_t> perm = toChannelsFirst(out.size()), last = out;
    for (size_t i = 0; i < perm.size(); ++i)
      out[i] = last[perm[i]];
  }
  ArrayRef<int64_t> filter = task.in[1].shape();
  // The input's positions are the "outputs" of the convolution whose gradient this is.
  Window window{llvm::to_vector(ArrayRef<int64_t>(out).drop_front(2)),
                llvm::to_vector(filter.drop_front(2)),
                llvm::to_vector(ArrayRef<int64_t>(in).drop_front(2)),
                op.getStrides(),
                op.getPads(),
                op.getDilations()};
  int64_t groups = op.getGroups(), channels = in[1] / groups, outChannels = filter[1];
  int64_t inSpace = product(window.out), outSpace = product(window.in),
          taps = product(window.kernel);
  int64_t depth = outChannels * taps;
  std::vector<double> y(product(out), 0.0);
  for (int64_t n = 0; n < out[0] && !y.empty() && !x.empty() && depth > 0; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      Matrix columns =
          ConstView(w.data() + g * channels * depth, channels, depth).transpose() *
          ConstView(x.data() + (n * in[1] + g * channels) * inSpace, channels, inSpace);
      double *target = y.data() + (n * out[1] + g * outChannels) * outSpace;
      window.forEach(0, inSpace, [&](int64_t tap, int64_t position, int64_t offset) {
        for (int64_t c = 0; c < outChannels; ++c)
          target[c * outSpace + offset] += columns(c * taps + tap, position);
      });
    }
  addBias(y, task.optional(op.getBias()), out);
  task.out.push_back(finish(task, std::move(y), out, op.getChannelsLast()));
}

void evaluateMatmul(Task &task, MatmulOp op) {
  ArrayRef<int64_t> a = task.in[0].shape(), b = task.in[1].shape(),
                    out = task.resultType().getShape();
  int64_t m = a[a.size() - 2], k = a.back(), n = out.back();
  if (wideIntegers(task, task.in[0], task.in[1]))
    return;
  std::vector<double> x = toDoubles(task.in[0]), y = toDoubles(task.in[1]), sums(product(out), 0.0);
  // Offsets of each result matrix's operands: leading dims broadcast.
  ArrayRef<int64_t> batch = out.drop_back(2);
  auto batchStrides = [&](ArrayRef<int64_t> shape) {
    llvm::SmallVector<int64_t> own = stridesOf(shape), strides(batch.size(), 0);
    for (size_t i = 0, lead = out.size() - shape.size(); i + 2 < shape.size(); ++i)
      strides[lead + i] = shape[i] == 1 ? 0 : own[i];
    return strides;
  };
  llvm::SmallVector<int64_t> xs = batchStrides(a), ys = batchStrides(b), index(batch.size(), 0);
  double *target = sums.data();
  if (!sums.empty() && k > 0)
    do {
      int64_t xo = 0, yo = 0;
      for (size_t i = 0; i < index.size(); ++i) {
        xo += index[i] * xs[i];
        yo += index[i] * ys[i];
      }
      View product(target, m, n);
      if (op.getTransposeB())
        product.noalias() =
            ConstView(x.data() + xo, m, k) * ConstView(y.data() + yo, n, k).transpose();
      else
        product.noalias() = ConstView(x.data() + xo, m, k) * ConstView(y.data() + yo, k, n);
      target += m * n;
    } while (advance(index, batch));
  if (const TensorValue *bias = task.optional(op.getBias())) {
    std::vector<double> values = toDoubles(*bias);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] += values[i % n];
  }
  task.out.push_back(store(task.resultType(), sums));
}

void evaluateAttention(Task &task, AttentionOp op) {
  ArrayRef<int64_t> q = task.in[0].shape(), k = task.in[1].shape(), v = task.in[2].shape();
  int64_t heads = q[1], lq = q[2], lk = k[2], depth = q[3], valueDepth = v[3];
  std::vector<double> query = toDoubles(task.in[0]), key = toDoubles(task.in[1]),
                      value = toDoubles(task.in[2]);
  std::vector<double> out(product(task.resultType().getShape()), 0.0), mask;
  const TensorValue *maskValue = task.optional(op.getMask());
  if (maskValue) {
    llvm::SmallVector<int64_t> full{q[0], heads, lq, lk};
    auto joined = broadcastShapes(maskValue->shape(), full);
    if (failed(joined) || *joined != full) {
      task.error = "the mask does not broadcast to [B, H, Lq, Lk]";
      return;
    }
    mask = broadcastTo(toDoubles(*maskValue), maskValue->shape(), full);
  }
  const double lowest = -std::numeric_limits<double>::infinity(),
               scale = op.getScale().convertToDouble();
  for (int64_t n = 0; n < q[0] && !out.empty() && lk > 0; ++n)
    for (int64_t h = 0; h < heads; ++h) {
      int64_t shared = n * k[1] + h / (heads / k[1]), own = n * heads + h;
      Matrix scores = ConstView(query.data() + own * lq * depth, lq, depth) *
                      ConstView(key.data() + shared * lk * depth, lk, depth).transpose();
      for (int64_t i = 0; i < lq; ++i) {
        double peak = lowest, sum = 0;
        for (int64_t j = 0; j < lk; ++j) {
          double &score = scores(i, j);
          score *= scale;
          if (maskValue) {
            double m = mask[(own * lq + i) * lk + j];
            score = maskValue->isFloat() ? score + m : m != 0 ? score : lowest;
          }
          if (op.getCausal() && j > i)
            score = lowest;
          peak = std::isnan(peak) || std::isnan(score) ? NAN : std::max(peak, score);
        }
        for (int64_t j = 0; j < lk; ++j) {
          scores(i, j) = peak == lowest ? 0 : std::exp(scores(i, j) - peak);
          sum += scores(i, j);
        }
        if (sum != 0)
          scores.row(i) /= sum;
      }
      View(out.data() + own * lq * valueDepth, lq, valueDepth) =
          scores * ConstView(value.data() + shared * lk * valueDepth, lk, valueDepth);
    }
  task.out.push_back(fromDoubles(task.resultType(), out));
}

} // namespace

bool evaluateContraction(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<ConvOp>([&](ConvOp op) { return evaluateConv(task, op), true; })
      .Case<ConvTransposeOp>(
          [&](ConvTransposeOp op) { return evaluateConvTranspose(task, op), true; })
      .Case<MatmulOp>([&](MatmulOp op) { return evaluateMatmul(task, op), true; })
      .Case<AttentionOp>([&](AttentionOp op) { return evaluateAttention(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
