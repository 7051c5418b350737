// Compares every function of expand-math, compiled for vectors in this process, with the C
// library's long double.
//
// Arguments are bit patterns at a stride over all of them, and special values. INGOT_EXHAUSTIVE=1
// takes every f32.
#include "backends/common/ExpandMath.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/Support/TargetSelect.h"
#include <cfloat>
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;

namespace {
constexpr int64_t count = 1024; // arguments of one call

/// A module of loops over `count` elements, one function for each text of an op on %x (and %y),
/// compiled once.
class Compiled {
public:
  Compiled(std::string text, ingot::ExpandMathOptions options = {}) {
    static bool initialised = [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmPrinter();
      return true;
    }();
    (void)initialised;
    DialectRegistry registry;
    registry.insert<func::FuncDialect, arith::ArithDialect, math::MathDialect, scf::SCFDialect,
                    memref::MemRefDialect, vector::VectorDialect, LLVM::LLVMDialect,
                    cf::ControlFlowDialect>();
    registerBuiltinDialectTranslation(registry);
    registerLLVMDialectTranslation(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return;
    PassManager pm(module.get()->getName());
    pm.addPass(ingot::createExpandMathPass(options));
    pm.addPass(createSCFToControlFlowPass());
    pm.addPass(createConvertVectorToLLVMPass());
    pm.addPass(createConvertMathToLLVMPass());
    pm.addPass(createArithToLLVMConversionPass());
    pm.addPass(createFinalizeMemRefToLLVMConversionPass());
    pm.addPass(createConvertFuncToLLVMPass());
    pm.addPass(createConvertControlFlowToLLVMPass());
    pm.addPass(createReconcileUnrealizedCastsPass());
    if (failed(pm.run(*module)))
      return;
    // A call to a library is an error: nothing of the C library's mathematics may be left.
    for (auto function : module->getOps<LLVM::LLVMFuncOp>())
      EXPECT_FALSE(function.isExternal()) << function.getName().str();
    auto transformer = makeOptimizingTransformer(2, 0, nullptr);
    ExecutionEngineOptions engineOptions;
    engineOptions.transformer = transformer;
    auto created = ExecutionEngine::create(*module, engineOptions);
    if (!created) {
      ADD_FAILURE() << llvm::toString(created.takeError());
      return;
    }
    engine = std::move(*created);
  }
  explicit operator bool() const { return engine != nullptr; }

  void call(const std::string &name, std::vector<void *> buffers) {
    llvm::SmallVector<void *> arguments;
    static int64_t zero = 0, size = count, one = 1;
    for (void *&buffer : buffers)
      arguments.append({&buffer, &buffer, &zero, &size, &one});
    if (llvm::Error error = engine->invokePacked(name, arguments))
      ADD_FAILURE() << llvm::toString(std::move(error));
  }

private:
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<ExecutionEngine> engine;
};

/// The text of a function that applies `op` (mnemonic) to `operands` arrays of `from`, giving `to`.
std::string loop(const std::string &name, const std::string &op, int operands,
                 const std::string &from, const std::string &to, int lanes = 16) {
  auto of = [&](const std::string &type) {
    return lanes == 1 ? type : "vector<" + std::to_string(lanes) + "x" + type + ">";
  };
  std::string memory = "memref<" + std::to_string(count) + "x" + from + ">",
              target = "memref<" + std::to_string(count) + "x" + to + ">";
  std::string text = "func.func @" + name + "(%a: " + memory +
                     (operands == 2 ? ", %b: " + memory : "") + ", %o: " + target +
                     ") {\n%zero = arith.constant 0 : index\n%end = arith.constant " +
                     std::to_string(count) + " : index\n%step = arith.constant " +
                     std::to_string(lanes) + " : index\nscf.for %i = %zero to %end step %step {\n";
  auto load = [&](const std::string &value, const std::string &buffer) {
    return value + (lanes == 1 ? " = memref.load " : " = vector.load ") + buffer +
           "[%i] : " + memory + (lanes == 1 ? "\n" : ", " + of(from) + "\n");
  };
  text += load("%x", "%a");
  if (operands == 2)
    text += load("%y", "%b");
  text += "%r = " + op + " %x" + (operands == 2 ? ", %y" : "") + " : " + of(from) +
          (from == to ? "" : " to " + of(to)) + "\n";
  text += std::string(lanes == 1 ? "memref.store" : "vector.store") + " %r, %o[%i] : " + target +
          (lanes == 1 ? "\n" : ", " + of(to) + "\n") + "}\nreturn\n}\n";
  return text;
}

using Reference = long double (*)(long double);
using Reference2 = long double (*)(long double, long double);

/// Distance in units of the last place of the exact result in T; infinity for a wrong special
/// value.
template <typename T> double ulps(T got, long double want) {
  if (std::isnan(want))
    return std::isnan(got) ? 0 : INFINITY;
  if (std::isnan(got))
    return INFINITY;
  T rounded = static_cast<T>(want);
  if (got == rounded)
    return rounded == 0 && want == 0 && std::signbit(got) != std::signbit(static_cast<T>(want))
               ? INFINITY
               : 0;
  if (std::isinf(rounded) || std::isinf(got)) {
    // The edge of overflow is an ordinary place.
    long double most = std::numeric_limits<T>::max(),
                step = most - std::nextafter(std::numeric_limits<T>::max(), T(0));
    long double g =
        std::isinf(got) ? std::copysign(most + step, static_cast<long double>(got)) : got;
    long double w = std::fabs(want) > most + step
                        ? std::copysign(most + step * (std::isinf(want) ? 1000 : 1), want)
                        : want;
    return std::fabs(g - w) / step;
  }
  if (std::fabs(want) < std::numeric_limits<T>::min())
    return got == 0 ? 0 : std::fabs(got - want) / std::numeric_limits<T>::denorm_min();
  int exponent;
  std::frexp(want, &exponent);
  long double unit = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::fabs(got - want) / unit);
}

template <typename T> struct Bits;
template <> struct Bits<float> {
  using Type = uint32_t;
};
template <> struct Bits<double> {
  using Type = uint64_t;
};
template <typename T> T fromBits(uint64_t bits) {
  auto narrow = static_cast<typename Bits<T>::Type>(bits);
  T value;
  std::memcpy(&value, &narrow, sizeof(T));
  return value;
}

const double specials[] = {0.0,      -0.0,      1.0,   -1.0,  0.5,  -0.5,  2.0,
                           INFINITY, -INFINITY, NAN,   1e-3,  10.0, -2.0,  0.999999,
                           1.000001, 3.0,       -20.5, 100.0, M_PI, M_PI_2};

/// All arguments of a unary function of T: specials first, then bit patterns at a stride.
template <typename T> class Arguments {
public:
  explicit Arguments(T limit) : limit(limit) {
    bool all = sizeof(T) == 4 && std::getenv("INGOT_EXHAUSTIVE");
    stride = sizeof(T) == 4 ? (all ? 1 : 20011) : 0x0000a3d70a3d70a3ull;
  }
  /// Fills a block; false when there was nothing left.
  bool next(std::vector<T> &block) {
    for (T &x : block) {
      x = T(1);
      while (index < std::size(specials) || !done) {
        T candidate;
        if (index < std::size(specials)) {
          candidate = static_cast<T>(specials[index++]);
        } else {
          candidate = fromBits<T>(bits);
          uint64_t before = bits;
          bits += stride;
          done = sizeof(T) == 4 ? bits >> 32 : bits < before;
        }
        if (std::isnan(candidate) || std::isinf(candidate) || std::fabs(candidate) <= limit) {
          x = candidate;
          break;
        }
      }
    }
    bool some = !ended;
    ended = done;
    return some;
  }

private:
  T limit;
  uint64_t stride, bits = 0;
  size_t index = 0;
  bool done = false, ended = false;
};

template <typename T> struct Unary {
  const char *op;
  Reference reference;
  double limit = 4; ///< ulp
  T range = std::numeric_limits<T>::infinity();
};

template <typename T>
void checkUnary(Compiled &code, const Unary<T> &test, const std::string &name) {
  std::vector<T> x(count), y(count);
  Arguments<T> arguments(test.range);
  double worst = 0;
  T worstAt = 0, worstGot = 0;
  while (arguments.next(x)) {
    code.call(name, {x.data(), y.data()});
    for (int64_t i = 0; i < count; ++i) {
      double error = ulps<T>(y[i], test.reference(static_cast<long double>(x[i])));
      if (error > worst) {
        worst = error;
        worstAt = x[i];
        worstGot = y[i];
      }
    }
  }
  EXPECT_LE(worst, test.limit) << test.op << " at " << llvm::formatv("{0}", double(worstAt)).str()
                               << ": got " << llvm::formatv("{0}", double(worstGot)).str()
                               << ", want "
                               << llvm::formatv("{0}", double(test.reference(worstAt))).str();
  if (std::getenv("INGOT_VERBOSE"))
    fprintf(stderr, "%-16s %6.3f ulp at %.9g\n", name.c_str(), worst, double(worstAt));
}

std::string nameOf(const char *op, const char *suffix) {
  std::string name = op;
  std::replace(name.begin(), name.end(), '.', '_');
  return name + suffix;
}

template <typename T>
void checkAll(llvm::ArrayRef<Unary<T>> tests, const std::string &type, int lanes) {
  std::string text;
  for (const Unary<T> &test : tests)
    text += loop(nameOf(test.op, ""), test.op, 1, type, type, lanes);
  Compiled code(text);
  ASSERT_TRUE(code);
  for (const Unary<T> &test : tests)
    checkUnary<T>(code, test, nameOf(test.op, ""));
}
} // namespace

