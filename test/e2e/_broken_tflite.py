"""Broken TFLite models for test_broken_input.py: a sound file of test/ops/tflite with single fields changed.

FlatBuffers: a table begins with the distance back to its list of field offsets; vectors begin with their length.
"""
import pathlib
import struct

FOLDER = pathlib.Path(__file__).parent.parent / "ops" / "tflite"
MODEL = dict(version=0, codes=1, subgraphs=2, buffers=4)
GRAPH = dict(tensors=0, inputs=1, outputs=2, operators=3)
TENSOR = dict(shape=0, type=1, buffer=2, name=3, quantization=4)
OPERATOR = dict(code=0, inputs=1, outputs=2, options=4)
QUANTIZATION = dict(scale=2, zero_point=3, axis=6)


class Bytes:
    """A file's bytes, and the places of fields in it."""

    def __init__(self, name):
        self.data = bytearray((FOLDER / (name + ".tflite")).read_bytes())

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def root(self):
        return self.u32(0)

    def field(self, table, index):
        """Where field `index` of the table at `table` lies; it must be there."""
        fields = table - struct.unpack_from("<i", self.data, table)[0]
        assert 4 + 2 * index < struct.unpack_from("<H", self.data, fields)[0]
        offset = struct.unpack_from("<H", self.data, fields + 4 + 2 * index)[0]
        assert offset
        return table + offset

    def follow(self, at):
        return at + self.u32(at)

    def table(self, table, index):
        return self.follow(self.field(table, index))

    def item(self, table, index, number):
        """Where element `number` (of four bytes) of a vector field lies."""
        vector = self.table(table, index)
        assert number < self.u32(vector)
        return vector + 4 + 4 * number

    def graph(self):
        return self.follow(self.item(self.root(), MODEL["subgraphs"], 0))

    def tensor(self, number):
        return self.follow(self.item(self.graph(), GRAPH["tensors"], number))

    def operator(self, number):
        return self.follow(self.item(self.graph(), GRAPH["operators"], number))

    def put(self, at, value, form="<i"):
        struct.pack_into(form, self.data, at, value)
        return self


def tflite_models():
    """(name, what the error says, bytes)"""
    cases = []

    def case(name, says, place, value, form="<i", model="conv_same_s1_d1"):
        data = Bytes(model)
        cases.append((name, says, bytes(data.put(place(data), value, form).data)))

    shape = lambda number, dim: lambda b: b.item(b.tensor(number), TENSOR["shape"], dim)
    operand = lambda field, number: lambda b: b.item(b.operator(0), OPERATOR[field], number)
    option = lambda index: lambda b: b.field(b.table(b.operator(0), OPERATOR["options"]), index)
    quantized = lambda field, number: lambda b: b.item(b.table(b.tensor(1), TENSOR["quantization"]), QUANTIZATION[field], number)
    case("version", "version is 4", lambda b: b.field(b.root(), MODEL["version"]), 4)
    case("root-outside", "cut off", lambda b: 0, 0x7fffffff)
    case("tables-in-a-circle", "cut off|no sub-graph|error",
         lambda b: b.item(b.root(), MODEL["subgraphs"], 0), -8)
    case("vector-absurd", "cut off", lambda b: b.table(b.graph(), GRAPH["tensors"]), 0x3fffffff)
    case("fields-outside", "cut off", lambda b: b.graph(), -0x40000000)
    case("input-index", "is tensor 99 of", lambda b: b.item(b.graph(), GRAPH["inputs"], 0), 99)
    case("output-index", "names tensor 1000 of", lambda b: b.item(b.graph(), GRAPH["outputs"], 0), 1000)
    case("output-negative", "names tensor -7 of", lambda b: b.item(b.graph(), GRAPH["outputs"], 0), -7)
    case("operand-index", "names tensor 2147483647", operand("inputs", 1), 0x7fffffff)
    case("operand-missing", "has no input 1", operand("inputs", 1), -1)
    case("result-is-an-input", "computed twice", operand("outputs", 0), 0)
    case("cycle", "no operator before it computes it", operand("inputs", 0), 3)
    case("buffer-index", "in buffer 77 of", lambda b: b.field(b.tensor(1), TENSOR["buffer"]), 77)
    case("shape-negative", "extent|shape|negative", shape(0, 1), -5)
    case("input-of-gigabytes", "expected less than 2 GiB", shape(0, 0), 0x7fffffff)
    case("weight-shape", "holds 540 bytes", shape(1, 0), 6)
    case("weight-shape-overflow", "elements|large|bytes", shape(1, 0), 0x7fffffff)
    case("filter-channels", "channels", shape(0, 3), 4)
    case("stride-zero", "stride", option(1), 0)
    case("stride-negative", "stride", option(2), -1)
    case("padding-unknown", "padding 9|error", option(0), 9, "<b", "conv_valid_s1_d1")
    case("activation-unknown", "fused activation", option(3), 77, "<b")
    case("scale-not-a-number", "scale", quantized("scale", 0), float("nan"), "<f", "q_int8_conv")
    case("scale-negative", "scale", quantized("scale", 0), -1.0, "<f", "q_int8_conv")
    case("scale-axis", "do not fit dim", lambda b: b.field(b.table(b.tensor(1), TENSOR["quantization"]), QUANTIZATION["axis"]),
         50, "<i", "q_int8_depthwise")
    return cases
