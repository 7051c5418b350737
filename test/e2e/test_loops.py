"""Loops inside of one program: what ONNX Runtime and torch give for the models of test/models/loops.

Each is evaluated, then compiled and run (NAME/compiled). Those over an open dim are compiled once more, for every size.
"""
import os
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
MODELS = ROOT / "test" / "models" / "loops"

# Sums of f32 in another order, relative to the largest magnitude of an output; a recurrence adds up a hundred of them.
TOLERANCE = "2e-5"
# Models with an open dim, which is the first of their first input, and its range ("": the model has it).
OPEN = {"slices.onnx": ("n", "1..64"), "rnn.onnx": ("time", "1..100"), "rnn.pt2": ("s77", "")}


def extent(case):
    with np.load(case) as arrays:
        return arrays["in0"].shape[0]


def jobs():
    for case in sorted(MODELS.glob("*.npz")):
        model = case.stem.rsplit("-", 1)[0]
        dims = [f"{OPEN[model][0]}={extent(case)}"] if model in OPEN else []
        yield "\t".join([case.stem, str(MODELS / model), str(case), str(case), TOLERANCE, "0", *dims])


def ingot(*arguments):
    return subprocess.run([BUILD / "bin" / "ingot", *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL)


def report(name, done):
    text = done.stderr.strip()[-300:].replace("\n", " ")
    print(f"FAIL {name}: {text or done.returncode}" if done.returncode else f"PASS {name}")
    return not done.returncode


def check_sizes(model, dim, bounds, folder):
    program = folder / "program.ingot"
    flags = [f"--dim={dim}={bounds}"] if bounds else []
    if report(f"{model} compiles for every {dim}", ingot("compile", MODELS / model, "-o", program, *flags)):
        for case in sorted(MODELS.glob(f"{model}-*.npz")):
            report(f"{case.stem} {dim}={extent(case)}",
                   ingot("run", program, f"--inputs={case}", f"--expect={case}", f"--rtol={TOLERANCE}"))


def main():
    done = subprocess.run([BUILD / "test" / "evaluate"], input="\n".join(jobs()) + "\n", text=True, stdout=subprocess.PIPE)
    print(done.stdout, end="")
    with tempfile.TemporaryDirectory() as folder:
        for model, (dim, bounds) in OPEN.items():
            check_sizes(model, dim, bounds, pathlib.Path(folder))


if __name__ == "__main__":
    main()
