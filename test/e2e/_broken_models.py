"""Broken models, arrays and buffer tables for test_broken_input.py: (kind, name, suffix, what the error says, bytes, …)."""
import os
import struct
import zipfile

import _broken_tflite
from _inputs import (FLOAT, INT64, STRING, TENSOR_META, archive, attribute, field, fields, floats, graph, ints, model,
                     node, npy, npz, one_op, pt2, pt2_graph, tensor, value_info, varint)

NAN, INFINITY = float("nan"), float("inf")


def small_model():
    """y = relu(x · w + b): x f32[batch=2, 4]; sound, and small enough to break byte by byte."""
    return model(graph([node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["s"]), node("Relu", ["s"], ["y"])],
                       [value_info("x", [2, 4])], [value_info("y", [2, 300])],
                       [floats("w", [4, 300], [i / 100 for i in range(1200)]), floats("b", [300], [0.5] * 300)]))


def small_arrays():
    return npz({"x": npy((2, 4), struct.pack("<8f", *range(8)))})


def sound_pt2():
    return pt2()


def onnx_models():
    """(name, what the error says, bytes[, flags[, files[, prepare]]])"""
    x, y = value_info("x", [1, 4]), value_info("y", [])
    unary = lambda nodes, weights=(), **more: model(graph(nodes, [x], [y], weights), **more)
    external = lambda location, **keys: unary(
        [node("Add", ["x", "w"], ["y"])],
        [tensor("w", [1, 4], external=dict({"location": location}, **keys))])
    weight = lambda item: unary([node("Add", ["x", "w"], ["y"])], [item])
    nested = b""
    for _ in range(3000):
        nested = graph([node("If", ["c"], ["z"], then_branch=("graph", nested), else_branch=("graph", nested[:0]))], [],
                       [value_info("z", [])])
    function = lambda number, callee: fields(
        (1, f"F{number}"), (4, "a"), (5, "z"), (10, "own"),
        (7, node(callee, ["a"], ["b"], "own")), (7, node(callee, ["b"], ["z"], "own")), (9, fields((1, ""), (2, 20))))
    own = field(8, fields((1, "own"), (2, 1)))
    doubling = b"".join(field(25, function(i, f"F{i + 1}")) for i in range(40)) + own
    circle = field(25, function(0, "F0")) + own
    cond = lambda body: model(graph([node("If", ["c"], ["y"], then_branch=("graph", body), else_branch=("graph", body))],
                                    [value_info("c", [], 9)], [y]))
    shape = lambda *values: ints("c0", values)
    constant = lambda make, *values: (lambda name: make(name, *values))
    open_dim = model(graph([node("Relu", ["x"], ["y"])], [value_info("x", ["batch", 4])], [y]))
    link = lambda folder: os.symlink("/etc/passwd", folder / "w.bin")
    pipe = lambda folder: os.mkfifo(folder / "w.bin")
    return [
        ("no-graph", "no graph", fields((1, 8))),
        ("no-opset", "does not import the operator set", fields((1, 8), (7, graph([node("Relu", ["x"], ["y"])], [x], [y])))),
        ("opset-unknown", "operator set 9999", unary([node("Relu", ["x"], ["y"])], opset=9999)),
        ("opset-negative", "operator set -5", unary([node("Relu", ["x"], ["y"])], opset=-5)),
        ("version-unknown", "IR version", unary([node("Relu", ["x"], ["y"])], version=1 << 40)),
        ("length-beyond-file", "broken at byte", fields((1, 8)) + varint(7 << 3 | 2) + varint(1 << 40)),
        ("length-beyond-64-bits", "not a valid", fields((1, 8)) + varint(7 << 3 | 2) + b"\xff" * 12),
        ("wire-type-group", "broken at byte", varint(7 << 3 | 3) * 1000),
        ("field-zero", "broken at byte", b"\0\0\0"),
        ("cycle", "circle|cycle|before it is computed", unary(
            [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])])),
        ("cycle-of-one", "circle|cycle|before it is computed", unary([node("Add", ["x", "y"], ["y"])])),
        ("input-not-made", "'nobody'", unary([node("Add", ["x", "nobody"], ["y"])])),
        ("weights-missing", "'w'", unary([node("MatMul", ["x", "w"], ["y"])])),
        ("output-not-made", "'y'", unary([node("Relu", ["x"], ["other"])])),
        ("output-made-twice", "twice|already|again", unary([node("Relu", ["x"], ["y"]), node("Abs", ["x"], ["y"])])),
        ("no-outputs", "output", model(graph([node("Relu", ["x"], ["y"])], [x], []))),
        ("operator-unknown", "Frobnicate +1 node: layer/Frobnicate", one_op("Frobnicate")),
        ("domain-unknown", "acme", unary([node("Relu", ["x"], ["y"], "acme")])),
        ("inputs-missing", "layer/Add|Add", unary([node("Add", ["x"], ["y"])])),
        ("name-of-a-megabyte", "error", unary([node("A" * 1000000, ["x"], ["y"])])),
        ("many-unknown-operators", "more", unary([node(f"Op{i}", ["x"], [f"v{i}"]) for i in range(500)])),
        ("text-input", "STRING|string", model(graph([node("Relu", ["x"], ["y"])], [value_info("x", [1], STRING)], [y]))),
        ("element-type-unknown", "type", model(graph([node("Relu", ["x"], ["y"])], [value_info("x", [1], 999)], [y]))),
        ("dim-absurd", "large|big|limit", one_op("Relu", (1 << 62, 4))),
        ("dims-overflow", "large|big|limit", one_op("Relu", (1 << 31, 1 << 31, 1 << 31))),
        ("dim-negative", "dim|extent", one_op("Relu", (-4, 4))),
        ("rank-absurd", "rank", one_op("Relu", (1,) * 5000)),
        ("dim-open", "--dim", open_dim),
        ("dim-negative-extent", "is not an extent", open_dim, ["--dim=batch=-9223372036854775808"]),
        ("dim-given-absurd", "is not an extent", open_dim, ["--dim=batch=4611686018427387904"]),
        ("arena-absurd", "large|memory|limit|big", open_dim, ["--dim=batch=1099511627776"]),
        ("weight-short", "holds 4 bytes.*takes 16", weight(tensor("w", [1, 4], bytes(4)))),
        ("weight-long", "holds 4000 bytes.*takes 16", weight(tensor("w", [1, 4], bytes(4000)))),
        ("weight-absurd", "large|big|limit", weight(tensor("w", [1 << 40, 1 << 40], bytes(4)))),
        ("weight-negative", "extent|negative|dim", weight(tensor("w", [-1, 4], bytes(16)))),
        ("weight-rank", "rank", weight(tensor("w", [1] * 3000, bytes(4)))),
        ("weight-type", "element type", weight(tensor("w", [1, 4], bytes(16), kind=77))),
        ("weight-segment", "segment", weight(tensor("w", [1, 4], bytes(16), extra=field(3, fields((1, 0), (2, 4)))))),
        ("weight-typed-wrong-field", "field|elements|holds", weight(tensor("w", [1, 4], extra=field(7, bytes(4))))),
        ("weight-of-text", "STRING|string", weight(tensor("w", [1], kind=STRING, extra=field(6, b"x")))),
        ("external-parent", "not a path inside", external("../secret")),
        ("external-absolute", "not a path inside", external("/etc/passwd")),
        ("external-sneaky", "not a path inside", external("a/../../secret")),
        ("external-nul", "not a path inside", external("w\0.bin")),
        ("external-nowhere", "without a location", external("")),
        ("external-missing", "cannot be read", external("w.bin")),
        ("external-link", "is a link", external("w.bin"), [], {}, link),
        ("external-pipe", "not a file", external("w.bin"), [], {}, pipe),
        ("external-folder", "not a file", external("w.bin"), [], {"w.bin/x": b""}),
        ("external-short", "beyond the end", external("w.bin"), [], {"w.bin": bytes(7)}),
        ("external-offset", "beyond the end", external("w.bin", offset=(1 << 64) - 8), [], {"w.bin": bytes(64)}),
        ("external-offset-text", "not a number", external("w.bin", offset="-4"), [], {"w.bin": bytes(64)}),
        ("external-length", "of 3 bytes", external("w.bin", length=3), [], {"w.bin": bytes(64)}),
        ("nested-ifs", "nest|deep", model(nested)),
        ("if-branches-differ", "layer/If|branch", cond(graph([], [], [value_info("nothing", [])]))),
        ("functions-double", "more than .* nodes", unary([node("F0", ["x"], ["y"], "own")], extra=doubling)),
        ("function-calls-itself", "itself|recurs|circle|nest|many|deep",
         unary([node("F0", ["x"], ["y"], "own")], extra=circle)),
        ("conv-channels", "layer/Conv", one_op("Conv", (1, 3, 8, 8), [constant(floats, [4, 2, 3, 3], [0.0] * 72)])),
        ("conv-group-zero", "layer/Conv", one_op("Conv", (1, 3, 8, 8), [constant(floats, [4, 3, 3, 3], [0.0] * 108)],
                                                 group=0)),
        ("conv-stride-zero", "layer/Conv", one_op("Conv", (1, 3, 8, 8), [constant(floats, [4, 3, 3, 3], [0.0] * 108)],
                                                  strides=[0, 0])),
        ("conv-dilation-absurd", "layer/Conv", one_op("Conv", (1, 3, 8, 8),
                                                      [constant(floats, [4, 3, 3, 3], [0.0] * 108)],
                                                      dilations=[1 << 62, 1 << 62])),
        ("conv-pads-absurd", "layer/Conv", one_op("Conv", (1, 3, 8, 8), [constant(floats, [4, 3, 3, 3], [0.0] * 108)],
                                                  pads=[1 << 62] * 4)),
        ("pool-kernel-zero", "layer/MaxPool", one_op("MaxPool", (1, 3, 8, 8), kernel_shape=[0, 0])),
        ("pool-kernel-absurd", "layer/AveragePool", one_op("AveragePool", (1, 3, 8, 8),
                                                           kernel_shape=[1 << 40, 1 << 40])),
        ("matmul-inner", "layer/MatMul", one_op("MatMul", (2, 3), [constant(floats, [4, 4], [0.0] * 16)])),
        ("broadcast", "layer/Add", one_op("Add", (2, 3), [constant(floats, [2, 4], [0.0] * 8)])),
        ("reshape-count", "layer/Reshape", one_op("Reshape", (2, 3), [lambda _: shape(4, 4)])),
        ("reshape-two-open", "layer/Reshape", one_op("Reshape", (2, 3), [lambda _: shape(-1, -1)])),
        ("reshape-negative", "layer/Reshape", one_op("Reshape", (2, 3), [lambda _: shape(-7, 6)])),
        ("reshape-of-input", "layer/Reshape", model(graph(
            [node("Reshape", ["x", "s"], ["y"])], [x, value_info("s", [2], INT64)], [y]))),
        ("transpose-not-a-permutation", "layer/Transpose", one_op("Transpose", (2, 3), perm=[0, 0])),
        ("transpose-axis", "layer/Transpose", one_op("Transpose", (2, 3), perm=[0, 9])),
        ("concat-axis", "layer/Concat", one_op("Concat", (2, 3), axis=1 << 40)),
        ("softmax-axis", "layer/Softmax", one_op("Softmax", (2, 3), axis=-77)),
        ("gather-axis", "layer/Gather", one_op("Gather", (2, 3), [lambda _: shape(0)], axis=5)),
        ("split-sum", "layer/Split", one_op("Split", (2, 3), [lambda _: shape(1, 7)], axis=1)),
        ("slice-step-zero", "layer/Slice", one_op("Slice", (2, 3), [
            constant(ints, [0]), constant(ints, [1]), constant(ints, [0]), constant(ints, [0])])),
        ("topk-more-than-there-is", "layer/TopK", one_op("TopK", (2, 3), [lambda _: shape(900)])),
        ("pad-negative", "layer/Pad", one_op("Pad", (2, 3), [lambda _: shape(-9, 0, 0, 0)])),
        ("pad-absurd", "layer/Pad", one_op("Pad", (2, 3), [lambda _: shape(1 << 62, 0, 0, 0)])),
        ("tile-bomb", "layer/Tile", one_op("Tile", (2, 3), [lambda _: shape(1 << 31, 1 << 31)])),
        ("expand-bomb", "layer/Expand", one_op("Expand", (1, 1), [lambda _: shape(1 << 40, 1 << 20)])),
        ("constant-of-shape-bomb", "layer/ConstantOfShape", model(graph(
            [node("ConstantOfShape", ["c0"], ["c"]), node("Add", ["x", "c"], ["y"])], [x], [y],
            [shape(1 << 40, 1 << 20)]))),
        ("range-without-end", "layer/Range", model(graph(
            [node("Range", ["a", "b", "d"], ["r"]), node("Add", ["x", "r"], ["y"])], [x], [y],
            [floats("a", [], [0.0]), floats("b", [], [INFINITY]), floats("d", [], [1e-30])]))),
        ("range-nan", "layer/Range", model(graph(
            [node("Range", ["a", "b", "d"], ["r"]), node("Add", ["x", "r"], ["y"])], [x], [y],
            [floats("a", [], [0.0]), floats("b", [], [4.0]), floats("d", [], [NAN])]))),
        ("resize-nan", "layer/Resize", one_op("Resize", (1, 1, 4, 4), [
            constant(floats, [0], []), constant(floats, [4], [1.0, 1.0, NAN, INFINITY])])),
        ("resize-bomb", "layer/Resize", one_op("Resize", (1, 1, 4, 4), [
            constant(floats, [0], []), constant(floats, [4], [1.0, 1.0, 1e30, 1e30])])),
        ("onehot-bomb", "layer/OneHot", model(graph(
            [node("OneHot", ["i", "n", "v"], ["y"])], [value_info("i", [4], INT64)], [y],
            [ints("n", [1 << 60]), floats("v", [2], [0.0, 1.0])]))),
        ("einsum-nonsense", "layer/Einsum", one_op("Einsum", (2, 3), equation="->->ij,((" * 50)),
        ("lstm-sizes", "layer/LSTM", one_op("LSTM", (3, 1, 4), [
            constant(floats, [1, 8, 5], [0.0] * 40), constant(floats, [1, 8, 2], [0.0] * 16)], hidden_size=2)),
        ("attribute-of-other-type", "layer/Softmax", one_op("Softmax", (2, 3), axis="one")),
        ("cast-to-nothing", "layer/Cast", one_op("Cast", (2, 3), to=12345)),
        ("sparse-index", "outside extent", model(graph(
            [node("Add", ["x", "w"], ["y"])], [x], [y], extra=field(15, fields(
                (1, floats("w", [1], [1.0])), (2, ints("", [1 << 40]))) + field(3, 1) + field(3, 4))))),
        ("loop", "Loop", one_op("Loop", body=("graph", graph([], [], [])))),
        ("flags-after-error", "target", one_op("Frobnicate"), ["--target=nonsense"]),
    ]


