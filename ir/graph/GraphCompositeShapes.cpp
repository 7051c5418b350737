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
static FailureOr<DimExpr> windowExtent(const DimExpr &in, int64_t low, int64_t high, int64_t kernel,
                                       int64_t dilation, int64_t stride) {
  if (stride <= 0 || dilation <= 0 || kernel <= 0)
    return failure();
  DimExpr room = in + DimExpr(low) + DimExpr(high) - DimExpr(dilation) * DimExpr(kernel - 1) - 1;
  if (!room.valid() || room.constant().value_or(0) < 0)
    return failure();
  return DimExpr::floorDiv(room, stride) + 1;
}

static LogicalResult checkWindow(int64_t count, ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides,
                                 ArrayRef<int64_t> pads, ArrayRef<int64_t> dilations, Fail fail) {
  size_t n = count;
  if (kernel.size() != n || strides.size() != n || pads.size() != 2 * n || dilations.size() != n)
    return fail("needs kernel, strides and dilations of " + Twine(n) + " and pads of " +
                Twine(2 * n) + " elements");
  return success();
}

static LogicalResult checkBias(Value bias, const DimExpr &channels, Fail fail) {
  if (!bias)
    return success();
  if (dimsOf(bias) != Dims{channels})
    return fail("needs a bias of shape [" + channels.str() + "], but got " + show(dimsOf(bias)));
  return success();
}

INGOT_INFER(ConvOp) {
  RankedTensorType input = typeOf(args.getInput()), filter = typeOf(args.getFilter());
  SpatialDims dims{input.getRank(), args.getChannelsLast()};
  if (input.getRank() < 3 || filter.getRank() != input.getRank())
    return fail("needs input and filter of one rank, 3 or more, but got " + show(extentsOf(input)) +
                " and " + show(extentsOf(filter)));
  ArrayRef<int64_t> kernel = filter.getShape().drop_front(2);
  if (failed(checkWindow(dims.count(), kernel, args.getStrides(), args.getPads(),
                         args.getDilations(), fail)))
    return failure();
  if (!filter.hasStaticShape() || input.isDynamicDim(dims.channel()))
    return fail("needs a filter and channels of known extent, but got " + show(extentsOf(input)) +
                " and " + show(extentsOf(filter)));
  int64_t groups = args.getGroups(), channels = input.getDimSize(dims.channel());
  int64_t out = filter.getDimSize(0);
  if (groups <= 0 || channels % groups || out % groups || filter.getDimSize(1) != channels / groups)
    return fail("filter " + show(filter.getShape()) + " does not fit " + Twine(channels) +
                " input channels in " + Twine(groups) + " groups");
  if (failed(checkBias(args.getBias(), out, fail)))
    return failure();
  if (input.getElementType() != filter.getElementType())
    return fail("input and filter have different element types");
  Dims shape = extentsOf(input);
  shape[dims.channel()] = out;
  for (int64_t i = 0; i < dims.count(); ++i) {
    FailureOr<DimExpr> extent =
        windowExtent(shape[dims.spatial(i)], args.getPads()[i], args.getPads()[dims.count() + i],
                     kernel[i], args.getDilations()[i], args.getStrides()[i]);
    if (failed(extent))
      return fail("the kernel does not fit spatial dim " + Twine(i) + " of extent " +
                  shape[dims.spatial(i)].str());
    shape[dims.spatial(i)] = *extent;
  }
  results.push_back(tensorType(shape, accumulatedType(input.getElementType())));
  return success();
}

