// RUN: ingot-opt %s --merge-kernels --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: ingot.launch @relu_f32(%arg0) {{.*}}loc("act1")
  // CHECK: ingot.launch @relu_f32(%{{.*}}) {{.*}}loc("act2")
  // CHECK: ingot.launch @exp_f32
  %0 = ingot.launch @relu_f32(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("act1")
  %1 = ingot.launch @relu_f32_0(%0) : (tensor<4xf32>) -> tensor<4xf32> loc("act2")
  %2 = ingot.launch @exp_f32(%1) : (tensor<4xf32>) -> tensor<4xf32> loc("exp")
  return %2 : tensor<4xf32>
}
// CHECK: func.func private @relu_f32
// CHECK-SAME: layers = ["act1", "act2"]
func.func private @relu_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["act1"] in_place = [0, 0]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("act1")
  return %0 : tensor<4xf32>
}
// CHECK-NOT: @relu_f32_0
func.func private @relu_f32_0(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["act2"] in_place = [0, 0]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("act2")
  return %0 : tensor<4xf32>
}
// Another op, and another target, are other kernels.
// CHECK: func.func private @exp_f32
func.func private @exp_f32(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" layers = ["exp"] in_place = [0, 0]>} {
  %0 = ingot.exp %x : tensor<4xf32> loc("exp")
  return %0 : tensor<4xf32>
}
// CHECK: func.func private @relu_gpu
func.func private @relu_gpu(%x: tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "gpu" layers = ["act3"] in_place = [0, 0]>} {
  %0 = ingot.relu %x : tensor<4xf32> loc("act3")
  return %0 : tensor<4xf32>
}
