"""Cases of one torch operator each, for _make_pt2_cases.py: NAME -> (function, inputs).

A case's outputs are the operator's results over the shapes, dims and values that its decomposition treats apart.
"""
import torch
import torch.nn.functional as F

NAN, INF = float("nan"), float("inf")
SMALL = {}


def rnd(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def ints(*shape, low=-5, high=6, seed=0, dtype=torch.int64):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def add(name, function, *inputs):
    assert name not in SMALL, name
    SMALL[name] = (function, inputs)


EDGES = torch.tensor([0.0, -0.0, 1.5, -2.5, 0.5, 3.25, -0.75, 1e-6, INF, -INF, NAN, 2.0])
OTHERS = torch.tensor([-1.0, 0.0, -0.0, 2.0, NAN, INF, 0.5, -3.0, INF, 1.0, 1.0, 2.0])
X, Y = rnd(2, 3, 4), rnd(2, 3, 4, seed=9)
M, N = rnd(3, 4), rnd(4, 5)
POSITIVE = X.abs() + 0.1

# Elementwise functions of one operand, on plain values and at the edges.
UNARY = {
    "abs": torch.abs, "neg": torch.neg, "sign": torch.sign, "sgn": torch.sgn, "ceil": torch.ceil, "floor": torch.floor,
    "round": torch.round, "trunc": torch.trunc, "frac": torch.frac, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal, "square": torch.square, "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1,
    "log": torch.log, "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p, "sin": torch.sin, "cos": torch.cos,
    "tan": torch.tan, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan, "asinh": torch.asinh,
    "acosh": torch.acosh, "atanh": torch.atanh, "tanh": torch.tanh, "erf": torch.erf, "erfc": torch.erfc,
    "erfinv": torch.erfinv, "sigmoid": torch.sigmoid, "sinc": torch.sinc, "deg2rad": torch.deg2rad,
    "rad2deg": torch.rad2deg, "isnan": torch.isnan, "isinf": torch.isinf, "isfinite": torch.isfinite,
    "isposinf": torch.isposinf, "isneginf": torch.isneginf, "signbit": torch.signbit, "angle": torch.angle,
    "positive": lambda x: torch.positive(x) + 0, "nan_to_num": torch.nan_to_num, "relu": F.relu, "relu6": F.relu6,
    "silu": F.silu, "mish": F.mish, "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid, "hardtanh": F.hardtanh,
    "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "elu": F.elu, "celu": lambda x: F.celu(x, 0.7),
    "selu": F.selu, "softplus": F.softplus, "softsign": F.softsign, "hardshrink": F.hardshrink,
    "softshrink": F.softshrink, "tanhshrink": F.tanhshrink, "logsigmoid": F.logsigmoid, "leaky_relu": F.leaky_relu,
    "rrelu": lambda x: F.rrelu(x, 0.1, 0.5), "threshold": lambda x: F.threshold(x, 0.2, -7.0),
    "clamp": lambda x: x.clamp(-1, 2), "entr": torch.special.entr, "logit": lambda x: torch.logit(x, 0.01),
}
SMOOTH_AT_INFINITY = {"silu", "mish", "hardswish", "gelu", "gelu_tanh", "sin", "cos", "tan", "tanhshrink", "frac", "sinc"}
for name, function in UNARY.items():
    edges = torch.where(EDGES.isinf(), 4.0, EDGES) if name in SMOOTH_AT_INFINITY else EDGES
    add("one_" + name, lambda x, e, function=function: (function(x), function(e)), X, edges)
for name in ("abs", "neg", "sign", "square", "signbit", "relu", "isfinite", "isnan", "exp", "sqrt", "sin", "nan_to_num", "deg2rad", "clamp"):
    add("one_int_" + name, UNARY[name], ints(3, 4))

# Two operands: broadcast, a scalar of rank 0, edges.
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
    "minimum": torch.minimum, "fmax": torch.fmax, "fmin": torch.fmin, "hypot": torch.hypot, "copysign": torch.copysign,
    "heaviside": torch.heaviside, "logaddexp": torch.logaddexp, "logaddexp2": torch.logaddexp2, "xlogy": torch.xlogy,
    "xlog1py": torch.special.xlog1py, "atan2": torch.atan2, "remainder": torch.remainder, "fmod": torch.fmod,
    "floor_divide": torch.floor_divide, "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt,
    "ge": torch.ge, "logical_and": torch.logical_and, "logical_xor": torch.logical_xor,
}
for name, function in BINARY.items():
    edges = (EDGES, OTHERS)
    if name in ("hypot", "remainder", "fmod", "floor_divide", "atan2"):
        edges = (EDGES[:8], OTHERS[[0, 3, 6, 7, 0, 3, 6, 7]])
    add("two_" + name, lambda x, y, a, b, function=function: (function(x, y), function(a, b)), X, Y[:, :1], *edges)
for name in ("add", "sub", "mul", "div", "maximum", "minimum", "fmax", "eq", "lt", "remainder", "floor_divide", "logical_and"):
    add("two_int_" + name, BINARY[name], ints(3, 4), ints(4, low=1))
