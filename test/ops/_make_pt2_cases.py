#!/usr/bin/env python3
"""Exports small modules with torch.export and stores what torch computes for them.

Each case becomes test/ops/pt2/NAME.pt2 (training IR) and NAME.core.pt2 (after run_decompositions), both compressed, and
NAME.npz with inputs in0, in1, … and outputs out0, out1, …. test/ops/pt2_cases.py imports and evaluates them.
Needs torch 2.13 and numpy: python3 test/ops/_make_pt2_cases.py [START-OF-A-NAME…]
"""
import io
import json
import os
import sys
import zipfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pt2")
CASES = {}


def case(*inputs, core=True):
    """Registers a function of tensors (or a module class) as a case with these inputs."""

    def add(function):
        CASES[function.__name__.strip("_")] = (function, inputs, core)
        return function

    return add


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


def rnd(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def ints(*shape, low=-5, high=6, seed=0, dtype=torch.int64):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


SPECIAL = torch.tensor([0.0, -0.0, 1.5, -2.5, 0.5, 1e-8, -1e-8, 80.0, -80.0, float("inf"), float("-inf"), float("nan")])


@case(SPECIAL)
def unary_special(x):
    return (x.abs(), -x, x.sign(), x.ceil(), x.floor(), x.round(), x.trunc(), x.sqrt(), x.rsqrt(), x.reciprocal(), x.exp(),
            x.expm1(), x.log(), x.log2(), x.log10(), x.log1p(), x.tanh(), x.erf(), x.sigmoid(), torch.isnan(x),
            torch.isinf(x), x.square(), torch.exp2(x), torch.frac(x))


@case(rnd(3, 4).clamp(-0.95, 0.95))
def unary_trigonometric(x):
    return (x.sin(), x.cos(), x.tan(), x.asin(), x.acos(), x.atan(), x.sinh(), x.cosh(), x.asinh(), (x + 2).acosh(),
            x.atanh(), torch.logit(x.abs(), eps=1e-3))


@case(torch.cat([SPECIAL[:9], rnd(7) * 3]))
def activations(x):
    return (F.relu(x), F.silu(x), F.mish(x), F.hardswish(x), F.relu6(x), F.hardtanh(x, -2, 3), F.hardsigmoid(x), F.gelu(x),
            F.gelu(x, approximate="tanh"), F.leaky_relu(x, 0.2), F.elu(x, 0.7), F.celu(x, 1.3), F.selu(x),
            F.softplus(x, beta=2, threshold=5), F.logsigmoid(x), F.tanhshrink(x), F.softsign(x), F.hardshrink(x),
            F.softshrink(x, 0.3), F.threshold(x, 0.1, 20.0), F.prelu(x, torch.tensor([0.3])), F.glu(x, 0))


@case(rnd(2, 3, 4), rnd(3, 1))
def binary_float(x, y):
    return (x + y, x - y, x * y, x / y, torch.add(x, y, alpha=2), torch.sub(x, y, alpha=0.5), 3 - x, x + 1, 2.5 * x,
            torch.floor_divide(x, y), torch.remainder(x, y), torch.fmod(x, y), torch.div(x, y, rounding_mode="trunc"),
            torch.div(x, y, rounding_mode="floor"), torch.maximum(x, y), torch.minimum(x, y), torch.atan2(x, y),
            torch.pow(x.abs(), y), x**2, x**3, x.abs()**0.5, x.abs()**-0.5, x**-1, 2**x, torch.lerp(x, y, 0.3),
            torch.addcmul(x, x, y, value=0.5), torch.addcdiv(x, x, y, value=0.5))


@case(ints(4, 5), ints(5, low=1), ints(4, 5, dtype=torch.int32), ints(4, 5, low=0, high=250, dtype=torch.uint8))
def binary_int(x, y, z, u):
    return (x + y, x * y, x - z, torch.floor_divide(x, y), torch.remainder(x, y), torch.fmod(x, y), x / y,
            torch.div(x, y, rounding_mode="trunc"), x & y, x | y, x ^ y, ~x, x << y.clamp(max=3), x >> y.clamp(max=3), u + u,
            u // 7, x * 1.5, z + 2, torch.clamp(x, -2, 3), torch.clamp(z, min=0), x.abs(), -z, x.sign(), z.pow(2))


@case(rnd(3, 4), ints(3, 4), rnd(3, 4) > 0)
def comparisons(x, n, m):
    return (x > 0, x <= 0.5, x == x, x != n, n >= 2, n < x, m & (x > 0), m | (x > 0), m ^ (x > 0), ~m, torch.logical_and(n, x),
            torch.logical_or(n, m), torch.logical_not(n), torch.logical_xor(m, x > 1), torch.where(m, x, n),
            torch.where(m, x, 2.0), x.masked_fill(m, float("-inf")), torch.clamp(x, -0.5), torch.clamp(x, max=x.mean()))


@case(rnd(2, 3, 4), ints(2, 3, 4), rnd(2, 3, 4) > 0)
def casts(x, n, m):
    return ((x * 100).to(torch.int32), x.to(torch.float16), x.to(torch.bfloat16).to(torch.float32), n.to(torch.float32),
            n.to(torch.bool), m.to(torch.float32), m.to(torch.int64), x.double(), (x.abs() * 50).to(torch.uint8),
            x.half() + x.half(), x.bfloat16() * 3.0, n.to(torch.int8), x.type_as(n), m + m, x.to(torch.float64).sum())


@case(rnd(2, 3, 4))
def views(x):
    return (x.view(6, 4), x.reshape(4, 6), x.permute(2, 0, 1), x.transpose(1, 2), x.unsqueeze(1), x[:, :1].squeeze(1),
            x.flatten(1), x.unflatten(2, (2, 2)), x[1], x[:, 1:, ::2], x.narrow(2, 1, 2), x.select(2, -1), x.expand(5, 2, 3, 4),
            x.movedim(0, 2), x.mT, *x.split(2, 1), *x.chunk(2, 2), *x.unbind(1), x.diagonal(0, 1, 2), x.diagonal(1, 1, 2),
            x.diagonal(-1, 2, 1), x.unfold(2, 2, 1), x.transpose(0, 2).contiguous().view(4, 6), x.as_strided((2, 2), (1, 3), 2),
            x[..., None, :, 0], x[:, [2, 0]], x[-1, -2:], x.transpose(0, 1).reshape(6, 4))


@case(rnd(2, 3, 4), rnd(2, 3, 4, seed=9))
def joins(x, y):
    return (torch.cat([x, y], 1), torch.stack([x, y], -1), torch.hstack([x, y]), x.repeat(2, 1, 3), torch.tile(x, (2, 2)),
            x.repeat_interleave(2, 1), x.repeat_interleave(2), x.flip(0, 2), x.roll(1, 2), x.roll((1, -2), (0, 2)), x.roll(3),
            F.pad(x, (1, 2)), F.pad(x, (1, -1, 0, 2), value=3.5), F.pad(x, (1, 2), mode="reflect"),
            F.pad(x, (3, 1), mode="replicate"), F.pad(x, (2, 1), mode="circular"), *torch.meshgrid(x[0, 0], y[0, :, 0], indexing="xy"),
            x.tril(), x.triu(1), x.tril(-1), torch.diff(x, dim=1), torch.diff(x, n=2), F.pixel_shuffle(x.view(1, 4, 2, 3), 2),
            F.pixel_unshuffle(x.view(1, 1, 4, 6), 2), torch.channel_shuffle(x.view(1, 4, 2, 3), 2),
            F.unfold(x.view(1, 2, 3, 4), 2, padding=1), *torch.broadcast_tensors(x[0, :1], y[0]))


@case(rnd(4, 5, 6), ints(3, 2, low=-4, high=4), ints(3, 1, low=0, high=5), ints(4, 5, 6, low=0, high=4))
def indexing(x, i, j, k):
    return (x[i], x[:, j], x[i, j], x[:, i, j], x[i, :, j], x[:, :, i.clamp(0)], torch.gather(x, 0, k),
            torch.gather(x, 2, k[:2, :3]), torch.index_select(x, 1, k[0, 0]), torch.take_along_dim(x, k, 0),
            F.embedding(i.abs(), x[0, :4]), x.scatter(1, k[:, :3], 7.0), x.scatter(1, k, x * 2), x.scatter_add(0, k, x),
            x.scatter_reduce(2, k, x, "amax"), x.index_copy(1, torch.tensor([3, 1]), x[:, :2] * 10),
            x.index_add(1, torch.tensor([3, 3]), x[:, :2], alpha=2), x.index_put((i, j), torch.tensor(5.0)),
            x.index_put((i.abs(), j), x[0, 0, 0], accumulate=True), F.one_hot(k[0, 0], 4),
            torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0])), torch.searchsorted(torch.tensor([-1.0, 0.0, 1.0]), x, right=True),
            torch.select_scatter(x, x[:, 0] * 2, 1, 3), torch.slice_scatter(x, x[:, :2] * 3, 1, 1, 5, 2))


