// RUN: ingot-opt %s --split-input-file --canonicalize-graph | FileCheck %s

// CHECK-LABEL: func.func @neutral
func.func @neutral(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK-DAG: %[[ZERO:.*]] = ingot.constant dense<0.000000e+00>
  // CHECK: %[[A:.*]] = ingot.add %arg0, %[[ZERO]]
  // CHECK: return %arg0, %[[A]]
  %one = ingot.constant dense<1.0> : tensor<4xf32>
  %zero = ingot.constant dense<0.0> : tensor<f32>
  %0 = ingot.mul %one, %x : tensor<4xf32>, tensor<4xf32>
  %1 = ingot.div %0, %one : tensor<4xf32>, tensor<4xf32>
  %2 = ingot.sub %1, %zero : tensor<4xf32>, tensor<f32>
  // -0.0 + 0.0 is 0.0: this one has an effect.
  %3 = ingot.add %x, %zero : tensor<4xf32>, tensor<f32>
  return %2, %3 : tensor<4xf32>, tensor<4xf32>
}

// -----

// A factor that stretches the operand is not neutral.
// CHECK-LABEL: func.func @stretch
func.func @stretch(%x: tensor<1xf32>) -> tensor<4xf32> {
  // CHECK: ingot.mul
  %one = ingot.constant dense<1.0> : tensor<4xf32>
  %0 = ingot.mul %x, %one : tensor<1xf32>, tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @broadcast
func.func @broadcast(%x: tensor<2x4xf32>, %y: tensor<4xf32>) -> tensor<2x4xf32> {
  // CHECK-NEXT: ingot.add %arg0, %arg1 : tensor<2x4xf32>, tensor<4xf32>
  %0 = ingot.broadcast %y : tensor<4xf32> -> tensor<2x4xf32>
  %1 = ingot.add %x, %0 : tensor<2x4xf32>, tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// -----

// Without it, the result would be smaller.
// CHECK-LABEL: func.func @needed
func.func @needed(%x: tensor<1x4xf32>, %y: tensor<4xf32>) -> tensor<2x4xf32> {
  // CHECK: ingot.broadcast
  %0 = ingot.broadcast %y : tensor<4xf32> -> tensor<2x4xf32>
  %1 = ingot.add %x, %0 : tensor<1x4xf32>, tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// -----

// CHECK-LABEL: func.func @casts
func.func @casts(%x: tensor<4xi32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: ingot.cast %arg0 : tensor<4xi32> -> tensor<4xf32>
  // CHECK: %[[I:.*]] = ingot.cast %arg1 : tensor<4xf32> -> tensor<4xi32>
  // CHECK: ingot.cast %[[I]] : tensor<4xi32> -> tensor<4xf32>
  %0 = ingot.cast %x : tensor<4xi32> -> tensor<4xi64>
  %1 = ingot.cast %0 : tensor<4xi64> -> tensor<4xf32>
  %2 = ingot.cast %y : tensor<4xf32> -> tensor<4xi32>
  %3 = ingot.cast %2 : tensor<4xi32> -> tensor<4xf32>
  return %1, %3 : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @clamps
func.func @clamps(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: ingot.clamp %arg0 min 0.000000e+00 max 6.000000e+00
  // CHECK: ingot.relu %arg0
  %zero = ingot.constant dense<0.0> : tensor<f32>
  %six = ingot.constant dense<6.0> : tensor<f32>
  %0 = ingot.max %x, %zero : tensor<4xf32>, tensor<f32>
  %1 = ingot.min %0, %six : tensor<4xf32>, tensor<f32>
  %2 = ingot.max %zero, %x : tensor<f32>, tensor<4xf32>
  return %1, %2 : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @silu
func.func @silu(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: ingot.silu %arg0
  // CHECK: ingot.sigmoid %arg1
  // CHECK: ingot.mul %arg0
  %0 = ingot.sigmoid %x : tensor<4xf32>
  %1 = ingot.mul %x, %0 : tensor<4xf32>, tensor<4xf32>
  %2 = ingot.sigmoid %y : tensor<4xf32>
  %3 = ingot.mul %x, %2 : tensor<4xf32>, tensor<4xf32>
  return %1, %3 : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @bias
func.func @bias(%x: tensor<1x2x4xf32>, %w: tensor<3x2x1xf32>) -> tensor<1x3x4xf32> {
  // CHECK: %[[B:.*]] = ingot.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]> : tensor<3xf32>
  // CHECK: ingot.conv %arg0, %arg1 bias %[[B]]
  // CHECK-NOT: ingot.add
  %b = ingot.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x2x4xf32>, tensor<3x2x1xf32>
  %1 = ingot.add %0, %b : tensor<1x3x4xf32>, tensor<3x1xf32>
  return %1 : tensor<1x3x4xf32>
}

// -----

// A constant along another dim than the channels is no bias.
// CHECK-LABEL: func.func @not_bias
func.func @not_bias(%x: tensor<1x2x4xf32>, %w: tensor<3x2x1xf32>) -> tensor<1x3x4xf32> {
  // CHECK: ingot.conv %arg0, %arg1 strides
  // CHECK: ingot.add
  %b = ingot.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : tensor<1x2x4xf32>, tensor<3x2x1xf32>
  %1 = ingot.add %0, %b : tensor<1x3x4xf32>, tensor<4xf32>
  return %1 : tensor<1x3x4xf32>
}

// -----

// CHECK-LABEL: func.func @factor
func.func @factor(%x: tensor<5x2xf32>) -> tensor<5x2xf32> {
  // CHECK-DAG: %[[W:.*]] = ingot.constant dense<{{\[\[}}2.000000e+00, 6.000000e+00], [6.000000e+00, 1.200000e+01]]>
  // CHECK-DAG: %[[B:.*]] = ingot.constant dense<[2.000000e+01, 6.000000e+01]>
  // CHECK: %[[R:.*]] = ingot.matmul %arg0, %[[W]] bias %[[B]]
  // CHECK-NEXT: return %[[R]]
  %w = ingot.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %b = ingot.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %f = ingot.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %0 = ingot.matmul %x, %w bias %b : tensor<5x2xf32>, tensor<2x2xf32>, tensor<2xf32>
  %1 = ingot.mul %0, %f : tensor<5x2xf32>, tensor<2xf32>
  return %1 : tensor<5x2xf32>
}

// -----

// CHECK-LABEL: func.func @transposes
func.func @transposes(%x: tensor<2x3x4xf32>, %y: tensor<1x5x4xf32>) -> (tensor<2x3x4xf32>, tensor<5x1x4xf32>) {
  // CHECK: %[[R:.*]] = ingot.reshape %arg1 : tensor<1x5x4xf32> -> tensor<5x1x4xf32>
  // CHECK: return %arg0, %[[R]]
  %0 = ingot.transpose %x [2, 0, 1] : tensor<2x3x4xf32>
  %1 = ingot.transpose %0 [1, 2, 0] : tensor<4x2x3xf32>
  %2 = ingot.transpose %y [1, 0, 2] : tensor<1x5x4xf32>
  return %1, %2 : tensor<2x3x4xf32>, tensor<5x1x4xf32>
}

// -----

// CHECK-LABEL: func.func @matmul
func.func @matmul(%x: tensor<2x3x4xf32>, %y: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
  // CHECK-NEXT: ingot.matmul %arg0, %arg1 transpose_b
  %0 = ingot.transpose %y [0, 2, 1] : tensor<2x5x4xf32>
  %1 = ingot.matmul %x, %0 : tensor<2x3x4xf32>, tensor<2x4x5xf32>
  return %1 : tensor<2x3x5xf32>
}

// -----

// CHECK-LABEL: func.func @slices
func.func @slices(%x: tensor<8xf32>, %y: tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<4xf32>) {
  // CHECK-DAG: ingot.slice %arg0 starts [5] sizes [2] steps [-2]
  // CHECK-DAG: ingot.slice %arg1 starts [1] sizes [2] steps [1]
  // CHECK-DAG: %[[C:.*]] = ingot.concat
  // CHECK-DAG: ingot.slice %[[C]] starts [6] sizes [4] steps [1]
  %0 = ingot.slice %x starts [7] sizes [4] steps [-1] : tensor<8xf32>
  %1 = ingot.slice %0 starts [2] sizes [2] steps [1] : tensor<4xf32>
  %2 = ingot.slice %x starts [5] sizes [2] steps [-2] : tensor<8xf32>
  %3 = ingot.concat %x, %y axis 0 : tensor<8xf32>, tensor<4xf32>
  %4 = ingot.slice %3 starts [9] sizes [2] steps [1] : tensor<12xf32>
  // This one spans both.
  %5 = ingot.slice %3 starts [6] sizes [4] steps [1] : tensor<12xf32>
  return %2, %4, %5 : tensor<2xf32>, tensor<2xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @pool
func.func @pool(%x: tensor<1x8x4x4xf32>) -> (tensor<1x8x1x1xf32>, tensor<1x8x3x3xf32>) {
  // CHECK: ingot.reduce mean %arg0 dims [2, 3] keepdims
  // CHECK: ingot.pool average
  %0 = ingot.pool average %x kernel [4, 4] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x8x4x4xf32>
  %1 = ingot.pool average %x kernel [2, 2] strides [1, 1] pads [0, 0, 0, 0] dilations [1, 1] : tensor<1x8x4x4xf32>
  return %0, %1 : tensor<1x8x1x1xf32>, tensor<1x8x3x3xf32>
}

// -----

// CHECK-LABEL: func.func @gather
func.func @gather(%x: tensor<3x4xf32>, %i: tensor<i64>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[S:.*]] = ingot.slice %arg0 starts [2, 0] sizes [1, 4]
  // CHECK: ingot.reshape %[[S]]
  // CHECK: ingot.gather
  %last = ingot.constant dense<-1> : tensor<i64>
  %0 = ingot.gather %x[%last] axis 0 : tensor<3x4xf32>, tensor<i64>
  %1 = ingot.gather %x[%i] axis 0 : tensor<3x4xf32>, tensor<i64>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK-DAG: %[[H:.*]] = ingot.constant dense<1.250000e-01>
  // CHECK-DAG: ingot.mul %arg0, %arg0
  // CHECK-DAG: ingot.mul %arg0, %[[H]]
  // CHECK-DAG: ingot.rsqrt %arg0
  // CHECK-NOT: ingot.pow
  %two = ingot.constant dense<2.0> : tensor<f32>
  %eight = ingot.constant dense<8.0> : tensor<f32>
  %one = ingot.constant dense<1.0> : tensor<f32>
  %0 = ingot.pow %x, %two : tensor<4xf32>, tensor<f32>
  %1 = ingot.div %x, %eight : tensor<4xf32>, tensor<f32>
  %2 = ingot.sqrt %x : tensor<4xf32>
  %3 = ingot.div %one, %2 : tensor<f32>, tensor<4xf32>
  return %0, %1, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// 1 / 3 is not exact.
// CHECK-LABEL: func.func @division
func.func @division(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: ingot.div
  %three = ingot.constant dense<3.0> : tensor<f32>
  %0 = ingot.div %x, %three : tensor<4xf32>, tensor<f32>
  return %0 : tensor<4xf32>
}

// -----

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<2x8xf32>, %y: tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  // CHECK-DAG: ingot.rms_norm %arg0 axis 1 epsilon {{9.99.*E-6|1.0.*e-05}}
  // CHECK-DAG: ingot.layer_norm %arg1 axis 1 epsilon {{9.99.*E-6|1.0.*e-05}}
  // CHECK-NOT: ingot.reduce
  %e = ingot.constant dense<9.99999974E-6> : tensor<f32>
  %0 = ingot.mul %x, %x : tensor<2x8xf32>, tensor<2x8xf32>
  %1 = ingot.reduce mean %0 dims [1] keepdims : tensor<2x8xf32>
  %2 = ingot.add %1, %e : tensor<2x1xf32>, tensor<f32>
  %3 = ingot.rsqrt %2 : tensor<2x1xf32>
  %4 = ingot.mul %x, %3 : tensor<2x8xf32>, tensor<2x1xf32>
  %5 = ingot.reduce mean %y dims [1] keepdims : tensor<2x8xf32>
  %6 = ingot.sub %y, %5 : tensor<2x8xf32>, tensor<2x1xf32>
  %7 = ingot.mul %6, %6 : tensor<2x8xf32>, tensor<2x8xf32>
  %8 = ingot.reduce mean %7 dims [1] keepdims : tensor<2x8xf32>
  %9 = ingot.add %e, %8 : tensor<f32>, tensor<2x1xf32>
  %10 = ingot.sqrt %9 : tensor<2x1xf32>
  %11 = ingot.div %6, %10 : tensor<2x8xf32>, tensor<2x1xf32>
  return %4, %11 : tensor<2x8xf32>, tensor<2x8xf32>
}

// -----

// A mean over other dims than the last is no row norm.
// CHECK-LABEL: func.func @not_norm
func.func @not_norm(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  // CHECK: ingot.reduce
  %e = ingot.constant dense<9.99999974E-6> : tensor<f32>
  %0 = ingot.mul %x, %x : tensor<2x8xf32>, tensor<2x8xf32>
  %1 = ingot.reduce mean %0 dims [0] keepdims : tensor<2x8xf32>
  %2 = ingot.add %1, %e : tensor<1x8xf32>, tensor<f32>
  %3 = ingot.rsqrt %2 : tensor<1x8xf32>
  %4 = ingot.mul %x, %3 : tensor<2x8xf32>, tensor<1x8xf32>
  return %4 : tensor<2x8xf32>
}

// -----

// CHECK-LABEL: func.func @split
func.func @split(%x: tensor<1x4x20x20xf32>) -> (tensor<1x4x10x20xf32>, tensor<1x4x20x20xf32>) {
  // CHECK: %[[A:.*]] = ingot.pool {{ *}}max %arg0 kernel [7, 1] strides [2, 1] pads [3, 0, 3, 0] dilations [1, 1] : tensor<1x4x20x20xf32>
  // CHECK: ingot.pool {{ *}}max %[[A]] kernel [1, 5] strides [1, 1] pads [0, 2, 0, 2] dilations [1, 1] : tensor<1x4x10x20xf32>
  // CHECK: ingot.pool {{ *}}max %arg0 kernel [3, 3]
  %0 = ingot.pool max %x kernel [7, 5] strides [2, 1] pads [3, 2, 3, 2] dilations [1, 1] : tensor<1x4x20x20xf32>
  %1 = ingot.pool max %x kernel [3, 3] strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] : tensor<1x4x20x20xf32>
  return %0, %1 : tensor<1x4x10x20xf32>, tensor<1x4x20x20xf32>
}

// -----

// Keys and values repeated for the heads of the query.
// CHECK-LABEL: func.func @grouped_heads
func.func @grouped_heads(%q: tensor<1x6x4x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x4xf32>) -> tensor<1x6x4x4xf32> {
  // CHECK-NEXT: ingot.attention %arg0, %arg1, %arg2 scale 1.000000e+00
  // CHECK-NEXT: return
  %0 = ingot.reshape %k : tensor<1x2x5x8xf32> -> tensor<1x2x1x5x8xf32>
  %1 = ingot.broadcast %0 : tensor<1x2x1x5x8xf32> -> tensor<1x2x3x5x8xf32>
  %2 = ingot.reshape %1 : tensor<1x2x3x5x8xf32> -> tensor<1x6x5x8xf32>
  %3 = ingot.reshape %v : tensor<1x2x5x4xf32> -> tensor<1x2x1x5x4xf32>
  %4 = ingot.broadcast %3 : tensor<1x2x1x5x4xf32> -> tensor<1x2x3x5x4xf32>
  %5 = ingot.reshape %4 : tensor<1x2x3x5x4xf32> -> tensor<1x6x5x4xf32>
  %6 = ingot.attention %q, %2, %5 scale 1.0 : tensor<1x6x4x8xf32>, tensor<1x6x5x8xf32>, tensor<1x6x5x4xf32>
  return %6 : tensor<1x6x4x4xf32>
}

// -----

// Heads that come round in turn are another order.
// CHECK-LABEL: func.func @tiled_heads
func.func @tiled_heads(%q: tensor<1x6x4x8xf32>, %k: tensor<1x1x2x5x8xf32>) -> tensor<1x6x4x8xf32> {
  // CHECK: ingot.attention {{.*}} tensor<1x6x5x8xf32>, tensor<1x6x5x8xf32>
  %0 = ingot.broadcast %k : tensor<1x1x2x5x8xf32> -> tensor<1x3x2x5x8xf32>
  %1 = ingot.reshape %0 : tensor<1x3x2x5x8xf32> -> tensor<1x6x5x8xf32>
  %2 = ingot.attention %q, %1, %1 scale 1.0 : tensor<1x6x4x8xf32>, tensor<1x6x5x8xf32>, tensor<1x6x5x8xf32>
  return %2 : tensor<1x6x4x8xf32>
}