add("two_half", lambda x, y: (x + y, x * y, x - 2, torch.maximum(x, y)), X.half(), Y.half())
add("two_bfloat16", lambda x, y: (x + y, x * y, x / 2, x * 3.0), X.bfloat16(), Y.bfloat16())
add("two_double", lambda x, y: (x + y, x * y, x / y, x - 1), X.double(), Y.double())
add("two_mixed", lambda x, n, s: (x + n, n * s, x * s, n / 2, n > 0.5), X, ints(2, 3, 4), torch.tensor(2.5))
add("float_power", lambda x, n: (torch.float_power(x, 2), torch.float_power(n, 0.5)), POSITIVE, ints(3, low=0))
add("ldexp", lambda x, n: torch.ldexp(x, n), X, ints(4))
add("nan_to_num_given", lambda x: torch.nan_to_num(x, 1.0, 2.0, -3.0), EDGES)
add("bitwise_int", lambda x, y: (x & y, x | y, x ^ y, ~x, x << 2, x >> 1), ints(3, 4), ints(3, 4, seed=2))
add("clamp_tensor", lambda x, y: (torch.clamp(x, y, y + 1), torch.clamp_min(x, 0.1), torch.clamp_max(x, 0.1)), X, Y)
add("lerp_tensor", lambda x, y: torch.lerp(x, y, torch.sigmoid(x)), X, Y)

# In place, and out of place with another name.
IN_PLACE = {
    "add": lambda x, y: x.add_(y, alpha=2), "sub": lambda x, y: x.sub_(y), "mul": lambda x, y: x.mul_(y),
    "div": lambda x, y: x.div_(y), "copy": lambda x, y: x.copy_(y[:, :1]), "fill": lambda x, y: x.fill_(2.5),
    "fill_tensor": lambda x, y: x.fill_(y[0, 0, 0]), "zero": lambda x, y: x.zero_(), "relu": lambda x, y: x.relu_(),
    "clamp": lambda x, y: x.clamp_(-0.5, 0.5), "masked_fill": lambda x, y: x.masked_fill_(y > 0, -1.0),
    "neg": lambda x, y: x.neg_(), "exp": lambda x, y: x.exp_(), "pow": lambda x, y: x.pow_(2),
    "lerp": lambda x, y: x.lerp_(y, 0.25), "addcmul": lambda x, y: x.addcmul_(y, y, value=0.5),
    "sigmoid": lambda x, y: x.sigmoid_(), "tanh": lambda x, y: x.tanh_(), "hardtanh": lambda x, y: F.hardtanh_(x),
    "leaky_relu": lambda x, y: F.leaky_relu_(x, 0.1), "triu": lambda x, y: x.triu_(), "cumsum": lambda x, y: x.cumsum_(1),
    "index_fill": lambda x, y: x.index_fill_(1, torch.tensor([0, 2]), 9.0),
    "index_copy": lambda x, y: x.index_copy_(2, torch.tensor([3, 0]), y[:, :, :2]),
    "index_add": lambda x, y: x.index_add_(2, torch.tensor([1, 1]), y[:, :, :2]),
    "index_put": lambda x, y: x.index_put_((torch.tensor([1, 0]), torch.tensor([2, 1])), y[0, :2]),
    "index_put_accumulate": lambda x, y: x.index_put_((torch.tensor([1, 1]),), y, accumulate=True),
    "scatter": lambda x, y: x.scatter_(1, torch.tensor([[[2, 0, 1, 1]]]), y),
    "scatter_value": lambda x, y: x.scatter_(2, torch.tensor([[[2], [0], [1]]]), 8.0),
    "scatter_add": lambda x, y: x.scatter_add_(1, torch.zeros(2, 3, 4, dtype=torch.int64), y),
    "masked_scatter": lambda x, y: x.masked_scatter_(y > 0, y * 2),
    "diagonal_fill": lambda x, y: x[0].diagonal(1).fill_(5.0),
    "diagonal_add": lambda x, y: x.diagonal(-1, 2, 1).add_(100.0),
    "slice_add": lambda x, y: x[:, 1:, ::2].add_(y[:, 1:, :2]), "select_mul": lambda x, y: x[1, :, -1].mul_(3),
    "transposed_copy": lambda x, y: x.transpose(0, 2).copy_(y.transpose(0, 2)), "unbind_neg": lambda x, y: x.unbind(1)[1].neg_(),
    "set_mask": lambda x, y: x.__setitem__(x > 0.5, 0.0), "set_rows": lambda x, y: x.__setitem__((slice(None), [0, 2]), 1.0),
}
for name, function in IN_PLACE.items():
    def changed(x, y, function=function):
        z = x.clone()
        function(z, y)
        return z
    add("in_place_" + name, changed, X, Y)

# Reading and writing by index.
K = ints(2, 3, 4, low=0, high=3)
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    add("scatter_reduce_" + reduce, lambda x, k, y, reduce=reduce: (
        x.scatter_reduce(1, k, y, reduce), x.scatter_reduce(-2, k[:, :2], y, reduce, include_self=False)), X, K, Y)
add("scatter_reduce_int", lambda x, k, y: (x.scatter_reduce(1, k, y, "sum"), x.scatter_reduce(1, k, y, "mean"), x.scatter_reduce(1, k, y, "amax", include_self=False)),
    ints(2, 3, 4), K, ints(2, 3, 4, seed=3))
