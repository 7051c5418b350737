// Index arithmetic with memory: equal expressions at one point of the program become one SSA value.
#pragma once

#include "ir/graph/DimExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/StringMap.h"
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

  /// Says that the dims d0, d1, … are `values`, arguments of a function's entry block.
  void bindDims(mlir::ValueRange values);
  /// The value of an extent: a constant, or computed once at the function's entry.
  mlir::Value value(mlir::Location loc, const DimExpr &extent);

  mlir::Value add(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Location loc, mlir::Value a, mlir::Value b);
  /// Quotient and remainder of non-negative indices by a positive divisor.
  mlir::Value div(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Location loc, mlir::Value a, mlir::Value b);

  /// The same with a number or an extent on the right.
#define INGOT_INDEX_OP(OP)                                                                         \
  mlir::Value OP(mlir::Location loc, mlir::Value a, int64_t b) {                                   \
    return OP(loc, a, constant(loc, b));                                                           \
  }                                                                                                \
  mlir::Value OP(mlir::Location loc, mlir::Value a, const DimExpr &b) {                            \
    return OP(loc, a, value(loc, b));                                                              \
  }
  INGOT_INDEX_OP(add)
  INGOT_INDEX_OP(sub)
  INGOT_INDEX_OP(mul)
  INGOT_INDEX_OP(div)
  INGOT_INDEX_OP(rem)
  INGOT_INDEX_OP(min)
  INGOT_INDEX_OP(max)
#undef INGOT_INDEX_OP

  /// `linear` split into indices of `extents`, outermost first. `linear` is below the product of
  /// the extents.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Location loc, mlir::Value linear,
                                             llvm::ArrayRef<DimExpr> extents);
  llvm::SmallVector<mlir::Value> delinearize(mlir::Location loc, mlir::Value linear,
                                             llvm::ArrayRef<int64_t> extents) {
    return delinearize(loc, linear, dimExprs(extents));
  }

  /// Forgets what was built (called by itself when the block changes).
  void forget() { known.clear(); }
  /// Drops the memory if the builder stands in another block than at the last request.
  void refresh();

private:
  enum class Op { Add, Sub, Mul, Div, Rem, Min, Max };
  mlir::Value binary(Op op, mlir::Location loc, mlir::Value a, mlir::Value b);
  mlir::Value compute(mlir::Location loc, const DimExpr &extent);

  mlir::OpBuilder &builder;
  mlir::Block *block = nullptr;
  std::map<std::tuple<int, void *, void *, int64_t>, mlir::Value> known;
  llvm::SmallVector<mlir::Value> dims;
  llvm::StringMap<mlir::Value> extents; ///< computed at the entry, by their text
  mlir::Operation *lastAtEntry = nullptr;
};

} // namespace ingot
