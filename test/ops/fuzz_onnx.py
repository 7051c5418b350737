#!/usr/bin/env python3
"""Random instances of ONNX operators, against ONNX's reference implementation: nothing may be silently wrong.

Each instance is a model of one node with random attributes, element types, ranks, extents (also empty ones), axes (also
negative ones) and values (also infinities and NaN). Ingot must compute what the reference does, or refuse the model with
an error; a crash or another result is a failure. Arguments are filters: names of operators. FUZZ_COUNT and FUZZ_SEED choose
how many and which instances; a failing instance stays in build/fuzz-onnx/ with its arrays.
"""
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import warnings

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from onnx.reference import ReferenceEvaluator

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("INGOT_BUILD", HERE.parents[1] / "build"))
OPSET = 22
FLOATS = [np.float32, np.float32, np.float32, np.float64, np.float16]
INTS = [np.int32, np.int64, np.int8, np.uint8]
# Results in f32 are rounded once here and after every step there; f16 has 11 bits.
RTOL = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-5}
GENERATORS = {}


class Skip(Exception):
    """These choices make no instance."""


class Instance:
    """One node: inputs in order (None is absent); those named in `constants` are initializers."""

    def __init__(self, inputs, constants=(), outputs=1, **attributes):
        self.inputs, self.constants, self.outputs = inputs, set(constants), outputs
        self.attributes = {key: value for key, value in attributes.items() if value is not None}


def op(*names):
    def add(function):
        for name in names:
            GENERATORS[name] = function
        return function

    return add


class Rng(random.Random):
    def maybe(self, chance=0.5):
        return self.random() < chance

    def shape(self, low=0, high=4, extent=6):
        rank = self.randint(low, high)
        return [0 if self.maybe(0.02) else self.randint(1, extent) for _ in range(rank)]

    def floats(self, shape, dtype=None, special=False, scale=3.0):
        dtype = dtype or self.choice(FLOATS)
        array = np.array([self.gauss(0, scale) for _ in range(int(np.prod(shape)))]).reshape(shape).astype(dtype)
        if special and array.size and self.maybe(0.3):
            flat = array.reshape(-1)
            for value in (np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0):
                flat[self.randrange(flat.size)] = value
        return array

    def ints(self, shape, dtype=None, low=-9, high=9):
        dtype = np.dtype(dtype or self.choice(INTS))
        low = max(low, 0) if dtype.kind == "u" else low
        return np.array([self.randint(low, high) for _ in range(int(np.prod(shape)))], dtype=dtype).reshape(shape)

    def bools(self, shape):
        return np.array([self.maybe() for _ in range(int(np.prod(shape)))], dtype=bool).reshape(shape)

    def axis(self, rank):
        if not rank:
            raise Skip
        return self.randint(-rank, rank - 1)

    def broadcast(self, shape):
        """A shape that broadcasts with `shape`."""
        other = [1 if self.maybe(0.3) else extent for extent in shape]
        return other[self.randint(0, len(other)):] if self.maybe(0.3) else other


def i64(values):
    return np.array(values, dtype=np.int64)


# ---- elementwise ---------------------------------------------------------------------------------------------------

@op("Abs", "Neg", "Sign")
def signed(r, name):
    shape = r.shape()
    return Instance([r.floats(shape, special=True) if r.maybe() else r.ints(shape, r.choice([np.int32, np.int64]))])


@op("Ceil", "Floor", "Round", "Sqrt", "Reciprocal", "Exp", "Log", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh",
    "Tanh", "Asinh", "Acosh", "Atanh", "Erf", "Sigmoid", "Softplus", "Softsign", "Relu", "HardSwish", "Mish", "IsNaN")
def unary(r, name):
    return Instance([r.floats(r.shape(), r.choice([np.float32, np.float64]), special=name not in ("Tan", "Mish"))])


@op("IsInf")
def is_inf(r, name):
    return Instance([r.floats(r.shape(), np.float32, special=True)], detect_positive=r.choice([None, 0, 1]),
                    detect_negative=r.choice([None, 0, 1]))


