// Fused ops on the accumulators, batches, element types and edited strategies, against the
// evaluator.
#include "KernelRunner.h"

using namespace ingot::test;

namespace {

const char *const kTargets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

void check(const KernelCase &test, const char *kind = "gemm") {
  for (const char *target : kTargets) {
    KernelCase copy = test;
    copy.target = target;
    copy.pieces = 2;
    EXPECT_EQ(runKernel(copy), kind);
  }
}

TEST(Epilogue, ResidualScaleAndActivation) {
  check({.body = R"(
func.func private @k(%x: tensor<2x7x24xf32>, %w: tensor<37x24xf32>, %b: tensor<37xf32>, %r: tensor<2x7x37xf32>, %s: tensor<37xf32>, %t: tensor<2x7x1xf32>, %u: tensor<1x1x1xf32>) -> tensor<2x7x37xf32> {
  %c = ingot.constant dense<0.5> : tensor<f32>
  %0 = ingot.matmul %x, %w transpose_b bias %b : tensor<2x7x24xf32>, tensor<37x24xf32>, tensor<37xf32>
  %1 = ingot.mul %0, %s : tensor<2x7x37xf32>, tensor<37xf32>
  %2 = ingot.add %r, %1 : tensor<2x7x37xf32>, tensor<2x7x37xf32>
  %3 = ingot.mul %2, %t : tensor<2x7x37xf32>, tensor<2x7x1xf32>
  %4 = ingot.sub %3, %u : tensor<2x7x37xf32>, tensor<1x1x1xf32>
  %5 = ingot.mul %4, %c : tensor<2x7x37xf32>, tensor<f32>
  %6 = ingot.relu %5 : tensor<2x7x37xf32>
  return %6 : tensor<2x7x37xf32>
})",
         .constants = {1, 2}});
}

// An epilogue of many instructions is a loop over the tile's sums; the last panel is narrower.
TEST(Epilogue, LongFunctionsLoop) {
  check({.body = R"(
func.func private @k(%x: tensor<23x24xf32>, %w: tensor<70x24xf32>, %b: tensor<70xf32>, %r: tensor<23x70xf32>) -> (tensor<23x70xf32>, tensor<23x70xf32>) {
  %0 = ingot.matmul %x, %w transpose_b bias %b : tensor<23x24xf32>, tensor<70x24xf32>, tensor<70xf32>
  %1 = ingot.gelu %0 : tensor<23x70xf32>
  %2 = ingot.add %1, %r : tensor<23x70xf32>, tensor<23x70xf32>
  return %1, %2 : tensor<23x70xf32>, tensor<23x70xf32>
})",
         .constants = {1, 2}});
  check({.body = R"(
func.func private @k(%x: tensor<1x9x13x5xf32>, %w: tensor<45x5x3x3xf32>) -> tensor<1x5x7x45xf32> {
  %0 = ingot.conv %x, %w strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : tensor<1x9x13x5xf32>, tensor<45x5x3x3xf32>
  %1 = ingot.silu %0 : tensor<1x5x7x45xf32>
  return %1 : tensor<1x5x7x45xf32>
})",
         .constants = {1}},
        "conv");
  check({.body = R"(
func.func private @k(%x: tensor<1x9x19x43xf32>, %w: tensor<43x1x3x3xf32>) -> tensor<1x9x19x43xf32> {
  %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 43 channels_last : tensor<1x9x19x43xf32>, tensor<43x1x3x3xf32>
  %1 = ingot.tanh %0 : tensor<1x9x19x43xf32>
  return %1 : tensor<1x9x19x43xf32>
})",
         .constants = {1}},
        "depthwise");
}

TEST(Epilogue, OperandOfAPartOfTheRows) {
  check({.body = R"(
func.func private @k(%x: tensor<2x7x24xf32>, %w: tensor<24x20xf32>, %r: tensor<2x1x20xf32>) -> tensor<2x7x20xf32> {
  %0 = ingot.matmul %x, %w : tensor<2x7x24xf32>, tensor<24x20xf32>
  %1 = ingot.add %0, %r : tensor<2x7x20xf32>, tensor<2x1x20xf32>
  return %1 : tensor<2x7x20xf32>
})",
         .constants = {1}});
}

TEST(Epilogue, ReshapedResult) {
  check({.body = R"(
func.func private @k(%x: tensor<1x6x24xf32>, %w: tensor<24x20xf32>, %r: tensor<2x3x20xf32>) -> tensor<2x3x20xf32> {
  %0 = ingot.matmul %x, %w : tensor<1x6x24xf32>, tensor<24x20xf32>
  %1 = ingot.reshape %0 : tensor<1x6x20xf32> -> tensor<2x3x20xf32>
  %2 = ingot.add %1, %r : tensor<2x3x20xf32>, tensor<2x3x20xf32>
  return %2 : tensor<2x3x20xf32>
})",
         .constants = {1}});
}

