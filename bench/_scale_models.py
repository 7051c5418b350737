"""Models of a chosen size for scale.py: graphs of many nodes, and models of many bytes, as .pt2 and as ONNX.

A graph is a row of blocks: a convolution block (convolution, norm, gate of two halves, residual) or an attention block
(layer norm, products, split heads, softmax, feed-forward, residual), of one of four widths in turn, with a long skip that
ends some blocks later. ONNX needs onnx and numpy, .pt2 torch.
"""
import numpy as np

WIDTHS = (16, 24, 32, 48)
TOKENS, HEADS, EXTENT = 12, 2, 8
SKIP = 8  # blocks between the two ends of a long skip


class OnnxGraph:
    """A row of ONNX nodes of operator set 17, with the weights that they make."""

    def __init__(self, seed=0):
        from onnx import helper, numpy_helper
        self.helper, self.numpy_helper = helper, numpy_helper
        self.nodes, self.weights, self.random = [], [], np.random.default_rng(seed)

    def op(self, kind, inputs, outputs=1, **attributes):
        number = len(self.nodes)
        names = [f"v{number}_{i}" for i in range(outputs)]
        self.nodes.append(self.helper.make_node(kind, inputs, names, name=f"{kind.lower()}_{number}", **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, *shape):
        fan = max(1, int(np.prod(shape[1:])))
        return self.constant((self.random.standard_normal(shape) / np.sqrt(fan)).astype(np.float32))

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(self.numpy_helper.from_array(np.asarray(array), name))
        return name

    def convolutions(self, x, width):
        y = self.op("Conv", [x, self.weight(width, width, 3, 3), self.weight(width)], pads=[1, 1, 1, 1])
        y = self.op("BatchNormalization", [y, *(self.constant(np.full(width, value, np.float32)) for value in (1, 0, 0, 1))])
        a, b = self.op("Split", [y], 2, axis=1)
        y = self.op("Mul", [a, self.op("Sigmoid", [b])])
        y = self.op("Concat", [y, self.op("Tanh", [a])], axis=1)
        y = self.op("Conv", [y, self.weight(width, width, 1, 1), self.weight(width)])
        return self.op("Relu", [self.op("Add", [x, y])])

    def norm(self, x, width):
        return self.op("LayerNormalization", [x, self.constant(np.ones(width, np.float32)), self.constant(np.zeros(width, np.float32))])

    def linear(self, x, inner, outer):
        return self.op("Add", [self.op("MatMul", [x, self.weight(inner, outer)]), self.weight(outer)])

    def heads(self, x, width):
        y = self.op("Reshape", [x, self.constant(np.array([1, TOKENS, HEADS, width // HEADS], np.int64))])
        return self.op("Transpose", [y], perm=[0, 2, 1, 3])

    def attention(self, x, width):
        y = self.norm(x, width)
        y = self.linear(y, width, 3 * width)
        q, k, v = (self.heads(part, width) for part in self.op("Split", [y], 3, axis=2))
        y = self.op("MatMul", [q, self.op("Transpose", [k], perm=[0, 1, 3, 2])])
        y = self.op("Softmax", [self.op("Mul", [y, self.constant(np.float32(0.25))])], axis=-1)
        y = self.op("Transpose", [self.op("MatMul", [y, v])], perm=[0, 2, 1, 3])
        y = self.op("Reshape", [y, self.constant(np.array([1, TOKENS, width], np.int64))])
        x = self.op("Add", [x, self.linear(y, width, width)])
        y = self.linear(self.norm(x, width), width, 2 * width)
        y = self.op("Mul", [y, self.op("Sigmoid", [y])])
        return self.op("Add", [x, self.linear(y, 2 * width, width)])


def onnx_graph(path, nodes):
    """Writes an ONNX model of at least `nodes` nodes; gives how many it has, and (images, tokens), its inputs."""
    from onnx import TensorProto, save
    graph = OnnxGraph()
    tokens, image = {}, {}
    skips, block = [], 0
    for width in WIDTHS:
        image[width] = graph.op("Conv", ["image", graph.weight(width, 3, 3, 3)], pads=[1, 1, 1, 1])
        tokens[width] = graph.op("MatMul", ["tokens", graph.weight(16, width)])
    while len(graph.nodes) < nodes - 4 * len(WIDTHS):
        width = WIDTHS[block // 2 % len(WIDTHS)]
        values, make = (image, graph.convolutions) if block % 2 == 0 else (tokens, graph.attention)
        before, values[width] = values[width], make(values[width], width)
        skips.append((before, width, values))
        if len(skips) > SKIP and block % 3 == 0:
            old, width, values = skips[-SKIP - 1]
            values[width] = graph.op("Mul", [graph.op("Add", [values[width], old]), graph.constant(np.float32(0.5))])
        block += 1
    ends = [graph.op("ReduceMean", [image[width]], axes=[2, 3], keepdims=0) for width in WIDTHS]
    ends += [graph.op("ReduceMean", [tokens[width]], axes=[1], keepdims=0) for width in WIDTHS]
    end = graph.op("Concat", ends, axis=1)
    helper = graph.helper
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, EXTENT, EXTENT]),
              helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [1, TOKENS, 16])]
    output = helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, 2 * sum(WIDTHS)])
    save(helper.make_model(helper.make_graph(graph.nodes, "scale", inputs, [output], graph.weights),
                           opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return len(graph.nodes)


def sample_inputs(seed=1):
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape).astype(np.float32) for shape in ((1, 3, EXTENT, EXTENT), (1, TOKENS, 16))]


def torch_network(nodes):
    """The same row of blocks as a torch module of about `nodes` exported nodes."""
    import torch
    from torch import nn

    class Convolutions(nn.Module):
        COST = 9

        def __init__(self, width):
            super().__init__()
            self.first, self.norm, self.second = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.Conv2d(width, width, 1)

        def forward(self, x):
            a, b = self.norm(self.first(x)).chunk(2, 1)
            return (x + self.second(torch.cat([a * b.sigmoid(), a.tanh()], 1))).relu()

    class Attention(nn.Module):
        COST = 24

        def __init__(self, width):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

        def forward(self, x):
            width = x.shape[-1]
            q, k, v = (part.reshape(1, TOKENS, HEADS, width // HEADS).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(width, 2))
            y = (q @ k.transpose(2, 3) * 0.25).softmax(-1) @ v
            x = x + self.out(y.transpose(1, 2).reshape(1, TOKENS, width))
            y = self.up(self.norm2(x))
            return x + self.down(y * y.sigmoid())

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.images = nn.ModuleList(nn.Conv2d(3, width, 3, padding=1) for width in WIDTHS)
            self.tokens = nn.ModuleList(nn.Linear(16, width) for width in WIDTHS)
            self.blocks, count = nn.ModuleList(), 0
            while count < nodes:
                make = (Convolutions, Attention)[len(self.blocks) % 2]
                count += make.COST + 1
                self.blocks.append(make(WIDTHS[len(self.blocks) // 2 % len(WIDTHS)]))

        def forward(self, image, tokens):
            values = [[conv(image) for conv in self.images], [linear(tokens) for linear in self.tokens]]
            skips = []
            for number, block in enumerate(self.blocks):
                kind, width = number % 2, number // 2 % len(WIDTHS)
                skips.append((values[kind][width], kind, width))
                values[kind][width] = block(values[kind][width])
                if len(skips) > SKIP and number % 3 == 0:
                    old, kind, width = skips[-SKIP - 1]
                    values[kind][width] = (values[kind][width] + old) * 0.5
            return torch.cat([x.mean((2, 3)) for x in values[0]] + [x.mean(1) for x in values[1]], 1)

    return Network().eval().requires_grad_(False)


def pt2_graph(path, nodes):
    """Writes a .pt2 of about `nodes` nodes (training IR); gives how many it has."""
    import torch
    program = torch.export.export(torch_network(nodes), tuple(torch.from_numpy(a) for a in sample_inputs()), strict=False)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, str(path))
    return sum(node.op == "call_function" for node in program.graph.nodes)


def big_weights(total):
    """Extents of square weights of f32 that take `total` bytes together: 64 of them."""
    return [int((total / 4 / 64) ** 0.5)] * 64


def onnx_big(path, total):
    """A chain of products whose weights lie in a file beside the model: `total` bytes of random numbers."""
    from onnx import TensorProto, helper, save
    extents = big_weights(total)
    nodes, weights, place = [], [], 0
    random = np.random.default_rng(0)
    with open(f"{path}.data", "wb") as file:
        for i, extent in enumerate(extents):
            data = random.standard_normal((extent, extent), np.float32) / np.float32(extent ** 0.5)
            file.write(data.tobytes())
            tensor = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=data.shape, data_location=TensorProto.EXTERNAL)
            for key, value in (("location", f"{path.name}.data"), ("offset", place), ("length", data.nbytes)):
                tensor.external_data.add(key=key, value=str(value))
            place += data.nbytes
            weights.append(tensor)
            nodes.append(helper.make_node("MatMul", [f"v{i}" if i else "x", f"w{i}"], [f"v{i + 1}"], name=f"layer{i}"))
    graph = helper.make_graph(nodes, "big", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, extents[0]])],
                              [helper.make_tensor_value_info(f"v{len(extents)}", TensorProto.FLOAT, [1, extents[-1]])], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return place


def pt2_big(path, total):
    """The same chain as a .pt2, which holds its weights itself."""
    import torch
    from torch import nn
    extents = big_weights(total)
    with torch.no_grad():
        net = nn.Sequential(*(nn.Linear(extent, extent, bias=False) for extent in extents)).eval().requires_grad_(False)
    torch.export.save(torch.export.export(net, (torch.zeros(1, extents[0]),), strict=False), str(path))
    return sum(4 * extent * extent for extent in extents)
