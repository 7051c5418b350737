// RUN: ingot-opt %s --split-input-file --lower-narrow-types | FileCheck %s

// Packed at the border: two elements a byte, the first in the low bits; the type stays with the argument.
// CHECK-LABEL: func.func @unpack(
// CHECK-SAME: %[[X:.*]]: tensor<2xui8> {ingot.name = "x", ingot.type = tensor<3xi4>}
// CHECK: ingot.and
// CHECK: ingot.shr %[[X]]
// CHECK: %[[ALL:.*]] = ingot.slice
// CHECK: %[[BYTES:.*]] = ingot.cast %[[ALL]] : tensor<3xui8> -> tensor<3xi8>
// CHECK: ingot.shl %[[BYTES]]
// CHECK: %[[SIGNED:.*]] = ingot.shr
// CHECK: ingot.cast {{.*}} : tensor<3xi8> -> tensor<3xf32>
func.func @unpack(%x: tensor<3xi4> {ingot.name = "x"}) -> tensor<3xf32> {
  %0 = ingot.cast %x : tensor<3xi4> -> tensor<3xf32> loc("cast")
  return %0 : tensor<3xf32>
}

// -----

// Floats saturate before they become a byte, which is packed.
// CHECK-LABEL: func.func @pack(
// CHECK-SAME: -> (tensor<2xui8> {ingot.type = tensor<3xui4>})
// CHECK: ingot.clamp %{{.*}} min 0.000000e+00 max 1.500000e+01
// CHECK: ingot.pad
// CHECK: ingot.shl
// CHECK: ingot.or
func.func @pack(%x: tensor<3xf32>) -> tensor<3xui4> {
  %0 = ingot.cast %x : tensor<3xf32> -> tensor<3xui4> loc("cast")
  return %0 : tensor<3xui4>
}

// -----

// An 8-bit float is the byte of its bits, its value a table's.
// CHECK-LABEL: func.func @narrow_float(
// CHECK-SAME: %[[X:.*]]: tensor<4xui8> {ingot.type = tensor<4xf8E4M3FN>}
// CHECK: %[[TABLE:.*]] = ingot.constant {{.*}} : tensor<256xf32>
// CHECK: ingot.gather %[[TABLE]]
// CHECK-NOT: f8E4M3FN
func.func @narrow_float(%x: tensor<4xf8E4M3FN>) -> tensor<4xf32> {
  %0 = ingot.cast %x : tensor<4xf8E4M3FN> -> tensor<4xf32> loc("cast")
  return %0 : tensor<4xf32>
}

// -----

// Moves stay moves, of bytes.
// CHECK-LABEL: func.func @moves(
// CHECK: ingot.transpose %{{.*}} [1, 0] : tensor<2x4xui8>
func.func @moves(%x: tensor<2x4xf8E5M2>) -> tensor<4x2xf8E5M2> {
  %0 = ingot.transpose %x [1, 0] : tensor<2x4xf8E5M2> loc("transpose")
  return %0 : tensor<4x2xf8E5M2>
}

// -----

// What has no narrow type is left as it is.
// CHECK-LABEL: func.func @wide(
// CHECK-NEXT: ingot.add %{{.*}} : tensor<4xi8>, tensor<4xi8>
// CHECK-NEXT: return
func.func @wide(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = ingot.add %x, %x : tensor<4xi8>, tensor<4xi8> loc("add")
  return %0 : tensor<4xi8>
}
