"""Random instances of ONNX operators: reductions, norms, contractions, windows and quantisation.

And what ONNX's reference implementation computes wrong, as its specification says it.
"""
import collections

import numpy as np
from _onnx_instances import Instance, Skip, i64, op


# ---- reductions and norms ------------------------------------------------------------------------------------------

@op("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
    "ReduceLogSumExp")
def reduce(r, name):
    shape = [r.randint(1, 5) for _ in range(r.randint(0, 4))]
    axes = r.sample(range(len(shape)), r.randint(0, len(shape)))
    axes = [a if r.maybe() else a - len(shape) for a in axes]
    values = r.floats(shape, np.float32, scale=1.0)
    if name == "ReduceLogSum":
        values = np.abs(values) + np.float32(0.1)
    return Instance([values, i64(axes) if axes or r.maybe(0.3) else None], constants=(1,), keepdims=r.choice([None, 0, 1]),
                    noop_with_empty_axes=r.choice([None, None, 0, 1]))


@op("ArgMax", "ArgMin")
def arg(r, name):
    shape = [r.randint(1, 5) for _ in range(r.randint(1, 4))]
    return Instance([r.ints(shape, np.int32).astype(np.float32)], axis=r.axis(len(shape)), keepdims=r.choice([None, 0, 1]),
                    select_last_index=r.choice([None, 0, 1]))


@op("Softmax", "LogSoftmax", "Hardmax")
def softmax(r, name):
    shape = [r.randint(1, 6) for _ in range(r.randint(1, 4))]
    return Instance([r.floats(shape, np.float32)], axis=r.choice([None, r.axis(len(shape))]))


@op("LayerNormalization")
def layer_norm(r, name):
    shape = [r.randint(2, 6) for _ in range(r.randint(1, 4))]
    axis = r.axis(len(shape))
    inner = shape[axis % len(shape):]
    return Instance([r.floats(shape, np.float32), r.floats(inner, np.float32), r.floats(inner, np.float32) if r.maybe() else None],
                    axis=axis, epsilon=r.choice([None, 1e-3]))


@op("InstanceNormalization")
def instance_norm(r, name):
    shape = [r.randint(1, 3), r.randint(1, 4)] + [r.randint(2, 5) for _ in range(r.randint(1, 3))]
    return Instance([r.floats(shape, np.float32), *(r.floats([shape[1]], np.float32) for _ in range(2))],
                    epsilon=r.choice([None, 1e-2]))


@op("GroupNormalization")
def group_norm(r, name):
    groups, per = r.randint(1, 3), r.randint(1, 3)
    shape = [r.randint(1, 2), groups * per] + [r.randint(2, 4) for _ in range(r.randint(1, 2))]
    return Instance([r.floats(shape, np.float32), *(r.floats([shape[1]], np.float32) for _ in range(2))], num_groups=groups)


@op("BatchNormalization")
def batch_norm(r, name):
    shape = [r.randint(1, 3), r.randint(1, 4)] + [r.randint(1, 4) for _ in range(r.randint(0, 3))]
    c = [shape[1]]
    return Instance([r.floats(shape, np.float32), r.floats(c, np.float32), r.floats(c, np.float32), r.floats(c, np.float32),
                     np.abs(r.floats(c, np.float32)) + np.float32(0.1)], epsilon=r.choice([None, 1e-3]))


@op("LpNormalization")
def lp_norm(r, name):
    shape = [r.randint(1, 5) for _ in range(r.randint(1, 3))]
    return Instance([r.floats(shape, np.float32)], axis=r.choice([None, r.axis(len(shape))]), p=r.choice([None, 1, 2]))


@op("LRN")
def lrn(r, name):
    shape = [r.randint(1, 2), r.randint(1, 7), r.randint(1, 4), r.randint(1, 4)]
    return Instance([r.floats(shape, np.float32)], size=r.choice([1, 3, 5]), alpha=r.choice([None, 0.01]),
                    beta=r.choice([None, 0.5]), bias=r.choice([None, 2.0]))


