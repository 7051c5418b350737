// Target strings, and that images hold code for every ISA with nothing left to link.
#include "KernelRunner.h"
#include "backends/cpu/Image.h"
#include "llvm/ADT/STLExtras.h"

using namespace ingot;
using namespace ingot::test;

namespace {

std::string errorOf(llvm::StringRef spec) {
  auto isa = cpu::parseIsa(spec);
  return isa ? "" : llvm::toString(isa.takeError());
}

TEST(Isa, ParsesTargetStrings) {
  auto v3 = cpu::parseIsa("x86-64-v3");
  ASSERT_TRUE(bool(v3));
  EXPECT_EQ(v3->vectorBytes, 32u);
  EXPECT_EQ(v3->registers, 16u);
  EXPECT_TRUE(v3->fma);
  EXPECT_TRUE(llvm::is_contained(v3->required, "avx2"));
  EXPECT_FALSE(llvm::is_contained(v3->required, "avx512f"));
  auto vnni = cpu::parseIsa("x86-64-v4+avx512vnni");
  ASSERT_TRUE(bool(vnni));
  EXPECT_EQ(vnni->vectorBytes, 64u);
  EXPECT_EQ(vnni->registers, 32u);
  EXPECT_TRUE(llvm::is_contained(vnni->required, "avx512vnni"));
  auto zen = cpu::parseIsa("x86-64:znver4-avx512f");
  ASSERT_TRUE(bool(zen));
  EXPECT_EQ(zen->cpu, "znver4");
  EXPECT_EQ(zen->vectorBytes, 32u);
  auto arm = cpu::parseIsa("aarch64+dotprod");
  ASSERT_TRUE(bool(arm));
  EXPECT_EQ(arm->arch, "aarch64");
  EXPECT_TRUE(llvm::is_contained(arm->required, "dotprod"));
  auto m55 = cpu::parseIsa("cortex-m55");
  ASSERT_TRUE(bool(m55));
  EXPECT_EQ(m55->indexBits, 32u);
  EXPECT_EQ(m55->vectorBytes, 16u);
  auto v2 = cpu::parseIsa("x86-64-v2");
  ASSERT_TRUE(bool(v2));
  EXPECT_FALSE(v2->fma);
  EXPECT_TRUE(bool(cpu::parseIsa("host")));
}

TEST(Isa, HostIsNamedByWhatItIs) {
  auto host = cpu::parseIsa("host");
  ASSERT_TRUE(bool(host)) << llvm::toString(host.takeError());
  EXPECT_NE(host->spec.find(':'), std::string::npos) << host->spec;
  auto named = cpu::parseIsa(host->spec);
  ASSERT_TRUE(bool(named)) << llvm::toString(named.takeError());
  EXPECT_EQ(named->spec, host->spec);
  EXPECT_EQ(named->required, host->required);
  EXPECT_EQ(named->vectorBytes, host->vectorBytes);
  EXPECT_EQ(named->registers, host->registers);
}

TEST(Isa, RefusesWhatLlvmDoesNotKnow) {
  EXPECT_NE(errorOf("x86-64:zen99").find("unknown CPU 'zen99'"), std::string::npos);
  EXPECT_NE(errorOf("aarch64+avx2").find("unknown feature 'avx2'"), std::string::npos);
  EXPECT_NE(errorOf("x86-64-v3+nonsense").find("unknown feature"), std::string::npos);
  EXPECT_NE(errorOf("sparc").find("no such CPU target"), std::string::npos);
  EXPECT_NE(errorOf("x86-64-v3x").find("expected +FEATURE or -FEATURE at 'x'"), std::string::npos);
}

/// Kernels with integer products, divisions, copies and every contraction: what could need a
/// library.
const char *const kBodies[] = {
    R"(
func.func private @k(%x: tensor<9x16xf32>, %w: tensor<16x21xf32>, %r: tensor<9x21xf32>) -> tensor<9x21xf32> {
  %0 = ingot.matmul %x, %w : tensor<9x16xf32>, tensor<16x21xf32>
  %1 = ingot.add %0, %r : tensor<9x21xf32>, tensor<9x21xf32>
  %2 = ingot.clamp %1 min 0.0 max 6.0 : tensor<9x21xf32>
  return %2 : tensor<9x21xf32>
})",
    R"(
func.func private @k(%x: tensor<1x5x9x16xf32>, %w: tensor<1x5x21x16xf32>) -> tensor<1x5x9x21xf32> {
  %0 = ingot.matmul %x, %w transpose_b : tensor<1x5x9x16xf32>, tensor<1x5x21x16xf32>
  return %0 : tensor<1x5x9x21xf32>
})",
    R"(
func.func private @k(%x: tensor<9x16xi8>, %w: tensor<16x21xi8>) -> tensor<9x21xi32> {
  %0 = ingot.matmul %x, %w : tensor<9x16xi8>, tensor<16x21xi8>
  return %0 : tensor<9x21xi32>
})",
    R"(
func.func private @k(%x: tensor<9x16xf64>, %w: tensor<16x21xf64>) -> tensor<9x21xf64> {
  %0 = ingot.matmul %x, %w : tensor<9x16xf64>, tensor<16x21xf64>
  return %0 : tensor<9x21xf64>
})",
    R"(
func.func private @k(%x: tensor<1x9x9x8xf32>, %w: tensor<19x8x3x3xf32>) -> tensor<1x5x5x19xf32> {
  %0 = ingot.conv %x, %w strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : tensor<1x9x9x8xf32>, tensor<19x8x3x3xf32>
  return %0 : tensor<1x5x5x19xf32>
})",
    R"(
func.func private @k(%x: tensor<1x9x9x8xf32>, %w: tensor<8x1x3x3xf32>) -> tensor<1x9x9x8xf32> {
  %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 8 channels_last : tensor<1x9x9x8xf32>, tensor<8x1x3x3xf32>
  return %0 : tensor<1x9x9x8xf32>
})",
    R"(
func.func private @k(%x: tensor<1x5x5x8xf32>, %w: tensor<8x6x3x3xf32>) -> tensor<1x11x11x6xf32> {
  %0 = ingot.conv_transpose %x, %w strides [2, 2] pads [0, 0, 0, 0] dilations [1, 1] output_padding [0, 0] groups 1 channels_last : tensor<1x5x5x8xf32>, tensor<8x6x3x3xf32>
  return %0 : tensor<1x11x11x6xf32>
})",
};

TEST(Image, HasNoUndefinedSymbolOnAnyIsa) {
  for (const char *target :
       {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64", "cortex-m55", "riscv64+v"})
    for (const char *body : kBodies)
      for (std::vector<unsigned> constants : {std::vector<unsigned>{1}, std::vector<unsigned>{}}) {
        auto code = compileKernel({.target = target, .body = body, .constants = constants});
        ASSERT_TRUE(llvm::succeeded(code)) << target << body;
        ASSERT_EQ(code->segments.size(), 1u);
        EXPECT_GT(code->segments[0].bytes.size(), 64u);
        EXPECT_LT(code->kernels[0].entry, code->segments[0].bytes.size());
      }
}

TEST(Image, IsTheSameTwice) {
  KernelCase test{.target = "x86-64-v3", .body = kBodies[4], .constants = {1}};
  auto first = compileKernel(test), second = compileKernel(test);
  ASSERT_TRUE(llvm::succeeded(first) && llvm::succeeded(second));
  EXPECT_EQ(first->segments[0].bytes, second->segments[0].bytes);
}

} // namespace
