// Kernels that reduce, normalise, pool or scan.
#include "Harness.h"

using namespace ingot::test;

static void reduceCase(const std::string &kind, const std::string &in, const std::string &dims,
                       bool keep, const std::string &out, bool specials = false) {
  checkKernel({.text = kernelText("%a: tensor<" + in + ">", "tensor<" + out + ">",
                                  "%0 = ingot.reduce " + kind + " %a dims [" + dims + "] " +
                                      (keep ? "keepdims " : "") + ": tensor<" + in +
                                      ">\nreturn %0 : tensor<" + out + ">"),
               .rtol = 1e-5,
               .atol = 1e-5,
               .specials = specials});
}

TEST(Reduce, InnermostAndOthers) {
  reduceCase("sum", "3x5x7xf32", "2", false, "3x5xf32");
  reduceCase("sum", "3x1000xf32", "1", true, "3x1xf32");
  reduceCase("mean", "2x24x7x7xf32", "2, 3", true, "2x24x1x1xf32");
  reduceCase("mean", "2x7x7x24xf32", "1, 2", false, "2x24xf32");
  reduceCase("sum", "4x5x6x70xf32", "0, 2", false, "5x70xf32");
  reduceCase("sum", "4x5x6x70xf32", "1, 3", false, "4x6xf32");
  reduceCase("prod", "4x9xf32", "0, 1", false, "f32");
  reduceCase("sum", "4x9xf32", "", false, "4x9xf32");
  reduceCase("sum", "9x5x1xf32", "0", true, "1x5x1xf32");
  reduceCase("sum", "9x40x1xf32", "0", false, "40x1xf32");
}

TEST(Reduce, SpecialsAndTypes) {
  for (const char *kind : {"max", "min", "sum"}) {
    reduceCase(kind, "13x37xf32", "1", false, "13xf32", true);
    reduceCase(kind, "13x37xf32", "0", false, "37xf32", true);
    reduceCase(kind, "13x37xi64", "1", false, "13xi64");
    reduceCase(kind, "13x37xi32", "0", false, "37xi32");
  }
  for (const char *kind : {"any", "all"}) {
    reduceCase(kind, "50x3xi1", "1", false, "50xi1");
    reduceCase(kind, "3x50xi1", "0", false, "50xi1");
  }
  reduceCase("sum", "3x0xf32", "1", false, "3xf32");
  reduceCase("sum", "70x100xf16", "1", false, "70xf16");
}

TEST(Reduce, PrologueAndEpilogue) {
  checkKernel({.text = kernelText("%a: tensor<6x33xf32>, %b: tensor<33xf32>, %c: tensor<6xf32>",
                                  "tensor<6xf32>", R"(
    %0 = ingot.sub %a, %b : tensor<6x33xf32>, tensor<33xf32>
    %1 = ingot.mul %0, %0 : tensor<6x33xf32>, tensor<6x33xf32>
    %2 = ingot.reduce sum %1 dims [1] : tensor<6x33xf32>
    %3 = ingot.add %2, %c : tensor<6xf32>, tensor<6xf32>
    %4 = ingot.sqrt %3 : tensor<6xf32>
    return %4 : tensor<6xf32>)"),
               .rtol = 1e-5,
               .specials = false});
  // The reduction is read at other points than it is computed: through scratch.
  checkKernel({.text = kernelText("%a: tensor<6x33xf32>", "tensor<6x33xf32>", R"(
    %0 = ingot.reduce max %a dims [1] keepdims : tensor<6x33xf32>
    %1 = ingot.sub %a, %0 : tensor<6x33xf32>, tensor<6x1xf32>
    %2 = ingot.exp %1 : tensor<6x33xf32>
    %3 = ingot.reduce sum %2 dims [1] keepdims : tensor<6x33xf32>
    %4 = ingot.div %2, %3 : tensor<6x33xf32>, tensor<6x1xf32>
    return %4 : tensor<6x33xf32>)"),
               .rtol = 1e-5});
}

TEST(Reduce, ArgReduce) {
  for (const char *kind : {"max", "min"})
    for (const char *last : {"", " {select_last}"})
      for (const char *type : {"f32", "i32"}) {
        std::string in = std::string("tensor<3x50x20x") + type + ">";
        checkKernel(
            {.text = kernelText("%a: " + in, "tensor<3x50xi64>, tensor<3x1x20xi64>",
                                std::string("%0 = ingot.arg_reduce ") + kind + " %a axis 2" + last +
                                    " : " + in + "\n" + "%1 = ingot.arg_reduce " + kind +
                                    " %a axis 1 keepdims" + last + " : " + in + "\n" +
                                    "return %0, %1 : tensor<3x50xi64>, tensor<3x1x20xi64>"),
             .specials = true});
      }
}

TEST(Reduce, Cumsum) {
  for (const char *flags : {"", " {exclusive}", " {reverse}", " {exclusive, reverse}"})
    for (const char *axis : {"0", "1", "2"})
      checkKernel({.text = kernelText("%a: tensor<3x5x20xf32>", "tensor<3x5x20xf32>",
                                      std::string("%0 = ingot.cumsum %a axis ") + axis + flags +
                                          " : tensor<3x5x20xf32>\nreturn %0 : tensor<3x5x20xf32>"),
                   .rtol = 1e-5,
                   .atol = 1e-5});
}

