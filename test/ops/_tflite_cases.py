"""The cases of _make_tflite_cases.py: functions that build a model, by name."""
import numpy as np

CASES = {}
RELU, RELU_N1, RELU6, TANH = 1, 2, 3, 4
SAME, VALID = 0, 1


def rnd(*shape, seed=0, low=-2.0, high=2.0):
    return np.random.default_rng(seed + sum(shape)).uniform(low, high, shape).astype(np.float32)


def ints(*shape, low=-100, high=100, dtype=np.int32, seed=0):
    return np.random.default_rng(seed + sum(shape)).integers(low, high, shape).astype(dtype)


def i32(*values):
    return np.array(values, np.int32)


def case(name):
    def add(function):
        CASES[name] = function
        return function

    return add


def add(name, op, inputs, options=None, constants=(), out="float32", outputs=1, version=1,
        **fields):
    """A case of one operator: `inputs` are arrays, those at the places `constants` are in the file. `out` is the
    element type, or one for each output; the interpreter finds their shapes."""

    def build(b):
        ids = [b.constant(a) if i in constants else b.input(a) for i, a in enumerate(inputs)]
        types = [out] * outputs if isinstance(out, str) else out
        results = [b.tensor(t, [1]) for t in types]
        b.graph.outputs += results
        b.op(op, ids, results, options, version, **fields)

    CASES[name] = build


# Elementwise.
X, Y = rnd(2, 3, 4), rnd(2, 3, 4, seed=1, low=0.5)
for op in ("add", "sub", "mul", "div"):
    options = op.capitalize() + "Options"
    add(op, op.upper(), [X, Y], options)
    add(op + "_broadcast", op.upper(), [X, rnd(3, 1, low=0.5)], options, fusedActivationFunction=RELU6)
    add(op + "_i32", op.upper(), [ints(2, 5), ints(5, low=1)], options, out="int32")
add("add_relu_n1", "ADD", [X, Y], "AddOptions", fusedActivationFunction=RELU_N1)
add("add_constant", "ADD", [X, rnd(4)], "AddOptions", constants=[1], fusedActivationFunction=RELU)
for op in ("maximum", "minimum"):
    add(op, op.upper(), [X, rnd(4)], "MaximumMinimumOptions")
add("pow", "POW", [np.abs(X) + 0.5, Y], "PowOptions")
add("squared_difference", "SQUARED_DIFFERENCE", [X, Y], "SquaredDifferenceOptions")
add("floor_div", "FLOOR_DIV", [X, Y], "FloorDivOptions")
add("floor_div_i32", "FLOOR_DIV", [ints(20), ints(20, low=1, high=7)], "FloorDivOptions", out="int32")
add("floor_mod", "FLOOR_MOD", [X, Y], "FloorModOptions")
add("floor_mod_i32", "FLOOR_MOD", [ints(20), ints(20, low=1, high=7)], "FloorModOptions", out="int32")
add("atan2", "ATAN2", [X, Y])
add("add_n", "ADD_N", [X, Y, X], "AddNOptions")
for op in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    options = "".join(word.capitalize() for word in op.split("_")) + "Options"
    add(op, op.upper(), [ints(3, 5, low=0, high=3), ints(5, low=0, high=3)], options, out="bool")
add("less_f32", "LESS", [X, Y], "LessOptions", out="bool")
BOOLS = [ints(3, 4, low=0, high=2).astype(bool), ints(3, 4, low=0, high=2, seed=5).astype(bool)]
add("logical_and", "LOGICAL_AND", BOOLS, "LogicalAndOptions", out="bool")
add("logical_or", "LOGICAL_OR", BOOLS, "LogicalOrOptions", out="bool")
add("logical_not", "LOGICAL_NOT", BOOLS[:1], "LogicalNotOptions", out="bool")
add("select", "SELECT", [BOOLS[0], rnd(3, 4), rnd(3, 4, seed=3)], "SelectOptions")
add("select_rows", "SELECT", [np.array([True, False, True]), rnd(3, 4), rnd(3, 4, seed=3)], "SelectOptions")
add("select_v2", "SELECT_V2", [np.array([True, False, True]), rnd(4, 3), rnd(4, 1)], "SelectV2Options")
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.49, -3.51], np.float32)
for op, x in dict(abs=X, neg=X, sign=X, floor=HALVES, ceil=HALVES, round=HALVES, exp=X, log=Y, sqrt=Y, rsqrt=Y, square=X,
                  sin=X, cos=X, logistic=X, tanh=X, relu=X, relu6=X * 5, relu_n1_to_1=X, relu_0_to_1=X, elu=X,
                  hard_swish=X * 3, log_softmax=X).items():
    add(op, op.upper(), [x])
