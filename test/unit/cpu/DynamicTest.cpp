// Kernels with dynamic extents: compiled once, run at many sizes, compared with the evaluator at
// each.
#include "KernelRunner.h"

using namespace ingot::test;

namespace {

const char *const kTargets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

/// One dim at sizes around vectors of 4, 8 and 16 lanes and register tiles.
std::vector<std::vector<int64_t>> oneDim() {
  return {{1}, {2}, {3}, {4}, {5}, {7}, {8}, {9}, {15}, {16}, {17}, {31}, {33}, {64}, {70}};
}
std::vector<std::vector<int64_t>> twoDims() {
  return {{1, 1}, {1, 5}, {2, 16}, {3, 17}, {1, 33}, {4, 8}, {2, 67}};
}

/// Writes tensor types out: `T[2,d0,8]f32` is tensor<2x?x8xf32, #ingot.dims<["d0"]>>.
std::string withTypes(std::string text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t open = text.find("T[", at);
    if (open == std::string::npos) {
      result += text.substr(at);
      break;
    }
    result += text.substr(at, open - at);
    size_t close = text.find(']', open), end = close + 1;
    while (end < text.size() && isalnum(text[end]))
      ++end;
    std::string shape, names, list = text.substr(open + 2, close - open - 2) + ",";
    for (size_t i = 0; list != "," && i < list.size();) {
      size_t comma = list.find(',', i);
      std::string extent = list.substr(i, comma - i);
      bool number = extent.find_first_not_of("0123456789") == std::string::npos;
      shape += (number ? extent : "?") + "x";
      if (!number) {
        std::replace(extent.begin(), extent.end(), ';', ','); // floordiv(a; b)
        names += (names.empty() ? "\"" : ", \"") + extent + "\"";
      }
      i = comma + 1;
    }
    result += "tensor<" + shape + text.substr(close + 1, end - close - 1);
    result += names.empty() ? ">" : ", #ingot.dims<[" + names + "]>>";
    at = end;
  }
  return result;
}

void check(const char *kind, const std::string &body, std::vector<std::vector<int64_t>> sizes,
           std::vector<unsigned> constants = {}) {
  for (const char *target : kTargets)
    for (unsigned pieces : {1u, 3u})
      EXPECT_EQ(runKernel({.target = target,
                           .body = withTypes(body),
                           .constants = constants,
                           .pieces = pieces,
                           .sizes = sizes}),
                kind);
}

TEST(Dynamic, Elementwise) {
  check("generic", R"(func.func private @k(%x: T[d0,384]f32, %b: T[384]f32) -> T[d0,384]f32 {
    %0 = ingot.add %x, %b : T[d0,384]f32, T[384]f32
    %1 = ingot.gelu %0 : T[d0,384]f32
    return %1 : T[d0,384]f32 })",
        oneDim());
  check("generic", R"(func.func private @k(%x: T[3,d0]f32, %y: T[d0]f32) -> T[3,d0]f32 {
    %0 = ingot.mul %x, %y : T[3,d0]f32, T[d0]f32
    return %0 : T[3,d0]f32 })",
        oneDim());
}

TEST(Dynamic, Integers) {
  // What masked lanes hold must not trap.
  check("generic", R"(func.func private @k(%x: T[d0]i64, %y: T[d0]i64) -> T[d0]i64 {
    %one = ingot.constant dense<1> : tensor<i64>
    %a = ingot.abs %y : T[d0]i64
    %b = ingot.add %a, %one : T[d0]i64, tensor<i64>
    %0 = ingot.div %x, %b : T[d0]i64, T[d0]i64
    return %0 : T[d0]i64 })",
        oneDim());
}

