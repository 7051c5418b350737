// Sizes that depend on dims, through the whole phase: what holds for every size is done, what holds only for some is not.
// RUN: ingot-opt %s --convert-to-plan --split-input-file | FileCheck %s --check-prefix=CONVERT
// RUN: ingot-opt %s --convert-to-plan --elide-copies --launch-in-place --place-parts --allocate-arenas --verify-plan --split-input-file | FileCheck %s

module attributes {ingot.dims = {batch = array<i64: 1, 8>, seq = array<i64: 1, 16>}} {
  // CONVERT: plan.kernel @relu {{.*}} num_dims = 1
  // CONVERT-LABEL: plan.entry @forward(in0 : tensor<?x4xf32, #ingot.dims<["batch"]>>) -> (out0 : tensor<?x4xf32, #ingot.dims<["batch"]>>)
  // CONVERT: %[[A:.*]] = plan.alloc : <128, "host", "16*batch">
  // CONVERT: plan.launch @relu reads %{{.*}} : !plan.buffer<128, "host", "16*batch"> writes %[[A]] {{.*}}dims <["4*batch"]>
  // CONVERT: %[[F:.*]] = plan.alloc : <128, "host", "16*batch">
  // CONVERT: plan.copy %[[A]] to %[[F]]
  // CHECK-LABEL: plan.entry @forward
  // The reshape and the output are no copies, whatever batch is, and the second relu works in place.
  // CHECK: plan.launch @relu reads %[[X:.*]] : !plan.buffer<128, "host", "16*batch"> writes %[[Y:.*]] : !plan.buffer<128, "host", "16*batch"> dims <["4*batch"]>
  // CHECK-NEXT: plan.launch @relu reads %[[Y]] {{.*}} writes %[[Y]]
  // CHECK-NEXT: }
  func.func @forward(%x: tensor<?x4xf32, #ingot.dims<["batch"]>>) -> tensor<?x4xf32, #ingot.dims<["batch"]>> {
    %0 = ingot.launch @relu(%x) dims <["4*batch"]> : (tensor<?x4xf32, #ingot.dims<["batch"]>>) -> tensor<?x4xf32, #ingot.dims<["batch"]>> loc("layer")
    %1 = ingot.reshape %0 : tensor<?x4xf32, #ingot.dims<["batch"]>> -> tensor<?xf32, #ingot.dims<["4*batch"]>> loc("layer")
    %2 = ingot.launch @relu(%1) dims <["4*batch"]> : (tensor<?xf32, #ingot.dims<["4*batch"]>>) -> tensor<?xf32, #ingot.dims<["4*batch"]>> loc("layer")
    %3 = ingot.reshape %2 : tensor<?xf32, #ingot.dims<["4*batch"]>> -> tensor<?x4xf32, #ingot.dims<["batch"]>> loc("layer")
    return %3 : tensor<?x4xf32, #ingot.dims<["batch"]>>
  }
  func.func private @relu(tensor<?xf32, #ingot.dims<["d0"]>>) -> tensor<?xf32, #ingot.dims<["d0"]>>
      attributes {ingot.dims = {d0 = array<i64: 4, 32>}, ingot.kernel = #ingot.kernel<target = "x86-64-v3" in_place = [0, 0]>}
}

// -----

module attributes {ingot.dims = {past = array<i64: 0, 8>, seq = array<i64: 1, 4>}} {
  // A cache that grows: the new part is copied behind the old one, to a place that depends on the dims.
  // CHECK-LABEL: plan.entry @cache
  // CHECK: %[[ALL:.*]] = plan.place @arena {{.*}}-> <192, "host", "16*past + 16*seq">
  // CHECK: %[[NEW:.*]] = plan.range %[[ALL]] + "16*past" : {{.*}} -> <64, "host", "16*seq">
  // CHECK: plan.copy %{{.*}} to %[[NEW]] :
  func.func @cache(%past: tensor<?x4xf32, #ingot.dims<["past"]>>, %x: tensor<?x4xf32, #ingot.dims<["seq"]>>) -> tensor<?x4xf32, #ingot.dims<["past + seq"]>> {
    %0 = ingot.launch @relu(%x) dims <["seq"]> : (tensor<?x4xf32, #ingot.dims<["seq"]>>) -> tensor<?x4xf32, #ingot.dims<["seq"]>> loc("layer")
    %1 = ingot.concat %past, %0 axis 0 : tensor<?x4xf32, #ingot.dims<["past"]>>, tensor<?x4xf32, #ingot.dims<["seq"]>> loc("layer")
    return %1 : tensor<?x4xf32, #ingot.dims<["past + seq"]>>
  }
  func.func private @relu(tensor<?x4xf32, #ingot.dims<["d0"]>>) -> tensor<?x4xf32, #ingot.dims<["d0"]>>
      attributes {ingot.dims = {d0 = array<i64: 1, 4>}, ingot.kernel = #ingot.kernel<target = "x86-64-v3">}
}

// -----

module attributes {ingot.dims = {a = array<i64: 1, 8>, b = array<i64: 1, 8>}} {
  // %0 is alive with both others, so they lie behind it; at other sizes they move down.
  // CHECK: plan.arena @arena in @host size 384
  // CHECK-LABEL: plan.entry @arena_of
  // CHECK: %[[P:.*]] = plan.place @arena at 0 -> <128, "host", "16*a">
  // CHECK: %[[Q:.*]] = plan.place @arena at 128 behind %[[P]] : !plan.buffer<128, "host", "16*a"> -> <128, "host", "16*b">
  // CHECK: plan.place @arena at 256 behind %[[Q]] : !plan.buffer<128, "host", "16*b"> -> <128, "host", "16*a">
  // Both are at most 128 bytes, but never known to be equal: nothing is done in place between them.
  func.func @arena_of(%x: tensor<?x4xf32, #ingot.dims<["a"]>>, %y: tensor<?x4xf32, #ingot.dims<["b"]>>) -> tensor<4xf32> {
    %0 = ingot.launch @one(%x) dims <["a"]> : (tensor<?x4xf32, #ingot.dims<["a"]>>) -> tensor<?x4xf32, #ingot.dims<["a"]>> loc("layer")
    %1 = ingot.launch @one(%y) dims <["b"]> : (tensor<?x4xf32, #ingot.dims<["b"]>>) -> tensor<?x4xf32, #ingot.dims<["b"]>> loc("layer")
    %2 = ingot.launch @two(%0, %1) dims <["a", "b"]> : (tensor<?x4xf32, #ingot.dims<["a"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>) -> tensor<?x4xf32, #ingot.dims<["a"]>> loc("layer")
    %3 = ingot.launch @three(%0, %1, %2) dims <["a", "b"]> : (tensor<?x4xf32, #ingot.dims<["a"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>, tensor<?x4xf32, #ingot.dims<["a"]>>) -> tensor<4xf32> loc("layer")
    return %3 : tensor<4xf32>
  }
  func.func private @one(tensor<?x4xf32, #ingot.dims<["d0"]>>) -> tensor<?x4xf32, #ingot.dims<["d0"]>>
      attributes {ingot.dims = {d0 = array<i64: 1, 8>}, ingot.kernel = #ingot.kernel<target = "x86-64-v3">}
  func.func private @two(tensor<?x4xf32, #ingot.dims<["d0"]>>, tensor<?x4xf32, #ingot.dims<["d1"]>>) -> tensor<?x4xf32, #ingot.dims<["d0"]>>
      attributes {ingot.dims = {d0 = array<i64: 1, 8>, d1 = array<i64: 1, 8>}, ingot.kernel = #ingot.kernel<target = "x86-64-v3" in_place = [0, 0, 0, 1]>}
  func.func private @three(tensor<?x4xf32, #ingot.dims<["d0"]>>, tensor<?x4xf32, #ingot.dims<["d1"]>>, tensor<?x4xf32, #ingot.dims<["d0"]>>) -> tensor<4xf32>
      attributes {ingot.dims = {d0 = array<i64: 1, 8>, d1 = array<i64: 1, 8>}, ingot.kernel = #ingot.kernel<target = "x86-64-v3">}
}
