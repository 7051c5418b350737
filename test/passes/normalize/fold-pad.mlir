// RUN: ingot-opt %s --split-input-file --fold-pad | FileCheck %s

// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<1x4x8xf32>, %w: tensor<2x4x3xf32>) -> tensor<1x2x10xf32> {
  // CHECK-NEXT: ingot.conv %arg0, %arg1 strides [1] pads [2, 2] dilations [1] groups 1
  %0 = ingot.pad %x low [0, 0, 1] high [0, 0, 2] : tensor<1x4x8xf32>
  %1 = ingot.conv %0, %w strides [1] pads [1, 0] dilations [1] groups 1 : tensor<1x4x11xf32>, tensor<2x4x3xf32>
  return %1 : tensor<1x2x10xf32>
}

// -----

// The average goes on counting what was padded.
// CHECK-LABEL: func.func @average
func.func @average(%x: tensor<1x4x8xf32>) -> tensor<1x4x9xf32> {
  // CHECK-NEXT: ingot.pool average %arg0 kernel [2] strides [1] pads [1, 1] dilations [1] {count_include_pad, counted_pads = array<i64: 1, 1>}
  %0 = ingot.pad %x low [0, 0, 1] high [0, 0, 1] : tensor<1x4x8xf32>
  %1 = ingot.pool average %0 kernel [2] strides [1] pads [0, 0] dilations [1] : tensor<1x4x10xf32>
  return %1 : tensor<1x4x9xf32>
}

// -----

// 0 is not neutral for a maximum.
// CHECK-LABEL: func.func @maximum
func.func @maximum(%x: tensor<1x4x8xf32>) -> tensor<1x4x9xf32> {
  // CHECK-NEXT: ingot.pad
  // CHECK-NEXT: ingot.pool max {{.*}} pads [0, 0]
  %0 = ingot.pad %x low [0, 0, 1] high [0, 0, 1] : tensor<1x4x8xf32>
  %1 = ingot.pool max %0 kernel [2] strides [1] pads [0, 0] dilations [1] : tensor<1x4x10xf32>
  return %1 : tensor<1x4x9xf32>
}

// -----

// Neither are reflected elements, nor padded channels.
// CHECK-LABEL: func.func @other
func.func @other(%x: tensor<1x4x8xf32>, %w: tensor<2x4x3xf32>, %v: tensor<2x5x3xf32>) -> (tensor<1x2x8xf32>, tensor<1x2x6xf32>) {
  // CHECK: ingot.pad
  // CHECK: ingot.conv {{.*}} pads [0, 0]
  // CHECK: ingot.pad
  // CHECK: ingot.conv {{.*}} pads [0, 0]
  %0 = ingot.pad %x low [0, 0, 1] high [0, 0, 1] {mode = #ingot<pad_mode reflect>} : tensor<1x4x8xf32>
  %1 = ingot.conv %0, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x4x10xf32>, tensor<2x4x3xf32>
  %2 = ingot.pad %x low [0, 0, 0] high [0, 1, 0] : tensor<1x4x8xf32>
  %3 = ingot.conv %2, %v strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x5x8xf32>, tensor<2x5x3xf32>
  return %1, %3 : tensor<1x2x8xf32>, tensor<1x2x6xf32>
}
