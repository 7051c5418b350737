#!/usr/bin/env python3
"""Writes small .tflite models and stores what the LiteRT interpreter computes for them.

Each case becomes test/ops/tflite/NAME.tflite and NAME.npz with inputs in0, in1, … and outputs out0, out1, …; those of
further calls, of a model that keeps a state, are in NAME.2.npz and NAME.3.npz.
test/ops/tflite_cases.py imports, evaluates and compiles them. The cases themselves are in _tflite_cases.py.
Needs ai-edge-litert, flatbuffers and numpy: python3 test/ops/_make_tflite_cases.py [NAME…]
"""
import contextlib
import os
import sys

import _tflite_cases
import _tflite_quantized  # noqa: F401, adds its cases
import _tflite_state_cases  # noqa: F401, adds its cases
import _tflite_types
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tflite")
TYPES = {name: getattr(schema.TensorType, code) for name, code in dict(
    float32="FLOAT32", float16="FLOAT16", bfloat16="BFLOAT16", float64="FLOAT64", int8="INT8", uint8="UINT8", int16="INT16",
    uint16="UINT16", int32="INT32", uint32="UINT32", int64="INT64", uint64="UINT64", bool="BOOL", int4="INT4",
    resource="RESOURCE").items()}


class Builder:
    """A model: tensors are numbers, operators are added in order, to the main sub-graph or to one that is open."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.description = "ingot test"
        self.model.operatorCodes = []
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs = [self.graph]
        self.arrays = []

    def tensor(self, dtype, shape, quantization=None, data=None, name=None):
        """Adds a tensor; `quantization` is (scales, zero points, dim), `data` a constant's elements."""
        tensor = schema.TensorT()
        tensor.name = name or f"t{len(self.graph.tensors)}"
        tensor.shape = list(shape)
        tensor.type = TYPES[dtype]
        tensor.hasRank = True
        if quantization:
            scales, zeros, dim = quantization
            by = tensor.quantization = schema.QuantizationParametersT()
            by.scale = [float(s) for s in np.atleast_1d(scales)]
            by.zeroPoint = [int(z) for z in np.atleast_1d(zeros)]
            by.quantizedDimension = dim
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    @staticmethod
    def type_name(tensor):
        return next(name for name, code in TYPES.items() if code == tensor.type)

    def input(self, array, quantization=None):
        index = self.tensor(str(array.dtype), array.shape, quantization, name=f"x{len(self.graph.inputs)}")
        self.graph.inputs.append(index)
        self.arrays.append(array)
        return index

    @contextlib.contextmanager
    def subgraph(self):
        """Another sub-graph, which everything is added to inside of the `with`; its number."""
        outer, self.graph = self.graph, schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.graph.inputs, self.graph.outputs = [], [], [], []
        self.model.subgraphs.append(self.graph)
        yield len(self.model.subgraphs) - 1
        self.graph = outer

    def inner_input(self, dtype, shape):
        """An input of a sub-graph that another one calls."""
        self.graph.inputs.append(self.tensor(dtype, shape))
        return self.graph.inputs[-1]

    def constant(self, array, quantization=None):
        return self.tensor(str(array.dtype), array.shape, quantization, array)

    def op(self, name, inputs, outputs, options=None, version=1, **fields):
        """Adds an operator; `options` is the name of its table, `fields` what differs from the defaults."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        known = [c.builtinCode for c in self.model.operatorCodes]
        if code.builtinCode not in known:
            self.model.operatorCodes.append(code)
            known.append(code.builtinCode)
        op = schema.OperatorT()
        op.opcodeIndex = known.index(code.builtinCode)
        op.inputs, op.outputs = list(inputs), list(outputs)
        if options:
            values = getattr(schema, options + "T")()
            for field, value in fields.items():
                assert hasattr(values, field), field
                setattr(values, field, value)
            if hasattr(schema.BuiltinOptions, options):
                op.builtinOptionsType, op.builtinOptions = getattr(schema.BuiltinOptions, options), values
            else:
                op.builtinOptions2Type, op.builtinOptions2 = getattr(schema.BuiltinOptions2, options), values
        self.graph.operators.append(op)

    def bytes(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def interpret(content, calls):
    """What LiteRT's builtin kernels compute, call by call."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    interpreter.allocate_tensors()
    results = []
    for arrays in calls:
        for detail, array in zip(interpreter.get_input_details(), arrays):
            interpreter.set_tensor(detail["index"], array)
        interpreter.invoke()
        results.append([interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()])
    return results


def calls(builder):
    """The inputs of each call: one, or three of a model that keeps a state, each with the last one's elements in another
    order."""
    codes = {builder.model.operatorCodes[op.opcodeIndex].builtinCode for graph in builder.model.subgraphs for op in graph.operators}
    keeps = any(tensor.isVariable for graph in builder.model.subgraphs for tensor in graph.tensors)
    if not keeps and schema.BuiltinOperator.VAR_HANDLE not in codes:
        return [builder.arrays]
    return [[np.roll(array, 3 * call) for array in builder.arrays] for call in range(3)]


def runs(build):
    """Whether LiteRT runs a case; in a process of its own, which some cases end."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        code = 1
        try:
            builder = Builder()
            build(builder)
            results = interpret(builder.bytes(), [builder.arrays])[0]
            code = 0 if results else 1
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def main(names):
    os.makedirs(HERE, exist_ok=True)
    failed = 0
    cases = dict(_tflite_cases.CASES)
    if not names or any("types_" in name for name in names):
        packs, refused = _tflite_types.packs(runs)
        cases |= packs
        for name, kind in refused:
            print(f"LiteRT refuses {name} of {kind}", file=sys.stderr)
    for name in names:
        assert name in cases, name
    for name, function in cases.items():
        if names and name not in names:
            continue
        builder = Builder()
        function(builder)
        try:
            inputs = calls(builder)
            results = interpret(builder.bytes(), inputs)
        except (RuntimeError, ValueError) as error:
            print(f"{name}: {str(error).strip()[:160]}", file=sys.stderr)
            failed += 1
            continue
        # The interpreter has found these shapes; the file declares them.
        for index, result in zip(builder.graph.outputs, results[0]):
            builder.graph.tensors[index].shape = list(result.shape)
        with open(os.path.join(HERE, name + ".tflite"), "wb") as file:
            file.write(builder.bytes())
        for call, (given, found) in enumerate(zip(inputs, results)):
            arrays = {f"in{i}": a for i, a in enumerate(given)} | {f"out{i}": a for i, a in enumerate(found)}
            np.savez_compressed(os.path.join(HERE, name + (f".{call + 1}" if call else "") + ".npz"), **arrays)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
