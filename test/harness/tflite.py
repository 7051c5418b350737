"""Reads from a TFLite file what the tests ask: its operators and the element types of their operands.

FlatBuffers: a table begins with the distance back to its list of field offsets; vectors begin with their length, and hold
distances to their tables.
"""
import pathlib
import re
import struct

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "compiler" / "importers" / "tflite" / "schema" / "schema.fbs"
TYPES = {"FLOAT32": "f32", "FLOAT16": "f16", "FLOAT64": "f64", "BFLOAT16": "bf16", "INT8": "i8", "INT16": "i16", "INT32": "i32",
         "INT64": "i64", "UINT8": "u8", "UINT16": "u16", "UINT32": "u32", "UINT64": "u64", "BOOL": "bool", "INT4": "narrow"}


def names(enum):
    """Number → name of an enumeration of the schema."""
    text = re.sub(r"//.*", "", SCHEMA.read_text())
    body = re.search(rf"enum {enum} *:[^{{]*{{(.*?)}}", text, re.S)[1]
    return {int(number): name for name, number in re.findall(r"(\w+)\s*=\s*(\d+)", body)}


class Table:
    def __init__(self, data, at):
        self.data, self.at = data, at

    def place(self, index):
        """Where field `index` lies, or 0."""
        fields = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size = struct.unpack_from("<H", self.data, fields)[0]
        offset = struct.unpack_from("<H", self.data, fields + 4 + 2 * index)[0] if 4 + 2 * index < size else 0
        return self.at + offset if offset else 0

    def number(self, index, form):
        at = self.place(index)
        return struct.unpack_from(form, self.data, at)[0] if at else 0

    def vector(self, index):
        """The elements' places."""
        at = self.place(index)
        if not at:
            return []
        at += struct.unpack_from("<I", self.data, at)[0]
        return [at + 4 + 4 * i for i in range(struct.unpack_from("<I", self.data, at)[0])]

    def tables(self, index):
        return [Table(self.data, at + struct.unpack_from("<I", self.data, at)[0]) for at in self.vector(index)]

    def numbers(self, index):
        return [struct.unpack_from("<i", self.data, at)[0] for at in self.vector(index)]


def operators(path):
    """(operator, type) of each operator of each sub-graph: the type is that of the first operand that the file does not
    hold, as a column of docs/coverage.md."""
    data = pathlib.Path(path).read_bytes()
    model = Table(data, struct.unpack_from("<I", data)[0])
    known, types = names("BuiltinOperator"), names("TensorType")
    codes = [max(code.number(0, "<b"), code.number(3, "<i")) for code in model.tables(1)]
    filled = [bool(buffer.vector(0)) for buffer in model.tables(4)]
    found = []
    for graph in model.tables(2):
        tensors = graph.tables(0)
        for operator in graph.tables(3):
            places = [i for i in operator.numbers(1) if i >= 0] or operator.numbers(2)
            open_places = [i for i in places if not filled[tensors[i].number(2, "<I")]] or places
            if open_places:
                kind = TYPES.get(types[tensors[open_places[0]].number(1, "<b")], "other")
                found.append((known[codes[operator.number(0, "<I")]], kind))
    return found
