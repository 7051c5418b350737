"""Cases of _make_tflite_cases.py: every builtin operator on every element type that LiteRT runs it on.

Each row of OPERATORS is an operator with a function that adds it to a model for an element type. The script asks LiteRT for each
type, and packs those that it runs into one model for each family: `types_FAMILY` for numbers as they are, `q_types_FAMILY` for
quantised ones, `f16_types_FAMILY` and `bf16_types_FAMILY` for those that have a tolerance of their own. What LiteRT refuses has no test; `_make_tflite_cases.py --refused` lists it.
"""
import numpy as np
from _tflite_cases import SAME, VALID, i32

PLAIN = ("float32", "float16", "bfloat16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")
QUANTIZED = ("q_int8", "q_uint8", "q_int16")
FLOATS = ("float32", "float16", "bfloat16", "float64")
# Without the narrow integers, which kernels of arithmetic take as quantised ones only.
ARITHMETIC = FLOATS + ("int32", "uint32", "int64", "uint64", "bool") + QUANTIZED
OPERATORS = []  # (family, name, function of a Maker, types)
LIMITS = dict(int8=(-128, 127), uint8=(0, 255), int16=(-32768, 32767))

# Operators of the schema that have no row, and why. Whoever adds an operator to the schema adds it to one of the two.
NO_ROW = dict(
    LiteRT_has_no_kernel="""CALL CUSTOM DELEGATE CONCAT_EMBEDDINGS PLACEHOLDER_FOR_GREATER_OP_CODES
        STABLEHLO_LOGISTIC STABLEHLO_DIVIDE STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
        STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_COSINE
        STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
        STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_COMPARE STABLEHLO_CONVERT
        STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_SORT
        STABLEHLO_WHILE STABLEHLO_TRANSPOSE STABLEHLO_CBRT""".split(),
    strings_and_tables="""HASHTABLE HASHTABLE_LOOKUP HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE LSH_PROJECTION SKIP_GRAM
        EMBEDDING_LOOKUP_SPARSE""".split(),
    random_numbers="RANDOM_STANDARD_NORMAL RANDOM_UNIFORM MULTINOMIAL STABLEHLO_RNG_BIT_GENERATOR".split(),
    extents_that_depend_on_data="WHERE UNIQUE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5".split(),
    # Their types are of whole layers: the cases of _tflite_state_cases.py and _tflite_recurrent_cases.py.
    layers="""LSTM RNN SVDF UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN BIDIRECTIONAL_SEQUENCE_LSTM
        BIDIRECTIONAL_SEQUENCE_RNN IF WHILE CALL_ONCE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE""".split())


