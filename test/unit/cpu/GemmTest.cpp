// The `gemm` strategy against the evaluator: shapes with every kind of remainder, layouts, types,
// epilogues.
#include "KernelRunner.h"

using namespace ingot::test;

namespace {

const char *const kTargets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

std::string tensor(std::initializer_list<int> shape, const char *element = "f32") {
  std::string text = "tensor<";
  for (int extent : shape)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

std::string matmul(int m, int k, int n, bool transposed, bool bias, const char *element = "f32",
                   const char *result = "f32") {
  std::string x = tensor({m, k}, element),
              w = transposed ? tensor({n, k}, element) : tensor({k, n}, element);
  std::string v = tensor({n}, result), y = tensor({m, n}, result);
  return "func.func private @k(%x: " + x + ", %w: " + w + (bias ? ", %b: " + v : "") + ") -> " + y +
         " {\n  %0 = ingot.matmul %x, %w" + (transposed ? " transpose_b" : "") +
         (bias ? " bias %b" : "") + " : " + x + ", " + w + (bias ? ", " + v : "") +
         "\n  return %0 : " + y + "\n}\n";
}

TEST(Gemm, ConstantRightHandSide) {
  const int shapes[][3] = {{1, 1, 1},     {1, 64, 10},     {5, 7, 3},  {17, 33, 65}, {49, 160, 96},
                           {197, 64, 40}, {13, 128, 1000}, {8, 0, 16}, {100, 3, 129}};
  for (const char *target : kTargets)
    for (auto [m, k, n] : shapes)
      for (bool transposed : {false, true})
        EXPECT_EQ(runKernel({.target = target,
                             .body = matmul(m, k, n, transposed, m % 2),
                             .constants = {1},
                             .pieces = 3}),
                  "gemm");
}

TEST(Gemm, RunTimeRightHandSide) {
  const int shapes[][3] = {{1, 64, 10}, {3, 35, 21},  {1, 100, 1},
                           {5, 7, 3},   {17, 33, 65}, {50, 64, 50}};
  for (const char *target : kTargets)
    for (auto [m, k, n] : shapes)
      for (bool transposed : {false, true})
        EXPECT_EQ(
            runKernel({.target = target, .body = matmul(m, k, n, transposed, true), .pieces = 2}),
            "gemm");
}

} // namespace
