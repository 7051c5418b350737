"""Quantised cases of _make_tflite_cases.py: int8 (with scales per channel of weights), uint8 and int16.

Their tensors are large enough that rounding shows: about a thousand elements, or each integer of the type.
"""
import numpy as np
from _tflite_cases import CASES, RELU, RELU6, SAME, VALID, case, i32, ints, rnd

LIMITS = dict(int8=(-128, 127), uint8=(0, 255), int16=(-32768, 32767), int32=(-(2**31), 2**31 - 1))


def fit(array, dtype):
    """Scale and zero point that hold an array's values, as converters choose them."""
    low, high = LIMITS[dtype]
    if dtype == "int16":
        return float(np.float32(max(np.abs(array).max(), 1e-3) / high)), 0, 0
    bottom, top = min(float(np.min(array)), 0.0), max(float(np.max(array)), 0.0)
    scale = float(np.float32((top - bottom) / (high - low)))
    return scale, int(np.clip(round(low - bottom / scale), low, high)), 0


def store(array, by, dtype):
    """An array in the integers of (scales, zero points, dim)."""
    scale, zero, dim = by
    shape = [1] * array.ndim
    if np.ndim(scale):
        shape[dim] = -1
    scale, zero = np.reshape(scale, shape if np.ndim(scale) else ()), np.reshape(zero, shape if np.ndim(zero) else ())
    return np.clip(np.round(array / scale) + zero, *LIMITS[dtype]).astype(dtype)


def quantized(name, op, inputs, ranges, options=None, dtype="int8", same=False, version=2, out_by=None, extra=(),
              outputs=1, out=None, constants=(), extra_first=False, in_by=None, **fields):
    """A case of one operator on quantised inputs; those at the places `constants` are in the file. `ranges` are the
    lowest and highest result; with `same` the result is stored as the first input is; `extra` are constants that are
    not quantised, behind the inputs or before them. `out` is the result's type when it is another one."""

    def build(b):
        by = in_by or [fit(a, dtype) for a in inputs]
        ids = [(b.constant if i in constants else b.input)(store(a, q, dtype), q)
               for i, (a, q) in enumerate(zip(inputs, by))]
        more = [b.constant(a) for a in extra]
        ids = more + ids if extra_first else ids + more
        result = None if out in ("bool", "float32") else by[0] if same else out_by or fit(np.array(ranges), out or dtype)
        results = [b.tensor(out or dtype, [1], result) for _ in range(outputs)]
        b.graph.outputs += results
        b.op(op, ids, results, options, version, **fields)

    CASES[name] = build


def quantized_filter(name, op, x, w, bias, dim, ranges, options, dtype="int8", version=3, shape=None, wide=None,
                     per_channel=True, **fields):
    """A convolution or product with weights in int8 (a scale for each channel of `dim`, or one) or uint8. `shape` is
    the constant shape of a transposed convolution's result."""

    def build(b):
        by_x = fit(x, dtype)
        if dtype == "uint8" or not per_channel:
            by_w = fit(w, dtype) if dtype == "uint8" else (float(np.float32(np.abs(w).max() / 127)), 0, 0)
            stored = store(w, by_w, "uint8" if dtype == "uint8" else "int8")
        else:
            others = tuple(i for i in range(w.ndim) if i != dim)
            scales = (np.abs(w).max(axis=others) / 127).astype(np.float32)
            by_w = (scales, np.zeros(len(scales), np.int64), dim)
            stored = store(w, by_w, "int8")
        ids = [b.input(store(x, by_x, dtype), by_x), b.constant(stored, by_w)]
        if shape:
            ids = [b.constant(i32(*shape))] + ids[::-1]
        if bias is not None:
            scales = np.float32(by_x[0]) * np.asarray(by_w[0], np.float32)
            by_b = (scales, np.zeros(np.size(scales), np.int64), 0)
            ids.append(b.constant(np.round(bias / scales).astype(wide or (np.int64 if dtype == "int16" else np.int32)), by_b))
        result = b.tensor(dtype, [1], fit(np.array(ranges), dtype))
        b.graph.outputs.append(result)
        b.op(op, ids, [result], options, version, **fields)

    CASES[name] = build