@op("LeakyRelu", "Elu", "ThresholdedRelu", "Celu")
def with_alpha(r, name):
    return Instance([r.floats(r.shape(), np.float32)], alpha=r.choice([None, 0.3, 1.7, 0.01]))


@op("HardSigmoid")
def hard_sigmoid(r, name):
    return Instance([r.floats(r.shape(), np.float32)], alpha=r.choice([None, 0.5]), beta=r.choice([None, 0.1]))


@op("Selu")
def selu(r, name):
    return Instance([r.floats(r.shape(), np.float32)], alpha=r.choice([None, 1.5]), gamma=r.choice([None, 1.1]))


@op("Gelu")
def gelu(r, name):
    return Instance([r.floats(r.shape(), np.float32)], approximate=r.choice([None, "none", "tanh"]))


@op("Shrink")
def shrink(r, name):
    return Instance([r.floats(r.shape(), np.float32)], lambd=r.choice([None, 0.3, 2.0]), bias=r.choice([None, 0.2]))


@op("Clip")
def clip(r, name):
    dtype = r.choice([np.float32, np.int32])
    make = r.floats if dtype is np.float32 else r.ints
    bounds = [np.array(value, dtype) if r.maybe(0.7) else None for value in (-2, 3)]
    return Instance([make(r.shape(), dtype), *bounds], constants=(1, 2) if r.maybe() else ())


@op("Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum")
def arithmetic(r, name):
    shape = r.shape()
    if r.maybe(0.7) or name in ("Mean", "Sum"):
        dtype = r.choice([np.float32, np.float64])
        return Instance([r.floats(shape, dtype, special=True), r.floats(r.broadcast(shape), dtype)])
    dtype = r.choice([np.int32, np.int64])
    other = r.ints(r.broadcast(shape), dtype)
    return Instance([r.ints(shape, dtype), np.where(other == 0, 3, other).astype(dtype) if name == "Div" else other])


@op("Pow")
def power(r, name):
    shape = r.shape()
    base = np.abs(r.floats(shape, np.float32)) + np.float32(0.1)
    exponent = r.floats(r.broadcast(shape), np.float32, scale=1.5) if r.maybe() else r.ints(r.broadcast(shape), np.int64, 0, 3)
    return Instance([base, exponent])


@op("Mod")
def mod(r, name):
    shape = r.shape()
    if r.maybe():
        return Instance([r.floats(shape, np.float32), r.floats(r.broadcast(shape), np.float32) + 7], fmod=1)
    dtype = r.choice([np.int32, np.int64, np.int8])
    other = r.ints(r.broadcast(shape), dtype)
    return Instance([r.ints(shape, dtype), np.where(other == 0, 4, other).astype(dtype)], fmod=r.choice([None, 0, 1]))