def changed(change):
    """The sound graph of pt2_graph() after `change` to it."""
    tree = pt2_graph()
    change(tree, tree["graph_module"]["graph"])
    return pt2(tree)


def metadata(**more):
    return dict(TENSOR_META, **more)


def pt2_models():
    extents = lambda *values: [{"as_int": value} for value in values]
    symbol = lambda text: [{"as_expr": {"expr_str": text, "hint": {"as_int": 4}}}]
    def meta(name, **more):
        return lambda tree, inner: inner["tensor_values"].__setitem__(name, metadata(**more))
    def target(name):
        return lambda tree, inner: inner["nodes"][0].__setitem__("target", name)
    def several(*changes):
        return lambda tree, inner: [change(tree, inner) for change in changes]
    evil = b"\x80\x02cposix\nsystem\nq\0X\x04\0\0\0evilq\1\x85q\2Rq\3."
    patched = bytearray(pt2(method=zipfile.ZIP_DEFLATED))
    patched[patched.find(b"model.json") + 40] ^= 0x10
    twice = pt2(extra=[("m/other", b"x")]).replace(b"m/other", b"m/archiv")[:0] or archive([("m/a", b"1"), ("m/b", b"2")]).replace(b"m/b", b"m/a")
    encrypted = bytearray(pt2())
    at = encrypted.find(b"PK\1\2")
    encrypted[at + 8] |= 1
    sizes = bytearray(pt2())
    sizes[at + 20:at + 28] = b"\xff" * 8
    offset = bytearray(pt2())
    offset[at + 42:at + 46] = b"\xf0\xff\xff\xff"
    entries = bytearray(pt2())
    entries[-12:-10] = b"\xff\xff"
    deep = json_with("nodes", "[" * 100000)
    return [
        ("empty-archive", "error", archive([])),
        ("other-archive", "no package of torch.export.save", archive([("readme.txt", b"x")])),
        ("aotinductor", "AOTInductor", archive([("m/archive_format", b"pt2"),
                                                ("m/data/aotinductor/model/model.so", b"\x7fELF")])),
        ("torchscript", "TorchScript", archive([("m/data.pkl", evil), ("m/code/__torch__.py", b"")])),
        ("incomplete", "incomplete", archive([("m/archive_format", b"pt2")])),
        ("name-escapes", "unsafe name", pt2(extra=[("../../evil", b"x")])),
        ("name-absolute", "unsafe name", pt2(extra=[("/etc/evil", b"x")])),
        ("member-twice", "twice", twice),
        ("encrypted", "encrypted", bytes(encrypted)),
        ("member-absurd", "more than the archive can hold|damaged", bytes(sizes)),
        ("member-elsewhere", "damaged|beyond", bytes(offset)),
        ("entries-absurd", "damaged|its directory", bytes(entries)),
        ("checksum", "damaged", bytes(patched)),
        ("json-bomb", "limit|large|JSON", pt2(text=b" " * (600 << 20), method=zipfile.ZIP_DEFLATED)),
        ("json-empty", "JSON", pt2(text=b"")),
        ("json-deep", "nested", deep),
        ("json-number", "error", pt2(text=b"1e99999")),
        ("json-truncated", "JSON", pt2(text=b'{"graph_module": {"graph": {"nodes": [')),
        ("json-wrong-kinds", "error", changed(lambda tree, inner: inner.update(nodes={"a": 1}, inputs=3, outputs="x"))),
        ("schema-newer", "schema|version", changed(lambda tree, inner: tree["schema_version"].update(major=99))),
        ("weight-missing", "'scale.w'", pt2(path="weight_9")),
        ("weight-escapes", "names no member", pt2(path="../../weight_0")),
        ("weight-short", "needs 8 bytes", pt2(weight=bytes(3))),
        ("weight-stride", "scale.w", pt2(meta=metadata(strides=extents((1 << 63) - 1)))),
        ("weight-offset", "impossible shape|scale.w", pt2(meta=metadata(storage_offset={"as_int": (1 << 63) - 1}))),
        ("weight-type", "scale.w|type", pt2(meta=metadata(dtype=99))),
        ("dims-overflow", "large", changed(meta("x", sizes=extents(1 << 62, 1 << 62), strides=extents(1, 1)))),
        ("dim-negative", "negative", changed(meta("x", sizes=extents(-2)))),
        ("dim-nan", "error", changed(meta("x", sizes=[{"as_float": NAN}]))),
        ("dim-symbol-unknown", "s9|dim", changed(meta("x", sizes=symbol("Symbol('s9')")))),
        ("dim-code", "error", changed(meta("x", sizes=symbol("__import__('os').system('true')")))),
        ("dim-deep", "error", changed(meta("x", sizes=symbol("(" * 50000)))),
        ("dim-power", "error", changed(meta("x", sizes=symbol("Pow(Integer(9), Pow(Integer(9), Integer(99)))")))),
        ("rank-absurd", "rank|large|error", changed(meta("x", sizes=extents(*[1] * 3000), strides=extents(*[1] * 3000)))),
        ("cycle", "before it is computed", changed(
            lambda tree, inner: inner["nodes"][0]["inputs"][0].update(arg={"as_tensor": {"name": "mul"}}))),
        ("operator-unknown", "fancy_pool.default +1 node: scale/mul", changed(target("torch.ops.aten.fancy_pool.default"))),
        ("operator-is-code", "os.system", changed(target("os.system"))),
        ("output-shape", "the file records", changed(meta("mul", sizes=extents(3)))),
        ("output-not-made", "is not computed", changed(
            lambda tree, inner: inner.update(outputs=[{"as_tensor": {"name": "nobody"}}]))),
        ("inputs-too-few", "scale/mul|signature", changed(lambda tree, inner: inner["nodes"][0].update(inputs=[]))),
        ("old-layout-pickle", "not allowed|error", archive([
            ("m/version", b"8.9"), ("m/serialized_exported_program.json", b"{}"),
            ("m/serialized_state_dict.pt", archive([("a/data.pkl", evil), ("a/version", b"3")]))])),
    ]


