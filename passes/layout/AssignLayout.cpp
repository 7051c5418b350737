// assign-layout: puts the channels of spatial ops last, where their target wants it.
#include "ir/graph/Graph.h"
#include "passes/layout/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_ASSIGNLAYOUT
#include "passes/layout/Passes.h.inc"
} // namespace ingot

namespace {

/// [N, C, spatial…] to [N, spatial…, C].
SmallVector<int64_t> toLast(int64_t rank) {
  SmallVector<int64_t> perm = {0};
  for (int64_t dim = 2; dim < rank; ++dim)
    perm.push_back(dim);
  perm.push_back(1);
  return perm;
}

/// [N, spatial…, C] to [N, C, spatial…].
SmallVector<int64_t> toSecond(int64_t rank) {
  SmallVector<int64_t> perm = {0, rank - 1};
  for (int64_t dim = 1; dim < rank - 1; ++dim)
    perm.push_back(dim);
  return perm;
}

class AssignLayout : public ingot::impl::AssignLayoutBase<AssignLayout> {
public:
  AssignLayout() = default;
  explicit AssignLayout(std::function<bool(StringRef)> wantsChannelsLast)
      : wantsChannelsLast(std::move(wantsChannelsLast)) {}

private:
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (!isa<ConvOp, ConvTransposeOp, PoolOp, GroupNormOp>(op) || op->hasAttr("channels_last"))
        return;
      auto target = op->getAttrOfType<StringAttr>("ingot.target");
      if (!wantsChannelsLast || wantsChannelsLast(target ? target.getValue() : ""))
        ops.push_back(op);
    });
    for (Operation *op : ops)
      rewrite(op);
  }

  static TransposeOp transpose(OpBuilder &builder, Operation *like, Value value,
                               ArrayRef<int64_t> perm) {
    auto result = TransposeOp::create(builder, like->getLoc(), value, perm);
    if (Attribute target = like->getAttr("ingot.target"))
      result->setAttr("ingot.target", target);
    return result;
  }

  static void rewrite(Operation *op) {
    OpBuilder builder(op);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    int64_t rank = type.getRank();
    op->setOperand(0, transpose(builder, op, op->getOperand(0), toLast(rank)));
    op->setAttr("channels_last", builder.getUnitAttr());
    SmallVector<DimExpr> shape, extents = extentsOf(type);
    for (int64_t dim : toLast(rank))
      shape.push_back(extents[dim]);
    op->getResult(0).setType(tensorType(shape, type.getElementType()));
    builder.setInsertionPointAfter(op);
    TransposeOp back = transpose(builder, op, op->getResult(0), toSecond(rank));
    op->getResult(0).replaceAllUsesExcept(back, back);
  }

  std::function<bool(StringRef)> wantsChannelsLast;
};

} // namespace

std::unique_ptr<Pass> ingot::createAssignLayout(std::function<bool(StringRef)> wantsChannelsLast) {
  return std::make_unique<AssignLayout>(std::move(wantsChannelsLast));
}