template <typename T> std::vector<Unary<T>> unaries() {
  T inf = std::numeric_limits<T>::infinity();
  // Beyond 2^20 the reduction of f64 is not exact.
  T trigonometric = sizeof(T) == 4 ? inf : T(1000000);
  return {{"math.exp", std::exp},
          {"math.exp2", std::exp2},
          {"math.expm1", std::expm1},
          {"math.log", std::log},
          {"math.log2", std::log2},
          {"math.log10", std::log10},
          {"math.log1p", std::log1p},
          {"math.asin", std::asin},
          {"math.acos", std::acos},
          {"math.atan", std::atan},
          {"math.sinh", std::sinh},
          {"math.cosh", std::cosh},
          {"math.tanh", std::tanh},
          {"math.asinh", std::asinh},
          {"math.acosh", std::acosh},
          {"math.atanh", std::atanh},
          {"math.erf", std::erf},
          {"math.sin", std::sin, 4, trigonometric},
          {"math.cos", std::cos, 4, trigonometric},
          {"math.tan", std::tan, 4, trigonometric},
          {"math.rsqrt", [](long double x) { return 1 / std::sqrt(x); }},
          {"math.round", std::round, 0}};
}

TEST(ExpandMath, F32Vectors) { checkAll<float>(unaries<float>(), "f32", 16); }
TEST(ExpandMath, F64Vectors) { checkAll<double>(unaries<double>(), "f64", 8); }
TEST(ExpandMath, F32Scalars) {
  std::vector<Unary<float>> few;
  for (const Unary<float> &test : unaries<float>())
    if (llvm::is_contained({"math.exp", "math.log", "math.sin", "math.tanh", "math.erf"},
                           llvm::StringRef(test.op)))
      few.push_back(test);
  checkAll<float>(few, "f32", 1);
}

