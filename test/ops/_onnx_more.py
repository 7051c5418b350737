"""Random instances of ONNX operators: recurrent layers, attention, sampling, signals, integer contractions, losses and the rest.

An operator of a newer set than the others' stands in SINCE.
"""
import numpy as np
from onnx import TensorProto

from _onnx_instances import Instance, Skip, i64, op
from _onnx_layers import window

SINCE = {"Attention": 24, "RMSNormalization": 23, "RotaryEmbedding": 23, "Swish": 24, "TensorScatter": 24, "CumProd": 26, "BitCast": 26}


# ---- shapes and constants ------------------------------------------------------------------------------------------

@op("Shape", "Size")
def shape_of(r, name):
    shape = r.shape(0, 4)
    slices = {} if name == "Size" else dict(start=r.choice([None, r.randint(-5, 5)]), end=r.choice([None, r.randint(-5, 5)]))
    return Instance([r.floats(shape, np.float32)], **slices)


@op("Identity", "Dropout")
def identity(r, name):
    return Instance([r.floats(r.shape(), np.float32)])


@op("ConstantOfShape")
def constant_of_shape(r, name):
    return Instance([i64(r.shape(0, 3))], constants=(0,))


@op("Range")
def range_(r, name):
    dtype = r.choice([np.float32, np.int32, np.int64])
    start, delta = r.randint(-9, 9), r.choice([-3, -1, 1, 2])
    return Instance([np.array(v, dtype) for v in (start, start + delta * r.randint(-1, 6) + r.randint(0, 1), delta)], constants=(0, 1, 2))


@op("CastLike")
def cast_like(r, name):
    dtype = r.choice([np.float32, np.float16, np.int32, np.int64, np.uint8, np.bool_, np.float64])
    return Instance([r.ints(r.shape(), r.choice([np.int32, np.int64]), 0, 100), np.zeros([1], dtype)])


@op("BitCast")
def bit_cast(r, name):
    source, to = r.choice([(np.float32, TensorProto.INT32), (np.int32, TensorProto.FLOAT), (np.int64, TensorProto.DOUBLE),
                           (np.int8, TensorProto.UINT8), (np.float64, TensorProto.INT64)])
    shape = r.shape(0, 3)
    return Instance([r.floats(shape, source) if np.dtype(source).kind == "f" else r.ints(shape, source, 0, 99)], to=to)


@op("CenterCropPad")
def center_crop_pad(r, name):
    shape = [r.randint(1, 7) for _ in range(r.randint(1, 3))]
    axes = r.sample(range(len(shape)), r.randint(1, len(shape))) if r.maybe() else None
    count = len(shape) if axes is None else len(axes)
    return Instance([r.floats(shape, np.float32), i64([r.randint(1, 8) for _ in range(count)])], constants=(1,), axes=axes)


