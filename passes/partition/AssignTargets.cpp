// assign-targets: gives every op the target that runs it.
#include "ir/graph/WeightStore.h"
#include "passes/partition/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_ASSIGNTARGETS
#include "passes/partition/Passes.h.inc"
} // namespace ingot

namespace {

/// Operations per byte of activations from which a contraction is worth two transfers: below it a
/// bus of some 10 GB/s is slower than a core of some 100 GFLOP/s.
constexpr double kWorthOfByte = 128;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

bool isConstant(Value value) { return isa_and_nonnull<ConstantOp>(value.getDefiningOp()); }

bool isContraction(Operation *op) {
  return isa<ConvOp, ConvTransposeOp, MatmulOp, AttentionOp>(op);
}

/// Ops that need a target: what computes or moves elements.
bool needsTarget(Operation *op) {
  return isa_and_nonnull<IngotDialect>(op->getDialect()) &&
         !isa<ConstantOp, VariableOp, VariableReadOp, VariableUpdateOp, TransferOp, LaunchOp>(op);
}

/// Multiplications and additions of a contraction with constant weights, divided by the bytes of
/// activations that it reads and writes.
double workPerByte(Operation *op) {
  if (!isContraction(op) || op->getNumOperands() < 2 || !isConstant(op->getOperand(1)))
    return 0;
  // Dims that vary count at their upper bounds.
  DimBounds bounds = dimBounds(op->getParentOfType<ModuleOp>());
  auto typeOf = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape;
    for (const DimExpr &extent : extentsOf(type))
      shape.push_back(std::min<int64_t>(rangeOf(extent, bounds).high, INT32_MAX));
    return RankedTensorType::get(shape, type.getElementType());
  };
  RankedTensorType result = typeOf(op->getResult(0)), weight = typeOf(op->getOperand(1));
  double flops = 2.0 * result.getNumElements();
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    RankedTensorType lhs = typeOf(matmul.getLhs());
    flops *= lhs.getDimSize(lhs.getRank() - 1);
  } else if (auto conv = dyn_cast<ConvOp>(op)) {
    flops *= weight.getNumElements() / std::max<int64_t>(1, weight.getDimSize(0));
  } else {
    RankedTensorType input = typeOf(op->getOperand(0));
    flops = 2.0 * input.getNumElements() * weight.getNumElements() /
            std::max<int64_t>(1, weight.getDimSize(0));
  }
  uint64_t bytes = storedBytes(result) + storedBytes(typeOf(op->getOperand(0)));
  return bytes ? flops / static_cast<double>(bytes) : 0;
}

class AssignTargets : public ingot::impl::AssignTargetsBase<AssignTargets> {
public:
  using AssignTargetsBase::AssignTargetsBase;
  AssignTargets(SmallVector<const Target *> targets, FallbackCallback onFallback)
      : targets(std::move(targets)), onFallback(std::move(onFallback)) {}

private:
  /// Creates the targets of the option, when the pass was not given any.
  LogicalResult createTargets(std::vector<std::unique_ptr<Target>> &owned) {
    if (!targets.empty())
      return success();
    TargetRegistry registry;
    registerCpuTargets(registry);
    registerVulkanTarget(registry);
    for (const std::string &spec : targetSpecs) {
      llvm::Expected<std::unique_ptr<Target>> target = registry.create(spec);
      if (!target)
        return getOperation().emitError() << llvm::toString(target.takeError());
      owned.push_back(std::move(*target));
      targets.push_back(owned.back().get());
    }
    if (targets.empty())
      return getOperation().emitError() << "assign-targets needs at least one target";
    return success();
  }

