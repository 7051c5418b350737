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

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("INGOT_BUILD", HERE.parents[1] / "build"))
# ONNX's runner allows 1e-3 relative per element; relative to the largest element the evaluator, which rounds once, is
# nearer. Its expected outputs are computed in float32 with other orders of sums, some in float16.
RTOL, ATOL = "1e-3", "1e-5"


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
    passed = collections.Counter("/compiled:" in line for line in lines if line.startswith("PASS"))
    print("\n".join(lines))
    print(f"{len(jobs)} models: {passed[False]} evaluated as expected, {passed[True]} of them compiled and run as well")
    sys.stderr.write(errors)
    return 0


if __name__ == "__main__":
    sys.exit(main())