add("scatter_multiply", lambda x, k, y: (torch.scatter(x, 1, k, y, reduce="multiply"), torch.scatter(x, 1, k, 2.0, reduce="add")), X, K, Y)
add("take", lambda x, k: (torch.take(x, k), torch.take(x, torch.tensor([-1, 5, 0]))), X, ints(2, 2, low=0, high=24))
add("index_fill", lambda x: (x.index_fill(1, torch.tensor([0, 2]), 7.0), x.index_fill(-1, torch.tensor([-1]), torch.tensor(3.0))), X)
add("index_fill_int", lambda x: x.index_fill(0, torch.tensor([1]), -1), ints(3, 4))
add("masked_scatter", lambda x, y: (x.masked_scatter(x > 0, y), x.masked_scatter(torch.tensor([True, False, True, False]), y)), X, Y)
add("masked_fill_dtypes", lambda x, n: (x.masked_fill(x > 0, torch.tensor(3.0)), n.masked_fill(n > 0, 7), n.masked_fill(n.bool(), 0)), X, ints(3, 4))
add("repeat_interleave_constant", lambda x: (x.repeat_interleave(torch.tensor([2, 0, 3]), 1, output_size=5), x[0, 0].repeat_interleave(torch.tensor([1, 2, 1, 0]), output_size=4)), X)
add("gather_negative_dim", lambda x, k: (torch.gather(x, -1, k), torch.gather(x, -2, k[:, :1]), torch.gather(x, 0, k[:1] % 2)), X, K)
add("index_tensors", lambda x: (x[[1, 0]], x[:, [2, 0, 1]], x[[0, 1], [2, 0]], x[..., [3, -1]], x[:, None, [0]], x[torch.tensor(1)]), X)
add("index_select_dims", lambda x: (x.index_select(0, torch.tensor([1, 1])), x.index_select(-1, torch.tensor([0, 3]))), X)
add("embedding", lambda w, i: (F.embedding(i, w), F.embedding(i[0, 0], w), F.embedding(i[:, :0], w)), rnd(7, 3), ints(2, 4, low=0, high=7))
add("one_hot", lambda i: (F.one_hot(i, 6), F.one_hot(i[0], 5)), ints(2, 3, low=0, high=5))
add("bucketize", lambda x: (torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0])), torch.bucketize(x, torch.tensor([-1.0, 0.0]), right=True, out_int32=True)), X)
add("histc", lambda x: (torch.histc(x, 5, -2, 2), torch.histc(x, 3, 0, 1), torch.histc(torch.tensor([0.0, 1.0, 2.0, 2.0]), 2, 0, 2)), X)
add("embedding_bag_sum", lambda w, i: F.embedding_bag(i, w, torch.tensor([0, 3, 3, 5]), mode="sum"), rnd(7, 3), ints(8, low=0, high=7))
add("embedding_bag_mean", lambda w, i: (F.embedding_bag(i, w, torch.tensor([0, 3, 3]), mode="mean"), F.embedding_bag(i.view(2, 4), w)), rnd(7, 3), ints(8, low=0, high=7))
add("embedding_bag_max", lambda w, i: F.embedding_bag(i, w, torch.tensor([0, 2, 2]), mode="max"), rnd(7, 3), ints(8, low=0, high=7))
add("embedding_bag_weights", lambda w, i, s: F.embedding_bag(i, w, torch.tensor([0, 3]), mode="sum", per_sample_weights=s), rnd(7, 3), ints(8, low=0, high=7), rnd(8))
add("embedding_bag_padding", lambda w, i: (F.embedding_bag(i, w, torch.tensor([0, 3]), mode="mean", padding_idx=2), F.embedding_bag(i, w, torch.tensor([0, 3, 8]), mode="sum", padding_idx=-1, include_last_offset=True)),
    rnd(7, 3), torch.tensor([2, 1, 6, 2, 2, 0, 6, 3]))

