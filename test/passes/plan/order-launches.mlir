// RUN: ingot-opt %s --order-launches | FileCheck %s

// CHECK-LABEL: func.func @two_chains
func.func @two_chains(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: %[[A:.*]] = ingot.launch @grow(%arg0)
  // CHECK: ingot.launch @shrink(%[[A]])
  // CHECK: %[[B:.*]] = ingot.launch @grow(%arg1)
  // CHECK: ingot.launch @shrink(%[[B]])
  // CHECK: ingot.launch @add
  %a = ingot.launch @grow(%x) : (tensor<4xf32>) -> tensor<400xf32>
  %b = ingot.launch @grow(%y) : (tensor<4xf32>) -> tensor<400xf32>
  %c = ingot.launch @shrink(%a) : (tensor<400xf32>) -> tensor<4xf32>
  %d = ingot.launch @shrink(%b) : (tensor<400xf32>) -> tensor<4xf32>
  %e = ingot.launch @add(%c, %d) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %e : tensor<4xf32>
}

// No order is better than the source's: nothing moves.
// CHECK-LABEL: func.func @source_order
func.func @source_order(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: ingot.launch @shrink2(%arg1)
  // CHECK: ingot.launch @shrink2(%arg0)
  // CHECK: ingot.launch @add
  %c = ingot.launch @shrink2(%y) : (tensor<4xf32>) -> tensor<4xf32>
  %d = ingot.launch @shrink2(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %e = ingot.launch @add(%c, %d) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %e : tensor<4xf32>
}

// Moving the update before the big values would save memory, but the old state is read first.
// CHECK-LABEL: func.func @state
ingot.variable @h : tensor<4xf32>
func.func @state(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: ingot.variable_read
  // CHECK: ingot.variable_update
  // CHECK: ingot.variable_read
  %0 = ingot.variable_read @h : tensor<4xf32>
  %a = ingot.launch @grow(%0) : (tensor<4xf32>) -> tensor<400xf32>
  %b = ingot.launch @grow(%x) : (tensor<4xf32>) -> tensor<400xf32>
  %c = ingot.launch @shrink(%a) : (tensor<400xf32>) -> tensor<4xf32>
  %d = ingot.launch @shrink(%b) : (tensor<400xf32>) -> tensor<4xf32>
  ingot.variable_update @h, %d : tensor<4xf32>
  %1 = ingot.variable_read @h : tensor<4xf32>
  %e = ingot.launch @add(%c, %1) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %e : tensor<4xf32>
}
func.func private @grow(tensor<4xf32>) -> tensor<400xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu">}
func.func private @shrink(tensor<400xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu">}
func.func private @shrink2(tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu">}
func.func private @add(tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> attributes {ingot.kernel = #ingot.kernel<target = "cpu" in_place = [0, 0]>}
