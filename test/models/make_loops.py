#!/usr/bin/env python3
"""Makes the models with loops in loops/, each with NAME.npz or NAME-K.npz: inputs and what ONNX Runtime or torch gives.

    make_loops.py              (needs torch 2.13, onnx, onnxruntime and numpy)

decoder.onnx, decoder.pt2   a transformer of one layer that decodes greedily, as Loop and as while_loop: a prompt of 4
                            tokens, a buffer of 16, an end token. Loop also gives the token of each trip, zeros after the end
rnn.onnx, rnn.pt2           a recurrent network over time, as Scan and as scan: [time 1..100, batch 2, 6]
the others                  one property of a loop each; TEXT has the ONNX ones, MODULES those of torch
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch._higher_order_ops.map import map as each
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.export import Dim

FOLDER = pathlib.Path(__file__).parent / "loops"
RANDOM = np.random.default_rng(0)
torch.manual_seed(0)


def normal(*shape, scale=1.0):
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32)


# ONNX in its textual syntax, with the inputs of each run.
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
TEXT = {
    "counted": ("""g (int64 trips, float[2,3] x) => (float[2,3] y) {
        y = Loop (trips, , x) <body = b (int64 i, bool go, float[2,3] s) => (bool more, float[2,3] n)
            <float half = {0.5}> { more = Identity (go) k = Cast <to = 1> (i) h = Mul (s, half) n = Add (h, k) }>
    }""", [[np.int64(5), normal(2, 3)], [np.int64(0), normal(2, 3)], [np.int64(40), normal(2, 3)]]),
    "stops": ("""g (float[2,3] x, float limit) => (float[2,3] y, float[20] sums) <int64 trips = {20}, bool yes = {1}> {
        y, sums = Loop (trips, yes, x) <body = b (int64 i, bool go, float[2,3] s) => (bool more, float[2,3] n, float t)
            { n = Add (s, x) t = ReduceSum <keepdims = 0> (n) more = Less (t, limit) }>
    }""", [[np.abs(normal(2, 3)), np.float32(30)], [np.abs(normal(2, 3)), np.float32(0)], [np.abs(normal(2, 3)), np.float32(1e9)]]),
    "nested": ("""g (int64 outer, int64 inner, float[4] x) => (float[4] y, int64 count) <int64 zero = {0}> {
        y, count = Loop (outer, , x, zero) <body = b (int64 i, bool go, float[4] s, int64 c) => (bool more, float[4] n, int64 d) {
            more = Identity (go)
            n, d = Loop (inner, , s, c) <body = e (int64 j, bool on, float[4] t, int64 p) => (bool again, float[4] u, int64 q)
                <float half = {0.5}, int64 one = {1}>
                { again = Identity (on) h = Mul (t, half) k = Add (h, x) u = Add (k, s) q0 = Add (p, one) q = Add (q0, i) }>
        }>
    }""", [[np.int64(3), np.int64(2), normal(4)], [np.int64(2), np.int64(0), normal(4)]]),
    "branches": ("""g (bool which, int64 trips, float[4] x) => (float[4] y) {
        y = If (which) <
            then_branch = a () => (float[4] r) { r = Loop (trips, , x) <body = b (int64 i, bool go, float[4] s) => (bool more, float[4] n)
                <float zero = {0.0}> {
                    more = Identity (go) t = ReduceSum <keepdims = 0> (s) p = Greater (t, zero)
                    n = If (p) <then_branch = c () => (float[4] v) { v = Sub (s, x) }, else_branch = d () => (float[4] w) <float one = {1.0}> { w = Add (s, one) }>
                }> },
            else_branch = f () => (float[4] q) { q = Neg (x) }>
    }""", [[np.bool_(True), np.int64(7), normal(4)], [np.bool_(False), np.int64(7), normal(4)]]),
    "slices": ("""g (float[n,3] x, float[3] first) => (float[3] last, float[n,3] sums, float[n] norms) <int64[1] zero = {0}, int64[1] scalar_ = {0}> {
        shape = Shape (x) rows = Gather <axis = 0> (shape, zero) trips = Squeeze (rows, scalar_)
        last, sums, norms = Loop (trips, , first) <body = b (int64 i, bool go, float[3] s) => (bool more, float[3] n, float[3] copy, float norm) {
            more = Identity (go) row = Gather <axis = 0> (x, i) n = Add (s, row) copy = Identity (n) norm = ReduceL2 <keepdims = 0> (row) }>
    }""", [[normal(7, 3), normal(3)], [normal(1, 3), normal(3)], [normal(60, 3), normal(3)]]),
    "directions": ("""g (float[2,90,3] x, float[90,2] z, float[2,3] first) => (float[2,3] last, float[2,90,3] y, float[2,90] w) {
        last, y, w = Scan <num_scan_inputs = 2, scan_input_axes = [1, 0], scan_input_directions = [1, 0], scan_output_axes = [1, -1],
                           scan_output_directions = [1, 0], body = b (float[2,3] s, float[2,3] row, float[2] k) => (float[2,3] n, float[2,3] copy, float[2] v)
            <int64[1] axis = {1}, float decay = {0.9}> {
            column = Unsqueeze (k, axis) m = Mul (s, decay) p = Mul (row, column) n = Add (m, p) copy = Identity (n)
            v0 = ReduceMax <axes = [1], keepdims = 0> (n) v1 = Add (v0, k) v2 = Tanh (v1) v3 = Mul (v2, v2) v4 = Sub (v3, k) v5 = Abs (v4) v6 = Sqrt (v5) v = Neg (v6) }> (first, x, z)
    }""", [[normal(2, 90, 3), normal(90, 2), normal(2, 3)]]),
}


def save_onnx(name, model, runs):
    onnx.checker.check_model(model)
    onnx.save(model, FOLDER / f"{name}.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for index, arrays in enumerate(runs):
        feeds = {value.name: np.asarray(array) for value, array in zip(session.get_inputs(), arrays)}
        outputs = session.run(None, feeds)
        for place, value in enumerate(model.graph.output):  # rows that no trip wrote are zeros
            rows = [dim.dim_value for dim in value.type.tensor_type.shape.dim][:1]
            if rows and rows[0] > outputs[place].shape[0]:
                padding = np.zeros((rows[0] - outputs[place].shape[0], *outputs[place].shape[1:]), outputs[place].dtype)
                outputs[place] = np.concatenate([outputs[place], padding])
        np.savez(FOLDER / f"{name}.onnx-{index}.npz", **{f"in{i}": array for i, array in enumerate(feeds.values())},
                 **{f"out{i}": array for i, array in enumerate(outputs)})


def save_torch(name, net, runs, dynamic=None):
    net = net.eval().requires_grad_(False)
    program = torch.export.export(net, tuple(torch.as_tensor(array) for array in runs[0]), dynamic_shapes=dynamic)
    for module in [program.graph_module, *(module for _, module in program.graph_module.named_modules())]:
        for node in module.graph.nodes if hasattr(module, "graph") else []:
            node.meta.pop("stack_trace", None)  # it holds paths of the machine that exports
    torch.export.save(program, FOLDER / f"{name}.pt2")
    for index, arrays in enumerate(runs):
        outputs = net(*(torch.as_tensor(array) for array in arrays))
        outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        np.savez(FOLDER / f"{name}.pt2-{index}.npz", **{f"in{i}": np.asarray(array) for i, array in enumerate(arrays)},
                 **{f"out{i}": output.numpy() for i, output in enumerate(outputs)})


class Counting(torch.nn.Module):
    def forward(self, x, limit):
        return while_loop(lambda i, y: i < limit, lambda i, y: (i + 1, y * 0.5 + i), (torch.tensor(0), x))


class Halving(torch.nn.Module):
    """Ends by what it computes; a loop inside runs as often as the outer one ran so far."""
    def forward(self, x):
        def inner(i, y):
            return while_loop(lambda j, z: j < i, lambda j, z: (j + 1, z * 0.9), (i - i, y * 0.5))[1]
        return while_loop(lambda i, y: y.abs().max() > 0.1, lambda i, y: (i + 1, inner(i, y)), (torch.tensor(0), x))


class Backwards(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.nn.GRUCell(4, 5)

    def forward(self, x):
        def step(state, row):
            state = self.cell(row, state)
            return state, state * 2
        return scan(step, torch.zeros(2, 5), x, reverse=True)


class Mapped(torch.nn.Module):
    def forward(self, x, scale):
        return each(lambda row, scale: torch.softmax(row * scale, -1).cumsum(-1), x, scale)


class Guarded(torch.nn.Module):
    """Its loop ends only where the branch is taken."""
    def forward(self, x):
        def shrink(x):
            return while_loop(lambda i, y: y.sum() > 1, lambda i, y: (i + 1, y * 0.5), (torch.zeros((), dtype=torch.int64), x))[1]
        return torch.cond(x.min() > 0, shrink, lambda x: x * 2, (x,))


MODULES = {
    "counting": (Counting(), [[normal(2, 3), np.int64(6)], [normal(2, 3), np.int64(0)]], None),
    "halving": (Halving(), [[normal(3, 4)], [normal(3, 4, scale=9)]], None),
    "guarded": (Guarded(), [[np.float32([[1.25, 2, 3]] * 2)], [np.float32([[np.inf, 1, -1]] * 2)]], None),
    "backwards": (Backwards(), [[normal(60, 2, 4)]], None),
    "mapped": (Mapped(), [[normal(400, 5), np.float32(0.7)]], None),
}


# A greedy decoder.
WORDS, WIDTH, ROOM, PROMPT, END = 29, 16, 16, 4, 2


class Decoder(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        for name, value in weights.items():
            self.register_buffer(name, torch.from_numpy(value))

    def logits(self, tokens):
        x = self.words[tokens] + self.places
        scores = (x @ self.q) @ (x @ self.k).T * WIDTH ** -0.5 + self.mask
        x = x + scores.softmax(-1) @ (x @ self.v)
        x = x + (x @ self.up).relu() @ self.down
        return torch.nn.functional.linear(x, self.words)

    def forward(self, prompt):
        tokens = torch.nn.functional.pad(prompt, (0, ROOM - PROMPT))

        def goes_on(place, last, tokens):
            return (place < ROOM - 1) & (last != END)

        def step(place, last, tokens):
            best = self.logits(tokens).index_select(0, place.reshape(1)).argmax(-1)
            return place + 1, best.reshape(()), tokens.scatter(0, (place + 1).reshape(1), best)

        place, _, tokens = while_loop(goes_on, step, (torch.tensor(PROMPT - 1), prompt[PROMPT - 1].clone(), tokens))
        return tokens, place


def decoder_weights():
    mask = np.triu(np.full((ROOM, ROOM), -1e9, np.float32), 1)
    return {"words": normal(WORDS, WIDTH), "places": normal(ROOM, WIDTH, scale=0.7), "mask": mask,
            **{name: normal(WIDTH, WIDTH, scale=0.5) for name in "qkv"}, "up": normal(WIDTH, 2 * WIDTH, scale=0.4),
            "down": normal(2 * WIDTH, WIDTH, scale=0.4)}


DECODER = f"""g (int64[{PROMPT}] prompt) => (int64[{ROOM}] tokens, int64[{ROOM - PROMPT}] chosen)
    <int64 trips = {{{ROOM - PROMPT}}}, bool yes = {{1}}, int64[2] pads = {{0, {ROOM - PROMPT}}}> {{
    start = Pad (prompt, pads)
    tokens, chosen = Loop (trips, yes, start) <body = step (int64 i, bool go, int64[{ROOM}] now) => (bool more, int64[{ROOM}] next, int64 word)
        <int64 before = {{{PROMPT - 1}}}, int64 after = {{{PROMPT}}}, float scale = {{{WIDTH ** -0.5}}}, int64[1] axis = {{0}},
         int64[2] place_shape = {{1, 1}}, int64[1] one_shape = {{1}}, int64 end = {{{END}}}> {{
        embedded = Gather (words, now)
        x = Add (embedded, places)
        xq = MatMul (x, q)
        xk = MatMul (x, k)
        xv = MatMul (x, v)
        kt = Transpose <perm = [1, 0]> (xk)
        raw = MatMul (xq, kt)
        scaled = Mul (raw, scale)
        masked = Add (scaled, mask)
        weights = Softmax <axis = -1> (masked)
        attended = MatMul (weights, xv)
        y = Add (x, attended)
        wide = MatMul (y, up)
        active = Relu (wide)
        narrow = MatMul (active, down)
        z = Add (y, narrow)
        place = Add (i, before)
        row = Gather <axis = 0> (z, place)
        wt = Transpose <perm = [1, 0]> (words)
        logits = MatMul (row, wt)
        word = ArgMax <axis = 0, keepdims = 0> (logits)
        target = Add (i, after)
        index = Reshape (target, place_shape)
        update = Reshape (word, one_shape)
        next = ScatterND (now, index, update)
        ended = Equal (word, end)
        more = Not (ended)
    }}>
}}"""

RNN = """g (float[time,2,6] x) => (float[2,8] last, float[time,2,3] y) {
    last, y = Scan <num_scan_inputs = 1, body = step (float[2,8] h, float[2,6] row) => (float[2,8] n, float[2,3] out) {
        a = MatMul (row, wx) c = MatMul (h, wh) d = Add (a, c) e = Add (d, bias) n = Tanh (e) out = MatMul (n, wo) }> (zero, x)
}"""


class Rnn(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        for name, value in weights.items():
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, x):
        def step(h, row):
            h = (row @ self.wx + h @ self.wh + self.bias).tanh()
            return h, h @ self.wo
        return scan(step, self.zero.clone(), x)


def parse(text, weights=None):
    model = onnx.parser.parse_model(HEAD + text)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in (weights or {}).items())
    return model


def decoder():
    weights = decoder_weights()
    net, prompts = Decoder(weights), RANDOM.integers(8, WORDS, (400, PROMPT))
    # One that ends early, and one that fills the buffer.
    ends = [int(net(torch.from_numpy(prompt))[1]) for prompt in prompts]
    early, full = (next(i for i, end in enumerate(ends) if test(end)) for test in (lambda e: 6 < e < ROOM - 3, lambda e: e == ROOM - 1))
    runs = [[prompts[early]], [prompts[full]]]
    save_onnx("decoder", parse(DECODER, weights), runs)
    save_torch("decoder", net, runs)


def rnn():
    weights = {"wx": normal(6, 8, scale=0.5), "wh": normal(8, 8, scale=0.3), "bias": normal(8), "wo": normal(8, 3), "zero": np.zeros((2, 8), np.float32)}
    runs = [[normal(time, 2, 6)] for time in (9, 1, 100)]
    save_onnx("rnn", parse(RNN, weights), runs)
    save_torch("rnn", Rnn(weights), runs, ({0: Dim("time", min=1, max=100)},))


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, (text, runs) in TEXT.items():
        save_onnx(name, parse(text), runs)
    for name, (net, runs, dynamic) in MODULES.items():
        save_torch(name, net, runs, dynamic)
    decoder()
    rnn()


if __name__ == "__main__":
    main()
