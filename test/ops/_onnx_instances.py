"""Random instances of ONNX operators: how they are made, and those that work element by element or move elements.

fuzz_onnx.py runs them; _onnx_layers.py has the rest.
"""
import random

import numpy as np
from onnx import TensorProto

FLOATS = [np.float32, np.float32, np.float32, np.float64, np.float16]
INTS = [np.int32, np.int64, np.int8, np.uint8]
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
