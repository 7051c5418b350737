// RUN: ingot-opt %s --split-input-file --fold-batch-norm --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// factor = scale / sqrt(variance + 0) = [2, 1/2]; offset = bias - mean * factor = [1 - 2, 1 - 1].
// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<1x1x2xf32>) -> tensor<1x2x2xf32> {
  // CHECK-DAG: %[[W:.*]] = ingot.constant dense<{{\[\[\[}}6.000000e+00]], {{\[\[}}2.500000e+00]]]>
  // CHECK-DAG: %[[B:.*]] = ingot.constant dense<[1.900000e+01, 5.000000e+00]>
  // CHECK: ingot.conv %arg0, %[[W]] bias %[[B]] strides [1] {{.*}}loc(fused["conv1", "bn1"])
  // CHECK-NOT: batch_norm
  %w = ingot.constant dense<[[[3.0]], [[5.0]]]> : tensor<2x1x1xf32>
  %b = ingot.constant dense<[10.0, 10.0]> : tensor<2xf32>
  %scale = ingot.constant dense<[4.0, 2.0]> : tensor<2xf32>
  %bias = ingot.constant dense<1.0> : tensor<2xf32>
  %mean = ingot.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %variance = ingot.constant dense<[4.0, 16.0]> : tensor<2xf32>
  %0 = ingot.conv %x, %w bias %b strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x1x2xf32>, tensor<2x1x1xf32>, tensor<2xf32> loc("conv1")
  %1 = ingot.batch_norm %0, %scale, %bias, %mean, %variance epsilon 0.0 : tensor<1x2x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32> loc("bn1")
  return %1 : tensor<1x2x2xf32>
}

// -----

// A mapped weight is scaled by its recipe.
// CHECK-LABEL: func.func @recipe
func.func @recipe(%x: tensor<1x32x2xf32>) -> tensor<1x64x2xf32> {
  // CHECK: ingot.constant #ingot.weight<"conv1.weight", {{.*}}recipe = [<scale[0] operand = dense<2.000000e+00> : tensor<64xf64>>]>
  // CHECK: ingot.conv
  // CHECK-NOT: batch_norm
  %w = ingot.constant #ingot.weight<"conv1.weight", source = 0, offset = 0, bytes = 8192, hash = "ab", stored = tensor<64x32x1xf32>> : tensor<64x32x1xf32>
  %scale = ingot.constant dense<4.0> : tensor<64xf32>
  %zero = ingot.constant dense<0.0> : tensor<64xf32>
  %variance = ingot.constant dense<4.0> : tensor<64xf32>
  %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x32x2xf32>, tensor<64x32x1xf32>
  %1 = ingot.batch_norm %0, %scale, %zero, %zero, %variance epsilon 0.0 : tensor<1x64x2xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>
  return %1 : tensor<1x64x2xf32>
}

// -----

// Something else reads the convolution: a multiplication and an addition.
// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<1x1x2xf32>) -> (tensor<1x1x2xf32>, tensor<1x1x2xf32>) {
  // CHECK-DAG: %[[F:.*]] = ingot.constant dense<2.000000e+00> : tensor<1x1xf32>
  // CHECK-DAG: %[[O:.*]] = ingot.constant dense<-1.000000e+00> : tensor<1x1xf32>
  // CHECK: %[[C:.*]] = ingot.conv %arg0
  // CHECK: %[[M:.*]] = ingot.mul %[[C]], %[[F]]
  // CHECK: %[[A:.*]] = ingot.add %[[M]], %[[O]]
  // CHECK: return %[[C]], %[[A]]
  %w = ingot.constant dense<3.0> : tensor<1x1x1xf32>
  %scale = ingot.constant dense<4.0> : tensor<1xf32>
  %one = ingot.constant dense<1.0> : tensor<1xf32>
  %variance = ingot.constant dense<4.0> : tensor<1xf32>
  %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x1x2xf32>, tensor<1x1x1xf32>
  %1 = ingot.batch_norm %0, %scale, %one, %one, %variance epsilon 0.0 : tensor<1x1x2xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
  return %0, %1 : tensor<1x1x2xf32>, tensor<1x1x2xf32>
}

// -----

// Statistics that are computed at run time: nothing to fold.
// CHECK-LABEL: func.func @runtime
func.func @runtime(%x: tensor<1x1x2xf32>, %s: tensor<1xf32>) -> tensor<1x1x2xf32> {
  // CHECK: ingot.batch_norm
  %0 = ingot.batch_norm %x, %s, %s, %s, %s epsilon 0.0 : tensor<1x1x2xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
  return %0 : tensor<1x1x2xf32>
}
