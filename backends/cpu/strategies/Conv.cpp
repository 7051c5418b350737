// The `conv` and `conv_transpose` strategies: implicit matrix products, output channels in vectors,
// no copy of the input.
#include "backends/cpu/Strategy.h"
#include "backends/cpu/strategies/Spatial.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace ingot::cpu {
namespace {

struct ConvPlan : SpatialPlan {
  bool packed = true; ///< the filter is a constant packed as [group, panel, taps, input channel,
                      ///< output channel]
};

ConvPlan makePlan(const SpatialProblem &problem, const Isa &isa, bool packed,
                  DictionaryAttr overrides) {
  ConvPlan plan;
  plan.packed = packed;
  Type sum = accumulatorType(problem.element);
  int64_t lanes = std::min<int64_t>(isa.lanes(sum), llvm::PowerOf2Ceil(problem.outChannels));
  int64_t phases = problem.transposed ? problem.last().stride : 1;
  int64_t columns = llvm::divideCeil(problem.most(problem.last().out), phases);
  int64_t depth = problem.taps() * problem.inChannels;
  TileShape shape = chooseTile(columns, problem.outChannels, depth, lanes, isa);
  lanes = parameter(overrides, "lanes", lanes);
  plan.panels = Panels::of(problem.outChannels, lanes, parameter(overrides, "nv", shape.vectors));
  plan.allPanels = *plan.panels.panels.constant() * problem.groups;
  int64_t weights = problem.groups * problem.outChannels * depth * sum.getIntOrFloatBitWidth() / 8;
  plan.cover(problem, parameter(overrides, "mr", shape.rows), weights, overrides);
  return plan;
}

class Emitter : public SpatialEmitter {
public:
  Emitter(OpBuilder &builder, KernelBody &kernel, const Isa &isa, StringRef name,
          const SpatialProblem &problem, const ConvPlan &plan)
      : SpatialEmitter(builder, kernel, isa, name, problem, plan), convPlan(plan),
        lanes(plan.panels.lanes), width(plan.panels.width()) {
    filterUnsigned =
        cast<RankedTensorType>(problem.filter.getType()).getElementType().isUnsignedInteger();
    if (plan.packed) {
      filterFlat = flat(unpackedFrom(problem.filter));
      return;
    }
    int64_t elements = problem.taps() * problem.inChannels * width;
    shell->setAttr(scratchAttr, b.getI64IntegerAttr(llvm::alignTo(
                                    elements * sumType.getIntOrFloatBitWidth() / 8, 64)));
    filterFlat = scratchView(b, loc, arguments.scratch, 0, elements, sumType);
  }

protected:
  void beginPanel(Value panel, bool last) override {
    int64_t panelSize = problem.taps() * problem.inChannels * width;
    if (convPlan.packed) {
      filterBase = mul(add(mul(group, plan.panels.panels), panel), panelSize);
      return;
    }
    filterBase = index(0);
    // Copy the panel: [tap, input channel, output channel].
    SmallVector<int64_t> kernelExtents;
    for (const SpatialDim &dim : problem.dims)
      kernelExtents.push_back(dim.kernel);
    SmallVector<int64_t> stored = plan.panels.storedLanes(last);
    loop(index(0), index(problem.taps()), 1, [&](Value tap) {
      SmallVector<Value> at = ix.delinearize(loc, tap, kernelExtents);
      loop(index(0), index(problem.inChannels), 1, [&](Value c) {
        Value to = mul(add(mul(tap, problem.inChannels), c), width);
        int64_t column = 0;
        for (int64_t count : stored)
          for (int64_t l = 0; l < count; ++l, ++column) {
            Value o = add(mul(panel, width), column);
            SmallVector<Value> from;
            if (problem.transposed)
              from = {add(mul(group, problem.inChannels), c), o};
            else
              from = {add(mul(group, problem.outChannels), o), c};
            from.append(at);
            Value element = widen(inliner.emit(problem.filter, from, 1), filterUnsigned);
            memref::StoreOp::create(b, loc, element, filterFlat, add(to, column));
          }
      });
    });
  }