# Shapes.
SHAPES = {
    "diag": lambda x: (torch.diag(x[0]), torch.diag(x[0], 1), torch.diag(x[0], -2), torch.diag(x[0, 0]), torch.diag(x[0, 0], 2), torch.diag(x[0, 0], -1)),
    "diag_embed": lambda x: (torch.diag_embed(x), torch.diag_embed(x, 1), torch.diag_embed(x, -2, 0, 2), torch.diag_embed(x, 0, -1, 1)),
    "diagonal": lambda x: (torch.diagonal(x[0]), torch.diagonal(x, 1, 0, 2), torch.diagonal(x, -1, -2, -1), torch.diagonal(x, 5)),
    "trace": lambda x: (torch.trace(x[0]), torch.trace(x[:, 0])),
    "rot90": lambda x: (torch.rot90(x), torch.rot90(x, 2, (1, 2)), torch.rot90(x, 3, (0, 2)), torch.rot90(x, -1, (2, 1)), torch.rot90(x, 4) + 0),
    "cartesian_prod": lambda x: (torch.cartesian_prod(x[0, 0], x[1, :, 0]), torch.cartesian_prod(x[0, 0], x[1, :, 0], x[:, 0, 0])),
    "block_diag": lambda x: torch.block_diag(x[0], x[1, 0], x[0, :2, :1], x[0, 0, 0]),
    "vander": lambda x: (torch.vander(x[0, 0]), torch.vander(x[0, 0], 3, True), torch.linalg.vander(x[:, 0], N=3)),
    "flips": lambda x: (x.flip(0), x.flip(-1, 0), torch.fliplr(x), torch.flipud(x)),
    "rolls": lambda x: (x.roll(2), x.roll(-1, 1), x.roll((1, 3), (-1, 0))),
    "stacks": lambda x: (torch.vstack([x[0], x[1]]), torch.dstack([x[0], x[1]]), torch.column_stack([x[0, 0], x[1, 0]]), torch.vstack([x[0, 0], x[1, 0]]), torch.dstack([x[0, 0], x[1, 0]]), torch.hstack([x[0, 0], x[0, 1]])),
    "atleast": lambda x: (torch.atleast_1d(x[0, 0, 0]), torch.atleast_2d(x[0, 0]), torch.atleast_3d(x[0]), torch.atleast_3d(x[0, 0])),
    "tril_triu": lambda x: (x.tril(), x.tril(-1), x.triu(2), x[0].tril(1)),
    "cat": lambda x: (torch.cat([x, x], -1), torch.cat([x, torch.zeros(0), x], 0), torch.cat([x, x.int()], 1)),
    "stack": lambda x: (torch.stack([x, x]), torch.stack([x, x, x], -1), torch.stack([x[0], x[1]], 1)),
    "splits": lambda x: (*x.split(2, -1), *x.split([1, 2], 1), *x.chunk(3, 1), *torch.tensor_split(x, 3, 2)),
    "slices": lambda x: (x[1:], x[:, -2:], x[..., ::3], x[:, 5:], x[:, :-1, 1:-1]),
    "views": lambda x: (x.view(-1), x.view(4, 6), x.unsqueeze(-1), x.unsqueeze(0).squeeze(), x.flatten(0, 1), x.unflatten(-1, (2, -1))),
    "permutes": lambda x: (x.permute(1, 2, 0), x.transpose(-1, 0), x.mT, x[0].T, x.movedim(-1, 0), x.swapaxes(0, 1)),
    "expands": lambda x: (x[:, :1].expand(-1, 5, -1), x[0, 0].expand(2, 3, 4), x.unsqueeze(0).expand(3, 2, 3, 4)),
    "repeats": lambda x: (x.repeat(1, 2, 1), x.repeat(2, 1, 1, 1), x.tile(2), x.repeat_interleave(3, -1)),
    "pads": lambda x: (F.pad(x, (1, 0)), F.pad(x, (0, 0, 2, 1), value=-1.5), F.pad(x, (-1, 2)), F.pad(x, (1, 1), mode="reflect"), F.pad(x, (2, 3), mode="replicate")),
    "unfold": lambda x: (x.unfold(2, 2, 2), x.unfold(-2, 3, 1), x.unfold(0, 1, 1)),
    "diff": lambda x: (x.diff(), x.diff(2, 1), x.diff(dim=0), x.diff(prepend=x[..., :1]), (x > 0).diff()),
    "as_strided": lambda x: (x.as_strided((2, 2), (4, 1)), x.as_strided((3, 3), (1, 2), 5)),
    "meshgrid": lambda x: (*torch.meshgrid(x[0, 0], x[0, :, 0], indexing="ij"), *torch.meshgrid(x[0, 0], x[0, :, 0], indexing="xy")),
    "scatters": lambda x: (torch.select_scatter(x, x[0] * 2, 0, -1), torch.slice_scatter(x, x[:, :2] * 3, 1, 0, 3, 2)),
    "empty": lambda x: (x[:0] + 1, x[:, :0].sum(1), torch.cat([x[:0], x]), x[:, 3:].reshape(0, 4), x[:0].amax(1), x[:, :0].mean((0, 2))),
    "scalars": lambda x: (x.sum() * 2, x[0, 0, 0].unsqueeze(0), x[1, 2, 3].exp().reshape(1, 1), x.mean().expand(3)),
}
for name, function in SHAPES.items():
    add("shape_" + name, function, X)
add("triangle_indices", lambda x: (torch.tril_indices(3, 4) + x, torch.triu_indices(4, 3, 1) + x, torch.tril_indices(3, 3, -1, dtype=torch.int32) + x.int()), torch.tensor(1))
add("logspace", lambda x: (torch.logspace(-1, 2, 5) + x, torch.logspace(0, 4, 3, base=2) + x), torch.tensor(0.0))
add("fftfreq", lambda x: (torch.fft.fftfreq(5) + x, torch.fft.fftfreq(6, 0.5) + x, torch.fft.rfftfreq(7, 2.0) + x), torch.tensor(0.0))
add("factories", lambda x: (torch.arange(0, 7, 3) + x, torch.linspace(-1, 1, 5) + x, torch.eye(2, 3) + x, torch.full((2,), 1.5) + x, torch.zeros(2) + x), torch.tensor(0.5))

