// The `conv` and `conv_transpose` strategies against the evaluator.
#include "KernelRunner.h"
#include "llvm/Support/FormatVariadic.h"

using namespace ingot::test;

namespace {

const char *const kTargets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

struct ConvShape {
  std::vector<int64_t> in; // spatial extents
  int64_t batch, channels, outputs;
  std::vector<int64_t> kernel, strides, pads, dilations;
  int64_t groups = 1;
  bool last = true;
  std::vector<int64_t> outputPadding = {};
};

std::string list(const std::vector<int64_t> &values) {
  std::string text;
  for (int64_t value : values)
    text += (text.empty() ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}
std::string tensor(const std::vector<int64_t> &shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}
std::vector<int64_t> activation(int64_t batch, int64_t channels,
                                const std::vector<int64_t> &spatial, bool last) {
  std::vector<int64_t> shape{batch};
  if (!last)
    shape.push_back(channels);
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  if (last)
    shape.push_back(channels);
  return shape;
}

std::string kernel(const ConvShape &s, bool transposed = false) {
  size_t dims = s.in.size();
  std::vector<int64_t> out;
  for (size_t d = 0; d < dims; ++d) {
    int64_t pads = s.pads[d] + s.pads[dims + d], reach = s.dilations[d] * (s.kernel[d] - 1) + 1;
    out.push_back(transposed ? (s.in[d] - 1) * s.strides[d] - pads + reach +
                                   (s.outputPadding.empty() ? 0 : s.outputPadding[d])
                             : (s.in[d] + pads - reach) / s.strides[d] + 1);
  }
  std::vector<int64_t> filter{s.outputs, s.channels / s.groups};
  if (transposed)
    filter = {s.channels, s.outputs / s.groups};
  filter.insert(filter.end(), s.kernel.begin(), s.kernel.end());
  std::string x = tensor(activation(s.batch, s.channels, s.in, s.last)), w = tensor(filter);
  std::string v = tensor({s.outputs}), y = tensor(activation(s.batch, s.outputs, out, s.last));
  std::string outputPadding =
      transposed ? " output_padding " + list(s.outputPadding.empty() ? std::vector<int64_t>(dims, 0)
                                                                     : s.outputPadding)
                 : "";
  return llvm::formatv(
             "func.func private @k(%x: {0}, %w: {1}, %b: {2}) -> {3} {{\n"
             "  %0 = ingot.{4} %x, %w bias %b strides {5} pads {6} dilations {7}{8} groups {9}{10} "
             ": {0}, "
             "{1}, {2}\n  %1 = ingot.clamp %0 min 0.0 max 6.0 : {3}\n  return %1 : {3}\n}\n",
             x, w, v, y, transposed ? "conv_transpose" : "conv", list(s.strides), list(s.pads),
             list(s.dilations), outputPadding, s.groups, s.last ? " channels_last" : "")
      .str();
}

TEST(Conv, Shapes) {
  const ConvShape shapes[] = {
      {{7, 7}, 1, 16, 32, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{13, 10}, 2, 5, 40, {3, 3}, {2, 2}, {1, 0, 1, 1}, {1, 1}},
      {{28, 28}, 1, 3, 32, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
      {{23, 23}, 1, 3, 24, {7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}},
      {{16, 16}, 1, 8, 17, {3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
      {{20, 40}, 1, 4, 8, {3, 3}, {1, 1}, {12, 12, 12, 12}, {12, 12}}, // borders wider than a tile
      {{5, 5}, 1, 8, 8, {5, 5}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{9, 9}, 1, 8, 12, {1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{100}, 1, 6, 20, {5}, {2}, {2, 2}, {1}},
      {{400}, 1, 1, 16, {9}, {1}, {0, 0}, {3}},
      {{6, 7, 8}, 1, 4, 9, {3, 3, 3}, {1, 2, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}},
      {{9, 11}, 1, 12, 24, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3},
      {{9, 11}, 1, 32, 32, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 8},
      {{9, 11}, 2, 6, 20, {3, 3}, {2, 1}, {1, 1, 1, 1}, {1, 1}, 1, false},
      {{9, 11}, 2, 6, 20, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 2, false},
  };
  for (const char *target : kTargets)
    for (const ConvShape &shape : shapes)
      EXPECT_EQ(
          runKernel({.target = target, .body = kernel(shape), .constants = {1, 2}, .pieces = 3}),
          "conv");
}

TEST(Conv, PointwiseIsGemm) {
  ConvShape shape{{9, 11}, 2, 20, 33, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}};
  for (const char *target : kTargets)
    EXPECT_EQ(runKernel({.target = target, .body = kernel(shape), .constants = {1}}), "gemm");
}

TEST(Conv, RunTimeFilter) {
  ConvShape shape{{9, 11}, 1, 6, 20, {3, 3}, {2, 1}, {1, 1, 1, 1}, {1, 1}, 2};
  for (const char *target : kTargets) {
    EXPECT_EQ(runKernel({.target = target, .body = kernel(shape)}), "conv");
    EXPECT_EQ(runKernel({.target = target, .body = kernel(shape, true)}), "conv_transpose");
  }
}

TEST(Depthwise, Shapes) {
  const ConvShape shapes[] = {
      {{7, 7}, 1, 96, 96, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 96},
      {{14, 15}, 2, 21, 21, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 21},
      {{28, 28}, 1, 40, 40, {5, 5}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 40},
      {{14, 14}, 1, 16, 16, {7, 7}, {1, 1}, {3, 3, 3, 3}, {1, 1}, 16},
      {{20, 60}, 1, 8, 8, {3, 3}, {1, 1}, {16, 16, 16, 16}, {16, 16}, 8},
      {{50}, 1, 24, 24, {31}, {1}, {15, 15}, {1}, 24},
      {{9, 9}, 1, 10, 20, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 10},
      {{9, 9}, 1, 10, 30, {3, 3}, {2, 1}, {1, 1, 1, 1}, {1, 1}, 10},
      {{9, 9}, 1, 10, 10, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 10, false},
      {{4, 5, 6}, 1, 10, 10, {3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}, 10},
  };
  for (const char *target : kTargets)
    for (const ConvShape &shape : shapes) {
      EXPECT_EQ(
          runKernel({.target = target, .body = kernel(shape), .constants = {1, 2}, .pieces = 3}),
          "depthwise");
      EXPECT_EQ(runKernel({.target = target, .body = kernel(shape)}), "depthwise");
    }
}

TEST(ConvTranspose, Shapes) {
  const ConvShape shapes[] = {
      {{7, 9}, 1, 8, 20, {2, 2}, {2, 2}, {0, 0, 0, 0}, {1, 1}},
      {{7, 9}, 2, 8, 20, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 1, true, {1, 1}},
      {{7, 9}, 1, 4, 6, {4, 4}, {3, 2}, {1, 2, 0, 1}, {1, 1}},
      {{7, 9}, 1, 4, 6, {3, 3}, {2, 2}, {1, 1, 1, 1}, {2, 2}},
      {{50}, 1, 4, 6, {16}, {8}, {4, 4}, {1}},
      {{7, 9}, 1, 8, 12, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
      {{7, 9}, 1, 8, 12, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 1, false},
  };
  for (const char *target : kTargets)
    for (const ConvShape &shape : shapes)
      EXPECT_EQ(
          runKernel(
              {.target = target, .body = kernel(shape, true), .constants = {1, 2}, .pieces = 3}),
          "conv_transpose");
}

} // namespace
