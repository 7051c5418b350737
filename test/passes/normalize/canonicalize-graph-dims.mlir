// Patterns of canonicalize-graph on extents that vary: they hold for every size, or do not apply.
// RUN: ingot-opt %s --split-input-file --canonicalize-graph | FileCheck %s

module attributes {ingot.dims = {b = array<i64: 1, 8>, s = array<i64: 2, 64>}} {
  // CHECK-LABEL: func.func @linear
  func.func @linear(%x: tensor<?x?x4xf32, #ingot.dims<["b", "s"]>>, %w: tensor<6x4xf32>) -> tensor<?x?x6xf32, #ingot.dims<["b", "s"]>> {
    // The bias is the matmul's, the broadcast of it nobody's.
    // CHECK: %[[B:.*]] = ingot.constant dense<[1.0{{.*}}, 6.0{{.*}}]> : tensor<6xf32>
    // CHECK-NEXT: %[[M:.*]] = ingot.matmul %arg0, %arg1 transpose_b bias %[[B]]
    // CHECK-NEXT: return %[[M]]
    %bias = ingot.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]> : tensor<6xf32>
    %t = ingot.transpose %w [1, 0] : tensor<6x4xf32>
    %0 = ingot.matmul %x, %t : tensor<?x?x4xf32, #ingot.dims<["b", "s"]>>, tensor<4x6xf32>
    %1 = ingot.broadcast %bias : tensor<6xf32> -> tensor<?x?x6xf32, #ingot.dims<["b", "s"]>>
    %2 = ingot.add %0, %1 : tensor<?x?x6xf32, #ingot.dims<["b", "s"]>>, tensor<?x?x6xf32, #ingot.dims<["b", "s"]>>
    return %2 : tensor<?x?x6xf32, #ingot.dims<["b", "s"]>>
  }
}

// -----

module attributes {ingot.dims = {b = array<i64: 1, 8>, s = array<i64: 2, 64>}} {
  // The first and the last element of a dim that is never empty.
  // CHECK-LABEL: func.func @ends
  func.func @ends(%x: tensor<?x?x4xf32, #ingot.dims<["b", "s"]>>) -> (tensor<?x4xf32, #ingot.dims<["b"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>) {
    // CHECK-DAG: ingot.slice %arg0 starts [0, 0, 0] sizes [-9223372036854775808, 1, 4] steps [1, 1, 1] dims <["b"]>
    // CHECK-DAG: ingot.slice %arg0 starts [0, -9223372036854775808, 0] sizes [-9223372036854775808, 1, 4] steps [1, 1, 1] dims <["s - 1", "b"]>
    // The third may not be there.
    // CHECK-DAG: ingot.gather %arg0
    %zero = ingot.constant dense<0> : tensor<i64>
    %minus = ingot.constant dense<-1> : tensor<i64>
    %two = ingot.constant dense<2> : tensor<i64>
    %0 = ingot.gather %x[%zero] axis 1 : tensor<?x?x4xf32, #ingot.dims<["b", "s"]>>, tensor<i64>
    %1 = ingot.gather %x[%minus] axis 1 : tensor<?x?x4xf32, #ingot.dims<["b", "s"]>>, tensor<i64>
    %2 = ingot.gather %x[%two] axis 1 : tensor<?x?x4xf32, #ingot.dims<["b", "s"]>>, tensor<i64>
    return %0, %1, %2 : tensor<?x4xf32, #ingot.dims<["b"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>
  }
}

// -----

module attributes {ingot.dims = {s = array<i64: 2, 64>}} {
  // CHECK-LABEL: func.func @slices
  func.func @slices(%x: tensor<?xf32, #ingot.dims<["s"]>>, %y: tensor<?xf32, #ingot.dims<["s"]>>) -> tensor<?xf32, #ingot.dims<["s - 2"]>> {
    // CHECK: ingot.slice %arg0 starts [2] sizes [-9223372036854775808] steps [1] dims <["s - 2"]>
    %0 = ingot.slice %x starts [1] sizes [-9223372036854775808] steps [1] dims <["s - 1"]> : tensor<?xf32, #ingot.dims<["s"]>>
    %1 = ingot.slice %0 starts [1] sizes [-9223372036854775808] steps [1] dims <["s - 2"]> : tensor<?xf32, #ingot.dims<["s - 1"]>>
    return %1 : tensor<?xf32, #ingot.dims<["s - 2"]>>
  }
}

// -----

module attributes {ingot.dims = {s = array<i64: 2, 64>}} {
  // Rows of products of an open number of columns have no constant per column.
  // CHECK-LABEL: func.func @open_columns
  func.func @open_columns(%x: tensor<4x?xf32, #ingot.dims<["s"]>>) -> tensor<?x?xf32, #ingot.dims<["s", "s"]>> {
    // CHECK: ingot.matmul
    // CHECK: ingot.add
    %one = ingot.constant dense<1.0> : tensor<f32>
    %t = ingot.transpose %x [1, 0] : tensor<4x?xf32, #ingot.dims<["s"]>>
    %0 = ingot.matmul %t, %x : tensor<?x4xf32, #ingot.dims<["s"]>>, tensor<4x?xf32, #ingot.dims<["s"]>>
    %1 = ingot.add %0, %one : tensor<?x?xf32, #ingot.dims<["s", "s"]>>, tensor<f32>
    return %1 : tensor<?x?xf32, #ingot.dims<["s", "s"]>>
  }
}
