// Scatters, topk and recurrent layers.
#include "Harness.h"

using namespace ingot::test;

TEST(Scatter, Elements) {
  for (const char *axis : {"0", "1"})
    for (const char *reduction : {"none", "add", "mul", "max", "min"})
      checkKernel({.text = kernelText("%a: tensor<6x9xf32>, %i: tensor<4x5xi64> {test.range = [-6, "
                                      "6]}, %u: tensor<4x5xf32>",
                                      "tensor<6x9xf32>",
                                      std::string("%0 = ingot.scatter_elements %a[%i] = %u axis ") +
                                          axis + " {reduction = #ingot<scatter_kind " + reduction +
                                          ">} : tensor<6x9xf32>, tensor<4x5xi64>, tensor<4x5xf32>\n"
                                          "return %0 : tensor<6x9xf32>"),
                   .bytes = {0, 16}});
}

TEST(Scatter, NDWithSlices) {
  checkKernel({.text = kernelText("%a: tensor<6x9x37xf32>, %i: tensor<5x1xi64> {test.range = [-6, "
                                  "6]}, %u: tensor<5x9x37xf32>",
                                  "tensor<6x9x37xf32>", R"(
    %0 = ingot.scatter_nd %a[%i] = %u : tensor<6x9x37xf32>, tensor<5x1xi64>, tensor<5x9x37xf32>
    return %0 : tensor<6x9x37xf32>)")});
  checkKernel(
      {.text = kernelText(
           "%a: tensor<6x9xi32>, %i: tensor<2x5x2xi32> {test.range = [-6, 6]}, %u: tensor<2x5xi32>",
           "tensor<6x9xi32>, tensor<6x9xi32>", R"(
    %0 = ingot.scatter_nd %a[%i] = %u {reduction = #ingot<scatter_kind add>} : tensor<6x9xi32>, tensor<2x5x2xi32>, tensor<2x5xi32>
    %1 = ingot.neg %0 : tensor<6x9xi32>
    return %0, %1 : tensor<6x9xi32>, tensor<6x9xi32>)")});
}

TEST(TopK, SortedWithTiesAndNaN) {
  for (const char *smallest : {"", "smallest "})
    for (const char *axis : {"1", "0"}) {
      std::string out = axis[0] == '1' ? "4x7x" : "3x40x";
      std::string k = axis[0] == '1' ? "7" : "3";
      checkKernel({.text = kernelText("%a: tensor<4x40xf32>",
                                      "tensor<" + out + "f32>, tensor<" + out + "i64>",
                                      "%0, %1 = ingot.topk %a k " + k + " axis " + axis + " " +
                                          smallest + ": tensor<4x40xf32>\nreturn %0, %1 : tensor<" +
                                          out + "f32>, tensor<" + out + "i64>"),
                   .specials = true,
                   .bytes = {0, 32}});
    }
  checkKernel({.text = kernelText("%a: tensor<50xi32>", "tensor<50xi32>, tensor<50xi64>", R"(
    %0, %1 = ingot.topk %a k 50 axis 0 : tensor<50xi32>
    return %0, %1 : tensor<50xi32>, tensor<50xi64>)"),
               .bytes = {16}});
}

TEST(Recurrent, Lstm) {
  for (const char *direction : {"forward", "reverse", "bidirectional"}) {
    std::string d = direction[0] == 'b' ? "2" : "1";
    std::string types = "(tensor<6x3x21xf32>, tensor<" + d + "x76x21xf32>, tensor<" + d +
                        "x76x19xf32>, tensor<" + d + "x76xf32>, tensor<" + d +
                        "x3x19xf32>, tensor<" + d + "x3x19xf32>)";
    std::string results =
        "tensor<6x" + d + "x3x19xf32>, tensor<" + d + "x3x19xf32>, tensor<" + d + "x3x19xf32>";
    checkKernel(
        {.text = kernelText("%x: tensor<6x3x21xf32>, %w: tensor<" + d + "x76x21xf32>, %r: tensor<" +
                                d + "x76x19xf32>, %b: tensor<" + d + "x76xf32>, %h: tensor<" + d +
                                "x3x19xf32>, %c: tensor<" + d + "x3x19xf32>",
                            results,
                            std::string("%0, %1, %2 = ingot.lstm ") + direction +
                                "(%x, %w, %r, %b, %h, %c) : " + types + " -> (" + results +
                                ")\nreturn %0, %1, %2 : " + results),
         .rtol = 1e-5,
         .atol = 1e-5});
  }
}

TEST(Recurrent, GruAndRnn) {
  for (const char *linear : {"", " {linear_before_reset}"})
    checkKernel(
        {.text = kernelText(
             "%x: tensor<5x2x8xf32>, %w: tensor<2x57x8xf32>, %r: tensor<2x57x19xf32>, "
             "%b: tensor<2x57xf32>, %rb: tensor<2x57xf32>, %h: tensor<2x2x19xf32>",
             "tensor<5x2x2x19xf32>, tensor<2x2x19xf32>",
             std::string("%0, %1 = ingot.gru bidirectional(%x, %w, %r, %b, %rb, %h)") + linear +
                 " : (tensor<5x2x8xf32>, tensor<2x57x8xf32>, tensor<2x57x19xf32>, "
                 "tensor<2x57xf32>, tensor<2x57xf32>, tensor<2x2x19xf32>) -> "
                 "(tensor<5x2x2x19xf32>, tensor<2x2x19xf32>)\n"
                 "return %0, %1 : tensor<5x2x2x19xf32>, tensor<2x2x19xf32>"),
         .rtol = 1e-5,
         .atol = 1e-5});
  for (const char *kind : {"tanh", "relu"})
    checkKernel(
        {.text = kernelText("%x: tensor<5x2x8xf32>, %w: tensor<1x19x8xf32>, %r: "
                            "tensor<1x19x19xf32> {test.range = [-0.3, 0.3]}, "
                            "%b: tensor<1x19xf32>, %h: tensor<1x2x19xf32>",
                            "tensor<5x1x2x19xf32>, tensor<1x2x19xf32>",
                            std::string("%0, %1 = ingot.rnn reverse ") + kind +
                                "(%x, %w, %r, %b, %h) : (tensor<5x2x8xf32>, tensor<1x19x8xf32>, "
                                "tensor<1x19x19xf32>, tensor<1x19xf32>, tensor<1x2x19xf32>) -> "
                                "(tensor<5x1x2x19xf32>, tensor<1x2x19xf32>)\n"
                                "return %0, %1 : tensor<5x1x2x19xf32>, tensor<1x2x19xf32>"),
         .rtol = 1e-5,
         .atol = 1e-5});
}
