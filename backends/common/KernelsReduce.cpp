// Kernels of reductions: reduce, arg_reduce, cumsum.
#include "backends/common/KernelEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;

namespace ingot {

Value Combiner::combine(KernelEmitter &k, Value a, Value b) const {
  OpBuilder &builder = k.b;
  Location loc = k.loc();
  bool floating = isa<FloatType>(element);
  switch (kind) {
  case Sum:
    return floating ? Value(arith::AddFOp::create(builder, loc, a, b))
                    : arith::AddIOp::create(builder, loc, a, b);
  case Prod:
    return floating ? Value(arith::MulFOp::create(builder, loc, a, b))
                    : arith::MulIOp::create(builder, loc, a, b);
  case Max:
    return floating     ? Value(arith::MaximumFOp::create(builder, loc, a, b))
           : isUnsigned ? Value(arith::MaxUIOp::create(builder, loc, a, b))
                        : arith::MaxSIOp::create(builder, loc, a, b);
  case Min:
    return floating     ? Value(arith::MinimumFOp::create(builder, loc, a, b))
           : isUnsigned ? Value(arith::MinUIOp::create(builder, loc, a, b))
                        : arith::MinSIOp::create(builder, loc, a, b);
  case Any:
    return arith::OrIOp::create(builder, loc, a, b);
  case All:
    return arith::AndIOp::create(builder, loc, a, b);
  }
  llvm_unreachable("unknown combiner");
}

Value Combiner::neutral(KernelEmitter &k) const {
  TypedAttr attr;
  if (auto type = dyn_cast<FloatType>(element)) {
    const llvm::fltSemantics &semantics = type.getFloatSemantics();
    attr =
        FloatAttr::get(type, kind == Sum    ? APFloat::getZero(semantics)
                             : kind == Prod ? APFloat(semantics, 1)
                                            : APFloat::getInf(semantics, /*Negative=*/kind == Max));
  } else {
    unsigned bits = element.getIntOrFloatBitWidth();
    APInt value(bits, 0);
    if (kind == Prod || (kind == All && bits == 1))
      value = APInt(bits, 1);
    else if (kind == All)
      value = APInt::getAllOnes(bits);
    else if (kind == Max)
      value = isUnsigned ? APInt(bits, 0) : APInt::getSignedMinValue(bits);
    else if (kind == Min)
      value = isUnsigned ? APInt::getAllOnes(bits) : APInt::getSignedMaxValue(bits);
    attr = IntegerAttr::get(element, value);
  }
  return arith::ConstantOp::create(k.b, k.loc(), attr);
}

Value Combiner::horizontal(KernelEmitter &k, Value v) const {
  if (!isVector(v))
    return v;
  using vector::CombiningKind;
  bool floating = isa<FloatType>(element);
  CombiningKind how = CombiningKind::ADD;
  switch (kind) {
  case Sum:
    how = CombiningKind::ADD;
    break;
  case Prod:
    how = CombiningKind::MUL;
    break;
  case Max:
    how = floating     ? CombiningKind::MAXIMUMF
          : isUnsigned ? CombiningKind::MAXUI
                       : CombiningKind::MAXSI;
    break;
  case Min:
    how = floating     ? CombiningKind::MINIMUMF
          : isUnsigned ? CombiningKind::MINUI
                       : CombiningKind::MINSI;
    break;
  case Any:
    how = CombiningKind::OR;
    break;
  case All:
    how = CombiningKind::AND;
    break;
  }
  auto flags = floating && (kind == Sum || kind == Prod) ? arith::FastMathFlags::reassoc
                                                         : arith::FastMathFlags::none;
  return vector::ReductionOp::create(k.b, k.loc(), how, v, flags);
}

/// The same for an `inner` that depends on dims: whole vectors, and one with the lanes that are
/// left.
static Value reduceDynamicLanes(KernelEmitter &k, const Combiner &combiner, ArrayRef<DimExpr> outer,
                                const DimExpr &inner, int64_t lanes,
                                function_ref<Value(ArrayRef<Value>, Value, int64_t)> value) {
  IndexMath &math = k.inl.index();
  Value neutral = combiner.neutral(k), start = k.splat(neutral, lanes), end = k.index(inner);
  int64_t width = 4;
  auto wholeOf = [&](int64_t size) {
    return math.mul(k.loc(), math.div(k.loc(), end, size), size);
  };
  Value blocks = wholeOf(lanes * width), whole = wholeOf(lanes);
  KernelEmitter::Values sums(width, start);
  sums = k.nest(outer, sums, [&](ArrayRef<Value> indices, ValueRange carried) {
    KernelEmitter::Values now(carried);
    now = k.loop(k.index(0), blocks, width * lanes, now, [&](Value first, ValueRange before) {
      KernelEmitter::Values after;
      for (int64_t a = 0; a < width; ++a)
        after.push_back(combiner.combine(
            k, before[a], value(indices, math.add(k.loc(), first, a * lanes), lanes)));
      return after;
    });
    now[0] = k.loop(blocks, whole, lanes, now[0], [&](Value first, ValueRange before) {
      return KernelEmitter::Values{combiner.combine(k, before[0], value(indices, first, lanes))};
    })[0];
    if (lanes == 1)
      return now;
    // A branch that gives a sum.
    OpBuilder::InsertionGuard guard(k.b);
    Value some = arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::slt, whole, end);
    auto branch =
        scf::IfOp::create(k.b, k.loc(), TypeRange{now[1].getType()}, some, /*withElse=*/true);
    k.b.setInsertionPointToStart(branch.thenBlock());
    k.setRest(math.sub(k.loc(), end, whole), lanes);
    Value rest = arith::SelectOp::create(k.b, k.loc(), k.mask, value(indices, whole, lanes),
                                         k.splat(neutral, lanes));
    k.mask = {};
    scf::YieldOp::create(k.b, k.loc(), ValueRange{combiner.combine(k, now[1], rest)});
    k.b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(k.b, k.loc(), ValueRange{now[1]});
    now[1] = branch.getResult(0);
    return now;
  });
  Value low = combiner.combine(k, sums[0], sums[1]), high = combiner.combine(k, sums[2], sums[3]);
  return combiner.horizontal(k, combiner.combine(k, low, high));
}

