// The `ingot` dialect: models as graphs of tensors.
#ifndef INGOT_IR_GRAPH_DIALECT_TD
#define INGOT_IR_GRAPH_DIALECT_TD

include "mlir/IR/OpBase.td"

def Ingot_Dialect : Dialect {
  let name = "ingot";
  let cppNamespace = "::ingot";
  let summary = "a model as a graph of tensors";
  let description = [{
    Ops on ranked tensors with value semantics. Elementwise ops broadcast their operands as NumPy does (shapes are
    aligned at the right, extents of 1 stretch). Composites (convolution, attention, normalisation, …) are ops of their
    own and stay whole until a target or a late pass decomposes them. Each op's location names the source model's node.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    /// The bytes behind `#ingot.weight` attributes of this context: mapped model files and computed constants.
    class WeightStore &getWeights() { return *weights; }
  private:
    std::shared_ptr<class WeightStore> weights;
  public:
  }];
}

#endif
