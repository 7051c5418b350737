#!/usr/bin/env python3
"""Imports the models of test/ops/tflite, evaluates them, compiles and runs them (NAME/compiled), against what LiteRT computed.

The tolerance of floats is that of f32 operators, 1e-5 of an output's largest magnitude. Quantised outputs (cases q_…) may
differ by one step where a kernel rounds a product of scales in fixed point.
"""
import glob
import os
import subprocess
import sys

# LiteRT interpolates a table here.
STEPS = {"q_int16_tanh": "2"}
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tflite")


def jobs():
    for model in sorted(glob.glob(os.path.join(FOLDER, "*.tflite"))):
        name = os.path.basename(model)[: -len(".tflite")]
        arrays = os.path.join(FOLDER, name + ".npz")
        tolerance = ("0", STEPS.get(name, "1")) if name.startswith("q_") else ("1e-5", "0")
        yield "\t".join(["ops.tflite." + name, model, arrays, arrays, *tolerance])


if __name__ == "__main__":
    wanted = [job for job in jobs() if len(sys.argv) < 2 or any(word in job.split("\t")[0] for word in sys.argv[1:])]
    tool = os.path.join(os.environ.get("INGOT_BUILD", "build"), "test", "evaluate")
    done = subprocess.run([tool], input="\n".join(wanted) + "\n", text=True)
    sys.exit(done.returncode)
