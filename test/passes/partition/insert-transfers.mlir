// RUN: ingot-opt %s --split-input-file --insert-transfers --verify-diagnostics | FileCheck %s

module attributes {ingot.targets = [{name = "gpu", space = "device"}, {name = "cpu", space = "host"}]} {
  // CHECK-LABEL: func.func @cut
  func.func @cut(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    // CHECK-DAG: %[[C:.*]] = ingot.constant
    // CHECK-DAG: %[[X:.*]] = ingot.transfer %arg0 to "gpu"
    // CHECK: %[[A:.*]] = ingot.add %[[X]], %[[C]] {ingot.target = "gpu"}
    // CHECK: %[[T:.*]] = ingot.transfer %[[A]] to "cpu"
    // CHECK-NOT: transfer
    // CHECK: %[[R:.*]] = ingot.relu %[[A]] {ingot.target = "gpu"}
    // CHECK: %[[S:.*]] = ingot.transfer %[[R]] to "cpu"
    // CHECK: %[[E:.*]] = ingot.exp %[[T]] {ingot.target = "cpu"}
    // CHECK: %[[N:.*]] = ingot.neg %[[T]] {ingot.target = "cpu"}
    // CHECK: %[[M:.*]] = ingot.mul %[[E]], %[[N]]
    // CHECK: return %[[S]], %[[M]]
    %c = ingot.constant dense<1.0> : tensor<f32>
    %0 = ingot.add %x, %c {ingot.target = "gpu"} : tensor<4xf32>, tensor<f32> loc("a")
    %1 = ingot.relu %0 {ingot.target = "gpu"} : tensor<4xf32> loc("b")
    %2 = ingot.exp %0 {ingot.target = "cpu"} : tensor<4xf32> loc("c")
    %3 = ingot.neg %0 {ingot.target = "cpu"} : tensor<4xf32> loc("d")
    %4 = ingot.mul %2, %3 {ingot.target = "cpu"} : tensor<4xf32>, tensor<4xf32> loc("e")
    return %1, %4 : tensor<4xf32>, tensor<4xf32>
  }
}

// -----

// Two targets of one memory space: nothing to move.
module attributes {ingot.targets = [{name = "a", space = "host"}, {name = "b", space = "host"}]} {
  // CHECK-LABEL: func.func @shared
  func.func @shared(%x: tensor<4xf32>) -> tensor<4xf32> {
    // CHECK-NOT: transfer
    %0 = ingot.exp %x {ingot.target = "a"} : tensor<4xf32>
    %1 = ingot.neg %0 {ingot.target = "b"} : tensor<4xf32>
    return %1 : tensor<4xf32>
  }
}

// -----

// expected-error @below {{no targets are assigned yet: run assign-targets first}}
module {
  func.func @unassigned(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}
