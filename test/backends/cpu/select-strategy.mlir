// Which strategy the CPU target selects, with which tiles, and how it packs constants. The numbers of registers and lanes
// of each instruction set show in the tiles.
// RUN: rm -rf %t && ingot compile %s --start-from=codegen --stop-after=codegen --dump-phases=%t/v3 --target=x86-64-v3
// RUN: FileCheck %s --check-prefixes=CHECK,V3 --input-file=%t/v3/07-codegen.mlir
// RUN: sed 's/x86-64-v3/x86-64-v4/' %s > %t/v4.mlir
// RUN: ingot compile %t/v4.mlir --start-from=codegen --stop-after=codegen --dump-phases=%t/v4 --target=x86-64-v4
// RUN: FileCheck %s --check-prefixes=CHECK,V4 --input-file=%t/v4/07-codegen.mlir

// A product with a constant is packed as [panels, k, columns]; the body undoes it.
// CHECK-LABEL: func.func private @product
// CHECK-SAME: epilogue_loop = 0
// CHECK-SAME: kind = "gemm"
// V3-SAME: lanes = 8
// V4-SAME: lanes = 16
// CHECK-SAME: rhs = 0
// CHECK: ingot.transpose %arg1 [1, 0, 2]
// CHECK: ingot.reshape
// CHECK: ingot.matmul
func.func private @product(%x: tensor<49x64xf32>, %w: tensor<64x96xf32>, %r: tensor<49x96xf32>) -> tensor<49x96xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["a"]>} {
  %0 = ingot.matmul %x, %w : tensor<49x64xf32>, tensor<64x96xf32>
  %1 = ingot.add %0, %r : tensor<49x96xf32>, tensor<49x96xf32>
  return %1 : tensor<49x96xf32>
}

// A product of two run-time values is read in place; its columns lie together.
// CHECK-LABEL: func.func private @run_time
// CHECK-SAME: kind = "gemm"
// CHECK-SAME: rhs = 1
func.func private @run_time(%x: tensor<2x49x64xf32>, %w: tensor<2x64x96xf32>) -> tensor<2x49x96xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["a"]>} {
  %0 = ingot.matmul %x, %w : tensor<2x49x64xf32>, tensor<2x64x96xf32>
  return %0 : tensor<2x49x96xf32>
}

// CHECK-LABEL: func.func private @depthwise
// CHECK-SAME: kind = "depthwise"
// CHECK-SAME: packed = 1
func.func private @depthwise(%x: tensor<1x14x14x96xf32>, %w: tensor<96x1x3x3xf32>) -> tensor<1x14x14x96xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["a"]>} {
  %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 96 channels_last : tensor<1x14x14x96xf32>, tensor<96x1x3x3xf32>
  return %0 : tensor<1x14x14x96xf32>
}

// CHECK-LABEL: func.func private @window
// CHECK-SAME: kind = "conv"
func.func private @window(%x: tensor<1x14x14x96xf32>, %w: tensor<64x96x3x3xf32>) -> tensor<1x14x14x64xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["a"]>} {
  %0 = ingot.conv %x, %w strides [1, 1] pads [1, 1, 1, 1] dilations [1, 1] groups 1 channels_last : tensor<1x14x14x96xf32>, tensor<64x96x3x3xf32>
  return %0 : tensor<1x14x14x64xf32>
}

// What is not a contraction goes to the emitter that all targets share.
// CHECK-LABEL: func.func private @rows
// CHECK-SAME: kind = "generic"
func.func private @rows(%x: tensor<49x96xf32>) -> tensor<49x96xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["a"]>} {
  %0 = ingot.softmax %x axis 1 : tensor<49x96xf32>
  return %0 : tensor<49x96xf32>
}

// A launch's constant gets the packing as its recipe.
// CHECK-LABEL: func.func @main
// CHECK: recipe = {{.*}}reshape{{.*}}transpose
func.func @main(%x: tensor<49x64xf32>, %r: tensor<49x96xf32>, %a: tensor<2x49x64xf32>, %b: tensor<2x64x96xf32>, %i: tensor<1x14x14x96xf32>, %f: tensor<64x96x3x3xf32>) -> (tensor<49x96xf32>, tensor<2x49x96xf32>, tensor<1x14x14x64xf32>) {
  %w = ingot.constant dense<0.5> : tensor<64x96xf32>
  %d = ingot.constant dense<0.25> : tensor<96x1x3x3xf32>
  %0 = ingot.launch @product(%x, %w, %r) : (tensor<49x64xf32>, tensor<64x96xf32>, tensor<49x96xf32>) -> tensor<49x96xf32> loc("a")
  %1 = ingot.launch @rows(%0) : (tensor<49x96xf32>) -> tensor<49x96xf32> loc("a")
  %2 = ingot.launch @run_time(%a, %b) : (tensor<2x49x64xf32>, tensor<2x64x96xf32>) -> tensor<2x49x96xf32> loc("a")
  %3 = ingot.launch @depthwise(%i, %d) : (tensor<1x14x14x96xf32>, tensor<96x1x3x3xf32>) -> tensor<1x14x14x96xf32> loc("a")
  %4 = ingot.launch @window(%3, %f) : (tensor<1x14x14x96xf32>, tensor<64x96x3x3xf32>) -> tensor<1x14x14x64xf32> loc("a")
  return %1, %2, %4 : tensor<49x96xf32>, tensor<2x49x96xf32>, tensor<1x14x14x64xf32>
}

// An epilogue of many instructions becomes a loop over a tile's sums.
// CHECK-LABEL: func.func private @long_epilogue
// CHECK-SAME: epilogue_loop = 1
// CHECK-SAME: kind = "gemm"
func.func private @long_epilogue(%x: tensor<49x64xf32>, %w: tensor<64x96xf32>) -> tensor<49x96xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["a"]>} {
  %0 = ingot.matmul %x, %w : tensor<49x64xf32>, tensor<64x96xf32>
  %1 = ingot.silu %0 : tensor<49x96xf32>
  return %1 : tensor<49x96xf32>
}
