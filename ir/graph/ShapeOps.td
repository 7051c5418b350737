// Ops that move elements without computing on them.
#ifndef INGOT_IR_GRAPH_SHAPE_OPS_TD
#define INGOT_IR_GRAPH_SHAPE_OPS_TD

def Ingot_ReshapeOp : Ingot_PureOp<"reshape"> {
  let summary = "the same elements in row-major order under another shape";
  let arguments = (ins Ingot_Tensor:$input);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Ingot_BroadcastOp : Ingot_PureOp<"broadcast"> {
  let summary = "repeats extents of 1 (shapes aligned at the right)";
  let arguments = (ins Ingot_Tensor:$input);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Ingot_TransposeOp : Ingot_InferredOp<"transpose"> {
  let summary = "permutes dimensions: result dim i is input dim perm[i]";
  let arguments = (ins Ingot_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input $perm attr-dict `:` type($input)";
  let hasFolder = 1;
}
def Ingot_SliceOp : Ingot_InferredOp<"slice"> {
  let summary = "a strided part: sizes[i] elements from starts[i] by steps[i], which may be negative";
  let description = [{
    A start or size that depends on a named dim is the smallest i64 in its list, and an expression in `dims` (those of
    the starts first).
  }];
  let arguments = (ins Ingot_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes,
                       DenseI64ArrayAttr:$steps, OptionalAttr<Ingot_DimsAttr>:$dims);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input `starts` $starts `sizes` $sizes `steps` $steps (`dims` $dims^)? attr-dict `:` type($input)
  }];
  // Without dynamic starts or sizes.
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::llvm::ArrayRef<int64_t>":$starts,
                                 "::llvm::ArrayRef<int64_t>":$sizes, "::llvm::ArrayRef<int64_t>":$steps), [{
    build($_builder, $_state, input, starts, sizes, steps, DimsAttr());
  }]>, OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input, "::llvm::ArrayRef<int64_t>":$starts,
                      "::llvm::ArrayRef<int64_t>":$sizes, "::llvm::ArrayRef<int64_t>":$steps), [{
    build($_builder, $_state, result, input, starts, sizes, steps, DimsAttr());
  }]>];
  let hasFolder = 1;
}
def Ingot_ConcatOp : Ingot_InferredOp<"concat"> {
  let summary = "joins tensors along one dimension";
  let arguments = (ins Variadic<Ingot_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` type($inputs)";
  let hasFolder = 1;
}
def Ingot_PadOp : Ingot_InferredOp<"pad"> {
  let summary = "adds low[i] elements before and high[i] after each dimension; negative amounts crop";
  let arguments = (ins Ingot_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       DefaultValuedAttr<Ingot_PadModeAttr, "::ingot::PadMode::Constant">:$mode,
                       DefaultValuedAttr<F64Attr, "0.0">:$value);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input `low` $low `high` $high attr-dict `:` type($input)";
}
def Ingot_IotaOp : Ingot_PureOp<"iota"> {
  let summary = "start + step * (index along `dim`)";
  let arguments = (ins I64Attr:$dim, DefaultValuedAttr<F64Attr, "0.0">:$start, DefaultValuedAttr<F64Attr, "1.0">:$step);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "`dim` $dim attr-dict `:` type($result)";
}
def Ingot_DimOp : Ingot_PureOp<"dim"> {
  let summary = "a number computed from named dims, once per run";
  let description = [{
    `expression` is canonical text of a `DimExpr` (docs/rationale/0002); the result is a rank-0 i64.
    ```mlir
    %n = ingot.dim "past + seq" : tensor<i64>
    ```
  }];
  let arguments = (ins StrAttr:$expression);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$expression attr-dict `:` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Ingot_GatherOp : Ingot_InferredOp<"gather"> {
  let summary = "slices of `data` along `axis` chosen by `indices` (ONNX Gather, numpy.take, embedding)";
  let description = [{
    result[..., i..., ...] = data[..., indices[i...], ...]. Negative indices count from the end. The compiled program
    clamps what is out of range after that.
  }];
  let arguments = (ins Ingot_Tensor:$data, Ingot_Tensor:$indices, I64Attr:$axis);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$data `[` $indices `]` `axis` $axis attr-dict `:` type($data) `,` type($indices)";
}
def Ingot_GatherElementsOp : Ingot_InferredOp<"gather_elements"> {
  let summary = "elements of `data` at `indices` along `axis` (torch.gather, ONNX GatherElements)";
  let arguments = (ins Ingot_Tensor:$data, Ingot_Tensor:$indices, I64Attr:$axis);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$data `[` $indices `]` `axis` $axis attr-dict `:` type($data) `,` type($indices)";
}
def Ingot_GatherNDOp : Ingot_InferredOp<"gather_nd"> {
  let summary = "slices of `data` at index tuples (ONNX GatherND)";
  let arguments = (ins Ingot_Tensor:$data, Ingot_Tensor:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$data `[` $indices `]` attr-dict `:` type($data) `,` type($indices)";
}
def Ingot_ScatterElementsOp : Ingot_InferredOp<"scatter_elements"> {
  let summary = "`data` with `updates` put at `indices` along `axis` (torch.scatter, ONNX ScatterElements)";
  let arguments = (ins Ingot_Tensor:$data, Ingot_Tensor:$indices, Ingot_Tensor:$updates, I64Attr:$axis,
                       DefaultValuedAttr<Ingot_ScatterKindAttr, "::ingot::ScatterKind::None">:$reduction);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $data `[` $indices `]` `=` $updates `axis` $axis attr-dict `:` type($data) `,` type($indices) `,` type($updates)
  }];
}
def Ingot_ScatterNDOp : Ingot_InferredOp<"scatter_nd"> {
  let summary = "`data` with slices `updates` put at index tuples, in order (ONNX ScatterND, index_put)";
  let arguments = (ins Ingot_Tensor:$data, Ingot_Tensor:$indices, Ingot_Tensor:$updates,
                       DefaultValuedAttr<Ingot_ScatterKindAttr, "::ingot::ScatterKind::None">:$reduction);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $data `[` $indices `]` `=` $updates attr-dict `:` type($data) `,` type($indices) `,` type($updates)
  }];
}

#endif
