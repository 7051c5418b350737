// Result types of graph ops: the shape inference interface.
//
// Errors are reported at the op's location when there is one, so that an importer's caller sees the
// layer's name.
#include "ir/graph/Graph.h"
#include "ir/graph/InferHelpers.h"

using namespace mlir;
using namespace ingot;

//===----------------------------------------------------------------------===//
// elementwise
//===----------------------------------------------------------------------===//

/// Broadcasts all operands' shapes into `shape`.
static LogicalResult broadcastAll(ValueRange operands, Fail fail, Dims &shape) {
  for (Value operand : operands) {
    FailureOr<Dims> next = broadcastExtents(shape, dimsOf(operand));
    if (failed(next))
      return fail("cannot broadcast " + show(dimsOf(operand)) + " with " + show(shape));
    shape = *next;
  }
  return success();
}

static LogicalResult inferUnary(ValueRange operands, SmallVectorImpl<Type> &results) {
  results.push_back(operands[0].getType());
  return success();
}

static LogicalResult inferBinary(ValueRange operands, Fail fail, Type element,
                                 SmallVectorImpl<Type> &results) {
  Type left = typeOf(operands[0]).getElementType(), right = typeOf(operands[1]).getElementType();
  if (left != right) {
    std::string text;
    llvm::raw_string_ostream(text)
        << "operands have different element types " << left << " and " << right;
    return fail(text);
  }
  Dims shape;
  if (failed(broadcastAll(operands, fail, shape)))
    return failure();
  results.push_back(tensorType(shape, element ? element : left));
  return success();
}

#define INGOT_INFER_UNARY(OP)                                                                      \
  INGOT_INFER(OP) { return inferUnary(args.getOperands(), results); }
#define INGOT_INFER_BINARY(OP)                                                                     \
  INGOT_INFER(OP) { return inferBinary(args.getOperands(), fail, {}, results); }
// clang-format off
INGOT_INFER_UNARY(AbsOp) INGOT_INFER_UNARY(NegOp) INGOT_INFER_UNARY(SignOp) INGOT_INFER_UNARY(CeilOp)
INGOT_INFER_UNARY(FloorOp) INGOT_INFER_UNARY(RoundOp) INGOT_INFER_UNARY(TruncOp) INGOT_INFER_UNARY(SqrtOp)
INGOT_INFER_UNARY(RsqrtOp) INGOT_INFER_UNARY(ReciprocalOp) INGOT_INFER_UNARY(ExpOp) INGOT_INFER_UNARY(Exp2Op)
INGOT_INFER_UNARY(Expm1Op) INGOT_INFER_UNARY(LogOp) INGOT_INFER_UNARY(Log2Op) INGOT_INFER_UNARY(Log10Op)
INGOT_INFER_UNARY(Log1pOp) INGOT_INFER_UNARY(SinOp) INGOT_INFER_UNARY(CosOp) INGOT_INFER_UNARY(TanOp)
INGOT_INFER_UNARY(AsinOp) INGOT_INFER_UNARY(AcosOp) INGOT_INFER_UNARY(AtanOp) INGOT_INFER_UNARY(SinhOp)
INGOT_INFER_UNARY(CoshOp) INGOT_INFER_UNARY(TanhOp) INGOT_INFER_UNARY(AsinhOp) INGOT_INFER_UNARY(AcoshOp)
INGOT_INFER_UNARY(AtanhOp) INGOT_INFER_UNARY(ErfOp) INGOT_INFER_UNARY(NotOp) INGOT_INFER_UNARY(ReluOp)
INGOT_INFER_UNARY(SigmoidOp) INGOT_INFER_UNARY(SiluOp) INGOT_INFER_UNARY(SoftplusOp) INGOT_INFER_UNARY(MishOp)
INGOT_INFER_UNARY(HardSwishOp) INGOT_INFER_UNARY(GeluOp) INGOT_INFER_UNARY(HardSigmoidOp) INGOT_INFER_UNARY(EluOp)
INGOT_INFER_UNARY(LeakyReluOp) INGOT_INFER_UNARY(ClampOp)
INGOT_INFER_BINARY(AddOp) INGOT_INFER_BINARY(SubOp) INGOT_INFER_BINARY(MulOp) INGOT_INFER_BINARY(DivOp)
INGOT_INFER_BINARY(FloorDivOp) INGOT_INFER_BINARY(RemOp) INGOT_INFER_BINARY(ModOp) INGOT_INFER_BINARY(PowOp)
INGOT_INFER_BINARY(Atan2Op) INGOT_INFER_BINARY(MaxOp) INGOT_INFER_BINARY(MinOp) INGOT_INFER_BINARY(AndOp)
INGOT_INFER_BINARY(OrOp) INGOT_INFER_BINARY(XorOp) INGOT_INFER_BINARY(ShlOp) INGOT_INFER_BINARY(ShrOp)
    // clang-format on

    static Type boolOf(Value value) {
  return IntegerType::get(value.getContext(), 1);
}

