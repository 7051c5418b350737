// RUN: ingot-opt %s --decompose-composites | FileCheck %s
// RUN: ingot-opt %s --decompose-composites=keep=ingot.attention | FileCheck %s --check-prefix=KEEP

// CHECK-LABEL: func.func @attention
// KEEP-LABEL: func.func @attention
func.func @attention(%q: tensor<1x2x3x4xf32>, %k: tensor<1x2x5x4xf32>, %v: tensor<1x2x5x6xf32>) -> tensor<1x2x3x6xf32> {
  // CHECK: %[[S:.*]] = ingot.matmul %arg0, %arg1 transpose_b
  // CHECK: %[[M:.*]] = ingot.mul %[[S]]
  // CHECK: %[[P:.*]] = ingot.softmax %[[M]] axis 3
  // CHECK: ingot.matmul %[[P]], %arg2
  // CHECK-NOT: ingot.attention
  // KEEP: ingot.attention
  %0 = ingot.attention %q, %k, %v scale 5.0e-01 : tensor<1x2x3x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x6xf32>
  return %0 : tensor<1x2x3x6xf32>
}

// An op without a decomposition stays.
// CHECK-LABEL: func.func @softmax
func.func @softmax(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // CHECK: ingot.softmax
  %0 = ingot.softmax %x axis 1 : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