# ---- contractions and windows --------------------------------------------------------------------------------------

@op("MatMul")
def matmul(r, name):
    m, k, n = (r.randint(1, 9) for _ in range(3))
    batch = r.shape(0, 2, 3)
    a, b = batch + [m, k], r.broadcast(batch) + [k, n]
    if r.maybe(0.1):
        a = [k]
    if r.maybe(0.1):
        b = [k]
    dtype = r.choice([np.float32, np.float64])
    return Instance([r.floats(a, dtype), r.floats(b, dtype)], constants=(1,) if r.maybe() else ())


@op("Gemm")
def gemm(r, name):
    m, k, n = (r.randint(1, 9) for _ in range(3))
    ta, tb = r.choice([None, 0, 1]), r.choice([None, 0, 1])
    c = r.choice([None, [], [n], [1, n], [m, 1], [m, n]])
    return Instance([r.floats([k, m] if ta else [m, k], np.float32), r.floats([n, k] if tb else [k, n], np.float32),
                     r.floats(c, np.float32) if c is not None else None], constants=(1,) if r.maybe() else (), transA=ta, transB=tb,
                    alpha=r.choice([None, 0.5]), beta=r.choice([None, 2.0, 0.0]))


@op("Einsum")
def einsum(r, name):
    equation, ranks = r.choice([("ij,jk->ik", 2), ("bij,bjk->bik", 2), ("ij->ji", 1), ("ii->i", 1), ("ij->", 1), ("bhid,bhjd->bhij", 2),
                                ("...ij,...jk->...ik", 2), ("i,j->ij", 2), ("ij,ij->i", 2)])
    extents = collections.defaultdict(lambda: r.randint(1, 4))
    terms = equation.split("->")[0].split(",")
    shapes = [[extents[c] for c in term.replace("...", "xy")] for term in terms]
    return Instance([r.floats(shape, np.float32) for shape in shapes], equation=equation)


def window(r, spatial, transposed=False):
    """kernel, strides, dilations, pads and extents that fit."""
    kernel = [r.randint(1, 3) for _ in range(spatial)]
    strides = [r.randint(1, 3) for _ in range(spatial)]
    dilations = [r.randint(1, 2) for _ in range(spatial)]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    pads = [r.randint(0, span - 1) if span > 1 else 0 for span in spans * 2]
    extents = [r.randint(1 if transposed else span, 9) for span in spans]
    return kernel, strides, dilations, pads, extents


@op("Conv")
def conv(r, name):
    spatial = r.choice([1, 2, 2, 2, 3])
    kernel, strides, dilations, pads, extents = window(r, spatial)
    groups, ci, co = r.choice([1, 1, 2, 3]), r.randint(1, 5), r.randint(1, 5)
    auto = r.choice([None, None, None, "SAME_UPPER", "SAME_LOWER", "VALID"])
    return Instance([r.floats([r.randint(1, 2), groups * ci] + extents, np.float32), r.floats([groups * co, ci] + kernel, np.float32),
                     r.floats([groups * co], np.float32) if r.maybe() else None], constants=(1,) if r.maybe(0.7) else (),
                    strides=strides, dilations=None if auto else dilations, pads=None if auto else pads, group=groups, auto_pad=auto,
                    kernel_shape=r.choice([None, kernel]))


@op("ConvTranspose")
def conv_transpose(r, name):
    spatial = r.choice([1, 2, 2])
    kernel, strides, dilations, pads, extents = window(r, spatial, transposed=True)
    groups, ci, co = r.choice([1, 1, 2]), r.randint(1, 4), r.randint(1, 4)
    extra = [r.randint(0, s - 1) for s in strides] if r.maybe(0.4) else None
    return Instance([r.floats([r.randint(1, 2), groups * ci] + extents, np.float32), r.floats([groups * ci, co] + kernel, np.float32),
                     r.floats([groups * co], np.float32) if r.maybe() else None], constants=(1,) if r.maybe(0.7) else (),
                    strides=strides, dilations=dilations, pads=pads, group=groups, output_padding=extra)