class Maker:
    """Adds tensors of one element type to a model."""

    def __init__(self, builder, name, kind):
        self.b, self.name, self.kind = builder, name, kind
        self.is_quantized = kind.startswith("q_")
        self.type = kind.removeprefix("q_")
        self.is_float = "float" in self.type
        self.seed = 1

    def numbers(self, shape, low=-2.0, high=2.0):
        self.seed += 1
        return np.random.default_rng(self.seed + sum(shape)).uniform(low, high, shape)

    def by(self, low, high):
        """Scale and zero point for a range."""
        least, most = LIMITS[self.type]
        if self.type == "int16":
            return float(np.float32(max(abs(low), abs(high)) / most)), 0, 0
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32((high - low) / (most - least)))
        return scale, int(np.clip(round(least - low / scale), least, most)), 0

    def stored(self, numbers, low, high):
        """Numbers of the type and, of a quantised one, what they mean."""
        if self.is_quantized:
            by = self.by(low, high)
            return np.clip(np.round(numbers / by[0]) + by[1], *LIMITS[self.type]).astype(self.type), by
        if self.type == "bool":
            return numbers > (low + high) / 2, None
        if self.type == "bfloat16":
            return numbers.astype(np.float32), None  # no array type holds it: cast in the model
        if not self.is_float:
            # Integers have the range times 10; what may not be negative, from 0 on.
            numbers = np.round(numbers * 10)
            numbers = np.abs(numbers) if self.type.startswith("u") else numbers
        return numbers.astype(self.type), None

    def x(self, *shape, low=-2.0, high=2.0):
        """An input."""
        return self.given(*self.stored(self.numbers(shape, low, high), low, high))

    def given(self, array, by):
        """An input; of bf16 one in f32 that is cast."""
        index = self.b.input(array, by)
        if self.type != "bfloat16":
            return index
        cast = self.b.tensor("bfloat16", array.shape)
        self.b.op("CAST", [index], [cast], "CastOptions")
        return cast

    def same(self, *shape, low=-2.0, high=2.0, constant=False):
        """An input, or a constant, quantised as `like` says: in the range [-2, 2]."""
        array, by = self.stored(self.numbers(shape, low, high), -2.0, 2.0)
        return self.hold(array, by) if constant else self.given(array, by)

    def hold(self, array, by=None):
        """A constant."""
        if self.type != "bfloat16" or by:
            return self.b.constant(array, by)
        return self.b.tensor("bfloat16", array.shape, None, (np.asarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16))

    def constant(self, *shape, low=-2.0, high=2.0):
        array, by = self.stored(self.numbers(shape, low, high), low, high)
        return self.hold(array, by)

    def out(self, low=-2.0, high=2.0, kind=None, by=None, shape=(1,)):
        """The result; the interpreter finds its shape, all but the rank of a slice."""
        if kind is None and self.is_quantized:
            by = by or self.by(low, high)
        index = self.b.tensor(kind or self.type, shape, by, name=f"{self.name} {self.kind} {len(self.b.graph.outputs)}")
        self.b.graph.outputs.append(index)
        return index

    def op(self, name, *arguments, **fields):
        self.b.op(name, *arguments, **fields)
        # What no array type holds is read as f32.
        for place, index in enumerate(self.b.graph.outputs):
            tensor = self.b.graph.tensors[index]
            if self.b.type_name(tensor) == "bfloat16":
                self.b.graph.outputs[place] = self.b.tensor("float32", [1], name=str(tensor.name) + " as f32")
                self.b.op("CAST", [index], [self.b.graph.outputs[place]], "CastOptions")


def operator(family, name, types=PLAIN + QUANTIZED):
    def add(function):
        OPERATORS.append((family, name, function, types))
        return function

    return add


def camel(name):
    return "".join(word.capitalize() for word in name.split("_"))


# One operand. Ranges are of what goes in and what comes out.
UNARY = dict(
    ABS=(-2, 2, 0, 2), NEG=(-2, 2, -2, 2), SIGN=(-2, 2, -1, 1), FLOOR=(-3, 3, -3, 3), CEIL=(-3, 3, -3, 3), ROUND=(-3, 3, -3, 3),
    EXP=(-2, 1, 0, 3), LOG=(0.3, 4, -2, 2), SQRT=(0.1, 4, 0, 2), RSQRT=(0.3, 4, 0, 2), SQUARE=(-2, 2, 0, 4), SIN=(-2, 2, -1, 1),
    COS=(-2, 2, -1, 1), LOGISTIC=(-4, 4, 0, 1), TANH=(-2, 2, -1, 1), RELU=(-2, 2, 0, 2), RELU6=(-8, 8, 0, 6),
    RELU_N1_TO_1=(-2, 2, -1, 1), RELU_0_TO_1=(-2, 2, 0, 1), ELU=(-2, 2, -1, 2), HARD_SWISH=(-4, 4, -1, 4),
    LOG_SOFTMAX=(-2, 2, 0, 0), SOFTMAX=(-2, 2, 0, 1), GELU=(-3, 3, -1, 3), LEAKY_RELU=(-2, 2, -1, 2), L2_NORMALIZATION=(-2, 2, -1, 1),
    LOGICAL_NOT=(-2, 2, -1, 1), ZEROS_LIKE=(-2, 2, -2, 2))
UNARY_OPTIONS = dict(GELU=("GeluOptions", {}), LEAKY_RELU=("LeakyReluOptions", dict(alpha=0.25)), SOFTMAX=("SoftmaxOptions", dict(beta=1.0)),
                     L2_NORMALIZATION=("L2NormOptions", {}), LOGICAL_NOT=("LogicalNotOptions", {}), ZEROS_LIKE=("ZerosLikeOptions", {}))
