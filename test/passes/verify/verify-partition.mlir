// RUN: not ingot-opt %s --split-input-file --verify-partition 2>&1 | FileCheck %s

// CHECK-NOT: error

module attributes {ingot.targets = [{name = "gpu", space = "device"}, {name = "cpu", space = "host"}]} {
  func.func @good(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = ingot.transfer %x to "gpu" : tensor<4xf32> -> tensor<4xf32> loc("a")
    %1 = ingot.relu %0 {ingot.target = "gpu"} : tensor<4xf32> loc("a")
    %2 = ingot.transfer %1 to "cpu" : tensor<4xf32> -> tensor<4xf32> loc("a")
    return %2 : tensor<4xf32>
  }
}

// -----

// CHECK: error: the module names no targets
module {
}

// -----

// CHECK: error: {{.*}}'ingot.relu' op (layer a) has no target
module attributes {ingot.targets = [{name = "cpu", space = "host"}]} {
  func.func @none(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = ingot.relu %x : tensor<4xf32> loc("a")
    return %0 : tensor<4xf32>
  }
}

// -----

// CHECK: error: {{.*}}'ingot.relu' op (layer a) is for target 'npu', which the module does not list
module attributes {ingot.targets = [{name = "cpu", space = "host"}]} {
  func.func @unknown(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = ingot.relu %x {ingot.target = "npu"} : tensor<4xf32> loc("a")
    return %0 : tensor<4xf32>
  }
}

// -----

// CHECK: error: {{.*}}'ingot.relu' op (layer a) runs in memory space 'device', but reads a value of 'host' without a transfer
module attributes {ingot.targets = [{name = "gpu", space = "device"}, {name = "cpu", space = "host"}]} {
  func.func @cut(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = ingot.relu %x {ingot.target = "gpu"} : tensor<4xf32> loc("a")
    return %0 : tensor<4xf32>
  }
}
