// Passes of phase 2, normalize: one form for everything that means the same.
#ifndef INGOT_PASSES_NORMALIZE_TD
#define INGOT_PASSES_NORMALIZE_TD

include "mlir/Pass/PassBase.td"

def FoldConstants : Pass<"fold-constants", "mlir::ModuleOp"> {
  let summary = "compute what depends on constants alone";
  let description = [{
    Shape ops on weights become steps of the weight's recipe, so that no bytes are copied; everything else is evaluated by
    the reference evaluator. Results that only repeat what is there (broadcast, iota) are kept as ops when they are large.

    ```mlir
    %w = ingot.constant #ingot.weight<"fc.weight", …> : tensor<32x64xf32>
    %t = ingot.transpose %w [1, 0] : tensor<32x64xf32>
    ```
    becomes
    ```mlir
    %t = ingot.constant #ingot.weight<"fc.weight", …, recipe = [#ingot.step<transpose, [1, 0]>]> : tensor<64x32xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def FoldBatchNorm : Pass<"fold-batch-norm", "mlir::ModuleOp"> {
  let summary = "fold inference batch norms into the convolution before them";
  let description = [{
    With constant statistics a batch norm is a factor and an offset per channel. After a convolution that nothing else
    reads, the factor becomes a step of the filter's recipe and the offset joins the bias; elsewhere both stay, as a
    multiplication and an addition.

    ```mlir
    %1 = ingot.conv %x, %w …
    %2 = ingot.batch_norm %1, %scale, %bias, %mean, %variance epsilon 1.0e-5 …
    ```
    becomes
    ```mlir
    %2 = ingot.conv %x, %scaled bias %offset …      // filter's recipe: scale [0] by scale / sqrt(variance + epsilon)
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def DecomposeComposites : Pass<"decompose-composites", "mlir::ModuleOp"> {
  let summary = "express the composites that no target takes whole by simpler ops";
  let description = [{
    Asks each op that implements DecomposableOpInterface. Batch norms that were not folded, group norms and attention
    end here.

    ```mlir
    %0 = ingot.attention %q, %k, %v scale 0.125 : …
    ```
    becomes
    ```mlir
    %s = ingot.matmul %q, %k transpose_b : …
    %t = ingot.mul %s, %scale : …
    %p = ingot.softmax %t axis 3 : …
    %0 = ingot.matmul %p, %v : …
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

#endif