add("leaky_relu", "LEAKY_RELU", [X], "LeakyReluOptions", alpha=0.2)
add("prelu", "PRELU", [rnd(2, 3, 3, 4), rnd(1, 1, 4)], constants=[1])
add("gelu", "GELU", [X], "GeluOptions")
add("gelu_tanh", "GELU", [X], "GeluOptions", approximate=True)
add("softmax", "SOFTMAX", [X], "SoftmaxOptions", beta=1.0)
add("softmax_beta", "SOFTMAX", [rnd(3, 7)], "SoftmaxOptions", beta=0.5)
add("l2_normalization", "L2_NORMALIZATION", [rnd(2, 3, 3, 5)], "L2NormOptions")
for source, target in (("float32", "int32"), ("int32", "float32"), ("float32", "bool"), ("bool", "float32"),
                       ("int32", "int64"), ("uint8", "float32"), ("float32", "float16")):
    x = (rnd(3, 5, high=9) if source == "float32" else ints(3, 5, low=0, high=3)).astype(source)
    add(f"cast_{source}_{target}", "CAST", [x], "CastOptions", out=target)

# Windows.
for padding, stride, dilation in ((SAME, 1, 1), (SAME, 2, 1), (VALID, 1, 1), (VALID, 2, 1), (SAME, 1, 2)):
    suffix = f"{'same' if padding == SAME else 'valid'}_s{stride}_d{dilation}"
    shared = dict(padding=padding, strideH=stride, strideW=stride, dilationHFactor=dilation, dilationWFactor=dilation,
                  fusedActivationFunction=RELU6)
    add("conv_" + suffix, "CONV_2D", [rnd(2, 8, 7, 3), rnd(5, 3, 3, 3), rnd(5)], "Conv2DOptions", [1, 2], **shared)
    add("depthwise_" + suffix, "DEPTHWISE_CONV_2D", [rnd(1, 8, 7, 3), rnd(1, 3, 3, 6), rnd(6)],
        "DepthwiseConv2DOptions", [1, 2], depthMultiplier=2, **shared)
add("conv_1x1", "CONV_2D", [rnd(1, 5, 5, 8), rnd(4, 1, 1, 8), rnd(4)], "Conv2DOptions", [1, 2], padding=VALID, strideH=1,
    strideW=1)
add("conv_groups", "CONV_2D", [rnd(1, 5, 5, 8), rnd(4, 3, 2, 4), rnd(4)], "Conv2DOptions", [1, 2], padding=SAME, strideH=1,
    strideW=2)
add("depthwise_multiplier_1", "DEPTHWISE_CONV_2D", [rnd(1, 9, 9, 8), rnd(1, 5, 3, 8), rnd(8)], "DepthwiseConv2DOptions",
    [1, 2], padding=SAME, strideH=2, strideW=2, depthMultiplier=1)
for padding, stride, size in ((SAME, 2, 8), (SAME, 1, 4), (VALID, 2, 9), (SAME, 3, 11), (VALID, 3, 12)):
    add(f"transpose_conv_{'same' if padding == SAME else 'valid'}_s{stride}_{size}", "TRANSPOSE_CONV",
        [i32(1, size, size, 5), rnd(5, 3, 3, 2), rnd(1, 4, 4, 2)], "TransposeConvOptions", [0, 1], padding=padding,
        strideH=stride, strideW=stride)
for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
    for padding, stride in ((SAME, 2), (VALID, 1), (SAME, 1)):
        add(f"{op.lower()}_{'same' if padding == SAME else 'valid'}_s{stride}", op, [rnd(1, 7, 6, 3)], "Pool2DOptions",
            padding=padding, strideH=stride, strideW=stride, filterHeight=3, filterWidth=2)

# Products.
add("fully_connected", "FULLY_CONNECTED", [rnd(2, 3, 4), rnd(6, 4), rnd(6)], "FullyConnectedOptions", [1, 2],
    fusedActivationFunction=RELU)
add("fully_connected_keep", "FULLY_CONNECTED", [rnd(2, 3, 4), rnd(6, 4), rnd(6)], "FullyConnectedOptions", [1, 2],
    keepNumDims=True)
