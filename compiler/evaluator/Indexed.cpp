// Gathers and scatters. Negative indices count from the end; what is out of range after that is
// clamped.
#include "compiler/evaluator/Families.h"

#include "ir/graph/WeightStore.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace ingot::eval {
namespace {

int64_t wrap(int64_t index, int64_t extent) {
  if (index < 0)
    index += extent;
  return std::clamp<int64_t>(index, 0, extent - 1);
}

/// Refuses to index into nothing.
bool indexesNothing(Task &task, ArrayRef<int64_t> extents) {
  if (product(task.in[1].shape()) == 0 || !llvm::is_contained(extents, 0))
    return false;
  task.error = "cannot index into an extent of 0";
  return true;
}

void evaluateGather(Task &task, int64_t axis) {
  RankedTensorType type = task.resultType();
  ArrayRef<int64_t> shape = task.in[0].shape();
  if (indexesNothing(task, shape[axis]))
    return;
  size_t width = storedElementBytes(type.getElementType());
  int64_t outer = product(shape.take_front(axis)),
          inner = product(shape.drop_front(axis + 1)) * width;
  std::vector<int64_t> indices = toIntegers(task.in[1]);
  std::vector<char> bytes;
  bytes.reserve(type.getNumElements() * width);
  const char *data = task.in[0].raw().data();
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t index : indices) {
      const char *from = data + (i * shape[axis] + wrap(index, shape[axis])) * inner;
      bytes.insert(bytes.end(), from, from + inner);
    }
  task.out.push_back(TensorValue(type, std::move(bytes)));
}

void evaluateGatherElements(Task &task, int64_t axis) {
  RankedTensorType type = task.resultType();
  ArrayRef<int64_t> shape = task.in[0].shape();
  if (indexesNothing(task, shape))
    return;
  size_t width = storedElementBytes(type.getElementType());
  std::vector<int64_t> indices = toIntegers(task.in[1]);
  llvm::SmallVector<int64_t> strides = stridesOf(shape), index(type.getRank(), 0);
  std::vector<char> bytes(type.getNumElements() * width);
  for (size_t position = 0; position < indices.size(); ++position) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset += ((int64_t)i == axis ? wrap(indices[position], shape[i]) : index[i]) * strides[i];
    std::memcpy(bytes.data() + position * width, task.in[0].raw().data() + offset * width, width);
    advance(index, type.getShape());
  }
  task.out.push_back(TensorValue(type, std::move(bytes)));
}

/// Calls `body(tuple number, element offset of its slice in the data, elements of a slice)` for
/// each index tuple.
template <class Body>
void forEachTuple(const TensorValue &data, const TensorValue &indices, int64_t batchDims,
                  Body body) {
  ArrayRef<int64_t> shape = data.shape(), tuples = indices.shape();
  llvm::SmallVector<int64_t> strides = stridesOf(shape);
  int64_t depth = tuples.back(), count = product(tuples.drop_back());
  int64_t batches = product(tuples.take_front(batchDims)),
          slice = product(shape.drop_front(batchDims + depth));
  int64_t batchStride = product(shape.drop_front(batchDims));
  std::vector<int64_t> values = toIntegers(indices);
  for (int64_t tuple = 0; tuple < count; ++tuple) {
    int64_t offset = (tuple / (count / batches)) * batchStride;
    for (int64_t i = 0; i < depth; ++i)
      offset += wrap(values[tuple * depth + i], shape[batchDims + i]) * strides[batchDims + i];
    body(tuple, offset, slice);
  }
}

void evaluateGatherND(Task &task, int64_t batchDims) {
  RankedTensorType type = task.resultType();
  ArrayRef<int64_t> shape = task.in[0].shape();
  if (indexesNothing(task, shape.slice(batchDims, task.in[1].shape().back())))
    return;
  size_t width = storedElementBytes(type.getElementType());
  std::vector<char> bytes(type.getNumElements() * width);
  if (!bytes.empty())
    forEachTuple(task.in[0], task.in[1], batchDims,
                 [&](int64_t tuple, int64_t offset, int64_t slice) {
                   std::memcpy(bytes.data() + tuple * slice * width,
                               task.in[0].raw().data() + offset * width, slice * width);
                 });
  task.out.push_back(TensorValue(type, std::move(bytes)));
}

double combine(ScatterKind kind, double x, double y) {
  switch (kind) {
  case ScatterKind::None:
    return y;
  case ScatterKind::Add:
    return x + y;
  case ScatterKind::Mul:
    return x * y;
  case ScatterKind::Max:
    return std::isnan(x) ? x : std::isnan(y) || y > x ? y : x;
  case ScatterKind::Min:
    return std::isnan(x) ? x : std::isnan(y) || y < x ? y : x;
  }
  return y;
}

