// Small helpers that emitters share: tensor shapes, constants, arithmetic on scalars and vectors
// mixed.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot {

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}
/// The extents of a tensor of a kernel, in its dims d0, d1, …
inline llvm::SmallVector<DimExpr> extentsOf(mlir::Value tensor) {
  return extentsOf(mlir::cast<mlir::RankedTensorType>(tensor.getType()));
}
inline mlir::Type elementOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getElementType();
}
/// Whether it has no elements for any value of the dims.
inline bool isEmpty(mlir::Value tensor) { return llvm::is_contained(shapeOf(tensor), 0); }
/// The scalar type of a scalar or vector.
inline mlir::Type scalarType(mlir::Value v) { return mlir::getElementTypeOrSelf(v.getType()); }
inline bool isVector(mlir::Value v) { return mlir::isa<mlir::VectorType>(v.getType()); }
inline bool isNarrowFloat(mlir::Type t) {
  return mlir::isa<mlir::FloatType>(t) && t.getIntOrFloatBitWidth() < 32;
}

/// Dims [from, fromEnd) of one shape and [to, toEnd) of another that hold the same elements.
struct ReshapeGroup {
  size_t from, fromEnd, to, toEnd;
};
/// The smallest groups in which a reshape keeps the row-major order; extents of 1 between groups
/// are in none. Both shapes have the same number of elements, and it is not 0.
llvm::SmallVector<ReshapeGroup> reshapeGroups(llvm::ArrayRef<DimExpr> from,
                                              llvm::ArrayRef<DimExpr> to);

/// `element` with the vector shape of `like`.
inline mlir::Type typeLike(mlir::Value like, mlir::Type element) {
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(like.getType()))
    return vector.clone(element);
  return element;
}

/// `number` as an attribute of the signless form of `element`.
mlir::TypedAttr numberAttr(mlir::Type element, double number);

/// A private constant of the module that the builder stands in, one for each distinct content;
/// elements as in memory.
mlir::Value globalConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::DenseElementsAttr value);

/// Arithmetic on scalars and vectors mixed: scalars are spread where the other side is a vector.
struct Mixed {
  mlir::OpBuilder &b;
  mlir::Location loc;

  void match(mlir::Value &x, mlir::Value &y) const;
  template <typename Op> mlir::Value op(mlir::Value x, mlir::Value y) const {
    match(x, y);
    return Op::create(b, loc, x, y);
  }
  /// A float converted to f32.
  mlir::Value f32(mlir::Value x) const { return toFloat(x, b.getF32Type()); }
  /// A float converted to another float type.
  mlir::Value toFloat(mlir::Value x, mlir::Type type) const;
  /// `value` in the type of `like`.
  mlir::Value number(mlir::Value like, double value) const;
  /// An integer widened to i32 at least, by the signedness of the tensor element type it comes
  /// from.
  mlir::Value i32(mlir::Value x, mlir::Type tensorElement) const;
};

} // namespace ingot
