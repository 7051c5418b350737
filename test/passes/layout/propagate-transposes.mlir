// RUN: ingot-opt %s --split-input-file --propagate-transposes | FileCheck %s

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<1x8x8x16xf32>, %y: tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32> {
  // CHECK-DAG: %[[C:.*]] = ingot.constant dense<1.000000e+00> : tensor<1x1x1x16xf32>
  // CHECK-DAG: %[[A:.*]] = ingot.add %arg0, %arg1
  // CHECK: %[[M:.*]] = ingot.mul %[[A]], %[[C]]
  // CHECK-NOT: transpose
  // CHECK: return %[[M]]
  %c = ingot.constant dense<1.0> : tensor<16x1x1xf32>
  %0 = ingot.transpose %x [0, 3, 1, 2] : tensor<1x8x8x16xf32>
  %1 = ingot.transpose %y [0, 3, 1, 2] : tensor<1x8x8x16xf32>
  %2 = ingot.add %0, %1 : tensor<1x16x8x8xf32>, tensor<1x16x8x8xf32>
  %3 = ingot.mul %2, %c : tensor<1x16x8x8xf32>, tensor<16x1x1xf32>
  %4 = ingot.transpose %3 [0, 2, 3, 1] : tensor<1x16x8x8xf32>
  return %4 : tensor<1x8x8x16xf32>
}

// -----

// CHECK-LABEL: func.func @attributes
func.func @attributes(%x: tensor<2x4x8x16xf32>) -> tensor<2x20x2x16xf32> {
  // CHECK: %[[P:.*]] = ingot.pad %arg0 low [0, 1, 0, 2] high [0, 0, 0, 2]
  // CHECK: %[[S:.*]] = ingot.slice %[[P]] starts [0, 1, 0, 0] sizes [2, 2, 4, 20] steps [1, 2, 2, 1]
  %0 = ingot.transpose %x [0, 3, 1, 2] : tensor<2x4x8x16xf32>
  %1 = ingot.pad %0 low [0, 2, 1, 0] high [0, 2, 0, 0] : tensor<2x16x4x8xf32>
  %2 = ingot.slice %1 starts [0, 0, 1, 0] sizes [2, 20, 2, 4] steps [1, 1, 2, 2] : tensor<2x20x5x8xf32>
  // CHECK: %[[C:.*]] = ingot.concat %[[S]], %[[S]] axis 2
  %3 = ingot.concat %2, %2 axis 3 : tensor<2x20x2x4xf32>, tensor<2x20x2x4xf32>
  %4 = ingot.concat %3, %3 axis 3 : tensor<2x20x2x8xf32>, tensor<2x20x2x8xf32>
  // CHECK: ingot.transpose {{.*}} [0, 3, 1, 2]
  // CHECK-NEXT: return
  return %4 : tensor<2x20x2x16xf32>
}

// -----

// CHECK-LABEL: func.func @reduce
func.func @reduce(%x: tensor<1x8x8x16xf32>) -> tensor<1x16xf32> {
  // CHECK-NEXT: %[[R:.*]] = ingot.reduce {{ *}}mean %arg0 dims [1, 2]
  // CHECK-NEXT: return %[[R]]
  %0 = ingot.transpose %x [0, 3, 1, 2] : tensor<1x8x8x16xf32>
  %1 = ingot.reduce  mean %0 dims [2, 3] : tensor<1x16x8x8xf32>
  return %1 : tensor<1x16xf32>
}

// -----

// Height and width join: they stay together.
// CHECK-LABEL: func.func @reshape
func.func @reshape(%x: tensor<1x8x8x16xf32>) -> tensor<1x64x16xf32> {
  // CHECK-NEXT: %[[R:.*]] = ingot.reshape %arg0 : tensor<1x8x8x16xf32> -> tensor<1x64x16xf32>
  // CHECK-NEXT: return %[[R]]
  %0 = ingot.transpose %x [0, 3, 1, 2] : tensor<1x8x8x16xf32>
  %1 = ingot.reshape %0 : tensor<1x16x8x8xf32> -> tensor<1x16x64xf32>
  %2 = ingot.transpose %1 [0, 2, 1] : tensor<1x16x64xf32>
  return %2 : tensor<1x64x16xf32>
}

// -----