TEST(Dynamic, Movement) {
  check("generic", R"(func.func private @k(%x: T[d0,d1,12]f32) -> T[d1,12,d0]f32 {
    %0 = ingot.transpose %x [1, 2, 0] : T[d0,d1,12]f32
    return %0 : T[d1,12,d0]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[d0,d1,6]f32) -> T[d0*d1,6]f32 {
    %0 = ingot.transpose %x [1, 0, 2] : T[d0,d1,6]f32
    %1 = ingot.reshape %0 : T[d1,d0,6]f32 -> T[d0*d1,6]f32
    %2 = ingot.neg %1 : T[d0*d1,6]f32
    return %2 : T[d0*d1,6]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[2,d0]f32, %y: T[2,d1]f32) -> T[2,d0 + d1]f32 {
    %0 = ingot.concat %x, %y axis 1 : T[2,d0]f32, T[2,d1]f32
    return %0 : T[2,d0 + d1]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[d0 + d1,3]f32) -> T[d1,3]f32 {
    %0 = ingot.slice %x starts [-9223372036854775808, 0] sizes [-9223372036854775808, 3] steps [1, 1]
         dims <["d0", "d1"]> : T[d0 + d1,3]f32
    %1 = ingot.exp %0 : T[d1,3]f32
    return %1 : T[d1,3]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[3,d0]f32) -> T[3,d0 + 5]f32 {
    %0 = ingot.pad %x low [0, 2] high [0, 3] : T[3,d0]f32
    return %0 : T[3,d0 + 5]f32 })",
        oneDim());
}

TEST(Dynamic, ChannelsLast) {
  check("generic", R"(func.func private @k(%x: T[2,3,d0,d1]f32) -> T[2,d0,d1,3]f32 {
    %0 = ingot.transpose %x [0, 2, 3, 1] : T[2,3,d0,d1]f32
    return %0 : T[2,d0,d1,3]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[d0,d1,20]f32) -> T[20,d0,d1]f32 {
    %0 = ingot.transpose %x [2, 0, 1] : T[d0,d1,20]f32
    return %0 : T[20,d0,d1]f32 })",
        twoDims());
}

TEST(Dynamic, ArgReduce) {
  for (const char *kind : {"max", "min"})
    for (const char *last : {"", "{select_last} "})
      check("generic",
            std::string(
                "func.func private @k(%x: T[3,d0]f32) -> T[3]i64 {\n %0 = ingot.arg_reduce ") +
                kind + " %x axis 1 " + last + ": T[3,d0]f32\n return %0 : T[3]i64 }",
            oneDim());
  check("generic", R"(func.func private @k(%x: T[d0,d1]i32) -> T[d0]i64 {
    %0 = ingot.arg_reduce max %x axis 1 : T[d0,d1]i32
    return %0 : T[d0]i64 })",
        twoDims());
}

TEST(Dynamic, Empty) {
  // A cache that holds nothing yet, read by what follows the concatenation.
  check("generic",
        R"(func.func private @k(%x: T[2,d0,3]f32, %y: T[2,d1,3]f32) -> T[2,3,d0 + d1]f32 {
    %0 = ingot.concat %x, %y axis 1 : T[2,d0,3]f32, T[2,d1,3]f32
    %1 = ingot.transpose %0 [0, 2, 1] : T[2,d0 + d1,3]f32
    return %1 : T[2,3,d0 + d1]f32 })",
        {{0, 1}, {0, 17}, {5, 1}, {0, 0}});
  check("generic", R"(func.func private @k(%x: T[d0,d1]f32) -> T[d0]f32 {
    %0 = ingot.reduce sum %x dims [1] : T[d0,d1]f32
    return %0 : T[d0]f32 })",
        {{0, 3}, {3, 0}, {2, 5}});
  check("gemm", R"(func.func private @k(%x: T[d0,8]f32, %w: T[8,20]f32) -> T[d0,20]f32 {
    %0 = ingot.matmul %x, %w : T[d0,8]f32, T[8,20]f32
    return %0 : T[d0,20]f32 })",
        {{0}, {3}}, {1});
}

TEST(Dynamic, Gather) {
  check("generic", R"(func.func private @k(%x: T[10,33]f32, %i: T[d0,d1]i64) -> T[d0,d1,33]f32 {
    %0 = ingot.gather %x [%i] axis 0 : T[10,33]f32, T[d0,d1]i64
    return %0 : T[d0,d1,33]f32 })",
        twoDims());
}

