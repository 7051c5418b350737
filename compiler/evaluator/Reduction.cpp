// Reductions, running sums, and the ops that order elements.
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace ingot::eval {
namespace {

/// The offset in a reduced tensor for each element of the input, in row-major order, given to
/// `body(element, offset)`.
template <class Body>
void forEachReduced(ArrayRef<int64_t> shape, ArrayRef<int64_t> dims, Body body) {
  llvm::SmallVector<int64_t> kept(shape), strides, index(shape.size(), 0);
  for (int64_t dim : dims)
    kept[dim] = 1;
  strides = stridesOf(kept);
  for (int64_t dim : dims)
    strides[dim] = 0;
  int64_t count = product(shape);
  for (int64_t element = 0; element < count; ++element) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset += index[i] * strides[i];
    body(element, offset);
    advance(index, shape);
  }
}

void reduceFloats(Task &task, ReduceOp op) {
  const double infinity = std::numeric_limits<double>::infinity();
  ReduceKind kind = op.getKind();
  double start = kind == ReduceKind::Max   ? -infinity
                 : kind == ReduceKind::Min ? infinity
                                           : kind == ReduceKind::Prod;
  int64_t results = task.resultType().getNumElements();
  std::vector<double> x = toDoubles(task.in[0]), y(results, start);
  forEachReduced(task.in[0].shape(), op.getDims(), [&](int64_t element, int64_t offset) {
    double value = x[element], &sum = y[offset];
    switch (kind) {
    case ReduceKind::Max:
      sum = std::isnan(sum) || value <= sum ? sum : value;
      break;
    case ReduceKind::Min:
      sum = std::isnan(sum) || value >= sum ? sum : value;
      break;
    case ReduceKind::Prod:
      sum *= value;
      break;
    default:
      sum += value;
    }
  });
  if (kind == ReduceKind::Mean)
    for (double &sum : y)
      sum /= (double)((int64_t)x.size() / std::max<int64_t>(results, 1));
  task.out.push_back(fromDoubles(task.resultType(), y));
}

void reduceIntegers(Task &task, ReduceOp op) {
  ReduceKind kind = op.getKind();
  unsigned width = task.operandType(0).getElementTypeBitWidth();
  bool isUnsigned = eval::isUnsigned(task.operandType(0));
  int64_t low = isUnsigned ? 0 : (int64_t)(uint64_t(-1) << (width - 1));
  int64_t high = isUnsigned ? (int64_t)(uint64_t(-1) >> (64 - width)) : ~low;
  int64_t start = kind == ReduceKind::Max                               ? low
                  : kind == ReduceKind::Min                             ? high
                  : kind == ReduceKind::Prod || kind == ReduceKind::All ? 1
                                                                        : 0;
  auto less = [&](int64_t a, int64_t b) { return isUnsigned ? (uint64_t)a < (uint64_t)b : a < b; };
  int64_t results = task.resultType().getNumElements();
  std::vector<int64_t> x = toIntegers(task.in[0]), y(results, start);
  forEachReduced(task.in[0].shape(), op.getDims(), [&](int64_t element, int64_t offset) {
    int64_t value = x[element], &sum = y[offset];
    switch (kind) {
    case ReduceKind::Max:
      sum = less(sum, value) ? value : sum;
      break;
    case ReduceKind::Min:
      sum = less(value, sum) ? value : sum;
      break;
    case ReduceKind::Prod:
      sum = (int64_t)((uint64_t)sum * (uint64_t)value);
      break;
    case ReduceKind::Any:
      sum |= value != 0;
      break;
    case ReduceKind::All:
      sum &= value != 0;
      break;
    case ReduceKind::Sum:
    case ReduceKind::Mean:
      sum = (int64_t)((uint64_t)sum + (uint64_t)value);
    }
  });
  int64_t count = (int64_t)x.size() / std::max<int64_t>(results, 1);
  if (kind == ReduceKind::Mean)
    for (int64_t &sum : y)
      sum = count == 0 ? 0 : isUnsigned ? (int64_t)((uint64_t)sum / (uint64_t)count) : sum / count;
  task.out.push_back(fromIntegers(task.resultType(), y));
}

/// Calls `body(first element, stride, number of the line)` for each line along `axis`.
template <class Body> void forEachLine(ArrayRef<int64_t> shape, int64_t axis, Body body) {
  int64_t inner = product(shape.drop_front(axis + 1)), outer = product(shape.take_front(axis));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i)
      body(o * shape[axis] * inner + i, inner, o * inner + i);
}

/// Whether x comes before y when the greatest (or least) is first; NaN is the greatest.
template <class T> bool before(T x, T y, bool smallest) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x) || std::isnan(y))
      return smallest ? std::isnan(y) && !std::isnan(x) : std::isnan(x) && !std::isnan(y);
  }
  return smallest ? x < y : x > y;
}

