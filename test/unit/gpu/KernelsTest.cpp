// Kernels of the target `vulkan`: every kind becomes SPIR-V that spirv-val accepts, and gives what
// the reference evaluator gives on whatever device is there (Mesa's lavapipe without a GPU).
#include "backends/gpu/spirv/VulkanTarget.h"
#include "compiler/evaluator/Evaluator.h"
#include "ingot/vulkan.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace ingot;
using ::testing::HasSubstr;

namespace {

class GpuKernels : public ::testing::Test {
protected:
  void SetUp() override { context.loadDialect<IngotDialect, func::FuncDialect>(); }

  /// The kernel @k of `text`, with a strategy; null after a failure.
  func::FuncOp select(StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return {};
    auto kernel = module->lookupSymbol<func::FuncOp>("k");
    kernel->setAttr("ingot.kernel",
                    KernelAttr::get(&context, "vulkan", DictionaryAttr(), {}, {}, {}));
    kernel.front().walk([&](Operation *op) {
      if (isa<IngotDialect>(op->getDialect()) && !isa<ingot::ConstantOp>(op)) {
        Claim claim = target.claim(op);
        EXPECT_TRUE(claim.accepted) << claim.reason;
      }
    });
    return succeeded(target.select(kernel)) ? kernel : func::FuncOp();
  }

  /// Compiles @k of `text`, has the code checked, and runs it when there is a device.
  void check(StringRef text, double tolerance = 2e-6) {
    SCOPED_TRACE(text.str());
    OwningOpRef<ModuleOp> reference = parseSourceString<ModuleOp>(text, &context);
    func::FuncOp kernel = select(text);
    ASSERT_TRUE(reference && kernel);
    auto code = target.compile(*module, {kernel}, 1, nullptr);
    ASSERT_TRUE(succeeded(code));
    ASSERT_EQ(code->segments.size(), 1u);
    EXPECT_EQ(code->segments[0].kind, "spirv");
    validate(code->segments[0].bytes);

    auto function = reference->lookupSymbol<func::FuncOp>("k");
    std::vector<TensorValue> inputs;
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
      inputs.push_back(randomValue(cast<RankedTensorType>(type), 17 + i));
    auto expected = evaluateFunction(function, inputs);
    ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());
    run(*code, inputs, *expected, tolerance);
  }

  static TensorValue randomValue(RankedTensorType type, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<double> values(type.getNumElements());
    for (double &value : values)
      value = random() / 1073741824.0 - 2;
    return fromDoubles(type, values);
  }

