"""Gives every fuzz target the inputs that are kept for it: kept/TARGET/* and a few of the tree's own files.

What a search finds goes to kept/TARGET/ under a name that says what was wrong. To search:

    cmake -B build-fuzz -DINGOT_FUZZ=ON -DINGOT_SANITIZE=address,undefined   (and the other options of `./dev build --asan`)
    ninja -C build-fuzz fuzz-onnx && build-fuzz/test/fuzz-onnx -max_total_time=300 FOLDER test/fuzz/kept/onnx
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
BUILD = pathlib.Path(os.environ["INGOT_BUILD"])
FUZZ = ROOT / "test" / "fuzz"
LIMIT = 300  # seconds a target; all its inputs together take a few
SOUND = {"program": ["test/golden/*.ingot"], "arrays": ["test/models/mnist-cnn/case-0.npz"],
         "onnx": ["test/models/mnist-cnn/model.onnx"], "pt2": ["test/models/mnist-cnn/model.pt2"],
         "tflite": ["test/ops/tflite/*conv*.tflite"],
         "plan-csv": ["test/unit/planner/minimalloc/*.csv"]}


def main():
    for source in sorted(FUZZ.glob("*.cpp")):
        target, program = source.stem, BUILD / "test" / f"fuzz-{source.stem}"
        inputs = sorted((FUZZ / "kept" / target).glob("*"))
        inputs += sorted(path for pattern in SOUND.get(target, []) for path in ROOT.glob(pattern))
        if not program.exists():
            print(f"FAIL {target}: {program.name} is not built")
            continue
        if not inputs:
            print(f"FAIL {target}: no input is kept in test/fuzz/kept/{target}")
            continue
        try:
            done = subprocess.run([program, "-timeout=20", "-rss_limit_mb=2048", *inputs], capture_output=True,
                                  text=True, errors="replace", timeout=LIMIT, cwd=BUILD / "test")
        except subprocess.TimeoutExpired:
            print(f"FAIL {target}: no end within {LIMIT} s")
            continue
        ran = done.stderr.count("Executed ")
        if done.returncode or ran != len(inputs):
            print(done.stderr[-4000:])
            print(f"FAIL {target}: exit code {done.returncode} after {ran} of {len(inputs)} inputs")
        else:
            print(f"{target}: {ran} inputs")
            print(f"PASS {target}")


if __name__ == "__main__":
    sys.exit(main())
