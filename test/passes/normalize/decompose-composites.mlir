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

// Grouped heads, a causal mask, lengths that vary.
// CHECK-LABEL: func.func @open_attention
// KEEP-LABEL: func.func @open_attention
func.func @open_attention(%q: tensor<?x4x?x8xf32, #ingot.dims<["b", "s"]>>, %k: tensor<?x2x?x8xf32, #ingot.dims<["b", "s"]>>, %v: tensor<?x2x?x6xf32, #ingot.dims<["b", "s"]>>) -> tensor<?x4x?x6xf32, #ingot.dims<["b", "s"]>> {
  // CHECK: ingot.reshape %arg0 : {{.*}} -> tensor<?x2x?x8xf32, #ingot.dims<["b", "2*s"]>>
  // CHECK: ingot.iota dim 0 : tensor<?x1xi32, #ingot.dims<["s"]>>
  // CHECK: ingot.softmax
  // CHECK-NOT: ingot.attention
  // KEEP: ingot.attention
  %0 = ingot.attention %q, %k, %v scale 0.5 causal : tensor<?x4x?x8xf32, #ingot.dims<["b", "s"]>>, tensor<?x2x?x8xf32, #ingot.dims<["b", "s"]>>, tensor<?x2x?x6xf32, #ingot.dims<["b", "s"]>>
  return %0 : tensor<?x4x?x6xf32, #ingot.dims<["b", "s"]>>
}

// CHECK-LABEL: func.func @open_group_norm
// KEEP-LABEL: func.func @open_group_norm
func.func @open_group_norm(%x: tensor<?x8x?xf32, #ingot.dims<["b", "t"]>>) -> tensor<?x8x?xf32, #ingot.dims<["b", "t"]>> {
  // CHECK: ingot.reshape %arg0 : {{.*}} -> tensor<?x2x?xf32, #ingot.dims<["b", "4*t"]>>
  // CHECK-NEXT: ingot.layer_norm
  %0 = ingot.group_norm %x groups 2 epsilon 1.0e-5 : tensor<?x8x?xf32, #ingot.dims<["b", "t"]>>
  return %0 : tensor<?x8x?xf32, #ingot.dims<["b", "t"]>>
}
