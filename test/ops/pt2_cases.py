#!/usr/bin/env python3
"""Imports the programs that torch exported (test/ops/pt2), evaluates them, compiles and runs them (NAME/compiled), against
what torch computed.

The tolerance is that of f32 operators, 1e-5 of an output's largest magnitude: the evaluator computes in float64, torch in
float32, in another order.
"""
import glob
import os
import subprocess
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pt2")


def jobs():
    for model in sorted(glob.glob(os.path.join(FOLDER, "*.pt2"))):
        name = os.path.basename(model)[:-4]
        arrays = os.path.join(FOLDER, name.split(".")[0] + ".npz")
        yield "\t".join(["ops.pt2." + name, model, arrays, arrays, "1e-5", "0"])


if __name__ == "__main__":
    tool = os.path.join(os.environ.get("INGOT_BUILD", "build"), "test", "evaluate")
    done = subprocess.run([tool], input="\n".join(jobs()) + "\n", text=True)
    sys.exit(done.returncode)
