#!/usr/bin/env python3
"""Imports the models of test/ops/tflite, evaluates them, compiles and runs them (NAME/compiled), against what LiteRT computed.

The tolerance of floats is that of f32 operators, 1e-5 of an output's largest magnitude, or of f32 models, 1e-4. Quantised outputs (cases q_…) may
differ by one step; `exact` counts how many of their elements are equal, and fails below 99.9 %.
"""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "harness"))
import coverage  # noqa: E402
import tflite  # noqa: E402

# Half types: a step of the type where the output is largest.
HALVES = {"f16_": 2.0**-10, "bf16_": 2.0**-7}
EXACT = 0.999
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tflite")


def cases():
    """(test name, file) of each model."""
    for model in sorted(glob.glob(os.path.join(FOLDER, "*.tflite"))):
        yield "ops.tflite." + os.path.basename(model)[: -len(".tflite")], model


def job(name, model):
    arrays = model[: -len(".tflite")] + ".npz"
    case = name.split(".")[-1]
    half = next((str(HALVES[prefix]) for prefix in HALVES if case.startswith(prefix)), None)
    tolerance = ("0", "1") if case.startswith("q_") else (half or ("1e-4" if case.startswith("model_") else "1e-5"), "0")
    then = ["then=" + more for more in sorted(glob.glob(arrays[: -len(".npz")] + ".[0-9].npz"))]
    return "\t".join([name, model, arrays, arrays, *tolerance, *then])


def exact(lines):
    """Prints the share of integers that are equal in the outputs of 8-bit cases, evaluated and compiled."""
    for suffix in ("", "/compiled"):
        counts = [re.match(rf"PASS ops\.tflite\.q_\w+{suffix}: .*, (\d+) of (\d+) integers differ", line) for line in lines]
        unequal, total = (sum(int(found[i]) for found in counts if found) for i in (1, 2))
        if total:
            share = 1 - unequal / total
            print(f"{'PASS' if share >= EXACT else 'FAIL'} ops.tflite.exact{suffix}: "
                  f"{100 * share:.3f} % of {total} integers are LiteRT's, expected {100 * EXACT:.1f} %")
            yield share >= EXACT


if __name__ == "__main__":
    build = os.environ.get("INGOT_BUILD", "build")
    chosen = [case for case in cases() if len(sys.argv) < 2 or any(word in case[0] for word in sys.argv[1:])]
    done = subprocess.run([os.path.join(build, "test", "evaluate")], input="".join(job(*case) + "\n" for case in chosen),
                          text=True, stdout=subprocess.PIPE)
    print(done.stdout, end="")
    lines = done.stdout.splitlines()
    passed = all(list(exact(lines)))
    if len(sys.argv) < 2:
        coverage.record(build, "tflite", [(*found, coverage.state_of(lines, name)) for name, model in chosen
                                          for found in tflite.operators(model)])
    sys.exit(done.returncode or not passed)