TEST(ExpandMath, RoundingWithoutInstructions) {
  std::vector<Unary<float>> tests{{"math.floor", std::floor, 0},
                                  {"math.ceil", std::ceil, 0},
                                  {"math.trunc", std::trunc, 0},
                                  {"math.roundeven", std::nearbyint, 0},
                                  {"math.round", std::round, 0}};
  std::string text;
  for (const Unary<float> &test : tests)
    text += loop(nameOf(test.op, ""), test.op, 1, "f32", "f32");
  Compiled code(text, {/*hasRounding=*/false, /*hasHalf=*/false});
  ASSERT_TRUE(code);
  for (const Unary<float> &test : tests)
    checkUnary<float>(code, test, nameOf(test.op, ""));
}

static void checkBinary(Compiled &code, const std::string &name, Reference2 reference,
                        double limit) {
  std::vector<float> values(std::begin(specials), std::end(specials));
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 9000011)
    values.push_back(fromBits<float>(bits));
  for (int i = 0; i < 120; ++i)
    values.push_back(static_cast<float>((i - 60) * 0.37 + i % 3));
  std::vector<float> x, y, r(count);
  double worst = 0;
  float worstX = 0, worstY = 0, worstGot = 0;
  auto run = [&] {
    x.resize(count, 1.0f);
    y.resize(count, 1.0f);
    code.call(name, {x.data(), y.data(), r.data()});
    for (int64_t i = 0; i < count; ++i) {
      double error = ulps<float>(r[i], reference(x[i], y[i]));
      if (error > worst)
        worst = error, worstX = x[i], worstY = y[i], worstGot = r[i];
    }
    x.clear();
    y.clear();
  };
  for (float a : values)
    for (float b : values) {
      x.push_back(a);
      y.push_back(b);
      if (static_cast<int64_t>(x.size()) == count)
        run();
    }
  run();
  EXPECT_LE(worst, limit) << name << "("
                          << llvm::formatv("{0}, {1}", double(worstX), double(worstY)).str()
                          << "): got " << worstGot << ", want "
                          << double(reference(worstX, worstY));
}