  void emitTile(const Segment &segment, Value tile, Value panel, bool last) override {
    SmallVector<int64_t> stored = plan.panels.storedLanes(last);
    Value channel = mul(panel, width),
          globalChannel = add(mul(group, problem.outChannels), channel);
    SmallVector<Value> first = initialSums(problem.bias, globalChannel, lanes, stored), sums;
    for (int64_t i = 0; i < segment.rows; ++i)
      sums.append(first);
    vectors = stored.size();
    int64_t columnStride = problem.columnStride;
    Value column =
        add(mul(tile, segment.rows * segment.inStep),
            segment.start * segment.inStep + segment.inFirst); // of position 0, before offsets

    sums = outerTaps(sums, [&](Value outerTap, Value rowOffset, ValueRange carried) {
      SmallVector<Value> current = llvm::to_vector(carried);
      Value weights =
          add(filterBase, mul(outerTap, problem.last().kernel * problem.inChannels * width));
      Value input = add(rowOffset, mul(column, columnStride));
      if (segment.checked) {
        for (const ColumnTap &tap : segment.taps)
          current = checkedTap(segment, tap, column, rowOffset, weights, current);
        return current;
      }
      // Neighbouring taps with the same range of positions run as one loop where memory permits.
      ArrayRef<ColumnTap> taps = segment.taps;
      while (!taps.empty()) {
        size_t run = 1;
        while (run < taps.size() && taps[run].low == taps[0].low &&
               taps[run].high == taps[0].high && taps[run].kernel == taps[0].kernel + int64_t(run))
          ++run;
        current = tapRun(segment, taps.take_front(run), input, weights, current);
        taps = taps.drop_front(run);
      }
      return current;
    });
    Value out = add(mul(tile, segment.rows * segment.outStep),
                    segment.start * segment.outStep + segment.outFirst);
    finishTile(segment.rows, stored, lanes, sums,
               [&](Value row, Value offset, int64_t storedLanes, Value sum) {
                 store(segment, add(out, mul(row, segment.outStep)), add(globalChannel, offset),
                       storedLanes, sum);
               });
  }

private:
  /// Sums for positions [low, high) over `count` products; `load(i, k)` gives the input of position
  /// i.
  SmallVector<Value> products(int64_t low, int64_t high, int64_t count, Value weights,
                              ArrayRef<Value> sums,
                              llvm::function_ref<Value(int64_t i, Value k)> load) {
    SmallVector<Value> active(sums.slice(low * vectors, (high - low) * vectors));
    active = loop(index(0), index(count), 1, active, [&](Value k, ValueRange carried) {
      SmallVector<Value> columns, next;
      Value at = add(weights, mul(k, width));
      for (size_t j = 0; j < vectors; ++j)
        columns.push_back(
            loadVector(filterFlat, add(at, int64_t(j) * lanes), lanes, filterUnsigned));
      for (int64_t i = low; i < high; ++i) {
        Value x = load(i, k);
        for (size_t j = 0; j < vectors; ++j)
          next.push_back(multiplyAdd(x, columns[j], carried[(i - low) * vectors + j]));
      }
      return next;
    });
    SmallVector<Value> result(sums);
    std::copy(active.begin(), active.end(), result.begin() + low * vectors);
    return result;
  }

  SmallVector<Value> tapRun(const Segment &segment, ArrayRef<ColumnTap> taps, Value input,
                            Value weights, ArrayRef<Value> sums) {
    int64_t channels = problem.inChannels;
    const DimExpr &channelStride = problem.view.strides.back();
    int64_t columnStride = problem.columnStride;
    int64_t tapStep = taps.size() > 1 ? (taps[1].offset - taps[0].offset) * columnStride : 0;
    Value base = add(input, taps[0].offset * columnStride);
    weights = add(weights, taps[0].kernel * channels * width);
    auto load = [&](Value at, int64_t i, Value k) {
      return loadSplat(inputFlat,
                       add(add(at, mul(k, channelStride)), i * segment.inStep * columnStride),
                       lanes, inputUnsigned);
    };
    // One loop over taps and channels when the input is contiguous over both.
    if (taps.size() == 1 || DimExpr(tapStep) == DimExpr(channels) * channelStride)
      return products(taps[0].low, taps[0].high, int64_t(taps.size()) * channels, weights, sums,
                      [&](int64_t i, Value k) { return load(base, i, k); });
    return loop(index(0), index(taps.size()), 1, sums, [&](Value t, ValueRange carried) {
      Value at = add(base, mul(t, tapStep));
      return products(taps[0].low, taps[0].high, channels, add(weights, mul(t, channels * width)),
                      llvm::to_vector(carried), [&](int64_t i, Value k) { return load(at, i, k); });
    });
  }

  /// A tap that may or may not meet the input at each position: zeros where it does not.
  SmallVector<Value> checkedTap(const Segment &segment, const ColumnTap &tap, Value column,
                                Value rowOffset, Value weights, ArrayRef<Value> sums) {
    int64_t columnStride = problem.columnStride;
    SmallVector<Value> offsets, valid;
    Value zeros = zero(lanes);
    for (int64_t i = 0; i < segment.rows; ++i) {
      Value at = add(column, i * segment.inStep + tap.offset);
      Value inside = ix.max(loc, ix.min(loc, at, problem.last().in - DimExpr(1)), 0);
      valid.push_back(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, at, inside));
      offsets.push_back(add(rowOffset, mul(inside, columnStride)));
    }
    return products(
        0, segment.rows, problem.inChannels, add(weights, tap.kernel * problem.inChannels * width),
        sums, [&](int64_t i, Value k) -> Value {
          Value x = loadSplat(inputFlat, add(offsets[i], mul(k, problem.view.strides.back())),
                              lanes, inputUnsigned);
          return arith::SelectOp::create(b, loc, valid[i], x, zeros);
        });
  }

