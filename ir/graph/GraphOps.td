// Ops of the `ingot` dialect: constants, state, calls, and the includes of the other op files.
#ifndef INGOT_IR_GRAPH_OPS_TD
#define INGOT_IR_GRAPH_OPS_TD

include "ir/graph/GraphDialect.td"
include "ir/graph/GraphAttrs.td"
include "ir/graph/GraphInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ingot_Tensor : Type<AnyRankedTensor.predicate, "ranked tensor", "::mlir::RankedTensorType">;

/// A graph op; `inferred` ops derive their result types (GraphShapes.cpp).
class Ingot_Op<string mnemonic, list<Trait> traits = []> : Op<Ingot_Dialect, mnemonic, traits>;
class Ingot_PureOp<string mnemonic, list<Trait> traits = []> : Ingot_Op<mnemonic, traits # [Pure]>;
class Ingot_InferredOp<string mnemonic, list<Trait> traits = []> :
    Ingot_PureOp<mnemonic, traits # [DeclareOpInterfaceMethods<InferTypeOpInterface>]>;

include "ir/graph/ElementwiseOps.td"
include "ir/graph/ShapeOps.td"
include "ir/graph/CompositeOps.td"

def Ingot_ConstantOp : Ingot_PureOp<"constant", [ConstantLike]> {
  let summary = "a constant tensor";
  let description = [{
    `value` is a dense attribute (at most 4 KiB) or a `#ingot.weight`. A weight's recipe ends in the result's type.
    ```mlir
    %w = ingot.constant #ingot.weight<"conv1.weight", source = 0, offset = 4096, bytes = 3456, hash = "9c1f", stored = tensor<32x3x3x3xf32>> : tensor<32x3x3x3xf32>
    ```
  }];
  let arguments = (ins AnyAttr:$value);
  let results = (outs Ingot_Tensor:$result);
  let hasCustomAssemblyFormat = 1;
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Ingot_VariableOp : Ingot_Op<"variable", [Symbol]> {
  let summary = "state that survives between runs: a cache, a recurrent state";
  let description = "`initial` (dense or weight) is the value at the session's start; absent means zeros.";
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type, OptionalAttr<AnyAttr>:$initial);
  let assemblyFormat = "$sym_name `:` $type (`=` $initial^)? attr-dict";
}

def Ingot_VariableReadOp : Ingot_Op<"variable_read", [MemoryEffects<[MemRead]>]> {
  let summary = "the value of a variable at this point of the run";
  let arguments = (ins FlatSymbolRefAttr:$variable);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$variable attr-dict `:` type($result)";
}

def Ingot_VariableUpdateOp : Ingot_Op<"variable_update", [MemoryEffects<[MemWrite]>]> {
  let summary = "replaces the value of a variable";
  let arguments = (ins FlatSymbolRefAttr:$variable, Ingot_Tensor:$value);
  let assemblyFormat = "$variable `,` $value attr-dict `:` type($value)";
}

def Ingot_TransferOp : Ingot_PureOp<"transfer"> {
  let summary = "moves a tensor to another target's memory space";
  let description = "Inserted at the cuts that `partition` makes; the plan turns it into a copy, or into nothing.";
  let arguments = (ins Ingot_Tensor:$input, StrAttr:$target);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input `to` $target attr-dict `:` type($input) `->` type($result)";
}

def Ingot_LaunchOp : Ingot_PureOp<"launch"> {
  let summary = "runs a kernel";
  let description = [{
    Calls the private function `kernel`, which carries `#ingot.kernel`, on values. Buffers are the plan's business: until
    then a launch has results like any op.
    ```mlir
    %1 = ingot.launch @conv_bias_clamp_f32(%0, %w, %b) : (tensor<1x224x224x3xf32>, …) -> tensor<1x112x112x32xf32>
    ```
    A kernel with dynamic extents calls its dims `d0`, `d1`, …; `dims` says what each is here, in the names of the model:
    equal kernels under other names are one.
    ```mlir
    %1 = ingot.launch @gelu(%0) dims <["batch*seq"]> : (tensor<?x384xf32, #ingot.dims<["batch*seq"]>>) -> …
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Ingot_Tensor>:$inputs, OptionalAttr<Ingot_DimsAttr>:$dims);
  let results = (outs Variadic<Ingot_Tensor>:$results);
  let assemblyFormat = "$kernel `(` $inputs `)` (`dims` $dims^)? attr-dict `:` functional-type($inputs, $results)";
}

#endif
