"""Several entry points in one program: weights and variables are shared, state moves through NPZ files."""
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BIN = pathlib.Path(os.environ["INGOT_BUILD"]) / "bin"
MODELS = ROOT / "test" / "models" / "entries"
TOLERANCE = 1e-5  # sums of f32 in another order, relative to the largest magnitude


def call(*arguments, tool="ingot"):
    return subprocess.run([BIN / tool, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          stdin=subprocess.DEVNULL)


def report(name, problem):
    print(f"FAIL {name}: {problem}".replace("\n", " ") if problem else f"PASS {name}")


def failed(done):
    return done.stderr.strip()[-300:] or "failed" if done.returncode else ""


def refused(name, needle, *arguments):
    done = call(*arguments)
    right = done.returncode == 1 and needle in done.stderr
    report(name, "" if right else f"expected '{needle}', got {done.returncode}: {done.stderr[-300:]}")


def generate(name, program, folder):
    """The steps that torch took: each run goes on from the state that the last one left."""
    state = folder / f"{name}.npz"
    for step in range(5):
        inputs = MODELS / f"step-{step}.npz"
        flags = ["--entry=decode", f"--load-state={state}"] if step else ["--entry=prefill"]
        done = call(program, *flags, f"--inputs={inputs}", f"--expect={inputs}", f"--rtol={TOLERANCE}",
                    f"--save-state={state}", "--repeat=2", tool="ingot-run")
        report(f"{name}/step-{step}", failed(done))


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        archive, two = folder / "archive.ingot", folder / "two.ingot"
        report("archive/compile", failed(call("compile", MODELS / "lm.pt2", "-o", archive)))
        report("two/compile", failed(call("compile", f"prefill={MODELS / 'prefill.pt2'}",
                                          f"decode={MODELS / 'decode.pt2'}", "-o", two)))
        generate("archive", archive, folder)
        look = MODELS / "look.npz"
        report("archive/what-another-entry-left",
               failed(call("run", archive, "--entry=look", f"--inputs={look}", f"--expect={look}", f"--rtol={TOLERANCE}",
                           f"--load-state={folder / 'archive.npz'}")))
        generate("two", two, folder)

        described = json.loads(call("inspect", archive, "--json").stdout)["plans"][0]
        names = sorted(entry["name"] for entry in described["entries"])
        report("entries", "" if names == ["decode", "look", "prefill"] else f"the entries are {names}")
        variables = sorted(variable["name"] for variable in described["variables"])
        report("variables-are-shared", "" if variables == ["lm.keys", "lm.values"] else f"they are {variables}")
        alone = folder / "alone.ingot"
        report("alone/compile", failed(call("compile", MODELS / "decode.pt2", "-o", alone)))
        weights = [sum(c["bytes"] for c in json.loads(call("inspect", p, "--json").stdout)["plans"][0]["constants"])
                   for p in (archive, alone)]
        report("weights-are-shared",
               "" if weights[0] < 1.5 * weights[1] else f"{weights[0]} bytes for both, {weights[1]} for decode alone")

        samples = call("run", archive, "--entry=decode", f"--inputs={MODELS / 'lm.pt2'}")
        report("sample-inputs-of-an-entry", failed(samples))
        text = call("inspect", MODELS / "lm.pt2").stdout
        report("inspect-archive", "" if "entry prefill" in text and "entry decode" in text else text[:200])
        report("diff-entry", failed(call("diff", MODELS / "lm.pt2", "--entry=decode")))

        refused("run-needs-an-entry", "several entries", "run", archive)
        refused("diff-needs-an-entry", "several entries", "diff", MODELS / "lm.pt2")
        refused("unknown-entry", "none called 'encode'", "diff", MODELS / "lm.pt2", "--entry=encode")
        refused("same-name", "two models are called 'a'", "compile", f"a={MODELS / 'prefill.pt2'}",
                f"a={MODELS / 'decode.pt2'}", "-o", two)
        refused("bad-name", "cannot name an entry", "compile", f"a b={MODELS / 'prefill.pt2'}", "-o", two)
        refused("archive-as-one-entry", "holds the models", "compile", f"a={MODELS / 'lm.pt2'}", "-o", two)
        refused("state-of-others", "no variable of the program", "run", archive, "--entry=decode",
                f"--load-state={MODELS / 'step-0.npz'}")

        # One name, other bounds: the later entry's dim gets its name before it.
        windows, both = ROOT / "test/models/dynamic/windows.onnx", folder / "both.ingot"
        report("dims/compile", failed(call("compile", f"a={windows}", f"b={windows}", "--dim=a.batch=1..4",
                                           "--dim=b.batch=1..2", "--dim=time=16..90", "-o", both)))
        text = call("inspect", both).stdout
        report("dims/apart", "" if "dims batch 1..4, time 16..90" in text and "dims b.batch 1..2, time 16..90" in text and
               "--dim a.batch=1..4 --dim b.batch=1..2 --dim time=16..90" in text else text[:600])
        report("dims/run", failed(call("run", both, "--entry=a", "--dim=batch=4", "--dim=time=20")))
        refused("dims/bounds", "dim 'b.batch' is 3, but the program was compiled for 1..2", "run", both, "--entry=b",
                "--dim=b.batch=3")
        refused("counted", "extents that come from values", "compile", f"a={windows}",
                f"b={ROOT / 'test/models/dynamic/detector.onnx'}", "--dim=a.batch=2", "--dim=a.time=16", "--dim=b.batch=1",
                "--dim=b.height=32", "--dim=b.width=32", "-o", folder / "counted.ingot")

        np.savez(folder / "shape.npz", **{"lm.keys": np.zeros((1, 2, 16), np.float32)})
        refused("state-of-another-shape", "does not fit the variable", "run", archive, "--entry=decode",
                f"--load-state={folder / 'shape.npz'}")


if __name__ == "__main__":
    main()
