// Result types of the composites.
#include "ir/graph/Graph.h"
#include "ir/graph/InferHelpers.h"

using namespace mlir;
using namespace ingot;

namespace {
/// Where batch, channel and spatial dims lie in an activation.
struct SpatialDims {
  int64_t rank;
  bool channelsLast;
  int64_t channel() const { return channelsLast ? rank - 1 : 1; }
  int64_t spatial(int64_t i) const { return channelsLast ? 1 + i : 2 + i; }
  int64_t count() const { return rank - 2; }
};
} // namespace

/// Extent of a window op along one dim, or failure when it would be negative or overflow.
static FailureOr<int64_t> windowExtent(int64_t in, int64_t low, int64_t high, int64_t kernel,
                                       int64_t dilation, int64_t stride) {
  int64_t padded = 0, span = 0;
  if (stride <= 0 || dilation <= 0 || kernel <= 0 || __builtin_add_overflow(in, low, &padded) ||
      __builtin_add_overflow(padded, high, &padded) ||
      __builtin_mul_overflow(dilation, kernel - 1, &span) || padded - span - 1 < 0)
    return failure();
  return (padded - span - 1) / stride + 1;
}

static LogicalResult checkWindow(int64_t count, ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides,
                                 ArrayRef<int64_t> pads, ArrayRef<int64_t> dilations, Fail fail) {
  size_t n = count;
  if (kernel.size() != n || strides.size() != n || pads.size() != 2 * n || dilations.size() != n)
    return fail("needs kernel, strides and dilations of " + Twine(n) + " and pads of " +
                Twine(2 * n) + " elements");
  return success();
}

static LogicalResult checkBias(Value bias, int64_t channels, Fail fail) {
  if (!bias)
    return success();
  RankedTensorType type = typeOf(bias);
  if (type.getRank() != 1 || type.getDimSize(0) != channels)
    return fail("needs a bias of shape [" + Twine(channels) + "], but got " +
                show(type.getShape()));
  return success();
}

INGOT_INFER(ConvOp) {
  RankedTensorType input = typeOf(args.getInput()), filter = typeOf(args.getFilter());
  SpatialDims dims{input.getRank(), args.getChannelsLast()};
  if (input.getRank() < 3 || filter.getRank() != input.getRank())
    return fail("needs input and filter of one rank, 3 or more, but got " + show(input.getShape()) +
                " and " + show(filter.getShape()));
  ArrayRef<int64_t> kernel = filter.getShape().drop_front(2);
  if (failed(checkWindow(dims.count(), kernel, args.getStrides(), args.getPads(),
                         args.getDilations(), fail)))
    return failure();
  int64_t groups = args.getGroups(), channels = input.getDimSize(dims.channel());
  int64_t out = filter.getDimSize(0);
  if (groups <= 0 || channels % groups || out % groups || filter.getDimSize(1) != channels / groups)
    return fail("filter " + show(filter.getShape()) + " does not fit " + Twine(channels) +
                " input channels in " + Twine(groups) + " groups");
  if (failed(checkBias(args.getBias(), out, fail)))
    return failure();
  if (input.getElementType() != filter.getElementType())
    return fail("input and filter have different element types");
  Dims shape(input.getShape());
  shape[dims.channel()] = out;
  for (int64_t i = 0; i < dims.count(); ++i) {
    FailureOr<int64_t> extent =
        windowExtent(shape[dims.spatial(i)], args.getPads()[i], args.getPads()[dims.count() + i],
                     kernel[i], args.getDilations()[i], args.getStrides()[i]);
    if (failed(extent))
      return fail("the kernel does not fit spatial dim " + Twine(i) + " of extent " +
                  Twine(shape[dims.spatial(i)]));
    shape[dims.spatial(i)] = *extent;
  }
  results.push_back(RankedTensorType::get(shape, accumulatedType(input.getElementType())));
  return success();
}

