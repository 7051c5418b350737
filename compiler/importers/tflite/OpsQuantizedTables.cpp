// Operators of quantised operands that LiteRT's kernels compute by tables or by series in integers.
#include "compiler/importers/tflite/FixedPoint.h"
#include "compiler/importers/tflite/IntegerTables.h"
#include "compiler/importers/tflite/Quantized.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

/// A rank-1 constant of integers.
template <typename T> static Value table(GraphBuilder &b, ArrayRef<T> values) {
  auto *data = reinterpret_cast<const char *>(values.data());
  return b.constant(
      b.tensorType(static_cast<int64_t>(values.size()), b.ops().getIntegerType(8 * sizeof(T))),
      std::vector<char>(data, data + values.size() * sizeof(T)));
}

static Value lookUp(GraphBuilder &b, Value table, Value index) {
  return table && index ? b.create<GatherOp>(table, index, 0) : Value();
}

static Value number(GraphBuilder &b, Value like, int64_t value) {
  return b.scalarLike(like, static_cast<double>(value));
}

/// Bits below `bits` of integers.
static Value lowBits(GraphBuilder &b, Value x, int bits) {
  return b.binary<AndOp>(x, number(b, x, (int64_t(1) << bits) - 1));
}

/// A function of integers `x` (i32 in the range of i16) by a table of 513, as i32.
static Value interpolated(GraphBuilder &b, Value x, ArrayRef<int16_t> values) {
  Type i32 = b.ops().getI32Type();
  // The difference of neighbours is held in 16 bits, too.
  SmallVector<int16_t> slopes;
  for (size_t i = 0; i + 1 < values.size(); ++i)
    slopes.push_back(static_cast<int16_t>(values[i + 1] - values[i]));
  Value index = b.add(floorShift(b, x, 7), number(b, x, 256));
  Value base = b.cast(lookUp(b, table(b, values.drop_back()), index), i32);
  Value slope = b.cast(lookUp(b, table(b, ArrayRef<int16_t>(slopes)), index), i32);
  Value delta = shiftRight(b, b.mul(slope, lowBits(b, x, 7)), 7, /*away=*/false);
  return b.cast(b.cast(b.add(base, delta), b.ops().getIntegerType(16)), i32);
}

/// Sets output 0 to integers as they are stored.
static LogicalResult setStored(TfliteNode &n, Value value) {
  return n.set(n.b.cast(value, n.outputElement()));
}

LogicalResult tfliteimport::quantizedFunction(TfliteNode &n,
                                              llvm::function_ref<float(float)> function) {
  Affine<float> in{n.quantization(0).scale.front(),
                   static_cast<int32_t>(n.quantization(0).zeroPoint.front())};
  Affine<float> out{n.outputQuantization().scale.front(),
                    static_cast<int32_t>(n.outputQuantization().zeroPoint.front())};
  Value x = n.b.cast(n.stored(0), n.b.ops().getI32Type());
  return setStored(n, interpolated(n.b, x, interpolationTable<float>(in, out, function)));
}

LogicalResult tfliteimport::quantizedSqrt(TfliteNode &n) {
  Value root = n.in(0);
  root = root ? n.b.create<SqrtOp>(root) : root;
  Value quotient = n.b.div(root, n.b.scalarLike(root, outputScale(n)));
  return quotient ? setCentered(n, n.b.create<TruncOp>(quotient)) : failure();
}

/// The power of 2 that a scale is, if it is one as far as the kernels can tell.
static std::optional<int> exactLog2(double scale) {
  double exact = std::log2(scale), rounded = std::round(exact);
  return std::abs(exact - rounded) < 1e-3 ? std::optional<int>(static_cast<int>(rounded))
                                          : std::nullopt;
}

/// A factor below 2^15, and a shift, that bring a scale to 1 / (3 * 4096).
static std::pair<int64_t, int> tableFactor(double scale) {
  double factor = scale * 4096.0 * 3.0;
  int shift = 0;
  for (; factor <= 32767.0 / 2.0 && shift <= 30; ++shift)
    factor *= 2.0;
  return {static_cast<int64_t>(factor), shift};
}

/// Reports scales and zero points that LiteRT's kernels of i16 do not take.
static LogicalResult checkWide(TfliteNode &n) {
  if (n.quantization(0).zeroPoint.front() != 0 || n.outputQuantization().zeroPoint.front() != 0 ||
      exactLog2(outputScale(n)) != -15)
    return n.unsupported("i16 that is not in steps of 1/32768",
                         "expected zero points of 0 and a result with that scale");
  return success();
}

/// Values of sigmoid between those of its table at distances `x` (not negative) * 2^-bits, times
/// 2^bits.
static Value sigmoidAt(GraphBuilder &b, Value x, int bits, int64_t most) {
  std::vector<int32_t> values = sigmoidTable(), slopes;
  for (size_t i = 0; i + 1 < values.size(); ++i)
    slopes.push_back(values[i + 1] - values[i]);
  Value whole = floorShift(b, x, bits);
  Value index = b.clamp(whole, 0, 254);
  Value base = b.mul(lookUp(b, table(b, ArrayRef(values).drop_back()), index),
                     number(b, x, int64_t(1) << bits));
  Value rise = b.mul(lookUp(b, table(b, ArrayRef<int32_t>(slopes)), index), lowBits(b, x, bits));
  return b.select(b.cmp(CmpKind::Ge, whole, number(b, x, 255)), number(b, x, most),
                  b.add(base, rise));
}

