#!/usr/bin/env python3
"""Packs ONNX's own backend tests into onnx-tests.tar.xz, which `onnx_backend.py` beside this runs.

    _make_onnx_tests.py FOLDER    FOLDER: onnx/backend/test/data of the ONNX sources

The tests ask for things at run time that a compiled program fixes: shapes, axes, pads and repeats arrive as inputs. Those
inputs become initializers here, with the values of the test's first data set; all others stay inputs. Named dims get the
extents of the data. Needs the `onnx` package. Left out: training operators, and models whose inputs or outputs are strings,
sequences or optionals.
"""
import glob
import io
import os
import pathlib
import sys
import tarfile

import onnx

FIXED = {"Reshape": [1], "Expand": [1], "Tile": [1], "Pad": [1, 3], "Slice": [1, 2, 3, 4], "Squeeze": [1], "Unsqueeze": [1],
         "Split": [1], "TopK": [1], "OneHot": [1], "ConstantOfShape": [0], "Range": [0, 1, 2], "Resize": [1, 2, 3],
         "Upsample": [1], "CumSum": [1], "Trilu": [1], "CenterCropPad": [1], "Dropout": [1, 2], "LSTM": [4], "GRU": [4], "RNN": [4],
         "MelWeightMatrix": [0, 1, 2, 3, 4], "DFT": [1, 2], "STFT": [1, 3], "Col2Im": [1, 2], "MaxUnpool": [2],
         "CumProd": [1], "NonMaxSuppression": [2, 3, 4], "Loop": [0, 1], "SplitToSequence": [1], "SequenceAt": [1],
         "SequenceInsert": [2], "SequenceErase": [1], "HannWindow": [0], "HammingWindow": [0], "BlackmanWindow": [0], "AffineGrid": [1]}
FIXED.update({"Reduce" + kind: [1] for kind in
              ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"]})
STRING = onnx.TensorProto.STRING


def fixed_inputs(folder, model):
    """Names of graph inputs that operators need at compile time; an expanded test takes them from its plain form."""
    plain = folder.parent / folder.name.removesuffix("_expanded") / "model.onnx"
    models = [model] + ([onnx.load(plain)] if folder.name.endswith("_expanded") and plain.exists() else [])
    inputs = {value.name for value in model.graph.input}
    return {name for each in models for node in each.graph.node for position, name in enumerate(node.input)
            if name in inputs and position in FIXED.get(node.op_type, [])}


def tensor(path):
    proto = onnx.TensorProto()
    proto.ParseFromString(path.read_bytes())
    return proto


def pack(folder):
    """The files of one test, or why it is left out."""
    model = onnx.load(folder / "model.onnx")
    data = folder / "test_data_set_0"
    # Before IR version 4 initializers are inputs too.
    known = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in known]
    del model.graph.input[:]
    model.graph.input.extend(given)
    values = list(model.graph.input) + list(model.graph.output)
    if any(not value.type.HasField("tensor_type") or value.type.tensor_type.elem_type == STRING for value in values):
        return "strings, sequences or optionals"
    if any("training" in entry.domain for entry in model.opset_import):
        return "training"
    if len(list(data.glob("input_*.pb"))) != len(model.graph.input) or not list(data.glob("output_*.pb")):
        return "without data for every input"
    fixed = fixed_inputs(folder, model)
    files, dims = {}, {}
    position = 0
    for index, value in enumerate(model.graph.input):
        proto = tensor(data / f"input_{index}.pb")
        if value.name in fixed:
            proto.name = value.name
            model.graph.initializer.append(proto)
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value"):
                dims[dim.dim_param or f"{value.name}.dim{axis}"] = proto.dims[axis]
        files[f"input_{position}.pb"] = proto.SerializeToString()
        position += 1
    for path in data.glob("output_*.pb"):
        files[path.name] = path.read_bytes()
    model.graph.doc_string = model.doc_string = ""
    files["model.onnx"] = model.SerializeToString()
    if dims:
        files["dims"] = "\n".join(f"{name}={extent}" for name, extent in sorted(dims.items())).encode()
    return files


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    out = pathlib.Path(__file__).with_name("onnx-tests.tar.xz")
    packed, left_out = 0, {}
    with tarfile.open(out, "w:xz", preset=9) as archive:
        for path in sorted(glob.glob(os.path.join(sys.argv[1], "*", "*", "model.onnx"))):
            folder = pathlib.Path(path).parent
            files = pack(folder)
            if isinstance(files, str):
                left_out[files] = left_out.get(files, 0) + 1
                continue
            packed += 1
            for name, data in sorted(files.items()):
                entry = tarfile.TarInfo(f"{folder.parent.name}/{folder.name}/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    print(f"{out.name}: {packed} tests, {out.stat().st_size >> 10} KiB; left out {left_out}")


if __name__ == "__main__":
    main()
