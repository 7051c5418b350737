// Passes of phase 4, partition.
#ifndef INGOT_PASSES_PARTITION_TD
#define INGOT_PASSES_PARTITION_TD

include "mlir/Pass/PassBase.td"

def LowerNarrowTypes : Pass<"lower-narrow-types", "mlir::func::FuncOp"> {
  let summary = "keep narrow elements in bytes";
  let description = [{
    Targets compute with integers of 8 bits and more and floats of 16 bits and more. A tensor of 4- or 2-bit integers
    becomes one of bytes with the same values, a tensor of 8- or 4-bit floats the bytes of their bits. Casts become
    table look-ups and integer arithmetic; other ops compute on bytes, or on f32 between casts. Inputs and outputs of
    under a byte are packed: their argument or result becomes a vector of bytes, and `ingot.type` says what it is.

    ```mlir
    func.func @forward(%x: tensor<3xi4>) -> tensor<3xf32> {
      %0 = ingot.cast %x : tensor<3xi4> -> tensor<3xf32>
    ```
    becomes
    ```mlir
    func.func @forward(%x: tensor<2xui8> {ingot.type = tensor<3xi4>}) -> tensor<3xf32> {
      … // the bits of each byte, one after the other
      %7 = ingot.cast %6 : tensor<3xi8> -> tensor<3xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def AssignTargets : Pass<"assign-targets", "mlir::ModuleOp"> {
  let summary = "give every op the target that runs it";
  let description = [{
    Targets are asked in order of preference whether they claim an op. The last one must take every op. A target that
    shares its memory space with the last takes all that it claims. One with a memory space of its own takes regions
    worth a transfer: contractions by constants with at least 128 operations for each byte of activations that they read
    and write, and the ops that follow from what is there already. The module lists the targets as `ingot.targets`.

    ```mlir
    %1 = ingot.matmul %x, %w : tensor<128x384xf32>, tensor<384x1536xf32>
    %2 = ingot.relu %1 : tensor<128x1536xf32>
    %3 = ingot.transpose %2 [1, 0] : tensor<128x1536xf32>
    ```
    becomes, with `vulkan,x86-64-v3`,
    ```mlir
    %1 = ingot.matmul %x, %w {ingot.target = "vulkan"} : tensor<128x384xf32>, tensor<384x1536xf32>
    %2 = ingot.relu %1 {ingot.target = "vulkan"} : tensor<128x1536xf32>
    %3 = ingot.transpose %2 [1, 0] {ingot.target = "x86-64-v3"} : tensor<128x1536xf32>
    ```
  }];
  let options = [ListOption<"targetSpecs", "targets", "std::string", "targets in order of preference, like host">];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def InsertTransfers : Pass<"insert-transfers", "mlir::ModuleOp"> {
  let summary = "move values between memory spaces where targets meet";
  let description = [{
    A value that is read in another memory space than its own gets one `transfer` to it, right after it is defined.
    Function arguments and results, variables and control flow are in the host's space; constants are everywhere.

    ```mlir
    %1 = ingot.relu %x {ingot.target = "vulkan"} : tensor<4xf32>
    %2 = ingot.exp %1 {ingot.target = "x86-64-v3"} : tensor<4xf32>
    ```
    becomes
    ```mlir
    %0 = ingot.transfer %x to "vulkan" : tensor<4xf32> -> tensor<4xf32>
    %1 = ingot.relu %0 {ingot.target = "vulkan"} : tensor<4xf32>
    %t = ingot.transfer %1 to "x86-64-v3" : tensor<4xf32> -> tensor<4xf32>
    %2 = ingot.exp %t {ingot.target = "x86-64-v3"} : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

#endif
