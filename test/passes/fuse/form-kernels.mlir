// RUN: ingot-opt %s --split-input-file --form-kernels --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// A convolution with all that follows it: activation, residual. The residual may be overwritten.
// CHECK-LABEL: func.func @conv
func.func @conv(%x: tensor<1x8x8x4xf32>, %w: tensor<4x4x3x3xf32>, %b: tensor<4xf32>, %r: tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32> {
  // CHECK: %[[R:.*]] = ingot.launch @conv3x3_bias_relu_add_f32(%arg0, %arg1, %arg2, %arg3) {{.*}}loc(fused["conv1", "act1", "sum"])
  // CHECK-NEXT: return %[[R]]
  // CHECK: func.func private @conv3x3_bias_relu_add_f32
  // CHECK-SAME: #ingot.kernel<target = "cpu" layers = ["conv1", "act1", "sum"] in_place = [0, 3]>
  // CHECK: ingot.conv
  // CHECK: ingot.relu
  // CHECK: ingot.add
  %0 = ingot.conv %x, %w bias %b strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last {ingot.target = "cpu"} : tensor<1x8x8x4xf32>, tensor<4x4x3x3xf32>, tensor<4xf32> loc("conv1")
  %1 = ingot.relu %0 {ingot.target = "cpu"} : tensor<1x8x8x4xf32> loc("act1")
  %2 = ingot.add %1, %r {ingot.target = "cpu"} : tensor<1x8x8x4xf32>, tensor<1x8x8x4xf32> loc("sum")
  return %2 : tensor<1x8x8x4xf32>
}

// -----

// Two values would leave the kernel: the second op is one of its own.
// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  // CHECK: ingot.launch @gemm_f32(
  // CHECK: ingot.launch @relu_f32(
  %0 = ingot.matmul %x, %w {ingot.target = "cpu"} : tensor<4x4xf32>, tensor<4x4xf32> loc("fc")
  %1 = ingot.relu %0 {ingot.target = "cpu"} : tensor<4x4xf32> loc("act")
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// x * sigmoid(x + 1): a diamond is one kernel, its scalar constant inside.
// CHECK-LABEL: func.func @diamond
func.func @diamond(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: ingot.launch @add_sigmoid_mul_f32(%arg0)
  // CHECK: func.func private @add_sigmoid_mul_f32(%{{.*}}: tensor<4xf32>
  // CHECK-SAME: in_place = [0, 0]
  // CHECK: ingot.constant dense<1.000000e+00>
  %c = ingot.constant dense<1.0> : tensor<f32>
  %0 = ingot.add %x, %c {ingot.target = "cpu"} : tensor<4xf32>, tensor<f32> loc("a")
  %1 = ingot.sigmoid %0 {ingot.target = "cpu"} : tensor<4xf32> loc("b")
  %2 = ingot.mul %1, %x {ingot.target = "cpu"} : tensor<4xf32>, tensor<4xf32> loc("c")
  return %2 : tensor<4xf32>
}

// -----

// Targets do not mix, views stay between kernels, large constants are operands.
// CHECK-LABEL: func.func @between
func.func @between(%x: tensor<4x8xf32>) -> tensor<32xf32> {
  // CHECK: %[[C:.*]] = ingot.constant dense
  // CHECK: %[[A:.*]] = ingot.launch @add_f32(%arg0, %[[C]])
  // CHECK: %[[T:.*]] = ingot.transfer %[[A]] to "b"
  // CHECK: %[[E:.*]] = ingot.launch @exp_f32(%[[T]])
  // CHECK: ingot.reshape %[[E]]
  %c = ingot.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]> : tensor<8xf32>
  %0 = ingot.add %x, %c {ingot.target = "a"} : tensor<4x8xf32>, tensor<8xf32> loc("a")
  %1 = ingot.transfer %0 to "b" : tensor<4x8xf32> -> tensor<4x8xf32> loc("a")
  %2 = ingot.exp %1 {ingot.target = "b"} : tensor<4x8xf32> loc("e")
  %3 = ingot.reshape %2 {ingot.target = "b"} : tensor<4x8xf32> -> tensor<32xf32> loc("r")
  return %3 : tensor<32xf32>
}

// -----

// An operand that is read at other indices than the result's is not overwritten.
// CHECK-LABEL: func.func @places
func.func @places(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // CHECK: func.func private @transpose_add_f32
  // CHECK-NOT: in_place
  // CHECK: ingot.transpose
  %0 = ingot.transpose %x [1, 0] {ingot.target = "cpu"} : tensor<4x4xf32> loc("t")
  %1 = ingot.add %0, %x {ingot.target = "cpu"} : tensor<4x4xf32>, tensor<4x4xf32> loc("a")
  return %1 : tensor<4x4xf32>
}