template <class T> void argReduce(Task &task, ArgReduceOp op, const std::vector<T> &x) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  int64_t axis = op.getAxis();
  if (shape[axis] == 0 && task.resultType().getNumElements() > 0) {
    task.error = "there is no index into an extent of 0";
    return;
  }
  bool smallest = op.getKind() == ReduceKind::Min;
  std::vector<int64_t> y(task.resultType().getNumElements());
  forEachLine(shape, axis, [&](int64_t first, int64_t stride, int64_t line) {
    int64_t best = 0;
    for (int64_t j = 1; j < shape[axis]; ++j) {
      T current = x[first + j * stride], top = x[first + best * stride];
      // A NaN is taken for the minimum as well as for the maximum.
      bool better = before(current, top, smallest),
           equal = !better && !before(top, current, smallest);
      if constexpr (std::is_floating_point_v<T>)
        if (smallest && std::isnan(current) != std::isnan(top))
          better = std::isnan(current);
      if (better || (equal && op.getSelectLast()))
        best = j;
    }
    y[line] = best;
  });
  task.out.push_back(fromIntegers(task.resultType(), y));
}

template <class T> std::vector<T> cumsum(Task &task, CumsumOp op, std::vector<T> x) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  int64_t axis = op.getAxis(), extent = shape[axis];
  forEachLine(shape, axis, [&](int64_t first, int64_t stride, int64_t) {
    T sum = 0;
    for (int64_t j = 0; j < extent; ++j) {
      T &element = x[first + (op.getReverse() ? extent - 1 - j : j) * stride];
      T value = element;
      element = op.getExclusive() ? sum : sum + value;
      sum += value;
    }
  });
  return x;
}

template <class T>
std::pair<std::vector<T>, std::vector<int64_t>> topK(Task &task, TopKOp op,
                                                     const std::vector<T> &x) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  int64_t axis = op.getAxis(), k = op.getK(), extent = shape[axis],
          inner = product(shape.drop_front(axis + 1));
  std::vector<T> values(task.resultType().getNumElements());
  std::vector<int64_t> indices(values.size()), order(extent);
  forEachLine(shape, axis, [&](int64_t first, int64_t stride, int64_t line) {
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      T x0 = x[first + a * stride], x1 = x[first + b * stride];
      return before(x0, x1, op.getSmallest()) || (!before(x1, x0, op.getSmallest()) && a < b);
    });
    int64_t to = line / inner * k * inner + line % inner;
    for (int64_t j = 0; j < k; ++j) {
      values[to + j * inner] = x[first + order[j] * stride];
      indices[to + j * inner] = order[j];
    }
  });
  return {values, indices};
}

/// Integers compare as signed unless their type is 64-bit unsigned; the sign bit is flipped then.
std::vector<int64_t> ordered(const TensorValue &value) {
  std::vector<int64_t> x = toIntegers(value);
  if (isUnsigned(value.type) && value.type.getElementTypeBitWidth() == 64)
    for (int64_t &element : x)
      element ^= INT64_MIN;
  return x;
}

void evaluateTopK(Task &task, TopKOp op) {
  if (op.getK() > (uint64_t)task.in[0].shape()[op.getAxis()]) {
    task.error = "k is greater than the extent";
    return;
  }
  std::vector<int64_t> indices;
  if (task.in[0].isFloat()) {
    auto found = topK(task, op, toDoubles(task.in[0]));
    task.out.push_back(fromDoubles(task.resultType(), found.first));
    indices = std::move(found.second);
  } else {
    auto found = topK(task, op, ordered(task.in[0]));
    if (isUnsigned(task.operandType(0)) && task.operandType(0).getElementTypeBitWidth() == 64)
      for (int64_t &element : found.first)
        element ^= INT64_MIN;
    task.out.push_back(fromIntegers(task.resultType(), found.first));
    indices = std::move(found.second);
  }
  task.out.push_back(fromIntegers(task.resultType(1), indices));
}

} // namespace

bool evaluateReduction(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<ReduceOp>([&](ReduceOp op) {
        bool logical = op.getKind() == ReduceKind::Any || op.getKind() == ReduceKind::All;
        if (task.in[0].isFloat() && logical)
          task.error = "any and all work on i1, got floats";
        else if (task.in[0].isFloat())
          reduceFloats(task, op);
        else
          reduceIntegers(task, op);
        return true;
      })
      .Case<ArgReduceOp>([&](ArgReduceOp op) {
        if (task.in[0].isFloat())
          argReduce(task, op, toDoubles(task.in[0]));
        else
          argReduce(task, op, ordered(task.in[0]));
        return true;
      })
      .Case<CumsumOp>([&](CumsumOp op) {
        if (task.in[0].isFloat())
          task.out.push_back(
              fromDoubles(task.resultType(), cumsum(task, op, toDoubles(task.in[0]))));
        else // unsigned, so that an overflow wraps
          task.out.push_back(fromIntegers(task.resultType(), [&] {
            std::vector<int64_t> x = toIntegers(task.in[0]);
            std::vector<uint64_t> sums =
                cumsum(task, op, std::vector<uint64_t>(x.begin(), x.end()));
            return std::vector<int64_t>(sums.begin(), sums.end());
          }()));
        return true;
      })
      .Case<TopKOp>([&](TopKOp op) { return evaluateTopK(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
