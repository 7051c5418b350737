// RUN: ingot-opt %s --split-input-file --verify-import --verify-diagnostics

func.func @good(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ingot.relu %x : tensor<4xf32> loc("act1")
  return %0 : tensor<4xf32>
}

// -----

// expected-error @below {{function 'dynamic' takes or gives 'tensor<?xf32>', but after import every value is a tensor whose extents are numbers or expressions of the dims in ingot.dims}}
func.func @dynamic(%x: tensor<?xf32>) {
  return
}

// -----

func.func @nameless(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{names no layer of the source model}}
  %0 = ingot.relu %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @foreign(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{is not an op of a graph}}
  %0 = math.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A dim that the module bounds may vary.
module attributes {ingot.dims = {n = array<i64: 1, 8>}} {
  func.func @named(%x: tensor<?xf32, #ingot.dims<["n"]>>) -> tensor<?xf32, #ingot.dims<["n"]>> {
    %0 = ingot.relu %x : tensor<?xf32, #ingot.dims<["n"]>> loc("act1")
    return %0 : tensor<?xf32, #ingot.dims<["n"]>>
  }
}

// -----

module attributes {ingot.dims = {n = array<i64: 1, 8>}} {
  // expected-error @below {{function 'unbounded' takes or gives}}
  func.func @unbounded(%x: tensor<?xf32, #ingot.dims<["m"]>>) {
    return
  }
}
