// RUN: ingot-opt %s --specialize-dims=dims=n=3,m=5 | FileCheck %s
// RUN: ingot-opt %s --specialize-dims=dims=n=3 | FileCheck %s --check-prefix=SOME
// RUN: not ingot-opt %s --specialize-dims=dims=k=3 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not ingot-opt %s --specialize-dims=dims=n=9 2>&1 | FileCheck %s --check-prefix=BOUND
// RUN: not ingot-opt %s --specialize-dims=dims=n 2>&1 | FileCheck %s --check-prefix=TEXT

// CHECK: module {
// SOME: module attributes {ingot.dims = {m = array<i64: 1, 16>}} {
// NAME: the module has no dim named 'k'
// BOUND: dim 'n' is 9, but it is bounded by 1..8
// TEXT: expected NAME=N, but got 'n'
module attributes {ingot.dims = {m = array<i64: 1, 16>, n = array<i64: 1, 8>}} {
  // CHECK: func.func @forward(%[[X:.*]]: tensor<6x5xf32>) -> tensor<6x4xf32>
  // SOME: func.func @forward(%[[X:.*]]: tensor<6x?xf32, #ingot.dims<["m"]>>)
  func.func @forward(%x: tensor<?x?xf32, #ingot.dims<["2*n", "m"]>>) -> tensor<?x?xf32, #ingot.dims<["2*n", "m - 1"]>> {
    // CHECK: ingot.slice %[[X]] starts [0, 1] sizes [6, 4] steps [1, 1] : tensor<6x5xf32>
    %0 = ingot.slice %x starts [0, 1] sizes [-9223372036854775808, -9223372036854775808] steps [1, 1] dims <["2*n", "m - 1"]> : tensor<?x?xf32, #ingot.dims<["2*n", "m"]>>
    // CHECK: ingot.constant dense<8> : tensor<i64>
    // SOME: ingot.dim "m + 3"
    %1 = ingot.dim "m + n" : tensor<i64>
    %2 = ingot.cast %1 : tensor<i64> -> tensor<f32>
    // CHECK: ingot.mul %{{.*}}, %{{.*}} : tensor<6x4xf32>, tensor<f32>
    %3 = ingot.mul %0, %2 : tensor<?x?xf32, #ingot.dims<["2*n", "m - 1"]>>, tensor<f32>
    return %3 : tensor<?x?xf32, #ingot.dims<["2*n", "m - 1"]>>
  }
}
