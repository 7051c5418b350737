// Stages of a generic kernel: what is a root, what is inlined, what goes through scratch; see
// GenericKernels.h.
#include "backends/common/GenericKernels.h"
#include "backends/common/KernelEmitter.h"

using namespace mlir;

namespace ingot {

static bool hasGenericKernel(Operation *op) {
  return isa<ConcatOp, ReduceOp, ArgReduceOp, CumsumOp, SoftmaxOp, LayerNormOp, RmsNormOp,
             GroupNormOp, PoolOp, ScatterElementsOp, ScatterNDOp, TopKOp, LstmOp, GruOp, RnnOp>(op);
}

static void emitStage(KernelEmitter &k, const Stage &stage) {
  k.stage = &stage;
  if (!stage.root)
    return emitElementwise(k);
  k.at(stage.root->getLoc());
  llvm::TypeSwitch<Operation *>(stage.root)
      .Case([&](ConcatOp op) { emitConcat(k, op); })
      .Case([&](ReduceOp op) { emitReduce(k, op); })
      .Case([&](ArgReduceOp op) { emitArgReduce(k, op); })
      .Case([&](CumsumOp op) { emitCumsum(k, op); })
      .Case([&](SoftmaxOp op) { emitSoftmax(k, op); })
      .Case([&](LayerNormOp op) { emitLayerNorm(k, op); })
      .Case([&](RmsNormOp op) { emitRmsNorm(k, op); })
      .Case([&](GroupNormOp op) { emitGroupNorm(k, op); })
      .Case([&](PoolOp op) { emitPool(k, op); })
      .Case([&](ScatterElementsOp op) { emitScatterElements(k, op); })
      .Case([&](ScatterNDOp op) { emitScatterND(k, op); })
      .Case([&](TopKOp op) { emitTopK(k, op); })
      .Case([&](LstmOp op) { emitLstm(k, op); })
      .Case([&](GruOp op) { emitGru(k, op); })
      .Case([&](RnnOp op) { emitRnn(k, op); })
      .Default([&](Operation *op) { k.error(op, "has no generic kernel"); });
}

/// Whether `v` is computed from a result of `root` through elementwise ops on whole tensors alone,
/// so that it can be finished where the root's elements appear. `needs` gets the results it depends
/// on. True when it does not depend on the root at all.
static bool pointwise(Value v, Operation *root, uint64_t &needs,
                      llvm::DenseMap<Value, std::pair<bool, uint64_t>> &memo) {
  if (auto it = memo.find(v); it != memo.end()) {
    needs |= it->second.second;
    return it->second.first;
  }
  Operation *op = v.getDefiningOp();
  uint64_t mine = 0;
  bool fits = true;
  if (op == root && op) {
    mine = uint64_t(1) << cast<OpResult>(v).getResultNumber();
  } else if (op) {
    for (Value operand : op->getOperands()) {
      uint64_t below = 0;
      bool ok = pointwise(operand, root, below, memo);
      if (below)
        ok &= isa<ElementwiseOpInterface>(op) && sameShape(operand, v);
      fits &= ok;
      mine |= below;
    }
  }
  memo[v] = {fits, mine};
  needs |= mine;
  return fits;
}

namespace {
/// The stages of a kernel, in order. A stage's outputs are results of the kernel (number ≥ 0) or
/// temporaries (-1).
struct Plan {
  struct Output {
    Value tensor;
    int64_t result; ///< number of the kernel's result, or -1: a temporary in scratch
    uint64_t needs = 0;
  };
  struct Step {
    Operation *root;
    SmallVector<Output> outputs;
  };
  SmallVector<Step> steps;
  bool sequential = false; ///< a later stage reads what an earlier one wrote
};
} // namespace

/// Error: an op without a kernel.
static FailureOr<Plan> planStages(func::FuncOp kernel) {
  Plan plan;
  auto exit = cast<func::ReturnOp>(kernel.getBody().front().getTerminator());
  SmallVector<Operation *> roots;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (InlineEmitter::canInline(&op))
      continue;
    if (!hasGenericKernel(&op))
      return op.emitOpError("has no generic kernel");
    roots.push_back(&op);
  }
  if (roots.empty())
    // A concatenation that the results are computed from point by point is better written part by
    // part.
    for (Operation &op : kernel.getBody().front().without_terminator())
      if (isa<ConcatOp>(op)) {
        llvm::DenseMap<Value, std::pair<bool, uint64_t>> memo;
        bool fits = llvm::all_of(exit.getOperands(), [&](Value v) {
          uint64_t needs = 0;
          return pointwise(v, &op, needs, memo) && needs;
        });
        if (fits) {
          roots.push_back(&op);
          break;
        }
      }

