// Named dims: extents of results are computed from the operands' as expressions.
// RUN: ingot-opt %s | ingot-opt | FileCheck %s

!tokens = tensor<?x?x384xf32, #ingot.dims<["batch", "seq"]>>

// CHECK-LABEL: @contraction
func.func @contraction(%x: !tokens, %w: tensor<1536x384xf32>) {
  // CHECK: ingot.matmul
  %0 = ingot.matmul %x, %w transpose_b : !tokens, tensor<1536x384xf32>
  // CHECK: ingot.reduce mean {{.*}} : tensor<?x?x1536xf32, #ingot.dims<["batch", "seq"]>>
  %1 = ingot.reduce mean %0 dims [1] : tensor<?x?x1536xf32, #ingot.dims<["batch", "seq"]>>
  // CHECK: ingot.relu %{{.*}} : tensor<?x1536xf32, #ingot.dims<["batch"]>>
  %2 = ingot.relu %1 : tensor<?x1536xf32, #ingot.dims<["batch"]>>
  return
}

// CHECK-LABEL: @cache
func.func @cache(%past: tensor<1x4x?x64xf32, #ingot.dims<["past"]>>, %new: tensor<1x4x?x64xf32, #ingot.dims<["seq"]>>,
                 %q: tensor<1x4x?x64xf32, #ingot.dims<["seq"]>>) {
  // CHECK: ingot.concat
  %k = ingot.concat %past, %new axis 2
      : tensor<1x4x?x64xf32, #ingot.dims<["past"]>>, tensor<1x4x?x64xf32, #ingot.dims<["seq"]>>
  %s = ingot.matmul %q, %k transpose_b
      : tensor<1x4x?x64xf32, #ingot.dims<["seq"]>>, tensor<1x4x?x64xf32, #ingot.dims<["past + seq"]>>
  // CHECK: ingot.softmax {{.*}} : tensor<1x4x?x?xf32, #ingot.dims<["seq", "past + seq"]>>
  %p = ingot.softmax %s axis 3 : tensor<1x4x?x?xf32, #ingot.dims<["seq", "past + seq"]>>
  return
}

// CHECK-LABEL: @windows
func.func @windows(%x: tensor<?x8x?xf32, #ingot.dims<["batch", "time"]>>, %w: tensor<16x8x3xf32>) {
  // CHECK: ingot.conv
  %0 = ingot.conv %x, %w strides [2] pads [1, 1] dilations [1] groups 1
      : tensor<?x8x?xf32, #ingot.dims<["batch", "time"]>>, tensor<16x8x3xf32>
  // CHECK: ingot.relu %{{.*}} : tensor<?x16x?xf32, #ingot.dims<["batch", "floordiv(time + 1, 2)"]>>
  %1 = ingot.relu %0 : tensor<?x16x?xf32, #ingot.dims<["batch", "floordiv(time + 1, 2)"]>>
  // CHECK: ingot.slice {{.*}} dims <["batch"]>
  %2 = ingot.slice %1 starts [0, 0, 0] sizes [-9223372036854775808, 4, 1] steps [1, 1, 1] dims <["batch"]>
      : tensor<?x16x?xf32, #ingot.dims<["batch", "floordiv(time + 1, 2)"]>>
  // CHECK: ingot.neg %{{.*}} : tensor<?x4x1xf32, #ingot.dims<["batch"]>>
  %3 = ingot.neg %2 : tensor<?x4x1xf32, #ingot.dims<["batch"]>>
  return
}

// CHECK-LABEL: @views
func.func @views(%x: !tokens) {
  // CHECK: ingot.reshape {{.*}} -> tensor<?x12x32xf32, #ingot.dims<["batch*seq"]>>
  %0 = ingot.reshape %x : !tokens -> tensor<?x12x32xf32, #ingot.dims<["batch*seq"]>>
  // CHECK: ingot.transpose
  %1 = ingot.transpose %x [2, 1, 0] : !tokens
  // CHECK: ingot.abs %{{.*}} : tensor<384x?x?xf32, #ingot.dims<["seq", "batch"]>>
  %2 = ingot.abs %1 : tensor<384x?x?xf32, #ingot.dims<["seq", "batch"]>>
  return
}
