#!/usr/bin/env python3
"""Exports published architectures in small and packs them into pt2-families.tar.xz, which pt2_families.py runs.

    _make_pt2_families.py FOLDER [NAME…]     exports what FOLDER lacks (or NAME…), then packs FOLDER

Needs torch 2.13, transformers 5.23, torchao 0.18 and numpy. A family becomes NAME.pt2, NAME.core.pt2 (run_decompositions),
NAME.npz and, where dims are open, NAME.dims with the extents of the arrays.
"""
import copy
import io
import pathlib
import re
import sys
import tarfile
import warnings
import zipfile

import numpy as np
import torch

import _pt2_quantized  # noqa: F401  (adds its families)
from _make_pt2_cases import compress
from _pt2_architectures import ARCHITECTURES

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHIVE = pathlib.Path(__file__).with_name("pt2-families.tar.xz")
# What would tell where a package was made.
PLACES = re.compile("|".join([r"site-packages", r"\.py\b", *(re.escape(str(place)) for place in (pathlib.Path.home(), ROOT, sys.prefix))]).encode())


def stored(data):
    """The package without compression: equal weights of two packages then pack as one."""
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:
        for name in source.namelist():
            content = source.read(name)
            if found := PLACES.search(content):
                raise SystemExit(f"error: {name} holds {found[0]}")
            out.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return target.getvalue()


def array(value):
    value = value.detach().contiguous()
    return value.view(torch.int16).numpy().view("V2") if value.dtype == torch.bfloat16 else value.numpy()


def save(program, path):
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    path.write_bytes(stored(compress(buffer.getvalue(), False)))


def export(name, folder):
    module, inputs, dims = ARCHITECTURES[name]()
    reference = copy.deepcopy(module)  # a cache changes when the model runs
    program = torch.export.export(module, inputs, dynamic_shapes=dims)
    with torch.no_grad():
        expected = reference(*[value.clone() for value in inputs])
    expected = expected if isinstance(expected, tuple) else (expected,)
    save(program, folder / f"{name}.pt2")
    try:
        save(program.run_decompositions(), folder / f"{name}.core.pt2")
    except Exception as error:  # torch's: said, and the family goes without
        print(f"{name}: not decomposed: {str(error).splitlines()[0][:100]}")
    values = {f"in{i}": array(value) for i, value in enumerate(inputs)}
    np.savez(folder / f"{name}.npz", **values, **{f"out{i}": array(value) for i, value in enumerate(expected)})
    if dims:
        write_dims(program, inputs, folder / f"{name}.dims")


def write_dims(program, inputs, path):
    """INPUT.DIM=EXTENT of the open dims."""
    names = [spec.arg.name for spec in program.graph_signature.input_specs if spec.kind.name == "USER_INPUT"]
    places = {node.name: node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in names}
    extents = {}
    for name, value in zip(names, inputs):
        for dim, extent in enumerate(places[name]):
            if not isinstance(extent, int):
                extents[str(extent)] = value.shape[dim]
    path.write_text("".join(f"{symbol}={extent}\n" for symbol, extent in extents.items()))


def pack(folder):
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    print(ARCHIVE, ARCHIVE.stat().st_size, "bytes")


def main():
    warnings.simplefilter("ignore")
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(exist_ok=True)
    for name in names or ARCHITECTURES:
        if names or not (folder / f"{name}.npz").exists():
            export(name, folder)
            print(name, sum(path.stat().st_size for path in folder.glob(f"{name}.*")), "bytes", flush=True)
    pack(folder)


if __name__ == "__main__":
    main()
