// RUN: ingot-opt %s --split-input-file --raise-attention | FileCheck %s

// A key that was transposed, half of the scale on each side, a product on the scores.
// CHECK-LABEL: func.func @scaled
func.func @scaled(%q: tensor<1x2x6x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x4xf32>) -> tensor<1x2x6x4xf32> {
  // CHECK-NEXT: %[[K:.*]] = ingot.reshape %arg1
  // CHECK-NEXT: %[[T:.*]] = ingot.transpose %[[K]] [0, 1, 2]
  // CHECK-NEXT: %[[R:.*]] = ingot.reshape %[[T]] : tensor<2x5x8xf32> -> tensor<1x2x5x8xf32>
  // CHECK-NEXT: %[[A:.*]] = ingot.attention %arg0, %[[R]], %arg2 scale 1.250000e-01
  // CHECK-NEXT: return %[[A]]
  %half = ingot.constant dense<0.5> : tensor<f32>
  %two = ingot.constant dense<2.0> : tensor<f32>
  %0 = ingot.mul %q, %half : tensor<1x2x6x8xf32>, tensor<f32>
  %1 = ingot.reshape %k : tensor<1x2x5x8xf32> -> tensor<2x5x8xf32>
  %2 = ingot.transpose %1 [0, 2, 1] : tensor<2x5x8xf32>
  %3 = ingot.reshape %2 : tensor<2x8x5xf32> -> tensor<1x2x8x5xf32>
  %4 = ingot.mul %half, %3 : tensor<f32>, tensor<1x2x8x5xf32>
  %5 = ingot.matmul %0, %4 : tensor<1x2x6x8xf32>, tensor<1x2x8x5xf32>
  %6 = ingot.div %5, %two : tensor<1x2x6x5xf32>, tensor<f32>
  %7 = ingot.softmax %6 axis 3 : tensor<1x2x6x5xf32>
  %8 = ingot.matmul %7, %v : tensor<1x2x6x5xf32>, tensor<1x2x5x4xf32>
  return %8 : tensor<1x2x6x4xf32>
}

// -----

// Lengths and the batch vary; the number of heads does not.
module attributes {ingot.dims = {b = array<i64: 1, 8>, s = array<i64: 1, 64>}} {
  // CHECK-LABEL: func.func @open
  func.func @open(%q: tensor<?x2x?x8xf32, #ingot.dims<["b", "s"]>>, %k: tensor<?x2x?x8xf32, #ingot.dims<["b", "s"]>>, %v: tensor<?x2x?x4xf32, #ingot.dims<["b", "s"]>>) -> tensor<?x2x?x4xf32, #ingot.dims<["b", "s"]>> {
    // CHECK: ingot.attention %arg0, %arg1, %arg2 scale 5.000000e-01
    // CHECK-NEXT: return
    %half = ingot.constant dense<0.5> : tensor<f32>
    %0 = ingot.matmul %q, %k transpose_b : tensor<?x2x?x8xf32, #ingot.dims<["b", "s"]>>, tensor<?x2x?x8xf32, #ingot.dims<["b", "s"]>>
    %1 = ingot.mul %0, %half : tensor<?x2x?x?xf32, #ingot.dims<["b", "s", "s"]>>, tensor<f32>
    %2 = ingot.softmax %1 axis 3 : tensor<?x2x?x?xf32, #ingot.dims<["b", "s", "s"]>>
    %3 = ingot.matmul %2, %v : tensor<?x2x?x?xf32, #ingot.dims<["b", "s", "s"]>>, tensor<?x2x?x4xf32, #ingot.dims<["b", "s"]>>
    return %3 : tensor<?x2x?x4xf32, #ingot.dims<["b", "s"]>>
  }
}

// -----

// How many heads there are varies: they are batches of one head.
module attributes {ingot.dims = {b = array<i64: 1, 8>, s = array<i64: 1, 64>}} {
  // CHECK-LABEL: func.func @open_heads
  func.func @open_heads(%q: tensor<?x?x8xf32, #ingot.dims<["2*b", "s"]>>, %k: tensor<?x?x8xf32, #ingot.dims<["2*b", "s"]>>, %v: tensor<?x?x4xf32, #ingot.dims<["2*b", "s"]>>) -> tensor<?x?x4xf32, #ingot.dims<["2*b", "s"]>> {
    // CHECK: ingot.attention {{.*}} : tensor<?x1x?x8xf32, #ingot.dims<["2*b", "s"]>>
    // CHECK-NEXT: ingot.reshape
    // CHECK-NEXT: return
    %0 = ingot.matmul %q, %k transpose_b : tensor<?x?x8xf32, #ingot.dims<["2*b", "s"]>>, tensor<?x?x8xf32, #ingot.dims<["2*b", "s"]>>
    %1 = ingot.softmax %0 axis 2 : tensor<?x?x?xf32, #ingot.dims<["2*b", "s", "s"]>>
    %2 = ingot.matmul %1, %v : tensor<?x?x?xf32, #ingot.dims<["2*b", "s", "s"]>>, tensor<?x?x4xf32, #ingot.dims<["2*b", "s"]>>
    return %2 : tensor<?x?x4xf32, #ingot.dims<["2*b", "s"]>>
  }
}