INGOT_INFER(ConvTransposeOp) {
  RankedTensorType input = typeOf(args.getInput()), filter = typeOf(args.getFilter());
  SpatialDims dims{input.getRank(), args.getChannelsLast()};
  if (input.getRank() < 3 || filter.getRank() != input.getRank())
    return fail("needs input and filter of one rank, 3 or more, but got " + show(extentsOf(input)) +
                " and " + show(extentsOf(filter)));
  ArrayRef<int64_t> kernel = filter.getShape().drop_front(2);
  if (failed(checkWindow(dims.count(), kernel, args.getStrides(), args.getPads(),
                         args.getDilations(), fail)))
    return failure();
  if (static_cast<int64_t>(args.getOutputPadding().size()) != dims.count())
    return fail("needs output_padding of " + Twine(dims.count()) + " elements");
  if (!filter.hasStaticShape() || input.isDynamicDim(dims.channel()))
    return fail("needs a filter and channels of known extent, but got " + show(extentsOf(input)) +
                " and " + show(extentsOf(filter)));
  int64_t groups = args.getGroups(), channels = input.getDimSize(dims.channel());
  int64_t out = 0;
  if (groups <= 0 || channels % groups || filter.getDimSize(0) != channels ||
      __builtin_mul_overflow(filter.getDimSize(1), groups, &out))
    return fail("filter " + show(filter.getShape()) + " does not fit " + Twine(channels) +
                " input channels in " + Twine(groups) + " groups");
  if (failed(checkBias(args.getBias(), out, fail)))
    return failure();
  Dims shape = extentsOf(input);
  shape[dims.channel()] = out;
  for (int64_t i = 0; i < dims.count(); ++i) {
    DimExpr &extent = shape[dims.spatial(i)];
    DimExpr next = (extent - 1) * DimExpr(args.getStrides()[i]) - DimExpr(args.getPads()[i]) -
                   DimExpr(args.getPads()[dims.count() + i]) +
                   DimExpr(args.getDilations()[i]) * DimExpr(kernel[i] - 1) +
                   DimExpr(args.getOutputPadding()[i]) + 1;
    int64_t number = next.constant().value_or(0);
    if (args.getStrides()[i] <= 0 || args.getDilations()[i] <= 0 || !next.valid() || number < 0 ||
        number > INT32_MAX)
      return fail("spatial dim " + Twine(i) + " of extent " + extent.str() +
                  " gets an impossible extent");
    extent = next;
  }
  results.push_back(tensorType(shape, input.getElementType()));
  return success();
}

INGOT_INFER(MatmulOp) {
  Dims lhs = dimsOf(args.getLhs()), rhs = dimsOf(args.getRhs());
  if (lhs.size() < 2 || rhs.size() < 2)
    return fail("needs operands of rank 2 or more, but got " + show(lhs) + " and " + show(rhs));
  auto [n, k] = std::pair(rhs.back(), rhs[rhs.size() - 2]);
  if (args.getTransposeB())
    std::swap(n, k);
  FailureOr<Dims> shape = broadcastExtents(ArrayRef(lhs).drop_back(2), ArrayRef(rhs).drop_back(2));
  if (lhs.back() != k || failed(shape))
    return fail("operands of shapes " + show(lhs) + " and " + show(rhs) +
                (args.getTransposeB() ? " (transposed)" : "") + " do not multiply");
  if (failed(checkBias(args.getBias(), n, fail)))
    return failure();
  shape->push_back(lhs[lhs.size() - 2]);
  shape->push_back(n);
  results.push_back(tensorType(*shape, accumulatedType(typeOf(args.getLhs()).getElementType())));
  return success();
}

INGOT_INFER(AttentionOp) {
  Dims q = dimsOf(args.getQuery()), k = dimsOf(args.getKey()), v = dimsOf(args.getValue());
  if (q.size() != 4 || k.size() != 4 || v.size() != 4)
    return fail("needs query, key and value of rank 4");
  std::optional<int64_t> heads = q[1].constant(), shared = k[1].constant();
  if (q[0] != k[0] || ArrayRef(k).take_front(3) != ArrayRef(v).take_front(3) || q[3] != k[3] ||
      !heads || !shared || *shared == 0 || *heads % *shared)
    return fail("query " + show(q) + ", key " + show(k) + " and value " + show(v) + " do not fit");
  Dims scores = {q[0], q[1], q[2], k[2]};
  Type element = typeOf(args.getQuery()).getElementType();
  for (Value other : {args.getKey(), args.getValue(), args.getMask()})
    if (other && typeOf(other).getElementType() != element &&
        !(other == args.getMask() && typeOf(other).getElementType().isInteger(1)))
      return fail("query, key, value and a mask that is not of i1 need one element type");
  if (args.getMask()) {
    FailureOr<Dims> shape = broadcastExtents(scores, dimsOf(args.getMask()));
    if (failed(shape) || *shape != scores)
      return fail("mask " + show(dimsOf(args.getMask())) + " does not broadcast to " +
                  show(scores));
  }
  results.push_back(tensorType({q[0], q[1], q[2], v[3]}, element));
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
  Dims extents = extentsOf(type);
  ArrayRef<DimExpr> normalised = ArrayRef(extents).drop_front(axis);
  for (Value value : {scale, bias})
    if (value && ArrayRef<DimExpr>(dimsOf(value)) != normalised)
      return fail("needs scale and bias of shape " + show(normalised) + ", but got " +
                  show(dimsOf(value)));
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
  int64_t channelDim = args.getChannelsLast() ? type.getRank() - 1 : 1;
  if (type.isDynamicDim(channelDim))
    return fail("needs channels of known extent, but got " + show(extentsOf(type)));
  int64_t channels = type.getDimSize(channelDim);
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
    if (failed(checkBias(value, extentsOf(type)[1], fail)))
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
  Dims shape = extentsOf(input);
  for (int64_t i = 0; i < dims.count(); ++i) {
    FailureOr<DimExpr> extent =
        windowExtent(shape[dims.spatial(i)], args.getPads()[i], args.getPads()[dims.count() + i],
                     args.getKernel()[i], args.getDilations()[i], args.getStrides()[i]);
    if (failed(extent))
      return fail("the window does not fit spatial dim " + Twine(i) + " of extent " +
                  shape[dims.spatial(i)].str());
    shape[dims.spatial(i)] = *extent;
  }
  results.push_back(tensorType(shape, input.getElementType()));
  return success();
}

