// Interfaces of graph ops.
#ifndef INGOT_IR_GRAPH_INTERFACES_TD
#define INGOT_IR_GRAPH_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Ingot_ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::ingot";
  let description = [{
    An op whose result element depends on the same element of its (broadcast) operands alone. One lowering serves all of
    them: it asks the op for its scalar body.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the computation on `args`, one value per operand: scalars or vectors of equal shape, integers signless.
      Returns a value of the result's (signless) element type, of the same vector shape. Uses `arith` and `math` only.
    }], "::mlir::Value", "buildBody",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$args)>
  ];
}

def Ingot_DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let cppNamespace = "::ingot";
  let description = [{
    A composite that can be expressed by simpler graph ops. `decompose-composites` asks for it late, for the ops that
    their target did not claim whole.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the simpler ops at the rewriter's insertion point and returns the values that replace the results, or
      failure when this instance has no decomposition. Does not erase the op.
    }], "::llvm::FailureOr<::llvm::SmallVector<::mlir::Value>>", "decompose",
    (ins "::mlir::RewriterBase &":$rewriter)>
  ];
}

#endif
