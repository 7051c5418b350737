#!/usr/bin/env python3
"""How compiling grows with the model: import of many bytes, and whole compiles of many nodes.

    scale.py [--nodes=1000,5000,20000] [--gigabytes=2] [--formats=onnx,pt2] [--folder=DIR] [--json=F.json] [--ingot=FILE]

Makes models in DIR (default: a temporary folder), compiles each with `ingot compile` and prints a table: seconds in all, seconds of the CPU (less disturbed by
what else runs), the phases, and the largest private memory (RssAnon: without the pages of mapped files). --gigabytes=0 or an empty --nodes
leaves a half out. Models that are in DIR already are used again.
"""
import argparse
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

import _scale_models as models

ROOT = pathlib.Path(__file__).resolve().parents[1]


def measure(command):
    """(seconds, seconds of the CPU, largest RssAnon in bytes) of a command that must succeed."""
    start, peak, before = time.monotonic(), 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        while process.poll() is None:
            try:
                found = re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())
            except OSError:
                break
            peak = max(peak, int(found[1]) * 1024 if found else 0)
            time.sleep(0.005)
        process.wait()
        seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        err.seek(0)
        if process.returncode:
            raise SystemExit(f"error: {' '.join(map(str, command))}: {err.read().decode(errors='replace').strip()}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def compile_row(ingot, model, folder, *flags):
    report = folder / "report.json"
    seconds, busy, peak = measure([ingot, "compile", model, "-o", folder / "out.ingot", f"--report={report}", *flags])
    row = {"model": model.name, "seconds": round(seconds, 2), "cpu_seconds": round(busy, 2), "private_mb": round(peak / 1e6), **json.loads(report.read_text())}
    return {key: row[key] for key in ("model", "seconds", "cpu_seconds", "private_mb", "phases", "kernels") if key in row}


def made(folder, name, make, size):
    """The model `name` of the folder, made when it is not there; and what making it gave."""
    path, note = folder / name, folder / f"{name}.size"
    if not note.exists():
        print(f"making {name}", file=sys.stderr)
        note.write_text(str(make(path, size)))
    return path, int(note.read_text())


def run(arguments, folder):
    rows = []
    for form in arguments.formats:
        if arguments.gigabytes:
            path, size = made(folder, f"big-{arguments.gigabytes:g}.{form}", getattr(models, f"{form}_big"), arguments.gigabytes * 2**30)
            for _ in range(2):  # at first the file may not be in memory
                row = compile_row(arguments.ingot, path, folder, "--stop-after=import")
                row = {**row, "weights_mb": round(size / 1e6), "phases": {phase["name"]: phase["ms"] for phase in row["phases"]}}
                rows.append(row)
                print(f"import  {path.name:16} {size / 1e6:8.0f} MB of weights {row['seconds']:8.2f} s {row['cpu_seconds']:8.2f} s CPU {row['private_mb']:6} MB private")
        for nodes in arguments.nodes:
            path, count = made(folder, f"graph-{nodes}.{form}", getattr(models, f"{form}_graph"), nodes)
            row = compile_row(arguments.ingot, path, folder)
            phases = {phase["name"]: phase["ms"] for phase in row["phases"]}
            row = {**row, "nodes": count, "kernels": len(row["kernels"]), "phases": phases}
            rows.append(row)
            print(f"compile {path.name:16} {count:8} nodes {row['kernels']:5} kernels {row['seconds']:8.2f} s {row['cpu_seconds']:8.2f} s CPU {row['private_mb']:6} MB private  " + " ".join(f"{name} {ms / 1e3:.2f}" for name, ms in phases.items()),
                  flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", default="1000,5000,20000", type=lambda text: [int(word) for word in text.split(",") if word])
    parser.add_argument("--gigabytes", default=2, type=float)
    parser.add_argument("--formats", default="onnx,pt2", type=lambda text: text.split(","))
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--ingot", default=ROOT / "build" / "bin" / "ingot")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = run(arguments, folder)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
