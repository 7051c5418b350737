// A loop through the whole phase: what is carried is updated where it lies.
// RUN: ingot-opt %s --split-input-file --convert-to-plan | FileCheck %s --check-prefix=COPIES
// RUN: ingot-opt %s --split-input-file --sink-carried --convert-to-plan --elide-copies --launch-in-place --elide-copies | FileCheck %s

func.func private @lt(%a: tensor<i64>, %b: tensor<i64>) -> tensor<i1> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3">}
func.func private @increment(%a: tensor<i64>) -> tensor<i64> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" in_place = [0, 0]>}
func.func private @put(%y: tensor<6xf32>, %i: tensor<i64>) -> tensor<6xf32> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" in_place = [0, 0]>}

// COPIES-LABEL: plan.entry @count
// COPIES: %[[C:[0-9]+]] = plan.alloc : <1, "host">
// COPIES: %[[I:[0-9]+]] = plan.alloc : <8, "host">
// COPIES: plan.copy %{{.*}} to %[[I]]
// COPIES: %[[Y:[0-9]+]] = plan.alloc : <24, "host">
// COPIES: plan.copy %{{.*}} to %[[Y]]
// COPIES: plan.while %[[C]] {
// COPIES:   plan.launch @lt reads %[[I]], %{{.*}} writes %[[LT:[0-9]+]] :
// COPIES:   plan.copy %[[LT]] to %[[C]]
// COPIES: } do {
// COPIES:   plan.launch @increment reads %[[I]] {{.*}} writes %[[NEXT:[0-9]+]] :
// COPIES:   plan.launch @put reads %[[Y]], %[[I]] {{.*}} writes %[[PUT:[0-9]+]] :
// COPIES:   plan.copy %[[NEXT]] to %[[I]]
// COPIES:   plan.copy %[[PUT]] to %[[Y]]
// COPIES: } : <1, "host">

// CHECK-LABEL: plan.entry @count
// CHECK: %[[OUT:[0-9]+]] = plan.ref output 0 + 0
// CHECK: %[[C:[0-9]+]] = plan.alloc : <1, "host">
// CHECK: plan.copy %{{.*}} to %[[I:[0-9]+]] : <8, "host"> to <8, "host">
// CHECK: plan.copy %{{.*}} to %[[OUT]]
// CHECK-NEXT: plan.while %[[C]] {
// CHECK-NEXT:   plan.launch @lt reads %[[I]], {{.*}} writes %[[C]] :
// CHECK-NEXT: } do {
// CHECK-NEXT:   plan.launch @put reads %[[OUT]], %[[I]] {{.*}} writes %[[OUT]] :
// CHECK-NEXT:   plan.launch @increment reads %[[I]] {{.*}} writes %[[I]] :
// CHECK-NEXT: } : <1, "host">
func.func @count(%n: tensor<i64>, %y0: tensor<6xf32>) -> tensor<6xf32> {
  %0 = ingot.constant dense<0> : tensor<i64>
  %r:2 = scf.while (%i = %0, %y = %y0) : (tensor<i64>, tensor<6xf32>) -> (tensor<i64>, tensor<6xf32>) {
    %c = ingot.launch @lt(%i, %n) : (tensor<i64>, tensor<i64>) -> tensor<i1> loc("test")
    %e = tensor.extract %c[] : tensor<i1>
    scf.condition(%e) %i, %y : tensor<i64>, tensor<6xf32>
  } do {
  ^bb0(%i: tensor<i64>, %y: tensor<6xf32>):
    %next = ingot.launch @increment(%i) : (tensor<i64>) -> tensor<i64> loc("next")
    %put = ingot.launch @put(%y, %i) : (tensor<6xf32>, tensor<i64>) -> tensor<6xf32> loc("put")
    scf.yield %next, %put : tensor<i64>, tensor<6xf32>
  } loc("loop")
  return %r#1 : tensor<6xf32>
}

// -----

func.func private @flag(%a: tensor<4xf32>) -> tensor<i1> attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3">}

// Two values change places in every trip: one of them must be kept aside. What no trip changes is
// not copied at all.
// CHECK-LABEL: plan.entry @swap
// CHECK: plan.while
// CHECK:   plan.launch @flag reads %[[A:[0-9]+]] :
// CHECK: } do {
// CHECK-NEXT:   plan.copy %[[A]] to %[[KEPT:[0-9]+]] :
// CHECK-NEXT:   plan.copy %[[B:[0-9]+]] to %[[A]] :
// CHECK-NEXT:   plan.copy %[[KEPT]] to %[[B]] :
// CHECK-NEXT: }
func.func @swap(%a0: tensor<4xf32>, %b0: tensor<4xf32>, %c0: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %r:3 = scf.while (%a = %a0, %b = %b0, %c = %c0) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
    %f = ingot.launch @flag(%a) : (tensor<4xf32>) -> tensor<i1> loc("test")
    %e = tensor.extract %f[] : tensor<i1>
    scf.condition(%e) %a, %b, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  } do {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>):
    scf.yield %b, %a, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
  } loc("loop")
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
