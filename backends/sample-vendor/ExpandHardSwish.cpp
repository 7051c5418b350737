// sample-expand-hard-swish: writes hard_swish in ops that the device has a part of.
//
//   %1 = ingot.hard_swish %x : tensor<8xf32>
// becomes x * (clamp(x + 3, 0, 6) / 6), whose clamp the device takes:
//   %1 = ingot.add %x, %three
//   %2 = ingot.clamp %1 min 0.0 max 6.0
//   %3 = ingot.mul %2, %sixth
//   %4 = ingot.mul %x, %3
#include "Sample.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace ingot;

namespace {

class Expand : public OpRewritePattern<HardSwishOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(HardSwishOp op, PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getType());
    if (!type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "the device clamps f32 only");
    // New ops keep the location of the old one: it is the layer's name in errors and profiles.
    Location loc = op.getLoc();
    auto number = [&](float value) -> Value {
      auto scalar = RankedTensorType::get({}, type.getElementType());
      return ConstantOp::create(rewriter, loc, scalar, DenseElementsAttr::get(scalar, value));
    };
    Value x = op.getInput();
    Value shifted = AddOp::create(rewriter, loc, type, x, number(3.0f));
    Value clamped = ClampOp::create(rewriter, loc, shifted, APFloat(0.0), APFloat(6.0));
    Value scaled = MulOp::create(rewriter, loc, type, clamped, number(1.0f / 6.0f));
    rewriter.replaceOpWithNewOp<MulOp>(op, type, x, scaled);
    return success();
  }
};

/// PassWrapper declares a pass without TableGen.
class ExpandHardSwish : public PassWrapper<ExpandHardSwish, OperationPass<func::FuncOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandHardSwish)
  StringRef getArgument() const override { return "sample-expand-hard-swish"; }
  StringRef getDescription() const override { return "write hard_swish with a clamp"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Expand>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> sample::createExpandHardSwish() {
  return std::make_unique<ExpandHardSwish>();
}
