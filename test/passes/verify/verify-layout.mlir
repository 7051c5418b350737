// RUN: not ingot-opt %s --split-input-file --verify-layout 2>&1 | FileCheck %s

// CHECK-NOT: error

module attributes {ingot.targets = [{name = "cpu", space = "host"}]} {
  func.func @good(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
    %0 = ingot.transpose %x [1, 0] {ingot.target = "cpu"} : tensor<4x8xf32> loc("a")
    return %0 : tensor<8x4xf32>
  }
}

// -----

// CHECK: error: {{.*}}'ingot.transpose' op (layer b) transposes a transposed value
module attributes {ingot.targets = [{name = "cpu", space = "host"}]} {
  func.func @twice(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %0 = ingot.transpose %x [1, 0] {ingot.target = "cpu"} : tensor<4x8xf32> loc("a")
    %1 = ingot.transpose %0 [1, 0] {ingot.target = "cpu"} : tensor<8x4xf32> loc("b")
    return %1 : tensor<4x8xf32>
  }
}

// -----

// CHECK: error: {{.*}}'ingot.pool' op (layer b) has its channels second, unlike other ops of target 'cpu'
module attributes {ingot.targets = [{name = "cpu", space = "host"}]} {
  func.func @mixed(%x: tensor<1x8x8xf32>) -> tensor<1x8x4xf32> {
    %0 = ingot.pool max %x kernel [1] strides [1] pads [0, 0] dilations [1] channels_last {ingot.target = "cpu"} : tensor<1x8x8xf32> loc("a")
    %1 = ingot.pool max %0 kernel [2] strides [2] pads [0, 0] dilations [1] {ingot.target = "cpu"} : tensor<1x8x8xf32> loc("b")
    return %1 : tensor<1x8x4xf32>
  }
}
