// See CountedExtents.h.
#include "compiler/importers/common/CountedExtents.h"

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

Value ingot::compacted(GraphBuilder &b, Value value, int64_t dim, Value count) {
  if (!value || !count)
    return {};
  ArrayRef<int64_t> shape = B::shape(value);
  int64_t outer = 1, inner = 1, total = B::type(value).getNumElements();
  for (auto [d, extent] : llvm::enumerate(shape))
    (static_cast<int64_t>(d) < dim ? outer : inner) *= extent;
  if (outer == 1 || total == 0)
    return value;
  // Element p of the dense tensor is element p % (count * rest) of part p / (count * rest).
  Type i64 = b.ops().getI64Type();
  auto number = [&](int64_t n) { return b.scalar(i64, static_cast<double>(n)); };
  Value own = b.mul(b.reshape(count, {}), number(inner / shape[dim]));
  own = b.binary<MaxOp>(own, number(1));
  Value place = b.iota(b.tensorType({total}, i64), 0);
  Value part = b.binary<MinOp>(b.div(place, own), number(outer - 1));
  Value from = b.add(b.mul(part, number(inner)), b.binary<ModOp>(place, own));
  return b.reshape(b.create<GatherOp>(b.reshape(value, {total}), from, 0), Ints(shape));
}

LogicalResult CountedExtents::add(GraphBuilder &b, StringRef output, int64_t dim, Value count) {
  Value scalar = count ? b.reshape(count, {}) : Value();
  if (!scalar)
    return failure();
  std::string variable = "extent " + std::to_string(dim) + " of " + output.str();
  {
    OpBuilder::InsertionGuard guard(b.ops());
    b.ops().setInsertionPointToStart(b.getModule().getBody());
    VariableOp::create(b.ops(), b.loc(), b.ops().getStringAttr(variable),
                       TypeAttr::get(scalar.getType()), Attribute());
  }
  VariableUpdateOp::create(b.ops(), b.loc(), variable, scalar);
  entries.push_back({output.str(), variable, dim});
  return success();
}

void CountedExtents::finish(GraphBuilder &b, ArrayRef<std::string> names) const {
  SmallVector<CountedDim> dims;
  for (const Entry &entry : entries)
    for (auto [index, name] : llvm::enumerate(names))
      if (name == entry.output)
        dims.push_back({static_cast<int64_t>(index), entry.dim, entry.variable});
  setCountedDims(b.getModule(), dims);
}