@op("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def compare(r, name):
    shape, dtype = r.shape(), r.choice([np.float32, np.int32, np.int64])
    make = r.floats if dtype is np.float32 else r.ints
    a, b = make(shape, dtype), make(r.broadcast(shape), dtype)
    return Instance([np.round(a), np.round(b)] if dtype is np.float32 else [a, b])


@op("And", "Or", "Xor")
def logic(r, name):
    shape = r.shape()
    return Instance([r.bools(shape), r.bools(r.broadcast(shape))])


@op("Not")
def negation(r, name):
    return Instance([r.bools(r.shape())])


@op("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bitwise(r, name):
    shape, dtype = r.shape(), r.choice(INTS)
    return Instance([r.ints(shape, dtype), r.ints(r.broadcast(shape), dtype)])


@op("BitwiseNot")
def bitwise_not(r, name):
    return Instance([r.ints(r.shape())])


@op("BitShift")
def bit_shift(r, name):
    shape, dtype = r.shape(), r.choice([np.uint8, np.uint32, np.uint64])
    return Instance([r.ints(shape, dtype, 0, 200), r.ints(r.broadcast(shape), dtype, 0, 7)],
                    direction=r.choice(["LEFT", "RIGHT"]))


@op("Where")
def where(r, name):
    shape, dtype = r.shape(), r.choice([np.float32, np.int64])
    make = r.floats if dtype is np.float32 else r.ints
    return Instance([r.bools(r.broadcast(shape)), make(shape, dtype), make(r.broadcast(shape), dtype)])


@op("PRelu")
def prelu(r, name):
    shape = r.shape(1)
    slope = [1 if r.maybe(0.3) else extent for extent in shape][r.randint(0, len(shape) - 1):]
    return Instance([r.floats(shape, np.float32), r.floats(slope, np.float32)])


@op("Cast")
def cast(r, name):
    to = r.choice([TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32, TensorProto.INT64,
                   TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL])
    shape = r.shape()
    # Out of range conversions of floats are not defined.
    values = np.abs(r.floats(shape)) if r.maybe() else r.ints(shape, low=0, high=100)
    return Instance([r.bools(shape) if r.maybe(0.1) else values], to=to)


# ---- shape ---------------------------------------------------------------------------------------------------------

@op("Reshape")
def reshape(r, name):
    shape = r.shape()
    total = int(np.prod(shape))
    target, rest = [], total
    while rest > 1 and r.maybe(0.8):
        divisor = r.choice([d for d in range(1, rest + 1) if rest % d == 0])
        target.append(divisor)
        rest //= divisor
    target.append(rest)
    r.shuffle(target)
    if r.maybe(0.4):
        target[r.randrange(len(target))] = -1
    for i in range(min(len(target), len(shape))):
        if target[i] == shape[i] and r.maybe(0.3):
            target[i] = 0
    return Instance([r.floats(shape, np.float32), i64(target)], constants=(1,), allowzero=r.choice([None, 0, 0, 1]))


@op("Flatten")
def flatten(r, name):
    shape = r.shape(0, 4)
    return Instance([r.floats(shape, np.float32)], axis=r.choice([None, r.randint(-len(shape), len(shape))]))


@op("Transpose")
def transpose(r, name):
    shape = r.shape(0, 5)
    perm = r.sample(range(len(shape)), len(shape))
    return Instance([r.floats(shape, np.float32)], perm=r.choice([None, perm]) if shape else None)


@op("Squeeze")
def squeeze(r, name):
    shape = [1 if r.maybe(0.4) else r.randint(1, 4) for _ in range(r.randint(1, 5))]
    ones = [i if r.maybe() else i - len(shape) for i, extent in enumerate(shape) if extent == 1 and r.maybe(0.7)]
    return Instance([r.floats(shape, np.float32), i64(ones) if ones else None], constants=(1,))


@op("Unsqueeze")
def unsqueeze(r, name):
    shape = r.shape(0, 3)
    count = r.randint(1, 2)
    axes = r.sample(range(len(shape) + count), count)
    axes = [a if r.maybe() else a - len(shape) - count for a in axes]
    return Instance([r.floats(shape, np.float32), i64(axes)], constants=(1,))


@op("Concat")
def concat(r, name):
    shape = r.shape(1, 4)
    axis = r.axis(len(shape))
    parts = []
    for _ in range(r.randint(1, 4)):
        part = list(shape)
        part[axis] = r.randint(0, 4)
        parts.append(r.floats(part, np.float32))
    return Instance(parts, axis=axis)


@op("Split")
def split(r, name):
    shape = r.shape(1, 4)
    axis = r.axis(len(shape))
    if r.maybe():
        sizes = [r.randint(0, 4) for _ in range(r.randint(1, 4))]
        shape[axis] = sum(sizes)
        return Instance([r.floats(shape, np.float32), i64(sizes)], constants=(1,), outputs=len(sizes), axis=axis)
    count = r.randint(1, 4)
    shape[axis] = r.randint(count, 9)
    return Instance([r.floats(shape, np.float32)], outputs=count, axis=axis, num_outputs=count)


@op("Slice")
def slice_(r, name):
    shape = r.shape(1, 4, 8)
    axes = r.sample(range(len(shape)), r.randint(1, len(shape)))
    big = 2**63 - 1
    starts = [r.choice([r.randint(-10, 10), big, -big]) if r.maybe(0.2) else r.randint(-9, 9) for _ in axes]
    ends = [r.choice([big, -big]) if r.maybe(0.3) else r.randint(-10, 10) for _ in axes]
    steps = [r.choice([1, 1, 2, 3, -1, -2, big, -big]) for _ in axes]
    inputs = [r.floats(shape, np.float32), i64(starts), i64(ends), i64([a if r.maybe() else a - len(shape) for a in axes])]
    return Instance(inputs + ([i64(steps)] if r.maybe(0.7) else []), constants=(1, 2, 3, 4))


@op("Expand")
def expand(r, name):
    shape = [1 if r.maybe(0.4) else extent for extent in r.shape(0, 4)]
    target = [r.randint(1, 4) if extent == 1 else r.choice([1, extent]) for extent in shape]
    target = [r.randint(1, 3) for _ in range(r.randint(0, 1))] + target
    return Instance([r.floats(shape, np.float32), i64(target)], constants=(1,))


@op("Tile")
def tile(r, name):
    shape = r.shape(1, 4, 4)
    return Instance([r.floats(shape, np.float32), i64([r.randint(0 if r.maybe(0.1) else 1, 3) for _ in shape])], constants=(1,))


@op("Pad")
def pad(r, name):
    shape = [r.randint(2, 6) for _ in range(r.randint(1, 4))]
    mode = r.choice(["constant", "constant", "reflect", "edge", "wrap"])
    axes = r.sample(range(len(shape)), r.randint(1, len(shape))) if r.maybe(0.4) else None
    dims = axes if axes is not None else range(len(shape))
    low = -1 if mode == "constant" and r.maybe(0.3) else 0
    pads = [r.randint(low, min(shape[d] - 1, 3)) for d in list(dims) * 2]
    inputs = [r.floats(shape, np.float32), i64(pads)]
    fill = np.array(1.5, np.float32) if mode == "constant" and r.maybe() else None
    if axes is not None or fill is not None:
        inputs.append(fill)
    if axes is not None:
        inputs.append(i64([a if r.maybe() else a - len(shape) for a in axes]))
    return Instance(inputs, constants=(1, 2, 3), mode=mode)


@op("Trilu")
def trilu(r, name):
    return Instance([r.floats(r.shape(2, 4), np.float32), i64(r.randint(-7, 7)) if r.maybe(0.7) else None], constants=(1,),
                    upper=r.choice([None, 0, 1]))


@op("DepthToSpace", "SpaceToDepth")
def depth_space(r, name):
    block, n, c, h, w = (r.randint(1, 3) for _ in range(5))
    if name == "SpaceToDepth":
        return Instance([r.floats([n, c, h * block, w * block], np.float32)], blocksize=block)
    return Instance([r.floats([n, c * block * block, h, w], np.float32)], blocksize=block, mode=r.choice([None, "DCR", "CRD"]))


@op("EyeLike")
def eye_like(r, name):
    return Instance([r.floats([r.randint(1, 5), r.randint(1, 5)], np.float32)], k=r.randint(-4, 4),
                    dtype=r.choice([None, TensorProto.INT32]))


# ---- indexing ------------------------------------------------------------------------------------------------------

def indices(r, shape, extent, dtype=None):
    if not extent:
        raise Skip
    return r.ints(shape, dtype or r.choice([np.int32, np.int64]), -extent, extent - 1)


@op("Gather")
def gather(r, name):
    shape = r.shape(1, 4)
    axis = r.axis(len(shape))
    return Instance([r.floats(shape, np.float32), indices(r, r.shape(0, 2), shape[axis])], axis=axis)


@op("GatherElements")
def gather_elements(r, name):
    shape = r.shape(1, 3)
    axis = r.axis(len(shape))
    part = [r.randint(1, extent) if extent else 0 for extent in shape]
    part[axis] = r.randint(1, 6)
    return Instance([r.floats(shape, np.float32), indices(r, part, shape[axis])], axis=axis)


@op("ScatterElements")
def scatter_elements(r, name):
    shape = r.shape(1, 3)
    axis = r.axis(len(shape))
    reduction = r.choice([None, "none", "add", "mul", "max", "min"])
    part = [r.randint(1, extent) if extent else 0 for extent in shape]
    if not shape[axis] or 0 in part:
        raise Skip
    if reduction in (None, "none"):  # no index twice: which update wins is not defined
        line = r.sample(range(shape[axis]), part[axis])
        where = np.zeros(part, np.int64) + np.array(line).reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])
    else:
        where = indices(r, part, shape[axis], np.int64)
    return Instance([r.floats(shape, np.float32), where, r.floats(part, np.float32)], axis=axis, reduction=reduction)