  const ConvPlan &convPlan;
  int64_t lanes, width;
  size_t vectors = 1;
  Value filterFlat, filterBase;
  bool filterUnsigned;
};

class ConvStrategy : public Strategy {
public:
  explicit ConvStrategy(bool transposed) : transposed(transposed) {}
  StringRef kind() const override { return transposed ? "conv_transpose" : "conv"; }

  Claim claim(Operation *op, const Isa &isa) const override {
    if (transposed ? isa_and_nonnull<ConvTransposeOp>(op) : isa_and_nonnull<ConvOp>(op))
      return Claim::yes();
    return Claim::no("not a convolution");
  }

  std::optional<Choice> select(const KernelBody &kernel, const Isa &isa,
                               DictionaryAttr overrides) const override {
    auto problem = describeSpatial(kernel);
    if (!problem || problem->transposed != transposed)
      return std::nullopt;
    auto argument = dyn_cast<BlockArgument>(problem->filter);
    bool packed = argument && kernel.constant[argument.getArgNumber()] && argument.hasOneUse();
    ConvPlan plan = makePlan(*problem, isa, packed, overrides);
    Choice choice;
    int64_t rows = 1;
    for (const Segment &segment : plan.segments)
      rows = std::max(rows, segment.rows);
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
    if (packed)
      choice.packings.push_back(pack(*problem, argument, plan.panels));
    return choice;
  }

  FailureOr<Emitted> emit(OpBuilder &builder, KernelBody &kernel, const Isa &isa,
                          DictionaryAttr parameters, StringRef name) const override {
    auto problem = describeSpatial(kernel);
    if (!problem || problem->transposed != transposed) {
      kernel.func.emitError("strategy '") << kind() << "' does not fit this kernel";
      return failure();
    }
    ConvPlan plan = makePlan(*problem, isa, parameter(parameters, "packed", 0), parameters);
    if (plan.packed) {
      auto argument = unpackedFrom(problem->filter);
      int64_t elements =
          plan.allPanels * problem->taps() * problem->inChannels * plan.panels.width();
      if (!argument || cast<RankedTensorType>(argument.getType()).getNumElements() != elements) {
        kernel.func.emitError("strategy '")
            << kind()
            << "' expects its filter packed as [group, panel, taps, input channel, output channel]";
        return failure();
      }
    }
    Emitter emitter(builder, kernel, isa, name, *problem, plan);
    emitter.rollEpilogue = parameter(parameters, "epilogue_loop", 0);
    emitter.run();
    return Emitted{emitter.shell, llvm::product_of(plan.tiles(*problem), DimExpr(1))};
  }

private:
  /// [group * output, input, taps…] (transposed: [group * input, output, taps…]) to
  /// [group, panel, taps, input, column].
  static Packing pack(const SpatialProblem &problem, BlockArgument argument, const Panels &panels) {
    Packing packing{argument.getArgNumber(), {}};
    auto add = [&](StepKind kind, ArrayRef<int64_t> values) {
      packing.steps.push_back(StepAttr::get(argument.getContext(), kind, values, Attribute()));
    };
    int64_t g = problem.groups, o = problem.outChannels, c = problem.inChannels,
            taps = problem.taps();
    int64_t count = *panels.panels.constant(), extra = count * panels.width() - o;
    if (problem.transposed) {
      add(StepKind::Reshape, {g, c, o, taps});
      if (extra)
        add(StepKind::Pad, {0, 0, extra, 0});
      add(StepKind::Reshape, {g, c, count, panels.width(), taps});
      add(StepKind::Transpose, {0, 2, 4, 1, 3});
    } else {
      add(StepKind::Reshape, {g, o, c, taps});
      if (extra)
        add(StepKind::Pad, {0, extra, 0, 0});
      add(StepKind::Reshape, {g, count, panels.width(), c, taps});
      add(StepKind::Transpose, {0, 1, 4, 3, 2});
    }
    return packing;
  }

  bool transposed;
};

} // namespace

void registerConvStrategy(StrategyRegistry &registry) {
  registry.add(std::make_unique<ConvStrategy>(false));
}
void registerConvTransposeStrategy(StrategyRegistry &registry) {
  registry.add(std::make_unique<ConvStrategy>(true));
}

} // namespace ingot::cpu
