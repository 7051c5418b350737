// Ops that move, reduce and contract; functions with state, control flow and kernels; limits.
#include "test/unit/evaluator/EvaluatorTest.h"

namespace ingot::test {

using StructureTest = EvaluatorTest;

TEST_F(StructureTest, SliceWithNegativeSteps) {
  expectValues(apply("ingot.slice %0 starts [1, 2] sizes [2, 2] steps [-1, -2] : tensor<2x3xi8>",
                     {{"[[1, 2, 3], [4, 5, 6]]", "2x3xi8"}}, "2x2xi8"),
               {6, 4, 3, 1});
}

TEST_F(StructureTest, PadModesAndCropping) {
  auto pad = [&](const char *attributes, const char *type) {
    return apply(std::string("ingot.pad %0 ") + attributes + " : tensor<3xf32>",
                 {{"[1.0, 2.0, 3.0]", "3xf32"}}, type);
  };
  expectValues(pad("low [2] high [1] {value = -1.0}", "6xf32"), {-1, -1, 1, 2, 3, -1});
  expectValues(pad("low [2] high [1] {mode = #ingot<pad_mode reflect>}", "6xf32"),
               {3, 2, 1, 2, 3, 2});
  expectValues(pad("low [2] high [1] {mode = #ingot<pad_mode edge>}", "6xf32"), {1, 1, 1, 2, 3, 3});
  expectValues(pad("low [2] high [1] {mode = #ingot<pad_mode wrap>}", "6xf32"), {2, 3, 1, 2, 3, 1});
  expectValues(pad("low [-1] high [2]", "4xf32"), {2, 3, 0, 0});
}

TEST_F(StructureTest, GatherCountsFromTheEndAndClamps) {
  expectValues(apply("ingot.gather %0[%1] axis 0 : tensor<3xi32>, tensor<4xi64>",
                     {{"[10, 20, 30]", "3xi32"}, {"[-1, 0, 7, -9]", "4xi64"}}, "4xi32"),
               {30, 10, 30, 10});
}

TEST_F(StructureTest, ScatterCombinesInOrder) {
  auto scatter = [&](const char *reduction) {
    return apply(std::string("ingot.scatter_elements %0[%1] = %2 axis 0 ") + reduction +
                     " : tensor<3xi32>, tensor<3xi64>, tensor<3xi32>",
                 {{"[1, 2, 3]", "3xi32"}, {"[2, 0, 2]", "3xi64"}, {"[10, 20, 5]", "3xi32"}},
                 "3xi32");
  };
  expectValues(scatter(""), {20, 2, 5});
  expectValues(scatter("{reduction = #ingot<scatter_kind add>}"), {21, 2, 18});
  expectValues(scatter("{reduction = #ingot<scatter_kind max>}"), {20, 2, 10});
}

TEST_F(StructureTest, ReductionsOfNothing) {
  auto reduce = [&](const char *kind) {
    return apply(std::string("ingot.reduce ") + kind + " %0 dims [0] : tensor<0x2xf32>",
                 {{"", "0x2xf32"}}, "2xf32");
  };
  expectValues(reduce("sum"), {0, 0});
  expectValues(reduce("prod"), {1, 1});
  expectValues(reduce("max"), {-kInf, -kInf});
  expectValues(reduce("mean"), {kNan, kNan});
  expectValues(apply("ingot.reduce sum %0 dims [] : tensor<f32>", {{"2.0", "f32"}}, "f32"), {2});
}

TEST_F(StructureTest, ReductionsKeepNaN) {
  const char *values = "[1.0, 0x7FC00000, 3.0]";
  expectValues(apply("ingot.reduce max %0 dims [0] : tensor<3xf32>", {{values, "3xf32"}}, "f32"),
               {kNan});
  expectValues(apply("ingot.reduce min %0 dims [0] : tensor<3xf32>", {{values, "3xf32"}}, "f32"),
               {kNan});
  expectValues(apply("ingot.arg_reduce max %0 axis 0 : tensor<3xf32>", {{values, "3xf32"}}, "i64"),
               {1});
  expectValues(apply("ingot.arg_reduce max %0 axis 0 {select_last} : tensor<3xi8>",
                     {{"[4, 1, 4]", "3xi8"}}, "i64"),
               {2});
}

TEST_F(StructureTest, CumsumVariants) {
  auto cumsum = [&](const char *attributes) {
    return apply(std::string("ingot.cumsum %0 axis 0 ") + attributes + " : tensor<3xi32>",
                 {{"[1, 2, 4]", "3xi32"}}, "3xi32");
  };
  expectValues(cumsum(""), {1, 3, 7});
  expectValues(cumsum("{exclusive}"), {0, 1, 3});
  expectValues(cumsum("{reverse}"), {7, 6, 4});
  expectValues(cumsum("{exclusive, reverse}"), {6, 4, 0});
}

TEST_F(StructureTest, IntegerProductsAccumulateWide) {
  expectValues(apply("ingot.matmul %0, %1 : tensor<1x2xi8>, tensor<2x1xi8>",
                     {{"[[127, 127]]", "1x2xi8"}, {"[[127], [127]]", "2x1xi8"}}, "1x1xi32"),
               {32258});
}

TEST_F(StructureTest, AttentionRowWithNothingLeftIsZero) {
  expectValues(apply("ingot.attention %0, %1, %1 mask %2 scale 1.0 : tensor<1x1x1x2xf32>, "
                     "tensor<1x1x2x2xf32>, "
                     "tensor<1x1x2x2xf32>, tensor<1x2xi1>",
                     {{"1.0", "1x1x1x2xf32"}, {"2.0", "1x1x2x2xf32"}, {"false", "1x2xi1"}},
                     "1x1x1x2xf32"),
               {0, 0});
}

TEST_F(StructureTest, QuantizeTiesSaturationAndBlocks) {
  auto quantized = apply(
      "ingot.quantize %0 scale %1 zero_point %2 : (tensor<5xf32>, tensor<f32>, tensor<ui8>) -> "
      "tensor<5xui8>",
      {{"[0.5, 1.5, -1.0, 1000.0, 0x7FC00000]", "5xf32"}, {"1.0", "f32"}, {"3", "ui8"}}, "5xui8");
  // NaN has no integer; it counts as 0.
  expectValues(quantized, {3, 5, 2, 255, 0});
  expectValues(apply("ingot.dequantize %0 scale %1 axis 0 block 2 : (tensor<4xi8>, tensor<2xf32>) "
                     "-> tensor<4xf32>",
                     {{"[1, 2, 3, 4]", "4xi8"}, {"[0.5, 10.0]", "2xf32"}}, "4xf32"),
               {0.5, 1, 30, 40});
}

TEST_F(StructureTest, VariablesLiveBetweenRuns) {
  parse(R"mlir(
    ingot.variable @count : tensor<2xi32> = dense<[5, 6]> : tensor<2xi32>
    func.func @f(%x: tensor<2xi32>) -> tensor<2xi32> {
      %0 = ingot.variable_read @count : tensor<2xi32>
      %1 = ingot.add %0, %x : tensor<2xi32>, tensor<2xi32>
      ingot.variable_update @count, %1 : tensor<2xi32>
      return %1 : tensor<2xi32>
    })mlir");
  Evaluator evaluator(*module);
  auto type = mlir::RankedTensorType::get({2}, mlir::IntegerType::get(&context, 32));
  TensorValue one = fromIntegers(type, {1, 2});
  for (double step : {1.0, 2.0}) {
    auto results = evaluator.run(function("f"), {one});
    ASSERT_TRUE(!!results);
    expectValues((*results)[0], {5 + step, 6 + 2 * step});
  }
  evaluator.reset();
  auto initial = evaluator.variable("count");
  ASSERT_TRUE(!!initial);
  expectValues(*initial, {5, 6});
}

TEST_F(StructureTest, ControlFlow) {
  auto results = run(R"mlir(
    %c = ingot.constant dense<true> : tensor<i1>
    %x = ingot.constant dense<2.0> : tensor<f32>
    %p = tensor.extract %c[] : tensor<i1>
    %0 = scf.if %p -> tensor<f32> {
      %y = ingot.add %x, %x : tensor<f32>, tensor<f32>
      scf.yield %y : tensor<f32>
    } else {
      scf.yield %x : tensor<f32>
    }
    %lo = arith.constant 0 : index
    %hi = arith.constant 3 : index
    %st = arith.constant 1 : index
    %1 = scf.for %i = %lo to %hi step %st iter_args(%a = %0) -> tensor<f32> {
      %y = ingot.mul %a, %x : tensor<f32>, tensor<f32>
      scf.yield %y : tensor<f32>
    }
    return %1 : tensor<f32>)mlir",
                     "tensor<f32>");
  ASSERT_EQ(results.size(), 1u);
  expectValues(results[0], {32});
}