@op("GatherND")
def gather_nd(r, name):
    shape = [r.randint(1, 4) for _ in range(r.randint(1, 4))]
    batch = r.randint(0, min(1, len(shape) - 1))
    length = r.randint(1, len(shape) - batch)
    lead = shape[:batch] + [r.randint(1, 3) for _ in range(r.randint(0, 2))]
    tuples = np.stack([r.ints(lead, np.int64, -e, e - 1) for e in shape[batch:batch + length]], axis=-1)
    return Instance([r.floats(shape, np.float32), tuples], batch_dims=batch or None)


@op("ScatterND")
def scatter_nd(r, name):
    shape = [r.randint(1, 4) for _ in range(r.randint(1, 4))]
    length = r.randint(1, len(shape))
    reduction = r.choice(["add", "mul", "max", "min"])
    lead = [r.randint(1, 3) for _ in range(r.randint(1, 2))]
    tuples = np.stack([r.ints(lead, np.int64, 0, e - 1) for e in shape[:length]], axis=-1)
    return Instance([r.floats(shape, np.float32), tuples, r.floats(lead + shape[length:], np.float32)], reduction=reduction)


@op("OneHot")
def one_hot(r, name):
    shape = r.shape(0, 3)
    depth = r.randint(1, 5)
    return Instance([r.ints(shape, np.int64, -depth - 1, depth), i64(depth), np.array([0.5, 2.0], np.float32)], constants=(1,),
                    axis=r.choice([None, -1, r.randint(-len(shape) - 1, len(shape))]))


