// RUN: ingot-opt %s | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --mlir-print-op-generic | ingot-opt | FileCheck %s

// CHECK: plan.target @"x86-64-v3" driver "cpu" arch "x86_64" features ["avx2", "fma"]
plan.target @"x86-64-v3" driver "cpu" arch "x86_64" features ["avx2", "fma"]
// CHECK: plan.target @vulkan driver "vulkan"{{$}}
plan.target @vulkan driver "vulkan"
// CHECK: plan.space @host of @"x86-64-v3" alignment 64
plan.space @host of @"x86-64-v3" alignment 64
// CHECK: plan.space @gpu of @vulkan alignment 256
plan.space @gpu of @vulkan alignment 256
// CHECK: plan.segment @code "code" of @"x86-64-v3" index 0 size 128 alignment 16384 hash "{{0+}}"
plan.segment @code "code" of @"x86-64-v3" index 0 size 128 alignment 16384 hash "0000000000000000000000000000000000000000000000000000000000000000"
// CHECK: plan.segment @spirv "binary" of @vulkan index 0
plan.segment @spirv "binary" of @vulkan index 0 size 64 alignment 64 hash "0000000000000000000000000000000000000000000000000000000000000000"
// CHECK: plan.kernel @add_f32 in @code entry 64 inputs 2 results 1 attributes {flops = 4 : i64, in_place = array<i64: 0, 0>, layers = ["add"]}
plan.kernel @add_f32 in @code entry 64 inputs 2 results 1 attributes {in_place = array<i64: 0, 0>, layers = ["add"], flops = 4 : i64}
// CHECK: plan.kernel @flag in @code entry 0 inputs 0 results 1
plan.kernel @flag in @code entry 0 inputs 0 results 1
// CHECK: plan.kernel @exp_f32 in @spirv entry 0 inputs 1 results 1 attributes {symbol = "main", workgroup = array<i64: 64, 1, 1>}
plan.kernel @exp_f32 in @spirv entry 0 inputs 1 results 1 attributes {symbol = "main", workgroup = array<i64: 64, 1, 1>}
// CHECK: plan.constant @conv1.bias in @host : tensor<4xf32> = dense<1.000000e+00> : tensor<4xf32>
plan.constant @conv1.bias in @host : tensor<4xf32> = dense<1.0> : tensor<4xf32>
// CHECK: plan.variable @state in @host : tensor<4xf32> = @conv1.bias
plan.variable @state in @host : tensor<4xf32> = @conv1.bias
// CHECK: plan.arena @arena in @host size 128 alignment 64 lower_bound 80 peak "add"
plan.arena @arena in @host size 128 alignment 64 lower_bound 80 peak "add"
// CHECK: plan.arena @arena.gpu in @gpu size 32 alignment 256 lower_bound 32{{$}}
plan.arena @arena.gpu in @gpu size 32 alignment 256 lower_bound 32

// CHECK: plan.entry @forward(image : tensor<4xf32>, "a name" : tensor<4xf32>) -> (logits : tensor<4xf32>) {
plan.entry @forward(image : tensor<4xf32>, "a name" : tensor<4xf32>) -> (logits : tensor<4xf32>) {
  // CHECK: %[[IN:.*]] = plan.ref input 0 + 0 : <16, "host">
  %in = plan.ref input 0 + 0 : !plan.buffer<16, "host">
  %bias = plan.ref constant @conv1.bias + 0 : !plan.buffer<16, "host">
  %state = plan.ref variable @state + 0 : !plan.buffer<16, "host">
  // CHECK: %[[A:.*]] = plan.ref arena @arena + 64 : <16, "host">
  %a = plan.ref arena @arena + 64 : !plan.buffer<16, "host">
  %flag = plan.ref arena @arena + 0 : !plan.buffer<1, "host">
  %out = plan.ref output 0 + 0 : !plan.buffer<16, "host">
  %g0 = plan.ref arena @arena.gpu + 0 : !plan.buffer<16, "gpu">
  %g1 = plan.ref arena @arena.gpu + 16 : !plan.buffer<16, "gpu">
  // CHECK: plan.launch @add_f32 reads %[[IN]], %{{.*}} : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %[[A]] : !plan.buffer<16, "host"> tiles 4
  plan.launch @add_f32 reads %in, %bias : !plan.buffer<16, "host">, !plan.buffer<16, "host"> writes %a : !plan.buffer<16, "host"> tiles 4
  // CHECK: plan.launch @flag writes %{{.*}} : !plan.buffer<1, "host">{{$}}
  plan.launch @flag writes %flag : !plan.buffer<1, "host">
  // CHECK: plan.if %{{.*}} {
  plan.if %flag {
    plan.copy %a to %g0 : !plan.buffer<16, "host"> to !plan.buffer<16, "gpu">
    // CHECK: plan.launch @exp_f32 {{.*}} grid [1, 1, 1]
    plan.launch @exp_f32 reads %g0 : !plan.buffer<16, "gpu"> writes %g1 : !plan.buffer<16, "gpu"> grid [1, 1, 1]
    // CHECK: plan.copy %{{.*}} to %{{.*}} : <16, "gpu"> to <16, "host">
    plan.copy %g1 to %out : !plan.buffer<16, "gpu"> to !plan.buffer<16, "host">
  } else {
    plan.copy %a to %out : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
  } : !plan.buffer<1, "host">
  plan.copy %out to %state : !plan.buffer<16, "host"> to !plan.buffer<16, "host">
}

// CHECK: plan.entry @unplaced() -> () {
plan.entry @unplaced() -> () {
  // CHECK: %[[W:.*]] = plan.alloc : <64, "host">
  %whole = plan.alloc : !plan.buffer<64, "host">
  // CHECK: plan.range %[[W]] + 32 : <64, "host"> -> <16, "host">
  %part = plan.range %whole + 32 : !plan.buffer<64, "host"> -> !plan.buffer<16, "host">
}
