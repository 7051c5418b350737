"""The largest live bytes of a model's own graph in its own order: what a plan may not exceed.

    live_bytes.py MODEL.onnx|MODEL.pt2 [NAME=EXTENT...]      needs the onnx package for ONNX

Independent of the compiler: it reads the model file, walks the nodes as they stand, and counts the
bytes of every value from its producer to its last reader, inputs and outputs included, weights not;
each value takes a multiple of ALIGNMENT bytes, as buffers of a program do.
Values that only rename the bytes of another (reshape and the like) count as that other's. A recurrent node of several
layers counts as a node a layer, with the sequence that passes between them.
Prints one line: BYTES NODE UNKNOWN, the peak, where it is, and how many values had no known size.
"""
import json
import math
import sys
import zipfile

ALIGNMENT = 64
ONNX_VIEWS = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout"}
ATEN_VIEWS = {"view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "flatten", "alias", "detach", "dropout",
              "contiguous", "lift_fresh_copy"}
ATEN_RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
ONNX_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16}
# torch.export's ScalarType numbers: u8 i8 i16 i32 i64 f16 f32 f64 … bool bf16.
ATEN_BITS = {1: 8, 2: 8, 3: 16, 4: 32, 5: 64, 6: 16, 7: 32, 8: 64, 12: 8, 13: 16}


def peak(nodes, sizes, inputs, outputs):
    """nodes: (name, reads, writes, is_view); sizes: value → bytes. Returns (bytes, node, unknown)."""
    storage = {}
    sizes = {value: -(-size // ALIGNMENT) * ALIGNMENT for value, size in sizes.items()}

    def root(value):
        while value in storage:
            value = storage[value]
        return value

    for _, reads, writes, is_view in nodes:
        if is_view and reads and writes:
            storage[writes[0]] = reads[0]
    last = {}
    for step, (_, reads, writes, _) in enumerate(nodes):
        for value in reads + writes:
            last[root(value)] = step
    for value in outputs:
        last[root(value)] = len(nodes)
    unknown = {root(v) for _, _, writes, _ in nodes for v in writes if root(v) not in sizes}
    live = {root(v): sizes[root(v)] for v in inputs if root(v) in sizes}
    total, best, where = sum(live.values()), 0, "inputs"
    best = total
    for step, (name, reads, writes, _) in enumerate(nodes):
        for value in {root(v) for v in writes}:
            if value in sizes and value not in live:
                live[value] = sizes[value]
                total += sizes[value]
        if total > best:
            best, where = total, name
        for value in {root(v) for v in reads + writes}:
            if last.get(value) == step and value in live:
                total -= live.pop(value)
    return best, where, len(unknown)


def of_onnx(path, extents):
    import onnx
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in extents:
                dim.dim_value = extents[dim.dim_param]
    del graph.value_info[:]  # they may speak of other extents than the ones given
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise SystemExit(f"error: onnx cannot infer shapes: {error}".splitlines()[0])
    graph = model.graph
    sizes = {}
    for value in list(graph.input) + list(graph.value_info) + list(graph.output):
        tensor = value.type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
        if tensor.HasField("shape") and None not in dims and tensor.elem_type in ONNX_BITS:
            sizes[value.name] = math.prod(dims) * ONNX_BITS[tensor.elem_type] // 8
    nodes = [(node.name or node.op_type, [v for v in node.input if v and v not in weights],
              [v for v in node.output if v], node.op_type in ONNX_VIEWS)
             for node in graph.node if node.op_type != "Constant"]
    constants = {v for node in graph.node if node.op_type == "Constant" for v in node.output}
    nodes = [(name, [v for v in reads if v not in constants], writes, view) for name, reads, writes, view in nodes]
    return peak(nodes, sizes, [v.name for v in graph.input if v.name not in weights], [v.name for v in graph.output])


def names_in(value):
    """Names of tensors in an argument of torch.export's serialised graph."""
    if isinstance(value, dict):
        if set(value) >= {"name"} and isinstance(value["name"], str):
            return [value["name"]]
        return [name for inner in value.values() for name in names_in(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in names_in(inner)]
    return []


def by_layer(op, arguments, writes, sizes):
    """(suffix, reads, writes) of each layer of torch's lstm, gru and rnn: all but the first read the sequence before."""
    layers = next((a["arg"]["as_int"] for a in arguments if a["name"] == "num_layers"), 1)
    reads = names_in([a["arg"] for a in arguments])
    sequences = [f"{writes[0]}.layer{i}" for i in range(layers - 1)] + [writes[0]]
    sizes.update({sequence: sizes[writes[0]] for sequence in sequences if writes[0] in sizes})
    steps, outer = [], reads[:1]
    for layer, sequence in enumerate(sequences):
        last = layer == layers - 1
        steps.append((f"{op}.layer{layer}", outer + reads[1:], [sequence] + (writes[1:] if last else [])))
        outer = [sequence]
    return steps


def of_pt2(path):
    with zipfile.ZipFile(path) as archive:
        member = next(name for name in archive.namelist()
                      if name.endswith("models/model.json") or name.endswith("serialized_exported_program.json"))
        program = json.loads(archive.read(member))
    module = program["graph_module"]
    graph = module["graph"]
    sizes = {}
    for name, meta in graph["tensor_values"].items():
        dims = [dim.get("as_int") for dim in meta["sizes"]]
        if None not in dims and meta["dtype"] in ATEN_BITS:
            sizes[name] = math.prod(dims) * ATEN_BITS[meta["dtype"]] // 8
    inputs = [name for spec in module["signature"]["input_specs"] for name in names_in(spec.get("user_input", {}))]
    weights = {name for spec in module["signature"]["input_specs"] if "user_input" not in spec
               for name in names_in(spec)}
    nodes = []
    for node in graph["nodes"]:
        op = node["target"].split(".")[-2] if node["target"].count(".") > 2 else node["target"]
        writes = names_in(node["outputs"])
        steps = [(op, names_in([a["arg"] for a in node["inputs"]]), writes)]
        if op in ATEN_RECURRENT:
            steps = by_layer(op, node["inputs"], writes, sizes)
        nodes += [(name, [read for read in reads if read not in weights], written, op in ATEN_VIEWS)
                  for name, reads, written in steps]
    outputs = [name for spec in module["signature"]["output_specs"] for name in names_in(spec)]
    return peak(nodes, {k: v for k, v in sizes.items() if k not in weights}, inputs, outputs)


def main(arguments):
    extents = {name: int(extent) for name, extent in (word.split("=") for word in arguments[1:])}
    result = of_onnx(arguments[0], extents) if arguments[0].endswith(".onnx") else of_pt2(arguments[0])
    print(*result)


if __name__ == "__main__":
    main(sys.argv[1:])
