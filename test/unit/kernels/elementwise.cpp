// Elementwise kernels, index functions and concatenation.
#include "Harness.h"

using namespace ingot::test;

TEST(Elementwise, AddOfEqualShapes) {
  checkKernel(
      {.text = kernelText("%a: tensor<3x5x7xf32>, %b: tensor<3x5x7xf32>", "tensor<3x5x7xf32>", R"(
    %0 = ingot.add %a, %b : tensor<3x5x7xf32>, tensor<3x5x7xf32>
    %1 = ingot.relu %0 : tensor<3x5x7xf32>
    return %1 : tensor<3x5x7xf32>)")});
}

TEST(Elementwise, BroadcastOfChannelAndScalar) {
  checkKernel({.text = kernelText("%a: tensor<2x3x4x37xf32>, %b: tensor<37xf32>, %c: "
                                  "tensor<2x1x1x37xf32>, %d: tensor<f32>",
                                  "tensor<2x3x4x37xf32>", R"(
    %0 = ingot.mul %a, %b : tensor<2x3x4x37xf32>, tensor<37xf32>
    %1 = ingot.add %0, %c : tensor<2x3x4x37xf32>, tensor<2x1x1x37xf32>
    %2 = ingot.sub %1, %d : tensor<2x3x4x37xf32>, tensor<f32>
    return %2 : tensor<2x3x4x37xf32>)")});
}

TEST(Elementwise, ScalarsAndEmpty) {
  checkKernel({.text = kernelText("%a: tensor<f32>, %b: tensor<f32>", "tensor<f32>", R"(
    %0 = ingot.add %a, %b : tensor<f32>, tensor<f32>
    return %0 : tensor<f32>)")});
  checkKernel({.text = kernelText("%a: tensor<3x0xf32>", "tensor<3x0xf32>", R"(
    %0 = ingot.neg %a : tensor<3x0xf32>
    return %0 : tensor<3x0xf32>)")});
}

TEST(Elementwise, ManyTiles) {
  checkKernel({.text = kernelText("%a: tensor<100x1001xf32>, %b: tensor<1001xf32>",
                                  "tensor<100x1001xf32>", R"(
    %0 = ingot.mul %a, %b : tensor<100x1001xf32>, tensor<1001xf32>
    return %0 : tensor<100x1001xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<2x50001xf32>, %b: tensor<2x1xf32>", "tensor<2x50001xf32>", R"(
    %0 = ingot.mul %a, %b : tensor<2x50001xf32>, tensor<2x1xf32>
    return %0 : tensor<2x50001xf32>)")});
}

TEST(Elementwise, TypesCompareAndSelect) {
  checkKernel({.text = kernelText("%a: tensor<5x9xf32>, %b: tensor<9xf32>, %c: tensor<5x9xi1>",
                                  "tensor<5x9xi1>, tensor<5x9xf32>", R"(
    %0 = ingot.cmp lt %a, %b : tensor<5x9xf32>, tensor<9xf32>
    %1 = ingot.and %0, %c : tensor<5x9xi1>, tensor<5x9xi1>
    %2 = ingot.select %1, %a, %b : tensor<5x9xi1>, tensor<5x9xf32>, tensor<9xf32>
    return %1, %2 : tensor<5x9xi1>, tensor<5x9xf32>)"),
               .specials = true});
  checkKernel({.text = kernelText("%a: tensor<33xi64>, %b: tensor<33xi32>",
                                  "tensor<33xi64>, tensor<33xf32>", R"(
    %0 = ingot.cast %b : tensor<33xi32> -> tensor<33xi64>
    %1 = ingot.floor_div %a, %0 : tensor<33xi64>, tensor<33xi64>
    %2 = ingot.cast %1 : tensor<33xi64> -> tensor<33xf32>
    return %1, %2 : tensor<33xi64>, tensor<33xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<33xui8> {test.range = [0, 256]}, %b: tensor<33xi8>",
                                  "tensor<33xf32>, tensor<33xi32>", R"(
    %0 = ingot.cast %a : tensor<33xui8> -> tensor<33xf32>
    %1 = ingot.cast %b : tensor<33xi8> -> tensor<33xi32>
    return %0, %1 : tensor<33xf32>, tensor<33xi32>)")});
}

TEST(Elementwise, HalfRoundsAtEachOp) {
  checkKernel({.text = kernelText("%a: tensor<50xf16>, %b: tensor<50xf16>", "tensor<50xf16>", R"(
    %0 = ingot.mul %a, %b : tensor<50xf16>, tensor<50xf16>
    %1 = ingot.add %0, %a : tensor<50xf16>, tensor<50xf16>
    return %1 : tensor<50xf16>)"),
               .rtol = 0,
               .atol = 0});
  checkKernel({.text = kernelText("%a: tensor<50xbf16>, %b: tensor<50xbf16>", "tensor<50xbf16>", R"(
    %0 = ingot.mul %a, %b : tensor<50xbf16>, tensor<50xbf16>
    %1 = ingot.add %0, %a : tensor<50xbf16>, tensor<50xbf16>
    return %1 : tensor<50xbf16>)"),
               .rtol = 0,
               .atol = 0});
}

TEST(IndexFunctions, TransposeInsideAChain) {
  checkKernel({.text = kernelText("%a: tensor<5x7x19xf32>, %b: tensor<19x5x7xf32>",
                                  "tensor<19x5x7xf32>", R"(
    %0 = ingot.transpose %a [2, 0, 1] : tensor<5x7x19xf32>
    %1 = ingot.add %0, %b : tensor<19x5x7xf32>, tensor<19x5x7xf32>
    return %1 : tensor<19x5x7xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<2x37x41xf32>", "tensor<2x41x37xf32>", R"(
    %0 = ingot.transpose %a [0, 2, 1] : tensor<2x37x41xf32>
    return %0 : tensor<2x41x37xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<2x9x3x17xf32>", "tensor<2x3x9x17xf32>", R"(
    %0 = ingot.transpose %a [0, 2, 1, 3] : tensor<2x9x3x17xf32>
    return %0 : tensor<2x3x9x17xf32>)")});
}

TEST(IndexFunctions, SliceWithNegativeSteps) {
  checkKernel({.text = kernelText("%a: tensor<9x50xf32>", "tensor<3x40xf32>", R"(
    %0 = ingot.slice %a starts [8, 45] sizes [3, 40] steps [-3, -1] : tensor<9x50xf32>
    return %0 : tensor<3x40xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<9x90xf32>", "tensor<2x40xf32>, tensor<9x9xf32>", R"(
    %0 = ingot.slice %a starts [1, 3] sizes [2, 40] steps [4, 2] : tensor<9x90xf32>
    %1 = ingot.slice %a starts [0, 89] sizes [9, 9] steps [1, -10] : tensor<9x90xf32>
    return %0, %1 : tensor<2x40xf32>, tensor<9x9xf32>)")});
}

TEST(IndexFunctions, Pad) {
  for (const char *mode : {"constant", "reflect", "edge", "wrap"})
    for (const char *amounts : {"low [1, 2, 0] high [2, 1, 0]", "low [0, 2, 5] high [0, 0, 3]"})
      checkKernel({.text = kernelText(
                       "%a: tensor<4x5x9xf32>",
                       amounts[5] == '1' ? "tensor<7x8x9xf32>" : "tensor<4x7x17xf32>",
                       std::string("%0 = ingot.pad %a ") + amounts + " {mode = #ingot<pad_mode " +
                           mode + ">, value = 1.5 : f64} : tensor<4x5x9xf32>\n return %0 : " +
                           (amounts[5] == '1' ? "tensor<7x8x9xf32>" : "tensor<4x7x17xf32>"))});
  checkKernel(
      {.text = kernelText("%a: tensor<4x5x9xf32>, %b: tensor<9xf32>", "tensor<3x7x29xf32>", R"(
    %0 = ingot.add %a, %b : tensor<4x5x9xf32>, tensor<9xf32>
    %1 = ingot.pad %0 low [-1, 1, 10] high [0, 1, 10] : tensor<4x5x9xf32>
    %2 = ingot.neg %1 : tensor<3x7x29xf32>
    return %2 : tensor<3x7x29xf32>)")});
}

TEST(IndexFunctions, Concat) {
  checkKernel(
      {.text = kernelText("%a: tensor<2x3x8xf32>, %b: tensor<2x5x8xf32>, %c: tensor<2x1x8xf32>",
                          "tensor<2x9x8xf32>", R"(
    %0 = ingot.neg %b : tensor<2x5x8xf32>
    %1 = ingot.concat %a, %0, %c axis 1 : tensor<2x3x8xf32>, tensor<2x5x8xf32>, tensor<2x1x8xf32>
    %2 = ingot.relu %1 : tensor<2x9x8xf32>
    return %2 : tensor<2x9x8xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<4x13xf32>, %b: tensor<4x22xf32>", "tensor<35x4xf32>", R"(
    %1 = ingot.concat %a, %b axis 1 : tensor<4x13xf32>, tensor<4x22xf32>
    %2 = ingot.transpose %1 [1, 0] : tensor<4x35xf32>
    return %2 : tensor<35x4xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<4x13xf32>, %b: tensor<4x22xf32>, %d: tensor<4x35xf32>",
                          "tensor<1x4x35xf32>", R"(
    %1 = ingot.concat %a, %b axis 1 : tensor<4x13xf32>, tensor<4x22xf32>
    %2 = ingot.add %1, %d : tensor<4x35xf32>, tensor<4x35xf32>
    %3 = ingot.reshape %2 : tensor<4x35xf32> -> tensor<1x4x35xf32>
    return %3 : tensor<1x4x35xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<4x16xf32>, %b: tensor<4x32xf32>", "tensor<4x1x48xf32>", R"(
    %1 = ingot.concat %a, %b axis 1 : tensor<4x16xf32>, tensor<4x32xf32>
    %3 = ingot.reshape %1 : tensor<4x48xf32> -> tensor<4x1x48xf32>
    return %3 : tensor<4x1x48xf32>)")});
}

TEST(IndexFunctions, Reshape) {
  checkKernel(
      {.text = kernelText("%a: tensor<6x35xf32>, %b: tensor<7x30xf32>", "tensor<7x30xf32>", R"(
    %0 = ingot.reshape %a : tensor<6x35xf32> -> tensor<7x30xf32>
    %1 = ingot.add %0, %b : tensor<7x30xf32>, tensor<7x30xf32>
    return %1 : tensor<7x30xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<2x9x96xf32>", "tensor<2x3x9x32xf32>", R"(
    %0 = ingot.reshape %a : tensor<2x9x96xf32> -> tensor<2x9x3x32xf32>
    %1 = ingot.transpose %0 [0, 2, 1, 3] : tensor<2x9x3x32xf32>
    return %1 : tensor<2x3x9x32xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<2x3x9x32xf32>", "tensor<2x9x96xf32>", R"(
    %1 = ingot.transpose %a [0, 2, 1, 3] : tensor<2x3x9x32xf32>
    %0 = ingot.reshape %1 : tensor<2x9x3x32xf32> -> tensor<2x9x96xf32>
    return %0 : tensor<2x9x96xf32>)")});
}

TEST(IndexFunctions, BroadcastAndIota) {
  checkKernel({.text = kernelText("%a: tensor<5x1x3xf32>", "tensor<2x5x4x3xf32>", R"(
    %0 = ingot.broadcast %a : tensor<5x1x3xf32> -> tensor<2x5x4x3xf32>
    return %0 : tensor<2x5x4x3xf32>)")});
  checkKernel({.text = kernelText("%a: tensor<5x23xi64>", "tensor<5x23xi64>, tensor<5x23xf32>", R"(
    %0 = ingot.iota dim 1 {start = 3.0 : f64, step = -2.0 : f64} : tensor<5x23xi64>
    %1 = ingot.add %0, %a : tensor<5x23xi64>, tensor<5x23xi64>
    %2 = ingot.iota dim 0 {start = 0.5 : f64, step = 2.0 : f64} : tensor<5x23xf32>
    return %1, %2 : tensor<5x23xi64>, tensor<5x23xf32>)")});
}

TEST(IndexFunctions, Constants) {
  checkKernel({.text = kernelText("%a: tensor<2x5xf32>", "tensor<2x5xf32>", R"(
    %c = ingot.constant dense<[1.0, 2.0, 3.0, 4.0, 5.5]> : tensor<5xf32>
    %s = ingot.constant dense<2.0> : tensor<f32>
    %0 = ingot.mul %a, %c : tensor<2x5xf32>, tensor<5xf32>
    %1 = ingot.add %0, %s : tensor<2x5xf32>, tensor<f32>
    return %1 : tensor<2x5xf32>)")});
}

TEST(IndexFunctions, Gather) {
  checkKernel(
      {.text = kernelText("%a: tensor<10x33xf32>, %i: tensor<2x3xi64> {test.range = [-10, 10]}",
                          "tensor<2x3x33xf32>", R"(
    %0 = ingot.gather %a[%i] axis 0 : tensor<10x33xf32>, tensor<2x3xi64>
    return %0 : tensor<2x3x33xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<4x10x3xf32>, %i: tensor<21xi32> {test.range = [-10, 10]}",
                          "tensor<4x21x3xf32>", R"(
    %0 = ingot.gather %a[%i] axis 1 : tensor<4x10x3xf32>, tensor<21xi32>
    %1 = ingot.neg %0 : tensor<4x21x3xf32>
    return %1 : tensor<4x21x3xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<4x10xf32>, %i: tensor<21xi64> {test.range = [-10, 10]}",
                          "tensor<4x21xf32>", R"(
    %0 = ingot.gather %a[%i] axis 1 : tensor<4x10xf32>, tensor<21xi64>
    return %0 : tensor<4x21xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<4x10xf32>, %i: tensor<3x10xi64> {test.range = [-4, 4]}",
                          "tensor<3x10xf32>", R"(
    %0 = ingot.gather_elements %a[%i] axis 0 : tensor<4x10xf32>, tensor<3x10xi64>
    return %0 : tensor<3x10xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<2x4x10x5xf32>, %i: tensor<2x3x2xi64> {test.range = [-4, 4]}",
                          "tensor<2x3x5xf32>", R"(
    %0 = ingot.gather_nd %a[%i] {batch_dims = 1 : i64} : tensor<2x4x10x5xf32>, tensor<2x3x2xi64>
    return %0 : tensor<2x3x5xf32>)")});
}

TEST(IndexFunctions, Resize) {
  checkKernel({.text = kernelText("%a: tensor<1x5x6x9xf32>", "tensor<1x10x12x9xf32>", R"(
    %0 = ingot.resize nearest %a scales [1.0, 2.0, 2.0, 1.0] asymmetric : tensor<1x5x6x9xf32> -> tensor<1x10x12x9xf32>
    return %0 : tensor<1x10x12x9xf32>)")});
  for (const char *mode : {"linear", "cubic"})
    for (const char *coordinates : {"half_pixel", "align_corners", "pytorch_half_pixel"})
      checkKernel({.text = kernelText("%a: tensor<1x3x5x6xf32>", "tensor<1x3x9x20xf32>",
                                      std::string("%0 = ingot.resize ") + mode +
                                          " %a scales [1.0, 1.0, 1.8, 3.3333333] " + coordinates +
                                          " : tensor<1x3x5x6xf32> -> tensor<1x3x9x20xf32>\nreturn "
                                          "%0 : tensor<1x3x9x20xf32>"),
                   .rtol = 1e-5,
                   .atol = 5e-6});
}

TEST(IndexFunctions, Quantize) {
  checkKernel({.text = kernelText("%a: tensor<3x40xf32> {test.range = [-100.0, 100.0]}, %s: "
                                  "tensor<3xf32> {test.range = [0.1, 0.5]}, %z: tensor<3xi8>",
                                  "tensor<3x40xi8>", R"(
    %0 = ingot.quantize %a scale %s zero_point %z axis 0 : (tensor<3x40xf32>, tensor<3xf32>, tensor<3xi8>) -> tensor<3x40xi8>
    return %0 : tensor<3x40xi8>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<3x40xui8> {test.range = [0, 256]}, %s: tensor<f32> "
                          "{test.range = [0.1, 0.5]}, %z: tensor<ui8> {test.range = [100, 110]}",
                          "tensor<3x40xf32>", R"(
    %0 = ingot.dequantize %a scale %s zero_point %z : (tensor<3x40xui8>, tensor<f32>, tensor<ui8>) -> tensor<3x40xf32>
    return %0 : tensor<3x40xf32>)")});
  checkKernel(
      {.text = kernelText("%a: tensor<3x64xi8>, %s: tensor<3x4xf32> {test.range = [0.1, 0.5]}",
                          "tensor<3x64xf32>", R"(
    %0 = ingot.dequantize %a scale %s axis 1 block 16 : (tensor<3x64xi8>, tensor<3x4xf32>) -> tensor<3x64xf32>
    return %0 : tensor<3x64xf32>)")});
}

TEST(IndexFunctions, BatchNorm) {
  checkKernel({.text = kernelText("%a: tensor<2x5x3x7xf32>, %s: tensor<5xf32>, %b: tensor<5xf32>, "
                                  "%m: tensor<5xf32>, %v: tensor<5xf32> {test.range = [0.1, 2.0]}",
                                  "tensor<2x5x3x7xf32>", R"(
    %0 = ingot.batch_norm %a, %s, %b, %m, %v epsilon 1.0e-5 : tensor<2x5x3x7xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>
    return %0 : tensor<2x5x3x7xf32>)"),
               .rtol = 1e-5,
               .atol = 1e-5});
}