X, Y = rnd(4, 16, 16), rnd(4, 16, 16, seed=1)
IMAGE = rnd(1, 11, 10, 8)
DTYPES = ("int8", "uint8", "int16")
UNIT = dict(int8=(1 / 256, -128, 0), uint8=(1 / 256, 0, 0), int16=(1 / 32768, 0, 0))
SIGNED = dict(int8=(1 / 128, 0, 0), uint8=(1 / 128, 128, 0), int16=(1 / 32768, 0, 0))
# Every integer of a byte's type in the range [-2, 2] or [0, 4], a thousand of the wider one.
RAMP = np.linspace(-2, 2, 256, dtype=np.float32).reshape(1, 256)
WIDE = np.linspace(-2, 2, 1024, dtype=np.float32).reshape(1, 1024)


def ramp(dtype):
    return WIDE if dtype == "int16" else RAMP


# Windows and products.
for dtype in DTYPES:
    p = f"q_{dtype}_"
    conv = dict(padding=SAME, strideH=2, strideW=2)
    quantized_filter(p + "conv", "CONV_2D", rnd(2, 13, 12, 8), rnd(12, 3, 3, 8), rnd(12), 0, (-18, 18), "Conv2DOptions", dtype,
                     **conv, fusedActivationFunction=RELU6)
    quantized_filter(p + "conv_1x1", "CONV_2D", rnd(1, 8, 8, 16), rnd(16, 1, 1, 16), rnd(16), 0, (-12, 12), "Conv2DOptions",
                     dtype, padding=VALID, strideH=1, strideW=1)
    quantized_filter(p + "conv_one_scale", "CONV_2D", rnd(1, 8, 8, 8), rnd(16, 3, 3, 8), rnd(16), 0, (-20, 20),
                     "Conv2DOptions", dtype, per_channel=False, padding=VALID, strideH=1, strideW=1)
    quantized_filter(p + "depthwise", "DEPTHWISE_CONV_2D", rnd(1, 18, 17, 16), rnd(1, 3, 3, 16), rnd(16), 3, (-9, 9),
                     "DepthwiseConv2DOptions", dtype, **conv, depthMultiplier=1)
    quantized_filter(p + "depthwise_d2", "DEPTHWISE_CONV_2D", rnd(1, 14, 9, 8), rnd(1, 3, 3, 16), rnd(16), 3, (-9, 9),
                     "DepthwiseConv2DOptions", dtype, padding=VALID, strideH=1, strideW=1, depthMultiplier=2,
                     fusedActivationFunction=RELU)
    quantized_filter(p + "fully_connected", "FULLY_CONNECTED", rnd(24, 40), rnd(32, 40), rnd(32), 0, (-25, 25),
                     "FullyConnectedOptions", dtype, fusedActivationFunction=RELU, version=4)
    quantized_filter(p + "fully_connected_one_scale", "FULLY_CONNECTED", rnd(24, 40), rnd(32, 40), rnd(32), 0, (-25, 25),
                     "FullyConnectedOptions", dtype, per_channel=False, version=4)
    quantized_filter(p + "transpose_conv", "TRANSPOSE_CONV", rnd(1, 9, 8, 8), rnd(6, 3, 3, 8), rnd(6) if dtype == "int8" else None,
                     0, (-14, 14), "TransposeConvOptions", dtype, shape=(1, 18, 16, 6), padding=SAME, strideH=2, strideW=2)
    if dtype != "uint8":
        quantized(p + "batch_matmul", "BATCH_MATMUL", [rnd(2, 16, 24), rnd(2, 24, 20)], (-16, 16), "BatchMatMulOptions", dtype)
        quantized(p + "batch_matmul_adj", "BATCH_MATMUL", [rnd(2, 24, 16), rnd(2, 20, 24)], (-16, 16), "BatchMatMulOptions",
                  dtype, adjX=True, adjY=True)
    for padding, stride in ((SAME, 2), (VALID, 1)):
        quantized(p + f"average_pool_{'same' if padding == SAME else 'valid'}", "AVERAGE_POOL_2D", [IMAGE], None,
                  "Pool2DOptions", dtype, same=True, padding=padding, strideH=stride, strideW=stride,
                  filterHeight=3, filterWidth=2)
    quantized(p + "max_pool", "MAX_POOL_2D", [IMAGE], None, "Pool2DOptions", dtype, same=True, padding=VALID, strideH=2,
              strideW=2, filterHeight=3, filterWidth=3, fusedActivationFunction=RELU)

