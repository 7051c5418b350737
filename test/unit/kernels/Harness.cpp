// See Harness.h.
#include "Harness.h"
#include "backends/common/ExpandMath.h"
#include "backends/common/GenericKernels.h"
#include "backends/common/KernelShell.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/TargetSelect.h"
#include <cmath>
#include <random>

using namespace mlir;

namespace ingot::test {

std::string kernelText(StringRef arguments, StringRef results, StringRef body) {
  return ("func.func private @kernel(" + arguments + ") -> (" + results + ") {\n" + body + "\n}\n")
      .str();
}

static TensorValue makeInput(RankedTensorType type, unsigned seed,
                             std::optional<std::pair<double, double>> range, bool specials) {
  std::mt19937 random(seed);
  bool isFloat = isa<FloatType>(type.getElementType());
  std::pair<double, double> bounds =
      range.value_or(isFloat ? std::make_pair(-2.0, 2.0) : std::make_pair(-5.0, 5.0));
  std::vector<double> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    double x = bounds.first + (bounds.second - bounds.first) * (random() / 4294967296.0);
    if (!isFloat)
      x = type.getElementType().isInteger(1) ? random() % 2 : std::floor(x);
    if (isFloat && specials && random() % 11 == 0)
      x = random() % 3 == 0 ? std::nan("") : random() % 2 ? INFINITY : -INFINITY;
    values.push_back(x);
  }
  return fromDoubles(type, values);
}

/// Lowers a module of one emitted function to LLVM dialect.
static LogicalResult lower(ModuleOp module) {
  PassManager pm(module->getName());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createExpandMathPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

namespace {
/// The fields of one buffer's descriptor, as the packed call wants them.
struct Descriptor {
  void *data;
  std::vector<int64_t> numbers; // offset, sizes, strides

  Descriptor(void *data, ArrayRef<int64_t> shape) : data(data), numbers{0} {
    numbers.insert(numbers.end(), shape.begin(), shape.end());
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;)
      strides[i - 1] = strides[i] * shape[i];
    numbers.insert(numbers.end(), strides.begin(), strides.end());
  }
  void pass(SmallVectorImpl<void *> &arguments) {
    arguments.append({&data, &data});
    for (int64_t &n : numbers)
      arguments.push_back(&n);
  }
};
} // namespace

static std::string compare(const TensorValue &want, ArrayRef<char> got, const KernelCase &test) {
  TensorValue value(want.type, std::vector<char>(got.begin(), got.end()));
  std::vector<double> a = toDoubles(value), b = toDoubles(want);
  size_t wrong = 0;
  std::string first;
  // An element type narrower than f32 rounds at each op; the evaluator rounds once an op as well.
  for (size_t i = 0; i < a.size(); ++i) {
    bool same = (std::isnan(a[i]) && std::isnan(b[i])) || a[i] == b[i] ||
                std::abs(a[i] - b[i]) <= test.atol + test.rtol * std::abs(b[i]);
    if (same)
      continue;
    if (wrong++ == 0)
      first = llvm::formatv("element {0}: got {1}, want {2}", i, a[i], b[i]).str();
  }
  return wrong ? llvm::formatv("{0} of {1} differ; {2}", wrong, a.size(), first).str() : "";
}

