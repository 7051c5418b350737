"""Builds inputs for the tools byte by byte, so that anything in them can be wrong: ONNX, .pt2, NPZ."""
import io
import json
import struct
import zipfile

FLOAT, INT64, STRING = 1, 7, 8


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    """One protobuf field: an int is a varint, text and bytes have a length, a float takes four bytes."""
    if isinstance(value, bool) or isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(*pairs):
    return b"".join(field(number, value) for number, value in pairs)


# --- ONNX -------------------------------------------------------------------------------------------------------------

def value_info(name, shape, kind=FLOAT):
    """A named tensor; a dim is a number, or text for an open one."""
    dims = b"".join(field(1, field(2 if isinstance(dim, str) else 1, dim)) for dim in shape)
    return fields((1, name), (2, field(1, fields((1, kind), (2, dims)))))


def tensor(name, shape, raw=None, kind=FLOAT, external=None, extra=b""):
    out = b"".join(field(1, extent) for extent in shape) + fields((2, kind), (8, name))
    if raw is not None:
        out += field(9, raw)
    for key, value in (external or {}).items():
        out += field(13, fields((1, key), (2, str(value))))
    return out + (field(14, 1) if external is not None else b"") + extra


def floats(name, shape, values):
    return tensor(name, shape, struct.pack(f"<{len(values)}f", *values))


def ints(name, values):
    return tensor(name, [len(values)], struct.pack(f"<{len(values)}q", *values), INT64)


def attribute(name, value):
    if isinstance(value, float):
        return fields((1, name), (2, value), (20, 1))
    if isinstance(value, int):
        return fields((1, name), (3, value), (20, 2))
    if isinstance(value, str):
        return fields((1, name), (4, value), (20, 3))
    if isinstance(value, list):
        return field(1, name) + b"".join(field(8, item) for item in value) + field(20, 7)
    kind, payload = value  # ("tensor" or "graph", bytes)
    number, code = {"tensor": (5, 4), "graph": (6, 5)}[kind]
    return fields((1, name), (number, payload), (20, code))


def node(op, inputs, outputs, domain="", **attributes):
    return (b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
            + fields((3, f"layer/{op}"), (4, op)) + (field(7, domain) if domain else b"")
            + b"".join(field(5, attribute(name, value)) for name, value in attributes.items()))


def graph(nodes, inputs, outputs, initializers=(), extra=b""):
    return (b"".join(field(1, item) for item in nodes) + field(2, "g")
            + b"".join(field(5, item) for item in initializers) + b"".join(field(11, item) for item in inputs)
            + b"".join(field(12, item) for item in outputs) + extra)


def model(body, opset=20, version=8, extra=b""):
    return fields((1, version), (7, body), (8, fields((1, ""), (2, opset)))) + extra


def one_op(op, shape=(1, 4), constants=(), opset=20, kind=FLOAT, **attributes):
    """x → op(x, constants…) → y."""
    return model(graph([node(op, ["x"] + [f"c{i}" for i in range(len(constants))], ["y"], **attributes)],
                       [value_info("x", shape, kind)], [value_info("y", [])],
                       [constant(f"c{i}") for i, constant in enumerate(constants)]), opset)


# --- .pt2 -------------------------------------------------------------------------------------------------------------

TENSOR_META = {"dtype": 7, "sizes": [{"as_int": 2}], "requires_grad": False,
               "device": {"type": "cpu", "index": None}, "strides": [{"as_int": 1}],
               "storage_offset": {"as_int": 0}, "layout": 7}


def pt2_graph():
    """y = x * w, as torch.export writes it; a tree to be changed by the caller."""
    named = lambda name: {"as_tensor": {"name": name}}
    meta = lambda: json.loads(json.dumps(TENSOR_META))
    nodes = [{"target": "torch.ops.aten.mul.Tensor", "name": "mul", "outputs": [named("mul")],
              "inputs": [{"name": "self", "arg": named("x")}, {"name": "other", "arg": named("p_w")}],
              "metadata": {"nn_module_stack": "L__self__,,m.Net;L__self__scale,scale,m.Scale"}}]
    inner = {"inputs": [named("p_w"), named("x")], "outputs": [named("mul")], "nodes": nodes,
             "tensor_values": {"x": meta(), "p_w": meta(), "mul": meta()}, "sym_int_values": {},
             "sym_bool_values": {}}
    signature = {"input_specs": [{"parameter": {"arg": {"name": "p_w"}, "parameter_name": "scale.w"}},
                                 {"user_input": {"arg": named("x")}}],
                 "output_specs": [{"user_output": {"arg": named("mul")}}]}
    return {"graph_module": {"graph": inner, "signature": signature, "module_call_graph": []},
            "range_constraints": {}, "schema_version": {"major": 8, "minor": 20}}


def pt2(tree=None, text=None, weight=bytes(8), path="weight_0", extra=(), method=zipfile.ZIP_STORED, meta=None):
    """A package; `text` replaces the graph's JSON, `extra` adds members (name, bytes)."""
    weights = {"config": {"scale.w": {"path_name": path, "is_param": True, "use_pickle": False,
                                      "tensor_meta": meta or TENSOR_META}}}
    members = [("m/archive_format", b"pt2"), ("m/data/weights/weight_0", weight),
               ("m/data/weights/model_weights_config.json", json.dumps(weights).encode()),
               ("m/data/constants/model_constants_config.json", b'{"config":{}}'),
               ("m/models/model.json", text if text is not None else json.dumps(tree or pt2_graph()).encode())]
    return archive(members + list(extra), method)


def archive(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return out.getvalue()


# --- NPZ --------------------------------------------------------------------------------------------------------------

def npy(shape, data, kind="<f4", header=None):
    text = header or f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def npz(arrays, method=zipfile.ZIP_STORED):
    """arrays: name → bytes of an .npy file."""
    return archive([(name + ".npy", data) for name, data in arrays.items()], method)