FIXED = {  # results whose scale is fixed
    "LOGISTIC": dict(int8=(1 / 256, -128), uint8=(1 / 256, 0), int16=(1 / 32768, 0)),
    "SOFTMAX": dict(int8=(1 / 256, -128), uint8=(1 / 256, 0), int16=(1 / 32768, 0)),
    "TANH": dict(int8=(1 / 128, 0), uint8=(1 / 128, 128), int16=(1 / 32768, 0)),
    "L2_NORMALIZATION": dict(int8=(1 / 128, 0), uint8=(1 / 128, 128), int16=(1 / 32768, 0)),
    "LOG_SOFTMAX": dict(int8=(16 / 256, 127), uint8=(16 / 256, 255), int16=(16 / 65536, 32767))}
for name, (low, high, least, most) in UNARY.items():
    @operator("unary", name, PLAIN + QUANTIZED if name in ("ABS", "NEG", "SIGN", "ZEROS_LIKE") else ARITHMETIC)
    def _(m, name=name, low=low, high=high, least=least, most=most):
        options, fields = UNARY_OPTIONS.get(name, (None, {}))
        by = (*FIXED[name][m.type], 0) if name in FIXED and m.is_quantized else None
        if name in ("ZEROS_LIKE", "ABS") and m.is_quantized:
            least, most = low, high
        m.op(name, [m.x(3, 40, low=low, high=high)], [m.out(least, most, by=by)], options, **fields)

# Two operands.
for name, least, most in (("ADD", -4, 4), ("SUB", -4, 4), ("MUL", -4, 4), ("DIV", -4, 4), ("MAXIMUM", -2, 2), ("MINIMUM", -2, 2),
                          ("FLOOR_DIV", -4, 4), ("FLOOR_MOD", -2, 2), ("SQUARED_DIFFERENCE", 0, 16), ("POW", 0, 4), ("ATAN2", -3, 3),
                          ("BITWISE_XOR", -2, 2), ("RIGHT_SHIFT", -2, 2), ("STABLEHLO_ADD", -4, 4), ("STABLEHLO_MULTIPLY", -4, 4),
                          ("STABLEHLO_MAXIMUM", -2, 2), ("STABLEHLO_MINIMUM", -2, 2), ("STABLEHLO_AND", -2, 2),
                          ("STABLEHLO_SHIFT_LEFT", -2, 2), ("LOGICAL_AND", -2, 2), ("LOGICAL_OR", -2, 2)):
    @operator("binary", name, PLAIN if name.startswith(("STABLEHLO", "BITWISE", "RIGHT", "FLOOR_", "LOGICAL")) else
              PLAIN + QUANTIZED if name[:4] in ("MAXI", "MINI") else ARITHMETIC + (("int16",) if name == "ADD" else ()))
    def _(m, name=name, least=least, most=most):
        options = None if name == "ATAN2" else dict(MAXIMUM="MaximumMinimumOptions", MINIMUM="MaximumMinimumOptions",
                       STABLEHLO_SHIFT_LEFT="StablehloShiftLeftOptions").get(name, camel(name) + "Options")
        low = 0.5 if name in ("DIV", "FLOOR_DIV", "FLOOR_MOD") else -2.0
        # LiteRT's kernel of quantised quotients shifts 0 by more than its width.
        x, y = m.x(3, 4, 16, low=0.3 if name == "DIV" and m.is_quantized else -2.0), (m.same if name in ("MAXIMUM", "MINIMUM") else m.x)(
            *((3, 4, 16) if name.startswith("STABLEHLO") else (4, 16)), low=low)
        if name == "ATAN2":
            y = m.x(3, 4, 16)
        if name == "POW":
            x, y = m.x(3, 16, low=0.2), m.x(3, 16, low=0.0, high=0.7)
        if "SHIFT" in name:
            y = m.b.input(np.random.default_rng(4).integers(0, 5, (3, 4, 16)).astype(m.type)) if not m.is_quantized else y
        m.op(name, [x, y], [m.out(least, most)], None if name.startswith("STABLEHLO") and "SHIFT" not in name else options)

