// See Shapes.h.
#include "ir/graph/Shapes.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;

SliceAttrs ingot::sliceAttrs(MLIRContext *context, ArrayRef<DimExpr> starts,
                             ArrayRef<DimExpr> sizes) {
  SliceAttrs attrs;
  SmallVector<StringAttr> names;
  auto add = [&](ArrayRef<DimExpr> list, SmallVectorImpl<int64_t> &numbers) {
    for (const DimExpr &entry : list) {
      numbers.push_back(entry.constant().value_or(ShapedType::kDynamic));
      if (!entry.isConstant())
        names.push_back(StringAttr::get(context, entry.str()));
    }
  };
  add(starts, attrs.starts);
  add(sizes, attrs.sizes);
  if (!names.empty())
    attrs.dims = DimsAttr::get(context, names);
  return attrs;
}

Value ingot::createSlice(OpBuilder &builder, Location loc, Value input, ArrayRef<DimExpr> starts,
                         ArrayRef<DimExpr> sizes, ArrayRef<int64_t> steps) {
  SliceAttrs attrs = sliceAttrs(builder.getContext(), starts, sizes);
  return SliceOp::create(builder, loc, input, attrs.starts, attrs.sizes, steps, attrs.dims);
}

DimExpr ingot::numElements(RankedTensorType type) {
  DimExpr count = 1;
  for (const DimExpr &extent : extentsOf(type))
    count *= extent;
  return count;
}
