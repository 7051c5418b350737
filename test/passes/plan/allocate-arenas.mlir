// RUN: ingot-opt %s --allocate-arenas | FileCheck %s

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.target @gpu driver "vulkan"
plan.space @device of @gpu alignment 256

// %a and %c are never alive together; nobody touches %unused; the entries share the arena.
// CHECK: plan.arena @arena in @host size 80 alignment 64 lower_bound 80 peak "second"
// CHECK: plan.arena @arena.device in @device size 16 alignment 256 lower_bound 16
// CHECK-LABEL: plan.entry @chain
plan.entry @chain(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<32, "host">
  %c = plan.alloc : !plan.buffer<16, "host">
  %unused = plan.alloc : !plan.buffer<640, "host">
  %p = plan.range %b + 16 : !plan.buffer<32, "host"> -> !plan.buffer<16, "host">
  %q = plan.range %x + 8 : !plan.buffer<16, "host"> -> !plan.buffer<8, "host">
  %d = plan.alloc : !plan.buffer<8, "host">
  %g = plan.alloc : !plan.buffer<16, "device">
  // CHECK-NOT: plan.alloc
  // CHECK-NOT: plan.range
  // CHECK-DAG: plan.ref input 0 + 8 : <8, "host">
  // CHECK-DAG: plan.ref arena @arena.device + 0 : <16, "device">
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host"> loc("first")
  plan.launch @one reads %a : !plan.buffer<16, "host"> writes %b : !plan.buffer<32, "host"> loc("second")
  plan.launch @one reads %p : !plan.buffer<16, "host"> writes %c : !plan.buffer<16, "host"> loc("third")
  plan.copy %c to %g : !plan.buffer<16, "host"> to !plan.buffer<16, "device">
  plan.copy %g to %y : !plan.buffer<16, "device"> to !plan.buffer<16, "host">
  plan.copy %q to %d : !plan.buffer<8, "host"> to !plan.buffer<8, "host">
}

// CHECK-LABEL: plan.entry @other
plan.entry @other(x : tensor<4xf32>) -> () {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  // CHECK: plan.ref arena @arena + 0
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
}