for name in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"):
    # LiteRT's kernel of NOT_EQUAL leaves the result of plain i16 as it was.
    @operator("compare", name, tuple(t for t in PLAIN + QUANTIZED if (name, t) != ("NOT_EQUAL", "int16")))
    def _(m, name=name):
        m.op(name, [m.x(3, 4, 16, low=-0.4, high=0.4), m.x(4, 16, low=-0.3, high=0.4)], [m.out(kind="bool")], camel(name) + "Options")

BOOLS = np.random.default_rng(3).integers(0, 2, (3, 5)).astype(bool)


@operator("compare", "SELECT")
def _(m):
    m.op("SELECT", [m.b.input(BOOLS), m.same(3, 5), m.same(3, 5)], [m.out()], "SelectOptions")


@operator("compare", "SELECT_V2")
def _(m):
    m.op("SELECT_V2", [m.b.input(BOOLS), m.same(2, 1, 5), m.same(3, 1)], [m.out()], "SelectV2Options")


@operator("compare", "ADD_N")
def _(m):
    m.op("ADD_N", [m.x(3, 5), m.x(3, 5), m.x(3, 5)], [m.out(-6, 6)], "AddNOptions")


# From one type to another.
for target in PLAIN:
    @operator("cast", "CAST", PLAIN if target in ("float32", "int32") else ("float32", "int32"))
    def _(m, target=target):
        m.op("CAST", [m.x(3, 5, low=0.0 if target.startswith("u") else -2.0)], [m.out(kind=target)], "CastOptions")

for source, target in (("float32", "int32"), ("int32", "float32"), ("float32", "uint32"), ("int16", "uint16"), ("uint16", "int16"),
                       ("int8", "uint8"), ("uint8", "int8"), ("int64", "uint64"), ("uint32", "int32"), ("int16", "float16"), ("float16", "int16")):
    @operator("cast", "BITCAST", (source,))
    def _(m, target=target):
        m.op("BITCAST", [m.x(3, 5)], [m.out(kind=target)], "BitcastOptions")

for source, target in (("float32", "int8"), ("float32", "uint8"), ("float32", "int16"), ("q_int8", "int8"), ("q_int8", "uint8"), ("q_int8", "int16"),
                       ("q_uint8", "int8"), ("q_uint8", "uint8"), ("q_int16", "int8"), ("q_int16", "int16"), ("q_int16", "int32"), ("q_uint8", "int16"),
                       ("q_int16", "uint8")):
    @operator("quantize", "QUANTIZE", (source,))
    def _(m, target=target):
        by = dict(int8=(0.0171, -7, 0), uint8=(0.0171, 121, 0), int16=(0.000071, 0, 0), int32=(0.00001, 0, 0))[target]
        m.op("QUANTIZE", [m.x(3, 300)], [m.out(kind=target, by=by)], "QuantizeOptions")


@operator("dequantize", "DEQUANTIZE", QUANTIZED + ("float16", "bfloat16"))
def _(m):
    m.op("DEQUANTIZE", [m.x(3, 50)], [m.out(kind="float32")], "DequantizeOptions")


@operator("cast", "FAKE_QUANT", ("float32",))
def _(m):
    m.op("FAKE_QUANT", [m.x(3, 5)], [m.out()], "FakeQuantOptions", min=-1.5, max=1.2, numBits=8)


@operator("cast", "BUCKETIZE", PLAIN)
def _(m):
    m.op("BUCKETIZE", [m.x(4, 5)], [m.out(kind="int32")], "BucketizeOptions", boundaries=[-3.0, -1.0, 0.0, 0.25, 1.5, 9.0])