# Products, norms, distances.
add("kron", lambda x, y: (torch.kron(x, y), torch.kron(x, y[0]), torch.kron(x[0], y)), M, rnd(2, 3))
add("kron_int", lambda x, y: torch.kron(x, y), ints(2, 3), ints(3, 2))
add("inner", lambda x, y: (torch.inner(x, y), torch.inner(x[0, 0], y[0, 0]), torch.inner(x, y[0, 0]), torch.inner(x, y[0, 0, 0])), X, Y)
add("tensordot", lambda x, y: (torch.tensordot(x, y, ([0, 2], [0, 2])), torch.tensordot(x, y, ([-1], [2])), torch.tensordot(x[0], y[0].mT, 1), torch.tensordot(x, y, 3), torch.tensordot(x[0, 0], y[0, 0], 0)), X, Y)
add("chain_matmul", lambda x, y, z: (torch.chain_matmul(x, y, z), torch.linalg.multi_dot([x[0], y, z]), torch.linalg.multi_dot([x, y, z[:, 0]])), M, N, rnd(5, 2))
add("matrix_power", lambda x: (torch.matrix_power(x, 3), torch.matrix_power(x, 0), torch.linalg.matrix_power(x[0], 5), torch.matrix_power(x, 1) + 0), rnd(2, 3, 3))
add("cross", lambda x, y: (torch.linalg.cross(x, y, dim=1), torch.cross(x, y, dim=-2), torch.linalg.cross(x[:, :, 0], y[:1, :, 0])), X, Y)
add("linalg_norm", lambda x: (torch.linalg.norm(x), torch.linalg.norm(x, dim=-1), torch.linalg.norm(x, dim=(0, 2), keepdim=True), torch.linalg.norm(x, 1, 1), torch.linalg.norm(x[0], "fro"), torch.linalg.norm(x[0], 1), torch.linalg.norm(x[0], INF), torch.linalg.norm(x, -1, (0, 1)), torch.linalg.norm(x, -INF, (2, 0), keepdim=True), torch.linalg.norm(x[0, 0], 3), torch.linalg.norm(x[0, 0], 0)), X)
add("matrix_norm", lambda x: (torch.linalg.matrix_norm(x), torch.linalg.matrix_norm(x, 1), torch.linalg.matrix_norm(x, INF, (0, 1)), torch.linalg.matrix_norm(x, -1, keepdim=True)), X)
add("vector_norm", lambda x: (torch.linalg.vector_norm(x), torch.linalg.vector_norm(x, 0, -1), torch.linalg.vector_norm(x, -INF, (0, 1)), torch.linalg.vector_norm(x, 2.5, 1, keepdim=True), x.norm(p=1), x.norm(dim=0)), X)
for p in (0.0, 1.0, 2.0, 3.0, INF):
    add(f"cdist_{p}".replace(".0", ""), lambda x, y, p=p: (torch.cdist(x, y, p), torch.cdist(x[0], y[1], p)), X, rnd(2, 5, 4))
add("pairwise_distance", lambda x, y: (F.pairwise_distance(x, y), F.pairwise_distance(x, y, 1, keepdim=True), F.pairwise_distance(x, y, 3), F.pairwise_distance(x, y, INF)), X, Y)
add("vecdot", lambda x, y: (torch.linalg.vecdot(x, y), torch.linalg.vecdot(x, y[:1], dim=1)), X, Y)
add("addr", lambda m, x, y: (torch.addr(m, x, y), torch.addr(m, x, y, beta=0.5, alpha=2), torch.addr(m, x, y, beta=0)), M, rnd(3), rnd(4))
EINSUMS = {"ij,jk->ik": (M, N), "bij,bkj->bik": (X, Y), "...ij,...ij->...": (X, Y), "ii->i": (rnd(3, 3),), "ii": (rnd(3, 3),), "ij->ji": (M,), "bij->b": (X,), "i,j->ij": (M[0], N[0]), "bij,j->bi": (X, M[0]), "ij,jk,kl->il": (M, N, rnd(5, 2)), "bhid,bhjd->bhij": (rnd(2, 2, 3, 4), rnd(2, 2, 5, 4)), "abc,cd->abd": (X, N)}
for i, (equation, operands) in enumerate(EINSUMS.items()):
    add(f"einsum_{i}", lambda *xs, equation=equation: torch.einsum(equation, *xs), *operands)
add("grouped_mm_shapes", lambda x, y: (x @ y, x[0] @ y[0], x @ y[0, :, 0], x.unsqueeze(1) @ y), X, rnd(2, 4, 5))

# Reductions.
REDUCTIONS = {
    "sum": torch.sum, "mean": torch.mean, "prod": torch.prod, "amax": torch.amax, "amin": torch.amin, "std": torch.std, "var": torch.var,
    "nansum": torch.nansum, "logsumexp": torch.logsumexp, "argmax": torch.argmax, "argmin": torch.argmin, "any": torch.any, "all": torch.all,
    "count_nonzero": lambda x, dim, keepdim=False: torch.count_nonzero(x > 0, dim), "cumsum": lambda x, dim, keepdim=False: torch.cumsum(x, dim),
    "cumprod": lambda x, dim, keepdim=False: torch.cumprod(x, dim), "softmax": lambda x, dim, keepdim=False: torch.softmax(x, dim),
    "log_softmax": lambda x, dim, keepdim=False: torch.log_softmax(x, dim),
    "max": lambda x, dim, keepdim=False: tuple(torch.max(x, dim, keepdim))[0], "aminmax": lambda x, dim, keepdim=False: tuple(torch.aminmax(x, dim=dim, keepdim=keepdim))[1],
    "sort": lambda x, dim, keepdim=False: torch.sort(x, dim)[0], "argsort": lambda x, dim, keepdim=False: torch.argsort(x, dim),
    "topk": lambda x, dim, keepdim=False: torch.topk(x, 2, dim)[0], "std_mean": lambda x, dim, keepdim=False: torch.std_mean(x, dim, keepdim=keepdim)[0],
}
for name, function in REDUCTIONS.items():
    add("reduce_" + name, lambda x, function=function: (function(x, 1), function(x, -1, keepdim=True), function(x, 0)), rnd(3, 4, 5))
add("reduce_nan", lambda x: (x.amax(0), x.sum(), torch.nansum(x), torch.nansum(x.view(3, 4), 1, keepdim=True), *torch.aminmax(x[:6])), EDGES)
add("reduce_int", lambda x: (x.sum(), x.prod(1), x.amax(0), torch.count_nonzero(x), torch.count_nonzero(x, (0, 1)), x.cumprod(1), x.cumsum(-1, dtype=torch.int32), x.float().mean()), ints(3, 4))
add("reduce_dtype", lambda x: (x.sum(dtype=torch.float64), x.half().sum(0), x.bfloat16().mean(1), x.cumprod(0, dtype=torch.float64)), M)
add("reduce_scalar", lambda x: (x.sum(), x.cumsum(0), x.cumprod(0), x.amax(), x.softmax(0)), torch.tensor(2.5))

