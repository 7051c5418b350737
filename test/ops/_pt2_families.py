"""Whole models in small, one a family of architectures: plain torch, random weights, a few KB each.

What matters is which operators meet, as torch.export writes them: attention with grouped keys and rotary embeddings, biases by
position, selective scans, experts, windows, convolutions of all kinds, detectors' position tables and caches.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

FAMILIES = {}


def rnd(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def tokens(*shape, seed=0):
    return torch.randint(0, 32, shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def family(*inputs):
    """Registers a module class with its inputs; the weights are those of a fixed seed."""

    def add(cls):
        def make():
            torch.manual_seed(1)
            return cls()

        FAMILIES["family_" + cls.__name__.lower()] = (make, inputs)
        return cls

    return add


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(1 + 0.1 * torch.randn(width))

    def forward(self, x):
        return self.weight * (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x)


def rotary(x, base=10000.0):
    size, steps = x.shape[-1], x.shape[-2]
    frequencies = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.int64).float() / size)
    angles = torch.cat([torch.arange(steps)[:, None].float() * frequencies] * 2, -1)
    half = torch.cat([-x[..., size // 2:], x[..., :size // 2]], -1)
    return x * angles.cos() + half * angles.sin()


class Heads(nn.Module):
    """Self- or cross-attention; `keys` heads of keys are shared by groups of queries."""

    def __init__(self, width, heads, keys=None, bias=False, norm=False, rotate=False):
        super().__init__()
        self.heads, self.keys, self.size, self.rotate = heads, keys or heads, width // heads, rotate
        self.q, self.k, self.v = nn.Linear(width, width, bias), *(nn.Linear(width, self.keys * self.size, bias) for _ in range(2))
        self.o = nn.Linear(width, width, bias)
        self.norm = nn.ModuleList([RmsNorm(self.size), RmsNorm(self.size)]) if norm else None

    def split(self, x, heads):
        return x.view(*x.shape[:2], heads, self.size).transpose(1, 2)

    def forward(self, x, mask=None, context=None, causal=False, cap=None, bias=None):
        y = x if context is None else context
        q, k, v = self.split(self.q(x), self.heads), self.split(self.k(y), self.keys), self.split(self.v(y), self.keys)
        if self.norm is not None:
            q, k = self.norm[0](q), self.norm[1](k)
        if self.rotate:
            q, k = rotary(q), rotary(k)
        if cap is None and bias is None:
            result = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=self.keys != self.heads)
        else:
            k, v = (t.repeat_interleave(self.heads // self.keys, 1) for t in (k, v))
            scores = q @ k.transpose(-1, -2) / math.sqrt(self.size)
            scores = scores if cap is None else cap * torch.tanh(scores / cap)
            scores = scores if bias is None else scores + bias
            scores = scores if mask is None else scores + mask
            result = F.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype) @ v
        return self.o(result.transpose(1, 2).reshape(x.shape))


class Gated(nn.Module):
    def __init__(self, width, function=F.silu):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(width, 2 * width, False), nn.Linear(width, 2 * width, False), nn.Linear(2 * width, width, False)
        self.function = function

    def forward(self, x):
        return self.down(self.function(self.gate(x)) * self.up(x))


# ---- decoders ------------------------------------------------------------------------------------------------------

class Decoder(nn.Module):
    options = {}
    function = staticmethod(F.silu)

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(32, 16)
        self.layers = nn.ModuleList(nn.ModuleList([RmsNorm(16), Heads(16, 4, 2, rotate=True, **self.options), RmsNorm(16),
                                                   Gated(16, self.function)]) for _ in range(2))
        self.norm, self.head = RmsNorm(16), nn.Linear(16, 32, False)

    def forward(self, ids):
        x, steps = self.embed(ids), ids.shape[1]
        mask = torch.full((steps, steps), float("-inf")).triu(1)
        for norm, attention, second, mlp in self.layers:
            x = x + attention(norm(x), mask=mask)
            x = x + mlp(second(x))
        return self.head(self.norm(x))


@family(tokens(1, 6))
class Llama(Decoder):
    pass


@family(tokens(2, 5))
class Qwen3(Decoder):
    options = dict(norm=True)


@family(tokens(1, 7))
class Gemma(Decoder):
    """Scaled embeddings, scores capped, a sliding window in every other layer, tied head."""

    def forward(self, ids):
        x, steps = self.embed(ids) * 16**0.5, torch.arange(ids.shape[1])
        far = steps[:, None] - steps[None, :]
        for number, (norm, attention, second, mlp) in enumerate(self.layers):
            keep = (far >= 0) & (far < 3) if number % 2 else far >= 0
            mask = torch.where(keep, 0.0, torch.finfo(torch.float32).min)
            x = x + attention(norm(x), mask=mask, cap=5.0)
            x = x + mlp(second(x))
        return 3.0 * torch.tanh(F.linear(self.norm(x), self.embed.weight) / 3.0)


@family(tokens(2, 6))
class Gpt2(nn.Module):
    """Products as addmm with untransposed weights, learned positions, tanh GELU, a mask as a buffer."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions, self.norm = nn.Embedding(32, 16), nn.Embedding(12, 16), nn.LayerNorm(16)
        self.weights = nn.ParameterList(nn.Parameter(0.2 * torch.randn(a, b)) for a, b in ((16, 48), (16, 16), (16, 64), (64, 16)))
        self.biases = nn.ParameterList(nn.Parameter(0.1 * torch.randn(b)) for b in (48, 16, 64, 16))
        self.register_buffer("mask", torch.ones(12, 12, dtype=torch.bool).tril())

    def product(self, x, i):
        return torch.addmm(self.biases[i], x.view(-1, x.shape[-1]), self.weights[i]).view(*x.shape[:-1], -1)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tokens(ids) + self.positions(torch.arange(n)[None])
        q, k, v = (t.view(*x.shape[:2], 2, 8).permute(0, 2, 1, 3) for t in self.product(self.norm(x), 0).split(16, dim=2))
        scores = torch.where(self.mask[:n, :n], q @ k.transpose(-1, -2) / 8**0.5, torch.finfo(torch.float32).min)
        x = x + self.product((F.softmax(scores, -1) @ v).permute(0, 2, 1, 3).reshape(x.shape), 1)
        x = x + self.product(F.gelu(self.product(self.norm(x), 2), approximate="tanh"), 3)
        return x @ self.tokens.weight.T


