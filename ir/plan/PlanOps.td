// The `plan` dialect: the program's schedule and memory, one op per table of runtime-lib/schema/program.fbs.
#ifndef INGOT_IR_PLAN_OPS_TD
#define INGOT_IR_PLAN_OPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::ingot::plan";
  let summary = "a compiled model as a schedule over memory";
  let description = [{
    What the program file holds, as IR: targets and their memory spaces, segments, kernels, constants, variables, arenas
    at module level, and entries whose bodies are straight lines of launches and copies with structured branches and loops. A
    value of the dialect is a range of bytes, not a tensor: whoever writes it changes what later readers see.

    While the plan is made, `plan.alloc` and `plan.range` stand for memory without a place; `allocate-arenas` turns them
    into `plan.ref arena`, and `verify-plan` refuses what is left of them.

    Sizes, offsets, tiles and dims may be expressions of the model's named dims (docs/rationale/0002), whose bounds the
    module's `ingot.dims` declares: canonical text in quotes where a number would stand.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Plan_BufferKind : I32EnumAttr<"BufferKind", "what a range of bytes is part of (BufferKind in program.fbs)", [
  I32EnumAttrCase<"Arena", 1, "arena">, I32EnumAttrCase<"Constant", 2, "constant">,
  I32EnumAttrCase<"Input", 3, "input">, I32EnumAttrCase<"Output", 4, "output">,
  I32EnumAttrCase<"Variable", 5, "variable">]> {
  let cppNamespace = "::ingot::plan";
  let genSpecializedAttr = 0;
}
def Plan_BufferKindAttr : EnumAttr<Plan_Dialect, Plan_BufferKind, "buffer_kind"> {
  let assemblyFormat = "$value";
}

def Plan_BufferType : TypeDef<Plan_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "a range of `bytes` bytes in a memory space";
  let description = [{
    With an `expression` that many bytes, and `bytes` is its upper bound: `!plan.buffer<24576, "host", "1536*batch">`.
  }];
  let parameters = (ins "uint64_t":$bytes, StringRefParameter<"symbol of the plan.space">:$space,
                        StringRefParameter<"size in bytes, empty when it is `bytes`", "\"\"">:$expression);
  let assemblyFormat = "`<` $bytes `,` $space (`,` $expression^)? `>`";
  let builders = [TypeBuilder<(ins "uint64_t":$bytes, "::llvm::StringRef":$space), [{
    return $_get($_ctxt, bytes, space, "");
  }]>];
  let extraClassDeclaration = [{
    /// The size, as a number or an expression of dims.
    ::ingot::DimExpr size() const;
    /// The type of a buffer of `size` bytes; the expression's upper bound follows from `bounds`.
    static BufferType sized(::mlir::MLIRContext *context, const ::ingot::DimExpr &size, ::llvm::StringRef space,
                            const ::ingot::DimBounds &bounds);
  }];
  let genVerifyDecl = 1;
}

/// A number, or the text of an expression of dims.
def Plan_Extent : Attr<Or<[I64Attr.predicate, StrAttr.predicate]>, "64-bit integer or expression of dims"> {
  let storageType = "::mlir::Attribute";
  let returnType = "::ingot::DimExpr";
  let convertFromStorage = "::ingot::plan::extentOf($_self)";
  let constBuilderCall = "::ingot::plan::extentAttr($_builder, $0)";
}

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;
class Plan_SymbolOp<string mnemonic, list<Trait> traits = []> : Plan_Op<mnemonic, [Symbol] # traits>;
/// An op that names others by symbol: checked with the module's symbol table at hand.
def Plan_SymbolUser : DeclareOpInterfaceMethods<SymbolUserOpInterface>;

/// `#ingot.dims`: one expression per dynamic extent of a kernel.
def Plan_Dims : Attr<CPred<"::llvm::isa<::ingot::DimsAttr>($_self)">, "expressions of dims"> {
  let storageType = "::ingot::DimsAttr";
  let returnType = "::ingot::DimsAttr";
  let convertFromStorage = "$_self";
}