# What moves elements.
PAIRS = np.array([[1, 2], [0, 3]], np.int32)
MOVES = {
    "RESHAPE": lambda m: (([m.x(3, 4), m.b.constant(i32(2, -1))], "ReshapeOptions"), dict(newShape=[2, -1])),
    "SQUEEZE": lambda m: (([m.x(1, 3, 1, 4)], "SqueezeOptions"), dict(squeezeDims=[0, 2])),
    "EXPAND_DIMS": lambda m: (([m.x(3, 4), m.b.constant(i32(1))], "ExpandDimsOptions"), {}),
    "TRANSPOSE": lambda m: (([m.x(2, 3, 4), m.b.constant(i32(2, 0, 1))], "TransposeOptions"), {}),
    "CONCATENATION": lambda m: (([m.same(2, 3), m.same(2, 5)], "ConcatenationOptions"), dict(axis=1)),
    "STRIDED_SLICE": lambda m: (([m.x(4, 5), m.b.constant(i32(3, 0)), m.b.constant(i32(0, 5)), m.b.constant(i32(-2, 1))],
                                 "StridedSliceOptions"), {}),
    "PACK": lambda m: (([m.same(2, 3), m.same(2, 3)], "PackOptions"), dict(valuesCount=2, axis=1)),
    "PAD": lambda m: (([m.x(2, 3), m.b.constant(PAIRS)], "PadOptions"), {}),
    "PADV2": lambda m: (([m.x(2, 3), m.b.constant(PAIRS), m.same(1, constant=True)], "PadV2Options"), {}),
    "MIRROR_PAD": lambda m: (([m.x(3, 4), m.b.constant(PAIRS)], "MirrorPadOptions"), dict(mode=0)),
    "TILE": lambda m: (([m.x(2, 3), m.b.constant(i32(2, 2))], "TileOptions"), {}),
    "BROADCAST_TO": lambda m: (([m.x(3, 1), m.b.constant(i32(2, 3, 4))], "BroadcastToOptions", 2), {}),
    "REVERSE_V2": lambda m: (([m.x(3, 4), m.b.constant(i32(1))], "ReverseV2Options"), {}),
    "REVERSE_SEQUENCE": lambda m: (([m.x(3, 6, 2), m.b.input(i32(6, 1, 4))], "ReverseSequenceOptions"), dict(seqDim=1, batchDim=0)),
    "SPACE_TO_DEPTH": lambda m: (([m.x(1, 4, 6, 2)], "SpaceToDepthOptions"), dict(blockSize=2)),
    "DEPTH_TO_SPACE": lambda m: (([m.x(1, 2, 3, 8)], "DepthToSpaceOptions"), dict(blockSize=2)),
    "SPACE_TO_BATCH_ND": lambda m: (([m.x(1, 4, 5, 2), m.b.constant(i32(2, 3)), m.b.constant(np.array([[1, 1], [0, 1]], np.int32))],
                                     "SpaceToBatchNDOptions"), {}),
    "BATCH_TO_SPACE_ND": lambda m: (([m.x(6, 3, 2, 2), m.b.constant(i32(2, 3)), m.b.constant(np.array([[1, 1], [0, 1]], np.int32))],
                                     "BatchToSpaceNDOptions"), {}),
    "MATRIX_DIAG": lambda m: (([m.x(2, 4)], "MatrixDiagOptions"), {}),
    "MATRIX_SET_DIAG": lambda m: (([m.same(2, 3, 4), m.same(2, 3)], "MatrixSetDiagOptions"), {}),
    "GATHER": lambda m: (([m.x(5, 3), m.b.input(i32(4, 0, 2))], "GatherOptions"), dict(axis=0)),
    "GATHER_ND": lambda m: (([m.x(3, 4, 5), m.b.input(np.array([[2, 1], [0, 3]], np.int32))], "GatherNdOptions"), {}),
    "EMBEDDING_LOOKUP": lambda m: (([m.b.input(i32(4, 0, 2)), m.x(5, 3)], None), {}),
    "SCATTER_ND": lambda m: (([m.b.input(np.array([[1], [3], [1]], np.int32)), m.x(3, 2), m.b.constant(i32(4, 2))], "ScatterNdOptions"), {}),
    "DYNAMIC_UPDATE_SLICE": lambda m: (([m.same(5, 6), m.same(2, 3), m.b.input(i32(1, 2))], "DynamicUpdateSliceOptions"), {}),
    "SPARSE_TO_DENSE": lambda m: (([m.b.input(np.array([[0, 1], [2, 3]], np.int32)), m.b.constant(i32(3, 4)), m.same(2),
                                    m.same(1, constant=True)], "SparseToDenseOptions"), {}),
    "FILL": lambda m: (([m.b.constant(i32(2, 3)), m.x()], "FillOptions"), {}),
    "DILATE": lambda m: (([m.x(3, 4), m.b.constant(i32(2, 3)), m.same(constant=True)], "DilateOptions"), {}),
    "RESIZE_NEAREST_NEIGHBOR": lambda m: (([m.x(1, 4, 5, 2), m.b.constant(i32(7, 9))], "ResizeNearestNeighborOptions"), {}),
    "RESIZE_BILINEAR": lambda m: (([m.x(1, 4, 5, 2), m.b.constant(i32(7, 9))], "ResizeBilinearOptions"), {}),
}
KNOWN = {  # of other types LiteRT's kernel leaves the result as it was, or reads scales that plain integers do not have
    "MATRIX_DIAG": ("float32", "int8", "uint8", "int16", "int32", "int64") + QUANTIZED, "RESIZE_BILINEAR": FLOATS + QUANTIZED}
