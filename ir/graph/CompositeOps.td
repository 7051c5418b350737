// Composites: ops with structure worth keeping until a target has seen them.
//
// Spatial ops work on [N, C, spatial…]; with `channels_last` on [N, spatial…, C]. Filters are always [O, I/groups,
// kernel…] (transposed convolution: [I, O/groups, kernel…]) whatever the activations' layout is. `pads` lists the low
// pads of all spatial dims, then the high pads.
#ifndef INGOT_IR_GRAPH_COMPOSITE_OPS_TD
#define INGOT_IR_GRAPH_COMPOSITE_OPS_TD

def Ingot_ConvOp : Ingot_InferredOp<"conv"> {
  let summary = "convolution (cross-correlation) over 1 to 3 spatial dims";
  let description = [{
    ```mlir
    %0 = ingot.conv %x, %w bias %b strides [2, 2] pads [1, 1, 1, 1] dilations [1, 1] groups 1 : tensor<1x3x224x224xf32>, tensor<32x3x3x3xf32>, tensor<32xf32>
    ```
  }];
  let arguments = (ins Ingot_Tensor:$input, Ingot_Tensor:$filter, Optional<Ingot_Tensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       I64Attr:$groups, UnitAttr:$channels_last);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? `strides` $strides `pads` $pads `dilations` $dilations `groups` $groups
    (`channels_last` $channels_last^)? attr-dict `:` type($input) `,` type($filter) (`,` type($bias)^)?
  }];
}
def Ingot_ConvTransposeOp : Ingot_InferredOp<"conv_transpose"> {
  let summary = "transposed convolution (the gradient of a convolution with respect to its input)";
  let description = [{
    Extent: (in - 1) * stride - pad_low - pad_high + dilation * (kernel - 1) + output_padding + 1. `output_padding` adds
    at the high end. Filter: [I, O/groups, kernel…].
  }];
  let arguments = (ins Ingot_Tensor:$input, Ingot_Tensor:$filter, Optional<Ingot_Tensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$output_padding, I64Attr:$groups, UnitAttr:$channels_last);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $filter (`bias` $bias^)? `strides` $strides `pads` $pads `dilations` $dilations
    `output_padding` $output_padding `groups` $groups (`channels_last` $channels_last^)? attr-dict
    `:` type($input) `,` type($filter) (`,` type($bias)^)?
  }];
}
def Ingot_MatmulOp : Ingot_InferredOp<"matmul"> {
  let summary = "matrix product over the last two dims, leading dims broadcast";
  let description = [{
    lhs [..., M, K] times rhs [..., K, N] (with `transpose_b`: [..., N, K]); both of rank 2 or more. `bias` has shape [N].
    Integer operands accumulate in i32 and give i32.
    ```mlir
    %0 = ingot.matmul %x, %w transpose_b bias %b : tensor<1x128x384xf32>, tensor<1536x384xf32>, tensor<1536xf32>
    ```
  }];
  let arguments = (ins Ingot_Tensor:$lhs, Ingot_Tensor:$rhs, Optional<Ingot_Tensor>:$bias, UnitAttr:$transpose_b);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transpose_b` $transpose_b^)? (`bias` $bias^)? attr-dict
    `:` type($lhs) `,` type($rhs) (`,` type($bias)^)?
  }];
}
def Ingot_AttentionOp : Ingot_InferredOp<"attention", [DeclareOpInterfaceMethods<Ingot_DecomposableOpInterface>]> {
  let summary = "softmax(scale * query * key^T + mask) * value";
  let description = [{
    query [B, H, Lq, D], key [B, Hkv, Lk, D], value [B, Hkv, Lk, Dv]; H is a multiple of Hkv and query head h reads
    key/value head h / (H / Hkv). `mask` broadcasts to [B, H, Lq, Lk]: added when float; when i1, positions that are
    false are left out. `causal` leaves out key j > query i (aligned at the upper left, as in torch). A row with no
    position left is zero.
  }];
  let arguments = (ins Ingot_Tensor:$query, Ingot_Tensor:$key, Ingot_Tensor:$value, Optional<Ingot_Tensor>:$mask,
                       F64Attr:$scale, UnitAttr:$causal);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? `scale` $scale (`causal` $causal^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) (`,` type($mask)^)?
  }];
}
def Ingot_SoftmaxOp : Ingot_InferredOp<"softmax"> {
  let summary = "exp(x - max) / sum along one dim; with `log` its logarithm";
  let arguments = (ins Ingot_Tensor:$input, I64Attr:$axis, UnitAttr:$log);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "(`log` $log^)? $input `axis` $axis attr-dict `:` type($input)";
}
def Ingot_LayerNormOp : Ingot_InferredOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "(x - mean) / sqrt(variance + epsilon) over the dims from `axis` on, times scale, plus bias";
  let description = "scale and bias have the shape of the normalised dims.";
  let arguments = (ins Ingot_Tensor:$input, Optional<Ingot_Tensor>:$scale, Optional<Ingot_Tensor>:$bias, I64Attr:$axis,
                       F64Attr:$epsilon);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input (`scale` $scale^)? (`bias` $bias^)? `axis` $axis `epsilon` $epsilon attr-dict
    `:` type($input) (`,` type($scale)^)? (`bias` type($bias)^)?
  }];
}
def Ingot_RmsNormOp : Ingot_InferredOp<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) over the dims from `axis` on, times scale";
  let arguments = (ins Ingot_Tensor:$input, Optional<Ingot_Tensor>:$scale, I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input (`scale` $scale^)? `axis` $axis `epsilon` $epsilon attr-dict `:` type($input) (`,` type($scale)^)?
  }];
}
def Ingot_GroupNormOp : Ingot_InferredOp<"group_norm", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<Ingot_DecomposableOpInterface>]> {
  let summary = "normalises each group of channels over its channels and space; then scale and bias per channel";
  let arguments = (ins Ingot_Tensor:$input, Optional<Ingot_Tensor>:$scale, Optional<Ingot_Tensor>:$bias, I64Attr:$groups,
                       F64Attr:$epsilon, UnitAttr:$channels_last);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input (`scale` $scale^)? (`bias` $bias^)? `groups` $groups `epsilon` $epsilon
    (`channels_last` $channels_last^)? attr-dict `:` type($input) (`,` type($scale)^)? (`bias` type($bias)^)?
  }];
}
def Ingot_BatchNormOp : Ingot_InferredOp<"batch_norm", [DeclareOpInterfaceMethods<Ingot_DecomposableOpInterface>]> {
  let summary = "inference batch norm: (x - mean) / sqrt(variance + epsilon) * scale + bias per channel (dim 1)";
  let arguments = (ins Ingot_Tensor:$input, Ingot_Tensor:$scale, Ingot_Tensor:$bias, Ingot_Tensor:$mean,
                       Ingot_Tensor:$variance, F64Attr:$epsilon);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $scale `,` $bias `,` $mean `,` $variance `epsilon` $epsilon attr-dict `:` type($input) `,` type($scale)
    `,` type($bias) `,` type($mean) `,` type($variance)
  }];
}
def Ingot_PoolOp : Ingot_InferredOp<"pool"> {
  let summary = "maximum or average over windows";
  let description = [{
    The extents follow from `pads` (a source's ceil mode is expressed by larger high pads). An average divides by the
    number of elements inside the input, or with `count_include_pad` inside the input plus `counted_pads` (the pads that
    the source model declared, low then high; absent: all `pads`).
  }];
  let arguments = (ins Ingot_PoolKindAttr:$kind, Ingot_Tensor:$input, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       UnitAttr:$count_include_pad, OptionalAttr<DenseI64ArrayAttr>:$counted_pads,
                       UnitAttr:$channels_last);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $kind $input `kernel` $kernel `strides` $strides `pads` $pads `dilations` $dilations
    (`channels_last` $channels_last^)? attr-dict `:` type($input)
  }];
}
def Ingot_ReduceOp : Ingot_InferredOp<"reduce"> {
  let summary = "reduces over dims";
  let description = [{
    `dims` are sorted, not negative; an empty list reduces nothing. Float sums accumulate in f32 at least. `any` and
    `all` take and give i1. The maximum or minimum with a NaN is NaN.
  }];
  let arguments = (ins Ingot_ReduceKindAttr:$kind, Ingot_Tensor:$input, DenseI64ArrayAttr:$dims, UnitAttr:$keepdims);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$kind $input `dims` $dims (`keepdims` $keepdims^)? attr-dict `:` type($input)";
}
def Ingot_ArgReduceOp : Ingot_InferredOp<"arg_reduce"> {
  let summary = "index (i64) of the maximum (`max`) or minimum (`min`) along one dim";
  let arguments = (ins Ingot_ReduceKindAttr:$kind, Ingot_Tensor:$input, I64Attr:$axis, UnitAttr:$keepdims,
                       UnitAttr:$select_last);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$kind $input `axis` $axis (`keepdims` $keepdims^)? attr-dict `:` type($input)";
  let hasVerifier = 1;
}
def Ingot_CumsumOp : Ingot_InferredOp<"cumsum"> {
  let summary = "running sum along one dim";
  let arguments = (ins Ingot_Tensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` type($input)";
}
def Ingot_TopKOp : Ingot_InferredOp<"topk"> {
  let summary = "the k largest (or smallest) along one dim and their i64 indices, sorted; ties by lower index first";
  let arguments = (ins Ingot_Tensor:$input, I64Attr:$k, I64Attr:$axis, UnitAttr:$smallest);
  let results = (outs Ingot_Tensor:$values, Ingot_Tensor:$indices);
  let assemblyFormat = "$input `k` $k `axis` $axis (`smallest` $smallest^)? attr-dict `:` type($input)";
}
def Ingot_ResizeOp : Ingot_PureOp<"resize"> {
  let summary = "resamples every dim whose extent changes (ONNX Resize, torch upsample)";
  let description = [{
    `scales[i]` maps coordinates of dim i (output extent / input extent as the source defines it).
  }];
  let arguments = (ins Ingot_ResizeModeAttr:$mode, Ingot_Tensor:$input, DenseF64ArrayAttr:$scales,
                       Ingot_CoordinateModeAttr:$coordinates,
                       DefaultValuedAttr<Ingot_NearestModeAttr, "::ingot::NearestMode::Floor">:$nearest,
                       DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coeff);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = "$mode $input `scales` $scales $coordinates attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

class Ingot_Recurrent<string mnemonic> : Ingot_InferredOp<mnemonic> {
  // T steps, batch B, features I, hidden H, D directions (1, or 2 when bidirectional).
  let assemblyFormat = "$direction `(` operands `)` attr-dict `:` functional-type(operands, results)";
}
def Ingot_LstmOp : Ingot_Recurrent<"lstm"> {
  let summary = "long short-term memory layer (ONNX LSTM, default activations)";
  let description = [{
    input [T, B, I]; weight [D, 4H, I], recurrence [D, 4H, H], bias [D, 4H] (input and recurrence biases added), gates in
    the order i, o, f, c; initial_h and initial_c [D, B, H]. Results: output [T, D, B, H], last_h and last_c [D, B, H].
    Direction `reverse` walks time backwards and stores each step at its own time.
  }];
  let arguments = (ins Ingot_DirectionAttr:$direction, Ingot_Tensor:$input, Ingot_Tensor:$weight,
                       Ingot_Tensor:$recurrence, Ingot_Tensor:$bias, Ingot_Tensor:$initial_h, Ingot_Tensor:$initial_c);
  let results = (outs Ingot_Tensor:$output, Ingot_Tensor:$last_h, Ingot_Tensor:$last_c);
}
def Ingot_GruOp : Ingot_Recurrent<"gru"> {
  let summary = "gated recurrent unit layer (ONNX GRU, default activations)";
  let description = [{
    Shapes as in `ingot.lstm` with gates z, r, h: weight [D, 3H, I], recurrence [D, 3H, H], input_bias and
    recurrence_bias [D, 3H]; initial_h [D, B, H]. With `linear_before_reset` (torch): h~ = tanh(W x + b + r * (R h + rb)),
    else tanh(W x + b + R (r * h) + rb). h' = (1 - z) * h~ + z * h. Results: output [T, D, B, H], last_h [D, B, H].
  }];
  let arguments = (ins Ingot_DirectionAttr:$direction, Ingot_Tensor:$input, Ingot_Tensor:$weight,
                       Ingot_Tensor:$recurrence, Ingot_Tensor:$input_bias, Ingot_Tensor:$recurrence_bias,
                       Ingot_Tensor:$initial_h, UnitAttr:$linear_before_reset);
  let results = (outs Ingot_Tensor:$output, Ingot_Tensor:$last_h);
}
def Ingot_RnnOp : Ingot_Recurrent<"rnn"> {
  let summary = "plain recurrent layer: h' = f(W x + R h + b)";
  let arguments = (ins Ingot_DirectionAttr:$direction, Ingot_RnnKindAttr:$kind, Ingot_Tensor:$input, Ingot_Tensor:$weight,
                       Ingot_Tensor:$recurrence, Ingot_Tensor:$bias, Ingot_Tensor:$initial_h);
  let results = (outs Ingot_Tensor:$output, Ingot_Tensor:$last_h);
  let assemblyFormat = "$direction $kind `(` operands `)` attr-dict `:` functional-type(operands, results)";
}

def Ingot_QuantizeOp : Ingot_PureOp<"quantize"> {
  let summary = "saturate(round_to_even(x / scale) + zero_point) to the result's integer type";
  let description = [{
    `scale` and `zero_point` (absent: 0) are scalars (rank 0); or rank 1 along `axis`; or of the input's rank with the
    extent of `axis` divided by `block_size` (blocks of that many elements share a scale).
  }];
  let arguments = (ins Ingot_Tensor:$input, Ingot_Tensor:$scale, Optional<Ingot_Tensor>:$zero_point,
                       OptionalAttr<I64Attr>:$axis, OptionalAttr<I64Attr>:$block_size);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero_point` $zero_point^)? (`axis` $axis^)? (`block` $block_size^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}
def Ingot_DequantizeOp : Ingot_PureOp<"dequantize"> {
  let summary = "(x - zero_point) * scale, operands as in `ingot.quantize`";
  let arguments = (ins Ingot_Tensor:$input, Ingot_Tensor:$scale, Optional<Ingot_Tensor>:$zero_point,
                       OptionalAttr<I64Attr>:$axis, OptionalAttr<I64Attr>:$block_size);
  let results = (outs Ingot_Tensor:$result);
  let assemblyFormat = [{
    $input `scale` $scale (`zero_point` $zero_point^)? (`axis` $axis^)? (`block` $block_size^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif
