"""Compiling the same model again gives the same bytes: on other threads, from another folder, in another environment."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
INGOT = pathlib.Path(os.environ["INGOT_BUILD"]) / "bin" / "ingot"
MODELS = ["mnist-cnn/model.onnx", "mnist-cnn/model.pt2", "gtcrn/model.onnx", "ultraface-rfb/model.onnx"]
TARGETS = ["x86-64-v3", "x86-64-v4", "aarch64", "x86-64-v2"]
LIMIT = 300


def compile_in(folder, model, target, threads, environment):
    """The hash of the program, or an error text."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "test" / "models" / model, folder / pathlib.Path(model).name)
    done = subprocess.run([INGOT, "compile", pathlib.Path(model).name, f"--target={target}", f"--threads={threads}",
                           "-o", "program.ingot"], cwd=folder, capture_output=True, text=True, timeout=LIMIT,
                          env=dict(os.environ, **environment), stdin=subprocess.DEVNULL)
    if done.returncode:
        return "error: " + (done.stderr.strip().splitlines() or ["no message"])[0]
    return hashlib.sha256((folder / "program.ingot").read_bytes()).hexdigest()


def main():
    for model, target in [(model, TARGETS[index % 2]) for index, model in enumerate(MODELS)] + \
                         [(MODELS[0], TARGETS[2]), (MODELS[1], TARGETS[3])]:
        name = f"{model.replace('/model', '')}/{target}"
        if sys.argv[1:] and not any(word in "e2e/test_same_bytes/" + name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as top:
            first = compile_in(pathlib.Path(top) / "a", model, target, 1, {})
            # The environment shifts the stack and the heap; addresses differ from run to run anyhow.
            second = compile_in(pathlib.Path(top) / "another" / "longer" / "path", model, target, 4,
                                {"SHIFT": "x" * 5000, "LC_ALL": "C", "TZ": "Asia/Tokyo"})
            if first.startswith("error") or second.startswith("error"):
                print(f"FAIL {name}: {first if first.startswith('error') else second}")
            else:
                print(f"PASS {name}" if first == second else f"FAIL {name}: the two programs differ")


if __name__ == "__main__":
    main()
