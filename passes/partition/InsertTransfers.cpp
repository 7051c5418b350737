// insert-transfers: moves values between memory spaces where targets meet.
#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/partition/Passes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_INSERTTRANSFERS
#include "passes/partition/Passes.h.inc"
} // namespace ingot

namespace {

constexpr StringRef kHost = "host";

class InsertTransfers : public ingot::impl::InsertTransfersBase<InsertTransfers> {
  void runOnOperation() override {
    spaces.clear();
    transfers.clear();
    hostTarget = kHost;
    auto list = getOperation()->getAttrOfType<ArrayAttr>("ingot.targets");
    for (Attribute entry : list ? list.getValue() : ArrayRef<Attribute>()) {
      auto fields = dyn_cast<DictionaryAttr>(entry);
      auto name = fields ? fields.getAs<StringAttr>("name") : StringAttr();
      auto space = fields ? fields.getAs<StringAttr>("space") : StringAttr();
      if (!name || !space)
        continue;
      spaces[name.getValue()] = space.getValue();
      if (space.getValue() == kHost && hostTarget == kHost)
        hostTarget = name.getValue();
    }
    if (spaces.empty()) {
      getOperation().emitError() << "no targets are assigned yet: run assign-targets first";
      return signalPassFailure();
    }
    SmallVector<Operation *> ops;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("ingot.kernel"))
        function.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      for (OpOperand &operand : op->getOpOperands())
        moveIfNeeded(operand);
  }

  StringRef spaceOfTarget(StringRef target) const {
    auto found = spaces.find(target);
    return found == spaces.end() ? kHost : found->second;
  }

  /// The target whose memory `op` reads and writes; the host's for what is not an op of a target.
  StringRef targetOf(Operation *op) const {
    auto target = op ? op->getAttrOfType<StringAttr>("ingot.target") : StringAttr();
    return target ? target.getValue() : hostTarget;
  }

  void moveIfNeeded(OpOperand &operand) {
    Value value = operand.get();
    Operation *source = value.getDefiningOp();
    if (!isa<RankedTensorType>(value.getType()) || isa_and_nonnull<ConstantOp, TransferOp>(source))
      return;
    StringRef target = targetOf(operand.getOwner()), space = spaceOfTarget(target);
    if (spaceOfTarget(targetOf(source)) == space)
      return;
    Value &moved = transfers[{value, space}];
    if (!moved) {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(value);
      Location loc = source ? source->getLoc() : operand.getOwner()->getLoc();
      moved = TransferOp::create(builder, loc, value.getType(), value, target);
    }
    operand.set(moved);
  }

  llvm::StringMap<StringRef> spaces;
  StringRef hostTarget = kHost;
  DenseMap<std::pair<Value, StringRef>, Value> transfers;
};

} // namespace
