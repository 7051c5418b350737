#!/usr/bin/env python3
"""Makes the small models with open dims in dynamic/: each takes every size of a range.

    make_dynamic.py              (needs torch 2.13, onnx, onnxruntime and numpy)

encoder.pt2     a transformer encoder over tokens: ids and mask [batch 1..4, seq 2..64]; case-K.npz holds sizes and eager
                results
windows.onnx    convolutions over [batch, 3, time]: strides, a residual branch, a mean over time
detector.onnx   convolutions over [batch, 3, height, width], a reshape by a computed shape, non-maximum suppression
steps.onnx      a Scan of as many steps as `seq`
pyramid.onnx    convolutions of stride 2 over [1, 3, height, width], and resizes back that are added: sizes are multiples of 4
gtcrn-frames.npz  inputs of 5 frames for ../gtcrn, whose file says 1, and what ONNX Runtime gives when that dim has a name
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.export import Dim

FOLDER = pathlib.Path(__file__).parent / "dynamic"


class Encoder(nn.Module):
    def __init__(self, width=16, heads=2):
        super().__init__()
        self.words, self.places = nn.Embedding(40, width), nn.Embedding(64, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.heads = heads

    def forward(self, ids, mask):
        batch, seq = ids.shape
        x = self.words(ids) + self.places(torch.arange(seq))
        q, k, v = (t.view(batch, seq, self.heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        scores = q @ k.transpose(2, 3) / (q.shape[-1] ** 0.5)
        scores = scores + (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e4
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, seq, -1)
        x = self.norm1(x + self.out(attended))
        x = self.norm2(x + self.down(nn.functional.gelu(self.up(x))))
        weight = mask.unsqueeze(-1).to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)


def encoder():
    torch.manual_seed(0)
    net = Encoder().eval().requires_grad_(False)

    def inputs(batch, seq):
        mask = torch.ones(batch, seq, dtype=torch.int64)
        mask[-1, seq - seq // 3:] = 0
        return torch.randint(0, 40, (batch, seq)), mask
    dims = {0: Dim("batch", min=1, max=4), 1: Dim("seq", min=2, max=64)}
    program = torch.export.export(net, inputs(2, 9), dynamic_shapes=(dims, dims))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it holds paths of the machine that exports
    torch.export.save(program, FOLDER / "encoder.pt2")
    for index, (batch, seq) in enumerate([(1, 2), (3, 17), (4, 64)]):
        ids, mask = inputs(batch, seq)
        np.savez(FOLDER / f"case-{index}.npz", in0=ids.numpy(), in1=mask.numpy(), out0=net(ids, mask).numpy())


def windows():
    rng = np.random.default_rng(0)

    def weight(name, *shape):
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) * 0.3, name)
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "stem", strides=[2], pads=[1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "act1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "block", pads=[1, 1]),
        helper.make_node("Add", ["c2", "r1"], ["a2"], "residual"),
        helper.make_node("MaxPool", ["a2"], ["p2"], "pool", kernel_shape=[2], strides=[2]),
        helper.make_node("ReduceMean", ["p2", "axes"], ["m"], "mean", keepdims=0),
        helper.make_node("Gemm", ["m", "w3", "b3"], ["y"], "head", transB=1),
    ]
    graph = helper.make_graph(
        nodes, "windows", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, "time"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5])],
        [weight("w1", 8, 3, 3), weight("b1", 8), weight("w2", 8, 8, 3), weight("b2", 8), weight("w3", 5, 8),
         weight("b3", 5), numpy_helper.from_array(np.array([2]), "axes")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), FOLDER / "windows.onnx")


def detector():
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["c1"], "stem", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "act"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "head", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Shape", ["c2"], ["shape"], "shape"),
        helper.make_node("Gather", ["shape", "zero"], ["images"], "images", axis=0),
        helper.make_node("Concat", ["images", "seven", "rest"], ["rows"], "rows", axis=0),
        helper.make_node("Reshape", ["c2", "rows"], ["flat"], "flatten"),
        helper.make_node("Split", ["flat", "parts"], ["box", "score"], "split", axis=1),
        helper.make_node("Transpose", ["box"], ["boxes"], "boxes", perm=[0, 2, 1]),
        helper.make_node("Sigmoid", ["score"], ["scores"], "scores"),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["selected"], "nms"),
    ]

    def constant(name, values):
        return numpy_helper.from_array(np.array(values), name)

    def weight(name, *shape):
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) * 0.3, name)
    graph = helper.make_graph(
        nodes, "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info("selected", TensorProto.INT64, ["found", 3]),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3, "places"])],
        [weight("w1", 8, 3, 3, 3), weight("w2", 7, 8, 3, 3), constant("zero", [0]), constant("seven", [7]),
         constant("rest", [-1]), constant("parts", [4, 3]), constant("most", [5]),
         constant("overlap", np.float32([0.5])), constant("least", np.float32([0.3]))])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), FOLDER / "detector.onnx")


def pyramid():
    rng = np.random.default_rng(0)

    def weight(name, *shape):
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) * 0.3, name)
    twice = {"coordinate_transformation_mode": "asymmetric", "mode": "nearest", "nearest_mode": "floor"}
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["c1"], "level1", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "act1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "level2", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Resize", ["c2", "", "scales"], ["u2"], "up2", **twice),
        helper.make_node("Add", ["u2", "r1"], ["a1"], "join1"),
        helper.make_node("Resize", ["a1", "", "scales"], ["u1"], "up1", **twice),
        helper.make_node("Conv", ["image", "w3"], ["c3"], "stem", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["u1", "c3"], ["y"], "join"),
    ]
    graph = helper.make_graph(
        nodes, "pyramid", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, "height", "width"])],
        [weight("w1", 8, 3, 3, 3), weight("w2", 8, 8, 3, 3), weight("w3", 8, 3, 3, 3),
         numpy_helper.from_array(np.float32([1, 1, 2, 2]), "scales")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), FOLDER / "pyramid.onnx")


def steps():
    body = helper.make_graph(
        [helper.make_node("Add", ["sum", "row"], ["next"], "add"), helper.make_node("Identity", ["next"], ["out"])],
        "step", [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in ("sum", "row")],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in ("next", "out")])
    graph = helper.make_graph(
        [helper.make_node("Scan", ["zero", "x"], ["total", "y"], "steps", num_scan_inputs=1, body=body)], "unrolled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["seq", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["seq", 4])],
        [numpy_helper.from_array(np.zeros(4, np.float32), "zero")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), FOLDER / "steps.onnx")


def frames():
    model = onnx.load(FOLDER.parent / "gtcrn" / "model.onnx")
    with np.load(FOLDER.parent / "gtcrn" / "case-1.npz") as case:
        inputs = [case[f"in{i}"] for i in range(4)]
    rng = np.random.default_rng(0)
    inputs[0] = np.concatenate([inputs[0] * scale for scale in rng.uniform(0.5, 2, 5)], 2).astype(np.float32)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "frames"
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, inputs)))
    np.savez_compressed(FOLDER / "gtcrn-frames.npz", **{f"in{i}": a for i, a in enumerate(inputs)},
                        **{f"out{i}": a for i, a in enumerate(outputs)})


def main():
    FOLDER.mkdir(exist_ok=True)
    windows()
    detector()
    steps()
    pyramid()
    encoder()
    frames()


if __name__ == "__main__":
    main()
