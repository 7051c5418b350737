// The pass expand-math; see ExpandMath.h. The functions are in Math*.cpp.
#include "backends/common/ExpandMath.h"
#include "backends/common/MathFunctions.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace ingot {

namespace {
bool isNarrow(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16();
}

Type withElement(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

/// Expands one op; the ops it makes may need expansion themselves and are visited after it.
class Expander {
public:
  Expander(OpBuilder &b, const ExpandMathOptions &options) : b(b), options(options) {}

  /// The values that replace the op's results, or null: the op stays.
  Value expand(Operation *op) {
    bool isReduction = isa<vector::ReductionOp>(op);
    if (op->getNumResults() != 1 ||
        (!isReduction && !isa<math::MathDialect, arith::ArithDialect>(op->getDialect())))
      return {};
    if (auto cast = dyn_cast<arith::ExtFOp>(op))
      return extend(cast);
    if (auto cast = dyn_cast<arith::TruncFOp>(op))
      return truncate(cast);
    if (isa<arith::ConstantOp, arith::BitcastOp, arith::SelectOp>(op))
      return {};
    bool narrow = isNarrow(op->getResult(0).getType());
    for (Value operand : op->getOperands())
      narrow |= isNarrow(operand.getType());
    if (narrow)
      return throughF32(op);
    if (isReduction)
      return {};
    if (isa<math::IPowIOp>(op))
      return functions::integerPower(b, op->getLoc(), op->getOperand(0), op->getOperand(1));
    Type type = op->getResult(0).getType();
    if (!isa<FloatType>(getElementTypeOrSelf(type)))
      return {};
    return function(op, MathBuilder(b, op->getLoc(), type));
  }

private:
  Value extend(arith::ExtFOp op) {
    Type from = op.getIn().getType();
    if (!isNarrow(from))
      return {};
    Type f32 = b.getF32Type();
    if (getElementTypeOrSelf(op.getType()) != f32) {
      Value middle = arith::ExtFOp::create(b, op.getLoc(), withElement(from, f32), op.getIn());
      return arith::ExtFOp::create(b, op.getLoc(), op.getType(), middle);
    }
    if (getElementTypeOrSelf(from).isF16() && options.hasHalf)
      return {};
    return functions::widen(b, op.getLoc(), op.getIn());
  }

  Value truncate(arith::TruncFOp op) {
    Type element = getElementTypeOrSelf(op.getType());
    if (!isNarrow(element))
      return {};
    if (getElementTypeOrSelf(op.getIn().getType()).isF64()) {
      Value middle = arith::TruncFOp::create(b, op.getLoc(),
                                             withElement(op.getType(), b.getF32Type()), op.getIn());
      return arith::TruncFOp::create(b, op.getLoc(), op.getType(), middle);
    }
    if (element.isF16() && options.hasHalf)
      return {};
    return functions::narrow(b, op.getLoc(), op.getIn(), element);
  }

  /// An op on narrow floats as one on f32, rounded.
  Value throughF32(Operation *op) {
    Location loc = op->getLoc();
    IRMapping map;
    for (Value operand : op->getOperands())
      if (isNarrow(operand.getType()) && !map.contains(operand))
        map.map(operand, arith::ExtFOp::create(
                             b, loc, withElement(operand.getType(), b.getF32Type()), operand)
                             .getResult());
    Operation *wide = b.clone(*op, map);
    Value result = wide->getResult(0);
    Type type = result.getType();
    if (!isNarrow(type))
      return result;
    result.setType(withElement(type, b.getF32Type()));
    return arith::TruncFOp::create(b, loc, type, result);
  }

  Value function(Operation *op, const MathBuilder &m) {
    namespace fn = functions;
    Value x = op->getOperand(0);
    bool rounding = options.hasRounding;
    return llvm::TypeSwitch<Operation *, Value>(op)
        .Case([&](math::ExpOp) { return fn::exp(m, x); })
        .Case([&](math::Exp2Op) { return fn::exp2(m, x); })
        .Case([&](math::ExpM1Op) { return fn::expm1(m, x); })
        .Case([&](math::LogOp) { return fn::log(m, x); })
        .Case([&](math::Log2Op) { return fn::log2(m, x); })
        .Case([&](math::Log10Op) { return fn::log10(m, x); })
        .Case([&](math::Log1pOp) { return fn::log1p(m, x); })
        .Case([&](math::PowFOp) { return fn::pow(m, x, op->getOperand(1)); })
        .Case([&](math::SinOp) { return fn::sin(m, x); })
        .Case([&](math::CosOp) { return fn::cos(m, x); })
        .Case([&](math::TanOp) { return fn::tan(m, x); })
        .Case([&](math::AsinOp) { return fn::asin(m, x); })
        .Case([&](math::AcosOp) { return fn::acos(m, x); })
        .Case([&](math::AtanOp) { return fn::atan(m, x); })
        .Case([&](math::Atan2Op) { return fn::atan2(m, x, op->getOperand(1)); })
        .Case([&](math::SinhOp) { return fn::sinh(m, x); })
        .Case([&](math::CoshOp) { return fn::cosh(m, x); })
        .Case([&](math::TanhOp) { return fn::tanh(m, x); })
        .Case([&](math::AsinhOp) { return fn::asinh(m, x); })
        .Case([&](math::AcoshOp) { return fn::acosh(m, x); })
        .Case([&](math::AtanhOp) { return fn::atanh(m, x); })
        .Case([&](math::ErfOp) { return fn::erf(m, x); })
        .Case([&](math::RsqrtOp) { return m.div(m.f(1), m.sqrt(x)); })
        .Case([&](math::RoundOp) { return fn::roundAway(m, x, rounding); })
        .Case([&](math::RoundEvenOp) { return rounding ? Value() : fn::roundEven(m, x); })
        .Case([&](math::FloorOp) { return rounding ? Value() : fn::floor(m, x); })
        .Case([&](math::CeilOp) { return rounding ? Value() : fn::ceil(m, x); })
        .Case([&](math::TruncOp) { return rounding ? Value() : fn::trunc(m, x); })
        .Case([&](arith::MaximumFOp) {
          return options.hasMaximum ? Value() : fn::maximum(m, x, op->getOperand(1));
        })
        .Case([&](arith::MinimumFOp) {
          return options.hasMaximum ? Value() : fn::minimum(m, x, op->getOperand(1));
        })
        .Case([&](arith::RemFOp) { return fn::remainder(m, x, op->getOperand(1)); })
        .Default([](Operation *) { return Value(); });
  }

  OpBuilder &b;
  const ExpandMathOptions &options;
};

/// Notes the ops that an expansion creates, which may need one in turn.
class Recorder : public OpBuilder::Listener {
public:
  explicit Recorder(std::vector<Operation *> &open) : open(open) {}
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    open.push_back(op);
  }

private:
  std::vector<Operation *> &open;
};

class ExpandMathPass : public PassWrapper<ExpandMathPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)
  explicit ExpandMathPass(ExpandMathOptions options) : options(options) {}

  StringRef getArgument() const override { return "expand-math"; }
  StringRef getDescription() const override {
    return "replace math ops without an instruction by arithmetic: %1 = math.exp %0 becomes a "
           "polynomial and a shift";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    std::vector<Operation *> open;
    getOperation().walk([&](Operation *op) { open.push_back(op); });
    Recorder recorder(open);
    OpBuilder b(&getContext(), &recorder);
    Expander expander(b, options);
    for (size_t i = 0; i < open.size(); ++i) {
      Operation *op = open[i];
      b.setInsertionPoint(op);
      if (Value replacement = expander.expand(op)) {
        op->getResult(0).replaceAllUsesWith(replacement);
        op->erase();
      }
    }
  }

private:
  ExpandMathOptions options;
};
} // namespace

std::unique_ptr<Pass> createExpandMathPass(ExpandMathOptions options) {
  return std::make_unique<ExpandMathPass>(options);
}

} // namespace ingot