// ---- module level ---------------------------------------------------------------------------------------------------

def Plan_TargetOp : Plan_SymbolOp<"target"> {
  let summary = "a target that kernels were compiled for";
  let description = [{
    `driver` says who runs the kernels ("cpu" is the runtime itself). The machine must be of `arch` and have all `features`.
    ```mlir
    plan.target @"x86-64-v3" driver "cpu" arch "x86_64" features ["avx2", "fma"]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$driver, DefaultValuedAttr<StrAttr, "\"\"">:$arch,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$features);
  let assemblyFormat = "$sym_name `driver` $driver (`arch` $arch^)? (`features` $features^)? attr-dict";
}

def Plan_SpaceOp : Plan_SymbolOp<"space", [Plan_SymbolUser]> {
  let summary = "a memory space";
  let description = [{
    The first space of a module is the host's memory: inputs and outputs live there. `alignment` is that of arenas,
    constants and variables; on devices also that of every buffer of a launch.
    ```mlir
    plan.space @host of @"x86-64-v3" alignment 64
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$target, I64Attr:$alignment);
  let assemblyFormat = "$sym_name `of` $target `alignment` $alignment attr-dict";
  let hasVerifier = 1;
}

def Plan_SegmentOp : Plan_SymbolOp<"segment", [Plan_SymbolUser]> {
  let summary = "code of kernels";
  let description = [{
    `kind` is "code" (a flat position-independent image for the CPU) or "binary" (a driver's own). The bytes stay outside
    the IR: they are segment `index` of what codegen compiled for `target`, and `hash` (SHA-256) proves it.
    ```mlir
    plan.segment @code "code" of @"x86-64-v3" index 0 size 4096 alignment 16384 hash "9f86…"
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$kind, FlatSymbolRefAttr:$target, I64Attr:$index,
                       I64Attr:$size, I64Attr:$alignment, StrAttr:$hash);
  let assemblyFormat = [{
    $sym_name $kind `of` $target `index` $index `size` $size `alignment` $alignment `hash` $hash attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_KernelOp : Plan_SymbolOp<"kernel", [Plan_SymbolUser]> {
  let summary = "a compiled kernel";
  let description = [{
    `inputs` and `results` count the buffers of a launch, operands first, `num_dims` its dynamic extents. The CPU calls
    offset `entry` of the segment; a device runs `symbol` with `workgroup` threads per workgroup. Scratch is in bytes;
    `flops` and `bytes` are one launch's work, at the bounds of its dims. `in_place` holds pairs [result, operand]: that result may lie exactly where that operand lies.
    ```mlir
    plan.kernel @conv_bias_f32 in @code entry 64 inputs 3 results 1 attributes {layers = ["conv1"], …}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$segment, I64Attr:$entry, I64Attr:$inputs,
                       I64Attr:$results, DefaultValuedAttr<I64Attr, "0">:$scratch_per_worker,
                       DefaultValuedAttr<I64Attr, "0">:$scratch_per_launch, OptionalAttr<StrAttr>:$symbol,
                       OptionalAttr<DenseI64ArrayAttr>:$workgroup, DefaultValuedAttr<I64Attr, "0">:$flops,
                       DefaultValuedAttr<I64Attr, "0">:$bytes, OptionalAttr<DictionaryAttr>:$strategy,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$layers,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$in_place,
                       DefaultValuedAttr<I64Attr, "0">:$num_dims);
  let assemblyFormat = [{
    $sym_name `in` $segment `entry` $entry `inputs` $inputs `results` $results attr-dict-with-keyword
  }];
  let hasVerifier = 1;
}

def Plan_ConstantOp : Plan_SymbolOp<"constant", [Plan_SymbolUser]> {
  let summary = "a constant as the kernels want it";
  let description = [{
    `value` is a dense attribute or an `#ingot.weight`, whose recipe runs when the program is emitted.
    ```mlir
    plan.constant @conv1.weight in @host : tensor<32xf32> = dense<0.0> : tensor<32xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$space, TypeAttr:$type, AnyAttr:$value);
  let assemblyFormat = "$sym_name `in` $space `:` $type `=` $value attr-dict";
  let hasVerifier = 1;
}

def Plan_VariableOp : Plan_SymbolOp<"variable", [Plan_SymbolUser]> {
  let summary = "state that survives between runs";
  let description = [{
    Starts as the constant `initial`, or as zeros.
    ```mlir
    plan.variable @cache in @host : tensor<1x8x64xf32> = @cache_initial
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$space, TypeAttr:$type,
                       OptionalAttr<FlatSymbolRefAttr>:$initial);
  let assemblyFormat = "$sym_name `in` $space `:` $type (`=` $initial^)? attr-dict";
  let hasVerifier = 1;
}

def Plan_ArenaOp : Plan_SymbolOp<"arena", [Plan_SymbolUser]> {
  let summary = "the working memory of one space, shared by all entries";
  let description = [{
    `lower_bound` is the most bytes that are live at once, in one entry; `peak` names the layers where that is.
    ```mlir
    plan.arena @arena in @host size 602112 alignment 64 lower_bound 602112 peak "features.1"
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$space, I64Attr:$size, I64Attr:$alignment,
                       I64Attr:$lower_bound, DefaultValuedAttr<StrAttr, "\"\"">:$peak);
  let assemblyFormat = [{
    $sym_name `in` $space `size` $size `alignment` $alignment `lower_bound` $lower_bound (`peak` $peak^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_EntryOp : Plan_Op<"entry", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "one function of the program";
  let description = [{
    The steps run in order. Inputs and outputs are the caller's buffers, dense and row-major, in the host's space.
    ```mlir
    plan.entry @forward(image : tensor<1x3x224x224xf32>) -> (logits : tensor<1x10xf32>) {
      %0 = plan.ref input 0 + 0 : !plan.buffer<602112, "host">
      %1 = plan.ref output 0 + 0 : !plan.buffer<40, "host">
      plan.launch @classifier reads %0 : !plan.buffer<602112, "host"> writes %1 : !plan.buffer<40, "host"> tiles 4
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$input_names, TypeArrayAttr:$input_types,
                       StrArrayAttr:$output_names, TypeArrayAttr:$output_types);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

// ---- memory ---------------------------------------------------------------------------------------------------------

def Plan_AllocOp : Plan_Op<"alloc", [Pure]> {
  let summary = "working memory that has no place yet";
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Plan_RangeOp : Plan_Op<"range", [Pure]> {
  let summary = "the bytes of `source` from `offset` on, as many as the result's type says";
  let arguments = (ins Plan_BufferType:$source, Plan_Extent:$offset);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "$source `+` custom<Extent>($offset) attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Plan_PlaceOp : Plan_Op<"place", [Pure, Plan_SymbolUser]> {
  let summary = "bytes of an arena whose place depends on the dims";
  let description = [{
    The buffer starts at the largest end of the buffers it lies `behind`, rounded up to the arena's alignment, or at 0.
    They are those below it that are alive at some time when it is. `offset` is where it starts at the bounds of the
    dims, no size puts it later. `plan.range` may stay on it.
    ```mlir
    %0 = plan.place @arena at 0 -> <24576, "host", "1536*batch">
    %1 = plan.place @arena at 24576 behind %0 : <24576, "host", "1536*batch"> -> <2048, "host", "128*batch">
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$arena, I64Attr:$offset, Variadic<Plan_BufferType>:$behind);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = [{
    $arena `at` $offset (`behind` $behind^ `:` type($behind))? attr-dict `->` type($result)
  }];
}

def Plan_RefOp : Plan_Op<"ref", [Pure, Plan_SymbolUser]> {
  let summary = "bytes of an arena, constant, input, output or variable (BufferRef in program.fbs)";
  let description = [{
    Arenas, constants and variables are named by symbol; inputs and outputs by their index in the entry.
    ```mlir
    %0 = plan.ref arena @arena + 602112 : !plan.buffer<4096, "host">
    %1 = plan.ref input 0 + 0 : !plan.buffer<602112, "host">
    ```
  }];
  let arguments = (ins Plan_BufferKindAttr:$kind, OptionalAttr<FlatSymbolRefAttr>:$symbol, OptionalAttr<I64Attr>:$index,
                       Plan_Extent:$offset);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "`` $kind ($symbol^)? ($index^)? `+` custom<Extent>($offset) attr-dict `:` type($result)";
  let hasVerifier = 1;
}

// ---- steps ----------------------------------------------------------------------------------------------------------

def Plan_LaunchOp : Plan_Op<"launch", [AttrSizedOperandSegments, Plan_SymbolUser]> {
  let summary = "runs a kernel: reads `inputs`, writes all of `outputs`";
  let description = [{
    `tiles` is the CPU's count of independent pieces; a device has `grid` instead (workgroups in x, y, z). `dims` are the
    kernel's dynamic extents, one expression each. No output overlaps an input, unless the kernel allows it in place and
    both are the same bytes.
    ```mlir
    plan.launch @add_f32 reads %0, %1 : !plan.buffer<64, "host">, !plan.buffer<64, "host"> writes %2 : !plan.buffer<64, "host"> tiles 4
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Plan_BufferType>:$inputs, Variadic<Plan_BufferType>:$outputs,
                       DefaultValuedAttr<Plan_Extent, "1">:$tiles,
                       OptionalAttr<DenseI64ArrayAttr>:$grid, OptionalAttr<Plan_Dims>:$dims);
  let assemblyFormat = [{
    $kernel (`reads` $inputs^ `:` type($inputs))? (`writes` $outputs^ `:` type($outputs))?
    (`tiles` custom<Extent>($tiles)^)? (`grid` $grid^)? (`dims` $dims^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_CopyOp : Plan_Op<"copy"> {
  let summary = "copies bytes; between two spaces it is the transfer";
  let arguments = (ins Plan_BufferType:$source, Plan_BufferType:$destination);
  let assemblyFormat = "$source `to` $destination attr-dict `:` type($source) `to` type($destination)";
  let hasVerifier = 1;
}

def Plan_IfOp : Plan_Op<"if", [NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "runs one of two lists of steps";
  let description = [{
    `condition` is one byte in the host's space, 0 or 1. Emitted as jumps.
    ```mlir
    plan.if %c { … } else { … } : !plan.buffer<1, "host">
    ```
  }];
  let arguments = (ins Plan_BufferType:$condition);
  let regions = (region SizedRegion<1>:$then_region, SizedRegion<1>:$else_region);
  let assemblyFormat = "$condition $then_region `else` $else_region attr-dict `:` type($condition)";
  let hasVerifier = 1;
}

def Plan_WhileOp : Plan_Op<"while", [NoTerminator, NoRegionArguments, SingleBlock]> {
  let summary = "runs a list of steps as long as a condition holds";
  let description = [{
    The steps before `do` run first in every trip and leave the condition, one byte in the host's space, 0 or 1; the
    steps after `do` run when it is 1, and the next trip begins. What is carried from trip to trip lies where the next
    trip reads it. Emitted as jumps.
    ```mlir
    plan.while %c { … } do { … } : !plan.buffer<1, "host">
    ```
  }];
  let arguments = (ins Plan_BufferType:$condition);
  let regions = (region SizedRegion<1>:$before, SizedRegion<1>:$body);
  let assemblyFormat = "$condition $before `do` $body attr-dict `:` type($condition)";
  let hasVerifier = 1;
}

#endif
