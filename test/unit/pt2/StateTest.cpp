// Buffers that a model changes: state that survives between runs. And the sample inputs that a
// package holds.
#include "compiler/evaluator/Evaluator.h"
#include "compiler/importers/pt2/ImportPt2.h"
#include "ir/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <gtest/gtest.h>

namespace ingot::test {

namespace {

/// The exported `_state` module of test/ops/_make_pt2_cases.py: counts its runs, and puts x into a
/// cache at `position`.
void expectState(const std::string &file, bool hasSamples) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Options options;
  options.model = std::string(INGOT_TEST_DIR) + "/ops/pt2/" + file;
  auto module = importPt2(context, options);
  ASSERT_TRUE(mlir::succeeded(module));
  auto forward = (*module)->lookupSymbol<mlir::func::FuncOp>("forward");
  ASSERT_TRUE(forward);
  ASSERT_EQ(forward.getNumArguments(), 2u);
  EXPECT_EQ(forward.getArgAttrOfType<mlir::StringAttr>(1, "ingot.name").getValue(), "position");

  mlir::Builder builder(&context);
  auto row = mlir::RankedTensorType::get({1, 1, 3}, builder.getF32Type());
  auto index = mlir::RankedTensorType::get({1}, builder.getI64Type());
  Evaluator evaluator(**module);
  auto first = evaluator.run(forward, {fromDoubles(row, {1, 2, 3}), fromIntegers(index, {2})});
  ASSERT_TRUE(!!first) << llvm::toString(first.takeError());
  EXPECT_EQ(toDoubles((*first)[0]), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(toIntegers((*first)[1]), (std::vector<int64_t>{1}));
  auto second = evaluator.run(forward, {fromDoubles(row, {10, 20, 30}), fromIntegers(index, {0})});
  ASSERT_TRUE(!!second) << llvm::toString(second.takeError());
  EXPECT_EQ(toDoubles((*second)[0]), (std::vector<double>{11, 22, 33}));
  EXPECT_EQ(toIntegers((*second)[1]), (std::vector<int64_t>{2}));

  auto samples = readPt2SampleInputs(context, options.model);
  ASSERT_EQ(!!samples, hasSamples);
  if (!samples) {
    llvm::consumeError(samples.takeError());
    return;
  }
  ASSERT_EQ(samples->size(), 2u);
  EXPECT_EQ((*samples)[0].type, row);
  EXPECT_EQ(toIntegers((*samples)[1]), (std::vector<int64_t>{2}));
}

} // namespace

TEST(StateTest, TrainingIr) { expectState("state.pt2", true); }
TEST(StateTest, CoreIr) { expectState("state.core.pt2", true); }
TEST(StateTest, PickledWeights) { expectState("state.pickled.pt2", true); }
TEST(StateTest, FlatArchive) { expectState("state.flat.pt2", false); }

} // namespace ingot::test