@op("TopK")
def top_k(r, name):
    shape = [r.randint(1, 7) for _ in range(r.randint(1, 3))]
    axis = r.axis(len(shape))
    values = np.array(r.sample(range(1000), int(np.prod(shape))), np.float32).reshape(shape)  # no ties
    return Instance([values, i64([r.randint(1, shape[axis])])], constants=(1,), outputs=2, axis=axis,
                    largest=r.choice([None, 0, 1]), sorted=1)


@op("CumSum")
def cumsum(r, name):
    shape = r.shape(1, 3)
    return Instance([r.floats(shape, r.choice([np.float32, np.float64])), np.array(r.axis(len(shape)), np.int32)], constants=(1,),
                    exclusive=r.choice([None, 0, 1]), reverse=r.choice([None, 0, 1]))


@op("ReverseSequence")
def reverse_sequence(r, name):
    steps, batch = r.randint(1, 6), r.randint(1, 4)
    time = r.randint(0, 1)
    shape = ([steps, batch] if time == 0 else [batch, steps]) + r.shape(0, 1)
    return Instance([r.floats(shape, np.float32), r.ints([batch], np.int64, 1, steps)], time_axis=time, batch_axis=1 - time)


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


OWN = {"LRN": own_lrn, "LpNormalization": own_lp_norm, "GlobalMaxPool": own_global_max_pool, "Slice": own_slice}


def reference(name, instance, model):
    if name in OWN:
        return [OWN[name]([a for a in instance.inputs if a is not None], **instance.attributes)]
    feeds = {f"x{i}": a for i, a in enumerate(instance.inputs) if a is not None and i not in instance.constants}
    return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, feeds)]


# ---- running -------------------------------------------------------------------------------------------------------