  /// What spirv-val says of the words; it is there wherever the project builds.
  static void validate(llvm::ArrayRef<char> words) {
    auto program = llvm::sys::findProgramByName("spirv-val");
    ASSERT_TRUE(bool(program)) << "spirv-val is not installed";
    llvm::SmallString<128> path, log;
    int file;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "spv", file, path));
    llvm::raw_fd_ostream(file, /*shouldClose=*/true).write(words.data(), words.size());
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "log", log));
    std::optional<StringRef> redirects[] = {StringRef(), StringRef(log), StringRef(log)};
    int code = llvm::sys::ExecuteAndWait(*program, {*program, "--target-env", "vulkan1.2", path},
                                         {}, redirects);
    auto said = llvm::MemoryBuffer::getFile(log);
    EXPECT_EQ(code, 0) << (said ? (*said)->getBuffer().str() : "");
    llvm::sys::fs::remove(path);
    llvm::sys::fs::remove(log);
  }

  /// Runs the one kernel of `code` on a device, if there is one, and compares.
  void run(const CompiledCode &code, llvm::ArrayRef<TensorValue> inputs,
           llvm::ArrayRef<TensorValue> expected, double tolerance) {
    const ingot_driver *driver = ingot_vulkan_driver();
    ingot_error error = {};
    ingot_device *device = nullptr;
    if (driver->open(nullptr, 0, &device, &error))
      GTEST_SKIP() << error.text;
    const CompiledKernel &record = code.kernels[0];
    std::vector<uint32_t> words(code.segments[0].bytes.size() / 4);
    memcpy(words.data(), code.segments[0].bytes.data(), words.size() * 4);
    ingot_device_kernel_desc desc = {
        record.name.c_str(),
        record.symbol.c_str(),
        words.data(),
        words.size() * 4,
        uint32_t(inputs.size() + expected.size()),
        0,
        {record.workgroup[0], record.workgroup[1], record.workgroup[2]}};
    ingot_device_kernel *kernel = nullptr;
    ASSERT_EQ(driver->load(device, &desc, &kernel, &error), INGOT_OK) << error.text;
    std::vector<ingot_device_range> ranges;
    auto add = [&](llvm::ArrayRef<char> bytes) {
      ingot_device_range range = {nullptr, 0, bytes.size()};
      ASSERT_EQ(driver->allocate(device, bytes.size(), 256, &range.buffer, &error), INGOT_OK);
      ASSERT_EQ(driver->write(device, range, bytes.data(), &error), INGOT_OK);
      ranges.push_back(range);
    };
    for (const TensorValue &input : inputs)
      add(input.raw());
    for (const TensorValue &output : expected)
      add(std::vector<char>(output.raw().size(), 0x5a));
    EXPECT_EQ(driver->launch(device, kernel, ranges.data(), nullptr, record.grid.data(), &error),
              INGOT_OK)
        << error.text;
    for (auto [i, want] : llvm::enumerate(expected)) {
      std::vector<char> bytes(want.raw().size());
      ASSERT_EQ(driver->read(device, bytes.data(), ranges[inputs.size() + i], &error), INGOT_OK);
      std::vector<double> a = toDoubles(TensorValue(want.type, bytes)), b = toDoubles(want);
      for (size_t k = 0; k < a.size(); ++k)
        if (!(std::isnan(a[k]) && std::isnan(b[k])) && a[k] != b[k])
          ASSERT_NEAR(a[k], b[k], tolerance * std::max(1.0, std::abs(b[k])))
              << "result " << i << ", element " << k;
    }
    for (ingot_device_range &range : ranges)
      driver->release(device, range.buffer);
    driver->unload(device, kernel);
    driver->close(device);
  }

  MLIRContext context;
  gpu::VulkanTarget target;
  OwningOpRef<ModuleOp> module;
};

TEST_F(GpuKernels, Elementwise) {
  check(R"(func.func private @k(%x: tensor<5x77xf32>, %y: tensor<77xf32>) -> tensor<5x77xf32> {
    %0 = ingot.add %x, %y : tensor<5x77xf32>, tensor<77xf32>
    %1 = ingot.gelu %0 : tensor<5x77xf32>
    %2 = ingot.mul %1, %x : tensor<5x77xf32>, tensor<5x77xf32>
    return %2 : tensor<5x77xf32>
  })");
}

/// A kernel with one result for each op, written with %x, %y: tensor<100xf32> as operands.
std::string manyResults(llvm::ArrayRef<const char *> ops) {
  std::string results, body, values;
  for (auto [i, op] : llvm::enumerate(ops)) {
    results += (i ? ", " : "") + std::string("tensor<100xf32>");
    values += llvm::formatv("{0}%{1}", i ? ", " : "", i);
    bool two = StringRef(op).contains("%y");
    body += llvm::formatv("%{0} = ingot.{1} : tensor<100xf32>{2}\n", i, op,
                          two ? ", tensor<100xf32>" : "");
  }
  return llvm::formatv("func.func private @k(%x: tensor<100xf32>, %y: tensor<100xf32>) -> ({0}) "
                       "{{\n{1}return {2} : {0}\n}",
                       results, body, values);
}

TEST_F(GpuKernels, UnaryFunctions) {
  check(manyResults({"abs %x", "neg %x", "sign %x", "ceil %x", "floor %x", "round %x", "trunc %x",
                     "rsqrt %x", "reciprocal %x", "sqrt %x", "log %x", "log2 %x", "log10 %x",
                     "relu %x", "hard_swish %x", "log1p %x", "asin %x", "acos %x"}));
  check(manyResults({"exp %x", "exp2 %x", "expm1 %x", "atan %x", "sinh %x", "cosh %x", "tanh %x",
                     "asinh %x", "acosh %x", "atanh %x", "erf %x", "sigmoid %x", "silu %x",
                     "softplus %x", "mish %x", "gelu %x"}));
}