def json_with(name, text):
    """The sound JSON with one list of the graph replaced by text."""
    import json
    tree = pt2_graph()
    tree["graph_module"]["graph"][name] = "@"
    return pt2(text=json.dumps(tree).replace('"@"', text).encode())


def models():
    for kind, suffix, table in (("onnx", "onnx", onnx_models()), ("pt2", "pt2", pt2_models()),
                                ("tflite", "tflite", _broken_tflite.tflite_models())):
        for row in table:
            name, says, data, words, files, prepare = row + ([], {}, None)[len(row) - 3:]
            yield kind, name, suffix, says, data, words, files, prepare


def runs():
    """Broken calls of a sound program: (name, words, what the error says, files, prepare, codes)."""
    program = "%shared/small.ingot"
    data = struct.pack("<8f", *range(8))
    good = npy((2, 4), data)
    inputs = lambda name, says, content, code=1: (
        "inputs-" + name, [program, "--inputs=in.npz"], says, {"in.npz": content}, None, (code,))
    usage = lambda name, says, *words: ("flags-" + name, [program, *words], says, {}, None, (2,))
    header = lambda text: npz({"x": npy((), data, header=text)})
    sound = npz({"x": good})
    cut = len(sound) // 2
    bomb = npz({"x": npy((2, 4), bytes(64 << 20))}, zipfile.ZIP_DEFLATED)
    other = npz({"y": npy((2, 300), bytes(2400))})
    plain = lambda name, says, words, files=None, prepare=None, codes=(1,): (name, words, says, files or {}, prepare, codes)
    return [
        plain("missing", "nowhere.ingot", ["nowhere.ingot"]),
        plain("directory", "is not a file", ["."]),
        plain("pipe", "is not a file", ["p"], prepare=lambda folder: os.mkfifo(folder / "p")),
        plain("empty", "m.ingot", ["m.ingot"], {"m.ingot": b""}),
        plain("a-model", "not an Ingot program|no Ingot program|program", ["%shared/small.onnx"]),
        plain("zeros", "program", ["m.ingot"], {"m.ingot": bytes(1 << 16)}),
        plain("magic-and-noise", "m.ingot", ["m.ingot"], {"m.ingot": b"INGT" * 5000}),
        plain("other-machine", "aarch64|machine|processor|CPU", ["%shared/arm.ingot"]),
        inputs("missing", "nowhere.npz", b"")[:1] + ([program, "--inputs=nowhere.npz"], "nowhere.npz", {}, None, (1,)),
        inputs("empty", "in.npz", b""),
        inputs("no-archive", "in.npz", b"nonsense" * 100),
        inputs("truncated", "in.npz", sound[:cut]),
        inputs("flipped", "in.npz|x", sound.replace(b"'descr'", b"'dEscr'")),
        inputs("no-array", "'x'", npz({})),
        inputs("other-name", "'z'", npz({"z": good})),
        inputs("extra-name", "'z'", npz({"x": good, "z": good})),
        inputs("shape", r"\[2, ?4\].*\[4, ?2\]|\[4, ?2\].*\[2, ?4\]|shape", npz({"x": npy((4, 2), data)})),
        inputs("rank", "shape|rank", npz({"x": npy((8,), data)})),
        inputs("type", "f64|float64|type", npz({"x": npy((2, 4), data * 2, "<f8")})),
        inputs("objects", "in.npz|type|object", npz({"x": npy((2, 4), data, "|O")})),
        inputs("other-bytes", "big|byte|type|order", npz({"x": npy((2, 4), data, ">f4")})),
        inputs("data-short", "x", npz({"x": npy((2, 4), data[:9])})),
        inputs("data-long", "x", npz({"x": npy((2, 4), data * 9)})),
        inputs("shape-absurd", "x", npz({"x": npy((1 << 62, 1 << 62), data)})),
        inputs("shape-negative", "x", npz({"x": npy((-2, -4), data)})),
        inputs("header-code", "x", header("__import__('os').system('true')")),
        inputs("header-deep", "x", header("(" * 40000)),
        inputs("bomb", "x", bomb),
        inputs("duplicate", "x", npz({"x": good, "z": good}).replace(b"z.npy", b"x.npy")),
        plain("inputs-folder-empty", "in", [program, "--inputs=in"], prepare=lambda folder: (folder / "in").mkdir()),
        plain("inputs-folder-noise", "input_0.pb", [program, "--inputs=in"], {"in/input_0.pb": b"\xff" * 99}),
        plain("inputs-folder-absurd", "input_0.pb", [program, "--inputs=in"],
              {"in/input_0.pb": field(1, 1 << 62) * 40 + fields((2, FLOAT), (9, bytes(16)))}),
        plain("outputs-no-folder", "nowhere", [program, "--outputs=nowhere/out.npz"]),
        plain("outputs-directory", "out", [program, "--outputs=out"], prepare=lambda folder: (folder / "out").mkdir()),
        plain("outputs-full", "No space|/dev/full", [program, "--outputs=/dev/full"]),
        plain("profile-no-folder", "nowhere", [program, "--profile=nowhere/p.json"]),
        plain("expect-mismatch", "y", [program, "--inputs=%shared/small.npz", "--expect=want.npz"], {"want.npz": other}),
        plain("expect-shape", "y", [program, "--inputs=%shared/small.npz", "--expect=want.npz"],
              {"want.npz": npz({"y": npy((3, 3), bytes(36))})}),
        plain("expect-name", "q|y", [program, "--inputs=%shared/small.npz", "--expect=want.npz"],
              {"want.npz": npz({"q": npy((3, 3), bytes(36))})}),
        plain("expect-missing", "nowhere.npz", [program, "--expect=nowhere.npz"]),
        plain("entry", "'backwards'", [program, "--entry=backwards"]),
        usage("threads-zero", "threads", "--threads=0"),
        usage("threads-negative", "threads", "--threads=-1"),
        usage("threads-absurd", "threads", "--threads=100000000000"),
        usage("threads-text", "threads", "--threads=all"),
        usage("repeat-zero", "repeat", "--repeat=0"),
        usage("rtol-negative", "rtol", "--rtol=-1"),
        usage("rtol-nan", "rtol", "--rtol=nan"),
        usage("unknown", "--quickly", "--quickly"),
        plain("flags-two-programs", "not expected|argument", [program, program], codes=(2,)),
        plain("flags-nothing", "program", [], codes=(2,)),
    ]


