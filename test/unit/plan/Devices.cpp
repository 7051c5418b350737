// Plans over two memory spaces: which space a buffer lies in, transfers, constants, alignment.
#include "ir/plan/Plan.h"
#include "mlir/Parser/Parser.h"
#include "passes/plan/Passes.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace ingot;
using ::testing::HasSubstr;

namespace {

class TestTarget : public ingot::Target {
public:
  TestTarget(std::string name, std::string driver, std::string space, uint64_t alignment)
      : targetName(std::move(name)), targetDriver(std::move(driver)), space(std::move(space)),
        alignment(alignment) {}
  std::string name() const override { return targetName; }
  std::string driver() const override { return targetDriver; }
  std::string memorySpace() const override { return space; }
  uint64_t bufferAlignment() const override { return alignment; }
  Claim claim(Operation *) const override { return Claim::yes(); }
  LogicalResult select(func::FuncOp) const override { return success(); }
  FailureOr<CompiledCode> compile(ModuleOp, ArrayRef<func::FuncOp>, unsigned,
                                  std::function<void(unsigned, unsigned)>) const override {
    return failure();
  }

private:
  std::string targetName, targetDriver, space;
  uint64_t alignment;
};

class Devices : public ::testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<IngotDialect, plan::PlanDialect, func::FuncDialect>();
    cpuCode.segments.push_back({"code", std::vector<char>(128), 16384});
    cpuCode.kernels.push_back(kernel("relu"));
    gpuCode.segments.push_back({"spirv", std::vector<char>(64), 64});
    gpuCode.kernels.push_back(kernel("exp"));
    gpuCode.kernels[0].symbol = "main";
    gpuCode.kernels[0].workgroup = {64, 1, 1};
    gpuCode.kernels[0].grid = {2, 1, 1};
    // The device is preferred; the CPU's space is the first one all the same.
    options.targets = {{&gpu, &gpuCode}, {&cpu, &cpuCode}};
    options.searchSteps = 0;
  }

  static CompiledKernel kernel(std::string name) {
    CompiledKernel record;
    record.name = std::move(name);
    return record;
  }

  /// Plans a function of the body; the two kernels take and give tensor<8xf32>. Returns the errors.
  std::string plan(const std::string &body) {
    std::string text = "func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {\n" + body + R"mlir(
      } loc("f")
      func.func private @relu(tensor<8xf32>) -> tensor<8xf32> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3">}
      func.func private @exp(tensor<8xf32>) -> tensor<8xf32> attributes {ingot.kernel = #ingot.kernel<target = "vulkan">})mlir";
    module = parseSourceString<ModuleOp>(text, &context);
    std::string errors;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      errors += diagnostic.str() + "\n";
      return success();
    });
    PassManager passes(&context);
    buildPlanPhase(passes, options);
    if (!module || failed(passes.run(*module)))
      return errors.empty() ? "failed without an error" : errors;
    return errors;
  }
  std::vector<plan::CopyOp> copies() {
    std::vector<plan::CopyOp> list;
    module->walk([&](plan::CopyOp op) { list.push_back(op); });
    return list;
  }
  static StringRef spaceOf(Value value) {
    return cast<plan::BufferType>(value.getType()).getSpace();
  }

  MLIRContext context;
  TestTarget cpu{"x86-64-v3", "cpu", "host", 64}, gpu{"vulkan", "vulkan", "device", 256};
  CompiledCode cpuCode, gpuCode;
  PlanOptions options;
  OwningOpRef<ModuleOp> module;
};

