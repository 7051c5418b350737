// verify-quantize: the contract of phase 3.
#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_VERIFYQUANTIZE
#include "passes/verify/Passes.h.inc"
} // namespace ingot

namespace {
/// Whether `quantize` undoes the `dequantize` before it.
bool cancels(QuantizeOp quantize) {
  auto inner = quantize.getInput().getDefiningOp<DequantizeOp>();
  return inner && inner.getInput().getType() == quantize.getType() &&
         inner.getScale() == quantize.getScale() &&
         inner.getZeroPoint() == quantize.getZeroPoint() && inner.getAxis() == quantize.getAxis() &&
         inner.getBlockSize() == quantize.getBlockSize();
}

LogicalResult check(Operation *op) {
  if (auto dequantize = dyn_cast<DequantizeOp>(op);
      dequantize && llvm::all_of(dequantize->getOperands(), [](Value value) {
        return isa_and_nonnull<ConstantOp>(value.getDefiningOp());
      }))
    return contractError(op) << "dequantises a constant, which could be one";
  if (auto quantize = dyn_cast<QuantizeOp>(op); quantize && cancels(quantize))
    return contractError(op) << "undoes the dequantize before it";
  return success();
}

class VerifyQuantize : public ingot::impl::VerifyQuantizeBase<VerifyQuantize> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkVerifies(module)) || failed(checkGraph(module)) || failed(checkNormal(module)))
      return signalPassFailure();
    WalkResult result = module.walk([](Operation *op) {
      return failed(check(op)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
