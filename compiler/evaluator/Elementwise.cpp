// Elementwise ops. Floats are computed in double and rounded once; integers are computed in 64 bits
// and wrapped.
#include "compiler/evaluator/Families.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <functional>

using namespace mlir;

namespace ingot::eval {
namespace {

using FloatFunction = std::function<double(double)>;

double sign(double x) { return std::isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0; }
double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
double softplus(double x) {
  return std::isnan(x) ? x : std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}
/// min(max(x, low), high) with NaN kept.
double clamp(double x, double low, double high) {
  if (std::isnan(x))
    return x;
  x = x < low ? low : x;
  return x > high ? high : x;
}
double gelu(double x, bool tanh) {
  if (tanh)
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  return 0.5 * x * std::erfc(-x * M_SQRT1_2);
}
double maximum(double x, double y) {
  return std::isnan(x) ? x : std::isnan(y) ? y : x > y || (x == y && !std::signbit(x)) ? x : y;
}
double minimum(double x, double y) {
  return std::isnan(x) ? x : std::isnan(y) ? y : x < y || (x == y && std::signbit(x)) ? x : y;
}
double floorMod(double x, double y) {
  double r = std::fmod(x, y);
  if (r != 0 && (r < 0) != (y < 0))
    r += y;
  return r;
}

/// The function of a float op with one operand; empty when `op` is none.
FloatFunction unaryFloat(Operation *op) {
  return llvm::TypeSwitch<Operation *, FloatFunction>(op)
      .Case<AbsOp>([](auto) { return [](double x) { return std::fabs(x); }; })
      .Case<NegOp>([](auto) { return [](double x) { return -x; }; })
      .Case<SignOp>([](auto) { return sign; })
      .Case<CeilOp>([](auto) { return [](double x) { return std::ceil(x); }; })
      .Case<FloorOp>([](auto) { return [](double x) { return std::floor(x); }; })
      .Case<RoundOp>([](auto) { return [](double x) { return std::nearbyint(x); }; })
      .Case<TruncOp>([](auto) { return [](double x) { return std::trunc(x); }; })
      .Case<SqrtOp>([](auto) { return [](double x) { return std::sqrt(x); }; })
      .Case<RsqrtOp>([](auto) { return [](double x) { return 1 / std::sqrt(x); }; })
      .Case<ReciprocalOp>([](auto) { return [](double x) { return 1 / x; }; })
      .Case<ExpOp>([](auto) { return [](double x) { return std::exp(x); }; })
      .Case<Exp2Op>([](auto) { return [](double x) { return std::exp2(x); }; })
      .Case<Expm1Op>([](auto) { return [](double x) { return std::expm1(x); }; })
      .Case<LogOp>([](auto) { return [](double x) { return std::log(x); }; })
      .Case<Log2Op>([](auto) { return [](double x) { return std::log2(x); }; })
      .Case<Log10Op>([](auto) { return [](double x) { return std::log10(x); }; })
      .Case<Log1pOp>([](auto) { return [](double x) { return std::log1p(x); }; })
      .Case<SinOp>([](auto) { return [](double x) { return std::sin(x); }; })
      .Case<CosOp>([](auto) { return [](double x) { return std::cos(x); }; })
      .Case<TanOp>([](auto) { return [](double x) { return std::tan(x); }; })
      .Case<AsinOp>([](auto) { return [](double x) { return std::asin(x); }; })
      .Case<AcosOp>([](auto) { return [](double x) { return std::acos(x); }; })
      .Case<AtanOp>([](auto) { return [](double x) { return std::atan(x); }; })
      .Case<SinhOp>([](auto) { return [](double x) { return std::sinh(x); }; })
      .Case<CoshOp>([](auto) { return [](double x) { return std::cosh(x); }; })
      .Case<TanhOp>([](auto) { return [](double x) { return std::tanh(x); }; })
      .Case<AsinhOp>([](auto) { return [](double x) { return std::asinh(x); }; })
      .Case<AcoshOp>([](auto) { return [](double x) { return std::acosh(x); }; })
      .Case<AtanhOp>([](auto) { return [](double x) { return std::atanh(x); }; })
      .Case<ErfOp>([](auto) { return [](double x) { return std::erf(x); }; })
      .Case<ReluOp>([](auto) { return [](double x) { return maximum(x, 0); }; })
      .Case<SigmoidOp>([](auto) { return sigmoid; })
      .Case<SiluOp>([](auto) { return [](double x) { return x * sigmoid(x); }; })
      .Case<SoftplusOp>([](auto) { return softplus; })
      .Case<MishOp>([](auto) { return [](double x) { return x * std::tanh(softplus(x)); }; })
      .Case<HardSwishOp>([](auto) { return [](double x) { return x * (clamp(x + 3, 0, 6) / 6); }; })
      .Case<GeluOp>([](GeluOp gelu) {
        return [tanh = gelu.getTanh()](double x) { return eval::gelu(x, tanh); };
      })
      .Case<HardSigmoidOp>([](HardSigmoidOp op) {
        return [alpha = op.getAlpha().convertToDouble(), beta = op.getBeta().convertToDouble()](
                   double x) { return clamp(alpha * x + beta, 0, 1); };
      })
      .Case<EluOp>([](EluOp op) {
        return [alpha = op.getAlpha().convertToDouble(), scale = op.getScale().convertToDouble(),
                inputScale = op.getInputScale().convertToDouble()](double x) {
          return scale * (x > 0 ? x : alpha * std::expm1(x * inputScale));
        };
      })
      .Case<LeakyReluOp>([](LeakyReluOp op) {
        return
            [slope = op.getSlope().convertToDouble()](double x) { return x < 0 ? slope * x : x; };
      })
      .Case<ClampOp>([](ClampOp op) {
        return [low = op.getMin().convertToDouble(),
                high = op.getMax().convertToDouble()](double x) { return clamp(x, low, high); };
      })
      .Default([](Operation *) { return FloatFunction(); });
}

/// Arithmetic on 64-bit integers that stand for a type of `width` bits.
struct Integers {
  bool isUnsigned;
  unsigned width;