TEST_F(GpuKernels, BinaryFunctions) {
  check(manyResults({"add %x, %y", "sub %x, %y", "mul %x, %y", "div %x, %y", "floor_div %x, %y",
                     "rem %x, %y", "mod %x, %y", "atan2 %x, %y", "max %x, %y", "min %x, %y"}));
}

TEST_F(GpuKernels, MoreInvocationsThanOneDimHolds) {
  // 65535 workgroups of 64 invocations are one less than these.
  check(R"(func.func private @k(%x: tensor<4194241xf32>) -> tensor<4194241xf32> {
    %0 = ingot.neg %x : tensor<4194241xf32>
    return %0 : tensor<4194241xf32>
  })");
}

/// Sums of K products round K times.
constexpr double kSums = 1e-5;

TEST_F(GpuKernels, MatmulWithEpilogue) {
  check(R"(func.func private @k(%x: tensor<1x21x37xf32>, %w: tensor<37x70xf32>, %b: tensor<70xf32>,
                                %r: tensor<1x21x70xf32>) -> tensor<1x21x70xf32> {
    %0 = ingot.matmul %x, %w bias %b : tensor<1x21x37xf32>, tensor<37x70xf32>, tensor<70xf32>
    %1 = ingot.gelu %0 : tensor<1x21x70xf32>
    %2 = ingot.add %1, %r : tensor<1x21x70xf32>, tensor<1x21x70xf32>
    return %2 : tensor<1x21x70xf32>
  })",
        kSums);
}

TEST_F(GpuKernels, MatmulShapes) {
  // Whole tiles; one row; one column; batches that stretch on either side.
  struct {
    const char *lhs, *rhs, *result, *transpose;
  } cases[] = {{"32x16", "16x128", "32x128", ""},
               {"1x48", "48x33", "1x33", ""},
               {"9x5", "5x1", "9x1", ""},
               {"6x8", "10x8", "6x10", "transpose_b"},
               {"3x2x7x4", "2x4x19", "3x2x7x19", ""},
               {"2x1x7x4", "2x3x19x4", "2x3x7x19", "transpose_b"}};
  for (auto &c : cases)
    check(
        llvm::formatv(
            R"(func.func private @k(%x: tensor<{0}xf32>, %y: tensor<{1}xf32>) -> tensor<{2}xf32> {{
      %0 = ingot.matmul %x, %y {3} : tensor<{0}xf32>, tensor<{1}xf32>
      return %0 : tensor<{2}xf32>
    })",
            c.lhs, c.rhs, c.result, c.transpose)
            .str(),
        kSums);
}

TEST_F(GpuKernels, SoftmaxOfComputedRows) {
  for (const char *form : {"", "log "})
    for (int axis : {0, 1})
      check(
          llvm::formatv(
              R"(func.func private @k(%x: tensor<13x50xf32>, %y: tensor<50xf32>) -> tensor<13x50xf32> {{
        %0 = ingot.add %x, %y : tensor<13x50xf32>, tensor<50xf32>
        %1 = ingot.softmax {0}%0 axis {1} : tensor<13x50xf32>
        %2 = ingot.mul %1, %y : tensor<13x50xf32>, tensor<50xf32>
        return %2 : tensor<13x50xf32>
      })",
              form, axis)
              .str());
}

TEST_F(GpuKernels, Norms) {
  check(
      R"(func.func private @k(%x: tensor<2x9x40xf32>, %s: tensor<40xf32>, %b: tensor<40xf32>) -> tensor<2x9x40xf32> {
    %0 = ingot.layer_norm %x scale %s bias %b axis 2 epsilon 1.0e-5 : tensor<2x9x40xf32>, tensor<40xf32> bias tensor<40xf32>
    return %0 : tensor<2x9x40xf32>
  })");
  check(
      R"(func.func private @k(%x: tensor<9x40xf32>, %y: tensor<9x40xf32>, %s: tensor<40xf32>) -> tensor<9x40xf32> {
    %0 = ingot.add %x, %y : tensor<9x40xf32>, tensor<9x40xf32>
    %1 = ingot.rms_norm %0 scale %s axis 1 epsilon 1.0e-6 : tensor<9x40xf32>, tensor<40xf32>
    %2 = ingot.sigmoid %1 : tensor<9x40xf32>
    return %2 : tensor<9x40xf32>
  })");
}

