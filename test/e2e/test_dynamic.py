"""One program for every size: equal to what torch gives, and to the program compiled for that size alone.

For each model with open dims in test/models/dynamic: the cases stored beside it (torch's outputs), random inputs at
many sizes against a static compilation, the memory that a small and a large size take, and sizes out of bounds.
"""
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
INGOT = pathlib.Path(os.environ["INGOT_BUILD"]) / "bin" / "ingot"
MODELS = ROOT / "test" / "models" / "dynamic"

# Sums of f32 in another order, relative to the largest magnitude of an output.
TOLERANCE = 1e-5

# Model, its ranges for --dim, sizes to run (smallest first), and a size that it refuses.
# steps.onnx writes each row where the result lies: it keeps nothing that grows.
CASES = [
    ("encoder.pt2", {}, [{"s23": 1, "s27": 2}, {"s23": 2, "s27": 33}, {"s23": 4, "s27": 64}], ("s27", 65)),
    ("windows.onnx", {"batch": "1..4", "time": "16..400"},
     [{"batch": 1, "time": 16}, {"batch": 1, "time": 17}, {"batch": 3, "time": 100}, {"batch": 2, "time": 257},
      {"batch": 4, "time": 400}], ("time", 401)),
    ("detector.onnx", {"batch": "1..4", "height": "32..96", "width": "32..96"},
     [{"batch": 1, "height": 32, "width": 32}, {"batch": 3, "height": 50, "width": 71},
      {"batch": 4, "height": 96, "width": 96}], ("height", 97)),
    ("steps.onnx", {"seq": "1..40"}, [{"seq": 1}, {"seq": 2}, {"seq": 17}, {"seq": 40}], ("seq", 41)),
    ("pyramid.onnx", {"height": "8..96/4", "width": "16..96/8"},
     [{"height": 8, "width": 16}, {"height": 20, "width": 88}, {"height": 96, "width": 96}], ("height", 18)),
    # The file fixes this one at 1.
    ("../gtcrn/model.onnx", {"mix.dim2": "1..8"}, [{"mix.dim2": 1}, {"mix.dim2": 3}, {"mix.dim2": 8}], ("mix.dim2", 9)),
]


def ingot(*arguments):
    return subprocess.run([INGOT, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL)


def report(name, problem):
    print(f"FAIL {name}: {problem}".replace("\n", " ") if problem else f"PASS {name}")


def compile_model(model, output, dims):
    done = ingot("compile", model, "-o", output, *[f"--dim={name}={value}" for name, value in dims.items()])
    return "" if done.returncode == 0 else done.stderr.strip()[-300:]


def run(program, folder, dims=None, inputs=None):
    """Outputs and the numbers of --json, or an error."""
    outputs = folder / "outputs.npz"
    outputs.unlink(missing_ok=True)
    flags = [f"--dim={name}={value}" for name, value in (dims or {}).items()]
    if inputs:
        flags.append(f"--inputs={inputs}")
    done = ingot("run", program, "--json", f"--outputs={outputs}", *flags)
    if done.returncode:
        return None, None, done.stderr.strip()[-300:]
    with np.load(outputs) as stored:
        return {name: stored[name] for name in stored.files}, json.loads(done.stdout.strip().splitlines()[-1]), ""


def difference(got, want):
    if sorted(got) != sorted(want):
        return f"outputs {sorted(got)}, expected {sorted(want)}"
    for name, value in want.items():
        if got[name].shape != value.shape:
            return f"output '{name}' has shape {got[name].shape}, expected {value.shape}"
        a, b = got[name].astype(np.float64), value.astype(np.float64)
        if not np.array_equal(np.isnan(a), np.isnan(b)):
            return f"output '{name}' is NaN elsewhere"
        scale = max(np.nanmax(np.abs(b), initial=0), 1e-30)
        error = np.nanmax(np.abs(a - b), initial=0) / scale
        if not error <= TOLERANCE:
            return f"output '{name}' is {error:.2g} of its scale away"
    return ""


def check_sizes(model, ranges, sizes, refused, folder):
    program, alone = folder / "dynamic.ingot", folder / "static.ingot"
    problem = compile_model(model, program, ranges)
    report(f"{model.name} compiles", problem)
    if problem:
        return
    arenas = []
    for size in sizes:
        name = f"{model.name} {' '.join(f'{dim}={extent}' for dim, extent in size.items())}"
        problem = compile_model(model, alone, size)
        if not problem:
            want, _, problem = run(alone, folder)
        if not problem:
            got, numbers, problem = run(program, folder, dims=size)
        if not problem:
            arenas.append(numbers["arena_bytes"])
            problem = difference(got, want)
        report(name, problem)
    if len(arenas) > 1:
        grows = arenas[0] == arenas[-1] if model.name == "steps.onnx" else arenas[0] < arenas[-1]
        report(f"{model.name} memory", "" if grows
               else f"the smallest size takes {arenas[0]} bytes, the largest {arenas[-1]}")
    if refused:
        done = ingot("run", program, f"--dim={refused[0]}={refused[1]}")
        told = done.returncode == 1 and refused[0] in done.stderr and str(refused[1]) in done.stderr
        report(f"{model.name} refuses {refused[0]}={refused[1]}", "" if told else done.stderr.strip() or "it runs")


def check_opened(folder):
    """gtcrn with more frames than its file says, against what ONNX Runtime gives with that dim made symbolic."""
    program, case = folder / "gtcrn.ingot", MODELS / "gtcrn-frames.npz"
    problem = compile_model(MODELS / "../gtcrn/model.onnx", program, {"mix.dim2": "frames", "frames": "1..16"})
    report("gtcrn opens a dim", problem)
    if not problem:
        done = ingot("run", program, f"--inputs={case}", f"--expect={case}", f"--rtol={TOLERANCE}")
        report(f"gtcrn {case.stem}", "" if done.returncode == 0 else done.stderr.strip()[-300:])


def check_stored(folder):
    """encoder.pt2 at the sizes for which torch's outputs are stored."""
    program = folder / "encoder.ingot"
    problem = compile_model(MODELS / "encoder.pt2", program, {})
    report("encoder.pt2 compiles", problem)
    for case in sorted(MODELS.glob("case-*.npz")) if not problem else []:
        done = ingot("run", program, f"--inputs={case}", f"--expect={case}", f"--rtol={TOLERANCE}")
        report(f"encoder.pt2 {case.stem}", "" if done.returncode == 0 else done.stderr.strip()[-300:])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_stored(folder)
        check_opened(folder)
        for model, ranges, sizes, refused in CASES:
            check_sizes(MODELS / model, ranges, sizes, refused, folder)


if __name__ == "__main__":
    main()
