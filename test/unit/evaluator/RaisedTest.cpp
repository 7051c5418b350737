// What raise-attention makes of products around a softmax evaluates to the same.
#include "EvaluatorTest.h"
#include "mlir/Pass/PassManager.h"
#include "passes/normalize/Passes.h"

using namespace ingot;

namespace {

class RaisedTest : public ingot::test::EvaluatorTest {};

// A row that the mask leaves nothing of, one with NaN, one with +inf, and ordinary ones.
TEST_F(RaisedTest, Masks) {
  parse(R"mlir(
    func.func @f(%q: tensor<1x2x5x3xf32>, %k: tensor<1x2x2x3xf32>, %v: tensor<1x2x2x3xf32>, %x: tensor<2xf32>) -> tensor<1x2x5x3xf32> {
      %c = ingot.constant dense<0.75> : tensor<f32>
      %n = ingot.constant dense<[[0.0, 1.0], [0xFF800000, 0xFF800000], [0x7FC00000, 0.0], [0xFF800000, 2.0], [0x7F800000, 0.0]]> : tensor<5x2xf32>
      %m = ingot.add %n, %x : tensor<5x2xf32>, tensor<2xf32>
      %0 = ingot.mul %q, %c : tensor<1x2x5x3xf32>, tensor<f32>
      %1 = ingot.matmul %0, %k transpose_b : tensor<1x2x5x3xf32>, tensor<1x2x2x3xf32>
      %2 = ingot.div %1, %c : tensor<1x2x5x2xf32>, tensor<f32>
      %3 = ingot.mul %2, %c : tensor<1x2x5x2xf32>, tensor<f32>
      %4 = ingot.add %3, %m : tensor<1x2x5x2xf32>, tensor<5x2xf32>
      %5 = ingot.softmax %4 axis 3 : tensor<1x2x5x2xf32>
      %6 = ingot.matmul %5, %v : tensor<1x2x5x2xf32>, tensor<1x2x2x3xf32>
      return %6 : tensor<1x2x5x3xf32>
    })mlir");
  auto values = [&](std::initializer_list<int64_t> shape) {
    auto type = mlir::RankedTensorType::get(shape, mlir::Float32Type::get(&context));
    std::vector<double> elements;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      elements.push_back((i * 7 % 11 - 5) * 0.3);
    return fromDoubles(type, elements);
  };
  std::vector<TensorValue> inputs{values({1, 2, 5, 3}), values({1, 2, 2, 3}), values({1, 2, 2, 3}),
                                  values({2})};
  auto before = evaluateFunction(function("f"), inputs);
  mlir::PassManager manager(&context);
  manager.addNestedPass<mlir::func::FuncOp>(createRaiseAttention({}));
  ASSERT_TRUE(succeeded(manager.run(*module)));
  ASSERT_FALSE(function("f").getOps<AttentionOp>().empty());
  auto after = evaluateFunction(function("f"), inputs);
  ASSERT_TRUE(!!before && !!after);
  std::vector<double> want = toDoubles((*before)[0]), got = toDoubles((*after)[0]);
  EXPECT_TRUE(std::isnan(want[3]) && std::isfinite(want[0]));
  for (auto [a, b] : llvm::zip_equal(want, got))
    EXPECT_TRUE(std::isnan(a) ? std::isnan(b) : std::abs(a - b) < 1e-6) << a << " " << b;
}

} // namespace