INGOT_INFER(CmpOp) { return inferBinary(args.getOperands(), fail, boolOf(args.getLhs()), results); }
INGOT_INFER(SelectOp) {
  Dims shape;
  if (!typeOf(args.getCondition()).getElementType().isInteger(1))
    return fail("needs an i1 condition");
  if (typeOf(args.getOnTrue()).getElementType() != typeOf(args.getOnFalse()).getElementType())
    return fail("branches have different element types");
  if (failed(broadcastAll(args.getOperands(), fail, shape)))
    return failure();
  results.push_back(tensorType(shape, typeOf(args.getOnTrue()).getElementType()));
  return success();
}
INGOT_INFER(IsNanOp) {
  results.push_back(withElementType(typeOf(args.getInput()), boolOf(args.getInput())));
  return success();
}
INGOT_INFER(IsInfOp) {
  results.push_back(withElementType(typeOf(args.getInput()), boolOf(args.getInput())));
  return success();
}

//===----------------------------------------------------------------------===//
// shape ops
//===----------------------------------------------------------------------===//

INGOT_INFER(TransposeOp) {
  RankedTensorType type = typeOf(args.getInput());
  ArrayRef<int64_t> perm = args.getPerm();
  SmallVector<bool> seen(type.getRank());
  Dims shape, extents = extentsOf(type);
  if (static_cast<int64_t>(perm.size()) != type.getRank())
    return fail("needs a permutation of rank " + Twine(type.getRank()) + ", but got " + show(perm));
  for (int64_t dim : perm) {
    if (dim < 0 || dim >= type.getRank() || seen[dim])
      return fail("needs a permutation, but got " + show(perm));
    seen[dim] = true;
    shape.push_back(extents[dim]);
  }
  results.push_back(tensorType(shape, type.getElementType()));
  return success();
}

/// The extents of `numbers`, whose dynamic entries are the next of `names`.
static FailureOr<Dims> resolveDims(ArrayRef<int64_t> numbers, ArrayRef<StringAttr> &names) {
  Dims result;
  for (int64_t number : numbers) {
    if (!ShapedType::isDynamic(number)) {
      result.push_back(number);
      continue;
    }
    if (names.empty())
      return failure();
    llvm::Expected<DimExpr> parsed = DimExpr::parse(names.front().getValue());
    if (!parsed) {
      llvm::consumeError(parsed.takeError());
      return failure();
    }
    result.push_back(*parsed);
    names = names.drop_front();
  }
  return result;
}

FailureOr<std::pair<Dims, Dims>> ingot::sliceRange(ArrayRef<int64_t> starts,
                                                   ArrayRef<int64_t> sizes, DimsAttr dims) {
  ArrayRef<StringAttr> names = dims ? dims.getExpressions() : ArrayRef<StringAttr>();
  FailureOr<Dims> from = resolveDims(starts, names);
  FailureOr<Dims> count = failed(from) ? from : resolveDims(sizes, names);
  if (failed(count) || !names.empty())
    return failure();
  return std::pair(*from, *count);
}

