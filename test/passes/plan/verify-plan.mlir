// RUN: ingot-opt %s --verify-plan --split-input-file --verify-diagnostics

// What a plan looks like when everything holds.
plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.arena @arena in @host size 64 alignment 64 lower_bound 64
plan.entry @f(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  plan.launch @one reads %x : !plan.buffer<16, "host"> writes %y : !plan.buffer<16, "host"> loc("layer")
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.arena @arena in @host size 64 alignment 64 lower_bound 64
plan.entry @f(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  // expected-error @below {{plan.alloc has no place in an arena}}
  %a = plan.alloc : !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.arena @arena in @host size 64 alignment 64 lower_bound 64
plan.entry @f(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  // expected-error @below {{plan.copy names no layer of the model}}
  plan.copy %x to %y : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.arena @arena in @host size 64 alignment 64 lower_bound 64
plan.entry @f(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %a = plan.ref arena @arena + 0 : !plan.buffer<16, "host">
  // expected-error @below {{writes an input}}
  plan.copy %a to %x : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.arena @arena in @host size 64 alignment 64 lower_bound 64
plan.entry @f(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %a = plan.ref arena @arena + 0 : !plan.buffer<16, "host">
  // expected-error @below {{has output 0 overlap input 0, which @one does not allow}}
  plan.launch @one reads %a : !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
plan.arena @arena in @host size 64 alignment 64 lower_bound 64
plan.entry @f(x : tensor<4xf32>) -> (y : tensor<4xf32>) {
  %a = plan.ref arena @arena + 0 : !plan.buffer<16, "host">
  %c = plan.ref arena @arena + 8 : !plan.buffer<16, "host">
  // expected-error @below {{has a source and a destination that overlap}}
  plan.copy %a to %c : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @one in @code entry 0 inputs 1 results 1
plan.kernel @in_place in @code entry 64 inputs 1 results 1 attributes {in_place = array<i64: 0, 0>}
plan.kernel @sum in @code entry 128 inputs 2 results 1 attributes {in_place = array<i64: 0, 0, 0, 1>}
// expected-error @below {{never writes its output "y"}}
plan.entry @f(x : tensor<4xf32>, flag : tensor<i1>) -> (y : tensor<4xf32>) {
  %x = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %f = plan.ref input 1 + 0 : !plan.buffer<1, "host">
  %y = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  plan.if %f {
    plan.copy %x to %y : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  } else {
  } : !plan.buffer<1, "host">
}

// -----

// expected-error @below {{func.func is left after the plan phase}}
func.func private @f()

// -----

// Places that lie behind one another share no bytes, and a range of a place may stay.
module attributes {ingot.dims = {n = array<i64: 1, 8>}} {
  plan.target @cpu driver "cpu"
  plan.space @host of @cpu alignment 64
  plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
  plan.kernel @one in @code entry 0 inputs 1 results 1 attributes {num_dims = 1 : i64}
  plan.arena @arena in @host size 384 alignment 64 lower_bound 384
  plan.entry @f(x : tensor<?x4xf32, #ingot.dims<["n"]>>) -> (y : tensor<?x4xf32, #ingot.dims<["n"]>>) {
    %a = plan.place @arena at 0 -> !plan.buffer<128, "host", "16*n">
    %b = plan.place @arena at 128 behind %a : !plan.buffer<128, "host", "16*n"> -> !plan.buffer<256, "host", "32*n">
    %c = plan.range %b + "16*n" : !plan.buffer<256, "host", "32*n"> -> !plan.buffer<128, "host", "16*n">
    %x = plan.ref input 0 + 0 : !plan.buffer<128, "host", "16*n">
    %y = plan.ref output 0 + 0 : !plan.buffer<128, "host", "16*n">
    plan.launch @one reads %x : !plan.buffer<128, "host", "16*n"> writes %a : !plan.buffer<128, "host", "16*n"> tiles "n" dims #ingot.dims<["n"]> loc("layer")
    plan.launch @one reads %a : !plan.buffer<128, "host", "16*n"> writes %c : !plan.buffer<128, "host", "16*n"> tiles "n" dims #ingot.dims<["n"]> loc("layer")
    plan.copy %c to %y : !plan.buffer<128, "host", "16*n"> to !plan.buffer<128, "host", "16*n"> loc("layer")
  }
}

// -----

// Apart at the bounds is not apart at every size.
module attributes {ingot.dims = {n = array<i64: 1, 8>}} {
  plan.target @cpu driver "cpu"
  plan.space @host of @cpu alignment 64
  plan.segment @code "code" of @cpu index 0 size 256 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
  plan.kernel @one in @code entry 0 inputs 1 results 1 attributes {num_dims = 1 : i64}
  plan.arena @arena in @host size 256 alignment 64 lower_bound 256
  plan.entry @f(x : tensor<?x4xf32, #ingot.dims<["n"]>>) -> () {
    %a = plan.place @arena at 0 -> !plan.buffer<128, "host", "16*n">
    %b = plan.place @arena at 128 -> !plan.buffer<128, "host", "16*n">
    // expected-error @below {{has output 0 overlap input 0, which @one does not allow}}
    plan.launch @one reads %a : !plan.buffer<128, "host", "16*n"> writes %b : !plan.buffer<128, "host", "16*n"> dims #ingot.dims<["n"]>
  }
}

// -----

module attributes {ingot.dims = {n = array<i64: 1, 8>}} {
  plan.target @cpu driver "cpu"
  plan.space @host of @cpu alignment 64
  plan.arena @arena in @host size 256 alignment 64 lower_bound 256
  plan.entry @f(x : tensor<4xf32>) -> () {
    %a = plan.place @arena at 0 -> !plan.buffer<128, "host", "16*n">
    // expected-error @below {{at 64 starts before the end of a place behind which it lies, at 128}}
    %b = plan.place @arena at 64 behind %a : !plan.buffer<128, "host", "16*n"> -> !plan.buffer<128, "host", "16*n">
  }
}