TEST(ExpandMath, Binary) {
  Compiled code(loop("pow", "math.powf", 2, "f32", "f32") +
                loop("atan2", "math.atan2", 2, "f32", "f32") +
                loop("rem", "arith.remf", 2, "f32", "f32"));
  ASSERT_TRUE(code);
  checkBinary(code, "pow", std::pow, 4);
  checkBinary(code, "atan2", std::atan2, 4);
  checkBinary(code, "rem", std::fmod, 0);
}

TEST(ExpandMath, NarrowFloats) {
  Compiled code(loop("widen", "arith.extf", 1, "f16", "f32") +
                loop("narrow", "arith.truncf", 1, "f32", "f16") +
                loop("widenBrain", "arith.extf", 1, "bf16", "f32") +
                loop("narrowBrain", "arith.truncf", 1, "f32", "bf16"));
  ASSERT_TRUE(code);
  std::vector<uint16_t> half(count);
  std::vector<float> wide(count);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    half[bits % count] = static_cast<uint16_t>(bits);
    if (bits % count != count - 1)
      continue;
    for (bool brain : {false, true}) {
      code.call(brain ? "widenBrain" : "widen", {half.data(), wide.data()});
      for (int64_t i = 0; i < count; ++i) {
        APFloat exact(brain ? APFloat::BFloat() : APFloat::IEEEhalf(), APInt(16, half[i]));
        float want = exact.convertToFloat();
        EXPECT_TRUE(want == wide[i] || (std::isnan(want) && std::isnan(wide[i]))) << half[i];
      }
    }
  }
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 5003 * count) {
    for (int64_t i = 0; i < count; ++i)
      wide[i] = fromBits<float>((bits + i * 5003) & 0xffffffff);
    for (bool brain : {false, true}) {
      code.call(brain ? "narrowBrain" : "narrow", {wide.data(), half.data()});
      for (int64_t i = 0; i < count; ++i) {
        APFloat exact(wide[i]);
        bool loses;
        exact.convert(brain ? APFloat::BFloat() : APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven,
                      &loses);
        APFloat got(brain ? APFloat::BFloat() : APFloat::IEEEhalf(), APInt(16, half[i]));
        EXPECT_TRUE(got.bitwiseIsEqual(exact) || (got.isNaN() && exact.isNaN())) << wide[i];
      }
    }
  }
}