INGOT_INFER(SliceOp) {
  RankedTensorType type = typeOf(args.getInput());
  Dims extents = extentsOf(type);
  size_t rank = type.getRank();
  if (args.getStarts().size() != rank || args.getSizes().size() != rank ||
      args.getSteps().size() != rank)
    return fail("needs " + Twine(rank) + " starts, sizes and steps");
  FailureOr<std::pair<Dims, Dims>> range =
      sliceRange(args.getStarts(), args.getSizes(), args.getDimsAttr());
  if (failed(range))
    return fail("needs an expression in `dims` for each dynamic start and size");
  auto &[starts, sizes] = *range;
  for (size_t i = 0; i < rank; ++i) {
    int64_t step = args.getSteps()[i];
    std::optional<int64_t> start = starts[i].constant(), size = sizes[i].constant();
    std::optional<int64_t> extent = extents[i].constant();
    if (step == 0)
      return fail("dim " + Twine(i) + ": the step is 0");
    if (!start || !size || !extent)
      continue; // inside the extent by construction: `verify-import` checks bounds
    if (*size < 0 || *size > *extent)
      return fail("dim " + Twine(i) + ": size " + Twine(*size) + " and step " + Twine(step) +
                  " do not fit extent " + Twine(*extent));
    if (*size == 0)
      continue;
    int64_t span = 0, last = 0;
    if (__builtin_mul_overflow(*size - 1, step, &span) ||
        __builtin_add_overflow(*start, span, &last) || *start < 0 || *start >= *extent ||
        last < 0 || last >= *extent)
      return fail("dim " + Twine(i) + ": " + Twine(*size) + " elements from " + Twine(*start) +
                  " by " + Twine(step) + " leave extent " + Twine(*extent));
  }
  results.push_back(tensorType(sizes, type.getElementType()));
  return success();
}

INGOT_INFER(ConcatOp) {
  if (args.getInputs().empty())
    return fail("needs at least one operand");
  RankedTensorType first = typeOf(args.getInputs().front());
  int64_t axis = args.getAxis();
  if (failed(checkAxis(axis, first.getRank(), fail)))
    return failure();
  Dims shape = extentsOf(first);
  for (Value input : args.getInputs().drop_front()) {
    RankedTensorType type = typeOf(input);
    bool fits =
        type.getRank() == first.getRank() && type.getElementType() == first.getElementType();
    Dims extents = extentsOf(type);
    for (int64_t i = 0; fits && i < type.getRank(); ++i)
      fits = i == axis || extents[i] == shape[i];
    if (!fits)
      return fail("operands of shapes " + show(dimsOf(args.getInputs().front())) + " and " +
                  show(extents) + " do not join along axis " + Twine(axis));
    shape[axis] += extents[axis];
  }
  results.push_back(tensorType(shape, first.getElementType()));
  return success();
}

INGOT_INFER(PadOp) {
  RankedTensorType type = typeOf(args.getInput());
  if (static_cast<int64_t>(args.getLow().size()) != type.getRank() ||
      static_cast<int64_t>(args.getHigh().size()) != type.getRank())
    return fail("needs " + Twine(type.getRank()) + " low and high amounts");
  Dims shape = extentsOf(type);
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t low = args.getLow()[i], high = args.getHigh()[i];
    DimExpr extent = shape[i];
    shape[i] += DimExpr(low);
    shape[i] += DimExpr(high);
    // What an open dim comes to is checked by the bounds of its names.
    std::optional<int64_t> in = extent.constant(), out = shape[i].constant();
    if (!shape[i].valid() || (out && *out < 0))
      return fail("dim " + Twine(i) + " of extent " + extent.str() + " cannot be padded by " +
                  Twine(low) + " and " + Twine(high));
    if (args.getMode() == PadMode::Reflect && in && (low >= *in || high >= *in) &&
        (low > 0 || high > 0))
      return fail("reflected pads must be smaller than the extent " + Twine(*in) + " of dim " +
                  Twine(i));
    if (args.getMode() != PadMode::Constant && in == 0 && out != 0)
      return fail("cannot pad the empty dim " + Twine(i) + " from its own elements");
  }
  results.push_back(tensorType(shape, type.getElementType()));
  return success();
}

static LogicalResult checkIndices(Value indices, Fail fail) {
  if (!isa<IntegerType>(typeOf(indices).getElementType()))
    return fail("needs integer indices");
  return success();
}

INGOT_INFER(GatherOp) {
  RankedTensorType data = typeOf(args.getData()), indices = typeOf(args.getIndices());
  if (failed(checkAxis(args.getAxis(), data.getRank(), fail)) ||
      failed(checkIndices(args.getIndices(), fail)))
    return failure();
  Dims extents = extentsOf(data), shape(extents.begin(), extents.begin() + args.getAxis());
  llvm::append_range(shape, extentsOf(indices));
  shape.append(extents.begin() + args.getAxis() + 1, extents.end());
  results.push_back(tensorType(shape, data.getElementType()));
  return success();
}

