// What a row of the operator table sees of an operator: its inputs as values, its options, and ways
// to fail.
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/importers/common/UnsupportedOps.h"
#include "compiler/importers/tflite/schema_generated.h"

namespace ingot::tfliteimport {

/// The element type of tensors of `type`, or null when they are not supported.
mlir::Type elementType(mlir::MLIRContext *context, tflite::TensorType type);

/// How integers stand for real numbers: real = (stored - zeroPoint) * scale, for the whole tensor
/// or along a dim.
struct Quantization {
  llvm::SmallVector<float, 1> scale; ///< empty: the tensor is not quantised
  llvm::SmallVector<int64_t, 1> zeroPoint;
  int64_t axis = 0; ///< where there is more than one scale

  explicit operator bool() const { return !scale.empty(); }
  /// One positive scale.
  bool isWhole() const { return scale.size() == 1 && scale.front() > 0; }
  /// Scale 1 and the zero points: integers for integers.
  Quantization withoutScale() const;
  bool operator==(const Quantization &other) const {
    return scale == other.scale && zeroPoint == other.zeroPoint &&
           (scale.size() <= 1 || axis == other.axis);
  }
};

/// A tensor of the graph that is imported.
struct Tensor {
  const tflite::Tensor *proto = nullptr;
  std::string name;
  mlir::Type element;        ///< null when its type is not supported
  Quantization quantization; ///< of an integer tensor
  mlir::Value stored;        ///< null until it is computed, or when `poisoned`
  bool poisoned = false;     ///< computed by an operator that is not supported
  std::string resource;      ///< of a handle: the variable it stands for
};

class TfliteNode {
public:
  /// `inputs` holds null for an optional input that is absent.
  TfliteNode(GraphBuilder &builder, const tflite::Operator &proto, llvm::StringRef op,
             std::string name, llvm::ArrayRef<const Tensor *> inputs,
             llvm::ArrayRef<const Tensor *> outputs, llvm::ArrayRef<const Tensor *> intermediates,
             UnsupportedOps &collector)
      : b(builder), proto(proto), opName(op), nodeName(std::move(name)), inputs(inputs),
        outputs(outputs), intermediates(intermediates), values(outputs.size()),
        collector(collector) {}

  GraphBuilder &b;

  llvm::StringRef op() const { return opName; }

  //===--- inputs
  //-------------------------------------------------------------------------------------------------===//

  size_t numInputs() const { return inputs.size(); }
  bool has(size_t i) const { return i < inputs.size() && inputs[i]; }
  /// What input `i` stands for: of a quantised tensor the real numbers (f32). An error and null
  /// when the operator does not have it.
  mlir::Value in(size_t i);
  /// Input `i` as it is stored.
  mlir::Value stored(size_t i);
  /// Input `i` for an operator that only moves elements: as stored when output `output` means the
  /// same by the same integers, else what it stands for.
  mlir::Value moved(size_t i, size_t output = 0);
  /// `in(i)` with dims permuted, the permutation applied to what is stored.
  mlir::Value transposed(size_t i, llvm::ArrayRef<int64_t> perm);
  /// Input `i` as what is added to products of inputs `lhs` and `rhs` (whose channels are along the
  /// dim of its scales): an integer counts in the product of their scales. Null without an error
  /// when it is absent.
  mlir::FailureOr<mlir::Value> bias(size_t i, size_t lhs, size_t rhs);
  const Quantization &quantization(size_t i) const { return inputs[i]->quantization; }
  /// What a kernel's inner value `i` is stored in; null where the file does not say.
  const Quantization *intermediate(size_t i) const {
    return i < intermediates.size() && intermediates[i] ? &intermediates[i]->quantization : nullptr;
  }
  /// (value - zero point) * scale in f32, of integers whose dims were permuted by `perm`, if any.
  mlir::Value dequantizedBy(mlir::Value value, const Quantization &by,
                            llvm::ArrayRef<int64_t> perm);
  /// The integers of an input that must be known at import; else the operator is reported as not
  /// supported.
  std::optional<Ints> constantInts(size_t i, llvm::StringRef what);
  /// The only integer of such an input.
  std::optional<int64_t> constantInt(size_t i, llvm::StringRef what);

  //===--- options
  //------------------------------------------------------------------------------------------------===//

  /// The operator's options; an error and null when it has none of this type.
  template <typename T> const T *options() {
    if (const T *found = proto.builtin_options_as<T>())
      return found;
    (void)error("has no options of its kind");
    return nullptr;
  }
  /// The same, null without an error.
  template <typename T> const T *optionalOptions() const { return proto.builtin_options_as<T>(); }
  const tflite::Operator &raw() const { return proto; }
  /// `value` after a fused activation.
  mlir::Value activate(mlir::Value value, tflite::ActivationFunctionType activation);

  //===--- results
  //------------------------------------------------------------------------------------------------===//

  size_t numOutputs() const { return outputs.size(); }
  /// The declared element type of output `i`.
  mlir::Type outputElement(size_t i = 0) const { return outputs[i]->element; }
  const Quantization &outputQuantization(size_t i = 0) const { return outputs[i]->quantization; }
  /// Sets output 0. A float for a quantised output is quantised; any other difference from the
  /// declared element type is an error. Failure when the value is null.
  mlir::LogicalResult set(mlir::Value value) { return set(0, value); }
  mlir::LogicalResult set(size_t i, mlir::Value value);
  llvm::ArrayRef<mlir::Value> results() const { return values; }
  /// Changes input `i`, a tensor that is a variable, to `value` of the same type.
  mlir::LogicalResult setState(size_t i, mlir::Value value);
  llvm::ArrayRef<std::pair<size_t, mlir::Value>> states() const { return changed; }

  /// Reports the operator as not supported: `what` in parentheses after its name, `reason` what
  /// would be.
  mlir::LogicalResult unsupported(const llvm::Twine &what, const llvm::Twine &reason = {});
  bool isUnsupported() const { return reported; }
  /// Takes back results and a report: an attempt to import the operator failed.
  void forget();
  /// An error in the model at this operator.
  mlir::LogicalResult error(const llvm::Twine &message);

private:
  const tflite::Operator &proto;
  llvm::StringRef opName;
  std::string nodeName;
  llvm::ArrayRef<const Tensor *> inputs, outputs, intermediates;
  llvm::SmallVector<mlir::Value> values;
  llvm::SmallVector<std::pair<size_t, mlir::Value>, 2> changed;
  UnsupportedOps &collector;
  bool reported = false;
};

/// The fused activation of an operator whose options may be absent.
template <typename T> tflite::ActivationFunctionType fusedActivation(const TfliteNode &n) {
  const T *options = n.optionalOptions<T>();
  return options ? options->fused_activation_function() : tflite::ActivationFunctionType::NONE;
}

} // namespace ingot::tfliteimport
