#!/usr/bin/env python3
"""Runs the models of third-party test suites with ONNX Runtime and stores inputs and outputs for `suites.py`.

    _make_suite_references.py FOLDER    FOLDER: ../shared/data/conformance

Every model that ONNX Runtime loads and runs gives `SUITE/PATH/in.npz`, `out.npz` and `dims` (open extents are 2) in
suite-references.tar.xz. Inputs are drawn from a fixed seed: normal floats, integers and booleans of 0 and 1. Left out: models
that ONNX Runtime refuses, models with strings, sequences or optionals at their border, and those with over 64 KB of data.
Needs `onnxruntime`. Each model runs in a process of its own: some of these files are made to crash readers.
"""
import concurrent.futures
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import numpy as np

MAX_BYTES = 64 << 10
SUITES = ["onnx2c-tests", "tract-onnx-test-cases", "burn-onnx-tests", "ort-testdata"]
TYPES = {"float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_,
         **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}").type for sign in ("", "u") for bits in (8, 16, 32, 64)}}


def run_model(path, out):
    """Writes what ONNX Runtime computes for `path` into the folder `out`; ends with an error where it does not."""
    import onnxruntime
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random, feeds, dims = np.random.default_rng(7), {}, {}
    for value in session.get_inputs():
        kind = TYPES.get(value.type.removeprefix("tensor(").removesuffix(")"))
        if kind is None:
            raise SystemExit(f"input of type {value.type}")
        shape = []
        for axis, dim in enumerate(value.shape):
            if not isinstance(dim, int):
                dims[dim or f"{value.name}.dim{axis}"] = dim = 2
            shape.append(dim)
        real = np.issubdtype(kind, np.floating)
        feeds[value.name] = (random.standard_normal(shape) if real else random.integers(0, 2, shape)).astype(kind)
    outputs = session.run(None, feeds)
    if any(not isinstance(array, np.ndarray) or array.dtype.kind in "OUS" for array in outputs):
        raise SystemExit("output that is no tensor of numbers")
    out = pathlib.Path(out)
    np.savez(out / "in.npz", **{f"in{i}": array for i, array in enumerate(feeds.values())})
    np.savez(out / "out.npz", **{f"out{i}": array for i, array in enumerate(outputs)})
    (out / "dims").write_text("\n".join(f"{name}={extent}" for name, extent in dims.items()))


def reference(model):
    """The stored files of one model, or None."""
    with tempfile.TemporaryDirectory() as out:
        try:
            done = subprocess.run([sys.executable, __file__, model, out], capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            return None
        files = {path.name: path.read_bytes() for path in sorted(pathlib.Path(out).iterdir())}
        return files if done.returncode == 0 and sum(map(len, files.values())) <= MAX_BYTES else None


def main():
    if len(sys.argv) == 3:
        return run_model(*sys.argv[1:])
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    out = pathlib.Path(__file__).with_name("suite-references.tar.xz")
    with tempfile.TemporaryDirectory() as folder, tarfile.open(out, "w:xz", preset=9) as archive, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for suite in SUITES:
            root = pathlib.Path(folder) / suite
            with tarfile.open(pathlib.Path(sys.argv[1]) / f"{suite}.tar.xz") as models:
                models.extractall(root, filter="data")
            paths = sorted(root.rglob("*.onnx"))
            stored = 0
            for path, files in zip(paths, pool.map(reference, paths)):
                for name, data in (files or {}).items():
                    entry = tarfile.TarInfo(f"{path.relative_to(folder)}/{name}")
                    entry.size = len(data)
                    archive.addfile(entry, io.BytesIO(data))
                stored += files is not None
            print(f"{suite}: {stored} of {len(paths)} models run", flush=True)
    print(f"{out.name}: {out.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    sys.exit(main())
