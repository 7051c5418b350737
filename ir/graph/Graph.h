// The `ingot` dialect: ops, attributes, interfaces, and the helpers that builders of graphs share.
#pragma once

#include "ir/graph/DimExpr.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringMap.h"
#include <memory>

#include "ir/graph/GraphDialect.h.inc"
#include "ir/graph/GraphEnums.h.inc"
#include "ir/graph/GraphInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/graph/GraphAttrs.h.inc"
#define GET_OP_CLASSES
#include "ir/graph/GraphOps.h.inc"

namespace ingot {

/// NumPy broadcast of static shapes (aligned at the right, extents of 1 stretch); failure when they
/// do not match.
llvm::FailureOr<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> a,
                                                            llvm::ArrayRef<int64_t> b);

/// The extents of a tensor; a `?` without a name gives an expression that equals nothing.
llvm::SmallVector<DimExpr> extentsOf(mlir::RankedTensorType type);

/// Whether two tensors have the same extents for all values of the names.
inline bool sameShape(mlir::Value a, mlir::Value b) {
  auto left = llvm::cast<mlir::RankedTensorType>(a.getType());
  auto right = llvm::cast<mlir::RankedTensorType>(b.getType());
  // Canonical texts are equal exactly when the extents are.
  return left.getShape() == right.getShape() && left.getEncoding() == right.getEncoding();
}

/// The tensor type with these extents, dynamic ones named in its encoding.
mlir::RankedTensorType tensorType(llvm::ArrayRef<DimExpr> extents, mlir::Type element);

/// Starts and sizes of a slice; the expressions of `dims` stand for the dynamic starts, then sizes.
/// Failure: their numbers differ.
llvm::FailureOr<std::pair<llvm::SmallVector<DimExpr>, llvm::SmallVector<DimExpr>>>
sliceRange(llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> sizes, DimsAttr dims);

/// `broadcastShapes` of extents: 1 stretches, and others must be equal for all values of the names.
llvm::FailureOr<llvm::SmallVector<DimExpr>> broadcastExtents(llvm::ArrayRef<DimExpr> a,
                                                             llvm::ArrayRef<DimExpr> b);

/// Bounds of named dims, inclusive: what `ingot.dims` of a module or a kernel function declares.
using DimBounds = llvm::StringMap<DimExpr::Range>;
inline constexpr llvm::StringLiteral kDimBoundsAttr = "ingot.dims";
/// Reads the attribute of `op`; empty when it has none.
DimBounds dimBounds(mlir::Operation *op);
/// Writes it; removes it when `bounds` is empty.
void setDimBounds(mlir::Operation *op, const DimBounds &bounds);
/// All values of `expression` lie in this range; [0, INT64_MAX] where the bounds do not tell.
DimExpr::Range rangeOf(const DimExpr &expression, const DimBounds &bounds);

/// The type with the same shape and another element type.
mlir::RankedTensorType withElementType(mlir::RankedTensorType type, mlir::Type element);

/// The signless form of an integer element type (`ui8` → `i8`), other types unchanged: what `arith`
/// works on.
mlir::Type signless(mlir::Type element);

/// Names of the source model's nodes that `loc` stands for, outermost first, without duplicates.
llvm::SmallVector<llvm::StringRef> sourceNames(mlir::Location loc);

/// The same, joined by a space, or "?" when the location holds no name.
std::string sourceName(mlir::Location loc);

/// A graph constant with `attr` (dense or weight) as its value.
mlir::Value constant(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                     mlir::Attribute attr);

/// A rank-0 constant of element type `element` holding `value` (rounded to it).
mlir::Value scalarConstant(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type element,
                           double value);

/// An i64 vector constant.
mlir::Value indexConstant(mlir::OpBuilder &builder, mlir::Location loc,
                          llvm::ArrayRef<int64_t> values);

/// Creates an op whose result types are inferred, from operands and properties that may not fit:
/// where `OpT::create` would abort, this reports the mismatch at `loc` and fails. For importers,
/// whose input is anybody's.
template <typename OpT>
llvm::FailureOr<OpT> createChecked(mlir::OpBuilder &builder, mlir::Location loc,
                                   mlir::ValueRange operands, typename OpT::Properties properties) {
  llvm::SmallVector<mlir::Type> types;
  if (failed(OpT::inferReturnTypes(builder.getContext(), loc, operands,
                                   builder.getDictionaryAttr({}),
                                   mlir::OpaqueProperties(&properties), {}, types)))
    return mlir::failure();
  return OpT::create(builder, loc, types, operands, properties);
}

} // namespace ingot
