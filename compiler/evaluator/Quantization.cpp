// Quantize and dequantize: per tensor, per channel, or in blocks along one dim.
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace ingot::eval {
namespace {

/// For each element of `shape`, the index of its scale.
struct ScaleIndex {
  llvm::SmallVector<int64_t>
      strides; // of the scale along the tensor's dims, 0 where it does not vary
  int64_t axis = -1, block = 1;

  /// Fails (with the task's error) when the scale's shape does not fit.
  static std::optional<ScaleIndex> of(Task &task, std::optional<uint64_t> axis,
                                      std::optional<uint64_t> block) {
    ArrayRef<int64_t> shape = task.in[0].shape(), scale = task.in[1].shape();
    ScaleIndex result;
    result.strides.assign(shape.size(), 0);
    auto bad = [&](const char *text) {
      task.error = text;
      return std::nullopt;
    };
    if (scale.empty())
      return result;
    if (!axis || *axis >= shape.size())
      return bad("a scale that is no scalar needs an axis inside the tensor's rank");
    result.axis = (int64_t)*axis;
    if (!block) {
      if (scale.size() != 1 || scale[0] != shape[*axis])
        return bad("the scale's extent is not that of the axis");
      result.strides[*axis] = 1;
      return result;
    }
    result.block = (int64_t)*block;
    llvm::SmallVector<int64_t> expected(shape);
    if (result.block <= 0)
      return bad("the block size is not positive");
    expected[*axis] = (expected[*axis] + result.block - 1) / result.block;
    if (scale != ArrayRef<int64_t>(expected))
      return bad("the scale's shape is not that of the tensor in blocks");
    result.strides = stridesOf(scale);
    return result;
  }
  int64_t operator()(ArrayRef<int64_t> index) const {
    int64_t offset = 0;
    for (size_t i = 0; i < index.size(); ++i)
      offset += ((int64_t)i == axis ? index[i] / block : index[i]) * strides[i];
    return offset;
  }
};

/// Runs `body(x, scale, zero point)` on each element.
template <class Body>
void forEachScaled(Task &task, const TensorValue *zeroPoint, const ScaleIndex &scaleIndex,
                   Body body) {
  std::vector<double> x = toDoubles(task.in[0]), scale = toDoubles(task.in[1]);
  std::vector<double> zero =
      zeroPoint ? toDoubles(*zeroPoint) : std::vector<double>(scale.size(), 0.0);
  if (zero.size() != scale.size()) {
    task.error = "scale and zero point differ in shape";
    return;
  }
  llvm::SmallVector<int64_t> index(task.in[0].shape().size(), 0);
  for (double &element : x) {
    int64_t at = scaleIndex(index);
    element = body(element, scale[at], zero[at]);
    advance(index, task.in[0].shape());
  }
  task.out.push_back(fromDoubles(task.resultType(), x));
}

} // namespace

bool evaluateQuantization(Task &task) {
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<QuantizeOp>([&](QuantizeOp op) {
        // The quotient is rounded to f32 (f64 for f64), as every implementation of the source specs
        // computes it: whether it is a tie decides the result.
        bool wide = task.operandType(0).getElementType().isF64();
        if (auto index = ScaleIndex::of(task, op.getAxis(), op.getBlockSize()))
          forEachScaled(task, task.optional(op.getZeroPoint()), *index,
                        [wide](double x, double scale, double zero) {
                          double quotient = wide ? x / scale : (double)((float)x / (float)scale);
                          return std::nearbyint(quotient) + zero;
                        });
        return true;
      })
      .Case<DequantizeOp>([&](DequantizeOp op) {
        if (auto index = ScaleIndex::of(task, op.getAxis(), op.getBlockSize()))
          forEachScaled(task, task.optional(op.getZeroPoint()), *index,
                        [](double x, double scale, double zero) { return (x - zero) * scale; });
        return true;
      })
      .Default([](Operation *) { return false; });
}

} // namespace ingot::eval
