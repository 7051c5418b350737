// RUN: ingot-opt %s --split-input-file --verify-import --verify-diagnostics

func.func @good(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = ingot.relu %x : tensor<4xf32> loc("act1")
  return %0 : tensor<4xf32>
}

// -----

// expected-error @below {{function 'dynamic' takes or gives 'tensor<?xf32>', but after import every value is a tensor of static shape}}
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
