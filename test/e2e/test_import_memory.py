"""Importing a model of 500 MB takes at most 100 MB of private memory: its weights stay in the mapped file.

The model is a chain of products whose weights are holes of a sparse file but for a few bytes. What the whole
compilation takes is printed, not judged: packing streams through memory, constant by constant.
"""
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time

from _inputs import field, fields, graph, model, node, value_info, varint

INGOT = pathlib.Path(os.environ["INGOT_BUILD"]) / "bin" / "ingot"
SANITIZED = bool(re.search(r"^INGOT_SANITIZE:\w+=.", (INGOT.parents[1] / "CMakeCache.txt").read_text(), re.M))
EXTENT, LAYERS = 5120, 5
BYTES = 4 * EXTENT * EXTENT  # of one weight: 100 MiB
BUDGET = 100 << 20
LIMIT = 300


def layers():
    names = ["x"] + [f"v{i}" for i in range(1, LAYERS)] + ["y"]
    return [node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(LAYERS)]


def head(name):
    return fields((1, EXTENT), (1, EXTENT), (2, 1), (8, name))


def holes(path, places, size):
    """A file of `size` bytes, zero but for (place, bytes)."""
    with open(path, "wb") as file:
        for place, data in places:
            file.seek(place)
            file.write(data)
        file.truncate(size)


def inside(folder):
    """Weights as raw_data of the model file; the message's lengths are known beforehand."""
    body = graph(layers(), [value_info("x", [1, EXTENT])], [value_info("y", [1, EXTENT])])
    tensors, total = [], len(body)
    for i in range(LAYERS):
        start = head(f"w{i}") + varint(9 << 3 | 2) + varint(BYTES)
        start = varint(5 << 3 | 2) + varint(len(start) + BYTES) + start
        tensors.append(start)
        total += len(start) + BYTES
    front = field(1, 8) + field(8, fields((1, ""), (2, 20))) + varint(7 << 3 | 2) + varint(total)
    places, at = [(0, front + body)], len(front) + len(body)
    for i, start in enumerate(tensors):
        places.append((at, start + struct.pack("<f", i + 1)))
        at += len(start) + BYTES
    holes(folder / "model.onnx", places, at)


def outside(folder):
    """Weights in a file beside the model."""
    weights = [head(f"w{i}") + b"".join(field(13, fields((1, key), (2, str(value)))) for key, value in
                                        (("location", "w.bin"), ("offset", i * BYTES), ("length", BYTES)))
               + field(14, 1) for i in range(LAYERS)]
    (folder / "model.onnx").write_bytes(model(graph(
        layers(), [value_info("x", [1, EXTENT])], [value_info("y", [1, EXTENT])], weights)))
    holes(folder / "w.bin", [(i * BYTES, struct.pack("<f", i + 1)) for i in range(LAYERS)], LAYERS * BYTES)


def private_peak(command, folder):
    """(exit code, stderr, largest RssAnon in bytes seen while it ran, seconds)."""
    start, peak = time.monotonic(), 0
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        while process.poll() is None and time.monotonic() - start < LIMIT:
            try:
                found = re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())
            except OSError:
                break
            peak = max(peak, int(found[1]) * 1024 if found else 0)
            time.sleep(0.003)
        process.kill() if process.poll() is None and time.monotonic() - start >= LIMIT else None
        process.wait()
        err.seek(0)
        return process.returncode, err.read().decode(errors="replace"), peak, time.monotonic() - start


def main():
    if SANITIZED:
        print("SKIP import-memory: a sanitizer build takes memory of its own")
        return
    for kind, make in (("inside", inside), ("outside", outside)):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make(folder)
            for stop in ["import"] + ["emit"] * (kind == "inside"):
                code, err, peak, seconds = private_peak(
                    [INGOT, "compile", "model.onnx", f"--stop-after={stop}", "-o", "out.ingot"], folder)
                print(f"weights {kind}, to {stop}: {peak >> 20} MB of private memory, {seconds:.1f} s")
                if code:
                    print(f"FAIL {kind}: exit code {code}: {err.strip()[:200]}".replace("\n", " "))
                elif stop == "import":
                    print(f"PASS {kind}" if peak <= BUDGET else f"FAIL {kind}: {peak >> 20} MB, allowed {BUDGET >> 20}")


if __name__ == "__main__":
    sys.exit(main())
