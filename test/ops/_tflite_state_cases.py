"""Cases of _make_tflite_cases.py with states, variables and sub-graphs, and of operators that older models hold."""
import numpy as np
from _tflite_cases import CASES, RELU, SAME, TANH, VALID, add, case, i32, ints, rnd
from _tflite_quantized import fit, quantized, store


def variable(b, dtype, shape, quantization=None):
    """A tensor that keeps its value from run to run."""
    index = b.tensor(dtype, shape, quantization)
    b.graph.tensors[index].isVariable = True
    return index


def result(b, dtype="float32", quantization=None):
    index = b.tensor(dtype, [1], quantization)
    b.graph.outputs.append(index)
    return index


# Recurrent layers. Weights are small, so that states stay away from where the functions are flat.
BATCH, STEPS, FEATURES, HIDDEN = 2, 5, 4, 6


def weights(b, *shape, seed):
    return b.constant(rnd(*shape, seed=seed, low=-0.7, high=0.7))


def lstm_operands(b, seed):
    gates = [weights(b, HIDDEN, FEATURES, seed=seed + i) for i in range(4)]
    gates += [weights(b, HIDDEN, HIDDEN, seed=seed + 4 + i) for i in range(4)]
    return gates, [weights(b, HIDDEN, seed=seed + 8 + i) for i in range(4)]


def states(b, count):
    return [variable(b, "float32", [BATCH, HIDDEN]) for _ in range(count)]