# Arithmetic. Equal scales whose sum is stored at twice the scale make every second result a tie.
for dtype in DTYPES:
    p = f"q_{dtype}_"
    for op, ranges in (("ADD", (-4, 4)), ("SUB", (-4, 4)), ("MUL", (-4, 4))):
        options = op.capitalize() + "Options"
        quantized(p + op.lower(), op, [X, Y], ranges, options, dtype)
        quantized(p + op.lower() + "_broadcast", op, [X, Y[:1, :1]], ranges, options, dtype, fusedActivationFunction=RELU)
    tie = dict(int8=3, uint8=130, int16=0)[dtype]
    unit = 1e-4 if dtype == "int16" else 1 / 64
    for op in ("ADD", "SUB"):
        quantized(p + op.lower() + "_ties", op, [X, Y], None, op.capitalize() + "Options", dtype,
                  in_by=[(unit, tie, 0)] * 2, out_by=(2 * unit, tie, 0))
    if dtype != "int16":
        quantized(p + "div", "DIV", [X, np.abs(Y) + 0.5], (-3, 3), "DivOptions", dtype) if dtype == "uint8" else None
    quantized(p + "maximum", "MAXIMUM", [X, X[:, ::-1].copy()], None, "MaximumMinimumOptions", dtype, same=True)
    quantized(p + "minimum", "MINIMUM", [X, X[:, ::-1].copy()], None, "MaximumMinimumOptions", dtype, same=True)
    if dtype != "int16":
        for op in ("EQUAL", "LESS", "GREATER_EQUAL"):
            options = "".join(word.capitalize() for word in op.split("_")) + "Options"
            quantized(p + op.lower(), op, [X, Y], None, options, dtype, out="bool")
quantized("q_int8_squared_difference", "SQUARED_DIFFERENCE", [X, Y], (0, 16), "SquaredDifferenceOptions")

# Functions of one element.
for dtype in DTYPES:
    p = f"q_{dtype}_"
    quantized(p + "logistic", "LOGISTIC", [ramp(dtype) * 3], None, None, dtype, out_by=UNIT[dtype])
    quantized(p + "tanh", "TANH", [ramp(dtype)], None, None, dtype, out_by=SIGNED[dtype])
    quantized(p + "softmax", "SOFTMAX", [X * 2], None, "SoftmaxOptions", dtype, out_by=UNIT[dtype], beta=1.0)
    quantized(p + "leaky_relu", "LEAKY_RELU", [ramp(dtype)], (-0.5, 2), "LeakyReluOptions", dtype, alpha=0.2)
    quantized(p + "relu", "RELU", [ramp(dtype)], (0, 1.7), None, dtype)
    quantized(p + "quantize", "QUANTIZE", [ramp(dtype)], (-1.9, 2.2), "QuantizeOptions", dtype)
    quantized(p + "dequantize", "DEQUANTIZE", [ramp(dtype)], None, "DequantizeOptions", dtype, out="float32",
              version=3 if dtype == "int16" else 2)
    if dtype != "int16":
        quantized(p + "relu6", "RELU6", [ramp(dtype) * 4], (0, 6.5), None, dtype)
        quantized(p + "hard_swish", "HARD_SWISH", [ramp(dtype) * 2], (-0.4, 4), None, dtype, version=1)
        quantized(p + "hard_swish_small", "HARD_SWISH", [ramp(dtype)], (-0.4, 2), None, dtype, version=1)
        quantized(p + "gelu", "GELU", [ramp(dtype)], (-0.2, 2), "GeluOptions", dtype)
        quantized(p + "prelu", "PRELU", [rnd(1, 9, 9, 8), rnd(1, 1, 8)], (-3, 3), None, dtype, constants=[1], version=1)
        quantized(p + "relu_0_to_1", "RELU_0_TO_1", [ramp(dtype)], (0, 1.2), None, dtype, version=1)
        quantized(p + "log_softmax", "LOG_SOFTMAX", [X], None, None, dtype, out_by=(16 / 256, 127 if dtype == "int8" else 255, 0))
        quantized(p + "l2_normalization", "L2_NORMALIZATION", [rnd(1, 8, 8, 16)], None, "L2NormOptions", dtype,
                  out_by=SIGNED[dtype])