def plans():
    """Broken buffer tables."""
    head = b"id,lower,upper,size\n"
    table = lambda name, says, content, *words, codes=(1,): (name, list(words), says, {"m.csv": content}, None, codes)
    return [
        ("missing", [], "No such file", {}, None, (1,)),
        ("directory", [], "directory", {}, lambda folder: (folder / "m.csv").mkdir(), (1,)),
        table("empty", "error", b""),
        table("noise", "m.csv", bytes(range(256)) * 20),
        table("column", "colour", b"id,lower,upper,size,colour\na,0,1,2,3\n"),
        table("column-twice", "twice", b"id,lower,upper,size,size\na,0,1,2,3\n"),
        table("column-missing", "size", b"id,lower,upper\na,0,1\n"),
        table("field-missing", "line 2", head + b"a,0,1\n"),
        table("not-a-number", "line 2", head + b"a,zero,1,5\n"),
        table("backwards", "line 2|'a'", head + b"a,5,1,5\n"),
        table("negative", "line 2|'a'", head + b"a,0,1,-5\n"),
        table("beyond-64-bits", "line 2", head + b"a,0,1,99999999999999999999\n"),
        table("sum-overflows", "large|overflow|error", head + b"".join(b"%d,0,9,9223372036854775807\n" % i for i in range(9))),
        table("same-name", "twice|'a'", head + b"a,0,1,5\na,0,1,5\n"),
        table("alias-circle", "alias", b"id,lower,upper,size,alias\na,0,1,5,b\nb,0,1,5,a\n"),
        table("alias-unknown", "alias|'z'", b"id,lower,upper,size,alias\na,0,1,5,z\n"),
        table("capacity", "capacity|fit|memory", head + b"a,0,1,500\n", "--capacity=10"),
        table("alignment", "alignment|line 2", b"id,lower,upper,size,alignment\na,0,1,5,0\n"),
        table("no-such-output", "nowhere", head + b"a,0,1,5\n", "-o", "nowhere/out.csv"),
        table("output-full", "No space|/dev/full", head + b"a,0,1,5\n", "-o", "/dev/full"),
        table("capacity-text", "capacity", head + b"a,0,1,5\n", "--capacity=lots", codes=(2,)),
    ]