for name, major in (("time_major", True), ("batch_major", False)):
    shape = (STEPS, BATCH, FEATURES) if major else (BATCH, STEPS, FEATURES)

    @case("unidirectional_sequence_lstm_" + name)
    def _(b, shape=shape, major=major):
        x = b.input(rnd(*shape))
        gates, biases = lstm_operands(b, 1)
        b.op("UNIDIRECTIONAL_SEQUENCE_LSTM", [x, *gates, -1, -1, -1, *biases, -1, -1, *states(b, 2), -1, -1, -1, -1], [result(b)],
             "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=TANH, timeMajor=major)

    @case("unidirectional_sequence_rnn_" + name)
    def _(b, shape=shape, major=major):
        x = b.input(rnd(*shape))
        b.op("UNIDIRECTIONAL_SEQUENCE_RNN",
             [x, weights(b, HIDDEN, FEATURES, seed=3), weights(b, HIDDEN, HIDDEN, seed=4), weights(b, HIDDEN, seed=5),
              *states(b, 1)], [result(b)], "SequenceRNNOptions", fusedActivationFunction=TANH, timeMajor=major)

for merge in (True, False):
    @case("bidirectional_sequence_lstm" + ("_merged" if merge else ""))
    def _(b, merge=merge):
        x = b.input(rnd(STEPS, BATCH, FEATURES))
        forward, forward_biases = lstm_operands(b, 1)
        backward, backward_biases = lstm_operands(b, 40)
        b.op("BIDIRECTIONAL_SEQUENCE_LSTM",
             [x, *forward, -1, -1, -1, *forward_biases, -1, -1, *backward, -1, -1, -1, *backward_biases, -1, -1,
              *states(b, 4), *[-1] * 9], [result(b) for _ in range(1 if merge else 2)],
             "BidirectionalSequenceLSTMOptions", fusedActivationFunction=TANH, timeMajor=True, mergeOutputs=merge)

    @case("bidirectional_sequence_rnn" + ("_merged" if merge else ""))
    def _(b, merge=merge):
        x = b.input(rnd(STEPS, BATCH, FEATURES))
        both = [[weights(b, HIDDEN, FEATURES, seed=s), weights(b, HIDDEN, HIDDEN, seed=s + 1), weights(b, HIDDEN, seed=s + 2),
                 *states(b, 1)] for s in (3, 20)]
        b.op("BIDIRECTIONAL_SEQUENCE_RNN", [x, *both[0], *both[1], -1, -1, -1], [result(b) for _ in range(1 if merge else 2)],
             "BidirectionalSequenceRNNOptions", fusedActivationFunction=TANH, timeMajor=True, mergeOutputs=merge)


@case("rnn")
def _(b):
    b.op("RNN", [b.input(rnd(BATCH, FEATURES)), weights(b, HIDDEN, FEATURES, seed=3), weights(b, HIDDEN, HIDDEN, seed=4),
                 weights(b, HIDDEN, seed=5), *states(b, 1)], [result(b)], "RNNOptions", fusedActivationFunction=RELU)


@case("lstm")
def _(b):
    gates, biases = lstm_operands(b, 1)
    b.op("LSTM", [b.input(rnd(BATCH, FEATURES)), *gates, -1, -1, -1, *biases, -1, -1, *states(b, 2)], [result(b)], "LSTMOptions",
         fusedActivationFunction=TANH)


@case("lstm_basic")
def _(b):
    operands = [b.input(rnd(BATCH, FEATURES)), b.input(rnd(BATCH, HIDDEN, seed=2)),
                weights(b, 4 * HIDDEN, FEATURES + HIDDEN, seed=3), weights(b, 4 * HIDDEN, seed=4),
                b.input(rnd(BATCH, HIDDEN, seed=5))]
    outputs = [result(b), result(b), b.tensor("float32", [BATCH, FEATURES + HIDDEN]), b.tensor("float32", [BATCH, 4 * HIDDEN])]
    b.op("LSTM", operands, outputs, "LSTMOptions", version=2, fusedActivationFunction=TANH, kernelType=1)


def integer_lstm(b, x, major, coupled=False, peepholes=False, projection=0, clip=0.0):
    """An LSTM of i8 with a cell of i16."""
    hidden, out = 24, projection or 24
    by_x, by_out, by_hidden, by_cell = fit(x, "int8"), (1 / 120, 3, 0), (1 / 110, -5, 0), (2.0**-11, 0, 0)

    def weight(shape, seed, dtype="int8"):
        numbers = rnd(*shape, seed=seed, low=-0.5, high=0.5)
        by = (float(np.float32(np.abs(numbers).max() / (127 if dtype == "int8" else 32767))), 0, 0)
        return b.constant(store(numbers, by, dtype), by), by

    def bias(count, seed, scale):
        return b.constant(np.round(rnd(count, seed=seed, low=-0.5, high=0.5) / scale).astype(np.int32), (scale, 0, 0))

    gates = [weight((hidden, x.shape[-1]), 10 + i) for i in range(4)]
    biases = [bias(hidden, 30 + i, float(np.float32(by[0] * by_x[0]))) for i, (_, by) in enumerate(gates)]
    again = [weight((hidden, out), 20 + i) for i in range(4)]
    peeps = [weight((hidden,), 40 + i, "int16")[0] if peepholes and (i or not coupled) else -1 for i in range(3)]
    gates, again = [index for index, _ in gates], [index for index, _ in again]
    if coupled:
        gates[0] = again[0] = biases[0] = -1
    project = [-1, -1]
    if projection:
        index, by = weight((projection, hidden), 50)
        project = [index, bias(projection, 51, float(np.float32(by[0] * by_hidden[0])))]
    batch = x.shape[1 if major else 0]
    inner = [b.tensor("int16", [1], (2.0**-12, 0, 0)) for _ in range(4)] + \
        [b.tensor("int8", [1], by_hidden if projection else by_out)]
    b.op("UNIDIRECTIONAL_SEQUENCE_LSTM",
         [b.input(store(x, by_x, "int8"), by_x), *gates, *again, *peeps, *biases, *project, variable(b, "int8", [batch, out], by_out),
          variable(b, "int16", [batch, hidden], by_cell), -1, -1, -1, -1], [result(b, "int8", by_out)],
         "UnidirectionalSequenceLSTMOptions", fusedActivationFunction=TANH, timeMajor=major, cellClip=clip)
    b.graph.operators[-1].intermediates = inner


for name, options in (("time_major", dict(major=True)), ("batch_major", dict(major=False)), ("coupled", dict(major=True, coupled=True)),
                      ("peepholes", dict(major=True, peepholes=True)),
                      ("projection", dict(major=False, projection=10, clip=1.5))):
    @case("q_int8_lstm_" + name)
    def _(b, options=options):
        integer_lstm(b, rnd(6, 3, 12, low=-1.0, high=1.0), **options)


for rank in (1, 2):
    @case(f"svdf_rank_{rank}")
    def _(b, rank=rank):
        filters, memory = 8, 5
        b.op("SVDF", [b.input(rnd(BATCH, FEATURES)), weights(b, filters, FEATURES, seed=3), weights(b, filters, memory, seed=4),
                      weights(b, filters // rank, seed=5), variable(b, "float32", [BATCH, filters * memory])], [result(b)],
             "SVDFOptions", rank=rank, fusedActivationFunction=RELU)


@case("q_int8_svdf")
def _(b):
    batch, features, filters, memory = 16, 24, 64, 8
    x, feature, time = rnd(batch, features), rnd(filters, features, low=-1, high=1), rnd(filters, memory, seed=4, low=-1, high=1)
    by_x, by_feature, by_time = fit(x, "int8"), (float(np.float32(1 / 127)), 0, 0), fit(time, "int16")
    by_state, by_out = fit(np.array([-20.0, 20.0]), "int16"), fit(np.array([-5.0, 9.0]), "int8")
    scale = float(np.float32(by_state[0]) * np.float32(by_time[0]))
    bias = np.round(rnd(filters, seed=5) / scale).astype(np.int32)
    b.op("SVDF", [b.input(store(x, by_x, "int8"), by_x), b.constant(store(feature, by_feature, "int8"), by_feature),
                  b.constant(store(time, by_time, "int16"), by_time), b.constant(bias, (scale, 0, 0)),
                  variable(b, "int16", [batch, filters * memory], by_state)], [result(b, "int8", by_out)], "SVDFOptions", 3, rank=1,
         fusedActivationFunction=RELU)


# Sub-graphs and variables.
@case("if")
def _(b):
    x, y = b.input(rnd(3, 4)), b.input(rnd(3, 4, seed=1))
    condition = b.input(np.array(True))
    branches = []
    for op in ("ADD", "MUL"):
        with b.subgraph() as index:
            ids = [b.inner_input("float32", [3, 4]) for _ in range(2)]
            out = b.tensor("float32", [3, 4])
            b.op(op, ids, [out], op.capitalize() + "Options")
            b.graph.outputs.append(out)
        branches.append(index)
    b.op("IF", [condition, x, y], [result(b)], "IfOptions", thenSubgraphIndex=branches[0], elseSubgraphIndex=branches[1])


@case("while")
def _(b):
    x, counter = b.input(rnd(3, 4)), b.constant(np.array(0, np.int32))
    with b.subgraph() as condition:
        count = b.inner_input("int32", [])
        b.inner_input("float32", [3, 4])
        out = b.tensor("bool", [])
        b.op("LESS", [count, b.constant(np.array(4, np.int32))], [out], "LessOptions")
        b.graph.outputs.append(out)
    with b.subgraph() as body:
        count, value = b.inner_input("int32", []), b.inner_input("float32", [3, 4])
        outs = [b.tensor("int32", []), b.tensor("float32", [3, 4])]
        b.op("ADD", [count, b.constant(np.array(1, np.int32))], outs[:1], "AddOptions")
        b.op("MUL", [value, b.constant(np.array(1.5, np.float32))], outs[1:], "MulOptions")
        b.graph.outputs += outs
    b.op("WHILE", [counter, x], [b.tensor("int32", []), result(b)], "WhileOptions", condSubgraphIndex=condition,
         bodySubgraphIndex=body)


@case("while_run_time")
def _(b):
    # As often as an input says: the limit is carried, and no step changes it.
    x, counter, limit = b.input(rnd(3, 4)), b.constant(np.array(0, np.int32)), b.input(np.array(6, np.int32))
    with b.subgraph() as condition:
        count, most = b.inner_input("int32", []), b.inner_input("int32", [])
        b.inner_input("float32", [3, 4])
        out = b.tensor("bool", [])
        b.op("LESS", [count, most], [out], "LessOptions")
        b.graph.outputs.append(out)
    with b.subgraph() as body:
        count, most, value = b.inner_input("int32", []), b.inner_input("int32", []), b.inner_input("float32", [3, 4])
        outs = [b.tensor("int32", []), b.tensor("float32", [3, 4])]
        b.op("ADD", [count, b.constant(np.array(1, np.int32))], outs[:1], "AddOptions")
        b.op("MUL", [value, b.constant(np.array(1.5, np.float32))], outs[1:], "MulOptions")
        b.graph.outputs += [outs[0], most, outs[1]]
    b.op("WHILE", [counter, limit, x], [b.tensor("int32", []), b.tensor("int32", []), result(b)], "WhileOptions",
         condSubgraphIndex=condition, bodySubgraphIndex=body)


@case("variable")
def _(b):
    x = b.input(rnd(3, 4))
    name = dict(container="", sharedName="total")
    with b.subgraph() as start:
        handle = b.tensor("resource", [])
        b.op("VAR_HANDLE", [], [handle], "VarHandleOptions", **name)
        b.op("ASSIGN_VARIABLE", [handle, b.constant(rnd(3, 4, seed=7))], [], "AssignVariableOptions")
    b.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=start)
    handle, before, after = b.tensor("resource", []), b.tensor("float32", [3, 4]), b.tensor("float32", [3, 4])
    b.op("VAR_HANDLE", [], [handle], "VarHandleOptions", **name)
    b.op("READ_VARIABLE", [handle], [before], "ReadVariableOptions")
    b.op("ADD", [before, x], [after], "AddOptions")
    b.op("ASSIGN_VARIABLE", [handle, after], [], "AssignVariableOptions")
    b.graph.outputs.append(b.tensor("float32", [3, 4]))
    b.op("READ_VARIABLE", [handle], b.graph.outputs, "ReadVariableOptions")


# Volumes.
for padding, stride in ((SAME, 1), (VALID, 1), (SAME, 2)):
    suffix = f"{'same' if padding == SAME else 'valid'}_s{stride}"
    add("conv_3d_" + suffix, "CONV_3D", [rnd(1, 5, 6, 7, 3), rnd(2, 3, 3, 3, 4), rnd(4)], "Conv3DOptions", [1, 2], padding=padding,
        strideD=stride, strideH=stride, strideW=stride, fusedActivationFunction=RELU)
for padding, stride, shape in ((SAME, 2, (1, 6, 8, 10, 4)), (VALID, 1, (1, 4, 6, 7, 4))):
    suffix = f"{'same' if padding == SAME else 'valid'}_s{stride}"
    add("conv_3d_transpose_" + suffix, "CONV_3D_TRANSPOSE", [i32(*shape), rnd(2, 3, 3, 4, 3), rnd(1, 3, 4, 5, 3)], "Conv3DOptions",
        [0, 1], padding=padding, strideD=stride, strideH=stride, strideW=stride)

# Parts of tensors.
add("segment_sum", "SEGMENT_SUM", [rnd(6, 3), i32(0, 0, 1, 1, 1, 2)], "SegmentSumOptions", [1])
for op in ("SUM", "PROD", "MAX", "MIN"):
    add("unsorted_segment_" + op.lower(), "UNSORTED_SEGMENT_" + op, [rnd(6, 3), i32(2, 0, 1, -1, 2, 0), np.array(4, np.int32)],
        f"UnsortedSegment{op.title()}Options", [2])
add("sparse_to_dense", "SPARSE_TO_DENSE",
    [np.array([[0, 1], [2, 3]], np.int32), i32(3, 4), rnd(2), np.array(-1, np.float32)], "SparseToDenseOptions", [1])
add("matrix_diag", "MATRIX_DIAG", [rnd(2, 4)], "MatrixDiagOptions")
add("matrix_set_diag", "MATRIX_SET_DIAG", [rnd(2, 3, 4), rnd(2, 3)], "MatrixSetDiagOptions")
add("matrix_set_diag_tall", "MATRIX_SET_DIAG", [rnd(2, 5, 3), rnd(2, 3)], "MatrixSetDiagOptions")
add("reverse_sequence", "REVERSE_SEQUENCE", [rnd(3, 6, 2), i32(6, 1, 4)], "ReverseSequenceOptions", seqDim=1, batchDim=0)
add("dynamic_update_slice", "DYNAMIC_UPDATE_SLICE", [rnd(5, 6), rnd(2, 3), i32(1, 2)], "DynamicUpdateSliceOptions")
add("dynamic_update_slice_outside", "DYNAMIC_UPDATE_SLICE", [rnd(5, 6), rnd(2, 6), i32(9, 0)], "DynamicUpdateSliceOptions")
add("dilate", "DILATE", [rnd(3, 4), i32(2, 3), np.array(-1, np.float32)], "DilateOptions", [1, 2])
add("fake_quant", "FAKE_QUANT", [rnd(6, 7)], "FakeQuantOptions", min=-1.5, max=1.2, numBits=8)
add("local_response_normalization", "LOCAL_RESPONSE_NORMALIZATION", [rnd(1, 3, 3, 9)], "LocalResponseNormalizationOptions", radius=2,
    bias=1.0, alpha=0.3, beta=0.5)
add("bucketize", "BUCKETIZE", [rnd(4, 5)], "BucketizeOptions", out="int32", boundaries=[-1.0, 0.0, 0.25, 1.5])
add("broadcast_args", "BROADCAST_ARGS", [i32(3, 1), i32(2, 1, 4)], constants=[0, 1], out="int32")