for op, options, ranges in (("ELU", None, (-1, 2)), ("ABS", None, (0, 2)), ("EXP", None, (0, 8))):
    quantized("q_int8_" + op.lower(), op, [RAMP], ranges, options, version=1 if op == "ELU" else 2)
for op, ranges in (("LOG", (-3, 2)), ("RSQRT", (0, 8))):
    quantized("q_int8_" + op.lower(), op, [RAMP[:, 136:] + 2.0], ranges, None, in_by=[(4 / 255, -128, 0)])

# Reductions.
for dtype in DTYPES:
    p = f"q_{dtype}_"
    reducer = "ReducerOptions"
    quantized(p + "mean", "MEAN", [rnd(2, 7, 6, 64)], (-1, 1), reducer, dtype, extra=[i32(1, 2)])
    quantized(p + "mean_keep", "MEAN", [rnd(2, 7, 6, 64)], (-0.6, 0.6), reducer, dtype, extra=[i32(1, 2)], keepDims=True)
    quantized(p + "mean_last", "MEAN", [rnd(12, 30, 9)], (-1, 1), reducer, dtype, extra=[i32(-1)])
    quantized(p + "mean_same", "MEAN", [rnd(12, 30, 9)], None, reducer, dtype, same=True, extra=[i32(1)])
    if dtype != "uint8":
        quantized(p + "sum", "SUM", [rnd(24, 30, 9)], (-9, 9), reducer, dtype, extra=[i32(2)])
    for op in ("REDUCE_MAX", "REDUCE_MIN"):
        quantized(p + op.lower(), op, [X], None, reducer, dtype, same=True, extra=[i32(1)])
    if dtype != "int16":
        for op in ("ARG_MAX", "ARG_MIN"):
            quantized(p + op.lower(), op, [X], None, op.title().replace("_", "") + "Options", dtype, same=True,
                      extra=[i32(2)], out="int32", outputType=2)

# Elements that move.
for dtype in DTYPES:
    p = f"q_{dtype}_"
    quantized(p + "reshape", "RESHAPE", [X], None, "ReshapeOptions", dtype, same=True, version=1, newShape=[64, 16])
    quantized(p + "transpose", "TRANSPOSE", [X], None, "TransposeOptions", dtype, same=True, extra=[i32(2, 0, 1)])
    if dtype == "uint8":
        quantized(p + "concatenation", "CONCATENATION", [X, X * 0.9], None, "ConcatenationOptions", dtype, same=True, axis=1)
    else:
        by = fit(X, dtype)
        quantized(p + "concatenation", "CONCATENATION", [X, Y], None, "ConcatenationOptions", dtype, in_by=[by, by], same=True,
                  axis=1)
    quantized(p + "pad", "PAD", [X], None, "PadOptions", dtype, same=True, extra=[np.array([[1, 2], [0, 3], [0, 0]], np.int32)])
    quantized(p + "resize_nearest_neighbor", "RESIZE_NEAREST_NEIGHBOR", [rnd(1, 4, 5, 2)], None,
              "ResizeNearestNeighborOptions", dtype, same=True, extra=[i32(7, 9)])
    for name, size, fields in (("centers", (13, 17), dict(halfPixelCenters=True)), ("plain", (13, 17), {}),
                               ("corners", (8, 9), dict(alignCorners=True)), ("double", (16, 20), {})):
        quantized(p + "resize_bilinear_" + name, "RESIZE_BILINEAR", [rnd(1, 8, 10, 6)], None, "ResizeBilinearOptions", dtype,
                  same=True, extra=[i32(*size)], **fields)
    quantized(p + "split", "SPLIT", [X], None, "SplitOptions", dtype, same=True, extra=[np.array(1, np.int32)],
              extra_first=True, outputs=2, numSplits=2)
