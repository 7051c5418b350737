// Passes of phase 6, fuse: graph ops become kernels and launches.
#ifndef INGOT_PASSES_FUSE_TD
#define INGOT_PASSES_FUSE_TD

include "mlir/Pass/PassBase.td"

def CloneCheapProducers : Pass<"clone-cheap-producers", "mlir::func::FuncOp"> {
  let summary = "give each elementwise reader its own iota or broadcast";
  let description = [{
    An `iota` or `broadcast` that several elementwise ops read would be a kernel of its own and a tensor in memory. With a
    copy for each reader, `form-kernels` takes it into the readers' kernels, where it is an index.

    ```mlir
    %0 = ingot.iota dim 0 : tensor<8xi32>
    %1 = ingot.cmp lt %0, %x : …
    %2 = ingot.cmp lt %0, %y : …
    ```
    becomes
    ```mlir
    %a = ingot.iota dim 0 : tensor<8xi32>
    %1 = ingot.cmp lt %a, %x : …
    %b = ingot.iota dim 0 : tensor<8xi32>
    %2 = ingot.cmp lt %b, %y : …
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def FormKernels : Pass<"form-kernels", "mlir::ModuleOp"> {
  let summary = "group graph ops into kernels and outline them";
  let description = [{
    A kernel grows around a root (a contraction first, then the other composites, then what is elementwise) by the
    elementwise ops that follow it, as long as one value of the root's shape leaves the group; elementwise producers of a
    root that reads its input in order are taken in too, when they cost little to compute again. An attention takes in
    the transposes and slices that split its operands into heads, and the transpose that joins them. What stays between
    kernels is what the plan can alias: reshapes, contiguous slices, concatenations along the outermost dim; and
    constants, transfers, variables and control flow. Scalar constants move into the kernels that read them.

    ```mlir
    %1 = ingot.conv %x, %w strides [1, 1] … loc("conv1")
    %2 = ingot.relu %1 : tensor<1x8x8x16xf32> loc("act1")
    ```
    becomes
    ```mlir
    %2 = ingot.launch @conv3x3_relu_f32(%x, %w) : … loc(fused["conv1", "act1"])

    func.func private @conv3x3_relu_f32(%arg0: …, %arg1: …) -> tensor<1x8x8x16xf32>
        attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3" layers = ["conv1", "act1"]>} { … }
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "mlir::func::FuncDialect"];
}

def MergeKernels : Pass<"merge-kernels", "mlir::ModuleOp"> {
  let summary = "make identical kernels one";
  let description = [{
    Kernels of one target with the same body and types become the first of them; its `layers` become the union. Launches
    keep their own locations, which name the layers of each.

    ```mlir
    %1 = ingot.launch @gemm_bias_f32(%0, %w0, %b0) …      %2 = ingot.launch @gemm_bias_f32_1(%1, %w1, %b1) …
    ```
    becomes
    ```mlir
    %1 = ingot.launch @gemm_bias_f32(%0, %w0, %b0) …      %2 = ingot.launch @gemm_bias_f32(%1, %w1, %b1) …
    ```
  }];
}

#endif
