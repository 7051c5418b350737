// Attributes and enums of the `ingot` dialect.
#ifndef INGOT_IR_GRAPH_ATTRS_TD
#define INGOT_IR_GRAPH_ATTRS_TD

include "ir/graph/GraphDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"

class Ingot_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::ingot";
  let genSpecializedAttr = 0;
}
class Ingot_EnumAttr<EnumInfo info, string mnemonic> : EnumAttr<Ingot_Dialect, info, mnemonic> {
  let assemblyFormat = "$value";
}

def Ingot_ReduceKind : Ingot_Enum<"ReduceKind", "what a reduction computes", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"Prod", 4, "prod">, I32EnumAttrCase<"Any", 5, "any">,
  I32EnumAttrCase<"All", 6, "all">]>;
def Ingot_ReduceKindAttr : Ingot_EnumAttr<Ingot_ReduceKind, "reduce_kind">;

def Ingot_PoolKind : Ingot_Enum<"PoolKind", "what a pooling window computes", [
  I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Average", 1, "average">]>;
def Ingot_PoolKindAttr : Ingot_EnumAttr<Ingot_PoolKind, "pool_kind">;

def Ingot_CmpKind : Ingot_Enum<"CmpKind", "an ordered comparison; NaN compares unequal to everything", [
  I32EnumAttrCase<"Eq", 0, "eq">, I32EnumAttrCase<"Ne", 1, "ne">, I32EnumAttrCase<"Lt", 2, "lt">,
  I32EnumAttrCase<"Le", 3, "le">, I32EnumAttrCase<"Gt", 4, "gt">, I32EnumAttrCase<"Ge", 5, "ge">]>;
def Ingot_CmpKindAttr : Ingot_EnumAttr<Ingot_CmpKind, "cmp_kind">;

def Ingot_PadMode : Ingot_Enum<"PadMode", "where padding takes its values from", [
  I32EnumAttrCase<"Constant", 0, "constant">, I32EnumAttrCase<"Reflect", 1, "reflect">,
  I32EnumAttrCase<"Edge", 2, "edge">, I32EnumAttrCase<"Wrap", 3, "wrap">]>;
def Ingot_PadModeAttr : Ingot_EnumAttr<Ingot_PadMode, "pad_mode">;

def Ingot_ScatterKind : Ingot_Enum<"ScatterKind", "how a scattered update combines with what is there", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Add", 1, "add">, I32EnumAttrCase<"Mul", 2, "mul">,
  I32EnumAttrCase<"Max", 3, "max">, I32EnumAttrCase<"Min", 4, "min">]>;
def Ingot_ScatterKindAttr : Ingot_EnumAttr<Ingot_ScatterKind, "scatter_kind">;

def Ingot_ResizeMode : Ingot_Enum<"ResizeMode", "interpolation of a resize", [
  I32EnumAttrCase<"Nearest", 0, "nearest">, I32EnumAttrCase<"Linear", 1, "linear">,
  I32EnumAttrCase<"Cubic", 2, "cubic">]>;
def Ingot_ResizeModeAttr : Ingot_EnumAttr<Ingot_ResizeMode, "resize_mode">;

def Ingot_CoordinateMode : Ingot_Enum<"CoordinateMode",
    "how an output coordinate maps to an input coordinate (ONNX Resize, coordinate_transformation_mode)", [
  I32EnumAttrCase<"HalfPixel", 0, "half_pixel">, I32EnumAttrCase<"PytorchHalfPixel", 1, "pytorch_half_pixel">,
  I32EnumAttrCase<"AlignCorners", 2, "align_corners">, I32EnumAttrCase<"Asymmetric", 3, "asymmetric">]>;
def Ingot_CoordinateModeAttr : Ingot_EnumAttr<Ingot_CoordinateMode, "coordinate_mode">;

def Ingot_NearestMode : Ingot_Enum<"NearestMode", "rounding of a nearest resize (ONNX Resize, nearest_mode)", [
  I32EnumAttrCase<"RoundPreferFloor", 0, "round_prefer_floor">,
  I32EnumAttrCase<"RoundPreferCeil", 1, "round_prefer_ceil">, I32EnumAttrCase<"Floor", 2, "floor">,
  I32EnumAttrCase<"Ceil", 3, "ceil">]>;
def Ingot_NearestModeAttr : Ingot_EnumAttr<Ingot_NearestMode, "nearest_mode">;

def Ingot_Direction : Ingot_Enum<"Direction", "direction of a recurrent layer over time", [
  I32EnumAttrCase<"Forward", 0, "forward">, I32EnumAttrCase<"Reverse", 1, "reverse">,
  I32EnumAttrCase<"Bidirectional", 2, "bidirectional">]>;