@family(tokens(1, 6))
class Bloom(nn.Module):
    """Linear biases by distance, by baddbmm."""

    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.qkv, self.out = nn.Embedding(32, 16), nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, ids):
        x = self.norm(self.embed(ids))
        b, n, _ = x.shape
        q, k, v = self.qkv(x).view(b, n, 4, 3, 4).unbind(3)
        slopes = torch.pow(torch.tensor(0.25), torch.arange(1, 5))
        alibi = (slopes[:, None, None] * torch.arange(n)[None, None, :]).repeat(b, 1, 1)
        q, k, v = (t.transpose(1, 2).reshape(b * 4, n, 4) for t in (q, k, v))
        scores = alibi.baddbmm(q, k.transpose(1, 2), beta=1.0, alpha=0.5)
        scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), float("-inf"))
        return self.out(torch.bmm(scores.softmax(-1), v).view(b, 4, n, 4).transpose(1, 2).reshape(b, n, 16))


@family(tokens(1, 6))
class Mixtral(nn.Module):
    """Experts chosen for each token, all of them computed and weighted by one-hot choices."""

    def __init__(self):
        super().__init__()
        self.embed, self.router, self.experts = nn.Embedding(32, 16), nn.Linear(16, 4, False), nn.ModuleList(Gated(16) for _ in range(4))

    def forward(self, ids):
        x = self.embed(ids).view(-1, 16)
        weights, chosen = torch.topk(F.softmax(self.router(x), dim=1, dtype=torch.float), 2, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        share = torch.zeros(x.shape[0], 4).scatter_(1, chosen, weights)
        return sum(expert(x) * share[:, i, None] for i, expert in enumerate(self.experts)).view(*ids.shape, 16)


@family(tokens(1, 6))
class Mamba(nn.Module):
    """A causal depthwise convolution and a selective scan, step by step."""

    def __init__(self):
        super().__init__()
        self.embed, self.into, self.out = nn.Embedding(32, 8), nn.Linear(8, 32, False), nn.Linear(16, 8, False)
        self.conv, self.parts, self.step = nn.Conv1d(16, 16, 4, groups=16, padding=3), nn.Linear(16, 2 + 8, False), nn.Linear(2, 16)
        self.a, self.d = nn.Parameter(torch.rand(16, 4).log()), nn.Parameter(torch.ones(16))

    def forward(self, ids):
        x, gate = self.into(self.embed(ids)).chunk(2, -1)
        n = x.shape[1]
        x = F.silu(self.conv(x.transpose(1, 2))[..., :n])
        step, b, c = self.parts(x.transpose(1, 2)).split([2, 4, 4], -1)
        step = F.softplus(self.step(step)).transpose(1, 2)
        decay = torch.exp(step[..., None] * -torch.exp(self.a)[None, :, None])
        drive = step[..., None] * b[:, None] * x[..., None]
        state, rows = torch.zeros_like(drive[:, :, 0]), []
        for i in range(n):
            state = decay[:, :, i] * state + drive[:, :, i]
            rows.append((state @ c[:, i, :, None])[..., 0])
        y = torch.stack(rows, -1) + self.d[None, :, None] * x
        return self.out(y.transpose(1, 2) * F.silu(gate))


@family(tokens(1, 6))
class Rwkv(nn.Module):
    """Time mixing by a shift, and the weighted sum with a running maximum."""

    def __init__(self):
        super().__init__()
        self.embed, self.shift = nn.Embedding(32, 8), nn.ZeroPad2d((0, 0, 1, -1))
        self.mix, self.decay, self.first = (nn.Parameter(torch.rand(8)) for _ in range(3))
        self.k, self.v, self.r, self.o = (nn.Linear(8, 8, False) for _ in range(4))

    def forward(self, ids):
        x = self.embed(ids)
        mixed = x * self.mix + self.shift(x) * (1 - self.mix)
        k, v, r = self.k(mixed), self.v(mixed), torch.sigmoid(self.r(mixed))
        top, bottom, most, out, decay = torch.zeros_like(k[:, 0]), torch.zeros_like(k[:, 0]), torch.full_like(k[:, 0], -1e38), torch.zeros_like(v), -self.decay.exp()
        for i in range(ids.shape[1]):
            q = torch.maximum(most, k[:, i] + self.first)
            a, b = torch.exp(most - q), torch.exp(k[:, i] + self.first - q)
            out[:, i] = (a * top + b * v[:, i]) / (a * bottom + b)
            q = torch.maximum(most + decay, k[:, i])
            a, b = torch.exp(most + decay - q), torch.exp(k[:, i] - q)
            top, bottom, most = a * top + b * v[:, i], a * bottom + b, q
        return self.o(r * out)


# ---- encoders, and encoders with decoders --------------------------------------------------------------------------

@family(tokens(2, 5), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]))
class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(32, 16, padding_idx=0), nn.Embedding(12, 16), nn.Embedding(2, 16)
        self.attention, self.up, self.down = Heads(16, 2, bias=True), nn.Linear(16, 32), nn.Linear(32, 16)
        self.norms, self.pool = nn.ModuleList(nn.LayerNorm(16, eps=1e-12) for _ in range(3)), nn.Linear(16, 16)
        self.register_buffer("ids", torch.arange(12)[None])

    def forward(self, ids, keep):
        x = self.words(ids) + self.kinds(torch.zeros_like(ids)) + self.places(self.ids[:, :ids.shape[1]])
        x = self.norms[0](x)
        mask = (1.0 - keep[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        x = self.norms[1](x + self.attention(x, mask=mask.expand(-1, 1, ids.shape[1], -1)))
        x = self.norms[2](x + self.down(F.gelu(self.up(x))))
        return x, torch.tanh(self.pool(x[:, 0]))


@family(tokens(1, 6), tokens(1, 4, seed=3))
class T5(nn.Module):
    """Biases by buckets of relative positions, and a decoder that reads the encoder."""

    def __init__(self):
        super().__init__()
        self.embed, self.bias = nn.Embedding(32, 16), nn.Embedding(8, 2)
        self.parts, self.norm, self.mlp = nn.ModuleList(Heads(16, 2) for _ in range(3)), RmsNorm(16), Gated(16, F.gelu)

    def buckets(self, rows, columns, both):
        relative = torch.arange(columns)[None, :] - torch.arange(rows)[:, None]
        count, result = 8, torch.zeros_like(relative)
        if both:
            count //= 2
            result, relative = result + (relative > 0).to(torch.long) * count, torch.abs(relative)
        else:
            relative = -torch.min(relative, torch.zeros_like(relative))
        exact = count // 2
        large = exact + (torch.log(relative.float() / exact) / math.log(16 / exact) * (count - exact)).to(torch.long)
        result = result + torch.where(relative < exact, relative, torch.min(large, torch.full_like(large, count - 1)))
        return self.bias(result).permute(2, 0, 1)[None]

    def forward(self, source, target):
        x = self.embed(source)
        x = x + self.parts[0](self.norm(x), bias=self.buckets(x.shape[1], x.shape[1], True))
        x = x + self.mlp(self.norm(x))
        y, n = self.embed(target), target.shape[1]
        y = y + self.parts[1](self.norm(y), bias=self.buckets(n, n, False), mask=torch.full((n, n), -1e9).triu(1))
        y = y + self.parts[2](self.norm(y), context=x, bias=torch.zeros(1, 2, n, x.shape[1]))
        return F.linear(self.norm(y) * 16**-0.5, self.embed.weight)


@family(tokens(1, 6))
class Deberta(nn.Module):
    """Disentangled attention: scores of content and position, gathered by distance."""

    def __init__(self):
        super().__init__()
        self.embed, self.relative, self.q, self.k, self.v = nn.Embedding(32, 16), nn.Embedding(8, 16), *(nn.Linear(16, 16) for _ in range(3))

    def forward(self, ids):
        x, n = self.embed(ids), ids.shape[1]
        q, k, v = (f(x).view(1, n, 2, 8).permute(0, 2, 1, 3).reshape(-1, n, 8) for f in (self.q, self.k, self.v))
        p = self.k(self.relative.weight).view(8, 2, 8).permute(1, 0, 2)
        far = (torch.arange(n)[:, None] - torch.arange(n)[None, :] + 4).clamp(0, 7)[None].expand(2, -1, -1)
        scores = torch.bmm(q, k.transpose(-1, -2)) + torch.gather(torch.bmm(q, p.transpose(-1, -2)), -1, far)
        return torch.bmm(torch.softmax(scores / 24**0.5, -1), v).view(1, 2, n, 8).permute(0, 2, 1, 3).reshape(1, n, 16)


@family(tokens(1, 8))
class Fnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.up, self.down = nn.Embedding(32, 16), nn.LayerNorm(16), nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, ids):
        x = self.embed(ids)
        x = self.norm(x + torch.fft.fftn(x, dim=(1, 2)).real)
        return self.norm(x + self.down(F.gelu(self.up(x))))


@family(rnd(1, 8, 16), tokens(1, 4))
class Whisper(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.embed = nn.Conv1d(8, 16, 3, padding=1), nn.Conv1d(16, 16, 3, 2, 1), nn.Embedding(32, 16)
        self.parts, self.norm, self.places = nn.ModuleList(Heads(16, 2, bias=True) for _ in range(3)), nn.LayerNorm(16), nn.Parameter(torch.randn(8, 16))

    def forward(self, mel, ids):
        x = F.gelu(self.second(F.gelu(self.first(mel)))).permute(0, 2, 1) + self.places
        x = self.norm(x + self.parts[0](self.norm(x)))
        y = self.embed(ids) + self.places[:ids.shape[1]]
        y = y + self.parts[1](self.norm(y), causal=True)
        y = y + self.parts[2](self.norm(y), context=x)
        return self.norm(y) @ self.embed.weight.t()


@family(rnd(1, 160))
class Wav2vec2(nn.Module):
    """A feature extractor on samples, a convolution of positions with its weight normed, group norm."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(1, 8, 10, 5, bias=False), nn.Conv1d(8, 8, 3, 2, bias=False)])
        self.group, self.norm, self.project = nn.GroupNorm(8, 8), nn.LayerNorm(8), nn.Linear(8, 16)
        self.places = torch.nn.utils.parametrizations.weight_norm(nn.Conv1d(16, 16, 4, padding=2, groups=4), dim=2)
        self.attention = Heads(16, 2, bias=True)

    def forward(self, samples):
        x = F.gelu(self.group(self.convs[0](samples[:, None])))
        x = self.project(self.norm(F.gelu(self.convs[1](x)).transpose(1, 2)))
        x = x + F.gelu(self.places(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
        return x + self.attention(x)


@family(rnd(1, 12, 16))
class Conformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.attention, self.batch = nn.LayerNorm(16), Heads(16, 2, bias=True), nn.BatchNorm1d(16)
        self.point, self.depth, self.out = nn.Conv1d(16, 32, 1), nn.Conv1d(16, 16, 5, padding=2, groups=16), nn.Conv1d(16, 16, 1)
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, x):
        x = x + 0.5 * self.down(F.silu(self.up(self.norm(x))))
        x = x + self.attention(self.norm(x))
        y = F.glu(self.point(self.norm(x).transpose(1, 2)), dim=1)
        return x + self.out(F.silu(self.batch(self.depth(y)))).transpose(1, 2)


# ---- images --------------------------------------------------------------------------------------------------------

def conv_norm(a, b, kernel=3, stride=1, groups=1, function=nn.ReLU):
    return nn.Sequential(nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(b), function(inplace=True))


@family(rnd(1, 3, 16, 16))
class Resnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.pool = conv_norm(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1)
        self.a, self.b, self.c, self.head = conv_norm(8, 8), nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16)), nn.Conv2d(8, 16, 1, 2), nn.Linear(16, 10)

    def forward(self, x):
        x = self.pool(self.stem(x))
        y = self.b(self.a(x))
        y += self.c(x)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(F.relu_(y), 1), 1))


@family(rnd(1, 3, 16, 16))
class Mobilenet(nn.Module):
    """Depthwise convolutions, squeeze and excitation, hard activations."""

    def __init__(self):
        super().__init__()
        self.stem, self.depth = conv_norm(3, 8, 3, 2, function=nn.Hardswish), conv_norm(8, 8, 5, 1, 8, nn.ReLU6)
        self.squeeze, self.excite, self.out, self.head = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), conv_norm(8, 8, 1, function=nn.SiLU), nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        y = self.depth(x)
        y = y * F.hardsigmoid(self.excite(F.relu(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return self.head((x + self.out(y)).mean([2, 3]))


@family(rnd(1, 3, 16, 16))
class Convnext(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.depth, self.norm = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 7, padding=3, groups=8), nn.LayerNorm(8, eps=1e-6)
        self.up, self.down, self.gamma = nn.Linear(8, 32), nn.Linear(32, 8), nn.Parameter(torch.full((8,), 0.1))

    def forward(self, x):
        x = self.stem(x)
        y = self.down(F.gelu(self.up(self.norm(self.depth(x).permute(0, 2, 3, 1)))))
        return x + (self.gamma * y).permute(0, 3, 1, 2)


@family(rnd(1, 3, 16, 16))
class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.cls, self.places = nn.Conv2d(3, 16, 4, 4), nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 5, 16))
        self.layer, self.head = nn.TransformerEncoderLayer(16, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True), nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        places = F.interpolate(self.places[:, 1:].reshape(1, 2, 2, 16).permute(0, 3, 1, 2), size=(4, 4), mode="bicubic", align_corners=False)
        x = x + places.permute(0, 2, 3, 1).reshape(1, 16, 16)
        return self.head(self.layer(torch.cat([self.cls.expand(x.shape[0], -1, -1) + self.places[:, :1], x], 1))[:, 0])


@family(rnd(1, 8, 8, 8))
class Swin(nn.Module):
    """Shifted windows with a table of biases, and the merging of patches."""

    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.out, self.merge = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(32, 16, False)
        self.table = nn.Parameter(torch.randn(49, 2))
        y, x = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
        places = torch.stack([y.flatten(), x.flatten()])
        self.register_buffer("index", ((places[:, :, None] - places[:, None] + 3) * torch.tensor([7, 1])[:, None, None]).sum(0))
        regions = torch.zeros(8, 8)
        regions[:, -2:] += 1
        regions[-2:] += 2
        windows = regions.view(2, 4, 2, 4).transpose(1, 2).reshape(4, 16)
        self.register_buffer("mask", (windows[:, None] != windows[:, :, None]).float() * -100)

    def forward(self, x):
        y = torch.roll(self.norm(x), (-2, -2), (1, 2)).view(1, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(4, 16, 8)
        q, k, v = self.qkv(y).reshape(4, 16, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) * 0.5 + self.table[self.index.view(-1)].view(16, 16, 2).permute(2, 0, 1)[None] + self.mask[:, None]
        y = self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(4, 16, 8))
        y = torch.roll(y.view(1, 2, 2, 4, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(1, 8, 8, 8), (2, 2), (1, 2))
        x = x + y
        return self.merge(torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1))


@family(rnd(1, 4, 8, 8), torch.tensor([3.0]))
class Unet(nn.Module):
    """A step of diffusion: an embedding of time, group norms, down and up again."""

    def __init__(self):
        super().__init__()
        self.time, self.into, self.down, self.up = nn.Linear(8, 8), nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.out, self.attention = nn.GroupNorm(4, 8), nn.Conv2d(16, 4, 3, padding=1), Heads(8, 2, bias=True)

    def forward(self, x, time):
        angles = time[:, None].float() * torch.exp(-math.log(10000) * torch.arange(4, dtype=torch.float32) / 4)[None]
        x = self.into(x)
        skip = x + self.time(F.silu(torch.cat([angles.cos(), angles.sin()], -1)))[:, :, None, None]
        y = F.silu(self.norm(self.down(skip)))
        y = y + self.attention(y.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(y.shape)
        y = self.up(F.interpolate(y, scale_factor=2.0, mode="nearest"))
        return self.out(torch.cat([F.silu(self.norm(y)), skip], 1))


@family(rnd(1, 6, 8, 8))
class Segmentation(nn.Module):
    """A pyramid of pools, dilated and transposed convolutions, bilinear resizing."""

    def __init__(self):
        super().__init__()
        self.wide, self.small, self.up, self.head = nn.Conv2d(6, 8, 3, padding=2, dilation=2), nn.Conv2d(6, 4, 1), nn.ConvTranspose2d(12, 8, 2, 2), nn.Conv2d(8, 5, 1)

    def forward(self, x):
        pooled = [F.interpolate(self.small(F.adaptive_avg_pool2d(x, size)), x.shape[2:], mode="bilinear", align_corners=False) for size in (1, 2)]
        y = torch.cat([F.relu(self.wide(x)), pooled[0] + pooled[1]], 1)
        return F.interpolate(self.head(F.relu(self.up(y))), scale_factor=2, mode="bilinear", align_corners=False).argmax(1)


@family(rnd(1, 3, 16, 16))
class Detr(nn.Module):
    """Positions counted along a mask, queries that read the image."""

    def __init__(self):
        super().__init__()
        self.back, self.queries, self.cross, self.classes, self.boxes = nn.Conv2d(3, 16, 4, 4), nn.Embedding(5, 16), Heads(16, 2, bias=True), nn.Linear(16, 4), nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.back(x))
        keep = torch.ones(x.shape[0], *x.shape[2:], dtype=torch.bool)
        y, x_ = keep.cumsum(1, dtype=torch.float32), keep.cumsum(2, dtype=torch.float32)
        y, x_ = (t / (t.amax() + 1e-6) * 2 * math.pi for t in (y, x_))
        scale = 100 ** (2 * torch.div(torch.arange(8), 2, rounding_mode="floor") / 8)
        places = [torch.stack([(t[..., None] / scale)[..., 0::2].sin(), (t[..., None] / scale)[..., 1::2].cos()], 4).flatten(3) for t in (y, x_)]
        memory = (x + torch.cat(places, 3).permute(0, 3, 1, 2)).flatten(2).permute(0, 2, 1)
        h = self.cross(self.queries.weight[None].repeat(x.shape[0], 1, 1), context=memory)
        return self.classes(h), self.boxes(h).sigmoid()


@family(rnd(1, 5, 16), rnd(1, 20, 16))
class Deformable(nn.Module):
    """Queries that sample two levels of an image at places of their own choice."""

    def __init__(self):
        super().__init__()
        self.value, self.offsets, self.weights, self.out = nn.Linear(16, 16), nn.Linear(16, 2 * 2 * 2 * 2), nn.Linear(16, 2 * 2 * 2), nn.Linear(16, 16)

    def forward(self, queries, memory):
        n, q, _ = queries.shape
        values = self.value(memory).view(n, 20, 2, 8).split([16, 4], 1)
        places = (self.offsets(queries).view(n, q, 2, 2, 2, 2) * 0.1).sigmoid() * 2 - 1
        weights = F.softmax(self.weights(queries).view(n, q, 2, 4), -1).transpose(1, 2).reshape(n * 2, 1, q, 4)
        sampled = []
        for level, side in enumerate((4, 2)):
            image = values[level].flatten(2).transpose(1, 2).reshape(n * 2, 8, side, side)
            grid = places[:, :, :, level].transpose(1, 2).flatten(0, 1)
            sampled.append(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
        return self.out((torch.stack(sampled, -2).flatten(-2) * weights).sum(-1).view(n, 16, q).transpose(1, 2))


# ---- recurrence, state and numbers of few bits ---------------------------------------------------------------------

@family(rnd(1, 5, 8))
class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru, self.head = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True), nn.GRU(12, 6, batch_first=True), nn.Linear(6, 4)

    def forward(self, x):
        y, (h, _) = self.lstm(x)
        y, last = self.gru(y)
        return self.head(y), h, last


@family(tokens(1, 1), torch.tensor([3]))
class Cached(nn.Module):
    """A step of decoding with keys and values in buffers."""

    def __init__(self):
        super().__init__()
        self.embed, self.q, self.k, self.v = nn.Embedding(32, 8), *(nn.Linear(8, 8, False) for _ in range(3))
        self.register_buffer("keys", torch.randn(1, 8, 8))
        self.register_buffer("values", torch.randn(1, 8, 8))

    def forward(self, ids, place):
        x = self.embed(ids)
        self.keys.index_copy_(1, place, self.k(x))
        self.values.index_copy_(1, place, self.v(x))
        mask = torch.arange(8)[None, :] <= place[:, None]
        return F.scaled_dot_product_attention(self.q(x)[:, None], self.keys[:, None], self.values[:, None], attn_mask=mask)[:, 0]


@family(rnd(1, 3, 8, 8))
class Quantized(nn.Module):
    """Convolution, residual and product between quantize and dequantize, as the quantiser writes them."""

    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.randint(-127, 128, (8, 3, 3, 3), dtype=torch.int8))
        self.register_buffer("scales", torch.rand(8) * 0.01 + 0.001)
        self.register_buffer("zeros", torch.zeros(8, dtype=torch.int64))
        self.head = nn.Linear(8, 4)

    def q(self, x, scale, zero):
        x = torch.ops.quantized_decomposed.quantize_per_tensor.default(x, scale, zero, -128, 127, torch.int8)
        return torch.ops.quantized_decomposed.dequantize_per_tensor.default(x, scale, zero, -128, 127, torch.int8)

    def forward(self, x):
        w = torch.ops.quantized_decomposed.dequantize_per_channel.default(self.w, self.scales, self.zeros, 0, -127, 127, torch.int8)
        y = self.q(F.hardtanh(F.conv2d(self.q(x, 0.03, 4), w, None, [1, 1], [1, 1]), 0.0, 6.0), 0.02, -128)
        return self.head(self.q(F.adaptive_avg_pool2d(y, 1).flatten(1), 0.02, -128))