add("fully_connected_flat", "FULLY_CONNECTED", [rnd(2, 3, 4), rnd(6, 12)], "FullyConnectedOptions", [1])
for x, y in ((False, False), (True, False), (False, True), (True, True)):
    lhs, rhs = rnd(2, 3, 4), rnd(2, 4, 5)
    add(f"batch_matmul_{int(x)}{int(y)}", "BATCH_MATMUL",
        [lhs.swapaxes(1, 2).copy() if x else lhs, rhs.swapaxes(1, 2).copy() if y else rhs], "BatchMatMulOptions", adjX=x,
        adjY=y)
add("batch_matmul_broadcast", "BATCH_MATMUL", [rnd(2, 1, 3, 4), rnd(3, 4, 5)], "BatchMatMulOptions")

# Shapes.
add("reshape", "RESHAPE", [X, i32(4, -1)], "ReshapeOptions", [1], newShape=[4, -1])
add("reshape_option", "RESHAPE", [X], "ReshapeOptions", newShape=[6, 4])
add("squeeze", "SQUEEZE", [rnd(1, 3, 1, 4)], "SqueezeOptions", squeezeDims=[0, -2])
add("squeeze_all", "SQUEEZE", [rnd(1, 3, 1, 4)], "SqueezeOptions", squeezeDims=[])
add("expand_dims", "EXPAND_DIMS", [X, i32(-1)], "ExpandDimsOptions", [1])
add("transpose", "TRANSPOSE", [X, i32(2, 0, 1)], "TransposeOptions", [1])
add("concatenation", "CONCATENATION", [rnd(2, 3), rnd(2, 5), rnd(2, 1)], "ConcatenationOptions", axis=-1)
add("split", "SPLIT", [np.array(1, np.int32), rnd(2, 6)], "SplitOptions", [0], outputs=3, numSplits=3)
add("split_v", "SPLIT_V", [rnd(2, 7), i32(2, -1, 1), np.array(1, np.int32)], "SplitVOptions", [1, 2], outputs=3,
    numSplits=3)


@case("slice")
def _(b):
    result = b.tensor("float32", [2, 5, 3])
    b.graph.outputs.append(result)
    b.op("SLICE", [b.input(rnd(4, 5, 6)), b.constant(i32(1, 0, 2)), b.constant(i32(2, -1, 3))], [result], "SliceOptions")


for name, begin, end, strides, masks in (
        ("plain", (0, 1, 2), (3, 5, 6), (2, 1, 3), {}),
        ("negative", (-1, -1, 0), (-4, -6, 6), (-1, -2, 1), {}),
        ("masks", (1, 1, 1), (2, 2, 2), (1, 2, 1), dict(beginMask=1, endMask=6)),
        ("shrink", (1, 0, -1), (2, 5, 0), (1, 1, 1), dict(shrinkAxisMask=5)),
        ("reverse", (0, 0, 0), (0, 0, 0), (-1, -1, -1), dict(beginMask=7, endMask=7)),
        ("ellipsis", (0, 1), (0, 4), (1, 2), dict(ellipsisMask=1)),
        ("new_axis", (0, 0, 1), (0, 3, 4), (1, 2, 1), dict(newAxisMask=1))):
    add("strided_slice_" + name, "STRIDED_SLICE", [rnd(4, 5, 6), i32(*begin), i32(*end), i32(*strides)],
        "StridedSliceOptions", [1, 2, 3], **masks)
add("pack", "PACK", [rnd(2, 3), rnd(2, 3, seed=9)], "PackOptions", valuesCount=2, axis=1)
add("unpack", "UNPACK", [rnd(2, 3, 4)], "UnpackOptions", outputs=3, num=3, axis=1)
add("pad", "PAD", [rnd(2, 3), np.array([[1, 2], [0, 3]], np.int32)], "PadOptions", [1])
add("padv2", "PADV2", [rnd(2, 3), np.array([[1, 2], [0, 3]], np.int32), np.array(7.5, np.float32)], "PadV2Options", [1, 2])
for mode, name in enumerate(("reflect", "symmetric")):
    add("mirror_pad_" + name, "MIRROR_PAD", [rnd(3, 4), np.array([[2, 1], [1, 3]], np.int32)], "MirrorPadOptions", [1],
        mode=mode)
add("tile", "TILE", [rnd(2, 3), i32(2, 3)], "TileOptions", [1])
add("broadcast_to", "BROADCAST_TO", [rnd(3, 1), i32(2, 3, 4)], "BroadcastToOptions", [1], version=2)
add("reverse_v2", "REVERSE_V2", [rnd(2, 3, 4), i32(1)], "ReverseV2Options", [1])
add("space_to_depth", "SPACE_TO_DEPTH", [rnd(1, 4, 6, 2)], "SpaceToDepthOptions", blockSize=2)
add("depth_to_space", "DEPTH_TO_SPACE", [rnd(1, 2, 3, 8)], "DepthToSpaceOptions", blockSize=2)
add("space_to_batch", "SPACE_TO_BATCH_ND", [rnd(1, 4, 5, 2), i32(2, 3), np.array([[1, 1], [0, 1]], np.int32)],
    "SpaceToBatchNDOptions", [1, 2])
