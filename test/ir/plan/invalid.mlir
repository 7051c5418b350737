// RUN: ingot-opt %s --split-input-file --verify-diagnostics

plan.target @cpu driver "cpu"
// expected-error @below {{expected an alignment that is a power of two up to 65536, got 48}}
plan.space @host of @cpu alignment 48

// -----

// expected-error @below {{expected @cpu to be a plan.target}}
plan.space @host of @cpu alignment 64

// -----

plan.target @cpu driver "cpu"
// expected-error @below {{expected kind "code" or "binary", got "data"}}
plan.segment @code "data" of @cpu index 0 size 64 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"

// -----

plan.target @cpu driver "cpu"
// expected-error @below {{expected a SHA-256 of 64 hex digits}}
plan.segment @code "code" of @cpu index 0 size 64 alignment 64 hash "00"

// -----

plan.target @cpu driver "cpu"
plan.segment @code "code" of @cpu index 0 size 64 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
// expected-error @below {{starts at byte 64, beyond its segment of 64 bytes}}
plan.kernel @k in @code entry 64 inputs 1 results 1

// -----

plan.target @cpu driver "cpu"
plan.segment @code "code" of @cpu index 0 size 64 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
// expected-error @below {{in_place pair [0, 1] is out of range}}
plan.kernel @k in @code entry 0 inputs 1 results 1 attributes {in_place = array<i64: 0, 1>}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
// expected-error @below {{expected a tensor type with static shape, got 'tensor<?xf32>'}}
plan.variable @v in @host : tensor<?xf32>

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.constant @c in @host : tensor<2xf32> = dense<0.0> : tensor<2xf32>
// expected-error @below {{starts as a constant of type 'tensor<2xf32>'}}
plan.variable @v in @host : tensor<4xf32> = @c

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
// expected-error @below {{its size of 64 bytes is below its lower bound of 128}}
plan.arena @arena in @host size 64 alignment 64 lower_bound 128

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.entry @f(x : tensor<4xf32>) -> () {
  // expected-error @below {{names input 1, but the entry has 1}}
  %0 = plan.ref input 1 + 0 : !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.entry @f(x : tensor<4xf32>) -> () {
  // expected-error @below {{of 16 bytes at 4 goes beyond the 16 bytes there are}}
  %0 = plan.ref input 0 + 4 : !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.entry @f(x : tensor<4xf32>) -> () {
  // expected-error @below {{lies in space host, but its type says gpu}}
  %0 = plan.ref input 0 + 0 : !plan.buffer<16, "gpu">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.entry @f() -> () {
  %0 = plan.alloc : !plan.buffer<16, "host">
  // expected-error @below {{of 16 bytes at 8 goes beyond the 16 bytes of its source}}
  %1 = plan.range %0 + 8 : !plan.buffer<16, "host"> -> !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.entry @f() -> () {
  %0 = plan.alloc : !plan.buffer<16, "host">
  %1 = plan.alloc : !plan.buffer<8, "host">
  // expected-error @below {{from 16 bytes to 8 bytes}}
  plan.copy %0 to %1 : !plan.buffer<16, "host"> to !plan.buffer<8, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.segment @code "code" of @cpu index 0 size 64 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
plan.kernel @k in @code entry 0 inputs 1 results 1
plan.entry @f() -> () {
  %0 = plan.alloc : !plan.buffer<16, "host">
  // expected-error @below {{has 0 inputs and 1 outputs, but @k takes 1 and 1}}
  plan.launch @k writes %0 : !plan.buffer<16, "host">
}

// -----

plan.target @cpu driver "cpu"
plan.space @host of @cpu alignment 64
plan.entry @f() -> () {
  %0 = plan.alloc : !plan.buffer<2, "host">
  // expected-error @below {{expected a condition of 1 byte, got 2}}
  plan.if %0 {
  } else {
  } : !plan.buffer<2, "host">
}