  void runOnOperation() override {
    std::vector<std::unique_ptr<Target>> owned;
    if (failed(createTargets(owned)))
      return signalPassFailure();
    assigned.clear();
    reasons.clear();
    unclaimed.clear();
    OpBuilder builder(&getContext());
    SmallVector<Attribute> list;
    for (const Target *target : targets)
      list.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr("name", builder.getStringAttr(target->name())),
           builder.getNamedAttr("space", builder.getStringAttr(target->memorySpace()))}));
    getOperation()->setAttr("ingot.targets", builder.getArrayAttr(list));

    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("ingot.kernel"))
        function.walk([&](Block *block) { assignBlock(*block); });
    getOperation().walk([&](Operation *op) {
      if (const Target *target = assigned.lookup(op)) {
        op->setAttr("ingot.target", builder.getStringAttr(target->name()));
        if (target != targets.front() && onFallback)
          onFallback(op, target->name(), reasons.lookup(op));
      }
    });
    if (!unclaimed.empty()) {
      reportUnclaimed();
      signalPassFailure();
    }
    if (!owned.empty())
      targets.clear(); // they die here
  }

  void assignBlock(Block &block) {
    for (const Target *target : targets) {
      bool ownSpace = target->memorySpace() != targets.back()->memorySpace();
      llvm::DenseSet<Value> present; // values that are in the target's memory space anyway
      for (Operation &op : block) {
        if (!needsTarget(&op) || assigned.count(&op))
          continue;
        // A reshape computes nothing: it goes where its input is.
        Claim claim = isa<ReshapeOp>(op) ? Claim::yes() : target->claim(&op);
        if (claim.accepted && ownSpace)
          claim = isWorthwhile(&op, present);
        if (!claim.accepted) {
          std::string &reason = reasons[&op];
          if (reason.empty())
            reason = claim.reason;
          if (target == targets.back())
            unclaimed.push_back({&op, claim.reason});
          continue;
        }
        assigned[&op] = target;
        present.insert_range(op.getOperands());
        present.insert_range(op.getResults());
      }
    }
  }

  static Claim isWorthwhile(Operation *op, const llvm::DenseSet<Value> &present) {
    if (isContraction(op)) {
      double work = workPerByte(op);
      if (work >= kWorthOfByte)
        return Claim::yes();
      return Claim::no(
          llvm::formatv("not worth a transfer: {0:f0} operations per byte moved, {1:f0} "
                        "are needed",
                        work, kWorthOfByte));
    }
    bool any = false;
    for (Value operand : op->getOperands()) {
      if (isConstant(operand))
        continue;
      if (!present.contains(operand))
        return Claim::no("not worth a transfer: its operands are elsewhere");
      any = true;
    }
    return any ? Claim::yes() : Claim::no("not worth a transfer: nothing there reads it");
  }

  /// One error for all ops that no target takes, by kind.
  void reportUnclaimed() {
    llvm::MapVector<StringRef, SmallVector<std::pair<Operation *, std::string>>> kinds;
    for (auto &[op, reason] : unclaimed)
      kinds[op->getName().getStringRef()].push_back({op, reason});
    std::string text;
    llvm::raw_string_ostream stream(text);
    stream << unclaimed.size() << " operators have no target (" << kinds.size() << " kinds)";
    constexpr size_t kShown = 6;
    auto list = kinds.takeVector();
    for (auto &[kind, ops] : llvm::ArrayRef(list).take_front(kShown))
      stream << "\n  " << kind << "   " << ops.size() << (ops.size() == 1 ? " op: " : " ops: ")
             << sourceName(ops.front().first->getLoc()) << "   " << ops.front().second;
    stream << "\nhint: the last target must take every operator; append a CPU target, as in "
              "--target=vulkan,host";
    emitError(UnknownLoc::get(&getContext())) << text;
  }

  SmallVector<const Target *> targets;
  FallbackCallback onFallback;
  DenseMap<Operation *, const Target *> assigned;
  DenseMap<Operation *, std::string> reasons;
  SmallVector<std::pair<Operation *, std::string>> unclaimed;
};

} // namespace

std::unique_ptr<Pass> ingot::createAssignTargets(SmallVector<const Target *> targets,
                                                 FallbackCallback onFallback) {
  return std::make_unique<AssignTargets>(std::move(targets), std::move(onFallback));
}
