#!/usr/bin/env python3
"""Rebuilds mnist-cnn in torch with the weights of model.onnx and exports it to model.pt2, with its cases checked.

    make_mnist_pt2.py            (needs torch 2.13, onnx and numpy; writes mnist-cnn/model.pt2 beside model.onnx)
"""
import pathlib

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "mnist-cnn"


class Mnist(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3), nn.Conv2d(16, 24, 3)
        self.norm1, self.norm2 = nn.BatchNorm2d(24), nn.BatchNorm1d(10)
        self.fc1, self.fc2 = nn.Linear(24 * 22 * 22, 32), nn.Linear(32, 10)

    def forward(self, image):
        x = self.conv1(image).relu()
        x = self.conv2(x).relu()
        x = self.norm1(self.conv3(x).relu())
        x = self.fc1(x.flatten(1)).relu()
        return self.norm2(self.fc2(x)).log_softmax(1)


def main():
    net = Mnist().eval().requires_grad_(False)
    weights = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy())
               for t in onnx.load(FOLDER / "model.onnx").graph.initializer}
    missing, unexpected = net.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    for case in sorted(FOLDER.glob("case-*.npz")):
        data = np.load(case)
        got = net(torch.from_numpy(data["in0"])).numpy()
        assert np.abs(got - data["out0"]).max() <= 1e-5 * np.abs(data["out0"]).max(), case
    program = torch.export.export(net, (torch.from_numpy(data["in0"]),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it holds paths of the machine that exports
    torch.export.save(program, FOLDER / "model.pt2")


if __name__ == "__main__":
    main()