add("batch_to_space", "BATCH_TO_SPACE_ND", [rnd(6, 3, 2, 2), i32(2, 3), np.array([[1, 1], [0, 1]], np.int32)],
    "BatchToSpaceNDOptions", [1, 2])
add("shape", "SHAPE", [X], "ShapeOptions", out="int32", outType=2)
add("rank", "RANK", [X], "RankOptions", out="int32")
add("zeros_like", "ZEROS_LIKE", [X], "ZerosLikeOptions")
add("fill", "FILL", [i32(2, 3), np.array(4.5, np.float32)], "FillOptions", [0])
add("range", "RANGE", [np.array(v, np.int32) for v in (3, 20, 4)], "RangeOptions", [0, 1, 2], out="int32")

# Reductions.
for op in ("mean", "sum", "reduce_max", "reduce_min", "reduce_prod"):
    add(op, op.upper(), [X, i32(1)], "ReducerOptions", [1])
    add(op + "_keep", op.upper(), [X, i32(-1, 0)], "ReducerOptions", [1], keepDims=True)
for op in ("reduce_any", "reduce_all"):
    add(op, op.upper(), [BOOLS[0], i32(1)], "ReducerOptions", [1], out="bool")
for op in ("arg_max", "arg_min"):
    add(op, op.upper(), [rnd(3, 7), i32(1)], op.title().replace("_", "") + "Options", [1], out="int32", outputType=2)
add("arg_max_i64", "ARG_MAX", [rnd(3, 7), i32(0)], "ArgMaxOptions", [1], out="int64", outputType=4)
add("cumsum", "CUMSUM", [rnd(3, 5), np.array(1, np.int32)], "CumsumOptions", [1])
add("cumsum_reverse", "CUMSUM", [rnd(3, 5), np.array(0, np.int32)], "CumsumOptions", [1], exclusive=True, reverse=True)
add("topk_v2", "TOPK_V2", [rnd(3, 7), np.array(3, np.int32)], "TopKV2Options", [1], out=("float32", "int32"))

# Indices.
add("gather", "GATHER", [rnd(5, 3), ints(2, 4, low=0, high=5)], "GatherOptions", axis=0)
add("gather_axis", "GATHER", [rnd(2, 5, 3), ints(4, low=0, high=5)], "GatherOptions", axis=1)
add("gather_batch", "GATHER", [rnd(2, 5, 3), ints(2, 4, low=0, high=5)], "GatherOptions", axis=1, batchDims=1)
add("gather_nd", "GATHER_ND", [rnd(3, 4, 5), ints(6, 2, low=0, high=3)], "GatherNdOptions")
add("embedding_lookup", "EMBEDDING_LOOKUP", [ints(4, low=0, high=5), rnd(5, 3)])
add("scatter_nd", "SCATTER_ND", [np.array([[1], [3], [1]], np.int32), rnd(3, 2), i32(4, 2)], "ScatterNdOptions", [2])
add("one_hot", "ONE_HOT", [i32(0, 2, -1, 5), np.array(4, np.int32), np.array(2.5, np.float32), np.array(-1, np.float32)],
    "OneHotOptions", [1, 2, 3], axis=-1)

# Resizes.
for op, options in (("RESIZE_BILINEAR", "ResizeBilinearOptions"), ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")):
    for name, fields in (("plain", {}), ("corners", dict(alignCorners=True)), ("centers", dict(halfPixelCenters=True))):
        for size in ((7, 9), (3, 2)):
            add(f"{op.lower()}_{name}_{size[0]}", op, [rnd(1, 4, 5, 2), i32(*size)], options, [1], **fields)

@case("float16_weights")
def _(b):
    weights, bias = b.tensor("float32", [6, 4]), b.tensor("float32", [6])
    b.op("DEQUANTIZE", [b.constant(rnd(6, 4).astype(np.float16))], [weights], "DequantizeOptions", 3)
    b.op("DEQUANTIZE", [b.constant(rnd(6).astype(np.float16))], [bias], "DequantizeOptions", 3)
    result = b.tensor("float32", [1])
    b.op("FULLY_CONNECTED", [b.input(rnd(3, 4)), weights, bias], [result], "FullyConnectedOptions")
    b.graph.outputs.append(result)
