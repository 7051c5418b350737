// RUN: not ingot-opt %s --split-input-file --verify-quantize 2>&1 | FileCheck %s

// CHECK-NOT: error

func.func @good(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = ingot.constant dense<0.25> : tensor<f32>
  %0 = ingot.quantize %x scale %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8> loc("q")
  %1 = ingot.dequantize %0 scale %s : (tensor<4xi8>, tensor<f32>) -> tensor<4xf32> loc("dq")
  return %1 : tensor<4xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.dequantize' op (layer weight) dequantises a constant, which could be one
func.func @weight() -> tensor<2xf32> {
  %q = ingot.constant dense<[1, 4]> : tensor<2xi8>
  %s = ingot.constant dense<0.25> : tensor<f32>
  %0 = ingot.dequantize %q scale %s : (tensor<2xi8>, tensor<f32>) -> tensor<2xf32> loc("weight")
  return %0 : tensor<2xf32>
}

// -----

// CHECK: error: {{.*}}'ingot.quantize' op (layer q) undoes the dequantize before it
func.func @pair(%x: tensor<4xi8>) -> tensor<4xi8> {
  %s = ingot.constant dense<0.25> : tensor<f32>
  %0 = ingot.dequantize %x scale %s : (tensor<4xi8>, tensor<f32>) -> tensor<4xf32> loc("dq")
  %1 = ingot.quantize %0 scale %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8> loc("q")
  return %1 : tensor<4xi8>
}