static void runOnce(MLIRContext &context, func::FuncOp kernel, const KernelCase &test,
                    int64_t bytes, int64_t tiles, ArrayRef<TensorValue> inputs,
                    ArrayRef<TensorValue> expected) {
  std::string what =
      llvm::formatv("{0}-byte registers, {1} tiles\n{2}", bytes, tiles, test.text).str();
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  func::FuncOp emitted = createKernelShell(builder, kernel, "emitted");
  VectorInfo info{bytes, 16};
  ASSERT_TRUE(succeeded(emitGenericKernel(kernel, emitted, info, tiles))) << what;
  std::string dump;
  llvm::raw_string_ostream(dump) << *module;
  ASSERT_TRUE(succeeded(verify(*module))) << what << dump;
  int64_t scratchBytes = 0;
  if (auto attr = emitted->getAttrOfType<IntegerAttr>(scratchAttr))
    scratchBytes = attr.getInt();
  emitted->removeAttr(scratchAttr);
  emitted->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&context));
  ASSERT_TRUE(succeeded(lower(*module))) << what << dump;
  ExecutionEngineOptions options;
  auto transformer = makeOptimizingTransformer(2, 0, nullptr);
  options.transformer = transformer;
  auto engine = ExecutionEngine::create(*module, options);
  if (!engine)
    FAIL() << llvm::toString(engine.takeError()) << "\n" << what << dump;

  std::vector<std::vector<char>> buffers;
  for (const TensorValue &input : inputs)
    buffers.push_back(std::vector<char>(input.raw().begin(), input.raw().end()));
  constexpr size_t guard = 256;
  for (const TensorValue &output : expected)
    buffers.push_back(std::vector<char>(output.raw().size() + guard, '\x5a'));
  std::vector<char> scratchRaw(scratchBytes + guard + 64, '\x7f');
  char *scratch = scratchRaw.data() + (64 - reinterpret_cast<uintptr_t>(scratchRaw.data()) % 64);
  auto shapeOf = [&](size_t i) {
    return i < inputs.size() ? inputs[i].shape() : expected[i - inputs.size()].shape();
  };
  for (int64_t tile = tiles; tile-- > 0;) { // backwards: tiles may run in any order
    std::vector<Descriptor> descriptors;
    for (auto [i, buffer] : llvm::enumerate(buffers))
      descriptors.emplace_back(buffer.data(), shapeOf(i));
    descriptors.emplace_back(scratch, ArrayRef<int64_t>{scratchBytes});
    SmallVector<void *> arguments;
    for (Descriptor &d : descriptors)
      d.pass(arguments);
    int64_t begin = tile, end = tile + 1;
    arguments.append({&begin, &end});
    if (llvm::Error error = (*engine)->invokePacked("emitted", arguments))
      FAIL() << llvm::toString(std::move(error)) << "\n" << what << dump;
  }
  for (auto [i, want] : llvm::enumerate(expected)) {
    const std::vector<char> &buffer = buffers[inputs.size() + i];
    std::string difference = compare(want, ArrayRef(buffer).drop_back(guard), test);
    EXPECT_EQ(difference, "") << "result " << i << ", " << what << (getenv("DUMP") ? dump : "");
    for (size_t g = buffer.size() - guard; g < buffer.size(); ++g)
      ASSERT_EQ(buffer[g], '\x5a') << "written beyond result " << i << ", " << what;
  }
}

void checkKernel(const KernelCase &test) {
  static bool initialised = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialised;
  DialectRegistry registry;
  registry.insert<IngotDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect,
                  scf::SCFDialect, memref::MemRefDialect, vector::VectorDialect, LLVM::LLVMDialect,
                  cf::ControlFlowDialect, ub::UBDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext context(registry);
  context.allowUnregisteredDialects();
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(test.text, &context);
  ASSERT_TRUE(module) << test.text;
  auto kernel = *module->getOps<func::FuncOp>().begin();
  std::vector<TensorValue> inputs;
  for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    std::optional<std::pair<double, double>> range;
    if (auto attr = kernel.getArgAttrOfType<ArrayAttr>(i, "test.range")) {
      auto number = [&](unsigned n) {
        if (auto f = dyn_cast<FloatAttr>(attr[n]))
          return f.getValueAsDouble();
        return static_cast<double>(cast<IntegerAttr>(attr[n]).getInt());
      };
      range = {number(0), number(1)};
    }
    inputs.push_back(makeInput(cast<RankedTensorType>(type), 17 + i, range, test.specials));
  }
  llvm::Expected<SmallVector<TensorValue>> expected = evaluateFunction(kernel, inputs);
  if (!expected)
    FAIL() << llvm::toString(expected.takeError()) << "\n" << test.text;
  for (int64_t bytes : test.bytes) {
    FailureOr<GenericChoice> choice = selectGeneric(kernel, {bytes, 16});
    ASSERT_TRUE(succeeded(choice)) << test.text;
    runOnce(context, kernel, test, bytes, 1, inputs, *expected);
    // The chosen tiles of GPU threads are one a point: few are enough here.
    int64_t many = std::min<int64_t>(*choice->tiles.constant(), bytes ? 64 : 5);
    if (many == 1 && choice->units > 1)
      many = std::min<int64_t>(3, choice->units);
    if (many > 1)
      runOnce(context, kernel, test, bytes, many, inputs, *expected);
  }
}

} // namespace ingot::test
