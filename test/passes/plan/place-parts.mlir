// RUN: ingot-opt %s --place-parts | FileCheck %s

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}

// The parts of a concat are made in their places.
// CHECK-LABEL: plan.entry @concat
plan.entry @concat(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<32, "host">
  %p = plan.range %c + 0 : !plan.buffer<32, "host"> -> !plan.buffer<16, "host">
  %q = plan.range %c + 16 : !plan.buffer<32, "host"> -> !plan.buffer<16, "host">
  // CHECK: %[[C:.*]] = plan.alloc : <32, "host">
  // CHECK-DAG: %[[A:.*]] = plan.range %[[C]] + 0
  // CHECK-DAG: %[[B:.*]] = plan.range %[[C]] + 16
  // CHECK: plan.launch @one {{.*}} writes %[[A]]
  // CHECK: plan.launch @one {{.*}} writes %[[B]]
  // CHECK-NOT: plan.copy
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %b : !plan.buffer<16, "host">
  plan.copy %a to %p : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %b to %q : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.launch @one reads %c : !plan.buffer<32, "host"> writes %y : !plan.buffer<16, "host">
}

// One value twice: the second place gets a copy.
// CHECK-LABEL: plan.entry @twice
plan.entry @twice(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<32, "host">
  %p = plan.range %c + 0 : !plan.buffer<32, "host"> -> !plan.buffer<16, "host">
  %q = plan.range %c + 16 : !plan.buffer<32, "host"> -> !plan.buffer<16, "host">
  // CHECK-COUNT-1: plan.copy
  // CHECK-NOT: plan.copy
  // CHECK: }
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
  plan.copy %a to %p : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.copy %a to %q : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.launch @one reads %c : !plan.buffer<32, "host"> writes %y : !plan.buffer<16, "host">
}

// A slice is read where it lies.
// CHECK-LABEL: plan.entry @slice
plan.entry @slice(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<32, "host">
  %p = plan.range %a + 16 : !plan.buffer<32, "host"> -> !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  // CHECK: %[[P:.*]] = plan.range %{{.*}} + 16
  // CHECK-NOT: plan.copy
  // CHECK: plan.launch @one reads %{{.*}} writes
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<32, "host">
  plan.copy %p to %b : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.launch @one reads %b : !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}

// Keeping the whole for the sake of a small part would raise the peak: 4096 + 4096 instead of 4096 + 16 bytes.
// CHECK-LABEL: plan.entry @peak
plan.entry @peak(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %a = plan.alloc : !plan.buffer<4096, "host">
  %p = plan.range %a + 16 : !plan.buffer<4096, "host"> -> !plan.buffer<16, "host">
  %b = plan.alloc : !plan.buffer<16, "host">
  %c = plan.alloc : !plan.buffer<4096, "host">
  // CHECK: plan.copy
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %a : !plan.buffer<4096, "host">
  plan.copy %p to %b : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %c : !plan.buffer<4096, "host">
  plan.launch @one reads %c : !plan.buffer<4096, "host"> writes %y : !plan.buffer<16, "host">
  plan.launch @sum reads %b, %x : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host">
}
