// The `plan` dialect: a compiled model as a schedule over memory, mirroring
// runtime-lib/schema/program.fbs.
#pragma once

#include "ir/graph/Graph.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ingot::plan {

/// The number or expression of dims that a Plan_Extent attribute holds; its verifier has parsed it.
DimExpr extentOf(mlir::Attribute attr);
/// The attribute of an extent: an integer, or the expression's text.
mlir::Attribute extentAttr(mlir::Builder builder, const DimExpr &extent);

} // namespace ingot::plan

#include "ir/plan/PlanDialect.h.inc"
#include "ir/plan/PlanEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/plan/PlanTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/plan/PlanAttrs.h.inc"
#define GET_OP_CLASSES
#include "ir/plan/PlanOps.h.inc"

namespace ingot::plan {

/// Symbol of the module's first space, the host's memory; empty when there is none.
llvm::StringRef hostSpace(mlir::Operation *inModule);

/// Bytes of a tensor as the plan stores it (`storedBytes`), as a number or an expression of dims.
DimExpr storedSize(mlir::RankedTensorType type);

/// What a buffer is part of: the bytes from `offset` on of a plan.ref's memory (`offset` counts
/// from its start), of a plan.place or of a plan.alloc.
struct Origin {
  mlir::Operation *root = nullptr;
  DimExpr offset;
};
Origin originOf(mlir::Value buffer);

/// Whether a <= b for all dims within `bounds`; false when that is not known.
bool neverAbove(const DimExpr &a, const DimExpr &b, const DimBounds &bounds);

} // namespace ingot::plan