// -----

// An expensive producer is not computed again for each element that it is stretched to.
// CHECK-LABEL: func.func @stretched
func.func @stretched(%x: tensor<4x1xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CHECK: ingot.launch @exp_f32(%arg0)
  // CHECK: ingot.launch @mul_f32(
  %0 = ingot.exp %x {ingot.target = "cpu"} : tensor<4x1xf32> loc("e")
  %1 = ingot.mul %y, %0 {ingot.target = "cpu"} : tensor<4x8xf32>, tensor<4x1xf32> loc("m")
  return %1 : tensor<4x8xf32>
}

// -----

// An attention reads its heads where they lie, and joins them as it stores.
// CHECK-LABEL: func.func @heads
func.func @heads(%x: tensor<1x6x3x2x8xf32>) -> tensor<1x6x2x8xf32> {
  // CHECK: %[[R:.*]] = ingot.launch @attention_f32(%arg0)
  // CHECK-NEXT: return %[[R]]
  // CHECK: func.func private @attention_f32(%arg0: tensor<1x6x3x2x8xf32>
  // CHECK-SAME: -> tensor<1x6x2x8xf32>
  %0 = ingot.transpose %x [2, 0, 3, 1, 4] {ingot.target = "cpu"} : tensor<1x6x3x2x8xf32> loc("qkv")
  %1 = ingot.slice %0 starts [0, 0, 0, 0, 0] sizes [1, 1, 2, 6, 8] steps [1, 1, 1, 1, 1] {ingot.target = "cpu"} : tensor<3x1x2x6x8xf32> loc("q")
  %2 = ingot.reshape %1 {ingot.target = "cpu"} : tensor<1x1x2x6x8xf32> -> tensor<1x2x6x8xf32> loc("q")
  %3 = ingot.slice %0 starts [1, 0, 0, 0, 0] sizes [1, 1, 2, 6, 8] steps [1, 1, 1, 1, 1] {ingot.target = "cpu"} : tensor<3x1x2x6x8xf32> loc("k")
  %4 = ingot.reshape %3 {ingot.target = "cpu"} : tensor<1x1x2x6x8xf32> -> tensor<1x2x6x8xf32> loc("k")
  %5 = ingot.slice %0 starts [2, 0, 0, 0, 0] sizes [1, 1, 2, 6, 8] steps [1, 1, 1, 1, 1] {ingot.target = "cpu"} : tensor<3x1x2x6x8xf32> loc("v")
  %6 = ingot.reshape %5 {ingot.target = "cpu"} : tensor<1x1x2x6x8xf32> -> tensor<1x2x6x8xf32> loc("v")
  %7 = ingot.attention %2, %4, %6 scale 5.0e-01 {ingot.target = "cpu"} : tensor<1x2x6x8xf32>, tensor<1x2x6x8xf32>, tensor<1x2x6x8xf32> loc("sdpa")
  %8 = ingot.transpose %7 [0, 2, 1, 3] {ingot.target = "cpu"} : tensor<1x2x6x8xf32> loc("join")
  return %8 : tensor<1x6x2x8xf32>
}

// -----

// What another op reads too, or what would take a row apart, stays a kernel of its own; a view costs
// nothing outside.
// CHECK-LABEL: func.func @apart
func.func @apart(%q: tensor<2x1x6x8xf32>, %k: tensor<1x6x2x8xf32>, %v: tensor<1x2x8x6xf32>) -> (tensor<1x2x8x6xf32>, tensor<1x2x6x8xf32>) {
  // CHECK: ingot.launch @transpose_f32
  // CHECK: ingot.launch @transpose_f32
  // CHECK: ingot.reshape %arg0
  // CHECK: ingot.launch @attention_f32
  // CHECK: ingot.launch @transpose_f32
  %0 = ingot.transpose %k [0, 2, 1, 3] {ingot.target = "cpu"} : tensor<1x6x2x8xf32> loc("k")
  %1 = ingot.transpose %v [0, 1, 3, 2] {ingot.target = "cpu"} : tensor<1x2x8x6xf32> loc("v")
  %2 = ingot.reshape %q {ingot.target = "cpu"} : tensor<2x1x6x8xf32> -> tensor<1x2x6x8xf32> loc("q")
  %3 = ingot.attention %2, %0, %1 scale 5.0e-01 {ingot.target = "cpu"} : tensor<1x2x6x8xf32>, tensor<1x2x6x8xf32>, tensor<1x2x6x8xf32> loc("sdpa")
  %4 = ingot.transpose %3 [0, 1, 3, 2] {ingot.target = "cpu"} : tensor<1x2x6x8xf32> loc("t")
  return %4, %0 : tensor<1x2x8x6xf32>, tensor<1x2x6x8xf32>
}
