// The `attention` strategy against the evaluator: every kind of remainder, masks, grouped heads,
// blocks of keys, and what is left of rows without keys.
#include "KernelRunner.h"

using namespace ingot::test;

namespace {

const char *const kTargets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

struct Shape {
  int batch, heads, kvHeads, queries, keys, depth, columns;
};

std::string tensor(std::initializer_list<int> shape, const char *element = "f32") {
  std::string text = "tensor<";
  for (int extent : shape)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

/// The kernel of one attention; `mask` is a type or empty.
std::string attention(const Shape &s, const std::string &mask = "", bool causal = false) {
  std::string q = tensor({s.batch, s.heads, s.queries, s.depth}),
              k = tensor({s.batch, s.kvHeads, s.keys, s.depth}),
              v = tensor({s.batch, s.kvHeads, s.keys, s.columns}),
              y = tensor({s.batch, s.heads, s.queries, s.columns});
  bool masked = !mask.empty();
  return "func.func private @k(%q: " + q + ", %k: " + k + ", %v: " + v +
         (masked ? ", %m: " + mask : "") + ") -> " + y + " {\n  %0 = ingot.attention %q, %k, %v" +
         (masked ? " mask %m" : "") + " scale 0.37" + (causal ? " causal" : "") + " : " + q + ", " +
         k + ", " + v + (masked ? ", " + mask : "") + "\n  return %0 : " + y + "\n}\n";
}

void check(const std::string &body, const std::string &strategy = "") {
  for (const char *target : kTargets)
    EXPECT_EQ(runKernel({.target = target, .body = body, .strategy = strategy, .pieces = 3}),
              "attention")
        << body;
}

TEST(Attention, Shapes) {
  // Extents that are no multiple of a vector, a depth of less than one, values wider than keys.
  const Shape shapes[] = {{1, 2, 2, 16, 32, 64, 64}, {2, 3, 3, 5, 7, 3, 5},
                          {1, 1, 1, 49, 49, 32, 32}, {1, 2, 1, 23, 1, 16, 17},
                          {1, 6, 2, 70, 33, 20, 1},  {3, 1, 1, 1, 9, 1, 40},
                          {1, 4, 4, 197, 50, 64, 64}};
  for (const Shape &shape : shapes)
    check(attention(shape));
}

// More keys than one block holds: sums are scaled when a greater score comes.
TEST(Attention, BlocksOfKeys) {
  check(attention({1, 2, 2, 9, 1100, 16, 20}));
  check(attention({1, 2, 1, 40, 75, 24, 16}), "{kind = \"attention\", panel_group = 1 : i64}");
  check(attention({1, 1, 1, 70, 90, 8, 33}, "", true),
        "{kind = \"attention\", panel_group = 1 : i64, row_group = 2 : i64}");
}

TEST(Attention, Masks) {
  Shape shape{2, 4, 2, 21, 37, 16, 24};
  for (const char *element : {"f32", "i1"})
    for (auto dims : {std::initializer_list<int>{2, 4, 21, 37},
                      {1, 1, 21, 37},
                      {2, 1, 1, 37},
                      {2, 4, 21, 1},
                      {21, 37},
                      {37}})
      check(attention(shape, tensor(dims, element)));
  check(attention({2, 2, 2, 9, 300, 8, 8}, tensor({9, 300}, "i1")),
        "{kind = \"attention\", panel_group = 1 : i64}");
}

TEST(Attention, Causal) {
  check(attention({1, 2, 2, 33, 33, 16, 16}, "", true));
  check(attention({1, 2, 2, 33, 90, 16, 16}, "", true));
  check(attention({1, 2, 2, 90, 33, 16, 16}, "", true));
  check(attention({1, 2, 1, 40, 40, 16, 16}, tensor({40, 40}, "i1"), true));
}

// Heads are split before and joined after: rows are read and written where they lie.
TEST(Attention, SplitHeads) {
  check(R"(
func.func private @k(%x: tensor<2x19x3x4x20xf32>, %r: tensor<2x4x19x20xf32>) -> tensor<2x19x4x20xf32> {
  %0 = ingot.transpose %x [2, 0, 3, 1, 4] : tensor<2x19x3x4x20xf32>
  %1 = ingot.slice %0 starts [0, 0, 0, 0, 0] sizes [1, 2, 4, 19, 20] steps [1, 1, 1, 1, 1] : tensor<3x2x4x19x20xf32>
  %2 = ingot.reshape %1 : tensor<1x2x4x19x20xf32> -> tensor<2x4x19x20xf32>
  %3 = ingot.slice %0 starts [1, 0, 0, 0, 0] sizes [1, 2, 4, 19, 20] steps [1, 1, 1, 1, 1] : tensor<3x2x4x19x20xf32>
  %4 = ingot.reshape %3 : tensor<1x2x4x19x20xf32> -> tensor<2x4x19x20xf32>
  %5 = ingot.slice %0 starts [2, 0, 0, 0, 0] sizes [1, 2, 4, 19, 20] steps [1, 1, 1, 1, 1] : tensor<3x2x4x19x20xf32>
  %6 = ingot.reshape %5 : tensor<1x2x4x19x20xf32> -> tensor<2x4x19x20xf32>
  %7 = ingot.attention %2, %4, %6 scale 0.25 : tensor<2x4x19x20xf32>, tensor<2x4x19x20xf32>, tensor<2x4x19x20xf32>
  %8 = ingot.add %7, %r : tensor<2x4x19x20xf32>, tensor<2x4x19x20xf32>
  %9 = ingot.transpose %8 [0, 2, 1, 3] : tensor<2x4x19x20xf32>
  return %9 : tensor<2x19x4x20xf32>
})");
}

// Infinite and NaN masks: -inf leaves out, all of -inf gives 0, NaN and +inf give NaN.
TEST(Attention, SpecialMasks) {
  for (const char *strategy : {"", "{kind = \"attention\", panel_group = 1 : i64}"})
    check(R"(
func.func private @k(%q: tensor<1x1x5x8xf32>, %k: tensor<1x1x40x8xf32>, %v: tensor<1x1x40x8xf32>, %x: tensor<5x40xf32>) -> tensor<1x1x5x8xf32> {
  %f = ingot.constant dense<[[0.0], [0xFF800000], [0x7FC00000], [0x7F800000], [-1.0e30]]> : tensor<5x1xf32>
  %m = ingot.add %x, %f : tensor<5x40xf32>, tensor<5x1xf32>
  %0 = ingot.attention %q, %k, %v mask %m scale 1.0 : tensor<1x1x5x8xf32>, tensor<1x1x40x8xf32>, tensor<1x1x40x8xf32>, tensor<5x40xf32>
  return %0 : tensor<1x1x5x8xf32>
})",
          strategy);
}

} // namespace