TEST_F(Devices, TransfersBecomeCopiesBetweenSpaces) {
  ASSERT_EQ(plan(R"mlir(
    %0 = ingot.launch @relu(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("relu")
    %1 = ingot.transfer %0 to "vulkan" : tensor<8xf32> -> tensor<8xf32> loc("to")
    %2 = ingot.launch @exp(%1) : (tensor<8xf32>) -> tensor<8xf32> loc("exp")
    %3 = ingot.transfer %2 to "x86-64-v3" : tensor<8xf32> -> tensor<8xf32> loc("from")
    return %3 : tensor<8xf32>)mlir"),
            "");
  auto spaces = llvm::to_vector(module->getOps<plan::SpaceOp>());
  ASSERT_EQ(spaces.size(), 2u);
  EXPECT_EQ(spaces[0].getSymName(), "host");
  EXPECT_EQ(spaces[0].getTarget(), "x86-64-v3");
  EXPECT_EQ(spaces[1].getAlignment(), 256u);
  EXPECT_EQ(llvm::range_size(module->getOps<plan::ArenaOp>()), 2u);
  auto list = copies();
  ASSERT_EQ(list.size(), 2u) << "back to the host means into the output";
  EXPECT_EQ(spaceOf(list[0].getSource()), "host");
  EXPECT_EQ(spaceOf(list[0].getDestination()), "device");
  EXPECT_EQ(spaceOf(list[1].getSource()), "device");
  EXPECT_EQ(list[1].getDestination().getDefiningOp<plan::RefOp>().getKind(),
            plan::BufferKind::Output);
  module->walk([&](plan::LaunchOp launch) {
    bool onDevice = launch.getKernel() == "exp";
    EXPECT_EQ(launch.getGrid().has_value(), onDevice);
    for (Value operand : launch->getOperands())
      EXPECT_EQ(spaceOf(operand), onDevice ? "device" : "host");
  });
}

TEST_F(Devices, TransferWithinOneSpaceIsNothing) {
  ASSERT_EQ(plan(R"mlir(
    %0 = ingot.launch @relu(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("relu")
    %1 = ingot.transfer %0 to "x86-64-v3" : tensor<8xf32> -> tensor<8xf32> loc("to")
    %2 = ingot.launch @relu(%1) : (tensor<8xf32>) -> tensor<8xf32> loc("relu2")
    return %2 : tensor<8xf32>)mlir"),
            "");
  EXPECT_TRUE(copies().empty());
}

TEST_F(Devices, IdleDevicesAreLeftOut) {
  gpuCode = CompiledCode();
  module = parseSourceString<ModuleOp>(R"mlir(
    func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
      %0 = ingot.launch @relu(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("relu")
      return %0 : tensor<8xf32>
    }
    func.func private @relu(tensor<8xf32>) -> tensor<8xf32> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3">})mlir",
                                       &context);
  PassManager passes(&context);
  buildPlanPhase(passes, options);
  ASSERT_TRUE(module && succeeded(passes.run(*module)));
  EXPECT_EQ(llvm::range_size(module->getOps<plan::TargetOp>()), 1u);
  EXPECT_EQ(llvm::range_size(module->getOps<plan::SpaceOp>()), 1u);
}

TEST_F(Devices, ConstantsLieWhereTheyAreUsed) {
  ASSERT_EQ(plan(R"mlir(
    %w = ingot.constant dense<1.0> : tensor<8xf32> loc("w")
    %0 = ingot.launch @relu(%w) : (tensor<8xf32>) -> tensor<8xf32> loc("relu")
    %1 = ingot.transfer %w to "vulkan" : tensor<8xf32> -> tensor<8xf32> loc("to")
    %2 = ingot.launch @exp(%1) : (tensor<8xf32>) -> tensor<8xf32> loc("exp")
    %3 = ingot.transfer %2 to "x86-64-v3" : tensor<8xf32> -> tensor<8xf32> loc("from")
    %4 = ingot.launch @relu(%3) : (tensor<8xf32>) -> tensor<8xf32> loc("relu2")
    return %4 : tensor<8xf32>)mlir"),
            "");
  std::vector<std::string> spaces;
  for (auto constant : module->getOps<plan::ConstantOp>())
    spaces.push_back(constant.getSpace().str());
  EXPECT_THAT(spaces, ::testing::UnorderedElementsAre("host", "device"));
  EXPECT_EQ(copies().size(), 1u);
}

// A part at byte 32 would be no buffer that the device takes: it is copied to a place of its own.
TEST_F(Devices, PartsOnDevicesStayAligned) {
  ASSERT_EQ(plan(R"mlir(
    %0 = ingot.transfer %x to "vulkan" : tensor<8xf32> -> tensor<8xf32> loc("to")
    %1 = ingot.launch @exp(%0) : (tensor<8xf32>) -> tensor<8xf32> loc("exp")
    %2 = ingot.launch @exp(%1) : (tensor<8xf32>) -> tensor<8xf32> loc("exp2")
    %3 = ingot.concat %1, %2 axis 0 : tensor<8xf32>, tensor<8xf32> loc("concat")
    %4 = ingot.slice %3 starts [8] sizes [8] steps [1] : tensor<16xf32> loc("slice")
    %5 = ingot.launch @exp(%4) : (tensor<8xf32>) -> tensor<8xf32> loc("exp3")
    %6 = ingot.transfer %5 to "x86-64-v3" : tensor<8xf32> -> tensor<8xf32> loc("from")
    return %6 : tensor<8xf32>)mlir"),
            "");
  module->walk([&](plan::LaunchOp launch) {
    for (Value operand : launch->getOperands())
      EXPECT_EQ(*operand.getDefiningOp<plan::RefOp>().getOffset().constant() % 256, 0);
  });
}

TEST_F(Devices, MissingTransferIsAnError) {
  EXPECT_THAT(plan(R"mlir(
    %0 = ingot.launch @exp(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("exp")
    return %0 : tensor<8xf32>)mlir"),
              HasSubstr("without an ingot.transfer"));
}

TEST_F(Devices, WithoutCpuIsAnError) {
  options.targets = {{&gpu, &gpuCode}};
  EXPECT_THAT(plan("return %x : tensor<8xf32>"), HasSubstr("expected a CPU among the targets"));
}

} // namespace