@case(rnd(3, 4))
def creation(x):
    return (torch.zeros(2, 3) + x[0, 0], torch.ones_like(x), torch.full((2, 2), 7), torch.full_like(x, float("-inf")),
            torch.arange(5), torch.arange(2, 9, 3), torch.arange(0.5, 3, 0.5), torch.linspace(-1, 1, 7), torch.eye(3),
            torch.eye(2, 4), x.new_zeros(2), x.new_full((2,), 3.5), torch.tensor(3.25) * x, torch.scalar_tensor(2) + x,
            x.clone().fill_(2.0), torch.zeros_like(x, dtype=torch.int32), torch.ones(3, dtype=torch.bool))


@case(rnd(3, 4, 5), ints(3, 4, 5), rnd(3, 4, 5) > 1)
def reductions(x, n, m):
    return (x.sum(), x.sum(1), x.sum((0, 2), keepdim=True), x.mean(), x.mean(-1, keepdim=True), x.prod(1), x.amax((0, 1)),
            x.amin(2), x.max(), x.min(), *x.max(1), *x.min(2, keepdim=True), x.argmax(), x.argmax(1), x.argmin(0, keepdim=True),
            m.any(), m.any(1), m.all(0), n.sum(), n.sum(0), m.sum(), n.prod(2), n.amax(1), x.var(1), x.var((0, 2), unbiased=False),
            x.std(1), x.std(), *torch.var_mean(x, 1), x.norm(dim=1), torch.linalg.vector_norm(x, 1, 2),
            torch.linalg.vector_norm(x, float("inf"), 0), torch.linalg.vector_norm(x, 3, 0), x.logsumexp(1), x.softmax(1),
            x.log_softmax(-1), x.cumsum(1), n.cumsum(2), m.cumsum(0), *x.topk(2), *x.topk(3, 1, largest=False), *x.sort(1),
            *x.sort(0, descending=True), x.argsort(2), torch.where(x > 0, x, float("nan")).amax(1))