TEST(Rows, Softmax) {
  for (const char *log : {"", "log "})
    for (const char *axis : {"0", "1", "2"})
      checkKernel({.text = kernelText("%a: tensor<3x5x37xf32>", "tensor<3x5x37xf32>",
                                      std::string("%0 = ingot.softmax ") + log + "%a axis " + axis +
                                          " : tensor<3x5x37xf32>\nreturn %0 : tensor<3x5x37xf32>"),
                   .rtol = 1e-5});
  checkKernel({.text = kernelText("%a: tensor<2x4x9x33xf32>, %m: tensor<2x1x1x33xf32>",
                                  "tensor<2x4x9x33xf32>", R"(
    %s = ingot.constant dense<0.125> : tensor<f32>
    %0 = ingot.mul %a, %s : tensor<2x4x9x33xf32>, tensor<f32>
    %1 = ingot.add %0, %m : tensor<2x4x9x33xf32>, tensor<2x1x1x33xf32>
    %2 = ingot.softmax %1 axis 3 : tensor<2x4x9x33xf32>
    %3 = ingot.neg %2 : tensor<2x4x9x33xf32>
    return %3 : tensor<2x4x9x33xf32>)"),
               .rtol = 1e-5});
}

TEST(Rows, LayerNorm) {
  checkKernel({.text = kernelText("%a: tensor<3x5x70xf32>, %s: tensor<70xf32>, %b: tensor<70xf32>",
                                  "tensor<3x5x70xf32>", R"(
    %0 = ingot.layer_norm %a scale %s bias %b axis 2 epsilon 1.0e-5 : tensor<3x5x70xf32>, tensor<70xf32> bias tensor<70xf32>
    return %0 : tensor<3x5x70xf32>)"),
               .rtol = 1e-5,
               .atol = 1e-5});
  checkKernel({.text = kernelText("%a: tensor<3x5x70xf32>, %r: tensor<3x5x70xf32>",
                                  "tensor<3x5x70xf32>, tensor<3x5x70xf32>", R"(
    %0 = ingot.add %a, %r : tensor<3x5x70xf32>, tensor<3x5x70xf32>
    %1 = ingot.layer_norm %0 axis 1 epsilon 1.0e-5 : tensor<3x5x70xf32>
    %2 = ingot.relu %1 : tensor<3x5x70xf32>
    return %2, %0 : tensor<3x5x70xf32>, tensor<3x5x70xf32>)"),
               .rtol = 1e-5,
               .atol = 1e-5});
  checkKernel(
      {.text = kernelText("%a: tensor<3x5x33xf32>, %s: tensor<33xf32>", "tensor<3x5x33xf32>", R"(
    %0 = ingot.rms_norm %a scale %s axis 2 epsilon 1.0e-6 : tensor<3x5x33xf32>, tensor<33xf32>
    return %0 : tensor<3x5x33xf32>)"),
       .rtol = 1e-5,
       .atol = 1e-5});
}

TEST(Rows, GroupNorm) {
  checkKernel({.text = kernelText("%a: tensor<2x6x5x7xf32>, %s: tensor<6xf32>, %b: tensor<6xf32>",
                                  "tensor<2x6x5x7xf32>", R"(
    %0 = ingot.group_norm %a scale %s bias %b groups 3 epsilon 1.0e-5 : tensor<2x6x5x7xf32>, tensor<6xf32> bias tensor<6xf32>
    return %0 : tensor<2x6x5x7xf32>)"),
               .rtol = 1e-5,
               .atol = 1e-5});
  checkKernel({.text = kernelText("%a: tensor<2x5x7x6xf32>, %s: tensor<6xf32>, %b: tensor<6xf32>",
                                  "tensor<2x5x7x6xf32>", R"(
    %0 = ingot.group_norm %a scale %s bias %b groups 2 epsilon 1.0e-5 channels_last : tensor<2x5x7x6xf32>, tensor<6xf32> bias tensor<6xf32>
    return %0 : tensor<2x5x7x6xf32>)"),
               .rtol = 1e-5,
               .atol = 1e-5});
}

static void poolCase(const std::string &kind, const std::string &in, const std::string &attributes,
                     const std::string &out, const std::string &more = "") {
  checkKernel({.text = kernelText("%a: tensor<" + in + ">", "tensor<" + out + ">",
                                  "%0 = ingot.pool " + kind + " %a " + attributes + more +
                                      " : tensor<" + in + ">\nreturn %0 : tensor<" + out + ">"),
               .rtol = 1e-5});
}

TEST(Pool, Windows) {
  for (const char *kind : {"max", "average"}) {
    poolCase(kind, "2x9x9x19xf32",
             "kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] channels_last",
             "2x5x5x19xf32");
    poolCase(kind, "2x3x19x21xf32",
             "kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1]", "2x3x10x11xf32");
    poolCase(kind, "1x3x9x40xf32",
             "kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [2, 3]", "1x3x7x37xf32");
    poolCase(kind, "1x3x40xf32", "kernel [4] strides [2] pads [1, 2] dilations [1]", "1x3x20xf32");
  }
  poolCase("average", "2x9x9x19xf32",
           "kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] channels_last",
           "2x5x5x19xf32", " {count_include_pad}");
  poolCase("average", "2x3x9x9xf32",
           "kernel [3, 3] strides [2, 2] pads [1, 1, 2, 2] dilations [1, 1]", "2x3x5x5xf32",
           " {count_include_pad, counted_pads = array<i64: 1, 1, 1, 1>}");
}