static Value absolute(GraphBuilder &b, Value x) { return x ? b.create<AbsOp>(x) : x; }

/// `function` by a table of every integer.
static LogicalResult setWhole(TfliteNode &n, llvm::function_ref<int16_t(int16_t)> function) {
  GraphBuilder &b = n.b;
  Value x = b.cast(n.stored(0), b.ops().getI32Type());
  return setStored(n, lookUp(b, table(b, ArrayRef<int16_t>(wholeTable(function))),
                             b.add(x, b.scalarLike(x, 32768))));
}

LogicalResult tfliteimport::quantizedSigmoid(TfliteNode &n) {
  GraphBuilder &b = n.b;
  if (failed(checkWide(n)))
    return failure();
  if (exactLog2(scaleOf(n, 0)) == -12)
    return setWhole(n, [](int16_t x) { return fixedSigmoid(x, 3); });
  auto [factor, shift] = tableFactor(scaleOf(n, 0));
  Value x = b.cast(n.stored(0), b.ops().getI32Type());
  x = shiftRight(b, b.mul(x, number(b, x, factor)), shift, /*away=*/false);
  Value found = sigmoidAt(b, absolute(b, x), 9, int64_t(0x7fff) << 10);
  Value above = b.add(found, number(b, x, 1 << 9));
  Value below = b.sub(number(b, x, (1 << 25) + (1 << 9) - 1), found);
  Value result = b.select(b.cmp(CmpKind::Ge, x, number(b, x, 0)), above, below);
  return setStored(n, floorShift(b, result, 10));
}

LogicalResult tfliteimport::quantizedTanh(TfliteNode &n) {
  GraphBuilder &b = n.b;
  if (failed(checkWide(n)))
    return failure();
  std::optional<int> power = exactLog2(scaleOf(n, 0));
  if (power == -12 || power == -11)
    return setWhole(n, [&](int16_t x) {
      int32_t doubled = std::clamp(2 * x, -32768, 32767);
      return fixedTanh(power == -11 ? static_cast<int16_t>(doubled) : x, 3);
    });
  auto [factor, shift] = tableFactor(scaleOf(n, 0));
  Value x = b.cast(n.stored(0), b.ops().getI32Type());
  x = shiftRight(b, b.mul(x, number(b, x, factor)), shift, /*away=*/false);
  Value found = sigmoidAt(b, absolute(b, x), 8, int64_t(0xffff) << 8);
  constexpr int64_t kHalf = 1 << 23, kNudge = 1 << 7;
  Value above = b.sub(found, number(b, x, kHalf - kNudge));
  Value below = b.sub(number(b, x, kHalf + kNudge - 1), found);
  Value result = b.select(b.cmp(CmpKind::Ge, x, number(b, x, 0)), above, below);
  return setStored(n, floorShift(b, result, 8));
}

//===----------------------------------------------------------------------===//
// rows
//===----------------------------------------------------------------------===//

/// How many bits the positive numbers `x` (i64, below 2^31) have.
static Value bitCount(GraphBuilder &b, Value x) {
  Ints powers;
  for (int i = 0; i < 31; ++i)
    powers.push_back(int64_t(1) << i);
  if (!x)
    return {};
  Value reached = b.cmp(CmpKind::Ge, b.unsqueeze(x, B::rank(x)), b.ints(powers));
  return b.reduce(ReduceKind::Sum, b.cast(reached, b.ops().getI64Type()), {B::rank(x)}, false);
}

LogicalResult tfliteimport::quantizedSoftmax(TfliteNode &n, float beta) {
  GraphBuilder &b = n.b;
  if (failed(checkWide(n)))
    return failure();
  Type i32 = b.ops().getI32Type(), i64 = b.ops().getI64Type();
  constexpr double kRange = 65535.0;
  // exp over [-10, 0] and 1 / (1 + x) over [0, 1], both in steps of 1/32768.
  Affine<double> one{2.0 / kRange, 0};
  auto exponential =
      interpolationTable<double>({10.0 / kRange, 32767}, one, [](double x) { return std::exp(x); });
  auto inverse = interpolationTable<double>({1.0 / kRange, -32768}, one,
                                            [](double x) { return 1.0 / (1.0 + x); });
  Value x = b.cast(n.stored(0), i64);
  if (!x || B::rank(x) == 0)
    return x ? n.error("has an operand of rank 0") : failure();
  int64_t last = B::rank(x) - 1;
  Value below = b.sub(x, b.reduce(ReduceKind::Max, x, {last}, /*keepdims=*/true));
  Value scaled = scaledExactly(b, below, fixedPoint(scaleOf(n, 0) * beta / (10.0 / kRange)));
  scaled = b.clamp(b.add(scaled, number(b, scaled, 32767)), -32768, 32767);
  Value exps = b.cast(interpolated(b, scaled, exponential), i64);
  Value sum = b.reduce(ReduceKind::Sum, exps, {last}, /*keepdims=*/true);
  // The sum as 1 + y, y in [0, 1), times a power of 2.
  Value bits = bitCount(b, sum);
  Value raised = b.binary<ShlOp>(sum, b.sub(number(b, x, 31), bits));
  Value y = b.sub(shiftRight(b, raised, 14, /*away=*/false), number(b, x, (1 << 15) + (1 << 16)));
  Value factor = b.cast(interpolated(b, b.cast(b.clamp(y, -32768, 32767), i32), inverse), i64);
  Value shift = b.sub(bits, number(b, x, 1));
  Value half = b.binary<ShlOp>(number(b, x, 1), b.sub(shift, number(b, x, 1)));
  Value result = b.binary<ShrOp>(b.add(b.mul(exps, factor), half), shift);
  return setStored(n, b.clamp(result, 0, 32767));
}

