// fold-constants: computes ops on constants, and turns moves of weights into recipes.
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/normalize/Constants.h"
#include "passes/normalize/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

/// Results up to this size are computed whatever the operands are.
constexpr uint64_t kAlwaysBytes = 128 << 10;
/// No result above this size is computed: the evaluator is not fast.
constexpr uint64_t kNeverBytes = 1 << 30;
/// The largest iota or broadcast that is made for the moment of computing what reads it.
constexpr uint64_t kMaxRepetitionBytes = 1 << 24;
/// Growth that is accepted above kAlwaysBytes: int8 weights that become float.
constexpr uint64_t kGrowth = 4;

/// `op` as a step of its constant operand's recipe, or null.
Value foldMove(OpBuilder &builder, Operation *op) {
  ConstantOp source = op->getNumOperands() == 1 ? constantOf(op->getOperand(0)) : ConstantOp();
  if (!source || !cast<RankedTensorType>(op->getResult(0).getType()).hasStaticShape())
    return {};
  MLIRContext *context = op->getContext();
  // The value keeps the weight's name: that is what a reader looks for.
  Location loc = source.getLoc();
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return transposeConstant(builder, loc, source, transpose.getPerm());
  if (auto reshape = dyn_cast<ReshapeOp>(op))
    return reshapeConstant(builder, loc, source, reshape.getType().getShape());
  if (!isa<WeightAttr>(source.getValue()))
    return {};
  if (auto slice = dyn_cast<SliceOp>(op)) {
    if (llvm::any_of(slice.getSteps(), [](int64_t step) { return step != 1; }))
      return {};
    SmallVector<int64_t> values(slice.getStarts());
    values.append(slice.getSizes().begin(), slice.getSizes().end());
    return withStep(builder, loc, source,
                    StepAttr::get(context, StepKind::Slice, values, Attribute()), slice.getType());
  }
  if (auto cast = dyn_cast<CastOp>(op)) {
    auto from = dyn_cast<FloatType>(cast.getInput().getType().getElementType());
    auto to = dyn_cast<FloatType>(cast.getType().getElementType());
    if (!from || !to)
      return {};
    return withStep(builder, loc, source,
                    StepAttr::get(context, StepKind::Cast, {}, TypeAttr::get(to)), cast.getType());
  }
  return {};
}

/// The empty constant that an op gives which computes no element, whatever it reads; or null.
Value foldEmpty(OpBuilder &builder, Operation *op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || !llvm::is_contained(type.getShape(), 0) ||
      op->getNumRegions() != 0 || !isPure(op) || !isa_and_nonnull<IngotDialect>(op->getDialect()))
    return {};
  return constant(builder, op->getLoc(), type, DenseElementsAttr::getFromRawBuffer(type, {}));
}

/// Whether `value` is an iota or a broadcast of a constant that was too large to keep: what reads
/// it is a constant none the less.
bool isRepetition(Value value) {
  if (auto broadcast = value.getDefiningOp<BroadcastOp>())
    return constantOf(broadcast.getInput()) && broadcast.getType().hasStaticShape() &&
           storedBytes(broadcast.getType()) <= kMaxRepetitionBytes;
  auto iota = value.getDefiningOp<IotaOp>();
  return iota && iota.getType().hasStaticShape() &&
         storedBytes(iota.getType()) <= kMaxRepetitionBytes;
}

bool worthComputing(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 || !isPure(op) ||
      !isa_and_nonnull<IngotDialect>(op->getDialect()) || isa<ConstantOp, LaunchOp, TransferOp>(op))
    return false;
  uint64_t most = 0;
  for (Value operand : op->getOperands()) {
    if (isRepetition(operand))
      continue;
    ConstantOp source = constantOf(operand);
    if (!source)
      return false;
    most = std::max(most, storedBytes(source.getType()));
  }
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape())
    return false;
  uint64_t bytes = storedBytes(type);
  if (isa<IotaOp, BroadcastOp>(op))
    return bytes <= kMaxDenseBytes;
  return bytes <= kAlwaysBytes || (bytes <= kNeverBytes && bytes <= kGrowth * most);
}

std::optional<Attribute> compute(Operation *op) {
  if (llvm::none_of(op->getOperands(), isRepetition))
    return foldToConstant(op, kNeverBytes);
  std::optional<TensorValue> value = evaluateConstant(op->getResult(0), kNeverBytes);
  if (!value)
    return std::nullopt;
  std::vector<char> bytes(value->raw().begin(), value->raw().end());
  return weightsOf(op->getContext())
      .makeConstant(op->getContext(), sourceName(op->getLoc()), value->type, std::move(bytes));
}

class FoldConstants : public ingot::impl::FoldConstantsBase<FoldConstants> {
  void runOnOperation() override { foldConstants(getOperation()); }
};

} // namespace

void ingot::foldConstants(func::FuncOp function) {
  // Producers come before consumers, so one walk folds chains.
  function.walk([&](Operation *op) {
    if (isa<ConstantOp>(op) || op->getNumResults() != 1)
      return;
    OpBuilder builder(op);
    Value folded = foldEmpty(builder, op);
    if (!folded)
      folded = foldMove(builder, op);
    if (!folded && worthComputing(op))
      if (std::optional<Attribute> value = compute(op))
        folded = constant(builder, op->getLoc(), cast<RankedTensorType>(op->getResult(0).getType()),
                          *value);
    if (!folded)
      return;
    op->getResult(0).replaceAllUsesWith(folded);
    op->erase();
  });
  // What was read by folded ops alone: readers come last.
  SmallVector<Operation *> sources;
  function.walk([&](Operation *op) {
    if (isa<ConstantOp, IotaOp, BroadcastOp>(op))
      sources.push_back(op);
  });
  for (Operation *op : llvm::reverse(sources))
    if (op->use_empty())
      op->erase();
}