  // A root whose results are all finished point by point needs no temporary: the last one, mostly.
  // What other roots give goes through scratch, as does what is read at other points than it is
  // computed at.
  SmallVector<bool> placed(exit.getNumOperands(), false);
  SmallVector<Plan::Step> steps;
  for (size_t r = 0; r < roots.size(); ++r) {
    Operation *root = roots[r];
    Plan::Step step{root, {}};
    llvm::DenseMap<Value, std::pair<bool, uint64_t>> memo;
    // Does anything else than pointwise epilogues use it?
    bool escapes = false;
    for (size_t later = r + 1; later < roots.size(); ++later)
      for (Value operand : roots[later]->getOperands()) {
        uint64_t needs = 0;
        pointwise(operand, root, needs, memo);
        escapes |= needs != 0;
      }
    for (auto [i, v] : llvm::enumerate(exit.getOperands())) {
      uint64_t needs = 0;
      bool fits = pointwise(v, root, needs, memo);
      if (!needs)
        continue;
      // A scatter is finished when its last update is, not point by point: its result must be an
      // output itself.
      bool scatter = isa<ScatterElementsOp, ScatterNDOp>(root);
      if (scatter)
        fits = v == root->getResult(0) && step.outputs.empty();
      if (fits && !placed[i]) {
        // It may also depend on later roots, which are not computed yet.
        bool early = false;
        for (size_t later = r + 1; later < roots.size(); ++later) {
          uint64_t also = 0;
          llvm::DenseMap<Value, std::pair<bool, uint64_t>> laterMemo;
          pointwise(v, roots[later], also, laterMemo);
          early |= also != 0;
        }
        if (!early) {
          step.outputs.push_back({v, static_cast<int64_t>(i), needs});
          placed[i] = true;
          continue;
        }
      }
      escapes |= !placed[i];
    }
    if (escapes && isa<ScatterElementsOp, ScatterNDOp>(root) && !step.outputs.empty()) {
      // One buffer is enough: what else needs the result reads a copy made of the temporary.
      for (Plan::Output &output : step.outputs)
        placed[output.result] = false;
      step.outputs.clear();
    }
    if (escapes) {
      plan.sequential = true;
      for (auto [n, result] : llvm::enumerate(root->getResults()))
        step.outputs.push_back({result, -1, uint64_t(1) << n});
    }
    if (!step.outputs.empty())
      steps.push_back(step);
  }
  Plan::Step rest{nullptr, {}};
  for (auto [i, v] : llvm::enumerate(exit.getOperands()))
    if (!placed[i])
      rest.outputs.push_back({v, static_cast<int64_t>(i), 0});
  if (!rest.outputs.empty())
    steps.push_back(rest);
  plan.steps = std::move(steps);
  return plan;
}

