// Floats rounded to 8 bits at run time.
#include "compiler/importers/tflite/Hybrid.h"
#include "compiler/importers/tflite/FixedPoint.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

bool tfliteimport::isHybridProduct(TfliteNode &n, size_t lhs, size_t rhs) {
  return n.has(lhs) && n.has(rhs) && n.stored(lhs) && n.stored(rhs) &&
         B::element(n.stored(lhs)).isF32() && n.quantization(rhs) &&
         B::element(n.stored(rhs)).getIntOrFloatBitWidth() <= 8;
}

HybridInput tfliteimport::hybridInput(GraphBuilder &b, Value x, bool asymmetric) {
  if (!x)
    return {};
  Ints rest;
  for (int64_t dim = 1; dim < B::rank(x); ++dim)
    rest.push_back(dim);
  Type f32 = b.ops().getF32Type(), f64 = b.ops().getF64Type();
  auto extreme = [&](ReduceKind kind, Value of) { return b.reduce(kind, of, rest, true); };
  auto number = [&](Value like, double value) { return b.scalarLike(like, value); };
  if (!asymmetric) {
    Value range = extreme(ReduceKind::Max, b.create<AbsOp>(x));
    Value isZero = b.cmp(CmpKind::Eq, range, number(range, 0));
    Value size = b.select(isZero, number(range, 1), b.div(range, number(range, 127)));
    Value inverse = b.select(isZero, number(range, 0), b.div(number(range, 127), range));
    return {b.clamp(roundAway(b, b.mul(x, inverse)), -127, 127), size};
  }
  Value low = b.cast(b.clamp(extreme(ReduceKind::Min, x), -INFINITY, 0), f64);
  Value high = b.cast(b.clamp(extreme(ReduceKind::Max, x), 0, INFINITY), f64);
  Value range = b.sub(high, low);
  Value isZero = b.cmp(CmpKind::Eq, range, number(range, 0));
  Value exact = b.select(isZero, number(range, 1), b.div(range, number(range, 255)));
  // The zero point from the end of the range that is nearer.
  Value below = b.div(low, exact), above = b.div(high, exact);
  Value fromLow = b.sub(number(range, -128), below), fromHigh = b.sub(number(range, 127), above);
  Value isLowNearer =
      b.cmp(CmpKind::Lt, b.sub(number(range, 128), below), b.add(number(range, 127), above));
  Value zero = roundAway(b, b.select(isLowNearer, fromLow, fromHigh));
  zero = b.cast(b.select(isZero, number(range, 0), b.clamp(zero, -128, 127)), f32);
  Value size = b.cast(exact, f32);
  Value stored = b.add(zero, b.mul(x, b.div(number(x, 1), size)));
  return {b.sub(b.clamp(roundAway(b, stored), -128, 127), zero), size};
}

Value tfliteimport::hybridResult(TfliteNode &n, Value products, const HybridInput &input,
                                 size_t rhs) {
  GraphBuilder &b = n.b;
  ArrayRef<float> scales = n.quantization(rhs).scale;
  auto *data = reinterpret_cast<const char *>(scales.data());
  Ints shape;
  if (scales.size() > 1)
    shape.push_back(static_cast<int64_t>(scales.size()));
  Value scale = b.constant(b.tensorType(shape, b.ops().getF32Type()),
                           std::vector<char>(data, data + scales.size() * sizeof(float)));
  return b.mul(products, b.mul(input.size, scale));
}
