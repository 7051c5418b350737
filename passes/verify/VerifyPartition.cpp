// verify-partition: the contract of phase 4.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYPARTITION
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {
/// The memory space of each target, from the module.
FailureOr<llvm::StringMap<StringRef>> spacesOf(ModuleOp module) {
  llvm::StringMap<StringRef> spaces;
  auto targets = module->getAttrOfType<ArrayAttr>("ingot.targets");
  if (!targets || targets.empty())
    return module.emitError() << "the module names no targets (ingot.targets is missing)";
  for (Attribute entry : targets) {
    auto fields = dyn_cast<DictionaryAttr>(entry);
    auto name = fields ? fields.getAs<StringAttr>("name") : StringAttr();
    auto space = fields ? fields.getAs<StringAttr>("space") : StringAttr();
    if (!name || !space)
      return module.emitError() << "a target of ingot.targets must be {name, space}, but is "
                                << entry;
    spaces[name.getValue()] = space.getValue();
  }
  return spaces;
}

class Check {
public:
  explicit Check(const llvm::StringMap<StringRef> &spaces) : spaces(spaces) {}

  LogicalResult operator()(Operation *op) const {
    if (!isa_and_nonnull<IngotDialect>(op->getDialect()) || isa<ConstantOp, VariableOp>(op))
      return success();
    if (isa<TransferOp, VariableReadOp, VariableUpdateOp>(op))
      return success();
    auto target = op->getAttrOfType<StringAttr>("ingot.target");
    if (!target)
      return contractError(op) << "has no target";
    auto found = spaces.find(target.getValue());
    if (found == spaces.end())
      return contractError(op) << "is for target '" << target.getValue()
                               << "', which the module does not list";
    for (Value operand : op->getOperands()) {
      if (isa_and_nonnull<ConstantOp>(operand.getDefiningOp()))
        continue; // a constant is placed where it is read
      if (StringRef space = spaceOf(operand); space != found->second)
        return contractError(op) << "runs in memory space '" << found->second
                                 << "', but reads a value of '" << space << "' without a transfer";
    }
    return success();
  }

private:
  StringRef spaceOf(Value value) const {
    Operation *op = value.getDefiningOp();
    StringAttr target;
    if (auto transfer = dyn_cast_or_null<TransferOp>(op))
      target = transfer.getTargetAttr();
    else if (op)
      target = op->getAttrOfType<StringAttr>("ingot.target");
    auto found = target ? spaces.find(target.getValue()) : spaces.end();
    return found == spaces.end() ? "host" : found->second;
  }

  const llvm::StringMap<StringRef> &spaces;
};

class VerifyPartition : public ingot::impl::VerifyPartitionBase<VerifyPartition> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<llvm::StringMap<StringRef>> spaces = spacesOf(module);
    if (failed(checkVerifies(module)) || failed(checkGraph(module)) || failed(spaces))
      return signalPassFailure();
    Check check(*spaces);
    WalkResult result = module.walk([&](Operation *op) {
      return failed(check(op)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
