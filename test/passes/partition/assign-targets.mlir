// RUN: ingot-opt %s --assign-targets="targets=x86-64-v3" --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s
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