INGOT_INFER(ReduceOp) {
  RankedTensorType type = typeOf(args.getInput());
  ArrayRef<int64_t> dims = args.getDims();
  if (!llvm::is_sorted(dims) || std::adjacent_find(dims.begin(), dims.end()) != dims.end() ||
      (!dims.empty() && (dims.front() < 0 || dims.back() >= type.getRank())))
    return fail("needs sorted, distinct dims below rank " + Twine(type.getRank()) + ", but got " +
                show(dims));
  Dims shape, extents = extentsOf(type);
  for (int64_t i = 0; i < type.getRank(); ++i) {
    bool reduced = llvm::is_contained(dims, i);
    if (!reduced)
      shape.push_back(extents[i]);
    else if (args.getKeepdims())
      shape.push_back(1);
  }
  results.push_back(tensorType(shape, type.getElementType()));
  return success();
}

INGOT_INFER(ArgReduceOp) {
  RankedTensorType type = typeOf(args.getInput());
  if (failed(checkAxis(args.getAxis(), type.getRank(), fail)))
    return failure();
  if (type.getDimSize(args.getAxis()) == 0)
    return fail("cannot choose from the empty dim " + Twine(args.getAxis()));
  Dims shape = extentsOf(type);
  if (args.getKeepdims())
    shape[args.getAxis()] = 1;
  else
    shape.erase(shape.begin() + args.getAxis());
  results.push_back(tensorType(shape, IntegerType::get(type.getContext(), 64)));
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
  if (k < 0 || (!type.isDynamicDim(args.getAxis()) && k > type.getDimSize(args.getAxis())))
    return fail("k = " + Twine(k) + " does not fit extent " +
                extentsOf(type)[args.getAxis()].str());
  Dims shape = extentsOf(type);
  shape[args.getAxis()] = k;
  results.push_back(tensorType(shape, type.getElementType()));
  results.push_back(tensorType(shape, IntegerType::get(type.getContext(), 64)));
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
  Dims in = extentsOf(x);
  DimExpr hidden = extentsOf(r)[2];
  auto expect = [&](StringRef what, Value value, const Dims &shape) -> LogicalResult {
    if (dimsOf(value) == shape)
      return success();
    return fail("needs " + what + " of shape " + show(shape) + ", but got " + show(dimsOf(value)));
  };
  if (failed(expect("weight", weight, {d, DimExpr(gates) * hidden, in[2]})) ||
      failed(expect("recurrence", recurrence, {d, DimExpr(gates) * hidden, hidden})))
    return failure();
  for (Value bias : biases)
    if (failed(expect("bias", bias, {d, DimExpr(gates) * hidden})))
      return failure();
  for (Value state : states)
    if (failed(expect("initial state", state, {d, in[1], hidden})))
      return failure();
  results.push_back(tensorType({in[0], d, in[1], hidden}, x.getElementType()));
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