TEST_F(StructureTest, LaunchRunsItsKernel) {
  parse(R"mlir(
    func.func private @k(%x: tensor<2xf32>) -> tensor<2xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu">} {
      %0 = ingot.neg %x : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    func.func @f() -> tensor<2xf32> {
      %x = ingot.constant dense<[1.0, -2.0]> : tensor<2xf32>
      %0 = ingot.launch @k(%x) : (tensor<2xf32>) -> tensor<2xf32>
      return %0 : tensor<2xf32>
    })mlir");
  unsigned calls = 0;
  auto results = evaluateFunction(function("f"), {},
                                  [&](mlir::Operation *, llvm::ArrayRef<TensorValue>) { ++calls; });
  ASSERT_TRUE(!!results);
  expectValues((*results)[0], {-1, 2});
  EXPECT_EQ(calls, 2u);
}

TEST_F(StructureTest, FoldsWithinItsLimitOnly) {
  parse(R"mlir(
    func.func @f(%x: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
      %a = ingot.constant dense<[1, 2, 3]> : tensor<3xi64>
      %0 = ingot.add %a, %a : tensor<3xi64>, tensor<3xi64>
      %1 = ingot.mul %0, %a : tensor<3xi64>, tensor<3xi64>
      %2 = ingot.add %1, %x : tensor<3xi64>, tensor<3xi64>
      return %1, %2 : tensor<3xi64>, tensor<3xi64>
    })mlir");
  mlir::Operation *terminator = function("f").getBody().front().getTerminator();
  auto constant = evaluateConstant(terminator->getOperand(0));
  ASSERT_TRUE(constant);
  expectValues(*constant, {2, 8, 18});
  EXPECT_FALSE(evaluateConstant(terminator->getOperand(0), 8));
  EXPECT_FALSE(evaluateConstant(terminator->getOperand(1)));
  mlir::Operation *first = terminator->getOperand(0).getDefiningOp()->getOperand(0).getDefiningOp();
  ASSERT_TRUE(foldToConstant(first));
  EXPECT_FALSE(foldToConstant(first, 8));
}

TEST_F(StructureTest, RefusesWhatIsTooLarge) {
  parse(R"mlir(
    func.func @f() -> tensor<1048576x1048576xf32> {
      %0 = ingot.iota dim 0 : tensor<1048576x1048576xf32>
      return %0 : tensor<1048576x1048576xf32>
    })mlir");
  auto results = evaluateFunction(function("f"), {});
  ASSERT_FALSE(!!results);
  EXPECT_NE(llvm::toString(results.takeError()).find("4 GiB"), std::string::npos);
}

TEST_F(StructureTest, RefusesInputsThatDoNotFit) {
  parse("func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }");
  auto type = mlir::RankedTensorType::get({3}, mlir::Float32Type::get(&context));
  auto results = evaluateFunction(function("f"), {fromDoubles(type, {1, 2, 3})});
  ASSERT_FALSE(!!results);
  llvm::consumeError(results.takeError());
}

} // namespace ingot::test