INGOT_INFER(ConvTransposeOp) {
  RankedTensorType input = typeOf(args.getInput()), filter = typeOf(args.getFilter());
  SpatialDims dims{input.getRank(), args.getChannelsLast()};
  if (input.getRank() < 3 || filter.getRank() != input.getRank())
    return fail("needs input and filter of one rank, 3 or more, but got " + show(input.getShape()) +
                " and " + show(filter.getShape()));
  ArrayRef<int64_t> kernel = filter.getShape().drop_front(2);
  if (failed(checkWindow(dims.count(), kernel, args.getStrides(), args.getPads(),
                         args.getDilations(), fail)))
    return failure();
  if (static_cast<int64_t>(args.getOutputPadding().size()) != dims.count())
    return fail("needs output_padding of " + Twine(dims.count()) + " elements");
  int64_t groups = args.getGroups(), channels = input.getDimSize(dims.channel());
  int64_t out = 0;
  if (groups <= 0 || channels % groups || filter.getDimSize(0) != channels ||
      __builtin_mul_overflow(filter.getDimSize(1), groups, &out))
    return fail("filter " + show(filter.getShape()) + " does not fit " + Twine(channels) +
                " input channels in " + Twine(groups) + " groups");
  if (failed(checkBias(args.getBias(), out, fail)))
    return failure();
  Dims shape(input.getShape());
  shape[dims.channel()] = out;
  for (int64_t i = 0; i < dims.count(); ++i) {
    int64_t &extent = shape[dims.spatial(i)];
    __int128 next = (static_cast<__int128>(extent) - 1) * args.getStrides()[i] - args.getPads()[i] -
                    args.getPads()[dims.count() + i] +
                    static_cast<__int128>(args.getDilations()[i]) * (kernel[i] - 1) +
                    args.getOutputPadding()[i] + 1;
    if (args.getStrides()[i] <= 0 || args.getDilations()[i] <= 0 || next < 0 || next > INT32_MAX)
      return fail("spatial dim " + Twine(i) + " of extent " + Twine(extent) +
                  " gets an impossible extent");
    extent = static_cast<int64_t>(next);
  }
  results.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

INGOT_INFER(MatmulOp) {
  RankedTensorType lhs = typeOf(args.getLhs()), rhs = typeOf(args.getRhs());
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return fail("needs operands of rank 2 or more, but got " + show(lhs.getShape()) + " and " +
                show(rhs.getShape()));
  auto [n, k] = std::pair(rhs.getShape().back(), rhs.getDimSize(rhs.getRank() - 2));
  if (args.getTransposeB())
    std::swap(n, k);
  FailureOr<Dims> shape = broadcastShapes(lhs.getShape().drop_back(2), rhs.getShape().drop_back(2));
  if (lhs.getShape().back() != k || failed(shape))
    return fail("operands of shapes " + show(lhs.getShape()) + " and " + show(rhs.getShape()) +
                (args.getTransposeB() ? " (transposed)" : "") + " do not multiply");
  if (failed(checkBias(args.getBias(), n, fail)))
    return failure();
  shape->push_back(lhs.getDimSize(lhs.getRank() - 2));
  shape->push_back(n);
  results.push_back(RankedTensorType::get(*shape, accumulatedType(lhs.getElementType())));
  return success();
}

INGOT_INFER(AttentionOp) {
  RankedTensorType q = typeOf(args.getQuery()), k = typeOf(args.getKey());
  RankedTensorType v = typeOf(args.getValue());
  if (q.getRank() != 4 || k.getRank() != 4 || v.getRank() != 4)
    return fail("needs query, key and value of rank 4");
  if (q.getDimSize(0) != k.getDimSize(0) ||
      k.getShape().take_front(3) != v.getShape().take_front(3) ||
      q.getDimSize(3) != k.getDimSize(3) || k.getDimSize(1) == 0 ||
      q.getDimSize(1) % k.getDimSize(1))
    return fail("query " + show(q.getShape()) + ", key " + show(k.getShape()) + " and value " +
                show(v.getShape()) + " do not fit");
  Dims scores = {q.getDimSize(0), q.getDimSize(1), q.getDimSize(2), k.getDimSize(2)};
  if (args.getMask()) {
    FailureOr<Dims> shape = broadcastShapes(scores, typeOf(args.getMask()).getShape());
    if (failed(shape) || *shape != scores)
      return fail("mask " + show(typeOf(args.getMask()).getShape()) + " does not broadcast to " +
                  show(scores));
  }
  results.push_back(RankedTensorType::get(
      {q.getDimSize(0), q.getDimSize(1), q.getDimSize(2), v.getDimSize(3)}, q.getElementType()));
  return success();
}

INGOT_INFER(SoftmaxOp) {
  results.push_back(args.getInput().getType());
  return checkAxis(args.getAxis(), typeOf(args.getInput()).getRank(), fail);
}

/// scale and bias of a norm over the dims from `axis` on.
static LogicalResult checkNorm(Value input, Value scale, Value bias, int64_t axis, Fail fail) {
  RankedTensorType type = typeOf(input);
  if (failed(checkAxis(axis, type.getRank(), fail)))
    return failure();
  for (Value value : {scale, bias})
    if (value && typeOf(value).getShape() != type.getShape().drop_front(axis))
      return fail("needs scale and bias of shape " + show(type.getShape().drop_front(axis)) +
                  ", but got " + show(typeOf(value).getShape()));
  return success();
}

INGOT_INFER(LayerNormOp) {
  results.push_back(args.getInput().getType());
  return checkNorm(args.getInput(), args.getScale(), args.getBias(), args.getAxis(), fail);
}
INGOT_INFER(RmsNormOp) {
  results.push_back(args.getInput().getType());
  return checkNorm(args.getInput(), args.getScale(), {}, args.getAxis(), fail);
}
INGOT_INFER(GroupNormOp) {
  RankedTensorType type = typeOf(args.getInput());
  if (type.getRank() < 2)
    return fail("needs an input of rank 2 or more");
  int64_t channels = type.getDimSize(args.getChannelsLast() ? type.getRank() - 1 : 1);
  if (args.getGroups() <= 0 || channels % args.getGroups())
    return fail(Twine(channels) + " channels do not divide into " + Twine(args.getGroups()) +
                " groups");
  results.push_back(type);
  if (failed(checkBias(args.getScale(), channels, fail)))
    return failure();
  return checkBias(args.getBias(), channels, fail);
}
INGOT_INFER(BatchNormOp) {
  RankedTensorType type = typeOf(args.getInput());
  if (type.getRank() < 2)
    return fail("needs an input of rank 2 or more");
  for (Value value : {args.getScale(), args.getBias(), args.getMean(), args.getVariance()})
    if (failed(checkBias(value, type.getDimSize(1), fail)))
      return failure();
  results.push_back(type);
  return success();
}

INGOT_INFER(PoolOp) {
  RankedTensorType input = typeOf(args.getInput());
  SpatialDims dims{input.getRank(), args.getChannelsLast()};
  if (input.getRank() < 3)
    return fail("needs an input of rank 3 or more");
  if (failed(checkWindow(dims.count(), args.getKernel(), args.getStrides(), args.getPads(),
                         args.getDilations(), fail)))
    return failure();
  if (args.getCountedPads() &&
      static_cast<int64_t>(args.getCountedPads()->size()) != 2 * dims.count())
    return fail("needs counted_pads of " + Twine(2 * dims.count()) + " elements");
  Dims shape(input.getShape());
  for (int64_t i = 0; i < dims.count(); ++i) {
    FailureOr<int64_t> extent =
        windowExtent(shape[dims.spatial(i)], args.getPads()[i], args.getPads()[dims.count() + i],
                     args.getKernel()[i], args.getDilations()[i], args.getStrides()[i]);
    if (failed(extent))
      return fail("the window does not fit spatial dim " + Twine(i) + " of extent " +
                  Twine(shape[dims.spatial(i)]));
    shape[dims.spatial(i)] = *extent;
  }
  results.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

INGOT_INFER(ReduceOp) {
  RankedTensorType type = typeOf(args.getInput());
  ArrayRef<int64_t> dims = args.getDims();
  if (!llvm::is_sorted(dims) || std::adjacent_find(dims.begin(), dims.end()) != dims.end() ||
      (!dims.empty() && (dims.front() < 0 || dims.back() >= type.getRank())))
    return fail("needs sorted, distinct dims below rank " + Twine(type.getRank()) + ", but got " +
                show(dims));
  Dims shape;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    bool reduced = llvm::is_contained(dims, i);
    if (!reduced)
      shape.push_back(type.getDimSize(i));
    else if (args.getKeepdims())
      shape.push_back(1);
  }
  results.push_back(RankedTensorType::get(shape, type.getElementType()));
  return success();
}

INGOT_INFER(ArgReduceOp) {
  RankedTensorType type = typeOf(args.getInput());
  if (failed(checkAxis(args.getAxis(), type.getRank(), fail)))
    return failure();
  if (type.getDimSize(args.getAxis()) == 0)
    return fail("cannot choose from the empty dim " + Twine(args.getAxis()));
  Dims shape(type.getShape());
  if (args.getKeepdims())
    shape[args.getAxis()] = 1;
  else
    shape.erase(shape.begin() + args.getAxis());
  results.push_back(RankedTensorType::get(shape, IntegerType::get(type.getContext(), 64)));
  return success();
}

INGOT_INFER(CumsumOp) {
  results.push_back(args.getInput().getType());
  return checkAxis(args.getAxis(), typeOf(args.getInput()).getRank(), fail);
}

INGOT_INFER(TopKOp) {
  RankedTensorType type = typeOf(args.getInput());
  if (failed(checkAxis(args.getAxis(), type.getRank(), fail)))
    return failure();
  int64_t k = args.getK();
  if (k < 0 || k > type.getDimSize(args.getAxis()))
    return fail("k = " + Twine(k) + " does not fit extent " +
                Twine(type.getDimSize(args.getAxis())));
  Dims shape(type.getShape());
  shape[args.getAxis()] = k;
  results.push_back(RankedTensorType::get(shape, type.getElementType()));
  results.push_back(RankedTensorType::get(shape, IntegerType::get(type.getContext(), 64)));
  return success();
}

//===----------------------------------------------------------------------===//
// recurrent layers
//===----------------------------------------------------------------------===//

/// Checks the operands of a recurrent layer with `gates` gates and appends its result types,
/// `states` of them last.
static LogicalResult inferRecurrent(Direction direction, int64_t gates, Value input, Value weight,
                                    Value recurrence, ArrayRef<Value> biases,
                                    ArrayRef<Value> states, Fail fail,
                                    SmallVectorImpl<Type> &results) {
  RankedTensorType x = typeOf(input), w = typeOf(weight), r = typeOf(recurrence);
  int64_t d = direction == Direction::Bidirectional ? 2 : 1;
  if (x.getRank() != 3 || w.getRank() != 3 || r.getRank() != 3)
    return fail("needs input, weight and recurrence of rank 3");
  int64_t hidden = r.getDimSize(2);
  auto expect = [&](StringRef what, Value value, ArrayRef<int64_t> shape) -> LogicalResult {
    if (typeOf(value).getShape() == shape)
      return success();
    return fail("needs " + what + " of shape " + show(shape) + ", but got " +
                show(typeOf(value).getShape()));
  };
  if (failed(expect("weight", weight, {d, gates * hidden, x.getDimSize(2)})) ||
      failed(expect("recurrence", recurrence, {d, gates * hidden, hidden})))
    return failure();
  for (Value bias : biases)
    if (failed(expect("bias", bias, {d, gates * hidden})))
      return failure();
  for (Value state : states)
    if (failed(expect("initial state", state, {d, x.getDimSize(1), hidden})))
      return failure();
  results.push_back(
      RankedTensorType::get({x.getDimSize(0), d, x.getDimSize(1), hidden}, x.getElementType()));
  for (Value state : states)
    results.push_back(state.getType());
  return success();
}

INGOT_INFER(LstmOp) {
  return inferRecurrent(args.getDirection(), 4, args.getInput(), args.getWeight(),
                        args.getRecurrence(), {args.getBias()},
                        {args.getInitialH(), args.getInitialC()}, fail, results);
}
INGOT_INFER(GruOp) {
  return inferRecurrent(args.getDirection(), 3, args.getInput(), args.getWeight(),
                        args.getRecurrence(), {args.getInputBias(), args.getRecurrenceBias()},
                        {args.getInitialH()}, fail, results);
}
INGOT_INFER(RnnOp) {
  return inferRecurrent(args.getDirection(), 1, args.getInput(), args.getWeight(),
                        args.getRecurrence(), {args.getBias()}, {args.getInitialH()}, fail,
                        results);
}
