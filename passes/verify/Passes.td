// Verify passes: what holds after each phase (DESIGN, phases).
#ifndef INGOT_PASSES_VERIFY_TD
#define INGOT_PASSES_VERIFY_TD

include "mlir/Pass/PassBase.td"

class VerifyPass<string flag> : Pass<flag, "mlir::ModuleOp"> {
  let dependentDialects = ["::ingot::IngotDialect"];
}

def VerifyImport : VerifyPass<"verify-import"> {
  let summary = "after import: a graph of ranked, static tensors, every op named";
  let description = [{
    Functions hold ops of the graph dialect and structured control flow alone, on ranked tensors whose extents are numbers
    or expressions of the dims in `ingot.dims`, and each
    op's location names the source model's node.

    ```mlir
    %1 = ingot.relu %0 : tensor<?xf32> loc("act1")   // error: 'ingot.relu' op of layer act1 has the type tensor<?xf32> …
    %2 = ingot.relu %0 : tensor<4xf32> loc(unknown)  // error: … names no layer of the source model
    ```
  }];
}

def VerifyNormalize : VerifyPass<"verify-normalize"> {
  let summary = "after normalize: no op without an effect";
  let description = [{
    What holds after import; and no op that copies its operand (a reshape, transpose, slice, cast or broadcast to the same
    type), no unused op, and no batch norm with constant statistics.

    ```mlir
    %1 = ingot.transpose %0 [0, 1] : tensor<4x8xf32>   // error: … has no effect
    ```
  }];
}

def VerifyQuantize : VerifyPass<"verify-quantize"> {
  let summary = "after quantize: constants are dequantised, pairs that cancel are gone";
  let description = [{
    What holds after normalize; and no `dequantize` of a constant, no `quantize` of a `dequantize` with the same
    parameters.

    ```mlir
    %q = ingot.constant dense<1> : tensor<4xi8>
    %1 = ingot.dequantize %q scale %s : …   // error: … dequantises a constant
    ```
  }];
}

def VerifyPartition : VerifyPass<"verify-partition"> {
  let summary = "after partition: every op has one target, and values cross memory spaces by transfers";
  let description = [{
    The module's `ingot.targets` lists the targets as `{name, space}` in order of preference. Every op that computes has
    one of them as `ingot.target`; an operand lies in the memory space of the op's target.

    ```mlir
    %1 = ingot.relu %0 : tensor<4xf32>   // error: … has no target
    ```
  }];
}

def VerifyLayout : VerifyPass<"verify-layout"> {
  let summary = "after layout: one layout per target, transposes do not cancel";
  let description = [{
    What holds after partition; and the spatial ops of one target agree on where channels are, and no transpose undoes another.

    ```mlir
    %1 = ingot.transpose %0 [0, 2, 3, 1] : …
    %2 = ingot.transpose %1 [0, 3, 1, 2] : …   // error: … transposes a transposed value
    ```
  }];
}

def VerifyFuse : VerifyPass<"verify-fuse"> {
  let summary = "after fuse: kernels, launches, views, control flow and variables alone";
  let description = [{
    Outside kernels there are constants, launches, views (reshape, slice, concat), transfers, variables and structured
    control flow. A kernel is a private function of one block of pure graph ops with `#ingot.kernel`; it names its target
    and layers, holds no constant above 16 bytes other than equal elements, and fits its launches.

    ```mlir
    %1 = ingot.relu %0 : tensor<4xf32>   // error: … is in no kernel
    ```
  }];
}

def VerifyCodegen : VerifyPass<"verify-codegen"> {
  let summary = "after codegen: every kernel has a strategy";
  let description = [{
    What holds of kernels after fuse; and each has a `strategy` that says its `kind`.

    ```mlir
    func.func private @relu_f32(…) attributes {ingot.kernel = #ingot.kernel<target = "x86-64-v3">}   // error: … no strategy
    ```
  }];
}

#endif