int64_t combine(ScatterKind kind, int64_t x, int64_t y, bool isUnsigned) {
  bool less = isUnsigned ? (uint64_t)y < (uint64_t)x : y < x;
  switch (kind) {
  case ScatterKind::None:
    return y;
  case ScatterKind::Add:
    return (int64_t)((uint64_t)x + (uint64_t)y);
  case ScatterKind::Mul:
    return (int64_t)((uint64_t)x * (uint64_t)y);
  case ScatterKind::Max:
    return less ? x : y;
  case ScatterKind::Min:
    return less ? y : x;
  }
  return y;
}

/// Runs `walk(put)`, where `put(to, from)` combines update element `from` into data element `to`.
template <class Walk> void scatter(Task &task, ScatterKind kind, Walk walk) {
  RankedTensorType type = task.resultType();
  if (type.getElementType() != task.operandType(2).getElementType() ||
      type != task.operandType(0)) {
    task.error = "data, updates and result differ in element type";
    return;
  }
  if (kind == ScatterKind::None) {
    size_t width = storedElementBytes(type.getElementType());
    std::vector<char> bytes(task.in[0].raw().begin(), task.in[0].raw().end());
    walk([&](int64_t to, int64_t from) {
      std::memcpy(bytes.data() + to * width, task.in[2].raw().data() + from * width, width);
    });
    task.out.push_back(TensorValue(type, std::move(bytes)));
  } else if (task.in[0].isFloat()) {
    std::vector<double> data = toDoubles(task.in[0]), updates = toDoubles(task.in[2]);
    walk([&](int64_t to, int64_t from) { data[to] = combine(kind, data[to], updates[from]); });
    task.out.push_back(fromDoubles(type, data));
  } else {
    std::vector<int64_t> data = toIntegers(task.in[0]), updates = toIntegers(task.in[2]);
    walk([&](int64_t to, int64_t from) {
      data[to] = combine(kind, data[to], updates[from], isUnsigned(type));
    });
    task.out.push_back(fromIntegers(type, data));
  }
}

void evaluateScatterElements(Task &task, ScatterElementsOp op) {
  ArrayRef<int64_t> shape = task.in[0].shape(), extent = task.in[1].shape(),
                    updates = task.in[2].shape();
  for (size_t i = 0; i < extent.size(); ++i)
    if (extent[i] > updates[i] || ((int64_t)i != (int64_t)op.getAxis() && extent[i] > shape[i])) {
      task.error = "the indices reach beyond data or updates";
      return;
    }
  if (indexesNothing(task, shape))
    return;
  std::vector<int64_t> indices = toIntegers(task.in[1]);
  llvm::SmallVector<int64_t> strides = stridesOf(shape), updateStrides = stridesOf(updates);
  scatter(task, op.getReduction(), [&](auto put) {
    llvm::SmallVector<int64_t> index(extent.size(), 0);
    for (int64_t value : indices) {
      int64_t to = 0, from = 0;
      for (size_t i = 0; i < index.size(); ++i) {
        to += (i == op.getAxis() ? wrap(value, shape[i]) : index[i]) * strides[i];
        from += index[i] * updateStrides[i];
      }
      put(to, from);
      advance(index, extent);
    }
  });
}

void evaluateScatterND(Task &task, ScatterNDOp op) {
  ArrayRef<int64_t> shape = task.in[0].shape();
  int64_t depth = task.in[1].shape().back();
  int64_t expected = product(task.in[1].shape().drop_back()) * product(shape.drop_front(depth));
  if (task.in[2].size() != expected) {
    task.error = "updates do not have one slice for each index tuple";
    return;
  }
  if (indexesNothing(task, shape.take_front(depth)))
    return;
  scatter(task, op.getReduction(), [&](auto put) {
    if (task.in[2].size() == 0)
      return;
    forEachTuple(task.in[0], task.in[1], 0, [&](int64_t tuple, int64_t offset, int64_t slice) {
      for (int64_t i = 0; i < slice; ++i)
        put(offset + i, tuple * slice + i);
    });
  });
}

} // namespace

bool evaluateIndexed(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<GatherOp>([&](GatherOp op) { return evaluateGather(task, op.getAxis()), true; })
      .Case<GatherElementsOp>(
          [&](GatherElementsOp op) { return evaluateGatherElements(task, op.getAxis()), true; })
      .Case<GatherNDOp>(
          [&](GatherNDOp op) { return evaluateGatherND(task, op.getBatchDims()), true; })
      .Case<ScatterElementsOp>(
          [&](ScatterElementsOp op) { return evaluateScatterElements(task, op), true; })
      .Case<ScatterNDOp>([&](ScatterNDOp op) { return evaluateScatterND(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