TEST_F(GpuKernels, ConstantWeightsLieByColumn) {
  func::FuncOp kernel = select(R"(
    func.func private @k(%x: tensor<4x3xf32>, %w: tensor<2x3xf32>) -> tensor<4x2xf32> {
      %0 = ingot.matmul %x, %w transpose_b : tensor<4x3xf32>, tensor<2x3xf32>
      return %0 : tensor<4x2xf32>
    }
    func.func @f(%x: tensor<4x3xf32>) -> tensor<4x2xf32> {
      %w = ingot.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
      %0 = ingot.launch @k(%x, %w) : (tensor<4x3xf32>, tensor<2x3xf32>) -> tensor<4x2xf32>
      return %0 : tensor<4x2xf32>
    })");
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel.getArgumentTypes()[1],
            RankedTensorType::get({3, 2}, Float32Type::get(&context)));
  auto launch = *module->lookupSymbol<func::FuncOp>("f").getOps<LaunchOp>().begin();
  EXPECT_EQ(launch.getInputs()[1].getType(), kernel.getArgumentTypes()[1]);
  EXPECT_TRUE(succeeded(target.compile(*module, {kernel}, 1, nullptr)));
}

TEST_F(GpuKernels, SeveralKernelsShareOneSegment) {
  func::FuncOp first = select(R"(
    func.func private @k(%x: tensor<8xf32>) -> tensor<8xf32> {
      %0 = ingot.exp %x : tensor<8xf32>
      return %0 : tensor<8xf32>
    })");
  ASSERT_TRUE(first);
  auto second = cast<func::FuncOp>(first->clone());
  second.setName("other");
  module->push_back(second);
  auto code = target.compile(*module, {first, second}, 1, nullptr);
  ASSERT_TRUE(succeeded(code));
  ASSERT_EQ(code->segments.size(), 1u);
  EXPECT_EQ(code->kernels[0].symbol, "k");
  EXPECT_EQ(code->kernels[1].symbol, "other");
  validate(code->segments[0].bytes);
}

TEST_F(GpuKernels, RefusesWithReasons) {
  struct {
    const char *op, *reason;
  } cases[] = {
      {R"(%0 = ingot.transpose %x [1, 0] : tensor<4x4xf32>)", "vulkan has no kernel for transpose"},
      {R"(%0 = ingot.sin %x : tensor<4x4xf32>)", "vulkan computes with 32 bits, and sin needs 64"},
      {R"(%0 = ingot.cast %x : tensor<4x4xf32> -> tensor<4x4xi32>)",
       "vulkan computes in f32 alone, not in i32"},
      {R"(%0 = ingot.broadcast %x : tensor<4x4xf32> -> tensor<4096x4096x4x4xf32>)",
       "a tensor of 1024 MiB is above the 128 MiB that a vulkan kernel can bind"}};
  for (auto &c : cases) {
    module = parseSourceString<ModuleOp>(
        llvm::formatv("func.func @f(%x: tensor<4x4xf32>) {{\n{0}\nreturn\n}", c.op).str(),
        &context);
    ASSERT_TRUE(module) << c.op;
    auto function = *module->getOps<func::FuncOp>().begin();
    Claim claim = target.claim(&function.front().front());
    EXPECT_FALSE(claim.accepted);
    EXPECT_EQ(claim.reason, c.reason);
  }
}

TEST_F(GpuKernels, NamesTheKernelThatDoesNotCompile) {
  func::FuncOp kernel = select(R"(
    func.func private @k(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>) -> tensor<4x2xf32> {
      %0 = ingot.matmul %x, %w : tensor<4x3xf32>, tensor<3x2xf32>
      return %0 : tensor<4x2xf32>
    })");
  ASSERT_TRUE(kernel);
  Builder b(&context);
  auto strategy = b.getDictionaryAttr({b.getNamedAttr("kind", b.getStringAttr("gemm_tile")),
                                       b.getNamedAttr("lanes", b.getI64IntegerAttr(7))});
  kernel->setAttr("ingot.kernel", KernelAttr::get(&context, "vulkan", strategy, {}, {}, {}));
  std::string errors;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { errors += d.str(); });
  EXPECT_TRUE(failed(target.compile(*module, {kernel}, 1, nullptr)));
  EXPECT_THAT(errors, HasSubstr("target 'vulkan': kernel 'k': strategy 'gemm_tile' wants"));
}

} // namespace
