// RUN: ingot-opt %s --split-input-file --fold-constants | FileCheck %s

// A moved weight is a recipe: no byte is read (this one has no source at all).
// CHECK-LABEL: func.func @recipe
func.func @recipe() -> tensor<16x128xf32> {
  // CHECK-NEXT: %[[C:.*]] = ingot.constant #ingot.weight<"fc.weight", {{.*}}recipe = [<transpose[1, 0]>, <slice[0, 0, 16, 128]>]> : tensor<16x128xf32>
  // CHECK-NEXT: return %[[C]]
  %w = ingot.constant #ingot.weight<"fc.weight", source = 0, offset = 64, bytes = 16384, hash = "ab", stored = tensor<128x32xf32>> : tensor<128x32xf32>
  %0 = ingot.transpose %w [1, 0] : tensor<128x32xf32>
  %1 = ingot.slice %0 starts [0, 0] sizes [16, 128] steps [1, 1] : tensor<32x128xf32>
  return %1 : tensor<16x128xf32>
}

// -----

// Two transposes that cancel leave no step.
// CHECK-LABEL: func.func @cancel
func.func @cancel() -> tensor<128x32xf32> {
  // CHECK-NEXT: ingot.constant #ingot.weight<"fc.weight", source = 0, offset = 64, bytes = 16384, hash = "ab", stored = tensor<128x32xf32>> : tensor<128x32xf32>
  %w = ingot.constant #ingot.weight<"fc.weight", source = 0, offset = 64, bytes = 16384, hash = "ab", stored = tensor<128x32xf32>> : tensor<128x32xf32>
  %0 = ingot.transpose %w [1, 0] : tensor<128x32xf32>
  %1 = ingot.transpose %0 [1, 0] : tensor<32x128xf32>
  return %1 : tensor<128x32xf32>
}

// -----

// CHECK-LABEL: func.func @compute
func.func @compute() -> tensor<4xf32> {
  // CHECK-NEXT: ingot.constant dense<[1.000000e+00, 3.000000e+00, 5.000000e+00, 7.000000e+00]>
  %0 = ingot.iota dim 0 : tensor<4xi64>
  %1 = ingot.cast %0 : tensor<4xi64> -> tensor<4xf32>
  %two = ingot.constant dense<2.0> : tensor<f32>
  %one = ingot.constant dense<1.0> : tensor<f32>
  %2 = ingot.mul %1, %two : tensor<4xf32>, tensor<f32>
  %3 = ingot.add %2, %one : tensor<4xf32>, tensor<f32>
  return %3 : tensor<4xf32>
}

// -----

// Integers dequantise four times as large, which is accepted; a large iota is not made.
// CHECK-LABEL: func.func @sizes
func.func @sizes() -> tensor<65536xf32> {
  // CHECK-NEXT: ingot.iota
  %0 = ingot.iota dim 0 : tensor<65536xf32>
  return %0 : tensor<65536xf32>
}

// -----

// What depends on an input stays.
// CHECK-LABEL: func.func @input
func.func @input(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: ingot.add
  %two = ingot.constant dense<2.0> : tensor<f32>
  %0 = ingot.add %x, %two : tensor<4xf32>, tensor<f32>
  return %0 : tensor<4xf32>
}

// -----

// A broadcast that is too large to keep does not keep its reader from being a constant.
// CHECK-LABEL: func.func @repetition
func.func @repetition() -> tensor<1xf32> {
  // CHECK-NEXT: ingot.constant dense<1.000000e+00>
  // CHECK-NEXT: return
  %one = ingot.constant dense<1.0> : tensor<f32>
  %0 = ingot.broadcast %one : tensor<f32> -> tensor<4096xf32>
  %1 = ingot.reduce max %0 dims [0] keepdims : tensor<4096xf32>
  return %1 : tensor<1xf32>
}

// -----

// Nothing to compute, although an operand is an input.
// CHECK-LABEL: func.func @empty
func.func @empty(%x: tensor<0x4xf32>, %w: tensor<4x8xf32>) -> tensor<0x8xf32> {
  // CHECK-NEXT: ingot.constant dense<> : tensor<0x8xf32>
  // CHECK-NEXT: return
  %0 = ingot.matmul %x, %w : tensor<0x4xf32>, tensor<4x8xf32>
  return %0 : tensor<0x8xf32>
}