TEST(Dynamic, NumbersOfDims) {
  check("generic", R"(func.func private @k(%x: T[d0,5]f32) -> T[d0,5]f32 {
    %n = ingot.dim "2*d0 + 1" : tensor<i64>
    %f = ingot.cast %n : tensor<i64> -> tensor<f32>
    %i = ingot.iota dim 0 : T[d0,1]f32
    %0 = ingot.div %x, %f : T[d0,5]f32, tensor<f32>
    %1 = ingot.add %0, %i : T[d0,5]f32, T[d0,1]f32
    return %1 : T[d0,5]f32 })",
        oneDim());
}

TEST(Dynamic, Rows) {
  check("generic", R"(func.func private @k(%x: T[d0,d1]f32) -> T[d0,d1]f32 {
    %0 = ingot.softmax %x axis 1 : T[d0,d1]f32
    return %0 : T[d0,d1]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[d0,d1,7]f32) -> T[d0,d1,7]f32 {
    %0 = ingot.softmax %x axis 1 : T[d0,d1,7]f32
    return %0 : T[d0,d1,7]f32 })",
        twoDims());
  check("generic",
        R"(func.func private @k(%x: T[d0,70]f32, %s: T[70]f32, %b: T[70]f32) -> T[d0,70]f32 {
    %0 = ingot.layer_norm %x scale %s bias %b axis 1 epsilon 1.0e-05 : T[d0,70]f32, T[70]f32 bias T[70]f32
    return %0 : T[d0,70]f32 })",
        oneDim());
  check("generic", R"(func.func private @k(%x: T[d0,d1]f32) -> T[d0]f32 {
    %0 = ingot.reduce mean %x dims [1] : T[d0,d1]f32
    return %0 : T[d0]f32 })",
        twoDims());
  check("generic", R"(func.func private @k(%x: T[d0,d1,5]f32) -> T[d0,5]f32 {
    %0 = ingot.reduce max %x dims [1] : T[d0,d1,5]f32
    return %0 : T[d0,5]f32 })",
        twoDims());
}

TEST(Dynamic, Linear) {
  // Rows of a constant right-hand side, with and without an epilogue; and a batch.
  check("gemm",
        R"(func.func private @k(%x: T[d0,64]f32, %w: T[64,40]f32, %b: T[40]f32) -> T[d0,40]f32 {
    %0 = ingot.matmul %x, %w bias %b : T[d0,64]f32, T[64,40]f32, T[40]f32
    %1 = ingot.relu %0 : T[d0,40]f32
    return %1 : T[d0,40]f32 })",
        oneDim(), {1});
  check(
      "gemm",
      R"(func.func private @k(%x: T[d0,d1,36]f32, %w: T[50,36]f32, %y: T[d0,d1,50]f32) -> T[d0,d1,50]f32 {
    %0 = ingot.matmul %x, %w transpose_b : T[d0,d1,36]f32, T[50,36]f32
    %1 = ingot.add %0, %y : T[d0,d1,50]f32, T[d0,d1,50]f32
    return %1 : T[d0,d1,50]f32 })",
      twoDims(), {1});
}

TEST(Dynamic, Matmul) {
  check("gemm",
        R"(func.func private @k(%x: T[d0,6,d1,32]f32, %y: T[d0,6,d1,32]f32) -> T[d0,6,d1,d1]f32 {
    %0 = ingot.matmul %x, %y transpose_b : T[d0,6,d1,32]f32, T[d0,6,d1,32]f32
    return %0 : T[d0,6,d1,d1]f32 })",
        twoDims());
  check("gemm",
        R"(func.func private @k(%x: T[d0,6,d1,d1]f32, %y: T[d0,6,d1,20]f32) -> T[d0,6,d1,20]f32 {
    %0 = ingot.matmul %x, %y : T[d0,6,d1,d1]f32, T[d0,6,d1,20]f32
    return %0 : T[d0,6,d1,20]f32 })",
        twoDims());
  check("gemm", R"(func.func private @k(%x: T[5,9]f32, %y: T[9,d0]f32, %b: T[d0]f32) -> T[5,d0]f32 {
    %0 = ingot.matmul %x, %y bias %b : T[5,9]f32, T[9,d0]f32, T[d0]f32
    %1 = ingot.sigmoid %0 : T[5,d0]f32
    return %1 : T[5,d0]f32 })",
        oneDim());
}

