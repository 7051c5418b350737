// Passes of phase 2, normalize: what inference does not need goes away, and equal things look equal.
#ifndef INGOT_PASSES_NORMALIZE_TD
#define INGOT_PASSES_NORMALIZE_TD

include "mlir/Pass/PassBase.td"

def FoldConstants : Pass<"fold-constants", "mlir::func::FuncOp"> {
  let summary = "compute ops on constants, and turn moves of weights into recipes";
  let description = [{
    A transpose, reshape, slice or cast of a weight becomes a step of its recipe, whatever its size: no byte is read.
    Every other op on constants is computed by the reference evaluator, as long as the result is not large: at most
    128 KiB, or four times the largest operand (dequantised weights); `iota` and `broadcast` only up to 4 KiB, since a
    kernel computes them for nothing. An op without a single element to compute is a constant too.

    ```mlir
    %w = ingot.constant #ingot.weight<"fc.weight", …> : tensor<8x4xf32>
    %0 = ingot.transpose %w [1, 0] : tensor<8x4xf32>
    ```
    becomes
    ```mlir
    %0 = ingot.constant #ingot.weight<"fc.weight", …, recipe = [<transpose[1, 0]>]> : tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def FoldBatchNorm : Pass<"fold-batch-norm", "mlir::func::FuncOp"> {
  let summary = "fold inference batch norms into the contraction before them";
  let description = [{
    With constant statistics, `batch_norm(x)` is `x * factor + offset` per channel. Behind a convolution or matmul of
    constant weights that nothing else reads, the factor becomes a `scale` step of the weight's recipe and the offset
    part of the bias; elsewhere it becomes a multiplication and an addition.

    ```mlir
    %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : …
    %1 = ingot.batch_norm %0, %s, %b, %m, %v epsilon 1.0e-5 : …
    ```
    becomes
    ```mlir
    %w1 = ingot.constant #ingot.weight<…, recipe = [<scale[0] operand = …>]> : …
    %1 = ingot.conv %x, %w1 bias %b1 strides [1] pads [0, 0] dilations [1] groups 1 : …
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def FoldPad : Pass<"fold-pad", "mlir::func::FuncOp"> {
  let summary = "fold padding into the windows of convolutions and pools";
  let description = [{
    A pad of spatial dims by the window's neutral value (0 for a convolution and an average, -inf for a maximum) becomes
    part of `pads`. An average keeps counting the padded elements: `counted_pads`.

    ```mlir
    %0 = ingot.pad %x low [0, 0, 1] high [0, 0, 1] : tensor<1x4x8xf32>
    %1 = ingot.conv %0, %w strides [1] pads [0, 0] dilations [1] groups 1 : …
    ```
    becomes
    ```mlir
    %1 = ingot.conv %x, %w strides [1] pads [1, 1] dilations [1] groups 1 : …
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def CanonicalizeGraph : Pass<"canonicalize-graph", "mlir::func::FuncOp"> {
  let summary = "rewrite the graph to simpler equal forms";
  let description = [{
    Removes what has no effect (transposes that cancel, neutral constants, broadcasts that the reading op does itself),
    and gives equal computations one form: bias constants are operands of their contraction, min and max with constants
    are clamps, global pools are reductions, a constant index is a slice, an attention reads repeated keys once. Never changes a result by more than the
    rounding of a sum's order.

    ```mlir
    %0 = ingot.conv %x, %w strides [1] pads [0, 0] dilations [1] groups 1 : …
    %1 = ingot.add %0, %c : tensor<1x8x6xf32>, tensor<8x1xf32>
    ```
    becomes
    ```mlir
    %1 = ingot.conv %x, %w bias %c1 strides [1] pads [0, 0] dilations [1] groups 1 : …
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def RaiseAttention : Pass<"raise-attention", "mlir::func::FuncOp"> {
  let summary = "make one attention of the products around a softmax";
  let description = [{
    ONNX models spell attention in parts. Where nothing else reads the scores, the parts become the op that a target can
    compute without a tensor of scores: products with a number anywhere before the softmax are its scale, one added
    tensor is its mask. A row whose keys the mask leaves out all is NaN, as the softmax would make it: a select says so,
    unless the mask is a constant that has no such row. Left as they are: weights that are guarded against NaN (any NaN
    would have to become 0), keys that already lie transposed, leading dims that stretch, other element types than f32,
    and, in the pipeline, what no target would take whole.

    ```mlir
    %1 = ingot.matmul %q, %k transpose_b : …
    %2 = ingot.mul %1, %half : …
    %3 = ingot.softmax %2 axis 3 : …
    %4 = ingot.matmul %3, %v : …
    ```
    becomes
    ```mlir
    %4 = ingot.attention %q, %k, %v scale 5.0e-1 : …
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def DecomposeComposites : Pass<"decompose-composites", "mlir::func::FuncOp"> {
  let summary = "express composites that no target claims by simpler ops";
  let description = [{
    Asks each op with `DecomposableOpInterface` for its decomposition, unless it is to be kept. Runs late, in the
    partition phase, so that a target can still claim the composite whole.

    ```mlir
    %0 = ingot.attention %q, %k, %v scale 5.0e-1 : …
    ```
    becomes
    ```mlir
    %1 = ingot.matmul %q, %k transpose_b : …
    %2 = ingot.mul %1, %half : …
    %3 = ingot.softmax %2 axis 3 : …
    %0 = ingot.matmul %3, %v : …
    ```
  }];
  let options = [ListOption<"keep", "keep", "std::string", "names of ops to leave whole, like ingot.attention">];
  let dependentDialects = ["::ingot::IngotDialect"];
}

def SpecializeDims : Pass<"specialize-dims", "mlir::ModuleOp"> {
  let summary = "put numbers in the place of named dims";
  let description = [{
    Gives the graph of one size from the graph of all: every type, slice and `ingot.dim` has its expressions computed.
    Compilation does not run it; tests and comparisons with the reference evaluator do, which computes on numbers.

    ```mlir
    module attributes {ingot.dims = {n = array<i64: 1, 8>}} {
      %0 = ingot.relu %x : tensor<?x4xf32, #ingot.dims<["2*n"]>>
    ```
    becomes, with `dims=n=3`,
    ```mlir
    module {
      %0 = ingot.relu %x : tensor<6x4xf32>
    ```
  }];
  let options = [ListOption<"dims", "dims", "std::string", "sizes, NAME=N each">];
  let dependentDialects = ["::ingot::IngotDialect"];
}

#endif
