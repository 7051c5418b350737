// RUN: ingot-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{names 1 extents, but 2 are dynamic}}
func.func @count(%x: tensor<?x?xf32, #ingot.dims<["batch"]>>)

// -----

// expected-error @below {{expected a canonical expression of dims, but got "1 + seq"; write "seq + 1"}}
func.func @canonical(%x: tensor<?xf32, #ingot.dims<["1 + seq"]>>)

// -----

// expected-error @below {{an expression of dims like 'seq + 1', but '?' does not fit}}
func.func @text(%x: tensor<?xf32, #ingot.dims<["?"]>>)

// -----

func.func @names(%x: tensor<?x4xf32, #ingot.dims<["a"]>>, %y: tensor<?x4xf32, #ingot.dims<["b"]>>) {
  // expected-error @below {{cannot broadcast [b, 4] with [a, 4]}}
  %0 = ingot.add %x, %y : tensor<?x4xf32, #ingot.dims<["a"]>>, tensor<?x4xf32, #ingot.dims<["b"]>>
  return
}

// -----

func.func @unnamed(%x: tensor<?x4xf32>) {
  // expected-error @below {{elements, but its result}}
  %0 = ingot.reshape %x : tensor<?x4xf32> -> tensor<?x2x2xf32>
  return
}

// -----

func.func @elements(%x: tensor<?x4xf32, #ingot.dims<["a"]>>) {
  // expected-error @below {{has 4*a elements, but its result 2*a}}
  %0 = ingot.reshape %x : tensor<?x4xf32, #ingot.dims<["a"]>> -> tensor<?x2xf32, #ingot.dims<["a"]>>
  return
}

// -----

func.func @inner(%x: tensor<?x?xf32, #ingot.dims<["a", "b"]>>) {
  // expected-error @below {{operands of shapes [a, b] and [a, b] do not multiply}}
  %0 = ingot.matmul %x, %x : tensor<?x?xf32, #ingot.dims<["a", "b"]>>, tensor<?x?xf32, #ingot.dims<["a", "b"]>>
  return
}