for op, options, x, extra, fields in (
        ("TILE", "TileOptions", rnd(4), [i32(3)], {}),
        ("STRIDED_SLICE", "StridedSliceOptions", rnd(4, 5), [i32(1, 0), i32(4, 5), i32(2, 1)], {}),
        ("SPACE_TO_DEPTH", "SpaceToDepthOptions", rnd(1, 4, 6, 2), [], dict(blockSize=2)),
        ("MIRROR_PAD", "MirrorPadOptions", rnd(3, 4), [np.array([[2, 1], [1, 3]], np.int32)], {}),
        ("PACK", "PackOptions", rnd(3, 4), [], dict(valuesCount=1, axis=0)),
        ("GATHER", "GatherOptions", rnd(7, 4), [i32(2, 5, 5, 0)], dict(axis=0)),
        ("BATCH_TO_SPACE_ND", "BatchToSpaceNDOptions", rnd(6, 3, 2, 2), [i32(2, 3), np.array([[1, 1], [0, 1]], np.int32)], {}),
        ("SPACE_TO_BATCH_ND", "SpaceToBatchNDOptions", rnd(1, 4, 5, 2), [i32(2, 3), np.array([[1, 1], [0, 1]], np.int32)], {})):
    quantized("q_int8_" + op.lower(), op, [x], (-6, 6), options, same=True, extra=extra, **fields)


@case("q_int8_quantize_dequantize")
def _(b):
    middle = b.tensor("int8", X.shape, fit(X, "int8"))
    other = b.tensor("uint8", X.shape, fit(X * 2, "uint8"))
    result = b.tensor("float32", X.shape)
    b.op("QUANTIZE", [b.input(X)], [middle], "QuantizeOptions")
    b.op("QUANTIZE", [middle], [other], "QuantizeOptions", 2)
    b.op("DEQUANTIZE", [other], [result], "DequantizeOptions", 2)
    b.graph.outputs += [middle, other, result]


@case("q_int16_requantize")
def _(b):
    middle = b.tensor("int16", X.shape, fit(X, "int16"))
    other = b.tensor("int8", X.shape, fit(X * 1.1, "int8"))
    b.op("QUANTIZE", [b.input(X)], [middle], "QuantizeOptions", 2)
    b.op("QUANTIZE", [middle], [other], "QuantizeOptions", 2)
    b.graph.outputs += [middle, other]


# Floats with weights in integers.
def hybrid(name, op, x, w, bias, options, per_channel, dim=0, **fields):
    def build(b):
        scale = (np.abs(w).max(axis=tuple(i for i in range(w.ndim) if i != dim)) / 127).astype(np.float32) if per_channel else \
            np.float32(np.abs(w).max() / 127)
        by = (scale, np.zeros(np.size(scale), np.int64), dim)
        ids = [b.input(x), b.constant(store(w, by, "int8"), by), b.constant(bias)]
        result = b.tensor("float32", [1])
        b.graph.outputs.append(result)
        b.op(op, ids, [result], options, 9 if op == "FULLY_CONNECTED" else 5, **fields)

    CASES[name] = build


for per_channel in (False, True):
    suffix = "_per_channel" if per_channel else ""
    for asymmetric in (False, True):
        hybrid("hybrid_fully_connected" + ("_asymmetric" if asymmetric else "") + suffix, "FULLY_CONNECTED", rnd(3, 40), rnd(12, 40), rnd(12),
               "FullyConnectedOptions", per_channel, asymmetricQuantizeInputs=asymmetric, fusedActivationFunction=RELU)
    hybrid("hybrid_conv" + suffix, "CONV_2D", rnd(2, 7, 6, 8, high=3.0), rnd(6, 3, 3, 8), rnd(6), "Conv2DOptions", per_channel, padding=SAME,
           strideH=2, strideW=1)
hybrid("hybrid_depthwise_per_channel", "DEPTHWISE_CONV_2D", rnd(2, 7, 6, 8, high=3.0), rnd(1, 3, 3, 8), rnd(8), "DepthwiseConv2DOptions", True, dim=3,
       padding=SAME, strideH=1, strideW=1, depthMultiplier=1)
