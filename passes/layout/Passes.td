// Passes of phase 5, layout.
#ifndef INGOT_PASSES_LAYOUT_TD
#define INGOT_PASSES_LAYOUT_TD

include "mlir/Pass/PassBase.td"

def AssignLayout : Pass<"assign-layout", "mlir::func::FuncOp"> {
  let summary = "put the channels of spatial ops last, where their target wants it";
  let description = [{
    Convolutions, pools and group norms become `channels_last`, between transposes that keep the graph's meaning.
    `propagate-transposes` then takes away those that are not needed.

    ```mlir
    %1 = ingot.conv %x, %w … : tensor<1x3x8x8xf32>, …
    ```
    becomes
    ```mlir
    %2 = ingot.transpose %x [0, 2, 3, 1] : tensor<1x3x8x8xf32>
    %3 = ingot.conv %2, %w … channels_last : tensor<1x8x8x3xf32>, …
    %1 = ingot.transpose %3 [0, 3, 1, 2] : tensor<1x8x8x16xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def PropagateTransposes : Pass<"propagate-transposes", "mlir::func::FuncOp"> {
  let summary = "move transposes towards the results, where they meet and cancel";
  let description = [{
    Walks the graph from its inputs on. An op that reads a transposed value, and can compute in the other order of dims
    (elementwise ops, reductions, softmax, concat, slice, pad, resize, reshapes that keep the moved dims apart), does so,
    and its result is transposed instead. Operands that are not transposed are brought to the same order: constants at
    compile time, others by a transpose, when that moves fewer elements than it saves.

    ```mlir
    %1 = ingot.transpose %0 [0, 3, 1, 2] : tensor<1x8x8x16xf32>
    %2 = ingot.relu %1 : tensor<1x16x8x8xf32>
    %3 = ingot.transpose %2 [0, 2, 3, 1] : tensor<1x16x8x8xf32>
    ```
    becomes
    ```mlir
    %3 = ingot.relu %0 : tensor<1x8x8x16xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

#endif
