// RUN: ingot-opt %s --split-input-file --fold-qdq | FileCheck %s

// CHECK-LABEL: func.func @cancel
func.func @cancel(%q: tensor<4xi8>) -> tensor<4xi8> {
  // CHECK-NOT: quantize
  // CHECK: return %arg0
  %s = ingot.constant dense<0.25> : tensor<f32>
  %z = ingot.constant dense<3> : tensor<i8>
  %0 = ingot.dequantize %q scale %s zero_point %z : (tensor<4xi8>, tensor<f32>, tensor<i8>) -> tensor<4xf32>
  %1 = ingot.quantize %0 scale %s zero_point %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
  return %1 : tensor<4xi8>
}

// -----

// CHECK-LABEL: func.func @weight
func.func @weight() -> tensor<2xf32> {
  // CHECK-NEXT: ingot.constant dense<[-5.000000e-01, 2.500000e-01]>
  %q = ingot.constant dense<[1, 4]> : tensor<2xi8>
  %s = ingot.constant dense<0.25> : tensor<f32>
  %z = ingot.constant dense<3> : tensor<i8>
  %0 = ingot.dequantize %q scale %s zero_point %z : (tensor<2xi8>, tensor<f32>, tensor<i8>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// Another scale rounds: both stay.
// CHECK-LABEL: func.func @rescale
func.func @rescale(%q: tensor<4xi8>) -> tensor<4xi8> {
  // CHECK: ingot.dequantize
  // CHECK: ingot.quantize
  %s = ingot.constant dense<0.25> : tensor<f32>
  %t = ingot.constant dense<0.5> : tensor<f32>
  %0 = ingot.dequantize %q scale %s : (tensor<4xi8>, tensor<f32>) -> tensor<4xf32>
  %1 = ingot.quantize %0 scale %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
  return %1 : tensor<4xi8>
}