def Ingot_DirectionAttr : Ingot_EnumAttr<Ingot_Direction, "direction">;

def Ingot_RnnKind : Ingot_Enum<"RnnKind", "activation of a plain recurrent cell", [
  I32EnumAttrCase<"Tanh", 0, "tanh">, I32EnumAttrCase<"Relu", 1, "relu">]>;
def Ingot_RnnKindAttr : Ingot_EnumAttr<Ingot_RnnKind, "rnn_kind">;

def Ingot_StepKind : Ingot_Enum<"StepKind", "one transformation of a weight's recipe", [
  I32EnumAttrCase<"Transpose", 0, "transpose">, I32EnumAttrCase<"Reshape", 1, "reshape">,
  I32EnumAttrCase<"Pad", 2, "pad">, I32EnumAttrCase<"Cast", 3, "cast">, I32EnumAttrCase<"Scale", 4, "scale">,
  I32EnumAttrCase<"Slice", 5, "slice">]>;

class Ingot_Attr<string name, string attrMnemonic, list<Trait> traits = []> : AttrDef<Ingot_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Ingot_DimsAttr : Ingot_Attr<"Dims", "dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "what the dynamic extents of a tensor are";
  let description = [{
    One expression of named dims for each `?` of the type, in order; canonical text as `DimExpr` writes it, so that
    extents are equal when their texts are. Names and their bounds are declared by the module's `ingot.dims`.
    ```mlir
    tensor<?x?x384xf32, #ingot.dims<["batch", "past + seq"]>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$expressions);
  let assemblyFormat = "`<` `[` $expressions `]` `>`";
  let genVerifyDecl = 1;
}

def Ingot_StepAttr : Ingot_Attr<"Step", "step"> {
  let summary = "one step of a weight's recipe";
  let description = [{
    `transpose [perm]`, `reshape [shape]`, `pad [extent added after each dim]` (zeros), `slice [start of each dim, extent
    of each dim]`, `cast` to `operand` (a TypeAttr), `scale [axis]` by `operand` (a dense or weight constant of that
    axis' extent).
  }];
  let parameters = (ins EnumParameter<Ingot_StepKind>:$kind, OptionalArrayRefParameter<"int64_t">:$values,
                        OptionalParameter<"::mlir::Attribute">:$operand);
  let assemblyFormat = "`<` $kind (`[` $values^ `]`)? (`operand` `=` $operand^)? `>`";
}

def Ingot_WeightAttr : Ingot_Attr<"Weight", "weight"> {
  let summary = "bytes of a model file, and what is done to them";
  let description = [{
    A weight never holds its bytes. `source` is an index into the module's `ingot.sources` (or -1: a computed constant of
    the sidecar), `offset` and `bytes` say where the little-endian, row-major elements of `stored` lie, `hash` identifies
    them (XXH3-128). `recipe` lists the `#ingot.step`s that turn `stored` into the constant's type; they run when the
    program is emitted.
  }];
  let parameters = (ins StringRefParameter<"name in the source model">:$name, "int64_t":$source, "uint64_t":$offset,
                        "uint64_t":$bytes, StringRefParameter<"content hash">:$hash,
                        "::mlir::RankedTensorType":$stored, OptionalArrayRefParameter<"::ingot::StepAttr">:$recipe);
  let assemblyFormat = [{
    `<` $name `,` `source` `=` $source `,` `offset` `=` $offset `,` `bytes` `=` $bytes `,` `hash` `=` $hash `,`
    `stored` `=` $stored (`,` `recipe` `=` `[` $recipe^ `]`)? `>`
  }];
}

def Ingot_KernelAttr : Ingot_Attr<"Kernel", "kernel"> {
  let summary = "what a kernel function is: its target, strategy, source layers and tiles";
  let description = [{
    `strategy` is chosen by the codegen phase's select pass (a dictionary with at least `kind`) and may be edited in a
    dump. `tiles` is the count of independent pieces of work per dimension of the tile space (their product is the
    launch's tile count). `in_place` pairs [result, operand]: the result may overwrite that operand's buffer.
  }];
  let parameters = (ins StringRefParameter<"target that runs it">:$target,
                        OptionalParameter<"::mlir::DictionaryAttr">:$strategy,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$layers,
                        OptionalArrayRefParameter<"int64_t">:$tiles,
                        OptionalArrayRefParameter<"int64_t">:$in_place);
  let assemblyFormat = [{
    `<` `target` `=` $target (`strategy` `=` $strategy^)? (`layers` `=` `[` $layers^ `]`)?
    (`tiles` `=` `[` $tiles^ `]`)? (`in_place` `=` `[` $in_place^ `]`)? `>`
  }];
}

#endif
