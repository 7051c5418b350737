// RUN: not ingot-opt %s --split-input-file --verify-fuse 2>&1 | FileCheck %s

// CHECK-NOT: error

func.func @good(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %0 = ingot.launch @relu_f32(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("a")
  %1 = ingot.reshape %0 : tensor<4xf32> -> tensor<2x2xf32> loc("b")
  return %1 : tensor<2x2xf32>
}
func.func private @relu_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["a"] in_place = [0, 0]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.relu' op (layer a) is in no kernel
func.func @outside(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ingot.relu %x : tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.launch' op (layer a) calls 'nothing', which is not a kernel
func.func @missing(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ingot.launch @nothing(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.launch' op (layer a) does not fit kernel 'relu_f32'
func.func @wrong(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = ingot.launch @relu_f32(%x) : (tensor<8xf32>) -> tensor<8xf32> loc("a")
  return %0 : tensor<8xf32>
}
func.func private @relu_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["a"]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: kernel 'relu_f32' names no layer of the source model
func.func private @relu_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu">} {
  %0 = ingot.relu %x : tensor<4xf32> loc("a")
  return %0 : tensor<4xf32>
}

// -----

// CHECK: error: kernel 'cast' cannot put result 0 in place of operand 0
func.func private @cast(%x: tensor<4xf32>) -> tensor<4xi8> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["a"] in_place = [0, 0]>} {
  %0 = ingot.cast %x : tensor<4xf32> -> tensor<4xi8> loc("a")
  return %0 : tensor<4xi8>
}

// -----

// CHECK: error: {{.*}}'ingot.constant' op (layer w) is too large to be in a kernel
func.func private @add(%x: tensor<8xf32>) -> tensor<8xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["a"]>} {
  %c = ingot.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]> : tensor<8xf32> loc("w")
  %0 = ingot.add %x, %c : tensor<8xf32>, tensor<8xf32> loc("a")
  return %0 : tensor<8xf32>
}
