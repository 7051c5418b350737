// A tensor's value on the host: its type and its row-major bytes, and conversions to the wide types
// that the evaluator computes in.
#pragma once

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <vector>

namespace ingot {

/// The most bytes one evaluated tensor may take. A program that needs more is refused, not
/// attempted.
constexpr uint64_t kMaxTensorBytes = uint64_t(1) << 32;

/// A tensor on the host: row-major, little-endian; i1 and integers narrower than a byte take a byte
/// per element. The bytes are shared and never changed once a value holds them.
struct TensorValue {
  mlir::RankedTensorType type;
  std::shared_ptr<const std::vector<char>> bytes;

  TensorValue() = default;
  TensorValue(mlir::RankedTensorType type, std::vector<char> data)
      : type(type), bytes(std::make_shared<const std::vector<char>>(std::move(data))) {}
  TensorValue(mlir::RankedTensorType type, std::shared_ptr<const std::vector<char>> bytes)
      : type(type), bytes(std::move(bytes)) {}

  llvm::ArrayRef<char> raw() const { return *bytes; }
  llvm::ArrayRef<int64_t> shape() const { return type.getShape(); }
  int64_t size() const { return type.getNumElements(); }
  /// Whether the elements are floats.
  bool isFloat() const { return llvm::isa<mlir::FloatType>(type.getElementType()); }
};

/// Bytes of a tensor of this type. Error: an extent is not known, the element type is not one of
/// f64, f32, f16, bf16, fp8 or an integer of up to 64 bits, or the size is above kMaxTensorBytes.
llvm::Expected<uint64_t> tensorBytes(mlir::RankedTensorType type);

/// The elements as doubles. Exact for every type but 64-bit integers above 2^53.
std::vector<double> toDoubles(const TensorValue &value);

/// The elements as 64-bit integers: signless and signed types sign-extended (i1 as 0 or 1),
/// unsigned zero-extended, floats truncated and saturated (NaN gives 0).
std::vector<int64_t> toIntegers(const TensorValue &value);

/// A tensor from doubles: rounded to the nearest float of the element type (ties to even), or
/// truncated and saturated to its integer (NaN gives 0), or `x != 0` for i1.
TensorValue fromDoubles(mlir::RankedTensorType type, llvm::ArrayRef<double> elements);

/// A tensor from integers: the low bits for a narrower integer type, `x != 0` for i1, rounded for
/// floats. `isUnsigned` says that the integers are unsigned 64-bit values.
TensorValue fromIntegers(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> elements,
                         bool isUnsigned = false);

} // namespace ingot
