// Index arithmetic with memory: equal expressions at one point of the program become one SSA value.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include <map>
#include <optional>
#include <tuple>

namespace ingot {

/// The value of `v` if it is an integer or index constant.
std::optional<int64_t> constantInt(mlir::Value v);

/// Whether `v` (index) is always a multiple of `factor`: constants, loop variables, sums and
/// products.
bool isMultipleOf(mlir::Value v, int64_t factor);

/// Builds arith ops on `index` values. Constants fold, and equal requests in one block return the
/// value built before; the memory is dropped when the builder has moved to another block.
class IndexMath {
public:
  explicit IndexMath(mlir::OpBuilder &builder) : builder(builder) {}

  mlir::Value constant(mlir::Location loc, int64_t value);
  mlir::Value add(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Location loc, mlir::Value a, mlir::Value b);
  /// Quotient and remainder of non-negative indices by a positive divisor.
  mlir::Value div(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Location loc, mlir::Value a, mlir::Value b);

  mlir::Value add(mlir::Location loc, mlir::Value a, int64_t b) {
    return add(loc, a, constant(loc, b));
  }
  mlir::Value sub(mlir::Location loc, mlir::Value a, int64_t b) {
    return sub(loc, a, constant(loc, b));
  }
  mlir::Value mul(mlir::Location loc, mlir::Value a, int64_t b) {
    return mul(loc, a, constant(loc, b));
  }
  mlir::Value div(mlir::Location loc, mlir::Value a, int64_t b) {
    return div(loc, a, constant(loc, b));
  }
  mlir::Value rem(mlir::Location loc, mlir::Value a, int64_t b) {
    return rem(loc, a, constant(loc, b));
  }
  mlir::Value min(mlir::Location loc, mlir::Value a, int64_t b) {
    return min(loc, a, constant(loc, b));
  }
  mlir::Value max(mlir::Location loc, mlir::Value a, int64_t b) {
    return max(loc, a, constant(loc, b));
  }

  /// `linear` split into indices of `extents`, outermost first. `linear` is below the product of
  /// the extents.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Location loc, mlir::Value linear,
                                             llvm::ArrayRef<int64_t> extents);

  /// Forgets what was built (called by itself when the block changes).
  void forget() { known.clear(); }
  /// Drops the memory if the builder stands in another block than at the last request.
  void refresh();

private:
  enum class Op { Add, Sub, Mul, Div, Rem, Min, Max };
  mlir::Value binary(Op op, mlir::Location loc, mlir::Value a, mlir::Value b);

  mlir::OpBuilder &builder;
  mlir::Block *block = nullptr;
  std::map<std::tuple<int, void *, void *, int64_t>, mlir::Value> known;
};

} // namespace ingot
