// RUN: ingot-opt %s --launch-in-place | FileCheck %s

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}

// CHECK-LABEL: plan.entry @chain
plan.entry @chain(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.launch @one {{.*}} writes %[[A:.*]] :
  // CHECK: plan.launch @in_place reads %[[A]] {{.*}} writes %[[A]]
  // CHECK: plan.launch @sum reads %[[A]], %{{.*}} writes %[[A]]
  // CHECK: plan.launch @one reads %[[A]]
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.launch @in_place reads %a : !plan.buffer<16, "host"> writes %b : !plan.buffer<16, "host">
  plan.launch @sum reads %b, %x : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %c : !plan.buffer<16, "host">
  plan.launch @one reads %c : !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}

// The first operand is read later, the second is not.
// CHECK-LABEL: plan.entry @second_operand
plan.entry @second_operand(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.launch @one {{.*}} writes %[[A:.*]] :
  // CHECK: plan.launch @one {{.*}} writes %[[B:.*]] :
  // CHECK: plan.launch @sum reads %[[A]], %[[B]] {{.*}} writes %[[B]]
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %b : !plan.buffer<16, "host">
  plan.launch @sum reads %a, %b : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %c : !plan.buffer<16, "host">
  plan.launch @sum reads %c, %a : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}

// Not allowed by the kernel; an input; an operand that is read later: nothing happens.
// CHECK-LABEL: plan.entry @untouched
plan.entry @untouched(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.launch @in_place reads %[[X:.*]] : {{.*}} writes %[[A:.*]] :
  // CHECK: plan.launch @one reads %[[A]] {{.*}} writes %[[B:.*]] :
  // CHECK: plan.launch @in_place reads %[[B]] {{.*}} writes %[[C:.*]] :
  // CHECK: plan.launch @sum reads %[[B]], %[[C]]
  plan.launch @in_place reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.launch @one reads %a : !plan.buffer<16, "host"> writes %b : !plan.buffer<16, "host">
  plan.launch @in_place reads %b : !plan.buffer<16, "host"> writes %c : !plan.buffer<16, "host">
  plan.launch @sum reads %b, %c : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}
