// Ops that move elements as bytes: reshape, broadcast, transpose, slice, concat, pad; and iota.
#include "compiler/evaluator/Families.h"

#include "ir/graph/WeightStore.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstring>

using namespace mlir;

namespace ingot::eval {
namespace {

/// Builds a result of `type` by reading, at each row-major index, the element of `source` at
/// `offsetOf(index)`; a negative offset takes `fill`.
template <class OffsetOf>
TensorValue pick(RankedTensorType type, const TensorValue &source, OffsetOf offsetOf,
                 ArrayRef<char> fill = {}) {
  size_t width = storedElementBytes(type.getElementType());
  std::vector<char> bytes(type.getNumElements() * width);
  llvm::SmallVector<int64_t> index(type.getRank(), 0);
  char *to = bytes.data();
  if (!bytes.empty())
    do {
      int64_t offset = offsetOf(ArrayRef<int64_t>(index));
      std::memcpy(to, offset < 0 ? fill.data() : source.raw().data() + offset * width, width);
      to += width;
    } while (advance(index, type.getShape()));
  return TensorValue(type, std::move(bytes));
}

void evaluateBroadcast(Task &task) {
  RankedTensorType type = task.resultType();
  const TensorValue &in = task.in[0];
  auto joined = broadcastShapes(in.shape(), type.getShape());
  if (failed(joined) || ArrayRef<int64_t>(*joined) != type.getShape()) {
    task.error = "the operand's shape does not broadcast to the result's";
    return;
  }
  llvm::SmallVector<int64_t> own = stridesOf(in.shape()), strides(type.getRank(), 0);
  size_t lead = type.getRank() - own.size();
  for (size_t i = 0; i < own.size(); ++i)
    strides[lead + i] = in.shape()[i] == 1 ? 0 : own[i];
  task.out.push_back(pick(type, in, [&](ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset += index[i] * strides[i];
    return offset;
  }));
}

void evaluateTranspose(Task &task, ArrayRef<int64_t> perm) {
  llvm::SmallVector<int64_t> strides = stridesOf(task.in[0].shape());
  task.out.push_back(pick(task.resultType(), task.in[0], [&](ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset += index[i] * strides[perm[i]];
    return offset;
  }));
}

void evaluateSlice(Task &task, SliceOp op) {
  ArrayRef<int64_t> starts = op.getStarts(), steps = op.getSteps(), shape = task.in[0].shape();
  llvm::SmallVector<int64_t> strides = stridesOf(shape);
  RankedTensorType type = task.resultType();
  if (type.getNumElements() > 0)
    for (size_t i = 0; i < shape.size(); ++i) {
      int64_t last;
      if (llvm::MulOverflow(type.getDimSize(i) - 1, steps[i], last) ||
          llvm::AddOverflow(last, starts[i], last) || starts[i] < 0 || starts[i] >= shape[i] ||
          last < 0 || last >= shape[i]) {
        task.error = "the slice reaches beyond its operand";
        return;
      }
    }
  task.out.push_back(pick(type, task.in[0], [&](ArrayRef<int64_t> index) {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset += (starts[i] + index[i] * steps[i]) * strides[i];
    return offset;
  }));
}

void evaluateConcat(Task &task, int64_t axis) {
  RankedTensorType type = task.resultType();
  size_t width = storedElementBytes(type.getElementType());
  int64_t outer = product(type.getShape().take_front(axis)),
          inner = product(type.getShape().drop_front(axis + 1)) * width;
  std::vector<char> bytes;
  bytes.reserve(type.getNumElements() * width);
  for (int64_t i = 0; i < outer; ++i)
    for (const TensorValue &in : task.in) {
      int64_t part = in.shape()[axis] * inner;
      ArrayRef<char> from = in.raw().slice(i * part, part);
      bytes.insert(bytes.end(), from.begin(), from.end());
    }
  task.out.push_back(TensorValue(type, std::move(bytes)));
}

/// The position inside an extent that a padded position takes its value from; -1 for the constant.
int64_t padSource(int64_t position, int64_t extent, PadMode mode) {
  if (position >= 0 && position < extent)
    return position;
  switch (mode) {
  case PadMode::Constant:
    return -1;
  case PadMode::Edge:
    return position < 0 ? 0 : extent - 1;
  case PadMode::Wrap:
    return (position % extent + extent) % extent;
  case PadMode::Reflect: {
    if (extent == 1)
      return 0;
    int64_t period = 2 * (extent - 1), folded = (position % period + period) % period;
    return folded < extent ? folded : period - folded;
  }
  }
  return -1;
}

void evaluatePad(Task &task, PadOp op) {
  ArrayRef<int64_t> low = op.getLow(), shape = task.in[0].shape();
  llvm::SmallVector<int64_t> strides = stridesOf(shape);
  RankedTensorType type = task.resultType();
  if (op.getMode() != PadMode::Constant && task.in[0].size() == 0 && type.getNumElements() > 0) {
    task.error = "an empty tensor can only be padded with a constant";
    return;
  }
  TensorValue fill = fromDoubles(RankedTensorType::get({1}, type.getElementType()),
                                 {op.getValue().convertToDouble()});
  auto offsetOf = [&](ArrayRef<int64_t> index) -> int64_t {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i) {
      int64_t source = padSource(index[i] - low[i], shape[i], op.getMode());
      if (source < 0)
        return -1;
      offset += source * strides[i];
    }
    return offset;
  };
  task.out.push_back(pick(type, task.in[0], offsetOf, fill.raw()));
}

void evaluateIota(Task &task, IotaOp op) {
  RankedTensorType type = task.resultType();
  std::vector<double> line;
  int64_t dim = op.getDim();
  if (dim < 0 || dim >= type.getRank()) {
    task.error = "dim is outside the result's rank";
    return;
  }
  double start = op.getStart().convertToDouble(), step = op.getStep().convertToDouble();
  for (int64_t i = 0; i < type.getDimSize(dim); ++i)
    line.push_back(start + step * (double)i);
  TensorValue values =
      fromDoubles(RankedTensorType::get({type.getDimSize(dim)}, type.getElementType()), line);
  task.out.push_back(pick(type, values, [&](ArrayRef<int64_t> index) { return index[dim]; }));
}

} // namespace

bool evaluateMovement(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<ReshapeOp, TransferOp>([&](auto) {
        if (task.in[0].size() != task.resultType().getNumElements() ||
            task.operandType(0).getElementType() != task.resultType().getElementType())
          task.error = "the result does not hold the operand's elements";
        else
          task.out.push_back(TensorValue(task.resultType(), task.in[0].bytes));
        return true;
      })
      .Case<BroadcastOp>([&](auto) { return evaluateBroadcast(task), true; })
      .Case<TransposeOp>(
          [&](TransposeOp op) { return evaluateTranspose(task, op.getPerm()), true; })
      .Case<SliceOp>([&](SliceOp op) { return evaluateSlice(task, op), true; })
      .Case<ConcatOp>([&](ConcatOp op) { return evaluateConcat(task, op.getAxis()), true; })
      .Case<PadOp>([&](PadOp op) { return evaluatePad(task, op), true; })
      .Case<IotaOp>([&](IotaOp op) { return evaluateIota(task, op), true; })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
