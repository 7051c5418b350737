// Softmax and the normalisations.
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace ingot::eval {
namespace {

void evaluateSoftmax(Task &task, SoftmaxOp op) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  int64_t axis = op.getAxis(), extent = shape[axis];
  int64_t inner = product(shape.drop_front(axis + 1)), outer = product(shape.take_front(axis));
  std::vector<double> x = toDoubles(task.in[0]);
  for (int64_t o = 0; o < outer && extent > 0; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double *line = x.data() + o * extent * inner + i;
      double peak = line[0], sum = 0;
      for (int64_t j = 1; j < extent; ++j)
        peak = std::isnan(peak) ? peak : !(line[j * inner] <= peak) ? line[j * inner] : peak;
      for (int64_t j = 0; j < extent; ++j)
        sum += std::exp(line[j * inner] - peak);
      for (int64_t j = 0; j < extent; ++j) {
        double &value = line[j * inner];
        value = op.getLog() ? value - peak - std::log(sum) : std::exp(value - peak) / sum;
      }
    }
  task.out.push_back(fromDoubles(task.resultType(), x));
}

/// Normalises `rows` rows of `count` elements in place; `centred` subtracts the mean first.
void normalizeRows(std::vector<double> &x, int64_t rows, int64_t count, double epsilon,
                   bool centred) {
  for (int64_t row = 0; row < rows; ++row) {
    double *line = x.data() + row * count, mean = 0, square = 0;
    if (centred) {
      for (int64_t i = 0; i < count; ++i)
        mean += line[i];
      mean /= (double)count;
    }
    for (int64_t i = 0; i < count; ++i)
      square += (line[i] - mean) * (line[i] - mean);
    double factor = 1 / std::sqrt(square / (double)count + epsilon);
    for (int64_t i = 0; i < count; ++i)
      line[i] = (line[i] - mean) * factor;
  }
}

/// x * scale[channel] + bias[channel], where the channel of element i is i / inner % (extent of
/// scale).
void affine(std::vector<double> &x, const TensorValue *scale, const TensorValue *bias,
            int64_t inner) {
  if (scale) {
    std::vector<double> factors = toDoubles(*scale);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] *= factors[i / inner % factors.size()];
  }
  if (bias) {
    std::vector<double> terms = toDoubles(*bias);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] += terms[i / inner % terms.size()];
  }
}

void evaluateRowNorm(Task &task, int64_t axis, double epsilon, bool centred, Value scale,
                     Value bias) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  std::vector<double> x = toDoubles(task.in[0]);
  if (!x.empty())
    normalizeRows(x, product(shape.take_front(axis)), product(shape.drop_front(axis)), epsilon,
                  centred);
  affine(x, task.optional(scale), task.optional(bias), 1);
  task.out.push_back(fromDoubles(task.resultType(), x));
}

void evaluateGroupNorm(Task &task, GroupNormOp op) {
  llvm::SmallVector<int64_t> shape(task.in[0].shape());
  std::vector<double> x = toDoubles(task.in[0]);
  llvm::SmallVector<int64_t> first = shape;
  if (op.getChannelsLast()) {
    llvm::SmallVector<int64_t> perm = toChannelsFirst(shape.size());
    x = transposed(x, shape, perm);
    for (size_t i = 0; i < perm.size(); ++i)
      first[i] = shape[perm[i]];
  }
  int64_t space = product(ArrayRef<int64_t>(first).drop_front(2)), groups = op.getGroups();
  if (!x.empty())
    normalizeRows(x, first[0] * groups, first[1] / groups * space,
                  op.getEpsilon().convertToDouble(), true);
  affine(x, task.optional(op.getScale()), task.optional(op.getBias()), space);
  if (op.getChannelsLast())
    x = transposed(x, first, toChannelsLast(first.size()));
  task.out.push_back(fromDoubles(task.resultType(), x));
}

void evaluateBatchNorm(Task &task, BatchNormOp op) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  int64_t space = product(shape.drop_front(2));
  std::vector<double> x = toDoubles(task.in[0]), scale = toDoubles(task.in[1]),
                      bias = toDoubles(task.in[2]);
  std::vector<double> mean = toDoubles(task.in[3]), variance = toDoubles(task.in[4]);
  for (size_t i = 0; i < x.size(); ++i) {
    size_t c = i / space % shape[1];
    x[i] =
        (x[i] - mean[c]) / std::sqrt(variance[c] + op.getEpsilon().convertToDouble()) * scale[c] +
        bias[c];
  }
  task.out.push_back(fromDoubles(task.resultType(), x));
}

} // namespace

bool evaluateNormalization(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<SoftmaxOp>([&](SoftmaxOp op) { return evaluateSoftmax(task, op), true; })
      .Case<LayerNormOp>([&](LayerNormOp op) {
        evaluateRowNorm(task, op.getAxis(), op.getEpsilon().convertToDouble(), true, op.getScale(),
                        op.getBias());
        return true;
      })
      .Case<RmsNormOp>([&](RmsNormOp op) {
        evaluateRowNorm(task, op.getAxis(), op.getEpsilon().convertToDouble(), false, op.getScale(),
                        {});
        return true;
      })
      .Case<GroupNormOp>([&](GroupNormOp op) { return evaluateGroupNorm(task, op), true; })
      .Case<BatchNormOp>([&](BatchNormOp op) { return evaluateBatchNorm(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
