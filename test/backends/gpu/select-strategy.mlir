// Which strategy the Vulkan target selects, with which tiles, and how it packs constants.
// RUN: rm -rf %t && ingot compile %s --start-from=codegen --stop-after=codegen --dump-phases=%t --target=vulkan,x86-64-v3
// RUN: FileCheck %s --input-file=%t/07-codegen.mlir

// A constant right operand is laid out by columns, so that neighbouring invocations read neighbours. Nothing is in place.
// CHECK-LABEL: func.func private @product
// CHECK-SAME: %arg1: tensor<64x96xf32>
// CHECK-SAME: strategy = {columns = 4 : i64, kind = "gemm_tile", lanes = 16 : i64, rows = 4 : i64}
// CHECK-NOT: in_place
// CHECK-SAME: tiles = [512]
// CHECK: ingot.transpose %arg1 [1, 0]
// CHECK: ingot.matmul
func.func private @product(%x: tensor<49x64xf32>, %w: tensor<96x64xf32>, %r: tensor<49x96xf32>) -> tensor<49x96xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "vulkan" layers = ["a"]>} {
  %0 = ingot.matmul %x, %w transpose_b : tensor<49x64xf32>, tensor<96x64xf32>
  %1 = ingot.add %0, %r : tensor<49x96xf32>, tensor<49x96xf32>
  return %1 : tensor<49x96xf32>
}

// Few rows and columns make small tiles.
// CHECK-LABEL: func.func private @narrow
// CHECK-SAME: columns = 1 : i64
// CHECK-SAME: rows = 2 : i64
func.func private @narrow(%x: tensor<2x64xf32>, %w: tensor<64x10xf32>) -> tensor<2x10xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "vulkan" layers = ["a"]>} {
  %0 = ingot.matmul %x, %w : tensor<2x64xf32>, tensor<64x10xf32>
  return %0 : tensor<2x10xf32>
}

// One invocation an element, one a row.
// CHECK-LABEL: func.func private @chain
// CHECK-SAME: kind = "generic", tiles = 120 : i64
func.func private @chain(%x: tensor<3x40xf32>) -> tensor<3x40xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "vulkan" layers = ["a"]>} {
  %0 = ingot.exp %x : tensor<3x40xf32>
  return %0 : tensor<3x40xf32>
}
// CHECK-LABEL: func.func private @norm
// CHECK-SAME: kind = "generic", tiles = 3 : i64
func.func private @norm(%x: tensor<3x40xf32>, %s: tensor<40xf32>) -> tensor<3x40xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "vulkan" layers = ["a"]>} {
  %0 = ingot.rms_norm %x scale %s axis 1 epsilon 1.0e-5 : tensor<3x40xf32>, tensor<40xf32>
  return %0 : tensor<3x40xf32>
}

func.func @forward(%x: tensor<49x64xf32>, %r: tensor<49x96xf32>) -> tensor<49x96xf32> {
  %w = ingot.constant dense<2.0> : tensor<96x64xf32> loc("w")
  %0 = ingot.transfer %x to "vulkan" : tensor<49x64xf32> -> tensor<49x64xf32> loc("a")
  %1 = ingot.transfer %r to "vulkan" : tensor<49x96xf32> -> tensor<49x96xf32> loc("a")
  %2 = ingot.launch @product(%0, %w, %1) : (tensor<49x64xf32>, tensor<96x64xf32>, tensor<49x96xf32>) -> tensor<49x96xf32> loc("a")
  %3 = ingot.transfer %2 to "x86-64-v3" : tensor<49x96xf32> -> tensor<49x96xf32> loc("a")
  return %3 : tensor<49x96xf32>
}
