#!/usr/bin/env python3
"""Third-party ONNX suites of ../shared/data/conformance: each model is evaluated, then compiled and run (NAME/compiled).

- `onnx-v1.10.0`, `onnx-v1.6.0`: ONNX's own node tests of those versions, with their expected outputs.
- onnx2c, tract, burn-onnx, ONNX Runtime's test data: every model that ONNX Runtime runs, against what it computed
  (suite-references.tar.xz, made by _make_suite_references.py).

What does not pass stands in ../known-failures/suites-*.txt with the reason. Prints one line a test, and a table.
"""
import collections
import os
import pathlib
import sys
import tarfile
import tempfile

import numpy as np
import onnx

from _evaluate import evaluate_all
from _make_onnx_tests import pack

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("INGOT_BUILD", HERE.parents[1] / "build"))
SHARED = pathlib.Path(os.environ.get("INGOT_SHARED", HERE.parents[2] / "shared")) / "data" / "conformance"
LEGACY = {"onnx-v1.10.0": "onnx-backend-node-legacy-v1.10.0", "onnx-v1.6.0": "onnx-backend-node-legacy-v1.6.0"}
# As in onnx_backend.py; ONNX Runtime rounds as ONNX's tests do.
RTOL, ATOL = "1e-3", "1e-5"


def job(name, model, inputs, expected, dims, values=()):
    extents = dims.read_text().split("\n") if dims.exists() and dims.stat().st_size else []
    return "\t".join([name, str(model), str(inputs), str(expected), RTOL, ATOL, *extents, *values])


def held_values(model, inputs):
    """What small inputs of integers hold, for models that make shapes of it: `value INPUT=N,N,…`."""
    with np.load(inputs) as arrays:
        small = {name: arrays[name] for name in arrays.files if arrays[name].dtype.kind in "iub" and 0 < arrays[name].size <= 64}
    if not small:
        return []
    graph = onnx.load(model, load_external_data=False).graph
    stored = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in stored]
    return [f"value {names[int(name[2:])]}={','.join(str(int(number)) for number in array.flat)}"
            for name, array in small.items()]


def legacy_jobs(folder):
    for name, archive in LEGACY.items():
        with tarfile.open(SHARED / f"{archive}.tar.xz") as files:
            files.extractall(folder / "sources", filter="data")
        for model in sorted((folder / "sources" / name).rglob("model.onnx")):
            files = pack(model.parent)
            if isinstance(files, str):
                continue # training, strings, sequences
            case = folder / "legacy" / name / model.parent.name
            case.mkdir(parents=True)
            for file, data in files.items():
                (case / file).write_bytes(data)
            yield job(f"{name}/{model.parent.name}", case / "model.onnx", case, case, case / "dims")


def runtime_jobs(folder):
    with tarfile.open(HERE / "suite-references.tar.xz") as files:
        files.extractall(folder / "references", filter="data")
    for suite in sorted((folder / "references").iterdir()):
        with tarfile.open(SHARED / f"{suite.name}.tar.xz") as files:
            files.extractall(folder / "sources" / suite.name, filter="data")
        for dims in sorted(suite.rglob("dims")):
            data, path = dims.parent, dims.parent.relative_to(suite)
            model = folder / "sources" / suite.name / path
            yield job(f"{suite.name}/{'/'.join(path.parts[1:])}", model, data / "in.npz", data / "out.npz", dims,
                      held_values(model, data / "in.npz"))


def main():
    filters = sys.argv[1:]
    evaluate = BUILD / "test" / "evaluate"
    if not evaluate.exists() or not SHARED.is_dir():
        print(f"SKIP all: {evaluate if SHARED.is_dir() else SHARED} is not there")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        jobs = [each for jobs in (legacy_jobs, runtime_jobs) for each in jobs(pathlib.Path(folder))
                if not filters or any(word in f"conformance/suites/{each.split(chr(9))[0]}" for word in filters)]
        lines, errors = evaluate_all(evaluate, jobs)
    print("\n".join(lines))
    sys.stderr.write(errors)
    passed = collections.Counter((line.split()[1].split("/")[0], "/compiled:" in line)
                                 for line in lines if line.startswith("PASS"))
    for suite, count in collections.Counter(each.split("/")[0] for each in jobs).items():
        print(f"table: {suite:24} {count:5} models, {passed[suite, False]:5} evaluated as expected, "
              f"{passed[suite, True]:5} compiled and run as well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