@case(rnd(2, 3, 4), rnd(2, 4, 5), rnd(6, 4), rnd(6), rnd(4), rnd(3, 6), rnd(2, 3, 5))
def products(x, y, w, b, v, p, q):
    return (x @ y, torch.bmm(x, y), F.linear(x, w, b), F.linear(x, w), torch.mm(x[0], y[0]), torch.addmm(b, x[0], w.t()),
            torch.addmm(p, x[0], w.t(), beta=0.5, alpha=2), x @ v, v @ w.t(), torch.dot(v, v),
            torch.outer(v, b), torch.baddbmm(q, x, y, beta=2), torch.einsum("bij,bjk->bki", x, y),
            torch.einsum("bij,j->bi", x, v), x.unsqueeze(1) @ y.unsqueeze(0), torch.mv(w, v))


class _convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.ModuleList([
            nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(4, 8, 3, stride=2, groups=4, bias=False), nn.Conv2d(4, 4, (3, 1), dilation=2),
            nn.Conv2d(4, 5, 3, padding="same", dilation=2), nn.Conv2d(4, 2, 4, padding="same"), nn.Conv2d(4, 2, 1),
            nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), nn.ConvTranspose2d(4, 4, 2, stride=2, groups=2),
            nn.Conv2d(4, 3, 3).to(memory_format=torch.channels_last)])
        self.one = nn.ModuleList([nn.Conv1d(4, 6, 3, padding=2, stride=2), nn.ConvTranspose1d(4, 2, 5, stride=3)])
        self.three = nn.Conv3d(2, 3, 2, stride=(1, 2, 1))

    def forward(self, x, y, z):
        return (*[layer(x) for layer in self.layers], *[layer(y) for layer in self.one], self.three(z))


