// RUN: ingot-opt %s --convert-to-plan --split-input-file --verify-diagnostics

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{ingot.exp may not reach the plan phase}}
  %0 = ingot.exp %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4x2xf32>) -> tensor<4x1xf32> {
  // expected-error @below {{a slice that is not contiguous may not reach the plan phase}}
  %0 = ingot.slice %x starts [0, 1] sizes [4, 1] steps [1, 1] : tensor<4x2xf32>
  return %0 : tensor<4x1xf32>
}

// -----

func.func @f(%x: tensor<2x2xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{a concat of parts that are not contiguous may not reach the plan phase}}
  %0 = ingot.concat %x, %x axis 1 : tensor<2x2xf32>, tensor<2x2xf32>
  return %0 : tensor<2x4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{launches @g, which is not a kernel}}
  %0 = ingot.launch @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @changed(%a: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  // expected-error @below {{expected a loop's condition to hand on what it was given}}
  %r = scf.while (%x = %a) : (tensor<4xf32>) -> tensor<4xf32> {
    %e = tensor.extract %c[] : tensor<i1>
    scf.condition(%e) %a : tensor<4xf32>
  } do {
  ^bb0(%x: tensor<4xf32>):
    scf.yield %x : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
