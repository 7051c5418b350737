"""A model split between a GPU target and a CPU: compile, inspect, report, run, compare."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT, BUILD = pathlib.Path(os.environ["INGOT_ROOT"]), pathlib.Path(os.environ["INGOT_BUILD"])
sys.path.insert(0, str(ROOT / "test" / "harness"))
TARGETS = "vulkan,x86-64-v3"
WIDTH, HIDDEN, ROWS = 512, 2048, 24


def report(name, good, why="wrong"):
    print(f"PASS {name}" if good else f"FAIL {name}: {why}")


def tool(*words):
    """Runs `ingot WORDS…`: (exit code, stdout, stderr)."""
    done = subprocess.run([BUILD / "bin" / "ingot", *words], capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr


def feed_forward(path):
    """Writes the feed-forward block of a transformer, then a transpose: what GPUs have kernels for, and what not."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(7)
    weights = {"w1": random.standard_normal((WIDTH, HIDDEN)) / 16, "b1": random.standard_normal(HIDDEN),
               "w2": random.standard_normal((HIDDEN, WIDTH)) / 32, "b2": random.standard_normal(WIDTH),
               "scale": random.standard_normal(WIDTH), "shift": random.standard_normal(WIDTH)}
    node = helper.make_node
    nodes = [node("MatMul", ["x", "w1"], ["m1"], name="up"), node("Add", ["m1", "b1"], ["a1"]),
             node("Gelu", ["a1"], ["g"], name="act"),
             node("MatMul", ["g", "w2"], ["m2"], name="down"), node("Add", ["m2", "b2"], ["a2"]),
             node("Add", ["a2", "x"], ["r"], name="residual"),
             node("LayerNormalization", ["r", "scale", "shift"], ["n"], name="norm", axis=-1),
             node("Transpose", ["n"], ["y"], name="flip", perm=[0, 2, 1])]
    graph = helper.make_graph(
        nodes, "feed_forward", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, ROWS, WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, WIDTH, ROWS])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def check_program(program, fallback):
    """What inspect and the report say of the cut."""
    _, shown, _ = tool("inspect", program)
    report("inspect shows the cut", all(words in shown for words in (
        "cut\n", "transfers          2 a run", "code for x86-64-v3", "binary for vulkan")), shown)
    entry = json.loads(tool("inspect", program, "--json")[1])["plans"][0]["entries"][0]
    cut = entry.get("cut", {})
    report("inspect counts launches", {name: share["launches"] for name, share in cut.get("targets", {}).items()}
           == {"vulkan": 3, "x86-64-v3": 1}, json.dumps(cut))
    report("inspect lists transfers", [move["bytes"] for move in cut.get("transfers", [])]
           == [4 * ROWS * WIDTH] * 2, json.dumps(cut))
    rows = [(row["op"], row["reason"]) for row in json.loads(fallback.read_text())["fallbacks"]]
    report("the report says why", rows == [("transpose", "vulkan has no kernel for transpose")], str(rows))


def check_split(folder):
    model, program, fallback = folder / "ff.onnx", folder / "split.ingot", folder / "report.json"
    feed_forward(model)
    code, _, errors = tool("compile", model, "-o", program, f"--target={TARGETS}", f"--report={fallback}")
    report("a split model compiles", code == 0, errors)
    check_program(program, fallback)
    again = folder / "again.ingot"
    tool("compile", model, "-o", again, f"--target={TARGETS}")
    report("twice the same bytes", program.read_bytes() == again.read_bytes())

    whole, wanted = folder / "whole.ingot", folder / "wanted.npz"
    tool("compile", model, "-o", whole, "--target=x86-64-v3")
    tool("run", whole, f"--outputs={wanted}")
    code, shown, errors = tool("run", program, f"--expect={wanted}")
    if code and "needs Vulkan" in errors:
        print(f"SKIP a split program runs: {errors.splitlines()[0]}")
        return
    report("a split program runs", code == 0 and "as expected" in shown, shown + errors)


def check_missing_device(folder):
    """Without a device the error names it; a program that has nothing for the device does not need one."""
    environment = dict(os.environ, VK_ICD_FILENAMES=str(folder / "none.json"), VK_DRIVER_FILES=str(folder / "none.json"))
    done = subprocess.run([BUILD / "bin" / "ingot-run", folder / "split.ingot"], capture_output=True, text=True,
                          env=environment, timeout=600)
    report("no device, a clear error", done.returncode == 1 and "Vulkan" in done.stderr and "hint: " in done.stderr,
           done.stderr)
    mnist = ROOT / "test" / "models" / "mnist-cnn"
    program = folder / "mnist.ingot"
    code, _, errors = tool("compile", mnist / "model.onnx", "-o", program, f"--target={TARGETS}")
    report("mnist-cnn compiles", code == 0, errors)
    _, shown, _ = tool("inspect", program)
    report("an idle device is left out", "vulkan" not in shown.replace(f"--target={TARGETS}", ""), shown)
    case = mnist / "case-0.npz"
    done = subprocess.run([BUILD / "bin" / "ingot-run", program, f"--inputs={case}", f"--expect={case}"],
                          capture_output=True, text=True, env=environment, timeout=600)
    report("an idle device is not needed", done.returncode == 0, done.stderr)


def main():
    try:
        import numpy  # noqa: F401
        import onnx  # noqa: F401
    except ImportError:
        print("SKIP split: the onnx package is not installed (./dev setup with a network)")
        return
    with tempfile.TemporaryDirectory() as name:
        check_split(pathlib.Path(name))
        check_missing_device(pathlib.Path(name))


if __name__ == "__main__":
    main()