  bool less(int64_t x, int64_t y) const { return isUnsigned ? (uint64_t)x < (uint64_t)y : x < y; }
  int64_t add(int64_t x, int64_t y) const { return (int64_t)((uint64_t)x + (uint64_t)y); }
  int64_t sub(int64_t x, int64_t y) const { return (int64_t)((uint64_t)x - (uint64_t)y); }
  int64_t mul(int64_t x, int64_t y) const { return (int64_t)((uint64_t)x * (uint64_t)y); }
  int64_t div(int64_t x, int64_t y) const {
    if (y == 0)
      return 0;
    if (isUnsigned)
      return (int64_t)((uint64_t)x / (uint64_t)y);
    return y == -1 ? sub(0, x) : x / y;
  }
  int64_t rem(int64_t x, int64_t y) const { return y == 0 ? 0 : sub(x, mul(div(x, y), y)); }
  int64_t mod(int64_t x, int64_t y) const {
    int64_t r = rem(x, y);
    return !isUnsigned && r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
  int64_t floorDiv(int64_t x, int64_t y) const {
    int64_t r = rem(x, y);
    return div(x, y) - (!isUnsigned && r != 0 && (r < 0) != (y < 0));
  }
  int64_t pow(int64_t x, int64_t y) const {
    if (!isUnsigned && y < 0) // 1 / x^-y, truncated
      return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
    int64_t result = 1;
    for (uint64_t n = (uint64_t)y; n; n >>= 1, x = mul(x, x))
      if (n & 1)
        result = mul(result, x);
    return result;
  }
  int64_t shl(int64_t x, int64_t y) const {
    return (uint64_t)y >= width ? 0 : (int64_t)((uint64_t)x << y);
  }
  int64_t shr(int64_t x, int64_t y) const {
    if (isUnsigned)
      return (uint64_t)y >= width ? 0 : (int64_t)((uint64_t)x >> y);
    return x >> std::min<uint64_t>((uint64_t)y, 63);
  }
};

bool unaryInteger(Task &task, const Integers &type) {
  using Function = std::function<int64_t(int64_t)>;
  auto function =
      llvm::TypeSwitch<Operation *, Function>(task.op)
          .Case<AbsOp>(
              [&](auto) { return [&](int64_t x) { return type.less(x, 0) ? type.sub(0, x) : x; }; })
          .Case<NegOp>([&](auto) { return [&](int64_t x) { return type.sub(0, x); }; })
          .Case<SignOp>([&](auto) {
            return [&](int64_t x) -> int64_t { return x == 0 ? 0 : type.less(x, 0) ? -1 : 1; };
          })
          .Case<CeilOp, FloorOp, RoundOp, TruncOp>([](auto) { return [](int64_t x) { return x; }; })
          .Case<NotOp>(
              [&](auto) { return [&](int64_t x) { return type.width == 1 ? (int64_t)!x : ~x; }; })
          .Case<ReluOp>([&](auto) { return [&](int64_t x) { return type.less(x, 0) ? 0 : x; }; })
          .Default([](Operation *) { return Function(); });
  std::vector<int64_t> elements = toIntegers(task.in[0]);
  if (auto op = llvm::dyn_cast<ClampOp>(task.op)) {
    // Bounds saturate to the element type's range.
    auto bound = [&](double value) {
      return toIntegers(fromDoubles(
          withElementType(RankedTensorType::get({1}, task.resultType().getElementType()),
                          task.resultType().getElementType()),
          {value}))[0];
    };
    int64_t low = bound(std::ceil(op.getMin().convertToDouble()));
    int64_t high = bound(std::floor(op.getMax().convertToDouble()));
    function = [&type, low, high](int64_t x) {
      x = type.less(x, low) ? low : x;
      return type.less(high, x) ? high : x;
    };
  }
  if (!function)
    return false;
  for (int64_t &x : elements)
    x = function(x);
  task.out.push_back(fromIntegers(task.resultType(), elements));
  return true;
}

std::vector<double> broadcastDoubles(const TensorValue &value, ArrayRef<int64_t> shape) {
  return broadcastTo(toDoubles(value), value.shape(), shape);
}
std::vector<int64_t> broadcastIntegers(const TensorValue &value, ArrayRef<int64_t> shape) {
  return broadcastTo(toIntegers(value), value.shape(), shape);
}

template <class Function> void binaryFloat(Task &task, Function function) {
  ArrayRef<int64_t> shape = task.resultType().getShape();
  std::vector<double> x = broadcastDoubles(task.in[0], shape),
                      y = broadcastDoubles(task.in[1], shape);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = function(x[i], y[i]);
  task.out.push_back(fromDoubles(task.resultType(), x));
}

template <class Function> void binaryInteger(Task &task, Function function) {
  ArrayRef<int64_t> shape = task.resultType().getShape();
  std::vector<int64_t> x = broadcastIntegers(task.in[0], shape),
                       y = broadcastIntegers(task.in[1], shape);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = function(x[i], y[i]);
  task.out.push_back(fromIntegers(task.resultType(), x, isUnsigned(task.resultType())));
}

bool binary(Task &task) {
  using D = double;
  using I = int64_t;
  const bool real = task.in[0].isFloat();
  auto element = llvm::dyn_cast<IntegerType>(task.operandType(0).getElementType());
  Integers type{isUnsigned(task.operandType(0)), element ? element.getWidth() : 64};
  const bool bit = type.width == 1;
  // Both forms of an op; floats have none of the bitwise ones.
  auto both = [&](auto onFloats, auto onIntegers) {
    if (real)
      binaryFloat(task, onFloats);
    else
      binaryInteger(task, onIntegers);
    return true;
  };
  auto integers = [&](auto onIntegers) {
    if (real)
      task.error = "bitwise ops work on integers, got floats";
    else
      binaryInteger(task, onIntegers);
    return true;
  };
  return llvm::TypeSwitch<Operation *, bool>(task.op)
      .Case<AddOp>([&](auto) {
        return both([](D x, D y) { return x + y; },
                    [&](I x, I y) { return bit ? x | y : type.add(x, y); });
      })
      .Case<SubOp>([&](auto) {
        return both([](D x, D y) { return x - y; },
                    [&](I x, I y) { return bit ? x ^ y : type.sub(x, y); });
      })
      .Case<MulOp>([&](auto) {
        return both([](D x, D y) { return x * y; }, [&](I x, I y) { return type.mul(x, y); });
      })
      .Case<DivOp>([&](auto) {
        return both([](D x, D y) { return x / y; }, [&](I x, I y) { return type.div(x, y); });
      })
      .Case<FloorDivOp>([&](auto) {
        return both([](D x, D y) { return std::floor(x / y); },
                    [&](I x, I y) { return type.floorDiv(x, y); });
      })
      .Case<RemOp>([&](auto) {
        return both([](D x, D y) { return std::fmod(x, y); },
                    [&](I x, I y) { return type.rem(x, y); });
      })
      .Case<ModOp>([&](auto) { return both(floorMod, [&](I x, I y) { return type.mod(x, y); }); })
      .Case<PowOp>([&](auto) {
        return both([](D x, D y) { return std::pow(x, y); },
                    [&](I x, I y) { return type.pow(x, y); });
      })
      .Case<Atan2Op>([&](auto) {
        if (!real) {
          task.error = "atan2 works on floats, got integers";
          return true;
        }
        binaryFloat(task, [](D y, D x) { return std::atan2(y, x); });
        return true;
      })
      .Case<MaxOp>(
          [&](auto) { return both(maximum, [&](I x, I y) { return type.less(x, y) ? y : x; }); })
      .Case<MinOp>(
          [&](auto) { return both(minimum, [&](I x, I y) { return type.less(y, x) ? y : x; }); })
      .Case<AndOp>([&](auto) { return integers([](I x, I y) { return x & y; }); })
      .Case<OrOp>([&](auto) { return integers([](I x, I y) { return x | y; }); })
      .Case<XorOp>([&](auto) { return integers([](I x, I y) { return x ^ y; }); })
      .Case<ShlOp>([&](auto) { return integers([&](I x, I y) { return type.shl(x, y); }); })
      .Case<ShrOp>([&](auto) { return integers([&](I x, I y) { return type.shr(x, y); }); })
      .Default([](Operation *) { return false; });
}

template <class T> bool compare(CmpKind kind, T x, T y) {
  switch (kind) {
  case CmpKind::Eq:
    return x == y;
  case CmpKind::Ne:
    return x != y;
  case CmpKind::Lt:
    return x < y;
  case CmpKind::Le:
    return x <= y;
  case CmpKind::Gt:
    return x > y;
  case CmpKind::Ge:
    return x >= y;
  }
  return false;
}

void evaluateCmp(Task &task, CmpKind kind) {
  ArrayRef<int64_t> shape = task.resultType().getShape();
  std::vector<int64_t> out(product(shape));
  if (task.in[0].isFloat()) {
    std::vector<double> x = broadcastDoubles(task.in[0], shape),
                        y = broadcastDoubles(task.in[1], shape);
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = compare(kind, x[i], y[i]);
  } else {
    std::vector<int64_t> x = broadcastIntegers(task.in[0], shape),
                         y = broadcastIntegers(task.in[1], shape);
    bool unsignedType = isUnsigned(task.operandType(0));
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = unsignedType ? compare<uint64_t>(kind, x[i], y[i]) : compare(kind, x[i], y[i]);
  }
  task.out.push_back(fromIntegers(task.resultType(), out));
}

void evaluateSelect(Task &task) {
  ArrayRef<int64_t> shape = task.resultType().getShape();
  std::vector<int64_t> condition = broadcastIntegers(task.in[0], shape);
  auto pick = [&](auto x, auto y) {
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = condition[i] ? x[i] : y[i];
    return x;
  };
  if (task.in[1].isFloat())
    task.out.push_back(fromDoubles(task.resultType(), pick(broadcastDoubles(task.in[1], shape),
                                                           broadcastDoubles(task.in[2], shape))));
  else
    task.out.push_back(fromIntegers(task.resultType(), pick(broadcastIntegers(task.in[1], shape),
                                                            broadcastIntegers(task.in[2], shape))));
}

void evaluateCast(Task &task) {
  if (task.in[0].isFloat())
    task.out.push_back(fromDoubles(task.resultType(), toDoubles(task.in[0])));
  else
    task.out.push_back(
        fromIntegers(task.resultType(), toIntegers(task.in[0]), isUnsigned(task.operandType(0))));
}

} // namespace

bool evaluateElementwise(Task &task) {
  Operation *op = task.op;
  if (auto cmp = llvm::dyn_cast<CmpOp>(op)) {
    evaluateCmp(task, cmp.getKind());
    return true;
  }
  if (llvm::isa<SelectOp>(op)) {
    evaluateSelect(task);
    return true;
  }
  if (llvm::isa<CastOp>(op)) {
    evaluateCast(task);
    return true;
  }
  if (llvm::isa<BitcastOp>(op)) {
    llvm::ArrayRef<char> bits = task.in[0].raw();
    task.out.emplace_back(task.resultType(), std::vector<char>(bits.begin(), bits.end()));
    return true;
  }
  if (llvm::isa<IsNanOp, IsInfOp>(op)) {
    auto infinite = llvm::dyn_cast<IsInfOp>(op);
    std::vector<double> x = toDoubles(task.in[0]);
    std::vector<int64_t> out(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      out[i] = infinite ? std::isinf(x[i]) &&
                              (x[i] > 0 ? infinite.getPositive() : infinite.getNegative())
                        : std::isnan(x[i]);
    task.out.push_back(fromIntegers(task.resultType(), out));
    return true;
  }
  if (task.in.size() == 2)
    return binary(task);
  if (task.in.size() != 1)
    return false;
  if (!task.in[0].isFloat()) {
    auto element = llvm::cast<IntegerType>(task.operandType(0).getElementType());
    return unaryInteger(task, Integers{isUnsigned(task.operandType(0)), element.getWidth()});
  }
  FloatFunction function = unaryFloat(op);
  if (!function)
    return false;
  std::vector<double> x = toDoubles(task.in[0]);
  for (double &element : x)
    element = function(element);
  task.out.push_back(fromDoubles(task.resultType(), x));
  return true;
}

} // namespace ingot::eval
