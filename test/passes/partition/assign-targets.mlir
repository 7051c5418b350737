// RUN: ingot-opt %s --assign-targets="targets=x86-64-v3" --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s
// RUN: ingot-opt %s --assign-targets="targets=vulkan,x86-64-v3" | FileCheck %s --check-prefix=VULKAN
// RUN: not ingot-opt %s --assign-targets="targets=no-such-target" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not ingot-opt %s --assign-targets 2>&1 | FileCheck %s --check-prefix=NONE

// UNKNOWN: unknown target 'no-such-target'
// NONE: assign-targets needs at least one target

// What computes or moves elements gets a target; constants do not.
// CHECK: ingot.targets = [{name = "x86-64-v3", space = "host"}]
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {
  // CHECK: ingot.constant
  // CHECK-NOT: ingot.target =
  // CHECK: ingot.matmul {{.*}}ingot.target = "x86-64-v3"
  // CHECK: ingot.relu {{.*}}ingot.target = "x86-64-v3"
  %w = ingot.constant dense<1.0> : tensor<4x3xf32> loc("w")
  %0 = ingot.matmul %x, %w : tensor<2x4xf32>, tensor<4x3xf32> loc("fc")
  %1 = ingot.relu %0 : tensor<2x3xf32> loc("act")
  return %1 : tensor<2x3xf32>
}

// A target with memory of its own takes contractions that are worth a transfer, and what follows from them; what it does
// not claim goes on.
// VULKAN: ingot.targets = [{name = "vulkan", space = "vulkan"}, {name = "x86-64-v3", space = "host"}]
// VULKAN-LABEL: func.func @feed_forward
// VULKAN: ingot.relu {{.*}}ingot.target = "x86-64-v3"
// VULKAN: ingot.matmul {{.*}}ingot.target = "vulkan"
// VULKAN: ingot.gelu {{.*}}ingot.target = "vulkan"
// VULKAN: ingot.add {{.*}}ingot.target = "vulkan"
// VULKAN: ingot.layer_norm {{.*}}ingot.target = "vulkan"
// VULKAN: ingot.transpose {{.*}}ingot.target = "x86-64-v3"
// VULKAN: ingot.matmul {{.*}}ingot.target = "x86-64-v3"
func.func @feed_forward(%x: tensor<8x768xf32>, %w: tensor<768x4xf32>) -> tensor<768x4xf32> {
  %c = ingot.constant dense<1.0> : tensor<768x768xf32> loc("c")
  %0 = ingot.relu %x : tensor<8x768xf32> loc("first")
  %1 = ingot.matmul %0, %c : tensor<8x768xf32>, tensor<768x768xf32> loc("up")
  %2 = ingot.gelu %1 : tensor<8x768xf32> loc("act")
  %3 = ingot.add %2, %0 : tensor<8x768xf32>, tensor<8x768xf32> loc("residual")
  %4 = ingot.layer_norm %3 axis 1 epsilon 1.0e-5 : tensor<8x768xf32> loc("norm")
  %5 = ingot.transpose %4 [1, 0] : tensor<8x768xf32> loc("flip")
  %6 = ingot.slice %w starts [0, 0] sizes [8, 4] steps [1, 1] : tensor<768x4xf32> loc("part")
  %7 = ingot.matmul %5, %6 : tensor<768x8xf32>, tensor<8x4xf32> loc("no weights")
  return %7 : tensor<768x4xf32>
}