# Losses, each with its three reductions.
T, L = rnd(2, 3, 4, seed=4), (Y > 0).float()
LOSSES = {
    "l1": lambda x, r: F.l1_loss(x, T, reduction=r), "mse": lambda x, r: F.mse_loss(x, T, reduction=r),
    "smooth_l1": lambda x, r: F.smooth_l1_loss(x, T, reduction=r, beta=0.5), "smooth_l1_sharp": lambda x, r: F.smooth_l1_loss(x, T, reduction=r, beta=0.0),
    "huber": lambda x, r: F.huber_loss(x, T, reduction=r, delta=0.7), "kl_div": lambda x, r: F.kl_div(x, torch.cat([T[:1].abs(), T[1:] * 0]), reduction=r),
    "kl_div_log": lambda x, r: F.kl_div(x, T, reduction=r, log_target=True),
    "bce": lambda x, r: F.binary_cross_entropy(torch.cat([x[:1].sigmoid(), L[:1]]), L, reduction=r),
    "bce_weight": lambda x, r: F.binary_cross_entropy(x.sigmoid(), L, weight=T[:, :1].abs(), reduction=r),
    "bce_logits": lambda x, r: F.binary_cross_entropy_with_logits(x * 30, L, reduction=r),
    "bce_logits_weights": lambda x, r: F.binary_cross_entropy_with_logits(x, L, weight=T.abs(), pos_weight=T[0, 0].abs(), reduction=r),
    "hinge_embedding": lambda x, r: F.hinge_embedding_loss(x, L * 2 - 1, margin=0.8, reduction=r),
    "soft_margin": lambda x, r: F.soft_margin_loss(x, L * 2 - 1, reduction=r),
    "margin_ranking": lambda x, r: F.margin_ranking_loss(x, T, L * 2 - 1, margin=0.3, reduction=r),
    "poisson": lambda x, r: F.poisson_nll_loss(x, T.abs(), reduction=r), "poisson_plain": lambda x, r: F.poisson_nll_loss(x.abs(), T.abs(), log_input=False, reduction=r),
    "cosine_embedding": lambda x, r: F.cosine_embedding_loss(x[:, 0], T[:, 0], torch.tensor([1, -1]), margin=0.1, reduction=r),
    "triplet": lambda x, r: F.triplet_margin_loss(x, T, T.flip(0), reduction=r), "triplet_swap": lambda x, r: F.triplet_margin_loss(x, T, T.flip(0), p=1, swap=True, margin=2.0, reduction=r),
    "nll": lambda x, r: F.nll_loss(x, torch.tensor([[0, 2, 1, 1], [2, 2, 0, -100]]), reduction=r),
    "nll_weight": lambda x, r: F.nll_loss(x[:, :, 0], torch.tensor([1, 2]), weight=T[0, :, 0].abs(), ignore_index=1, reduction=r),
    "cross_entropy": lambda x, r: F.cross_entropy(x, torch.tensor([[0, 2, 1, 1], [2, 2, 0, 1]]), reduction=r),
    "cross_entropy_weight": lambda x, r: F.cross_entropy(x[:, :, 0], torch.tensor([1, 2]), weight=T[0, :, 0].abs(), reduction=r),
    "cross_entropy_probabilities": lambda x, r: F.cross_entropy(x, T.softmax(1), reduction=r, label_smoothing=0.1, weight=T[0, :, 0].abs()),
    "cross_entropy_single": lambda x, r: F.cross_entropy(x[0, 0], torch.tensor(2), reduction=r),
}
for name, function in LOSSES.items():
    add("loss_" + name, lambda x, function=function: tuple(function(x, r) for r in ("none", "mean", "sum")), X)

# Sampling and windows.
IMAGE, GRID = rnd(1, 2, 5, 6), torch.cat([rnd(1, 3, 4, 2) * 0.8, torch.tensor([-1.0, 1.0, 0.0, -1.3, 1.2, 0.5, 0.0, 0.0]).view(1, 1, 4, 2)], 1)
for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        add(f"grid_sample_{mode}_{padding}", lambda x, g, mode=mode, padding=padding: (F.grid_sample(x, g, mode, padding, False), F.grid_sample(x, g, mode, padding, True)), IMAGE, GRID + 0.013)
add("grid_sample_3d", lambda x, g: F.grid_sample(x, g, align_corners=False), rnd(1, 2, 3, 4, 5), rnd(1, 2, 3, 2, 3) * 0.6)
add("affine_grid", lambda t: (F.affine_grid(t, (2, 1, 3, 4), False), F.affine_grid(t, (2, 1, 2, 5), True)), rnd(2, 2, 3))
add("affine_grid_3d", lambda t: F.affine_grid(t, (1, 1, 2, 3, 4), False), rnd(1, 3, 4))
add("fold", lambda x: (F.fold(x, (4, 5), 2), F.fold(x[:, :, :4], (4, 4), 2, stride=2), F.fold(x[0], (4, 5), 2)), rnd(2, 8, 12))
add("fold_padding", lambda x: (F.fold(x, (4, 5), (2, 3), padding=1, stride=(2, 1)), F.fold(x, (6, 9), (2, 3), dilation=(1, 2), stride=(2, 1))[:, :, 1:]), rnd(1, 12, 15))
add("unfold_windows", lambda x: (F.unfold(x, 2), F.unfold(x, (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))), IMAGE)
add("max_unpool", lambda x, i: (F.max_unpool2d(x, i, 2), F.max_unpool2d(x[0], i[0], 2, output_size=(5, 7))), rnd(1, 2, 2, 3), torch.arange(6).view(1, 1, 2, 3).expand(1, 2, 2, 3) * 3)
for mode in ("bilinear", "bicubic"):
    add(f"antialias_{mode}", lambda x, mode=mode: (F.interpolate(x, size=(3, 2), mode=mode, antialias=True), F.interpolate(x, size=(9, 4), mode=mode, antialias=True, align_corners=True), F.interpolate(x, scale_factor=0.6, mode=mode, antialias=True)), IMAGE)
