// RUN: ingot-opt %s --sink-carried | FileCheck %s

// CHECK-LABEL: func.func @counter
func.func @counter(%n: tensor<i64>, %y0: tensor<6xf32>) -> tensor<6xf32> {
  %0 = ingot.constant dense<0> : tensor<i64>
  %r:2 = scf.while (%i = %0, %y = %y0) : (tensor<i64>, tensor<6xf32>) -> (tensor<i64>, tensor<6xf32>) {
    %c = ingot.launch @lt(%i, %n) : (tensor<i64>, tensor<i64>) -> tensor<i1>
    %e = tensor.extract %c[] : tensor<i1>
    scf.condition(%e) %i, %y : tensor<i64>, tensor<6xf32>
  } do {
  ^bb0(%i: tensor<i64>, %y: tensor<6xf32>):
    // The counter goes behind the launch that reads it through a reshape.
    // CHECK: ingot.reshape
    // CHECK-NEXT: ingot.launch @put
    // CHECK-NEXT: ingot.launch @increment
    // CHECK-NEXT: scf.yield
    %next = ingot.launch @increment(%i) : (tensor<i64>) -> tensor<i64>
    %at = ingot.reshape %i : tensor<i64> -> tensor<1xi64>
    %put = ingot.launch @put(%y, %at) : (tensor<6xf32>, tensor<1xi64>) -> tensor<6xf32>
    scf.yield %next, %put : tensor<i64>, tensor<6xf32>
  }
  return %r#1 : tensor<6xf32>
}

// Each reads what the other one replaces, and a third is read in the trip: the order stays.
// CHECK-LABEL: func.func @circle
func.func @circle(%n: tensor<i1>, %a0: tensor<6xf32>, %b0: tensor<6xf32>) -> tensor<6xf32> {
  %r:3 = scf.while (%a = %a0, %b = %b0, %d = %a0) : (tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) -> (tensor<6xf32>, tensor<6xf32>, tensor<6xf32>) {
    %e = tensor.extract %n[] : tensor<i1>
    scf.condition(%e) %a, %b, %d : tensor<6xf32>, tensor<6xf32>, tensor<6xf32>
  } do {
  ^bb0(%a: tensor<6xf32>, %b: tensor<6xf32>, %d: tensor<6xf32>):
    // CHECK: ingot.launch @third
    // CHECK-NEXT: ingot.launch @first
    // CHECK-NEXT: ingot.launch @second
    %z = ingot.launch @third(%d) : (tensor<6xf32>) -> tensor<6xf32>
    %x = ingot.launch @first(%b, %z) : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
    %y = ingot.launch @second(%a) : (tensor<6xf32>) -> tensor<6xf32>
    scf.yield %x, %y, %z : tensor<6xf32>, tensor<6xf32>, tensor<6xf32>
  }
  return %r#0 : tensor<6xf32>
}