/// Independent units and elements of work of a step.
static std::pair<DimExpr, DimExpr> workOf(const Plan::Step &step) {
  auto count = [](Value tensor) { return llvm::product_of(extentsOf(tensor), DimExpr(1)); };
  DimExpr elements = 0, units = 0;
  for (const Plan::Output &output : step.outputs) {
    elements += count(output.tensor);
    units = DimExpr::max(units, count(output.tensor));
  }
  if (!step.root)
    return {units, elements};
  auto over = [&](Value input, ArrayRef<int64_t> dims) { // rows along `dims` are not split
    SmallVector<DimExpr> extents = extentsOf(input);
    elements = DimExpr::max(elements, count(input));
    for (int64_t d : dims) {
      if (extents[d] == DimExpr(0)) {
        units = 1;
        return;
      }
      extents[d] = 1;
    }
    units = llvm::product_of(extents, DimExpr(1));
  };
  auto from = [&](Value input, int64_t axis) {
    SmallVector<int64_t> dims;
    for (int64_t d = axis; d < static_cast<int64_t>(shapeOf(input).size()); ++d)
      dims.push_back(d);
    over(input, dims);
  };
  llvm::TypeSwitch<Operation *>(step.root)
      .Case([&](ReduceOp op) { over(op.getInput(), op.getDims()); })
      .Case([&](ArgReduceOp op) { over(op.getInput(), {static_cast<int64_t>(op.getAxis())}); })
      .Case([&](CumsumOp op) { over(op.getInput(), {static_cast<int64_t>(op.getAxis())}); })
      .Case([&](SoftmaxOp op) { over(op.getInput(), {static_cast<int64_t>(op.getAxis())}); })
      .Case([&](LayerNormOp op) { from(op.getInput(), op.getAxis()); })
      .Case([&](RmsNormOp op) { from(op.getInput(), op.getAxis()); })
      .Case([&](GroupNormOp op) {
        elements = count(op.getInput());
        units = extentsOf(op.getInput())[0] * DimExpr(op.getGroups());
      })
      .Case([&](PoolOp op) { elements *= llvm::product_of(op.getKernel(), int64_t(1)); })
      .Case([&](TopKOp op) { over(op.getInput(), {static_cast<int64_t>(op.getAxis())}); })
      .Case<ScatterElementsOp, ScatterNDOp>([&](Operation *) { units = 1; })
      .Case<LstmOp, GruOp, RnnOp>([&](Operation *op) {
        SmallVector<DimExpr> x = extentsOf(op->getOperand(0));
        units = extentsOf(op->getOperand(1))[0] * x[1];
        elements = x[0] * x[1] * count(op->getOperand(1));
      });
  return {units, elements};
}

/// Pairs [result, operand] whose buffers may be one: the result's element is stored after the
/// operand's element at the same place was read for the last time.
static SmallVector<int64_t> inPlacePairs(func::FuncOp kernel, const Plan &plan) {
  SmallVector<int64_t> pairs;
  if (plan.steps.size() != 1)
    return pairs;
  const Plan::Step &step = plan.steps[0];
  if (step.root && isa<ScatterElementsOp, ScatterNDOp>(step.root)) {
    // The data is copied first, or is in place already.
    auto data = dyn_cast<BlockArgument>(step.root->getOperand(0));
    if (data && data.hasOneUse() && step.outputs.size() == 1)
      pairs.append({step.outputs[0].result, static_cast<int64_t>(data.getArgNumber())});
    return pairs;
  }
  // Rows are read completely before they are written.
  if (step.root && !isa<SoftmaxOp, LayerNormOp, RmsNormOp>(step.root))
    return pairs;
  for (const Plan::Output &output : step.outputs)
    if (!sameShape(output.tensor, step.outputs[0].tensor))
      return pairs;
  llvm::DenseSet<int64_t> taken;
  for (const Plan::Output &output : step.outputs) {
    Type resultElement = memoryElement(elementOf(output.tensor));
    for (BlockArgument argument : kernel.getArguments()) {
      if (!sameShape(argument, output.tensor) || taken.contains(argument.getArgNumber()) ||
          memoryElement(elementOf(argument)).getIntOrFloatBitWidth() !=
              resultElement.getIntOrFloatBitWidth())
        continue;
      // Every use leads through ops that keep the point.
      bool safe = true;
      SmallVector<Value> open{argument};
      llvm::DenseSet<Value> seen{argument};
      while (!open.empty() && safe) {
        Value v = open.pop_back_val();
        for (OpOperand &use : v.getUses()) {
          Operation *op = use.getOwner();
          if (isa<func::ReturnOp>(op))
            continue;
          bool keeps = isa<ElementwiseOpInterface>(op) && sameShape(op->getResult(0), v);
          keeps |= op == step.root && use.getOperandNumber() == 0 && sameShape(op->getResult(0), v);
          safe &= keeps;
          if (keeps && seen.insert(op->getResult(0)).second)
            open.push_back(op->getResult(0));
        }
      }
      if (!safe)
        continue;
      pairs.append({output.result, static_cast<int64_t>(argument.getArgNumber())});
      taken.insert(argument.getArgNumber());
      break;
    }
  }
  return pairs;
}