@op("Col2Im")
def col2im(r, name):
    kernel, strides, dilations, pads, extents = window(r, 2)
    counts = [(e + pads[i] + pads[i + 2] - ((k - 1) * d + 1)) // s + 1 for i, (e, k, s, d) in enumerate(zip(extents, kernel, strides, dilations))]
    return Instance([r.floats([r.randint(1, 2), r.randint(1, 3) * kernel[0] * kernel[1], counts[0] * counts[1]], np.float32), i64(extents),
                     i64(kernel)], constants=(1, 2), strides=strides, dilations=dilations, pads=pads)


@op("Compress")
def compress(r, name):
    shape = [r.randint(1, 5) for _ in range(r.randint(1, 3))]
    axis = r.choice([None, r.axis(len(shape))])
    extent = int(np.prod(shape)) if axis is None else shape[axis]
    return Instance([r.floats(shape, np.float32), r.bools([r.randint(1, extent)])], constants=(1,), axis=axis)


@op("NonZero", "Unique")
def data_dependent(r, name):
    values = r.ints([r.randint(1, 4) for _ in range(r.randint(1, 3))], np.int64, 0, 2)
    if name == "NonZero":
        return Instance([values], constants=(0,))
    axis = r.choice([None, r.axis(values.ndim)])
    # Along an axis the reference orders the results whatever `sorted` says; ONNX Runtime does as told.
    order = r.choice([None, 0, 1]) if axis is None else r.choice([None, 1])
    return Instance([values], constants=(0,), outputs=r.randint(1, 4), axis=axis, sorted=order)


@op("Swish")
def swish(r, name):
    return Instance([r.floats(r.shape(), np.float32)], alpha=r.choice([None, 1.5]))


@op("CumProd")
def cumprod(r, name):
    shape = r.shape(1, 3)
    return Instance([r.floats(shape, np.float32, scale=1.2), np.array(r.axis(len(shape)), np.int32)], constants=(1,),
                    exclusive=r.choice([None, 0, 1]), reverse=r.choice([None, 0, 1]))


@op("Det")
def det(r, name):
    size = r.randint(1, 4)
    return Instance([r.floats(r.shape(0, 2, 3) + [size, size], np.float32)])


@op("TensorScatter")
def tensor_scatter(r, name):
    batch, length, rest = r.randint(1, 3), r.randint(3, 7), [r.randint(1, 3) for _ in range(r.randint(1, 2))]
    part, axis = r.randint(1, 3), 1
    past, update = [batch, length] + rest, [batch, part] + rest
    mode = r.choice([None, "linear", "circular"])
    last = length - 1 if mode == "circular" else length - part
    return Instance([r.floats(past, np.float32), r.floats(update, np.float32), r.ints([batch], np.int64, 0, last) if r.maybe(0.8) else None],
                    axis=axis, mode=mode)


# ---- norms, pools and sampling -------------------------------------------------------------------------------------

@op("RMSNormalization")
def rms_norm(r, name):
    shape = [r.randint(2, 6) for _ in range(r.randint(1, 4))]
    axis = r.axis(len(shape))
    return Instance([r.floats(shape, np.float32), r.floats(shape[axis % len(shape):], np.float32)], axis=axis, epsilon=r.choice([None, 1e-3]))


@op("MeanVarianceNormalization")
def mean_variance(r, name):
    shape = [r.randint(2, 4) for _ in range(4)]
    axes = r.choice([None, sorted(r.sample(range(4), r.randint(1, 3)))])
    values = r.floats(shape, np.float32)
    if values.std(axis=tuple(axes or (0, 2, 3))).min() < 0.2:
        raise Skip  # the difference of two nearly equal numbers
    return Instance([values], axes=axes)


@op("LpPool")
def lp_pool(r, name):
    kernel, strides, dilations, pads, extents = window(r, r.choice([1, 2]))
    pads = [min(p, k - 1) for p, k in zip(pads, kernel * 2)]
    return Instance([r.floats([1, r.randint(1, 3)] + extents, np.float32)], kernel_shape=kernel, strides=strides, pads=pads,
                    dilations=r.choice([None, dilations]), p=r.choice([None, 1, 2, 3]))


@op("GlobalLpPool")
def global_lp_pool(r, name):
    return Instance([r.floats([r.randint(1, 2), r.randint(1, 4), r.randint(1, 5), r.randint(1, 5)], np.float32)], p=r.choice([None, 1, 2, 3]))


@op("MaxUnpool")
def max_unpool(r, name):
    n, c, h, w = 1, r.randint(1, 2), r.randint(1, 3), r.randint(1, 3)
    places = np.stack([np.array(r.sample(range(4 * h * w), h * w)).reshape(h, w) + 4 * h * w * k for k in range(n * c)])
    return Instance([r.floats([n, c, h, w], np.float32), i64(places).reshape(n, c, h, w)], kernel_shape=[2, 2], strides=[2, 2])


@op("GridSample")
def grid_sample(r, name):
    n, c, h, w = r.randint(1, 2), r.randint(1, 3), r.randint(2, 5), r.randint(2, 5)
    return Instance([r.floats([n, c, h, w], np.float32), r.floats([n, r.randint(1, 4), r.randint(1, 4), 2], np.float32, scale=0.7)],
                    mode=r.choice([None, "linear", "nearest", "cubic"]), padding_mode=r.choice([None, "zeros", "border", "reflection"]),
                    align_corners=r.choice([None, 0, 1]))


@op("AffineGrid")
def affine_grid(r, name):
    spatial = r.choice([2, 2, 3])
    n = r.randint(1, 2)
    size = [n, r.randint(1, 2)] + [r.randint(2, 4) for _ in range(spatial)]
    return Instance([r.floats([n, spatial, spatial + 1], np.float32), i64(size)], constants=(1,), align_corners=r.choice([None, 0, 1]))


@op("RoiAlign")
def roi_align(r, name):
    n, c, h, w = r.randint(1, 2), r.randint(1, 3), r.randint(4, 8), r.randint(4, 8)
    count = r.randint(1, 3)
    corners = np.array([[r.random() * 3, r.random() * 3] for _ in range(count)], np.float32)
    boxes = np.concatenate([corners, corners + np.array([[1 + r.random() * 4, 1 + r.random() * 4] for _ in range(count)], np.float32)], 1)
    return Instance([r.floats([n, c, h, w], np.float32), boxes, r.ints([count], np.int64, 0, n - 1)], mode=r.choice([None, "avg", "max"]),
                    output_height=r.choice([None, 2, 3]), output_width=r.choice([None, 2]), sampling_ratio=r.choice([1, 2]),
                    spatial_scale=r.choice([None, 0.5]), coordinate_transformation_mode=r.choice([None, "half_pixel", "output_half_pixel"]))


@op("DeformConv")
def deform_conv(r, name):
    kernel, groups, ci, co = [r.randint(1, 3), r.randint(1, 3)], r.choice([1, 1, 2]), r.randint(1, 2), r.randint(1, 2)
    strides, dilations, pads = [r.randint(1, 2) for _ in range(2)], [r.randint(1, 2) for _ in range(2)], [r.randint(0, 1) for _ in range(4)]
    extents = [r.randint((k - 1) * d + 1, 7) for k, d in zip(kernel, dilations)]
    counts = [(e + pads[i] + pads[i + 2] - (k - 1) * d - 1) // s + 1 for i, (e, k, d, s) in enumerate(zip(extents, kernel, dilations, strides))]
    n, points = r.randint(1, 2), kernel[0] * kernel[1]
    return Instance([r.floats([n, groups * ci] + extents, np.float32), r.floats([groups * co, ci] + kernel, np.float32),
                     r.floats([n, 2 * points] + counts, np.float32, scale=1.0), r.floats([groups * co], np.float32) if r.maybe() else None,
                     r.floats([n, points] + counts, np.float32) if r.maybe() else None], strides=strides, dilations=dilations, pads=pads,
                    group=groups, kernel_shape=kernel)


@op("NonMaxSuppression")
def nms(r, name):
    batch, classes, count = r.randint(1, 2), r.randint(1, 2), r.randint(1, 6)
    corners = np.array([[r.random() * 4, r.random() * 4] for _ in range(batch * count)], np.float32)
    boxes = np.concatenate([corners, corners + np.array([[1 + r.random(), 1 + r.random()] for _ in range(batch * count)], np.float32)], 1)
    scores = np.array(r.sample(range(1, 1000), batch * classes * count), np.float32).reshape(batch, classes, count) / 1000
    most = r.randint(1, 4)
    return Instance([boxes.reshape(batch, count, 4), scores, i64([most]), np.array([0.4], np.float32), np.array([0.3], np.float32)],
                    constants=(0, 1, 2, 3, 4), center_point_box=r.choice([None, 0]))


# ---- recurrent layers and attention --------------------------------------------------------------------------------

@op("LSTM", "GRU", "RNN")
def recurrent(r, name):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name]
    direction = r.choice([None, "forward", "reverse", "bidirectional"])
    d = 2 if direction == "bidirectional" else 1
    t, n, i, h = r.randint(1, 5), r.randint(1, 3), r.randint(1, 4), r.randint(1, 4)
    inputs = [r.floats([t, n, i], np.float32, scale=1.0), r.floats([d, gates * h, i], np.float32, scale=0.5),
              r.floats([d, gates * h, h], np.float32, scale=0.5), r.floats([d, 2 * gates * h], np.float32) if r.maybe(0.7) else None, None,
              r.floats([d, n, h], np.float32) if r.maybe() else None]
    if name == "LSTM":
        inputs += [r.floats([d, n, h], np.float32) if r.maybe() else None, r.floats([d, 3 * h], np.float32, scale=0.5) if r.maybe(0.3) else None]
    return Instance(inputs, constants=(1, 2, 3), outputs=3 if name == "LSTM" else 2, hidden_size=h, direction=direction,
                    linear_before_reset=r.choice([None, 0, 1]) if name == "GRU" else None)


@op("Attention")
def attention(r, name):
    batch, heads, size, rows, columns = r.randint(1, 2), r.randint(1, 2), r.randint(1, 4), r.randint(1, 5), r.randint(1, 6)
    queries = heads * r.choice([1, 1, 2])
    mask = r.choice([None, r.floats([rows, columns], np.float32), r.bools([rows, columns]) | np.eye(rows, columns, dtype=bool)])
    if mask is not None and mask.dtype == bool and rows > columns:
        raise Skip  # a row of which nothing is kept is not defined
    causal = r.choice([None, 0, 1])
    return Instance([r.floats([batch, queries, rows, size], np.float32), r.floats([batch, heads, columns, size], np.float32),
                     r.floats([batch, heads, columns, r.choice([size, size + 1])], np.float32), mask], is_causal=causal,
                    scale=r.choice([None, 0.3]), softcap=r.choice([None, 2.0]))


@op("RotaryEmbedding")
def rotary(r, name):
    batch, heads, rows, half = r.randint(1, 2), r.randint(1, 3), r.randint(1, 4), r.randint(1, 3)
    partial = r.maybe(0.3)
    size, most = 2 * half + (2 if partial else 0), rows + 3
    four = r.maybe(0.6)
    shape = [batch, heads, rows, size] if four else [batch, rows, heads * size]
    given = r.maybe()
    cache = [most, half] if given else [batch, rows, half]
    positions = r.ints([batch, rows], np.int64, 0, most - 1) if given else None
    return Instance([r.floats(shape, np.float32), r.floats(cache, np.float32), r.floats(cache, np.float32), positions],
                    interleaved=r.choice([None, 0, 1]), num_heads=None if four and r.maybe() else heads,
                    rotary_embedding_dim=2 * half if partial else None)


# ---- integers ------------------------------------------------------------------------------------------------------

@op("MatMulInteger")
def matmul_integer(r, name):
    m, k, n = (r.randint(1, 6) for _ in range(3))
    a, b = r.choice([np.uint8, np.int8]), r.choice([np.uint8, np.int8])
    batch = r.shape(0, 1, 3)
    return Instance([r.ints(batch + [m, k], a, -100, 100), r.ints([k, n], b, -100, 100), r.ints([], a, -9, 9) if r.maybe() else None,
                     r.ints([], b, -9, 9) if r.maybe() else None], constants=(1, 2, 3))


@op("ConvInteger")
def conv_integer(r, name):
    kernel, strides, dilations, pads, extents = window(r, 2)
    groups, ci, co = r.choice([1, 1, 2]), r.randint(1, 3), r.randint(1, 3)
    return Instance([r.ints([1, groups * ci] + extents, np.uint8, 0, 200), r.ints([groups * co, ci] + kernel, np.uint8, 0, 200),
                     r.ints([], np.uint8, 0, 9) if r.maybe() else None, r.ints([], np.uint8, 0, 9) if r.maybe() else None],
                    constants=(1, 2, 3), strides=strides, dilations=dilations, pads=pads, group=groups)


def scale(r, shape=()):
    return (np.abs(r.floats(list(shape), np.float32, scale=0.1)) + np.float32(0.02)).astype(np.float32)


@op("QLinearMatMul")
def qlinear_matmul(r, name):
    m, k, n = (r.randint(1, 6) for _ in range(3))
    dtype = r.choice([np.uint8, np.int8])
    zero = lambda: r.ints([], dtype, 0, 9)  # noqa: E731
    return Instance([r.ints([m, k], dtype, -100, 100), scale(r), zero(), r.ints([k, n], dtype, -100, 100), scale(r), zero(), scale(r) * 20, zero()],
                    constants=(1, 2, 3, 4, 5, 6, 7))


@op("QLinearConv")
def qlinear_conv(r, name):
    kernel, strides, dilations, pads, extents = window(r, 2)
    ci, co = r.randint(1, 3), r.randint(1, 3)
    zero = lambda: r.ints([], np.uint8, 0, 9)  # noqa: E731
    return Instance([r.ints([1, ci] + extents, np.uint8, 0, 200), scale(r), zero(), r.ints([co, ci] + kernel, np.uint8, 0, 200), scale(r), zero(),
                     scale(r) * 20, zero(), r.ints([co], np.int32, -99, 99) if r.maybe() else None], constants=(1, 2, 3, 4, 5, 6, 7, 8),
                    strides=strides, dilations=dilations, pads=pads)


@op("DynamicQuantizeLinear")
def dynamic_quantize(r, name):
    return Instance([r.floats([r.randint(1, 6) for _ in range(r.randint(1, 3))], np.float32)], outputs=3)


# ---- signals and losses --------------------------------------------------------------------------------------------

@op("HannWindow", "HammingWindow", "BlackmanWindow")
def window_function(r, name):
    return Instance([np.array(r.randint(2, 20), np.int64)], constants=(0,), periodic=r.choice([None, 0, 1]))


@op("DFT")
def dft(r, name):
    inverse = r.choice([None, 0, 1])
    shape = [r.randint(1, 2), r.randint(2, 9), r.randint(1, 3), 2 if inverse else r.choice([1, 2])]
    axis = r.choice([None, 1, 2, -2, -3])
    one_sided = None if inverse or shape[-1] == 2 else r.choice([None, 0, 1])
    length = r.choice([None, i64(r.randint(2, 11))])
    return Instance([r.floats(shape, np.float32), length, None if axis is None else i64(axis)], constants=(1, 2), inverse=inverse, onesided=one_sided)


@op("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(r, name):
    n, c, rest = r.randint(1, 4), r.randint(1, 5), [r.randint(1, 3) for _ in range(r.randint(0, 2))]
    ignore = r.choice([None, r.randint(0, c - 1)])
    labels = r.ints([n] + rest, np.int64, 0, c - 1)
    if ignore is not None and (labels == ignore).all():
        raise Skip
    return Instance([r.floats([n, c] + rest, np.float32), labels, np.abs(r.floats([c], np.float32)) + np.float32(0.1) if r.maybe() else None],
                    reduction=r.choice([None, "mean", "sum", "none"]), ignore_index=ignore)
