// Kernels of pooling windows.
#include "backends/common/KernelEmitter.h"

using namespace mlir;

namespace ingot {

namespace {
/// Where the window of one output index lies along one spatial dim.
struct Span {
  Value start;     ///< input index of tap 0, may be outside
  Value low, high; ///< taps [low, high) lie inside the input
  Value counted;   ///< taps that an average divides by; null: high - low
};
} // namespace

/// ceil(a / d) for d > 0, or 0 where a is negative.
static Value ceilDiv(KernelEmitter &k, Value a, int64_t d) {
  IndexMath &math = k.inl.index();
  return math.div(k.loc(), math.add(k.loc(), math.max(k.loc(), a, 0), d - 1), d);
}

/// Taps of a window that starts at `start` which lie in [begin, end), clamped to [0, kernel].
static std::pair<Value, Value> tapsInside(KernelEmitter &k, Value start, int64_t kernel,
                                          int64_t dilation, const DimExpr &begin,
                                          const DimExpr &end) {
  IndexMath &math = k.inl.index();
  Value low = ceilDiv(k, math.sub(k.loc(), k.index(begin), start), dilation);
  Value high = ceilDiv(k, math.sub(k.loc(), k.index(end), start), dilation);
  low = math.min(k.loc(), math.max(k.loc(), low, 0), kernel);
  high = math.max(k.loc(), math.min(k.loc(), high, kernel), low);
  return {low, high};
}

void emitPool(KernelEmitter &k, PoolOp op) {
  llvm::SmallVector<DimExpr> in = extentsOf(op.getInput()), out = extentsOf(op.getResult());
  ArrayRef<int64_t> kernel = op.getKernel(), strides = op.getStrides(), pads = op.getPads(),
                    dilations = op.getDilations();
  size_t spatial = kernel.size(), first = op.getChannelsLast() ? 1 : 2;
  bool max = op.getKind() == PoolKind::Max;
  Type element = signless(elementOf(op.getInput()));
  if (isNarrowFloat(element) && !max)
    element = k.b.getF32Type();
  if (!max && !isa<FloatType>(element))
    return k.error(op, "has no kernel for the average of integers; cast to a float type first");
  Combiner combiner{max ? Combiner::Max : Combiner::Sum, element,
                    elementOf(op.getInput()).isUnsignedInteger()};
  Mixed m = k.mixed();
  unsigned lane = out.size() - 1;
  bool lanesAreSpace = !op.getChannelsLast();
  int64_t lanes =
      std::min(k.stageLanes(), std::max<int64_t>(1, out[lane].constant().value_or(INT64_MAX)));
  k.forShareOfLanes(out, lanes, [&](ArrayRef<Value> indices, int64_t count) {
    IndexMath &math = k.inl.index();
    llvm::SmallVector<Span> spans;
    for (size_t s = 0; s < spatial; ++s) {
      int64_t padLow = pads[s];
      Span span;
      span.start = math.sub(k.loc(), math.mul(k.loc(), indices[first + s], strides[s]), padLow);
      std::tie(span.low, span.high) =
          tapsInside(k, span.start, kernel[s], dilations[s], 0, in[first + s]);
      if (op.getCountIncludePad()) {
        ArrayRef<int64_t> counted = op.getCountedPads() ? *op.getCountedPads() : pads;
        auto [low, high] = tapsInside(k, span.start, kernel[s], dilations[s], -counted[s],
                                      in[first + s] + counted[spatial + s]);
        span.counted = math.sub(k.loc(), high, low);
      }
      spans.push_back(span);
    }
    // Lanes along a spatial dim look at windows of their own: taps outside are masked.
    bool masked = lanesAreSpace && count > 1;
    Span &last = spans.back();
    const DimExpr &inLast = in.back();
    bool neverOutside = pads[spatial - 1] <= 0 && pads[2 * spatial - 1] <= 0;
    auto laneVector = [&](Value base, int64_t step) {
      SmallVector<int64_t> offsets;
      for (int64_t l = 0; l < count; ++l)
        offsets.push_back(l * step);
      auto type = VectorType::get({count}, k.b.getIndexType());
      Value v = arith::ConstantOp::create(k.b, k.loc(), DenseIntElementsAttr::get(type, offsets));
      return Value(arith::AddIOp::create(k.b, k.loc(), v, k.splat(base, count)));
    };
    if (masked)
      last.low = k.index(0), last.high = k.index(kernel[spatial - 1]);

    KernelEmitter::Values taps;
    Value neutral = k.splat(combiner.neutral(k), count);
    std::function<Value(size_t, Value)> level = [&](size_t s, Value carried) -> Value {
      if (s < spatial)
        return k.loop(spans[s].low, spans[s].high, 1, carried, [&](Value tap, ValueRange inner) {
          taps.push_back(tap);
          Value result = level(s + 1, inner[0]);
          taps.pop_back();
          return KernelEmitter::Values{result};
        })[0];
      IndexMath &inner = k.inl.index();
      KernelEmitter::Values at(indices);
      for (size_t d = 0; d < spatial; ++d)
        at[first + d] =
            inner.add(k.loc(), spans[d].start, inner.mul(k.loc(), taps[d], dilations[d]));
      Point point = k.inl.point(at, count, lane);
      Value mask;
      if (masked) {
        point[lane].stride = strides[spatial - 1];
        if (!neverOutside) {
          Value position = laneVector(at[lane], strides[spatial - 1]);
          Value zero = k.splat(k.index(0), count), end = k.splat(k.index(inLast), count);
          Value above =
              arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::sge, position, zero);
          Value below =
              arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::slt, position, end);
          mask = arith::AndIOp::create(k.b, k.loc(), above, below);
          if (Value counts = k.maskFor(count))
            mask = arith::AndIOp::create(k.b, k.loc(), mask, counts);
        }
      }
      Value x = k.read(op.getInput(), point, count, mask);
      if (isa<FloatType>(element))
        x = m.toFloat(x, element);
      if (mask)
        x = arith::SelectOp::create(k.b, k.loc(), mask, x, neutral);
      return combiner.combine(k, carried, x);
    };
    Value result = level(0, neutral);
    if (!max) {
      // The divisor: taps counted along each dim, multiplied.
      Value divisor;
      for (size_t s = 0; s < spatial; ++s) {
        Value n;
        if (masked && s == spatial - 1) {
          ArrayRef<int64_t> counted = op.getCountedPads() ? *op.getCountedPads() : pads;
          bool include = op.getCountIncludePad();
          DimExpr begin = include ? -counted[s] : 0,
                  end = inLast + DimExpr(include ? counted[spatial + s] : 0);
          Value start = laneVector(spans[s].start, strides[s]);
          n = k.splat(k.index(0), count);
          Value one = k.splat(k.index(1), count), none = n;
          for (int64_t tap = 0; tap < kernel[s]; ++tap) {
            Value position = arith::AddIOp::create(k.b, k.loc(), start,
                                                   k.splat(k.index(tap * dilations[s]), count));
            Value above = arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::sge, position,
                                                k.splat(k.index(begin), count));
            Value below = arith::CmpIOp::create(k.b, k.loc(), arith::CmpIPredicate::slt, position,
                                                k.splat(k.index(end), count));
            Value inside = arith::AndIOp::create(k.b, k.loc(), above, below);
            n = arith::AddIOp::create(k.b, k.loc(), n,
                                      arith::SelectOp::create(k.b, k.loc(), inside, one, none));
          }
        } else {
          n = spans[s].counted ? spans[s].counted
                               : k.inl.index().sub(k.loc(), spans[s].high, spans[s].low);
        }
        divisor = divisor ? m.op<arith::MulIOp>(divisor, n) : n;
      }
      Value narrow =
          arith::IndexCastOp::create(k.b, k.loc(), typeLike(divisor, k.b.getI32Type()), divisor);
      Value number = arith::SIToFPOp::create(k.b, k.loc(), typeLike(divisor, element), narrow);
      result = m.op<arith::DivFOp>(result, number);
    }
    k.finish(indices, count, result);
  });
}

} // namespace ingot