for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
    add(f"interpolate_{mode}".replace("-", "_"), lambda x, mode=mode: (F.interpolate(x, scale_factor=2, mode=mode), F.interpolate(x, size=(3, 9), mode=mode)), IMAGE)
add("pool_max", lambda x: (F.max_pool2d(x, 2), F.max_pool2d(x, (2, 3), (1, 2), (1, 1)), F.max_pool2d(x, 3, 1, 1, 2), F.adaptive_max_pool2d(x, (2, 3)), F.max_pool2d(x[0], 2)), IMAGE)
add("pool_average", lambda x: (F.avg_pool2d(x, 2), F.avg_pool2d(x, (3, 2), 1, (1, 0)), F.avg_pool2d(x, 3, 2, 1, True, False), F.adaptive_avg_pool2d(x, (2, 4)), F.avg_pool2d(x[0], 2)), IMAGE)
add("pool_1d_3d", lambda x, y: (F.max_pool1d(x, 2), F.avg_pool1d(x, 3, 1, 1), F.max_pool3d(y, 2), F.avg_pool3d(y, (1, 2, 2)), F.adaptive_avg_pool3d(y, 2)), rnd(1, 2, 7), rnd(1, 2, 4, 4, 5))
add("pixel_shuffles", lambda x: (F.pixel_shuffle(x, 2), F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), F.channel_shuffle(x, 2)), rnd(1, 8, 3, 2))

# Quantised.
def q():
    return torch.ops.quantized_decomposed


WIDE = rnd(3, 8) * 4
for dtype, low, high in ((torch.int8, -128, 127), (torch.uint8, 0, 255), (torch.int16, -32768, 32767)):
    add("quantize_" + str(dtype)[6:], lambda x, dtype=dtype, low=low, high=high: (
        q().quantize_per_tensor(x, 0.043, 7, low, high, dtype),
        q().dequantize_per_tensor(q().quantize_per_tensor(x, 0.043, 7, low, high, dtype), 0.043, 7, low, high, dtype)), WIDE)
add("quantize_narrow", lambda x: (q().quantize_per_tensor(x, 0.5, 1, -8, 7, torch.int8), q().quantize_per_tensor(x, 0.5, 1, -7, 7, torch.int8)), WIDE)
add("quantize_ties", lambda x: q().quantize_per_tensor(x, 0.5, 0, -128, 127, torch.int8), torch.arange(-6, 7) * 0.25)
add("quantize_channel", lambda x, s, z: (q().quantize_per_channel(x, s, z, 0, -128, 127, torch.int8), q().dequantize_per_channel(q().quantize_per_channel(x, s, z, 0, -128, 127, torch.int8), s, z, 0, -128, 127, torch.int8)),
    WIDE, torch.tensor([0.05, 0.1, 0.2]), torch.tensor([0, 3, -4]))


def dynamic(x):
    s, z = q().choose_qparams(x, -128, 127, 1e-5, torch.int8)
    y = q().quantize_per_tensor(x, s, z, -128, 127, torch.int8)
    return s, z, y, q().dequantize_per_tensor(y, s, z, -128, 127, torch.int8)


def symmetric(x):
    s, z = q().choose_qparams_symmetric(x, -127, 127, 1e-5, torch.int8)
    return s, z, q().quantize_per_tensor(x, s, z, -127, 127, torch.int8)


def per_token(x):
    s, z = q().choose_qparams_per_token_asymmetric(x, torch.int8)
    y = q().quantize_per_token(x, s, z, -128, 127, torch.int8)
    return s, z, y, q().dequantize_per_token(y, s, z, -128, 127, torch.int8, torch.float32)


def per_group(x, s, z):
    y = q().quantize_per_channel_group(x, s, z, -8, 7, torch.int8, 4)
    return y, q().dequantize_per_channel_group(y, s, z, -8, 7, torch.int8, 4, torch.float32)


add("quantize_dynamic", dynamic, WIDE)
add("quantize_dynamic_positive", dynamic, WIDE.abs() + 1)
add("quantize_symmetric", symmetric, WIDE)
add("quantize_token", per_token, WIDE)
add("quantize_group", per_group, WIDE, rnd(3, 2).abs() + 0.3, ints(3, 2, low=-2, high=3, dtype=torch.int32))
add("fake_quantize", lambda x: (torch.fake_quantize_per_tensor_affine(x, 0.1, 5, 0, 255), torch.fake_quantize_per_tensor_affine(x, 0.5, 0, -8, 7), torch.fake_quantize_per_tensor_affine(x, torch.tensor(0.25), torch.tensor(1, dtype=torch.int32), -16, 15)), WIDE)
add("fake_quantize_channel", lambda x: torch.fake_quantize_per_channel_affine(x, torch.tensor([0.05, 0.1, 0.2]), torch.tensor([0, 3, -4], dtype=torch.int32), 0, -16, 15), WIDE)
add("int8pack_mm", lambda x, w, s: torch._weight_int8pack_mm(x, w, s), rnd(3, 16), ints(4, 16, low=-128, high=128, dtype=torch.int8), rnd(4).abs())
add("int_mm", lambda x, w: torch._int_mm(x, w), ints(24, 16, low=-128, high=128, dtype=torch.int8), ints(16, 8, low=-128, high=128, dtype=torch.int8))