/// The product of two numbers in [-1, 1) * 2^k in steps of 2^(k - 31).
static Value highProduct(GraphBuilder &b, Value lhs, Value rhs) {
  return shiftRight(b, b.mul(lhs, rhs), 31, /*away=*/false);
}

/// `x` * 2^bits in the range of i32.
static Value raised(GraphBuilder &b, Value x, int bits) {
  return b.clamp(b.mul(x, number(b, x, int64_t(1) << bits)), -0x1p31, 0x1p31 - 1);
}

/// 1 / sqrt(x) of positive integers (i64, below 2^31) as mantissa * 2^(-31 - shift): five of
/// Newton's steps from 1.
static std::pair<Value, Value> inverseRoot(GraphBuilder &b, Value x) {
  Value shift = number(b, x, 11);
  for (int i = 0; i < 2; ++i) {
    Value isLarge = b.cmp(CmpKind::Ge, x, number(b, x, 1 << 29));
    shift = b.add(shift, b.cast(isLarge, B::element(x)));
    x = b.select(isLarge, floorShift(b, x, 2), x);
  }
  // x * 4^pairs is in [2^27, 2^29).
  Value pairs = b.sub(floorShift(b, b.sub(number(b, x, 31), bitCount(b, x)), 1), number(b, x, 1));
  shift = b.sub(shift, pairs);
  Value value = floorShift(b, b.binary<ShlOp>(x, b.add(pairs, pairs)), 1);
  Value half = shiftRight(b, value, 1, /*away=*/true);
  Value root = b.add(number(b, x, 1 << 28), b.sub(value, value));
  for (int i = 0; i < 5; ++i) {
    Value cube = raised(b, highProduct(b, highProduct(b, root, root), root), 6);
    Value next = b.sub(highProduct(b, number(b, x, (1 << 28) + (1 << 27)), root),
                       highProduct(b, half, cube));
    root = raised(b, next, 3);
  }
  root = highProduct(b, root, number(b, x, 1518500250)); // sqrt(1/2)
  Value none = number(b, x, 0), left = b.sub(none, b.clamp(shift, -64, 0));
  return {b.binary<ShlOp>(root, left), b.clamp(shift, 0, 64)};
}

LogicalResult tfliteimport::quantizedL2Normalization(TfliteNode &n) {
  GraphBuilder &b = n.b;
  Value x = centered(n, 0, b.ops().getI64Type());
  if (!x || B::rank(x) == 0)
    return x ? n.error("has an operand of rank 0") : failure();
  Value sum = b.reduce(ReduceKind::Sum, b.mul(x, x), {B::rank(x) - 1}, /*keepdims=*/true);
  auto [mantissa, shift] = inverseRoot(b, b.clamp(sum, 2, 0x1p31 - 1));
  // What has no norm, and a norm of 1.
  Value isOne = b.cmp(CmpKind::Le, sum, number(b, x, 1));
  mantissa = b.select(isOne, number(b, x, 0x7fffffff), mantissa);
  shift = b.select(isOne, number(b, x, 0), shift);
  // The kernel of u8 multiplies by 128 first, that of i8 takes this from the shift.
  bool isByte = n.outputElement().isUnsignedInteger();
  Value seven = number(b, x, 7), none = number(b, x, 0);
  Value left = isByte ? seven : b.clamp(b.sub(seven, shift), 0, 7);
  Value right = isByte ? shift : b.clamp(b.sub(shift, seven), 0, 64);
  Value product = highProduct(b, b.binary<ShlOp>(x, left), mantissa);
  // Halves away from zero; nothing where nothing is shifted.
  Value half = floorShift(b, b.binary<ShlOp>(number(b, x, 1), right), 1);
  Value isNegative =
      b.binary<AndOp>(b.cmp(CmpKind::Lt, product, none), b.cmp(CmpKind::Gt, right, none));
  Value nudge = b.sub(half, b.cast(isNegative, B::element(x)));
  return setCentered(n, b.binary<ShrOp>(b.add(product, nudge), right));
}