KNOWN["MATRIX_SET_DIAG"] = KNOWN["MATRIX_DIAG"]
for name, function in MOVES.items():
    @operator("move", name, KNOWN.get(name, PLAIN + QUANTIZED))
    def _(m, name=name, function=function):
        positions, fields = function(m)
        m.op(name, positions[0], [m.out()], *positions[1:], **fields)


@operator("move", "SPLIT")
def _(m):
    m.op("SPLIT", [m.b.constant(np.array(1, np.int32)), m.x(2, 6)], [m.out(), m.out()], "SplitOptions", numSplits=2)


@operator("move", "SPLIT_V")
def _(m):
    m.op("SPLIT_V", [m.x(2, 7), m.b.constant(i32(2, 5)), m.b.constant(np.array(1, np.int32))], [m.out(), m.out()], "SplitVOptions", numSplits=2)


@operator("move", "SLICE")
def _(m):
    m.op("SLICE", [m.x(4, 5), m.b.constant(i32(1, 2)), m.b.constant(i32(2, -1))], [m.out(shape=(2, 3))], "SliceOptions")


@operator("move", "UNPACK")
def _(m):
    m.op("UNPACK", [m.x(2, 3)], [m.out(), m.out()], "UnpackOptions", num=2, axis=0)


@operator("move", "STABLEHLO_PAD")
def _(m):
    m.op("STABLEHLO_PAD", [m.x(3, 4), m.same(constant=True)], [m.out()], "StablehloPadOptions", edgePaddingLow=[1, -1], edgePaddingHigh=[0, 2],
         interiorPadding=[1, 0])


# Reductions.
for name, least, most in (("MEAN", -1, 1), ("SUM", -9, 9), ("REDUCE_MAX", -2, 2), ("REDUCE_MIN", -2, 2), ("REDUCE_PROD", -4, 4),
                          ("REDUCE_ANY", -2, 2), ("REDUCE_ALL", -2, 2)):
    @operator("reduce", name, ARITHMETIC if name in ("MEAN", "SUM") else PLAIN + QUANTIZED)
    def _(m, name=name, least=least, most=most):
        x = m.x(20, 6, low=-1.4 if name == "REDUCE_PROD" else -2.0, high=1.4 if name == "REDUCE_PROD" else 2.0)
        m.op(name, [x, m.b.constant(i32(1))], [m.out(least, most)], "ReducerOptions")

for name in ("ARG_MAX", "ARG_MIN"):
    @operator("reduce", name)
    def _(m, name=name):
        m.op(name, [m.x(8, 30), m.b.constant(i32(1))], [m.out(kind="int32")], camel(name) + "Options", outputType=2)


@operator("reduce", "CUMSUM")
def _(m):
    m.op("CUMSUM", [m.x(3, 5), m.b.constant(np.array(1, np.int32))], [m.out()], "CumsumOptions")


@operator("reduce", "TOPK_V2")
def _(m):
    m.op("TOPK_V2", [m.x(3, 7), m.b.constant(np.array(3, np.int32))], [m.out(), m.out(kind="int32")], "TopKV2Options")


@operator("reduce", "SEGMENT_SUM")
def _(m):
    m.op("SEGMENT_SUM", [m.x(6, 3), m.b.constant(i32(0, 0, 1, 1, 1, 2))], [m.out()], "SegmentSumOptions")