// -----

// Three dims; a mask with finite elements in each row.
// CHECK-LABEL: func.func @constant_mask
func.func @constant_mask(%q: tensor<2x3x8xf32>, %k: tensor<2x2x8xf32>, %v: tensor<2x2x4xf32>) -> tensor<2x3x4xf32> {
  // CHECK: ingot.attention {{.*}} mask {{.*}} scale 1.000000e+00 : tensor<1x2x3x8xf32>, tensor<1x2x2x8xf32>, tensor<1x2x2x4xf32>, tensor<3x2xf32>
  // CHECK-NEXT: ingot.reshape
  // CHECK-NEXT: return
  %m = ingot.constant dense<[[0.0, 1.0], [0xFF800000, 0.0], [2.0, 0xFF800000]]> : tensor<3x2xf32>
  %0 = ingot.matmul %q, %k transpose_b : tensor<2x3x8xf32>, tensor<2x2x8xf32>
  %1 = ingot.add %m, %0 : tensor<3x2xf32>, tensor<2x3x2xf32>
  %2 = ingot.softmax %1 axis 2 : tensor<2x3x2xf32>
  %3 = ingot.matmul %2, %v : tensor<2x3x2xf32>, tensor<2x2x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// -----

// A mask that may leave out all keys: a softmax of nothing is NaN.
// CHECK-LABEL: func.func @any_mask
func.func @any_mask(%q: tensor<1x2x6x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x4xf32>, %m: tensor<1x1x6x5xf32>) -> tensor<1x2x6x4xf32> {
  // CHECK: %[[A:.*]] = ingot.attention %arg0, %arg1, %arg2 mask %arg3
  // CHECK: %[[M:.*]] = ingot.reduce max %arg3 dims [3] keepdims
  // CHECK: %[[E:.*]] = ingot.cmp eq %[[M]]
  // CHECK: %[[S:.*]] = ingot.select %[[E]], %{{.*}}, %[[A]]
  // CHECK: return %[[S]]
  %0 = ingot.matmul %q, %k transpose_b : tensor<1x2x6x8xf32>, tensor<1x2x5x8xf32>
  %1 = ingot.add %0, %m : tensor<1x2x6x5xf32>, tensor<1x1x6x5xf32>
  %2 = ingot.softmax %1 axis 3 : tensor<1x2x6x5xf32>
  %3 = ingot.matmul %2, %v : tensor<1x2x6x5xf32>, tensor<1x2x5x4xf32>
  return %3 : tensor<1x2x6x4xf32>
}

// -----

// Scores or weights that something else reads, keys that lie transposed, weights of another dim.
// CHECK-LABEL: func.func @others
func.func @others(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x5x8xf32>, %t: tensor<1x2x8x5xf32>, %v: tensor<1x2x5x4xf32>) -> (tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>) {
  // CHECK-NOT: ingot.attention
  %0 = ingot.matmul %q, %k transpose_b : tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>
  %1 = ingot.softmax %0 axis 3 : tensor<1x2x5x5xf32>
  %2 = ingot.matmul %1, %v : tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>
  %3 = ingot.matmul %q, %k transpose_b : tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>
  %4 = ingot.softmax %3 axis 3 : tensor<1x2x5x5xf32>
  %5 = ingot.matmul %4, %v : tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>
  %6 = ingot.matmul %q, %t : tensor<1x2x5x8xf32>, tensor<1x2x8x5xf32>
  %7 = ingot.softmax %6 axis 3 : tensor<1x2x5x5xf32>
  %8 = ingot.matmul %7, %v : tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>
  %9 = ingot.matmul %q, %k transpose_b : tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>
  %10 = ingot.softmax %9 axis 2 : tensor<1x2x5x5xf32>
  %11 = ingot.matmul %10, %v : tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>
  return %0, %2, %4, %5, %8, %11 : tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>
}

// -----

// Weights that become 0 where they are NaN are no attention's: there they stay NaN.
// CHECK-LABEL: func.func @guarded
func.func @guarded(%q: tensor<1x2x5x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x4xf32>) -> tensor<1x2x5x4xf32> {
  // CHECK-NOT: ingot.attention
  %zero = ingot.constant dense<0.0> : tensor<f32>
  %0 = ingot.matmul %q, %k transpose_b : tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>
  %1 = ingot.softmax %0 axis 3 : tensor<1x2x5x5xf32>
  %2 = ingot.is_nan %1 : tensor<1x2x5x5xf32>
  %3 = ingot.select %2, %zero, %1 : tensor<1x2x5x5xi1>, tensor<f32>, tensor<1x2x5x5xf32>
  %4 = ingot.matmul %3, %v : tensor<1x2x5x5xf32>, tensor<1x2x5x4xf32>
  return %4 : tensor<1x2x5x4xf32>
}