TEST(Dynamic, FewRows) {
  // One query on a growing cache: dot products along the keys as they lie.
  check("gemm", R"(func.func private @k(%x: T[2,4,1,40]f32, %y: T[2,4,d0,40]f32) -> T[2,4,1,d0]f32 {
    %0 = ingot.matmul %x, %y transpose_b : T[2,4,1,40]f32, T[2,4,d0,40]f32
    return %0 : T[2,4,1,d0]f32 })",
        oneDim());
}

TEST(Dynamic, Attention) {
  check(
      "attention",
      R"(func.func private @k(%q: T[d0,4,d1,24]f32, %k: T[d0,2,d1,24]f32, %v: T[d0,2,d1,20]f32) -> T[d0,4,d1,20]f32 {
    %0 = ingot.attention %q, %k, %v scale 0.3 : T[d0,4,d1,24]f32, T[d0,2,d1,24]f32, T[d0,2,d1,20]f32
    return %0 : T[d0,4,d1,20]f32 })",
      twoDims());
  check(
      "attention",
      R"(func.func private @k(%q: T[1,4,d0,16]f32, %k: T[1,4,d1,16]f32, %v: T[1,4,d1,16]f32, %m: T[d0,d1]f32) -> T[1,d0,4,16]f32 {
    %0 = ingot.attention %q, %k, %v mask %m scale 0.25 : T[1,4,d0,16]f32, T[1,4,d1,16]f32, T[1,4,d1,16]f32, T[d0,d1]f32
    %1 = ingot.transpose %0 [0, 2, 1, 3] : T[1,4,d0,16]f32
    return %1 : T[1,d0,4,16]f32 })",
      {{1, 1}, {5, 3}, {1, 40}, {17, 17}, {33, 70}, {3, 600}});
  check(
      "attention",
      R"(func.func private @k(%q: T[d0,2,d1,8]f32, %k: T[d0,2,d1,8]f32, %v: T[d0,2,d1,8]f32) -> T[d0,2,d1,8]f32 {
    %0 = ingot.attention %q, %k, %v scale 0.5 causal : T[d0,2,d1,8]f32, T[d0,2,d1,8]f32, T[d0,2,d1,8]f32
    return %0 : T[d0,2,d1,8]f32 })",
      twoDims());
}

