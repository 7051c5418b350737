// RUN: ingot-opt %s --convert-to-plan --split-input-file | FileCheck %s

// CHECK: plan.target @"x86-64-v3" driver "cpu"
// CHECK: plan.space @host of @"x86-64-v3" alignment 64
// CHECK: plan.kernel @add_f32 {{.*}} inputs 2 results 1 attributes {in_place = array<i64: 0, 0>, layers = ["add"]
// Equal constants are stored once.
// CHECK: plan.constant @constant in @host : tensor<4xf32> = dense<1.000000e+00>
// CHECK-NOT: plan.constant
// CHECK-LABEL: plan.entry @forward(x : tensor<4xf32>) -> (y : tensor<4xf32>, out1 : tensor<4xf32>) {
func.func @forward(%x: tensor<4xf32> {ingot.name = "x"}) -> (tensor<4xf32> {ingot.name = "y"}, tensor<4xf32>) {
  %c = ingot.constant dense<1.0> : tensor<4xf32>
  %d = ingot.constant dense<1.0> : tensor<4xf32>
  // CHECK-DAG: %[[OUT0:.*]] = plan.ref output 0 + 0
  // CHECK-DAG: %[[OUT1:.*]] = plan.ref output 1 + 0
  // CHECK-DAG: %[[C:.*]] = plan.ref constant @constant + 0
  // CHECK-DAG: %[[X:.*]] = plan.ref input 0 + 0
  // CHECK: %[[A:.*]] = plan.alloc : <16, "host">
  // CHECK: plan.launch @add_f32 reads %[[X]], %[[C]] {{.*}} writes %[[A]]
  %0 = ingot.launch @add_f32(%x, %c) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: %[[B:.*]] = plan.alloc : <16, "host">
  // CHECK: plan.launch @add_f32 reads %[[A]], %[[C]] {{.*}} writes %[[B]]
  %1 = ingot.launch @add_f32(%0, %d) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: plan.copy %[[B]] to %[[OUT0]]
  // CHECK: plan.copy %[[X]] to %[[OUT1]]
  return %1, %x : tensor<4xf32>, tensor<4xf32>
}
func.func private @add_f32(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["add"] in_place = [0, 0]>}

// -----

// CHECK-LABEL: plan.entry @views
func.func @views(%x: tensor<4x2xf32>) -> tensor<6xf32> {
  // CHECK-DAG: %[[X:.*]] = plan.ref input 0 + 0
  // CHECK: %[[S:.*]] = plan.alloc : <16, "host">
  // CHECK: %[[R:.*]] = plan.range %[[X]] + 8 : <32, "host"> -> <16, "host">
  // CHECK: plan.copy %[[R]] to %[[S]]
  %0 = ingot.slice %x starts [1, 0] sizes [2, 2] steps [1, 1] : tensor<4x2xf32>
  // CHECK: %[[F:.*]] = plan.alloc : <16, "host">
  // CHECK: plan.copy %[[S]] to %[[F]]
  %1 = ingot.reshape %0 : tensor<2x2xf32> -> tensor<4xf32>
  // A slice of an inner dim is contiguous when the dims outside of it have one element.
  // CHECK: plan.range %[[X]] + 20 : <32, "host"> -> <4, "host">
  %2 = ingot.slice %x starts [2, 1] sizes [1, 1] steps [1, 1] : tensor<4x2xf32>
  %3 = ingot.reshape %2 : tensor<1x1xf32> -> tensor<1xf32>
  // CHECK: %[[J:.*]] = plan.alloc : <24, "host">
  // CHECK: plan.range %[[J]] + 0 : <24, "host"> -> <16, "host">
  // CHECK: plan.range %[[J]] + 16 : <24, "host"> -> <4, "host">
  // CHECK: plan.range %[[J]] + 20 : <24, "host"> -> <4, "host">
  %4 = ingot.concat %1, %3, %3 axis 0 : tensor<4xf32>, tensor<1xf32>, tensor<1xf32>
  return %4 : tensor<6xf32>
}

// -----

// CHECK: plan.variable @h in @host : tensor<4xf32>{{$}}
// CHECK-LABEL: plan.entry @state
ingot.variable @h : tensor<4xf32>
func.func @state(%flag: tensor<i1>) -> tensor<4xf32> {
  // CHECK-DAG: %[[H:.*]] = plan.ref variable @h + 0
  // CHECK-DAG: %[[FLAG:.*]] = plan.ref input 0 + 0 : <1, "host">
  // CHECK: plan.copy %[[H]] to %[[OLD:.*]] :
  %0 = ingot.variable_read @h : tensor<4xf32>
  %c = tensor.extract %flag[] : tensor<i1>
  // CHECK: %[[R:.*]] = plan.alloc : <16, "host">
  // CHECK: plan.if %[[FLAG]] {
  %1 = scf.if %c -> tensor<4xf32> {
    // CHECK: plan.launch @relu_f32 reads %[[OLD]] {{.*}} writes %[[N:.*]] :
    // CHECK: plan.copy %[[N]] to %[[R]]
    %2 = ingot.launch @relu_f32(%0) : (tensor<4xf32>) -> tensor<4xf32>
    scf.yield %2 : tensor<4xf32>
  } else {
    // CHECK: } else {
    // CHECK: plan.copy %[[OLD]] to %[[R]]
    scf.yield %0 : tensor<4xf32>
  }
  // CHECK: plan.copy %[[R]] to %[[H]]
  ingot.variable_update @h, %1 : tensor<4xf32>
  return %1 : tensor<4xf32>
}
func.func private @relu_f32(tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3">}