/// Whether a <= b for all values of the names, which are at least 0.
static bool atMost(const DimExpr &a, const DimExpr &b) {
  auto range = (b - a).range(
      [](StringRef) -> std::optional<DimExpr::Range> { return DimExpr::Range{0, INT32_MAX}; });
  return range && range->low >= 0;
}

/// Whether every extent of `part` but the axis' is at most `whole`'s.
static LogicalResult checkElementsShape(RankedTensorType part, RankedTensorType whole, int64_t axis,
                                        Fail fail) {
  bool fits = part.getRank() == whole.getRank();
  Dims inner = extentsOf(part), outer = extentsOf(whole);
  for (int64_t i = 0; fits && i < part.getRank(); ++i)
    fits = i == axis || atMost(inner[i], outer[i]);
  return fits
             ? success()
             : fail("indices of shape " + show(inner) + " do not fit data of shape " + show(outer));
}

INGOT_INFER(GatherElementsOp) {
  RankedTensorType data = typeOf(args.getData()), indices = typeOf(args.getIndices());
  if (failed(checkAxis(args.getAxis(), data.getRank(), fail)) ||
      failed(checkIndices(args.getIndices(), fail)) ||
      failed(checkElementsShape(indices, data, args.getAxis(), fail)))
    return failure();
  results.push_back(withElementType(indices, data.getElementType()));
  return success();
}

INGOT_INFER(GatherNDOp) {
  RankedTensorType data = typeOf(args.getData()), indices = typeOf(args.getIndices());
  int64_t batch = args.getBatchDims();
  if (failed(checkIndices(args.getIndices(), fail)))
    return failure();
  if (indices.getRank() < 1 || batch < 0 || batch >= indices.getRank() || batch > data.getRank())
    return fail("batch_dims " + Twine(batch) + " does not fit data of rank " +
                Twine(data.getRank()) + " and indices of rank " + Twine(indices.getRank()));
  Dims from = extentsOf(data), at = extentsOf(indices);
  std::optional<int64_t> tuple = at.back().constant();
  if (!tuple || *tuple < 0 || batch + *tuple > data.getRank())
    return fail("index tuples of " + at.back().str() + " do not fit data of rank " +
                Twine(data.getRank()));
  if (ArrayRef(from).take_front(batch) != ArrayRef(at).take_front(batch))
    return fail("batch dims of data and indices differ");
  Dims shape(at.begin(), at.end() - 1);
  shape.append(from.begin() + batch + *tuple, from.end());
  results.push_back(tensorType(shape, data.getElementType()));
  return success();
}

INGOT_INFER(ScatterElementsOp) {
  RankedTensorType data = typeOf(args.getData()), indices = typeOf(args.getIndices());
  RankedTensorType updates = typeOf(args.getUpdates());
  if (failed(checkAxis(args.getAxis(), data.getRank(), fail)) ||
      failed(checkIndices(args.getIndices(), fail)) ||
      failed(checkElementsShape(indices, data, args.getAxis(), fail)))
    return failure();
  bool fits =
      updates.getRank() == indices.getRank() && updates.getElementType() == data.getElementType();
  Dims part = extentsOf(indices), whole = extentsOf(updates);
  for (int64_t i = 0; fits && i < indices.getRank(); ++i)
    fits = atMost(part[i], whole[i]);
  if (!fits)
    return fail("updates do not fit data and indices");
  results.push_back(data);
  return success();
}

INGOT_INFER(ScatterNDOp) {
  RankedTensorType data = typeOf(args.getData()), indices = typeOf(args.getIndices());
  RankedTensorType updates = typeOf(args.getUpdates());
  if (failed(checkIndices(args.getIndices(), fail)))
    return failure();
  Dims at = extentsOf(indices), from = extentsOf(data);
  std::optional<int64_t> tuple = at.empty() ? std::nullopt : at.back().constant();
  if (!tuple || *tuple > data.getRank())
    return fail("index tuples do not fit data of rank " + Twine(data.getRank()));
  Dims expected(at.begin(), at.end() - 1);
  expected.append(from.begin() + *tuple, from.end());
  if (extentsOf(updates) != expected || updates.getElementType() != data.getElementType())
    return fail("needs updates of shape " + show(expected) + ", but got " +
                show(extentsOf(updates)));
  results.push_back(data);
  return success();
}