TEST(Epilogue, ConvolutionWithResidualAndGate) {
  check({.body = R"(
func.func private @k(%x: tensor<2x9x9x8xf32>, %w: tensor<19x8x3x3xf32>, %r: tensor<2x9x9x19xf32>, %g: tensor<2x1x1x19xf32>) -> tensor<2x9x9x19xf32> {
  %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : tensor<2x9x9x8xf32>, tensor<19x8x3x3xf32>
  %1 = ingot.hard_swish %0 : tensor<2x9x9x19xf32>
  %2 = ingot.mul %1, %g : tensor<2x9x9x19xf32>, tensor<2x1x1x19xf32>
  %3 = ingot.add %2, %r : tensor<2x9x9x19xf32>, tensor<2x9x9x19xf32>
  return %3 : tensor<2x9x9x19xf32>
})",
         .constants = {1}},
        "conv");
}

TEST(Gemm, Batches) {
  check({.body = R"(
func.func private @k(%x: tensor<2x3x9x16xf32>, %w: tensor<2x3x11x16xf32>) -> tensor<2x3x9x11xf32> {
  %0 = ingot.matmul %x, %w transpose_b : tensor<2x3x9x16xf32>, tensor<2x3x11x16xf32>
  return %0 : tensor<2x3x9x11xf32>
})"});
  check({.body = R"(
func.func private @k(%x: tensor<3x9x16xf32>, %w: tensor<2x1x16x11xf32>, %m: tensor<2x1x1x11xf32>) -> tensor<2x3x9x11xf32> {
  %0 = ingot.matmul %x, %w : tensor<3x9x16xf32>, tensor<2x1x16x11xf32>
  %1 = ingot.add %0, %m : tensor<2x3x9x11xf32>, tensor<2x1x1x11xf32>
  return %1 : tensor<2x3x9x11xf32>
})"});
  // Heads read where the projection left them.
  check({.body = R"(
func.func private @k(%x: tensor<1x9x32xf32>, %w: tensor<1x9x32xf32>) -> tensor<1x4x9x9xf32> {
  %0 = ingot.reshape %x : tensor<1x9x32xf32> -> tensor<1x9x4x8xf32>
  %1 = ingot.transpose %0 [0, 2, 1, 3] : tensor<1x9x4x8xf32>
  %2 = ingot.reshape %w : tensor<1x9x32xf32> -> tensor<1x9x4x8xf32>
  %3 = ingot.transpose %2 [0, 2, 3, 1] : tensor<1x9x4x8xf32>
  %4 = ingot.matmul %1, %3 : tensor<1x4x9x8xf32>, tensor<1x4x8x9xf32>
  return %4 : tensor<1x4x9x9xf32>
})"});
  // A left-hand side that is computed on the way.
  check({.body = R"(
func.func private @k(%x: tensor<1x9x32xf32>, %w: tensor<32x8xf32>) -> tensor<1x9x8xf32> {
  %0 = ingot.relu %x : tensor<1x9x32xf32>
  %1 = ingot.matmul %0, %w : tensor<1x9x32xf32>, tensor<32x8xf32>
  return %1 : tensor<1x9x8xf32>
})",
         .constants = {1}});
}

TEST(Gemm, ElementTypes) {
  auto body = [](const char *type, const char *result) {
    std::string t = type, r = result;
    return "func.func private @k(%x: tensor<9x16x" + t + ">, %w: tensor<16x21x" + t +
           ">) -> tensor<9x21x" + r + "> {\n  %0 = ingot.matmul %x, %w : tensor<9x16x" + t +
           ">, tensor<16x21x" + t + ">\n  return %0 : tensor<9x21x" + r + ">\n}\n";
  };
  for (std::vector<unsigned> constants : {std::vector<unsigned>{1}, std::vector<unsigned>{}}) {
    check({.body = body("f64", "f64"), .constants = constants, .tolerance = 1e-14});
    // Sums are kept in f32 and rounded once: at most one step from the evaluator's, which is 2^-10
    // and 2^-7.
    check({.body = body("f16", "f16"), .constants = constants, .tolerance = 9.8e-4});
    check({.body = body("bf16", "bf16"), .constants = constants, .tolerance = 7.9e-3});
    check({.body = body("i8", "i32"), .constants = constants, .tolerance = 0});
    check({.body = body("ui8", "i32"), .constants = constants, .tolerance = 0});
  }
}

TEST(Gemm, EditedStrategy) {
  const char *body = R"(
func.func private @k(%x: tensor<29x16xf32>, %w: tensor<16x75xf32>) -> tensor<29x75xf32> {
  %0 = ingot.matmul %x, %w : tensor<29x16xf32>, tensor<16x75xf32>
  return %0 : tensor<29x75xf32>
})";
  for (const char *strategy :
       {"{kind = \"gemm\", mr = 3 : i64, nv = 1 : i64}",
        "{kind = \"gemm\", mr = 7 : i64, nv = 2 : i64, rows_outer = 1 : i64}",
        "{kind = \"gemm\", lanes = 4 : i64, nv = 3 : i64, panel_group = 4 : i64, row_group = 3 : "
        "i64}"})
    check({.body = body, .constants = {1}, .strategy = strategy});
}

} // namespace