# Sub-graphs.
class Branches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)
        torch.nn.init.constant_(self.layer.weight, 0.5)
        torch.nn.init.constant_(self.layer.bias, -0.25)

    def forward(self, x, y):
        def pick(z):
            return torch.cond(z.sum() > 0, lambda z: self.layer(z), lambda z: z * 2, (z,))

        return pick(x), pick(y)


def counted(x):
    from torch._higher_order_ops.while_loop import while_loop

    _, y = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2 + i), (torch.tensor(0), x))
    return y


def scanned(x):
    from torch._higher_order_ops.scan import scan

    last, all_ = scan(lambda carry, x: (carry + x, carry * x), x[0], x)
    return last, all_


def mapped(x):
    from torch._higher_order_ops.map import map as each

    return each(lambda x, y: x * y + 1, x, x[0].clone())


def without_gradient(x):
    with torch.no_grad():
        y = x.sin() + 1
    with torch.autocast("cpu", torch.bfloat16, enabled=False):
        y = y * x
    return y * 2


def autocast(x):
    with torch.autocast("cpu", torch.bfloat16):
        y = (x @ x.mT).relu()
    return y + 1


add("branches", Branches, X - 1, X + 1)
add("loop_while", counted, X)
add("loop_scan", scanned, X)
add("loop_map", mapped, X)
add("regions", without_gradient, X)
add("region_autocast", autocast, X)


# Complex values inside a program, real ones at its border.
PAIRS = rnd(2, 3, 8, 2)


add("linear_vector", lambda x, w: (F.linear(x, w), F.linear(x[0, 0], w), F.linear(x, w, torch.tensor(0.5))), X, X[1, 2] + 1)


def complex_case(function):
    def run(x, y):
        result = function(torch.view_as_complex(x), torch.view_as_complex(y))
        return torch.view_as_real(result) if result.is_complex() else result

    return run


COMPLEX = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "mul_real": lambda x, y: x * y.real,
    "div": lambda x, y: x / (y + 2), "neg": lambda x, y: -x, "abs": lambda x, y: x.abs(), "angle": lambda x, y: x.angle(),
    "conj": lambda x, y: torch.conj_physical(x) * y, "real": lambda x, y: x.real * 2, "imag": lambda x, y: y.imag + 1,
    "views": lambda x, y: (x.unsqueeze(-1) * y.reshape(2, 3, 8, 1)).flatten(1), "slice": lambda x, y: x[:, :, 1:-1:2],
    "select": lambda x, y: x[..., -1] * y[:, :, 0], "permute": lambda x, y: x.permute(2, 0, 1) + y.transpose(-1, 0).transpose(1, 2),
    "polar": lambda x, y: torch.polar(x.abs(), y.angle()), "complex": lambda x, y: torch.complex(x.real, y.real),
    "fft": lambda x, y: torch.fft.fft(x), "ifft": lambda x, y: torch.fft.ifft(x, 5, 1, "ortho"), "fft_dim": lambda x, y: torch.fft.fft(x.real, dim=0, norm="forward"),
    "rfft": lambda x, y: torch.fft.rfft(x.real), "rfft_odd": lambda x, y: torch.fft.rfft(x.real, 7), "irfft": lambda x, y: torch.fft.irfft(x[..., :5]),
    "irfft_odd": lambda x, y: torch.fft.irfft(x, 9, norm="ortho"), "fft2": lambda x, y: torch.fft.fft2(x), "ifft2": lambda x, y: torch.fft.ifft2(x, (4, 4)),
    "fftn": lambda x, y: torch.fft.fftn(x.real), "ifftn": lambda x, y: torch.fft.ifftn(x, dim=(0, 2)), "rfft2": lambda x, y: torch.fft.rfft2(x.real),
    "irfft2": lambda x, y: torch.fft.irfft2(x[..., :5]), "rfftn": lambda x, y: torch.fft.rfftn(x.real, norm="ortho"), "irfftn": lambda x, y: torch.fft.irfftn(x[..., :5], (3, 8)),
    "fftn_real": lambda x, y: torch.fft.fftn(torch.fft.fftn(x.real, dim=-1), dim=-2).real,
}
for name, function in COMPLEX.items():
    add("complex_" + name, complex_case(function), PAIRS, rnd(2, 3, 8, 2, seed=5))
add("stft", lambda x: torch.view_as_real(torch.stft(x, 8, 3, window=torch.hann_window(8), return_complex=True)), rnd(2, 30))
add("stft_plain", lambda x: torch.stft(x, 8, 4, 6, window=torch.ones(6), center=False, normalized=True, onesided=False, return_complex=True).abs(), rnd(25))
add("istft", lambda x: torch.istft(torch.view_as_complex(x), 8, 2, window=torch.hann_window(8)), rnd(2, 5, 9, 2))
add("windows", lambda x: (torch.hann_window(8) + x, torch.hann_window(7, False) + x, torch.hamming_window(5) + x, torch.hann_window(1) + x), torch.tensor(0.0))