case(rnd(2, 4, 9, 8), rnd(1, 4, 11), rnd(1, 2, 4, 5, 3))(_convolutions)


class _norms(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.batch, self.batch1 = nn.BatchNorm2d(4), nn.BatchNorm1d(4, affine=False)
        for norm in (self.batch, self.batch1):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        self.layer, self.plain = nn.LayerNorm((6, 5)), nn.LayerNorm(5, elementwise_affine=False)
        self.group, self.instance = nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True)
        self.rms = nn.RMSNorm(5)
        self.weight = nn.utils.parametrizations.weight_norm(nn.Linear(5, 3))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return (self.batch(x), self.batch1(x[:, :, 0]), self.layer(x), self.plain(x), self.group(x), self.instance(x), self.rms(x),
                self.weight(x), self.drop(x) * 2, F.cosine_similarity(x, x.flip(3), 3), F.normalize(x, dim=1))


case(rnd(3, 4, 6, 5))(_norms)


@case(rnd(1, 2, 9, 10), rnd(1, 2, 11))
def pooling(x, y):
    return (F.max_pool2d(x, 2), F.max_pool2d(x, 3, 2, 1), F.max_pool2d(x, 3, 2, ceil_mode=True), F.max_pool2d(x, 2, 1, dilation=2),
            F.avg_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
            F.avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False), F.max_pool1d(y, 3), F.avg_pool1d(y, 3, 2, 1),
            F.adaptive_avg_pool2d(x, 1), F.adaptive_avg_pool2d(x, (3, 4)), F.adaptive_avg_pool1d(y, 5), F.adaptive_avg_pool2d(x, (9, 1)))


@case(rnd(1, 2, 5, 6), core=False)
def resizing(x):
    return (F.interpolate(x, scale_factor=2), F.interpolate(x, size=(7, 4)), F.interpolate(x, scale_factor=2, mode="bilinear"),
            F.interpolate(x, size=(3, 11), mode="bilinear"), F.interpolate(x, size=(8, 9), mode="bilinear", align_corners=True),
            F.interpolate(x, scale_factor=(1.5, 2), mode="bicubic"), F.interpolate(x, size=(4, 9), mode="bicubic", align_corners=True),
            F.interpolate(x, size=(7, 8), mode="nearest-exact"), F.interpolate(x[0], scale_factor=3, mode="linear"),
            F.interpolate(x[0], scale_factor=2))


@case(rnd(2, 4, 6, 8), rnd(2, 2, 7, 8), rnd(2, 2, 7, 8, seed=5), rnd(2, 1, 6, 7), rnd(6, 7) > 0)
def attention(q, k, v, bias, mask):
    k4, v4 = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    sdpa = F.scaled_dot_product_attention
    return (sdpa(q, k4, v4), sdpa(q, k4, v4, attn_mask=bias), sdpa(q, k4, v4, attn_mask=mask), sdpa(q, k4[:, :, :6], v4[:, :, :6], is_causal=True),
            sdpa(q, k4, v4, scale=0.3), sdpa(q, k, v, enable_gqa=True), sdpa(q[0], k4[0], v4[0]))