Value reduceLanes(KernelEmitter &k, const Combiner &combiner, ArrayRef<DimExpr> outer,
                  const DimExpr &extent, int64_t lanes,
                  function_ref<Value(ArrayRef<Value>, Value, int64_t)> value) {
  if (!extent.isConstant())
    return reduceDynamicLanes(k, combiner, outer, extent, lanes, value);
  int64_t inner = *extent.constant();
  lanes = std::min(lanes, std::max<int64_t>(1, inner));
  Value neutral = combiner.neutral(k), start = k.splat(neutral, lanes);
  int64_t vectors = inner / lanes, rest = inner % lanes;
  int64_t width = std::min<int64_t>(4, std::max<int64_t>(1, vectors)); // accumulators
  KernelEmitter::Values accumulators(width, start);
  accumulators = k.nest(outer, accumulators, [&](ArrayRef<Value> indices, ValueRange carried) {
    KernelEmitter::Values now(carried);
    int64_t blocks = vectors / width, done = blocks * width;
    auto block = [&](Value first, ValueRange before) {
      KernelEmitter::Values after;
      for (int64_t a = 0; a < width; ++a) {
        Value at = k.inl.index().add(k.loc(), first, a * lanes);
        after.push_back(combiner.combine(k, before[a], value(indices, at, lanes)));
      }
      return after;
    };
    if (blocks == 1)
      now = block(k.index(0), now);
    else if (blocks > 1)
      now = k.loop(k.index(0), k.index(done * lanes), width * lanes, now, block);
    for (int64_t v = done; v < vectors; ++v)
      now[v - done] = combiner.combine(k, now[v - done], value(indices, k.index(v * lanes), lanes));
    if (rest) {
      Value v = value(indices, k.index(vectors * lanes), rest);
      now.back() = combiner.combine(k, now.back(), k.widen(v, lanes, neutral));
    }
    return now;
  });
  while (accumulators.size() > 1) {
    KernelEmitter::Values pairs;
    for (size_t i = 0; i + 1 < accumulators.size(); i += 2)
      pairs.push_back(combiner.combine(k, accumulators[i], accumulators[i + 1]));
    if (accumulators.size() % 2)
      pairs.push_back(accumulators.back());
    accumulators = pairs;
  }
  return combiner.horizontal(k, accumulators[0]);
}