// Channels join with space: the transpose is needed.
// CHECK-LABEL: func.func @flatten
func.func @flatten(%x: tensor<1x8x8x16xf32>) -> tensor<1x1024xf32> {
  // CHECK-NEXT: ingot.transpose
  // CHECK-NEXT: ingot.reshape
  %0 = ingot.transpose %x [0, 3, 1, 2] : tensor<1x8x8x16xf32>
  %1 = ingot.reshape %0 : tensor<1x16x8x8xf32> -> tensor<1x1024xf32>
  return %1 : tensor<1x1024xf32>
}

// -----

// A channel shuffle moves channels alone; the rest of the transpose moves on.
// CHECK-LABEL: func.func @shuffle
func.func @shuffle(%x: tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32> {
  // CHECK-NEXT: %[[A:.*]] = ingot.reshape %arg0 : tensor<1x8x8x16xf32> -> tensor<1x8x8x2x8xf32>
  // CHECK-NEXT: %[[B:.*]] = ingot.transpose %[[A]] [0, 1, 2, 4, 3]
  // CHECK-NEXT: %[[C:.*]] = ingot.reshape %[[B]] : tensor<1x8x8x8x2xf32> -> tensor<1x8x8x16xf32>
  // CHECK-NEXT: return %[[C]]
  %0 = ingot.transpose %x [0, 3, 1, 2] : tensor<1x8x8x16xf32>
  %1 = ingot.reshape %0 : tensor<1x16x8x8xf32> -> tensor<1x2x8x8x8xf32>
  %2 = ingot.transpose %1 [0, 2, 1, 3, 4] : tensor<1x2x8x8x8xf32>
  %3 = ingot.reshape %2 : tensor<1x8x2x8x8xf32> -> tensor<1x16x8x8xf32>
  %4 = ingot.transpose %3 [0, 2, 3, 1] : tensor<1x16x8x8xf32>
  return %4 : tensor<1x8x8x16xf32>
}

// -----

// Rows that lie together stay so; and a large operand is not moved for a small one.
// CHECK-LABEL: func.func @stay
func.func @stay(%x: tensor<4x8xf32>, %y: tensor<4x1xf32>, %z: tensor<4x8x16xf32>, %v: tensor<8x4x1xf32>) -> (tensor<8x4xf32>, tensor<4x8x16xf32>) {
  // CHECK: %[[T:.*]] = ingot.transpose %arg0 [1, 0]
  // CHECK: ingot.softmax %[[T]] axis 1
  // CHECK: %[[U:.*]] = ingot.transpose %arg3 [1, 0, 2]
  // CHECK: ingot.add %[[U]], %arg2
  %0 = ingot.transpose %x [1, 0] : tensor<4x8xf32>
  %1 = ingot.softmax %0 axis 1 : tensor<8x4xf32>
  %2 = ingot.transpose %v [1, 0, 2] : tensor<8x4x1xf32>
  %3 = ingot.add %2, %z : tensor<4x8x1xf32>, tensor<4x8x16xf32>
  return %1, %3 : tensor<8x4xf32>, tensor<4x8x16xf32>
}

// -----

// Heads split and join, whatever the length is: the two transposes meet.
module attributes {ingot.dims = {b = array<i64: 1, 8>, s = array<i64: 1, 64>}} {
  // CHECK-LABEL: func.func @heads
  func.func @heads(%x: tensor<?x?x8xf32, #ingot.dims<["b", "s"]>>) -> tensor<?x?x8xf32, #ingot.dims<["b", "s"]>> {
    // CHECK-NOT: transpose
    // CHECK: return
    %0 = ingot.transpose %x [0, 2, 1] : tensor<?x?x8xf32, #ingot.dims<["b", "s"]>>
    %1 = ingot.reshape %0 : tensor<?x8x?xf32, #ingot.dims<["b", "s"]>> -> tensor<?x2x4x?xf32, #ingot.dims<["b", "s"]>>
    %2 = ingot.relu %1 : tensor<?x2x4x?xf32, #ingot.dims<["b", "s"]>>
    %3 = ingot.transpose %2 [0, 3, 1, 2] : tensor<?x2x4x?xf32, #ingot.dims<["b", "s"]>>
    %4 = ingot.reshape %3 : tensor<?x?x2x4xf32, #ingot.dims<["b", "s"]>> -> tensor<?x?x8xf32, #ingot.dims<["b", "s"]>>
    return %4 : tensor<?x?x8xf32, #ingot.dims<["b", "s"]>>
  }
}
