#!/usr/bin/env python3
"""Imports the programs that torch exported (test/ops/pt2), evaluates them, compiles and runs them (NAME/compiled), against
what torch computed.

The tolerance is that of f32 operators, 1e-5 of an output's largest magnitude: the evaluator computes in float64, torch in
float32, in another order.
"""
import glob
import json
import os
import subprocess
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "harness"))
import coverage  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pt2")


def jobs():
    for model in sorted(glob.glob(os.path.join(FOLDER, "*.pt2"))):
        name = os.path.basename(model)[:-4]
        arrays = os.path.join(FOLDER, name.split(".")[0] + ".npz")
        yield "\t".join(["ops.pt2." + name, model, arrays, arrays, "1e-5", "0"])


# torch.export's ScalarType numbers → column of docs/coverage.md.
COLUMNS = {1: "u8", 2: "i8", 3: "i16", 4: "i32", 5: "i64", 6: "f16", 7: "f32", 8: "f64", 12: "bool", 13: "bf16"}


def tensors(value):
    """Names of the tensors in a serialised argument."""
    if isinstance(value, dict):
        if isinstance(value.get("name"), str):
            return [value["name"]]
        return [name for inner in value.values() for name in tensors(inner)]
    return [name for inner in value for name in tensors(inner)] if isinstance(value, list) else []


def covered(lines):
    """(operator, type, state) of every node of every case."""
    by_name = {}
    for line in lines:
        by_name.setdefault(line.split(":")[0].split(" ")[-1].removesuffix("/compiled"), []).append(line)
    for model in sorted(glob.glob(os.path.join(FOLDER, "*.pt2"))):
        name = "ops.pt2." + os.path.basename(model)[:-4]
        state = coverage.state_of(by_name.get(name, []), name)
        with zipfile.ZipFile(model) as archive:
            member = next(entry for entry in archive.namelist()
                          if entry.endswith(("models/model.json", "serialized_exported_program.json")))
            graph = json.loads(archive.read(member))["graph_module"]["graph"]
        for node in graph["nodes"]:
            operator = node["target"].removeprefix("torch.ops.").removeprefix("aten.")
            read = tensors([argument["arg"] for argument in node["inputs"]]) + tensors(node["outputs"])
            kinds = [graph["tensor_values"][value]["dtype"] for value in read if value in graph["tensor_values"]]
            if kinds:
                yield operator, COLUMNS.get(kinds[0], "other"), state


if __name__ == "__main__":
    build = os.environ.get("INGOT_BUILD", "build")
    tool = os.path.join(build, "test", "evaluate")
    done = subprocess.run([tool], input="\n".join(jobs()) + "\n", text=True, stdout=subprocess.PIPE)
    print(done.stdout, end="")
    coverage.record(build, "pt2", covered(done.stdout.splitlines()))
    sys.exit(done.returncode)
