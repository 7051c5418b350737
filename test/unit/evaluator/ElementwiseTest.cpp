// Elementwise ops: their special values and integer rules.
#include "test/unit/evaluator/EvaluatorTest.h"

namespace ingot::test {

using ElementwiseTest = EvaluatorTest;

TEST_F(ElementwiseTest, FloatSpecials) {
  auto unary = [&](const char *op) {
    return apply(std::string("ingot.") + op + " %0 : tensor<5xf32>",
                 {{"[0x7FC00000, 0x7F800000, 0xFF800000, -0.0, -2.5]", "5xf32"}}, "5xf32");
  };
  expectValues(unary("relu"), {kNan, kInf, 0, 0, 0});
  expectValues(unary("round"), {kNan, kInf, -kInf, 0, -2});
  expectValues(unary("sign"), {kNan, 1, -1, 0, -1});
  // x times a gate that is 0 at -infinity: NaN, as torch and ONNX compute it.
  expectValues(unary("silu"), {kNan, kInf, kNan, 0, -2.5 / (1 + std::exp(2.5))}, 1e-7);
  expectValues(unary("mish"), {kNan, kInf, kNan, 0, -2.5 * std::tanh(std::log1p(std::exp(-2.5)))},
               1e-7);
  expectValues(unary("softplus"), {kNan, kInf, 0, std::log(2.0), std::log1p(std::exp(-2.5))}, 1e-7);
  expectValues(unary("gelu"),
               {kNan, kInf, kNan, 0, -2.5 * 0.5 * (1 + std::erf(-2.5 / std::sqrt(2)))}, 1e-7);
  expectValues(unary("hard_swish"), {kNan, kInf, kNan, 0, -2.5 * 0.5 / 6}, 1e-7);
  expectValues(unary("rsqrt"), {kNan, 0, kNan, -kInf, kNan});
  expectValues(unary("trunc"), {kNan, kInf, -kInf, 0, -2});
  expectValues(apply("ingot.clamp %0 min -1.0 max 6.0 : tensor<3xf32>",
                     {{"[0x7FC00000, 9.0, -3.0]", "3xf32"}}, "3xf32"),
               {kNan, 6, -1});
  expectValues(apply("ingot.elu %0 alpha 2.0 : tensor<2xf32>", {{"[-1.0, 3.0]", "2xf32"}}, "2xf32"),
               {2 * std::expm1(-1.0), 3}, 1e-7);
}

TEST_F(ElementwiseTest, MaximumKeepsNaN) {
  auto binary = [&](const char *op) {
    return apply(std::string("ingot.") + op + " %0, %1 : tensor<3xf32>, tensor<3xf32>",
                 {{"[0x7FC00000, 1.0, 2.0]", "3xf32"}, {"[1.0, 0x7FC00000, -3.0]", "3xf32"}},
                 "3xf32");
  };
  expectValues(binary("max"), {kNan, kNan, 2});
  expectValues(binary("min"), {kNan, kNan, -3});
}

TEST_F(ElementwiseTest, IntegerDivision) {
  auto binary = [&](const char *op) {
    return apply(std::string("ingot.") + op + " %0, %1 : tensor<5xi32>, tensor<5xi32>",
                 {{"[7, -7, 7, 5, -2147483648]", "5xi32"}, {"[2, 2, -2, 0, -1]", "5xi32"}},
                 "5xi32");
  };
  expectValues(binary("div"), {3, -3, -3, 0, -2147483648.0});
  expectValues(binary("floor_div"), {3, -4, -4, 0, -2147483648.0});
  expectValues(binary("rem"), {1, -1, 1, 0, 0});
  expectValues(binary("mod"), {1, 1, -1, 0, 0});
}

TEST_F(ElementwiseTest, FloatDivisionFamily) {
  auto binary = [&](const char *op) {
    return apply(std::string("ingot.") + op + " %0, %1 : tensor<4xf32>, tensor<4xf32>",
                 {{"[7.5, -7.5, 7.5, 1.0]", "4xf32"}, {"[2.0, 2.0, -2.0, 0.0]", "4xf32"}}, "4xf32");
  };
  expectValues(binary("div"), {3.75, -3.75, -3.75, kInf});
  expectValues(binary("floor_div"), {3, -4, -4, kInf});
  expectValues(binary("rem"), {1.5, -1.5, 1.5, kNan});
  expectValues(binary("mod"), {1.5, 0.5, -0.5, kNan});
}

TEST_F(ElementwiseTest, UnsignedAndNarrowIntegersWrap) {
  expectValues(apply("ingot.add %0, %1 : tensor<2xui8>, tensor<2xui8>",
                     {{"[200, 1]", "2xui8"}, {"[100, 2]", "2xui8"}}, "2xui8"),
               {44, 3});
  expectValues(apply("ingot.div %0, %1 : tensor<2xui8>, tensor<2xui8>",
                     {{"[200, 7]", "2xui8"}, {"[3, 0]", "2xui8"}}, "2xui8"),
               {66, 0});
  expectValues(apply("ingot.cmp lt %0, %1 : tensor<1xui8>, tensor<1xui8>",
                     {{"[200]", "1xui8"}, {"[100]", "1xui8"}}, "1xi1"),
               {0});
  expectValues(apply("ingot.shl %0, %1 : tensor<2xi8>, tensor<2xi8>",
                     {{"[1, 1]", "2xi8"}, {"[7, 8]", "2xi8"}}, "2xi8"),
               {-128, 0});
  expectValues(apply("ingot.shr %0, %1 : tensor<2xi8>, tensor<2xi8>",
                     {{"[-128, -1]", "2xi8"}, {"[7, 9]", "2xi8"}}, "2xi8"),
               {-1, -1});
  expectValues(apply("ingot.pow %0, %1 : tensor<4xi64>, tensor<4xi64>",
                     {{"[3, -1, 2, -2]", "4xi64"}, {"[4, -3, -1, 3]", "4xi64"}}, "4xi64"),
               {81, -1, 0, -8});
}

TEST_F(ElementwiseTest, Logic) {
  expectValues(
      apply("ingot.add %0, %1 : tensor<4xi1>, tensor<4xi1>",
            {{"[true, true, false, false]", "4xi1"}, {"[true, false, true, false]", "4xi1"}},
            "4xi1"),
      {1, 1, 1, 0});
  expectValues(apply("ingot.not %0 : tensor<2xi1>", {{"[true, false]", "2xi1"}}, "2xi1"), {0, 1});
  expectValues(apply("ingot.not %0 : tensor<2xi32>", {{"[0, 5]", "2xi32"}}, "2xi32"), {-1, -6});
  expectValues(apply("ingot.cmp ne %0, %0 : tensor<2xf32>, tensor<2xf32>",
                     {{"[0x7FC00000, 1.0]", "2xf32"}}, "2xi1"),
               {1, 0});
}

TEST_F(ElementwiseTest, Casts) {
  auto cast = [&](const char *value, const char *from, const char *to) {
    return apply(std::string("ingot.cast %0 : tensor<") + from + "> -> tensor<" + to + ">",
                 {{value, from}}, to);
  };
  const char *reals = "[0x7FC00000, 0x7F800000, 0xFF800000, -2.9, 300.5]";
  expectValues(cast(reals, "5xf32", "5xi8"), {0, 127, -128, -2, 127});
  expectValues(cast(reals, "5xf32", "5xui8"), {0, 255, 0, 0, 255});
  expectValues(cast(reals, "5xf32", "5xi64"), {0, (double)INT64_MAX, (double)INT64_MIN, -2, 300});
  expectValues(cast(reals, "5xf32", "5xi1"), {1, 1, 1, 1, 1});
  expectValues(cast("[300, -1]", "2xi32", "2xi8"), {44, -1});
  expectValues(cast("[true, false]", "2xi1", "2xf32"), {1, 0});
  // Ties to even in the last place; a carry into the exponent; overflow; the smallest subnormal.
  expectValues(cast("[2049.0, 2051.0, 65519.0, 65520.0, 5.9604644775390625e-8]", "5xf32", "5xf16"),
               {2048, 2052, 65504, kInf, 5.9604644775390625e-8});
  expectValues(cast("[257.0, 259.0, 1.0e39]", "3xf64", "3xbf16"), {256, 260, kInf});
  // One rounding from double: by way of f32 this would become a tie and round down.
  expectValues(cast("[1.00048828125000001]", "1xf64", "1xf16"), {1.0});
  expectValues(cast("[1.000488281250001]", "1xf64", "1xf16"), {1.0009765625});
}

TEST_F(ElementwiseTest, BitcastsKeepTheBits) {
  auto bitcast = [&](const char *value, const char *from, const char *to) {
    return apply(std::string("ingot.bitcast %0 : tensor<") + from + "> -> tensor<" + to + ">",
                 {{value, from}}, to);
  };
  expectValues(bitcast("[1.0, -0.0, 0x7F800000]", "3xf32", "3xi32"),
               {0x3f800000, (double)INT32_MIN, 0x7f800000});
  expectValues(bitcast("[1065353216, -2147483648]", "2xi32", "2xf32"), {1, -0.0});
  expectValues(bitcast("[1.0, -2.0]", "2xbf16", "2xf16"), {1.875, -2.0});
  expectValues(bitcast("[-1, 5]", "2xi8", "2xui8"), {255, 5});
}

TEST_F(ElementwiseTest, BroadcastRankZeroAndEmpty) {
  expectValues(apply("ingot.sub %0, %1 : tensor<2x1xf32>, tensor<3xf32>",
                     {{"[[1.0], [10.0]]", "2x1xf32"}, {"[1.0, 2.0, 3.0]", "3xf32"}}, "2x3xf32"),
               {0, -1, -2, 9, 8, 7});
  expectValues(
      apply("ingot.mul %0, %1 : tensor<f32>, tensor<f32>", {{"3.0", "f32"}, {"0.5", "f32"}}, "f32"),
      {1.5});
  expectValues(apply("ingot.add %0, %1 : tensor<0x3xf32>, tensor<3xf32>",
                     {{"", "0x3xf32"}, {"1.0", "3xf32"}}, "0x3xf32"),
               {});
  expectValues(apply("ingot.select %0, %1, %2 : tensor<2x1xi1>, tensor<f32>, tensor<1x2xf32>",
                     {{"[[true], [false]]", "2x1xi1"}, {"9.0", "f32"}, {"[[1.0, 2.0]]", "1x2xf32"}},
                     "2x2xf32"),
               {9, 9, 1, 2});
}

} // namespace ingot::test