TEST(Dynamic, Convolution) {
  check("conv",
        R"(func.func private @k(%x: T[d0,9,13,5]f32, %w: T[45,5,3,3]f32) -> T[d0,5,7,45]f32 {
    %0 = ingot.conv %x, %w strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : T[d0,9,13,5]f32, T[45,5,3,3]f32
    return %0 : T[d0,5,7,45]f32 })",
        {{1}, {2}, {5}}, {1});
  check(
      "conv",
      R"(func.func private @k(%x: T[1,d0,d1,5]f32, %w: T[19,5,3,3]f32, %b: T[19]f32) -> T[1,d0,d1,19]f32 {
    %0 = ingot.conv %x, %w bias %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : T[1,d0,d1,5]f32, T[19,5,3,3]f32, T[19]f32
    %1 = ingot.relu %0 : T[1,d0,d1,19]f32
    return %1 : T[1,d0,d1,19]f32 })",
      {{1, 1}, {3, 2}, {4, 7}, {9, 40}, {2, 33}}, {1});
  check(
      "conv",
      R"(func.func private @k(%x: T[1,d0,8]f32, %w: T[16,8,3]f32) -> T[1,floordiv(d0 + 1; 2),16]f32 {
    %0 = ingot.conv %x, %w strides [2] pads [1, 1] dilations [1] groups 1 channels_last : T[1,d0,8]f32, T[16,8,3]f32
    return %0 : T[1,floordiv(d0 + 1; 2),16]f32 })",
      oneDim(), {1});
  check("depthwise",
        R"(func.func private @k(%x: T[d0,d1,9,24]f32, %w: T[24,1,3,3]f32) -> T[d0,d1,9,24]f32 {
    %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 24 channels_last : T[d0,d1,9,24]f32, T[24,1,3,3]f32
    return %0 : T[d0,d1,9,24]f32 })",
        twoDims(), {1});
  check("depthwise",
        R"(func.func private @k(%x: T[d0,3,d1,24]f32, %w: T[24,1,3,3]f32) -> T[d0,3,d1,24]f32 {
    %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 24 channels_last : T[d0,3,d1,24]f32, T[24,1,3,3]f32
    return %0 : T[d0,3,d1,24]f32 })",
        twoDims(), {1});
  check("conv_transpose",
        R"(func.func private @k(%x: T[d0,d1,8]f32, %w: T[8,6,3]f32) -> T[d0,2*d1 + 1,6]f32 {
    %0 = ingot.conv_transpose %x, %w strides [2] pads [0, 0] dilations [1] output_padding [0] groups 1 channels_last : T[d0,d1,8]f32, T[8,6,3]f32
    return %0 : T[d0,2*d1 + 1,6]f32 })",
        twoDims(), {1});
  // One point: rows of a matrix product.
  check("gemm",
        R"(func.func private @k(%x: T[d0,7,d1,12]f32, %w: T[20,12,1,1]f32) -> T[d0,7,d1,20]f32 {
    %0 = ingot.conv %x, %w strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] groups 1 channels_last : T[d0,7,d1,12]f32, T[20,12,1,1]f32
    return %0 : T[d0,7,d1,20]f32 })",
        twoDims(), {1});
}

TEST(Dynamic, Pooling) {
  check("generic",
        R"(func.func private @k(%x: T[d0,d1,9,7]f32) -> T[d0,floordiv(d1 + 1; 2),5,7]f32 {
    %0 = ingot.pool max %x kernel [3, 3] strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] channels_last : T[d0,d1,9,7]f32
    return %0 : T[d0,floordiv(d1 + 1; 2),5,7]f32 })",
        {{1, 3}, {2, 8}, {3, 17}});
}

TEST(Dynamic, Resize) {
  for (const char *mode : {"nearest", "linear", "cubic"})
    for (const char *coordinates :
         {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"})
      check("generic",
            std::string("func.func private @k(%x: T[1,d0,d1,3]f32) -> T[1,2*d0,2*d1,3]f32 {\n"
                        "%0 = ingot.resize ") +
                mode + " %x scales [1.0, 2.0, 2.0, 1.0] " + coordinates +
                " : T[1,d0,d1,3]f32 -> T[1,2*d0,2*d1,3]f32\n"
                "return %0 : T[1,2*d0,2*d1,3]f32 }",
            {{1, 1}, {3, 5}, {2, 17}});
}

TEST(Dynamic, Recurrence) {
  check(
      "generic",
      R"(func.func private @k(%x: T[d0,d1,6]f32, %w: T[1,32,6]f32, %r: T[1,32,8]f32, %b: T[1,32]f32, %h: T[1,d1,8]f32, %c: T[1,d1,8]f32) -> (T[d0,1,d1,8]f32, T[1,d1,8]f32, T[1,d1,8]f32) {
    %0, %1, %2 = ingot.lstm forward(%x, %w, %r, %b, %h, %c) : (T[d0,d1,6]f32, T[1,32,6]f32, T[1,32,8]f32, T[1,32]f32, T[1,d1,8]f32, T[1,d1,8]f32) -> (T[d0,1,d1,8]f32, T[1,d1,8]f32, T[1,d1,8]f32)
    return %0, %1, %2 : T[d0,1,d1,8]f32, T[1,d1,8]f32, T[1,d1,8]f32 })",
      {{1, 1}, {4, 2}, {9, 3}, {2, 1}});
}

} // namespace