for kind in ("SUM", "PROD", "MAX", "MIN"):
    @operator("reduce", "UNSORTED_SEGMENT_" + kind)
    def _(m, kind=kind):
        m.op("UNSORTED_SEGMENT_" + kind, [m.x(6, 3), m.b.input(i32(2, 0, 1, -1, 2, 0)), m.b.constant(np.array(3, np.int32))], [m.out()],
             f"UnsortedSegment{kind.title()}Options")


@operator("reduce", "ONE_HOT")
def _(m):
    m.op("ONE_HOT", [m.b.input(i32(0, 2, -1, 5)), m.b.constant(np.array(4, np.int32)), m.same(constant=True), m.same(constant=True)], [m.out()],
         "OneHotOptions", axis=-1)


# What tells about a tensor.
@operator("shape", "SHAPE")
def _(m):
    m.op("SHAPE", [m.x(3, 5)], [m.out(kind="int32")], "ShapeOptions", outType=2)


@operator("shape", "RANK")
def _(m):
    m.op("RANK", [m.x(3, 5)], [m.out(kind="int32")], "RankOptions")


@operator("shape", "RANGE", PLAIN)
def _(m):
    m.op("RANGE", [m.b.constant(np.array(v, m.type)) for v in (3, 20, 4)], [m.out()], "RangeOptions")


@operator("shape", "BROADCAST_ARGS", PLAIN)
def _(m):
    m.op("BROADCAST_ARGS", [m.b.constant(np.array([3, 1], m.type)), m.b.constant(np.array([2, 1, 4], m.type))], [m.out()])


# Windows and products. Weights of quantised layers are in int8 with a scale for each channel, or in uint8 with one.
def weights(m, shape, dim, x_by, bias=True, kind=None):
    """Weights and, unless not wanted, a bias."""
    numbers = m.numbers(shape, -1.0, 1.0)
    count = shape[dim]
    if not m.is_quantized:
        more = [m.hold(m.stored(m.numbers((count,)), -2, 2)[0])] if bias else []
        return [m.hold(m.stored(numbers, -1, 1)[0])] + more
    if m.type == "uint8":
        by = (2 / 255, 127, 0)
        stored = np.clip(np.round(numbers / by[0]) + by[1], 0, 255).astype("uint8")
    else:
        scales = np.abs(numbers).max(axis=tuple(i for i in range(len(shape)) if i != dim)) / 127
        by = (scales.astype(np.float32), np.zeros(count, np.int64), dim)
        around = np.reshape(scales, [-1 if i == dim else 1 for i in range(len(shape))])
        stored = np.round(numbers / around).astype("int8")
    result = [m.b.constant(stored, by)]
    if bias:
        scales = np.float32(x_by[0]) * np.asarray(by[0], np.float32)
        result.append(m.b.constant(np.round(m.numbers((count,)) / scales).astype("int64" if m.type == "int16" else "int32"),
                                   (scales, np.zeros(np.size(scales), np.int64), 0)))
    return result


LAYERS = FLOATS + QUANTIZED
WINDOW = dict(padding=SAME, strideH=1, strideW=2)


@operator("window", "CONV_2D", LAYERS)
def _(m):
    x = m.x(1, 6, 7, 4)
    m.op("CONV_2D", [x, *weights(m, (8, 3, 3, 4), 0, m.is_quantized and m.by(-2, 2))], [m.out(-8, 8)], "Conv2DOptions", 3, **WINDOW)


@operator("window", "DEPTHWISE_CONV_2D", LAYERS)
def _(m):
    x = m.x(1, 6, 7, 8)
    m.op("DEPTHWISE_CONV_2D", [x, *weights(m, (1, 3, 3, 8), 3, m.is_quantized and m.by(-2, 2))], [m.out(-8, 8)], "DepthwiseConv2DOptions", 3,
         **(WINDOW | dict(strideH=2)), depthMultiplier=1)


@operator("window", "TRANSPOSE_CONV", LAYERS)
def _(m):
    x = m.x(1, 4, 4, 4)
    m.op("TRANSPOSE_CONV", [m.b.constant(i32(1, 8, 8, 6)), *weights(m, (6, 3, 3, 4), 0, None, bias=False), x], [m.out(-8, 8)],
         "TransposeConvOptions", padding=SAME, strideH=2, strideW=2)


