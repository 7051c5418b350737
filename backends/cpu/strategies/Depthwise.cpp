// The `depthwise` strategy: convolutions whose groups have one input channel, with channels in
// vectors.
#include "backends/common/EmitHelpers.h"
#include "backends/cpu/Strategy.h"
#include "backends/cpu/strategies/Spatial.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot::cpu {
namespace {

struct DepthwisePlan : SpatialPlan {
  bool packed = true;     ///< the filter is a constant packed as [taps, channel]
  int64_t multiplier = 1; ///< output channels of one input channel
};

/// Register tiles hold positions x vectors sums, the taps' weights and an input or two.
DepthwisePlan makePlan(const SpatialProblem &problem, const Isa &isa, bool packed,
                       DictionaryAttr overrides) {
  DepthwisePlan plan;
  plan.packed = packed;
  plan.multiplier = problem.outChannels;
  int64_t channels = problem.groups * problem.outChannels, kernel = problem.last().kernel;
  int64_t lanes = isa.lanes(accumulatorType(problem.element));
  if (plan.multiplier <= lanes)
    lanes -= lanes % plan.multiplier; // a vector holds whole groups
  int64_t free = int64_t(isa.registers) - std::min<int64_t>(kernel, 7) - 2;
  int64_t columns = problem.most(problem.last().out);
  int64_t most = std::clamp<int64_t>(free, 1, 8);
  int64_t rows = Split::of(columns, most).rows, vectors = 1;
  // Few positions: take more channels, so that sums enough are in flight.
  int64_t perVector = std::max<int64_t>(1, std::min<int64_t>(kernel, 7));
  while (rows * vectors < 8 &&
         rows * (vectors + 1) + perVector * (vectors + 1) + 2 <= int64_t(isa.registers) &&
         (vectors + 1) * lanes <= channels)
    ++vectors;
  lanes = parameter(overrides, "lanes", lanes);
  plan.panels = Panels::of(channels, lanes, parameter(overrides, "nv", vectors));
  plan.allPanels = *plan.panels.panels.constant();
  plan.cover(problem, parameter(overrides, "mr", rows), 0, overrides);
  return plan;
}

class Emitter : public SpatialEmitter {
public:
  Emitter(OpBuilder &builder, KernelBody &kernel, const Isa &isa, StringRef name,
          const SpatialProblem &problem, const DepthwisePlan &plan)
      : SpatialEmitter(builder, kernel, isa, name, problem, plan), multiplier(plan.multiplier),
        packed(plan.packed) {
    filterUnsigned =
        cast<RankedTensorType>(problem.filter.getType()).getElementType().isUnsignedInteger();
    if (packed)
      filterFlat = flat(unpackedFrom(problem.filter));
    for (const SpatialDim &dim : problem.dims)
      kernelExtents.push_back(dim.kernel);
  }

protected:
  void emitTile(const Segment &segment, Value tile, Value panel, bool last) override {
    SmallVector<int64_t> stored = plan.panels.storedLanes(last);
    Value channel = mul(panel, plan.panels.width());
    SmallVector<Value> channels, sums(segment.rows * stored.size());
    for (auto [j, count] : llvm::enumerate(stored)) {
      channels.push_back(add(channel, int64_t(j) * plan.panels.lanes));
      Value first = initialSums(problem.bias, channels[j], count, {count})[0];
      for (int64_t i = 0; i < segment.rows; ++i)
        sums[i * stored.size() + j] = first;
    }
    int64_t columnStride = problem.columnStride;
    Value column = add(mul(tile, segment.rows * segment.inStep),
                       segment.start * segment.inStep + segment.inFirst);
    sums = outerTaps(sums, [&](Value outerTap, Value rowOffset, ValueRange carried) {
      SmallVector<Value> next = llvm::to_vector(carried);
      Value base = add(rowOffset, mul(column, columnStride));
      for (auto [j, count] : llvm::enumerate(stored)) {
        llvm::DenseMap<int64_t, Value> inputs; // by position relative to the tile's
        Value inputChannel = ix.div(loc, channels[j], multiplier);
        for (const ColumnTap &tap : segment.taps) {
          Value weight = loadWeights(outerTap, tap.kernel, channels[j], count);
          for (int64_t i = tap.low; i < tap.high; ++i) {
            int64_t relative = i * segment.inStep + tap.offset;
            Value &input = inputs[relative];
            if (!input)
              input = segment.checked
                          ? checkedInput(rowOffset, add(column, relative), inputChannel, count)
                          : loadInput(add(base, relative * columnStride), inputChannel, count);
            Value &sum = next[i * stored.size() + j];
            sum = multiplyAdd(input, weight, sum);
          }
        }
      }
      return next;
    });
    Value out = add(mul(tile, segment.rows * segment.outStep),
                    segment.start * segment.outStep + segment.outFirst);
    finishTile(segment.rows, stored, plan.panels.lanes, sums,
               [&](Value row, Value offset, int64_t storedLanes, Value sum) {
                 store(segment, add(out, mul(row, segment.outStep)), add(channel, offset),
                       storedLanes, sum);
               });
  }

private:
  Value loadWeights(Value outerTap, int64_t tap, Value channel, int64_t count) {
    Value linearTap = add(mul(outerTap, problem.last().kernel), tap);
    if (packed)
      return loadVector(filterFlat, add(mul(linearTap, plan.panels.extent), channel), count,
                        filterUnsigned);
    SmallVector<Value> at{channel, index(0)};
    at.append(ix.delinearize(loc, linearTap, kernelExtents));
    return asVector(
        widen(inliner.emit(problem.filter, inliner.point(at, count, 0), count), filterUnsigned));
  }

