// What the evaluator's families of ops share. Internal to the evaluator.
#pragma once

#include "compiler/evaluator/TensorValue.h"
#include "ir/graph/Graph.h"

namespace ingot::eval {

/// One op being evaluated. The operands' types, sizes and the results' sizes are checked before a
/// family sees it.
struct Task {
  mlir::Operation *op;
  llvm::ArrayRef<TensorValue> in;
  llvm::SmallVector<TensorValue> out;
  /// Set when the op cannot be evaluated on these operands.
  std::string error;

  mlir::RankedTensorType resultType(unsigned index = 0) const {
    return llvm::cast<mlir::RankedTensorType>(op->getResult(index).getType());
  }
  mlir::RankedTensorType operandType(unsigned index) const { return in[index].type; }
  /// The value of an optional operand of this op, null when it is absent.
  const TensorValue *optional(mlir::Value operand) const;
};

// Each returns whether it knows the op; it then has set the results or the error.
bool evaluateElementwise(Task &task);
bool evaluateMovement(Task &task);
bool evaluateIndexed(Task &task);
bool evaluateContraction(Task &task);
bool evaluateNormalization(Task &task);
bool evaluateWindow(Task &task);
bool evaluateReduction(Task &task);
bool evaluateRecurrent(Task &task);
bool evaluateQuantization(Task &task);

/// Row-major strides of a shape, in elements.
llvm::SmallVector<int64_t> stridesOf(llvm::ArrayRef<int64_t> shape);
/// Product of extents.
int64_t product(llvm::ArrayRef<int64_t> shape);
/// Advances a row-major odometer; false when it wraps around to all zeros.
bool advance(llvm::MutableArrayRef<int64_t> index, llvm::ArrayRef<int64_t> shape);
/// Whether the type's integers are unsigned.
bool isUnsigned(mlir::RankedTensorType type);

/// `data` of shape `from` repeated to shape `to` (NumPy broadcast).
template <class T>
std::vector<T> broadcastTo(std::vector<T> data, llvm::ArrayRef<int64_t> from,
                           llvm::ArrayRef<int64_t> to) {
  if (from == to)
    return data;
  std::vector<T> out(product(to));
  if (out.empty())
    return out;
  llvm::SmallVector<int64_t> strides(to.size(), 0), own = stridesOf(from), index(to.size(), 0);
  size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    strides[lead + i] = from[i] == 1 ? 0 : own[i];
  int64_t inner = to.empty() ? 1 : to.back(), step = to.empty() ? 0 : strides.back(), position = 0;
  llvm::ArrayRef<int64_t> outer = to.empty() ? to : to.drop_back();
  llvm::MutableArrayRef<int64_t> outerIndex(index.data(), outer.size());
  do {
    int64_t offset = 0;
    for (size_t i = 0; i < outer.size(); ++i)
      offset += outerIndex[i] * strides[i];
    for (int64_t i = 0; i < inner; ++i)
      out[position++] = data[offset + i * step];
  } while (advance(outerIndex, outer));
  return out;
}

/// Elements permuted: result dim i is input dim perm[i].
template <class T>
std::vector<T> transposed(const std::vector<T> &data, llvm::ArrayRef<int64_t> shape,
                          llvm::ArrayRef<int64_t> perm) {
  llvm::SmallVector<int64_t> own = stridesOf(shape), to, strides, index(shape.size(), 0);
  for (int64_t dim : perm) {
    to.push_back(shape[dim]);
    strides.push_back(own[dim]);
  }
  std::vector<T> out(data.size());
  if (out.empty())
    return out;
  size_t position = 0;
  do {
    int64_t offset = 0;
    for (size_t i = 0; i < to.size(); ++i)
      offset += index[i] * strides[i];
    out[position++] = data[offset];
  } while (advance(index, to));
  return out;
}

/// The permutation that takes [N, spatial…, C] to [N, C, spatial…], and the reverse one.
llvm::SmallVector<int64_t> toChannelsFirst(int64_t rank);
llvm::SmallVector<int64_t> toChannelsLast(int64_t rank);

} // namespace ingot::eval