class _recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.bilstm = nn.LSTM(3, 4, bidirectional=True)
        self.gru = nn.GRU(3, 4, num_layers=2, bidirectional=True)
        self.nobias = nn.GRU(3, 4, bias=False, batch_first=True)
        self.rnn, self.relu = nn.RNN(3, 4), nn.RNN(3, 4, nonlinearity="relu")
        self.lstm_cell, self.gru_cell = nn.LSTMCell(3, 4), nn.GRUCell(3, 4)

    def forward(self, x, h, c):
        a, (b, d) = self.lstm(x, (h, c))
        e, (f, g) = self.bilstm(x)
        i, j = self.gru(x)
        k, _ = self.nobias(x)
        l, m = self.rnn(x)
        n, _ = self.relu(x)
        o, p = self.lstm_cell(x[0], (h[0, :1].expand(5, 4), c[0, :1].expand(5, 4)))
        return a, b, d, e, f, g, i, j, k, l, m, n, o, p, self.gru_cell(x[0], o)


case(rnd(2, 5, 3), rnd(2, 2, 4), rnd(2, 2, 4, seed=4), core=False)(_recurrent)


@case(rnd(4, 6))
def in_place(x):
    a = x.clone()
    a[1:3, ::2] = 7.0  # a view of a view, by steps
    b = x.clone()
    row = b[2]
    row.mul_(10)  # b sees it
    c = x * 1
    c.add_(1).relu_()
    d = torch.zeros(4, 6)
    d[:, 2].copy_(x[:, 0])
    d.t()[0].fill_(3)
    e = x.clone()
    first, second = e.chunk(2, 1)
    first.sub_(second)  # reads one part, writes the other
    f = x.clone()
    g = f.view(2, 12)
    f.zero_()  # g sees it
    h = x.clone()
    h.index_put_((torch.tensor([0, 2]),), torch.ones(6))
    h.masked_fill_(h > 1, -1)
    i = x.clone()
    i[0], i[1] = i[1].clone(), i[0].clone()
    j = x.clone()
    j[:, 1:].cumsum(1)
    j.unsqueeze(0)[0, :, -1].add_(100)
    return a, b, row, c, d, e, first, f, g, h, i, j


class _state(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("cache", torch.zeros(1, 4, 3), persistent=False)

    def forward(self, x, position):
        self.count.add_(1)
        self.cache.index_copy_(1, position, x)
        return self.cache.sum(1), self.count + 0


case(rnd(1, 1, 3), torch.tensor([2]))(_state)


@case(torch.zeros(0, 3), torch.tensor(2.5))
def empty_and_scalar(x, s):
    return (x + s, x.sum(0), torch.cat([x, torch.ones(2, 3)]), s * s, s.reshape(1, 1), x.reshape(3, 0), s.exp().unsqueeze(0), x.mT @ x)


class _quantized(nn.Module):
    def forward(self, x):
        q = torch.ops.quantized_decomposed
        a = q.quantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8)
        b = q.quantize_per_tensor(x, 0.5, 0, -8, 7, torch.int8)
        scale, zero = torch.tensor([0.5, 0.25, 0.125]), torch.tensor([0, 1, -2])
        c = q.quantize_per_channel(x, scale, zero, 1, -128, 127, torch.int8)
        return (a, q.dequantize_per_tensor(a, 0.05, 3, -128, 127, torch.int8), b, c,
                q.dequantize_per_channel(c, scale, zero, 1, -128, 127, torch.int8))


case(rnd(2, 3, 4) * 3)(_quantized)


def compress(data, samples):
    """The archive with deflated members, and without the stack traces that make up most of its text."""
    source = zipfile.ZipFile(io.BytesIO(data))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name in source.namelist():
            content = source.read(name)
            if "/models/" in name:
                model = json.loads(content)
                strip(model["graph_module"]["graph"])
                model["guards_code"] = []
                content = json.dumps(model, separators=(",", ":")).encode()
            if "sample_inputs" in name and not samples:
                continue
            out.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