static Combiner combinerOf(ReduceOp op) {
  Type element = elementOf(op.getInput());
  Combiner result;
  result.isUnsigned = element.isUnsignedInteger();
  switch (op.getKind()) {
  case ReduceKind::Sum:
  case ReduceKind::Mean:
    result.kind = Combiner::Sum;
    break;
  case ReduceKind::Max:
    result.kind = Combiner::Max;
    break;
  case ReduceKind::Min:
    result.kind = Combiner::Min;
    break;
  case ReduceKind::Prod:
    result.kind = Combiner::Prod;
    break;
  case ReduceKind::Any:
    result.kind = Combiner::Any;
    break;
  case ReduceKind::All:
    result.kind = Combiner::All;
    break;
  }
  element = signless(element);
  if (isNarrowFloat(element) && (result.kind == Combiner::Sum || result.kind == Combiner::Prod))
    element = Float32Type::get(op.getContext());
  result.element = element;
  return result;
}

/// The elements as they are accumulated.
static Value accumulable(KernelEmitter &k, Value v, const Combiner &combiner) {
  return isa<FloatType>(combiner.element) ? k.mixed().toFloat(v, combiner.element) : v;
}

static Value finishMean(KernelEmitter &k, ReduceOp op, Value sum, const DimExpr &count) {
  return op.getKind() == ReduceKind::Mean ? k.mixed().op<arith::DivFOp>(sum, k.number(sum, count))
                                          : sum;
}

