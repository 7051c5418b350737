// A program with named dims, from the graph to its run at several sizes.
// RUN: ingot compile %s --start-from=partition --target=x86-64-v2 -o %t.ingot
// RUN: ingot inspect %t.ingot --disassemble | FileCheck %s --check-prefix=INSPECT
// RUN: ingot run %t.ingot --dim batch=3 | FileCheck %s --check-prefix=SIZE
// RUN: not ingot run %t.ingot --dim batch=9 2>&1 | FileCheck %s --check-prefix=BOUNDS
// RUN: not ingot run %t.ingot --dim depth=9 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// INSPECT: entry forward(x: f32[batch,4], past: f32[past,4]) -> (y: f32[batch + past,4], z: f32[batch])
// INSPECT: dims batch 1..8, past 0..16
// INSPECT: expressions, computed once per run
// INSPECT: batch = dim 0 of x
// SIZE: random input seed 1, batch=3, past=16
// BOUNDS: error: dim 'batch' is 9, but the program was compiled for 1..8
// UNKNOWN: error: the program has no dim 'depth'
// UNKNOWN: hint: its dims are batch, past
module attributes {ingot.dims = {batch = array<i64: 1, 8>, past = array<i64: 0, 16>}} {
  func.func @forward(%x: tensor<?x4xf32, #ingot.dims<["batch"]>> {ingot.name = "x"},
                     %past: tensor<?x4xf32, #ingot.dims<["past"]>> {ingot.name = "past"})
      -> (tensor<?x4xf32, #ingot.dims<["batch + past"]>> {ingot.name = "y"},
          tensor<?xf32, #ingot.dims<["batch"]>> {ingot.name = "z"}) {
    %0 = ingot.relu %x : tensor<?x4xf32, #ingot.dims<["batch"]>> loc("relu")
    %1 = ingot.concat %past, %0 axis 0 : tensor<?x4xf32, #ingot.dims<["past"]>>, tensor<?x4xf32, #ingot.dims<["batch"]>> loc("cache")
    %2 = ingot.reduce sum %0 dims [1] : tensor<?x4xf32, #ingot.dims<["batch"]>> loc("sum")
    return %1, %2 : tensor<?x4xf32, #ingot.dims<["batch + past"]>>, tensor<?xf32, #ingot.dims<["batch"]>>
  }
}