def older_layouts(name, data, program):
    """The same program as torch 2.8 stored it (weights pickled by torch.save), and as 2.1 to 2.7 did (a flat archive)."""
    source = zipfile.ZipFile(io.BytesIO(data))

    def pickled(tensors):
        buffer = io.BytesIO()
        torch.save(tensors, buffer)
        return buffer.getvalue()

    state = pickled(program.state_dict)
    buffers = {s.target for s in program.graph_signature.input_specs if s.target and s.target not in program.state_dict}
    constants = pickled({key: value for key, value in program.constants.items() if key in buffers})
    root = source.namelist()[0].split("/")[0] + "/"
    with zipfile.ZipFile(os.path.join(HERE, name + ".pickled.pt2"), "w", zipfile.ZIP_STORED) as out:
        for member in source.namelist():
            if "/data/weights/" not in member and "/data/constants/" not in member:
                out.writestr(zipfile.ZipInfo(member), source.read(member), zipfile.ZIP_DEFLATED)
        out.writestr(zipfile.ZipInfo(root + "data/weights/model.pt"), state)
        out.writestr(zipfile.ZipInfo(root + "data/constants/model.pt"), constants, zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(os.path.join(HERE, name + ".flat.pt2"), "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(zipfile.ZipInfo("serialized_exported_program.json"), source.read(root + "models/model.json"),
                     zipfile.ZIP_DEFLATED)
        out.writestr(zipfile.ZipInfo("serialized_state_dict.pt"), state)
        out.writestr(zipfile.ZipInfo("serialized_constants.pt"), constants)
        out.writestr(zipfile.ZipInfo("version"), "8.20")


def strip(graph):
    for node in graph["nodes"]:
        node["metadata"] = {k: v for k, v in node["metadata"].items() if k == "nn_module_stack"}
        for argument in node["inputs"]:
            if "as_graph" in argument["arg"]:
                strip(argument["arg"]["as_graph"]["graph"])


def main():
    from torch.ao.quantization.fx import _decomposed  # noqa: F401  (registers quantized_decomposed)
    from _pt2_families import FAMILIES
    from _pt2_small_cases import SMALL

    CASES.update({name: (function, inputs, False) for name, (function, inputs) in SMALL.items()})
    CASES.update({name: (make, inputs, True) for name, (make, inputs) in FAMILIES.items()})
    for name, (function, inputs, core) in CASES.items():
        if len(sys.argv) > 1 and not any(name.startswith(word) for word in sys.argv[1:]):
            continue
        made = isinstance(function, type) or name in FAMILIES
        module = (function() if made else Call(function)).eval()
        with torch.set_grad_enabled(name == "regions"):  # there, no_grad is a region of its own
            exported = torch.export.export(module, inputs)
            programs = {name: exported}
            if core:
                programs[name + ".core"] = exported.run_decompositions()
        for file, program in programs.items():
            buffer = io.BytesIO()
            torch.export.save(program, buffer)
            data = compress(buffer.getvalue(), name == "state")
            with open(os.path.join(HERE, file + ".pt2"), "wb") as out:
                out.write(data)
            if file in ("norms", "state"):
                older_layouts(file, data, program)
        with torch.no_grad():  # after saving: the programs share the module's buffers
            expected = module(*[value.clone() for value in inputs])
        arrays = {f"in{i}": value for i, value in enumerate(inputs)}
        for i, value in enumerate(expected if isinstance(expected, tuple) else (expected,)):
            arrays[f"out{i}"] = value
        for key, value in arrays.items():
            value = value.detach()
            arrays[key] = (value.contiguous().view(torch.int16).numpy().view("V2") if value.dtype == torch.bfloat16 else value.numpy())
        np.savez_compressed(os.path.join(HERE, name + ".npz"), **arrays)
        print(name, sum(os.path.getsize(os.path.join(HERE, f)) for f in os.listdir(HERE) if f.startswith(name + ".")), "bytes")


if __name__ == "__main__":
    main()
