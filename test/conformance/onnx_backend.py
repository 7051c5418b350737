#!/usr/bin/env python3
"""ONNX's own backend tests: every model of onnx-tests.tar.xz is imported and evaluated, and its outputs compared; then it
is compiled for this machine and run, and compared again (NAME/compiled).

What is refused stands in ../known-failures/onnx-*.txt with the reason. The archive holds ONNX's data (licence:
compiler/importers/onnx/proto/LICENSE).
"""
import collections
import os
import pathlib
import sys
import tarfile
import tempfile

from _evaluate import evaluate_all

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "harness"))
import coverage  # noqa: E402

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("INGOT_BUILD", HERE.parents[1] / "build"))
# ONNX's runner allows 1e-3 relative per element; relative to the largest element the evaluator, which rounds once, is
# nearer. Its expected outputs are computed in float32 with other orders of sums, some in float16.
RTOL, ATOL = "1e-3", "1e-5"


# TensorProto.DataType → column of docs/coverage.md.
COLUMNS = {1: "f32", 2: "u8", 3: "i8", 4: "u16", 5: "i16", 6: "i32", 7: "i64", 9: "bool", 10: "f16", 11: "f64", 12: "u32",
           13: "u64", 16: "bf16"}


def covered(folder, lines):
    """(operator, type, state) of the tests that are one node."""
    try:
        import onnx
    except ImportError:
        return None
    by_name = {}
    for line in lines:
        by_name.setdefault(line.split(":")[0].split(" ")[1].removesuffix("/compiled"), []).append(line)
    found = []
    for path in sorted(pathlib.Path(folder).glob("node/*/model.onnx")):
        graph = onnx.load(path).graph
        if len(graph.node) != 1:
            continue
        node, name = graph.node[0], f"node/{path.parent.name}"
        types = {value.name: value.type.tensor_type.elem_type for value in [*graph.output, *graph.input]}
        types.update({tensor.name: tensor.data_type for tensor in graph.initializer})
        kind = next((types[value] for value in [*node.input, *node.output] if value in types), 0)
        operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        column = COLUMNS.get(kind, "narrow" if 17 <= kind <= 26 else "other")
        found.append((operator, column, coverage.state_of(by_name.get(name, []), name)))
    return found


def main():
    filters = sys.argv[1:]
    evaluate = BUILD / "test" / "evaluate"
    if not evaluate.exists():
        print(f"SKIP all: {evaluate} is not built")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(HERE / "onnx-tests.tar.xz") as archive:
            archive.extractall(folder)
        jobs = []
        for model in sorted(pathlib.Path(folder).glob("*/*/model.onnx")):
            name = model.parent.relative_to(folder).as_posix()
            if filters and not any(word in f"conformance/onnx_backend/{name}" for word in filters):
                continue
            dims = model.with_name("dims")
            extents = dims.read_text().split("\n") if dims.exists() else []
            jobs.append("\t".join([name, str(model), str(model.parent), str(model.parent), RTOL, ATOL, *extents]))
        lines, errors = evaluate_all(evaluate, jobs)
        if not filters and (found := covered(folder, lines)) is not None:
            coverage.record(BUILD, "onnx", found)
    passed = collections.Counter("/compiled:" in line for line in lines if line.startswith("PASS"))
    print("\n".join(lines))
    print(f"table: {len(jobs)} models: {passed[False]} evaluated as expected, {passed[True]} of them compiled and run as well")
    sys.stderr.write(errors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
