// What passes do with constants: read small ones, extend the recipe of large ones, make new ones.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/IR/Builders.h"

namespace ingot {

/// The constant that defines `value`, or null.
ConstantOp constantOf(mlir::Value value);

/// The number that every element of the dense constant `value` is (-0.0 and 0.0 are different), or
/// nothing.
std::optional<double> splatValue(mlir::Value value);

/// The elements of a constant of at most `maxElements`, or nothing.
std::optional<std::vector<double>> constantElements(mlir::Value value,
                                                    int64_t maxElements = 1 << 20);

/// The attribute of a constant of `type` with these elements, rounded to its element type.
mlir::Attribute elementsAttr(llvm::StringRef name, mlir::RankedTensorType type,
                             llvm::ArrayRef<double> elements);

/// A constant of `type` with these elements, rounded to its element type.
mlir::Value elementsConstant(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::RankedTensorType type, llvm::ArrayRef<double> elements);

/// The constant with one more step of its recipe, of type `type`; dense ones are computed at once.
/// Null when the bytes cannot be read.
mlir::Value withStep(mlir::OpBuilder &builder, mlir::Location loc, ConstantOp constant,
                     StepAttr step, mlir::RankedTensorType type);

/// A transposed constant: dim i of the result is dim perm[i].
mlir::Value transposeConstant(mlir::OpBuilder &builder, mlir::Location loc, ConstantOp constant,
                              llvm::ArrayRef<int64_t> perm);
/// The constant under another shape.
mlir::Value reshapeConstant(mlir::OpBuilder &builder, mlir::Location loc, ConstantOp constant,
                            llvm::ArrayRef<int64_t> shape);

/// The location of an op that replaces several: it has the names of all.
mlir::Location fuseLocations(llvm::ArrayRef<mlir::Location> parts);

} // namespace ingot