FailureOr<GenericChoice> selectGeneric(func::FuncOp kernel, const VectorInfo &info) {
  FailureOr<Plan> plan = planStages(kernel);
  if (failed(plan))
    return failure();
  GenericChoice choice;
  DimExpr units = 1, elements = 0;
  for (const Plan::Step &step : plan->steps) {
    auto [stepUnits, stepElements] = workOf(step);
    units = DimExpr::max(units, stepUnits);
    elements += stepElements;
  }
  DimBounds bounds = dimBounds(kernel);
  choice.elements = rangeOf(elements, bounds).high;
  choice.inPlace = inPlacePairs(kernel, *plan);
  if (plan->sequential)
    return choice;
  choice.units = std::max<int64_t>(1, rangeOf(units, bounds).high);
  // A tile is worth a few microseconds; more than 64 tiles bring nothing.
  int64_t grain = info.bytes ? 4096 : 1;
  int64_t most = info.bytes ? 64 : std::numeric_limits<int64_t>::max();
  choice.tiles = DimExpr::max(1, DimExpr::min(most, DimExpr::ceilDiv(elements, grain)));
  if (units.isConstant() || !elements.isConstant())
    choice.tiles = DimExpr::max(1, DimExpr::min(choice.tiles, units));
  return choice;
}

LogicalResult emitGenericKernel(func::FuncOp kernel, func::FuncOp dest, const VectorInfo &info,
                                const DimExpr &tiles) {
  OwningOpRef<func::FuncOp> copy = cast<func::FuncOp>(kernel->clone());
  FailureOr<Plan> plan = planStages(*copy);
  if (failed(plan))
    return failure();
  if (plan->sequential && tiles != DimExpr(1))
    return kernel.emitError(
        "internal error: a kernel of dependent stages cannot be split into tiles");
  collapseDims(*copy);

  KernelArguments arguments(kernel, dest);
  OpBuilder builder(dest.getBody().front().getTerminator());
  KernelEmitter k(builder, info, arguments, dimBounds(kernel), tiles);
  k.at(kernel.getLoc());
  for (auto [argument, buffer] : llvm::zip(copy->getArguments(), arguments.operands))
    k.inl.bind(argument, buffer);
  for (const Plan::Step &step : plan->steps) {
    Stage stage{step.root, {}};
    SmallVector<std::pair<Value, Value>> temporaries;
    for (const Plan::Output &output : step.outputs) {
      SmallVector<DimExpr> extents = extentsOf(output.tensor);
      DimExpr count = llvm::product_of(extents, DimExpr(1));
      Value buffer = output.result >= 0
                         ? arguments.results[output.result]
                         : k.scratch(step.root, count, memoryElement(elementOf(output.tensor)));
      if (count != DimExpr(0))
        buffer = k.inl.viewOf(kernel.getLoc(), buffer, extents);
      stage.outputs.push_back({output.tensor, buffer, output.needs});
      if (output.result < 0)
        temporaries.push_back({output.tensor, buffer});
    }
    emitStage(k, stage);
    if (k.failed)
      return failure();
    for (auto [tensor, buffer] : temporaries)
      if (!isEmpty(tensor))
        k.inl.bind(tensor, buffer);
  }
  if (k.scratchBytes)
    dest->setAttr(scratchAttr, builder.getI64IntegerAttr(k.scratchBytes));
  return success();
}

} // namespace ingot
