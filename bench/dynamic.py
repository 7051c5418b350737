#!/usr/bin/env python3
"""One program for every size, beside the programs of each size alone.

    dynamic.py [--zoo=DIR] [--models=DIR] [--pairs=8] [--only=TEXT] [--target=NAME] [--json=F.json] [--ingot=FILE]

For each model and size: whether both programs give the same numbers (the largest difference over an output's largest
value), the arena that the dynamic one uses there, the arena at its largest size, that of the static one, and the ratio
of their times: the least of all runs, which take turns in pairs. The models: those of test/models; of --models (real
ones with references, one folder each: silero-vad, ppocr-det, yolox-nano); of --zoo (`dynamic/*.pt2` of exports with
open dims; default: the environment's INGOT_ZOO). What is not there is left out.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Model, flags that name dims, ranges, sizes.
SMALL = [
    ("dynamic/encoder.pt2", ["ids.dim0=batch", "ids.dim1=seq"], {"batch": "1..4", "seq": "2..64"},
     [{"batch": 1, "seq": 2}, {"batch": 1, "seq": 17}, {"batch": 4, "seq": 64}]),
    ("dynamic/windows.onnx", [], {"batch": "1..4", "time": "16..400"},
     [{"batch": 1, "time": 16}, {"batch": 2, "time": 257}, {"batch": 4, "time": 400}]),
    ("dynamic/detector.onnx", [], {"batch": "1..4", "height": "32..96", "width": "32..96"},
     [{"batch": 1, "height": 32, "width": 32}, {"batch": 2, "height": 50, "width": 71},
      {"batch": 4, "height": 96, "width": 96}]),
    ("gtcrn/model.onnx", ["mix.dim2=frames"], {"frames": "1..16"}, [{"frames": 1}, {"frames": 5}, {"frames": 16}]),
]
REAL = [
    ("silero-vad/model.onnx", ["sequence=576"], {"batch": "1..8"}, [{"batch": 1}, {"batch": 3}, {"batch": 8}]),
    ("ppocr-det/model.onnx", ["x.dim0=1", "x.dim2=height", "x.dim3=width"], {"height": "64..640/32", "width": "64..640/32"},
     [{"height": 64, "width": 64}, {"height": 160, "width": 352}, {"height": 640, "width": 640}]),
    ("yolox-nano/model.onnx", ["images.dim0=batch"], {"batch": "1..4"}, [{"batch": 1}, {"batch": 4}]),
]
ZOO = [
    ("minilm.pt2", ["inputs_0.dim0=batch", "inputs_0.dim1=seq"], {"batch": "1..8", "seq": "2..128"},
     [{"batch": 1, "seq": 7}, {"batch": 1, "seq": 128}, {"batch": 3, "seq": 33}, {"batch": 8, "seq": 128}]),
    ("whisper_tiny_encoder.pt2", ["inputs_0.dim0=batch"], {"batch": "1..4"}, [{"batch": 1}, {"batch": 4}]),
    ("whisper_tiny_decoder.pt2", ["inputs_0.dim0=batch", "inputs_0.dim1=seq"], {"batch": "1..8", "seq": "2..128"},
     [{"batch": 1, "seq": 2}, {"batch": 1, "seq": 12}, {"batch": 2, "seq": 60}]),
]


def ingot(options, *arguments):
    done = subprocess.run([options.ingot, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: ingot {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def compiled(options, model, output, flags):
    target = [f"--target={options.target}"] if options.target else []
    ingot(options, "compile", model, "-o", output, *target, *[f"--dim={flag}" for flag in flags])
    return output


def run(options, program, size, *flags):
    text = ingot(options, "run", program, "--json", *[f"--dim={name}={extent}" for name, extent in size.items()], *flags)
    return json.loads(text.strip().splitlines()[-1])


def difference(one, other):
    worst = 0.0
    with np.load(one) as a, np.load(other) as b:
        for name in a.files:
            x, y = a[name].astype(np.float64), b[name].astype(np.float64)
            if x.shape != y.shape:
                raise SystemExit(f"error: output {name} has shapes {x.shape} and {y.shape}")
            worst = max(worst, np.nanmax(np.abs(x - y), initial=0) / max(np.nanmax(np.abs(y), initial=0), 1e-30))
    return worst


def rows(options, model, names, ranges, sizes, folder):
    program = compiled(options, model, folder / "dynamic.ingot",
                       names + [f"{name}={extents}" for name, extents in ranges.items()])
    whole = {name: int(extents.split("..")[1].split("/")[0]) for name, extents in ranges.items()}
    largest = run(options, program, whole)["arena_bytes"]
    for size in sizes:
        alone = compiled(options, model, folder / "static.ingot", names + [f"{name}={n}" for name, n in size.items()])
        first = run(options, program, size, f"--outputs={folder / 'a.npz'}")
        static = run(options, alone, {}, f"--outputs={folder / 'b.npz'}")
        repeat = f"--repeat={max(5, min(2000, int(100 / max(first['first_ms'], 0.01))))}"
        times = [], []
        for _ in range(options.pairs):
            times[0].append(run(options, program, size, repeat)["min_ms"])
            times[1].append(run(options, alone, {}, repeat)["min_ms"])
        yield {"model": model.parent.name if model.stem == "model" else model.stem, "size": size,
               "difference": difference(folder / "a.npz", folder / "b.npz"), "arena": first["arena_bytes"],
               "arena_largest": largest, "arena_static": static["arena_bytes"], "ms": min(times[0]),
               "ms_static": min(times[1]), "ratio": min(times[0]) / min(times[1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=pathlib.Path, default=os.environ.get("INGOT_ZOO"))
    parser.add_argument("--models", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--only", default="", help="models whose path holds this text")
    parser.add_argument("--target", default="")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--ingot", type=pathlib.Path, default=ROOT / "build" / "bin" / "ingot")
    options = parser.parse_args()
    cases = [(ROOT / "test" / "models" / name, *rest) for name, *rest in SMALL]
    if options.models:
        cases += [(options.models / name, *rest) for name, *rest in REAL]
    if options.zoo:
        cases += [(pathlib.Path(options.zoo) / "dynamic" / name, *rest) for name, *rest in ZOO]
    table = []
    print("| model | size | difference | arena | of the largest | static | ms | static | ratio |\n"
          "|---|---|---|---|---|---|---|---|---|")
    for model, *rest in cases:
        if options.only not in str(model) or not model.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(options, model, *rest, pathlib.Path(folder)):
                table.append(row)
                size = " x ".join(str(extent) for extent in row["size"].values())
                print(f"| {row['model']} | {size} | {row['difference']:.1e} | {row['arena']:,} | {row['arena_largest']:,} "
                      f"| {row['arena_static']:,} | {row['ms']:.3g} | {row['ms_static']:.3g} | {row['ratio']:.2f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