void emitReduce(KernelEmitter &k, ReduceOp op) {
  ArrayRef<int64_t> dims = op.getDims();
  llvm::SmallVector<DimExpr> shape = extentsOf(op.getInput());
  const DimExpr one = 1;
  Combiner combiner = combinerOf(op);
  if (op.getKind() == ReduceKind::Mean && !isa<FloatType>(combiner.element))
    return k.error(op, "has no kernel for the mean of integers; cast to a float type first");
  llvm::SmallVector<int64_t> kept, reduced; // dims
  for (int64_t d = 0; d < static_cast<int64_t>(shape.size()); ++d)
    (llvm::is_contained(dims, d) ? reduced : kept).push_back(d);
  DimExpr count = 1;
  for (int64_t d : reduced)
    count *= shape[d];
  llvm::SmallVector<DimExpr> keptExtents, reducedExtents;
  for (int64_t d : kept)
    keptExtents.push_back(shape[d]);
  for (int64_t d : reduced)
    reducedExtents.push_back(shape[d]);
  /// Indices of the result from those of the kept dims.
  auto resultIndices = [&](ArrayRef<Value> keptIndices) {
    if (!op.getKeepdims())
      return KernelEmitter::Values(keptIndices);
    KernelEmitter::Values all(shape.size(), k.index(0));
    for (auto [i, d] : llvm::enumerate(kept))
      all[d] = keptIndices[i];
    return all;
  };
  int64_t lanes = k.stageLanes();
  // The dim that vectors run along: the last one that is not 1.
  int64_t last = static_cast<int64_t>(shape.size()) - 1;
  while (last > 0 && shape[last] == one)
    --last;
  bool lastReduced = !reduced.empty() && llvm::is_contained(reduced, last);
  if (reduced.empty() || kept.empty() || lastReduced) {
    size_t laneAt = lastReduced ? llvm::find(reduced, last) - reduced.begin() : 0;
    llvm::SmallVector<DimExpr> outer(reducedExtents);
    DimExpr inner = 1;
    if (lastReduced) {
      inner = outer[laneAt];
      outer[laneAt] = 1;
    }
    k.forShare(keptExtents, [&](ArrayRef<Value> keptIndices) {
      Value result =
          reduceLanes(k, combiner, outer, inner, lanes,
                      [&](ArrayRef<Value> outerIndices, Value first, int64_t lanesNow) {
                        KernelEmitter::Values at(shape.size(), k.index(0));
                        for (auto [i, d] : llvm::enumerate(kept))
                          at[d] = keptIndices[i];
                        for (auto [i, d] : llvm::enumerate(reduced))
                          at[d] = lastReduced && i == laneAt ? first : outerIndices[i];
                        Point point = k.inl.point(at, lanesNow, static_cast<unsigned>(last));
                        return accumulable(k, k.read(op.getInput(), point, lanesNow), combiner);
                      });
      k.finish(resultIndices(keptIndices), 1, finishMean(k, op, result, count));
    });
    return;
  }
  // Vectors run along the last kept dim, several at a time so that their sums do not wait for each
  // other. In the result the lanes are neighbours, for what follows that dim in the input is
  // reduced or 1.
  const DimExpr &laneExtent = shape[last];
  llvm::SmallVector<DimExpr> rows; // kept extents up to the lane dim; later ones are 1
  for (int64_t d : kept)
    rows.push_back(shape[d]);
  size_t laneAt = llvm::find(kept, last) - kept.begin();
  int64_t columns = laneExtent.constant().value_or(1);
  int64_t width = columns >= 4 * lanes ? 4 : columns >= 2 * lanes ? 2 : 1;
  llvm::SmallVector<DimExpr> space(rows.begin(), rows.begin() + laneAt + 1);
  auto emitBlock = [&](ArrayRef<Value> indices, int64_t vectors, int64_t lanesNow) {
    KernelEmitter::Values init(vectors, k.splat(combiner.neutral(k), lanesNow));
    KernelEmitter::Values sums =
        k.nest(reducedExtents, init, [&](ArrayRef<Value> reducedIndices, ValueRange carried) {
          KernelEmitter::Values next;
          for (int64_t v = 0; v < vectors; ++v) {
            KernelEmitter::Values at(shape.size(), k.index(0));
            for (size_t i = 0; i <= laneAt; ++i)
              at[kept[i]] = indices[i];
            for (auto [i, d] : llvm::enumerate(reduced))
              at[d] = reducedIndices[i];
            at[last] = k.inl.index().add(k.loc(), at[last], v * lanesNow);
            Value x = k.read(op.getInput(), k.inl.point(at, lanesNow, static_cast<unsigned>(last)),
                             lanesNow);
            next.push_back(combiner.combine(k, carried[v], accumulable(k, x, combiner)));
          }
          return next;
        });
    for (int64_t v = 0; v < vectors; ++v) {
      KernelEmitter::Values keptIndices(indices);
      keptIndices.resize(kept.size(), k.index(0));
      keptIndices[laneAt] = k.inl.index().add(k.loc(), indices[laneAt], v * lanesNow);
      KernelEmitter::Values to = resultIndices(keptIndices);
      k.finish(to, lanesNow, finishMean(k, op, sums[v], count));
    }
  };
  k.forShareOfLanes(space, lanes * width, [&](ArrayRef<Value> indices, int64_t elements) {
    int64_t vectors = elements / lanes, rest = elements % lanes;
    if (vectors)
      emitBlock(indices, vectors, lanes);
    if (rest) {
      KernelEmitter::Values at(indices);
      at.back() = k.inl.index().add(k.loc(), at.back(), vectors * lanes);
      emitBlock(at, 1, rest);
    }
  });
}

} // namespace ingot
