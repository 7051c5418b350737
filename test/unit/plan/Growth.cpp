// The work of planning grows with the program: counted in steps and pairs, not timed.
#include "ir/plan/Plan.h"
#include "mlir/Parser/Parser.h"
#include "passes/plan/StorageModel.h"
#include "passes/planner/Planner.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace ingot;

namespace {

/// A residual stream of `count` blocks: each adds something computed from it, in place where it
/// can, and the last of every eight adds what the stream was eight blocks ago.
std::string residuals(unsigned count) {
  std::string text = R"mlir(
plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @sum in @code entry 64 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.entry @stream(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %s0 = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
)mlir";
  std::string type = " : !plan.buffer<16, \"host\">", two = type + ", !plan.buffer<16, \"host\">";
  auto alloc = [&](const std::string &name) { text += "%" + name + " = plan.alloc" + type + "\n"; };
  for (unsigned i = 1; i <= count; ++i) {
    std::string n = std::to_string(i), before = "%s" + std::to_string(i - 1);
    alloc("a" + n);
    alloc("c" + n);
    alloc("s" + n);
    text += "plan.launch @one reads " + before + type + " writes %a" + n + type + "\n";
    text += "plan.copy %a" + n + " to %c" + n + type + " to" + type.substr(2) + "\n";
    std::string other = i % 8 ? before : "%s" + std::to_string(i - 8);
    text += "plan.launch @sum reads %c" + n + ", " + other + two + " writes %s" + n + type + "\n";
  }
  return text + "plan.copy %s" + std::to_string(count) + " to %y" + type + " to" + type.substr(2) +
         "\n}\n";
}

/// Steps replayed while copies, then results and operands of launches, are merged.
uint64_t replayed(unsigned count) {
  MLIRContext context;
  context.loadDialect<plan::PlanDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(residuals(count), &context);
  if (!module)
    return 0;
  SymbolTable symbols(*module);
  StorageModel model(*module->getOps<plan::EntryOp>().begin(), symbols);
  unsigned merged = 0;
  module->walk([&](plan::CopyOp copy) {
    merged += model.tryMerge(model.placeOf(copy.getSource()), model.placeOf(copy.getDestination()),
                             /*keepPeak=*/false);
  });
  EXPECT_EQ(merged, count + 1);
  module->walk([&](plan::LaunchOp launch) {
    if (launch.getKernel() == "sum")
      model.tryMerge(model.placeOf(launch.getOutputs()[0]), model.placeOf(launch.getInputs()[0]),
                     /*keepPeak=*/true);
  });
  return model.getReplayedSteps();
}

void expectLinear(uint64_t few, uint64_t many) {
  EXPECT_GT(few, 0u);
  EXPECT_LE(many, 9 * few / 2) << "four times the program, " << few << " and " << many << " steps";
}

TEST(Growth, Sharing) { expectLinear(replayed(100), replayed(400)); }

TEST(Growth, Placement) {
  auto steps = [](int64_t count) {
    planner::Problem problem;
    for (int64_t i = 0; i < count; ++i) {
      planner::Buffer buffer;
      buffer.name = std::to_string(i);
      buffer.firstUse = i;
      buffer.lastUse = i + 2 + i % 7;
      buffer.size = 64 + 64 * (i * 31 % 17);
      problem.buffers.push_back(buffer);
    }
    std::string error;
    auto plan = planner::plan(problem, {/*searchSteps=*/0}, error);
    EXPECT_TRUE(plan) << error;
    EXPECT_EQ(planner::checkPlan(problem, *plan), "");
    return uint64_t(plan->spaces.front().steps);
  };
  expectLinear(steps(1000), steps(4000));
}

} // namespace
