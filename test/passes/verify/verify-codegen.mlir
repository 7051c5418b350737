// RUN: not ingot-opt %s --split-input-file --verify-codegen 2>&1 | FileCheck %s

// CHECK-NOT: error

func.func private @relu_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" strategy = {kind = "generic"} layers = ["a"]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: kernel 'relu_f32' has no strategy with a kind
func.func private @relu_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["a"]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}
