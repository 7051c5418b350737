// RUN: ingot-opt %s --elide-copies | FileCheck %s

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.constant @w in @host : tensor<4xf32> = dense<1.0> : tensor<4xf32>
plan.variable @state in @host : tensor<4xf32>

// A reshape of what a launch makes, returned: the launch writes the output.
// CHECK-LABEL: plan.entry @reshape_and_output
plan.entry @reshape_and_output(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  // CHECK-NOT: plan.copy
  // CHECK: %[[Y:.*]] = plan.ref output 0
  // CHECK: plan.launch @one {{.*}} writes %[[Y]]
  // CHECK-NOT: plan.copy
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.copy %a to %b : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %b to %y : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
}

// What is read from an input, a constant or a variable is read in place.
// CHECK-LABEL: plan.entry @external
plan.entry @external(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %w = plan.ref constant @w + 0 : !plan.buffer<16, "host">
  %v = plan.ref variable @state + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<16, "host">
  plan.copy %x to %a : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %w to %b : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %v to %c : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  // CHECK-NOT: plan.copy
  // CHECK: plan.launch @sum
  // CHECK: plan.launch @one
  // CHECK-NOT: plan.copy
  plan.launch @sum reads %a, %b : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
  plan.launch @one reads %c : !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}

// An input, or a constant, that is an output is copied; so is the second of two equal outputs.
// CHECK-LABEL: plan.entry @copies_that_stay
plan.entry @copies_that_stay(x : tensor<4xf32>) -> (y : tensor<4xf32>, z : tensor<4xf32>, u : tensor<4xf32>, v : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %w = plan.ref constant @w + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %z = plan.ref output 1 + 0 : !plan.buffer<16, "host">
  %u = plan.ref output 2 + 0 : !plan.buffer<16, "host">
  %v = plan.ref output 3 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.launch @one {{.*}} writes %[[U:.*]] :
  // CHECK-COUNT-3: plan.copy
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.copy %x to %y : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %w to %z : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %a to %u : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %a to %v : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  // CHECK-NOT: plan.copy
}

// The old state is read after the update: it has to be kept.
// CHECK-LABEL: plan.entry @state_read_late
plan.entry @state_read_late(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %s = plan.ref variable @state + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %old = plan.alloc : !plan.buffer<16, "host">
  %new = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.copy %[[S:.*]] to %[[OLD:.*]] :
  plan.copy %s to %old : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  // CHECK: plan.launch @one {{.*}} writes %[[S]]
  // CHECK-NOT: plan.copy
  // CHECK: plan.launch @one reads %[[OLD]]
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %new : !plan.buffer<16, "host">
  plan.copy %new to %s : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.launch @one reads %old : !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}

// Both paths of a branch write the result; it is the output itself.
// CHECK-LABEL: plan.entry @branch
plan.entry @branch(x : tensor<4xf32>, flag : tensor<i1>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %f = plan.ref input 1 + 0 : !plan.buffer<1, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %r = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.if
  // CHECK-NEXT: plan.launch @one {{.*}} writes %[[Y:.*]] :
  // CHECK-NEXT: else
  // CHECK-NEXT: plan.copy %{{.*}} to %[[Y]]
  // CHECK-NEXT: }
  // CHECK-NOT: plan.copy
  plan.if %f {
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.copy %a to %r : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  } else {
  plan.copy %x to %r : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  } : !plan.buffer<1, "host">
  plan.copy %r to %y : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
}