@operator("window", "CONV_3D", LAYERS)
def _(m):
    x = m.x(1, 4, 5, 6, 3)
    m.op("CONV_3D", [x, *weights(m, (2, 3, 3, 3, 4), 4, m.is_quantized and m.by(-2, 2))], [m.out(-8, 8)], "Conv3DOptions", padding=SAME, strideD=1,
         strideH=1, strideW=1)


@operator("window", "CONV_3D_TRANSPOSE", LAYERS)
def _(m):
    w = weights(m, (2, 3, 3, 4, 3), 3, None, bias=False)
    m.op("CONV_3D_TRANSPOSE", [m.b.constant(i32(1, 6, 8, 10, 4)), *w, m.x(1, 3, 4, 5, 3)], [m.out(-8, 8)], "Conv3DOptions", padding=SAME, strideD=2,
         strideH=2, strideW=2)


for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
    @operator("window", name, LAYERS)
    def _(m, name=name):
        m.op(name, [m.x(1, 7, 6, 3)], [m.out()], "Pool2DOptions", padding=SAME, strideH=2, strideW=1, filterHeight=3, filterWidth=2)


@operator("window", "FULLY_CONNECTED", LAYERS)
def _(m):
    x = m.x(3, 20)
    m.op("FULLY_CONNECTED", [x, *weights(m, (8, 20), 0, m.is_quantized and m.by(-2, 2))], [m.out(-16, 16)], "FullyConnectedOptions", 5)


@operator("window", "BATCH_MATMUL", ARITHMETIC)
def _(m):
    m.op("BATCH_MATMUL", [m.x(2, 3, 20), m.x(2, 20, 5)], [m.out(-16, 16)], "BatchMatMulOptions")


@operator("window", "PRELU", LAYERS)
def _(m):
    x, result = m.x(1, 3, 4, 5), m.out()
    # Slopes of i16 are i8.
    m.type = "int8" if m.is_quantized and m.type == "int16" else m.type
    m.op("PRELU", [x, m.constant(1, 1, 5)], [result])


@operator("window", "LOCAL_RESPONSE_NORMALIZATION")
def _(m):
    m.op("LOCAL_RESPONSE_NORMALIZATION", [m.x(1, 3, 3, 9)], [m.out()], "LocalResponseNormalizationOptions", radius=2, bias=1.0, alpha=0.3, beta=0.5)


for name, computation in (("add", 1), ("mul", 2), ("min", 3), ("max", 4), ("all", 5), ("any", 6)):
    @operator("window", "REDUCE_WINDOW", ("bool",) if name in ("all", "any") else PLAIN)
    def _(m, name=name, computation=computation):
        start = np.array(dict(add=0, mul=1, min=100, max=0 if m.type[0] == "u" else -100, all=True, any=False)[name], m.type)
        numbers = [m.b.constant(np.array(v, np.int64)) for v in ([2, 3], [1, 2], [1, 1])]
        m.op("REDUCE_WINDOW", [m.x(4, 7), m.b.constant(start), *numbers], [m.out()], "ReduceWindowOptions", reduceFunction=computation)


def rows(kind_of_case):
    """(family, name, function, type) of every row, `kind_of_case` is True for quantised ones."""
    for family, name, function, types in OPERATORS:
        for kind in types:
            if kind.startswith("q_") == kind_of_case:
                yield family, name, function, kind


def packs(runs):
    """Cases by name: those rows that `runs(build)` says LiteRT runs; and the rows that it refuses."""
    cases, refused = {}, []
    for is_quantized in (False, True):
        for family, name, function, kind in rows(is_quantized):
            def build(b, name=name, function=function, kind=kind):
                function(Maker(b, name, kind))

            if runs(build):
                name = ("q_" if is_quantized else dict(float16="f16_", bfloat16="bf16_").get(kind, "")) + "types_" + family
                cases.setdefault(name, []).append(build)
            else:
                refused.append((name, kind))

    def whole(parts):
        return lambda b: [part(b) for part in parts]

    return {name: whole(parts) for name, parts in cases.items()}, refused
