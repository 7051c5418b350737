// RUN: not ingot-opt %s --split-input-file --verify-normalize 2>&1 | FileCheck %s

// The first module holds the contract, each other one breaks it.
// CHECK-NOT: error

func.func @good(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %0 = ingot.transpose %x [1, 0] : tensor<4x8xf32> loc("good")
  return %0 : tensor<8x4xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.transpose' op (layer copy) has no effect: it copies 'tensor<4x8xf32>'
func.func @copy(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = ingot.transpose %x [0, 1] : tensor<4x8xf32> loc("copy")
  return %0 : tensor<4x8xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.relu' op (layer unused) is not used
func.func @unused(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ingot.relu %x : tensor<4xf32> loc("unused")
  return %x : tensor<4xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.batch_norm' op (layer bn1) has constant statistics, but was not folded
func.func @norm(%x: tensor<1x1x2xf32>) -> tensor<1x1x2xf32> {
  %s = ingot.constant dense<4.0> : tensor<1xf32>
  %0 = ingot.batch_norm %x, %s, %s, %s, %s epsilon 0.0 : tensor<1x1x2xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32> loc("bn1")
  return %0 : tensor<1x1x2xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.relu' op names no layer of the source model
func.func @nameless(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ingot.relu %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
