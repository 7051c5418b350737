"""Long graphs: five times the nodes are compiled right, to as many kernels and no more memory than they need.

What takes time by the square of the nodes is seen by bench/scale.py; here counts are judged.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ["INGOT_ROOT"])
INGOT = pathlib.Path(os.environ["INGOT_BUILD"]) / "bin" / "ingot"
NODES = (700, 3500)
LIMIT = 300


def main():
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        import _scale_models
        import onnx  # noqa: F401
    except ImportError as missing:
        print(f"SKIP scale: {missing}")
        return
    reports = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for nodes in NODES:
            model = folder / f"{nodes}.onnx"
            count = _scale_models.onnx_graph(model, nodes)
            done = subprocess.run([INGOT, "compile", model, "-o", folder / "out.ingot", f"--report={folder / 'report.json'}"],
                                  capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
            if done.returncode:
                print(f"FAIL {nodes} nodes: exit code {done.returncode}: {done.stderr.strip()[-300:]}".replace("\n", " "))
                return
            reports.append(json.loads((folder / "report.json").read_text()))
            diff = subprocess.run([INGOT, "diff", model], capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
            said = (diff.stdout + diff.stderr).strip().splitlines()
            print(f"{'FAIL' if diff.returncode else 'PASS'} {nodes} nodes: {count} in all; "
                  + " ".join(line for line in said[:3] if line.startswith(("all", "error")) or "kernels" in line))
    kernels = [len(report["kernels"]) for report in reports]
    arenas = [sum(arena["bytes"] for arena in report["arenas"]) for report in reports]
    print(f"{'PASS' if kernels[0] == kernels[1] else 'FAIL'} kernels: {kernels[0]} and {kernels[1]}, expected as many: equal kernels are one")
    # The blocks are the same, and what is alive at once is too, but for the long skips.
    print(f"{'PASS' if arenas[1] <= 1.25 * arenas[0] else 'FAIL'} memory: arenas of {arenas[0]} and {arenas[1]} bytes")


if __name__ == "__main__":
    main()
