// RUN: ingot-opt %s --assign-layout | FileCheck %s

// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<1x3x8x8xf32>, %w: tensor<16x3x3x3xf32>) -> tensor<1x16x8x8xf32> {
  // CHECK: %[[X:.*]] = ingot.transpose %arg0 [0, 2, 3, 1] {ingot.target = "t"}
  // CHECK: %[[Y:.*]] = ingot.conv %[[X]], %arg1 {{.*}} channels_last {ingot.target = "t"} : tensor<1x8x8x3xf32>
  // CHECK: %[[R:.*]] = ingot.transpose %[[Y]] [0, 3, 1, 2] {ingot.target = "t"} : tensor<1x8x8x16xf32>
  // CHECK: return %[[R]]
  %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 {ingot.target = "t"} : tensor<1x3x8x8xf32>, tensor<16x3x3x3xf32>
  return %0 : tensor<1x16x8x8xf32>
}

// One that is channels_last already, and ops without space, stay.
// CHECK-LABEL: func.func @stay
func.func @stay(%x: tensor<1x8x3xf32>, %w: tensor<16x3x1xf32>) -> tensor<1x8x16xf32> {
  // CHECK-NOT: transpose
  %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 channels_last : tensor<1x8x3xf32>, tensor<16x3x1xf32>
  %1 = ingot.relu %0 : tensor<1x8x16xf32>
  return %1 : tensor<1x8x16xf32>
}

// Batch and space may vary.
// CHECK-LABEL: func.func @open
func.func @open(%x: tensor<?x3x?xf32, #ingot.dims<["b", "t"]>>, %w: tensor<16x3x3xf32>) -> tensor<?x16x?xf32, #ingot.dims<["b", "floordiv(t + 1, 2)"]>> {
  // CHECK: ingot.conv {{.*}} channels_last {{.*}} : tensor<?x?x3xf32, #ingot.dims<["b", "t"]>>
  // CHECK: ingot.transpose {{.*}} : tensor<?x?x16xf32, #ingot.dims<["b", "floordiv(t + 1, 2)"]>>
  %0 = ingot.conv %x, %w strides [2] pads [1, 1] dilations [1] groups 1 {ingot.target = "t"} : tensor<?x3x?xf32, #ingot.dims<["b", "t"]>>, tensor<16x3x3xf32>
  return %0 : tensor<?x16x?xf32, #ingot.dims<["b", "floordiv(t + 1, 2)"]>>
}