def build(name, instance, results):
    """A model of the node, and the arrays that it takes."""
    graph_inputs, initializers, names, arrays = [], [], [], []
    for i, array in enumerate(instance.inputs):
        if array is None:
            names.append("")
            continue
        names.append(f"x{i}")
        if i in instance.constants:
            initializers.append(numpy_helper.from_array(array, f"x{i}"))
        else:
            graph_inputs.append(helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(array.dtype), array.shape))
            arrays.append(array)
    while names and not names[-1]:
        names.pop()
    outputs = [f"y{i}" for i in range(instance.outputs)]
    node = helper.make_node(name, names, outputs, name=name, **instance.attributes)
    infos = [helper.make_tensor_value_info(output, TensorProto.UNDEFINED if results is None else
                                           helper.np_dtype_to_tensor_dtype(results[i].dtype), None) for i, output in enumerate(outputs)]
    graph = helper.make_graph([node], "fuzz", graph_inputs, infos, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10), arrays


def generate(folder, seed, count, filters):
    """Writes instances; gives the job of each."""
    names = sorted(name for name in GENERATORS if not filters or name in filters)
    jobs = {}
    for number in range(count if names else 0):
        r = Rng(f"{seed}/{number}")
        name = names[number % len(names)]
        try:
            instance = GENERATORS[name](r, name)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = reference(name, instance, build(name, instance, None)[0])
            model, arrays = build(name, instance, results)
        except Skip:
            continue
        except Exception:  # the reference refuses the instance, or has no case for it: nothing to compare with
            continue
        if not all(np.isfinite(a).all() or a.dtype.kind != "f" for a in results) and any(a.dtype == np.float16 for a in results):
            continue  # overflow in f16 depends on where it is rounded
        base = folder / f"{name}-{number}"
        save(model, f"{base}.onnx")
        np.savez(f"{base}.in.npz", **{f"in{i}": a for i, a in enumerate(arrays)})
        np.savez(f"{base}.out.npz", **{f"out{i}": a for i, a in enumerate(results)})
        tolerance = max((RTOL.get(a.dtype, 0) for a in results), default=0)
        jobs[base.name] = "\t".join([base.name, f"{base}.onnx", f"{base}.in.npz", f"{base}.out.npz", str(tolerance), "1e-7"])
    return jobs


def main():
    evaluate = BUILD / "test" / "evaluate"
    if not evaluate.exists():
        print(f"SKIP fuzz_onnx: {evaluate} is not built")
        return 0
    folder = BUILD / "fuzz-onnx"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    filters = {word.split("/")[-1] for word in sys.argv[1:]}
    seed, count = os.environ.get("FUZZ_SEED", "1"), int(os.environ.get("FUZZ_COUNT", "500"))
    jobs = generate(folder, seed, count, filters & set(GENERATORS))
    done = subprocess.run([evaluate], input="\n".join(jobs.values()) + "\n" if jobs else "", capture_output=True, text=True)
    equal, refused, wrong = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        name, _, why = rest.partition(":")
        kind = name.rsplit("-", 1)[0] + ("/compiled" if name.endswith("/compiled") else "")
        if verdict == "PASS":
            equal[kind] += 1
        elif why.strip().startswith("import:"):
            refused[kind] += 1
            sys.stderr.write(f"{name} is refused: {why.strip()[:200]}\n")
        else:
            wrong[kind].append(f"{name}:{why}")
    failing = {why.partition(":")[0].partition("/")[0] for list_ in wrong.values() for why in list_}
    for path in folder.iterdir():
        if path.name.partition(".")[0] not in failing:
            path.unlink()
    sys.stderr.write(done.stderr)
    for kind in sorted({*equal, *refused, *wrong}):
        if wrong[kind]:
            print(f"FAIL fuzz_onnx/{kind}: {len(wrong[kind])} of {equal[kind] + refused[kind] + len(wrong[kind])} instances: "
                  + " | ".join(wrong[kind][:3]))
        else:
            print(f"PASS fuzz_onnx/{kind}: {equal[kind]} equal, {refused[kind]} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
