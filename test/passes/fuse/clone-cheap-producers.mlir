// RUN: ingot-opt %s --clone-cheap-producers | FileCheck %s

// CHECK-LABEL: func.func @iota
func.func @iota(%x: tensor<8xi32>, %y: tensor<8xi32>) -> (tensor<8xi1>, tensor<8xi1>) {
  // CHECK-DAG: %[[A:.*]] = ingot.iota
  // CHECK-DAG: %[[B:.*]] = ingot.iota
  // CHECK-DAG: ingot.cmp {{ *}}lt %[[A]], %arg0
  // CHECK-DAG: ingot.cmp {{ *}}lt %[[B]], %arg1
  %0 = ingot.iota dim 0 : tensor<8xi32>
  %1 = ingot.cmp lt %0, %x : tensor<8xi32>, tensor<8xi32>
  %2 = ingot.cmp lt %0, %y : tensor<8xi32>, tensor<8xi32>
  return %1, %2 : tensor<8xi1>, tensor<8xi1>
}

// What costs something is computed once.
// CHECK-LABEL: func.func @exp
func.func @exp(%x: tensor<8xf32>, %y: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  // CHECK: ingot.exp
  // CHECK-NOT: ingot.exp
  %0 = ingot.exp %x : tensor<8xf32>
  %1 = ingot.add %0, %x : tensor<8xf32>, tensor<8xf32>
  %2 = ingot.mul %0, %y : tensor<8xf32>, tensor<8xf32>
  return %1, %2 : tensor<8xf32>, tensor<8xf32>
}