@op("MaxPool", "AveragePool")
def pool(r, name):
    spatial = r.choice([1, 2, 2, 3])
    kernel, strides, dilations, pads, extents = window(r, spatial)
    pads = [min(p, k - 1) for p, k in zip(pads, kernel * 2)]
    return Instance([r.floats([r.randint(1, 2), r.randint(1, 3)] + extents, np.float32)], kernel_shape=kernel, strides=strides,
                    pads=pads, dilations=r.choice([None, dilations]), ceil_mode=r.choice([None, 0, 1]),
                    count_include_pad=r.choice([None, 0, 1]) if name == "AveragePool" else None)


@op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(r, name):
    return Instance([r.floats([r.randint(1, 2), r.randint(1, 4)] + [r.randint(1, 5) for _ in range(r.randint(1, 3))], np.float32)])


@op("Resize")
def resize(r, name):
    shape = [1, r.randint(1, 2), r.randint(2, 6), r.randint(2, 6)]
    mode = r.choice(["nearest", "linear", "cubic"])
    sizes = shape[:2] + [r.randint(1, 9), r.randint(1, 9)]
    coordinates = r.choice([None, "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    if coordinates == "pytorch_half_pixel" and 1 in sizes[2:]:
        raise Skip  # the reference does not put the only coordinate at 0, as the specification says
    return Instance([r.floats(shape, np.float32), None, None, i64(sizes)], constants=(3,), mode=mode,
                    coordinate_transformation_mode=coordinates,
                    nearest_mode=r.choice([None, "floor", "ceil", "round_prefer_ceil"]) if mode == "nearest" else None,
                    cubic_coeff_a=r.choice([None, -0.5]) if mode == "cubic" else None)


# ---- quantisation --------------------------------------------------------------------------------------------------

@op("QuantizeLinear")
def quantize(r, name):
    shape = [r.randint(1, 5) for _ in range(r.randint(1, 4))]
    axis = r.axis(len(shape))
    along = [shape[axis]] if r.maybe() else []
    dtype = r.choice([np.uint8, np.int8])
    return Instance([r.floats(shape, np.float32), np.abs(r.floats(along, np.float32)) + np.float32(0.05),
                     r.ints(along, dtype) if r.maybe(0.7) else None], axis=axis if along else None)


@op("DequantizeLinear")
def dequantize(r, name):
    shape = [r.randint(1, 5) for _ in range(r.randint(1, 4))]
    axis = r.axis(len(shape))
    along = [shape[axis]] if r.maybe() else []
    dtype = r.choice([np.uint8, np.int8])
    return Instance([r.ints(shape, dtype), np.abs(r.floats(along, np.float32)) + np.float32(0.05),
                     r.ints(along, dtype) if r.maybe(0.7) else None], axis=axis if along else None)


# ---- what the reference implementation does wrong ------------------------------------------------------------------

def own_lrn(inputs, size, alpha=1e-4, beta=0.75, bias=1.0):
    x = inputs[0].astype(np.float64)
    sums = [np.square(x[:, max(0, c - (size - 1) // 2):c + size // 2 + 1]).sum(axis=1) for c in range(x.shape[1])]
    return (x / (bias + alpha / size * np.stack(sums, axis=1))**beta).astype(inputs[0].dtype)


def own_lp_norm(inputs, axis=-1, p=2):
    x = inputs[0].astype(np.float64)
    return (x / (np.abs(x)**p).sum(axis=axis, keepdims=True)**(1 / p)).astype(inputs[0].dtype)


def own_global_max_pool(inputs):
    return inputs[0].max(axis=tuple(range(2, inputs[0].ndim)), keepdims=True)


def own_slice(inputs):
    """As the specification clamps: starts of negative steps into [0, extent - 1], ends into [-1, extent - 1]."""
    x = inputs[0]
    starts, ends, axes = (a.tolist() for a in inputs[1:4])
    steps = inputs[4].tolist() if len(inputs) > 4 else [1] * len(axes)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        extent = x.shape[axis]
        start, end = (v + extent if v < 0 else v for v in (start, end))
        low, high = (0, extent) if step > 0 else (0, extent - 1)
        start = min(max(start, low), high)
        end = min(max(end, low if step > 0 else -1), high)
        x = np.take(x, range(start, end, step) if extent else [], axis=axis)
    return x


def own_global_lp_pool(inputs, p=2):
    x = np.abs(inputs[0].astype(np.float64))
    return ((x**p).sum(axis=tuple(range(2, x.ndim)), keepdims=True)**(1 / p)).astype(inputs[0].dtype)


def own_mean_variance(inputs, axes=(0, 2, 3)):
    """In f64: the reference takes the difference of two large squares in f32."""
    x, axes = inputs[0].astype(np.float64), tuple(axes)
    mean = x.mean(axes, keepdims=True)
    return ((x - mean) / (np.sqrt(np.square(x - mean).mean(axes, keepdims=True)) + 1e-9)).astype(inputs[0].dtype)


def own_grid_sample(inputs, mode="linear", padding_mode="zeros", align_corners=0):
    """Cubic points at a border, as torch and ONNX Runtime sample them: each neighbour is moved to the border by itself."""
    if mode != "cubic" or padding_mode != "border":
        return None
    x, grid = (a.astype(np.float64) for a in inputs)
    extents = np.array(x.shape[:1:-1])
    places = (grid + 1) / 2 * (extents - 1) if align_corners else ((grid + 1) * extents - 1) / 2
    base, a = np.floor(places), -0.75
    result = np.zeros((*x.shape[:2], *grid.shape[1:3]))
    for dy in range(-1, 3):
        for dx in range(-1, 3):
            index, weight = base + (dx, dy), 1.0
            for k in range(2):
                d = np.abs(places - index)[..., k]
                weight = weight * np.where(d <= 1, ((a + 2) * d - (a + 3)) * d**2 + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a)
            index = np.clip(index, 0, extents - 1).astype(int)
            for n in range(x.shape[0]):
                result[n] += weight[n] * x[n][:, index[n, ..., 1], index[n, ..., 0]]
    return result.astype(inputs[0].dtype)


def own_max_pool(inputs, kernel_shape, strides, pads, dilations=None, ceil_mode=0):
    """The reference gives a wrong extent when it rounds up with pads at the end."""
    x, count = inputs[0], len(kernel_shape)
    dilations, extents = dilations or [1] * count, []
    for d, extent in enumerate(x.shape[2:]):
        free = extent + pads[d] + pads[d + count] - (kernel_shape[d] - 1) * dilations[d] - 1
        steps = (-(-free // strides[d]) if ceil_mode else free // strides[d]) + 1
        extents.append(steps - 1 if ceil_mode and (steps - 1) * strides[d] >= extent + pads[d] else steps)
    result = np.full((*x.shape[:2], *extents), -np.inf, x.dtype)
    for place in np.ndindex(*extents):
        at = [[i for i in range(p * s - b, p * s - b + k * e, e) if 0 <= i < n]
              for p, s, b, k, e, n in zip(place, strides, pads, kernel_shape, dilations, x.shape[2:])]
        if all(at):
            result[(slice(None), slice(None), *place)] = x[np.ix_(range(x.shape[0]), range(x.shape[1]), *at)].max(tuple(range(2, x.ndim)))
    return result


OWN = {"GridSample": own_grid_sample, "MaxPool": own_max_pool, "MeanVarianceNormalization": own_mean_variance, "GlobalLpPool": own_global_lp_pool, "LRN": own_lrn, "LpNormalization": own_lp_norm, "GlobalMaxPool": own_global_max_pool, "Slice": own_slice}