  /// Input channels of `count` output channels; `at` is the position's linear offset.
  Value loadInput(Value at, Value inputChannel, int64_t count) {
    const DimExpr &stride = problem.view.strides.back();
    int64_t needed = llvm::divideCeil(count, multiplier);
    at = add(at, mul(inputChannel, stride));
    Value vector;
    if (stride == DimExpr(1)) {
      vector = loadVector(inputFlat, at, needed, inputUnsigned);
    } else {
      SmallVector<Value> elements;
      for (int64_t l = 0; l < needed; ++l)
        elements.push_back(vector::ExtractOp::create(
            b, loc, loadVector(inputFlat, add(at, DimExpr(l) * stride), 1, inputUnsigned),
            ArrayRef<int64_t>{0}));
      vector = vector::FromElementsOp::create(b, loc, VectorType::get({needed}, sumType), elements);
    }
    if (multiplier == 1)
      return vector;
    SmallVector<int64_t> repeat;
    for (int64_t l = 0; l < count; ++l)
      repeat.push_back(l / multiplier);
    return vector::ShuffleOp::create(b, loc, vector, vector, repeat);
  }

  /// The same where the position may lie outside of the input: zeros there.
  Value checkedInput(Value rowOffset, Value position, Value inputChannel, int64_t count) {
    Value inside = ix.max(loc, ix.min(loc, position, problem.last().in - DimExpr(1)), 0);
    Value valid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, position, inside);
    Value at = add(rowOffset, mul(inside, problem.columnStride));
    return arith::SelectOp::create(b, loc, valid, loadInput(at, inputChannel, count), zero(count));
  }

  Value asVector(Value value) {
    if (isa<VectorType>(value.getType()))
      return value;
    return vector::BroadcastOp::create(b, loc, VectorType::get({1}, sumType), value);
  }

  int64_t multiplier;
  bool packed, filterUnsigned;
  Value filterFlat;
  SmallVector<int64_t> kernelExtents;
};

class DepthwiseStrategy : public Strategy {
public:
  StringRef kind() const override { return "depthwise"; }

  Claim claim(Operation *op, const Isa &isa) const override {
    return Claim::no("not a depthwise convolution");
  }

  std::optional<Choice> select(const KernelBody &kernel, const Isa &isa,
                               DictionaryAttr overrides) const override {
    auto problem = describe(kernel, isa);
    if (!problem)
      return std::nullopt;
    auto argument = dyn_cast<BlockArgument>(problem->filter);
    bool packed = argument && kernel.constant[argument.getArgNumber()] && argument.hasOneUse();
    DepthwisePlan plan = makePlan(*problem, isa, packed, overrides);
    int64_t rows = 1;
    for (const Segment &segment : plan.segments)
      rows = std::max(rows, segment.rows);
    Choice choice;
    choice.parameters = makeParameters(
        kernel.func.getContext(), kind(),
        {{"lanes", plan.panels.lanes},
         {"mr", rows},
         {"nv", plan.panels.vectors},
         {"panels_outer", plan.panelsOuter},
         {"row_group", plan.rowGroup},
         {"column_group", plan.columnGroup},
         {"packed", packed},
         {"epilogue_loop", parameter(overrides, "epilogue_loop", hasLongEpilogue(kernel))}});
    for (const DimExpr &extent : plan.tiles(*problem))
      choice.tiles.push_back(problem->most(extent));
    choice.inPlace = kernel.inPlacePairs();
    if (packed) {
      Packing packing{argument.getArgNumber(), {}};
      MLIRContext *context = argument.getContext();
      SmallVector<int64_t> flat{*plan.panels.extent.constant(), problem->taps()}, swap{1, 0};
      packing.steps.push_back(StepAttr::get(context, StepKind::Reshape, flat, Attribute()));
      packing.steps.push_back(StepAttr::get(context, StepKind::Transpose, swap, Attribute()));
      choice.packings.push_back(packing);
    }
    return choice;
  }

  FailureOr<Emitted> emit(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                          DictionaryAttr parameters, StringRef name) const override {
    auto problem = describe(kernel, isa);
    if (!problem) {
      kernel.func.emitError("strategy 'depthwise' does not fit this kernel");
      return failure();
    }
    DepthwisePlan plan = makePlan(*problem, isa, parameter(parameters, "packed", 0), parameters);
    if (plan.packed) {
      auto argument = unpackedFrom(problem->filter);
      SmallVector<DimExpr> shape{problem->taps(), plan.panels.extent};
      if (!argument || extentsOf(argument) != shape) {
        kernel.func.emitError("strategy 'depthwise' expects its filter packed as [taps, channel]");
        return failure();
      }
    }
    Emitter emitter(builder, kernel, isa, name, *problem, plan);
    emitter.rollEpilogue = parameter(parameters, "epilogue_loop", 0);
    emitter.run();
    return Emitted{emitter.shell, llvm::product_of(plan.tiles(*problem), DimExpr(1))};
  }

private:
  static std::optional<SpatialProblem> describe(const KernelBody &kernel, const Isa &isa) {
    auto problem = describeSpatial(kernel);
    if (!problem || problem->transposed || problem->inChannels != 1 || problem->groups == 1 ||
        problem->outChannels > int64_t(isa.lanes(accumulatorType(problem->element))))
      return std::nullopt;
    return problem;
  }
};

} // namespace

void registerDepthwiseStrategy(StrategyRegistry &registry) {
  registry.add(std::make_unique<DepthwiseStrategy>());
}

} // namespace ingot::cpu
