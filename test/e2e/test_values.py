"""Extents that come from values: what integer inputs hold (`--value`), and results that a run counts.

Small ONNX models against NumPy, at many values of one program, and at values that the program must refuse.
"""
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper

INGOT = pathlib.Path(os.environ["INGOT_BUILD"]) / "bin" / "ingot"


def ingot(*arguments):
    return subprocess.run([INGOT, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL)


def report(name, problem):
    print(f"FAIL {name}: {problem}".replace("\n", " ") if problem else f"PASS {name}")


def model(path, nodes, inputs, outputs, constants=None):
    values = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs]
    stored = [onnx.numpy_helper.from_array(np.array(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "values", values, results, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), name=f"{kind.lower()}_{outputs.split()[0]}", **attributes)


I64, F32 = TensorProto.INT64, TensorProto.FLOAT
X = np.random.default_rng(3).standard_normal((6, 8)).astype(np.float32)


def scalar(number):
    return np.array(number, np.int64)


def vector(*numbers):
    return np.array(numbers, np.int64)


def top(k):
    order = np.argsort(-X, axis=1, kind="stable")[:, :k[0]]
    return np.take_along_axis(X, order, 1), order


# Name, nodes, inputs, output types, constants, flags, what NumPy computes, inputs that it takes, and
# inputs that it refuses with what the message names.
CASES = [
    ("range", [node("Range", "start limit one", "y")], [("start", I64, []), ("limit", I64, [])], [("y", I64)],
     {"one": scalar(1)}, ["start=2", "limit=2..64"], lambda start, limit: [np.arange(start, limit)],
     [{"start": scalar(2), "limit": scalar(n)} for n in (2, 3, 5, 17, 64)],
     [({"start": scalar(2), "limit": scalar(65)}, ["'limit'", "65", "2..64"]),
      ({"start": scalar(3), "limit": scalar(8)}, ["'start'", "3", "2..2"]),
      ({"start": scalar(2), "limit": scalar(-1)}, ["'limit'", "-1"])]),
    ("constant_of_shape", [node("ConstantOfShape", "shape", "y")], [("shape", I64, [2])], [("y", F32)], {},
     ["shape=1..9"], lambda shape: [np.zeros(shape, np.float32)],
     [{"shape": vector(*s)} for s in ((1, 1), (1, 9), (9, 1), (4, 7))],
     [({"shape": vector(3, 10)}, ["element 1", "'shape'", "10", "1..9"])]),
    ("expand", [node("Expand", "x shape", "y")], [("x", F32, [6, 1]), ("shape", I64, [2])], [("y", F32)], {},
     ["shape=2..9", "shape[0]=6"], lambda x, shape: [np.broadcast_to(x, shape)],
     [{"x": X[:, :1], "shape": vector(6, n)} for n in (2, 3, 9)],
     [({"x": X[:, :1], "shape": vector(5, 3)}, ["element 0", "'shape'", "5", "6..6"])]),
    ("topk", [node("TopK", "x k", "y i", axis=1)], [("x", F32, [6, 8]), ("k", I64, [1])], [("y", F32), ("i", I64)], {},
     ["k=1..8"], lambda x, k: top(k), [{"x": X, "k": vector(n)} for n in range(1, 9)],
     [({"x": X, "k": vector(9)}, ["'k'", "9", "1..8"])]),
    ("slice", [node("Slice", "x starts ends", "y")], [("x", F32, [6, 8]), ("starts", I64, [2]), ("ends", I64, [2])],
     [("y", F32)], {}, ["starts=0..2", "ends=3..6"],
     lambda x, starts, ends: [x[starts[0]:ends[0], starts[1]:ends[1]]],
     [{"x": X, "starts": vector(*s), "ends": vector(*e)} for s, e in (((0, 0), (3, 3)), ((2, 1), (5, 6)), ((1, 2), (6, 4)))],
     [({"x": X, "starts": vector(0, 3), "ends": vector(4, 4)}, ["element 1", "'starts'", "3", "0..2"])]),
    # The value is read as data too, and goes through arithmetic.
    ("also_data", [node("Mul", "n two", "m"), node("ConstantOfShape", "m", "z"), node("Cast", "n", "f", to=F32),
                   node("Add", "z f", "y")],
     [("n", I64, [1])], [("y", F32)], {"two": vector(2)}, ["n=0..20"],
     lambda n: [np.full(2 * n[0], n[0], np.float32)], [{"n": vector(k)} for k in (0, 1, 2, 7, 20)],
     [({"n": vector(21)}, ["'n'", "21", "0..20"])]),
    ("axis", [node("CumSum", "x axis", "y")], [("x", F32, [6, 8]), ("axis", I64, [])], [("y", F32)], {},
     ["axis=-1"], lambda x, axis: [np.cumsum(x, axis)], [{"x": X, "axis": scalar(-1)}],
     [({"x": X, "axis": scalar(0)}, ["'axis'", "0", "-1..-1"])]),
]


def run(program, folder, arrays):
    inputs, outputs = folder / "in.npz", folder / "out.npz"
    np.savez(inputs, **arrays)
    outputs.unlink(missing_ok=True)
    done = ingot("run", program, f"--inputs={inputs}", f"--outputs={outputs}")
    if done.returncode:
        return None, done.stderr.strip()
    with np.load(outputs) as stored:
        return [stored[name] for name in stored.files], ""


def difference(got, want):
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        if a.shape != b.shape:
            return f"output {i} has shape {a.shape}, expected {b.shape}"
        if not np.allclose(a, b, rtol=1e-5, atol=1e-6):
            return f"output {i} holds {a}, expected {b}"
    return ""


def check_case(folder, name, nodes, inputs, outputs, constants, values, expected, taken, refused):
    path, program = folder / f"{name}.onnx", folder / f"{name}.ingot"
    model(path, nodes, inputs, outputs, constants)
    done = ingot("compile", path, "-o", program)
    first = f"--value {values[0].split('=')[0].split('[')[0]}="
    report(f"{name} says how to give its values",
           "" if done.returncode == 1 and first in done.stderr else done.stderr.strip() or "it compiles")
    done = ingot("compile", path, "-o", program, *[f"--value={value}" for value in values])
    report(f"{name} compiles", done.stderr.strip()[-400:] if done.returncode else "")
    if done.returncode:
        return
    for arrays in taken:
        got, problem = run(program, folder, arrays)
        shown = " ".join(f"{key}={value.tolist()}" for key, value in arrays.items() if value.dtype == np.int64)
        report(f"{name} {shown}", problem or difference(got, expected(**arrays)))
    for arrays, words in refused:
        got, problem = run(program, folder, arrays)
        told = got is None and all(word in problem for word in words)
        report(f"{name} refuses {words}", "" if told else problem or "it runs")
    # Random inputs hold values that fit.
    done = ingot("run", program)
    report(f"{name} runs on random inputs", done.stderr.strip() if done.returncode else "")


Z = np.where(np.abs(X) < 0.6, 0, X).astype(np.float32)
FLAGS = np.array([True, False, True, True, False, False])
REPEATED = np.array([3, 1, 3, 2, 1, 3], np.int64)


def unique(x, order):
    """Values, first indices, inverse and counts, in ascending order or by first occurrence."""
    values, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    rank = np.argsort(first, kind="stable") if order else np.arange(len(values))
    return [values[rank], first[rank], np.argsort(rank)[inverse].reshape(-1), counts[rank]]


# As CASES, for results whose extent the run counts.
COUNTED = [
    ("nonzero", [node("NonZero", "x", "y")], [("x", F32, [6, 8])], [("y", I64)], lambda x: [np.array(np.nonzero(x))],
     [{"x": Z}, {"x": X}, {"x": np.zeros_like(X)}]),
    ("compress", [node("Compress", "x keep", "y", axis=1)], [("x", F32, [8, 6]), ("keep", TensorProto.BOOL, [6])],
     [("y", F32)], lambda x, keep: [np.compress(keep, x, axis=1)],
     [{"x": X.T.copy(), "keep": FLAGS}, {"x": X.T.copy(), "keep": ~FLAGS & False}, {"x": X.T.copy(), "keep": FLAGS | True}]),
    ("compress_all", [node("Compress", "x keep", "y")], [("x", F32, [8, 6]), ("keep", TensorProto.BOOL, [6])],
     [("y", F32)], lambda x, keep: [np.compress(keep, x)], [{"x": X.T.copy(), "keep": FLAGS}]),
    ("unique", [node("Unique", "x", "y first inverse counts", sorted=1)], [("x", I64, [6])],
     [("y", I64), ("first", I64), ("inverse", I64), ("counts", I64)], lambda x: unique(x, False),
     [{"x": REPEATED}, {"x": REPEATED * 0}, {"x": np.arange(6)[::-1].copy()}]),
    ("unique_in_order", [node("Unique", "x", "y first inverse counts", sorted=0)], [("x", I64, [6])],
     [("y", I64), ("first", I64), ("inverse", I64), ("counts", I64)], lambda x: unique(x, True),
     [{"x": REPEATED}, {"x": REPEATED * 0}, {"x": np.arange(6)[::-1].copy()}]),
    ("boxes", [node("NonMaxSuppression", "boxes scores most limit least", "y")],
     [("boxes", F32, [1, 3, 4]), ("scores", F32, [1, 1, 3])], [("y", I64)],
     lambda boxes, scores: [np.array([[0, 0, 2], [0, 0, 0]][:int((scores > 0.1).sum())], np.int64).reshape(-1, 3)],
     [{"boxes": np.array([[[0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 6, 6]]], np.float32),
       "scores": np.array([[scores]], np.float32)} for scores in ((0.8, 0, 0.9), (0, 0, 0.9), (0, 0, 0))],
     {"most": scalar(3), "limit": np.float32(0.5), "least": np.float32(0.1)}),
]


def check_counted(folder, name, nodes, inputs, outputs, expected, taken, constants=None):
    path, program = folder / f"{name}.onnx", folder / f"{name}.ingot"
    model(path, nodes, inputs, outputs, constants)
    done = ingot("compile", path, "-o", program)
    report(f"{name} compiles", done.stderr.strip()[-400:] if done.returncode else "")
    for i, arrays in enumerate(taken if not done.returncode else []):
        got, problem = run(program, folder, arrays)
        report(f"{name} {i}", problem or difference(got, expected(**arrays)))
        np.savez(folder / "want.npz", **{f"out{k}": value for k, value in enumerate(expected(**arrays))})
        done = ingot("run", program, f"--inputs={folder / 'in.npz'}", f"--expect={folder / 'want.npz'}")
        report(f"{name} {i} as expected", done.stderr.strip() if done.returncode else "")


# Flags that are refused: with what the message must name.
WRONG = [
    (["nothing=3"], ["no input 'nothing'", "shape"]),
    (["x=3", "shape=2"], ["'x'", "f32"]),
    (["shape[0]=2"], ["element 1", "--value shape[1]"]),
    (["shape=2", "shape[2]=2"], ["no element 2"]),
    (["shape=9..3"], ["empty"]),
    (["shape=a"], ["'a' is not a number"]),
]


def check_range_of_axis(folder):
    """An axis changes the graph itself: it cannot have a range, and the error says what can be done."""
    path = folder / "axes.onnx"
    model(path, [node("CumSum", "x axis", "y")], [("x", F32, [6, 8, 3, 3]), ("axis", I64, [])], [("y", F32)])
    done = ingot("compile", path, "-o", folder / "axes.ingot", "--value=axis=0..3")
    report("refuses a range of an axis", "" if done.returncode == 1 and "--value axis[0]=N" in done.stderr else
           done.stderr.strip() or "it compiles")


def check_wrong(folder):
    path = folder / "wrong.onnx"
    model(path, [node("Expand", "x shape", "y")], [("x", F32, [1, 1]), ("shape", I64, [2])], [("y", F32)])
    for values, words in WRONG:
        done = ingot("compile", path, "-o", folder / "wrong.ingot", *[f"--value={value}" for value in values])
        told = done.returncode and all(word in done.stderr for word in words)
        report(f"refuses --value {' '.join(values)}", "" if told else done.stderr.strip() or "it compiles")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for case in CASES:
            check_case(folder, *case)
        for case in COUNTED:
            check_counted(folder, *case)
        check_wrong(folder)
        check_range_of_axis(folder)


if __name__ == "__main__":
    main()
