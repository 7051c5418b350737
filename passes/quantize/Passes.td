// Passes of phase 3, quantize.
#ifndef INGOT_PASSES_QUANTIZE_TD
#define INGOT_PASSES_QUANTIZE_TD

include "mlir/Pass/PassBase.td"

def FoldQdq : Pass<"fold-qdq", "mlir::func::FuncOp"> {
  let summary = "cancel quantize after dequantize, and make dequantised constants constants";
  let description = [{
    `quantize(dequantize(x))` with the same scale and zero point is x: dividing the product of a small integer and the
    scale by the scale gives the integer back to within a rounding, and rounds to it. `dequantize` of a constant becomes
    a float constant, whatever its size. What is left, quantize then dequantize of activations, is exact dequantised
    arithmetic, which later phases fuse like any elementwise op.

    ```mlir
    %1 = ingot.dequantize %q scale %s zero_point %z : …
    %2 = ingot.quantize %1 scale %s zero_point %z : …   // uses of %2 become uses of %q
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

#endif
