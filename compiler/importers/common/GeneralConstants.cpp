// See GeneralConstants.h.
#include "compiler/importers/common/GeneralConstants.h"
#include "ir/graph/Shapes.h"
#include "ir/graph/WeightStore.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace ingot;

using Samples = ArrayRef<std::optional<TensorValue>>;

/// The most elements of a list of numbers that is computed one by one.
static constexpr int64_t kMaxListed = 64;

static Value dimValue(OpBuilder &builder, Location loc, const DimExpr &expression, Type element) {
  auto i64 = RankedTensorType::get({}, builder.getI64Type());
  Value value =
      expression.isConstant()
          ? scalarConstant(builder, loc, builder.getI64Type(), *expression.constant())
          : DimOp::create(builder, loc, i64, builder.getStringAttr(expression.str())).getResult();
  auto type = RankedTensorType::get({}, element);
  return type == i64 ? value : CastOp::create(builder, loc, type, value).getResult();
}

/// Whether `value` is `wanted` as a float of the element type may say it.
static bool near(double value, double wanted, Type element) {
  double precision = element.isF64() ? 1e-14 : element.isF32() ? 5e-7 : 1e-2;
  return std::fabs(value - wanted) <= precision * std::fabs(wanted);
}

Value GeneralConstants::scalar(OpBuilder &builder, Location loc, Type element,
                               ArrayRef<double> numbers) const {
  // The integers that `form` makes of the numbers, and what they are.
  auto fit = [&](auto form, auto inverse) -> std::optional<DimExpr> {
    SampledNumber integers;
    for (double number : numbers) {
      double integer = std::nearbyint(form(number));
      if (std::isnan(number)) {
        integers.push_back(kNotSampled);
        continue;
      }
      if (!(std::fabs(integer) < 9e15) || !near(inverse(integer), number, element))
        return std::nullopt;
      integers.push_back(static_cast<int64_t>(integer));
    }
    return sizes.fit(integers);
  };
  auto same = [](double x) { return x; };
  auto reciprocal = [](double x) { return 1 / x; };
  if (auto expression = fit(same, same))
    return dimValue(builder, loc, *expression, element);
  if (!isa<FloatType>(element))
    return {};
  if (auto expression = fit(reciprocal, reciprocal))
    return ReciprocalOp::create(builder, loc, dimValue(builder, loc, *expression, element));
  auto square = [](double x) { return x * x; };
  auto root = [](double x) { return std::sqrt(x); };
  auto squareOfReciprocal = [](double x) { return 1 / (x * x); };
  auto reciprocalRoot = [](double x) { return 1 / std::sqrt(x); };
  if (auto expression = fit(square, root))
    return SqrtOp::create(builder, loc, dimValue(builder, loc, *expression, element));
  if (auto expression = fit(squareOfReciprocal, reciprocalRoot))
    return RsqrtOp::create(builder, loc, dimValue(builder, loc, *expression, element));
  return {};
}

/// The bytes of element `index`.
static StringRef elementOf(const TensorValue &value, int64_t index) {
  unsigned bytes = storedElementBytes(value.type.getElementType());
  return StringRef(value.raw().data() + index * bytes, bytes);
}

static bool isSplat(const TensorValue &value) {
  for (int64_t i = 1; i < value.size(); ++i)
    if (elementOf(value, i) != elementOf(value, 0))
      return false;
  return true;
}

static Value constantOf(OpBuilder &builder, Location loc, RankedTensorType type,
                        ArrayRef<char> bytes) {
  Attribute value = weightsOf(builder.getContext())
                        .makeConstant(builder.getContext(), sourceName(loc), type,
                                      std::vector<char>(bytes.begin(), bytes.end()));
  return constant(builder, loc, type, value);
}

/// Element `index` of every sample.
static SmallVector<double> numbersAt(Samples samples, int64_t index) {
  SmallVector<double> numbers;
  for (const auto &sample : samples) {
    if (!sample) {
      numbers.push_back(NAN);
      continue;
    }
    auto scalar = RankedTensorType::get({}, sample->type.getElementType());
    StringRef bytes = elementOf(*sample, index);
    numbers.push_back(
        toDoubles(TensorValue(scalar, std::vector<char>(bytes.begin(), bytes.end())))[0]);
  }
  return numbers;
}

Value GeneralConstants::elements(OpBuilder &builder, Location loc, Samples samples) const {
  const TensorValue &first = *samples[0];
  RankedTensorType type = first.type;
  Type element = type.getElementType();
  if (llvm::all_of(samples, [](const auto &s) { return !s || isSplat(*s); })) {
    Value value = scalar(builder, loc, element, numbersAt(samples, 0));
    return value && type.getRank() ? BroadcastOp::create(builder, loc, type, value).getResult()
                                   : value;
  }
  if (first.size() > kMaxListed)
    return {};
  SmallVector<Value> parts;
  for (int64_t i = 0; i < first.size(); ++i) {
    Value value = scalar(builder, loc, element, numbersAt(samples, i));
    if (!value)
      return {};
    parts.push_back(ReshapeOp::create(builder, loc, RankedTensorType::get({1}, element), value));
  }
  Value list =
      ConcatOp::create(builder, loc, RankedTensorType::get({first.size()}, element), parts, 0);
  return list.getType() == type ? list : ReshapeOp::create(builder, loc, type, list).getResult();
}

/// start + sum of steps[d] * index[d], rounded to the element type: the bytes of a whole tensor.
static TensorValue countedTensor(RankedTensorType type, double start, ArrayRef<double> steps) {
  std::vector<double> values(type.getNumElements());
  SmallVector<int64_t> index(type.getRank());
  for (double &value : values) {
    value = start;
    for (auto [i, step] : llvm::zip(index, steps))
      value += static_cast<double>(i) * step;
    for (int64_t d = type.getRank() - 1; d >= 0 && ++index[d] == type.getDimSize(d); --d)
      index[d] = 0;
  }
  return fromDoubles(type, values);
}

Value GeneralConstants::counted(OpBuilder &builder, Location loc, RankedTensorType type,
                                Samples samples) const {
  Type element = type.getElementType();
  if (element.getIntOrFloatBitWidth() < 8)
    return {};
  SmallVector<double> steps(type.getRank(), 0.0);
  SmallVector<double> starts = numbersAt(samples, 0);
  int64_t stride = 1;
  for (int64_t d = type.getRank() - 1; d >= 0; --d) {
    if (samples[0]->type.getDimSize(d) > 1)
      steps[d] = numbersAt(samples, stride)[0] - starts[0];
    stride *= samples[0]->type.getDimSize(d);
  }
  for (auto [sample, start] : llvm::zip(samples, starts))
    if (sample && countedTensor(sample->type, start, steps).raw() != sample->raw())
      return {};
  bool oneStart = llvm::all_of(starts, [&](double s) { return std::isnan(s) || s == starts[0]; });
  Value sum;
  auto add = [&](Value value) {
    sum = sum ? AddOp::create(builder, loc, type, sum, value).getResult() : value;
  };
  for (auto [d, step] : llvm::enumerate(steps))
    if (step != 0)
      add(IotaOp::create(builder, loc, type, d, APFloat(sum || !oneStart ? 0.0 : starts[0]),
                         APFloat(step)));
  if (oneStart)
    return sum;
  Value start = scalar(builder, loc, element, starts);
  return start && sum ? AddOp::create(builder, loc, type, sum, start).getResult() : Value();
}

/// The elements of `whole` from `starts` on, of the extents of `type`.
static bool isPart(const TensorValue &part, const TensorValue &whole, ArrayRef<int64_t> starts) {
  SmallVector<int64_t> index(part.type.getRank());
  for (int64_t i = 0; i < part.size(); ++i) {
    int64_t at = 0;
    for (int64_t d = 0; d < part.type.getRank(); ++d)
      at = at * whole.type.getDimSize(d) + starts[d] + index[d];
    if (elementOf(part, i) != elementOf(whole, at))
      return false;
    for (int64_t d = part.type.getRank() - 1; d >= 0 && ++index[d] == part.type.getDimSize(d); --d)
      index[d] = 0;
  }
  return true;
}

Value GeneralConstants::part(OpBuilder &builder, Location loc, RankedTensorType type,
                             Samples samples) const {
  if (!samples.back())
    return {};
  const TensorValue &whole = *samples.back();
  // From the beginning, up to the end, or from the middle.
  enum class Place { Low, High, Middle };
  for (Place place : {Place::Low, Place::High, Place::Middle}) {
    bool fits = true;
    auto startOf = [&](int64_t extent, int64_t room) {
      return place == Place::Low ? 0 : place == Place::High ? room - extent : (room - extent) / 2;
    };
    for (const auto &sample : samples.drop_back()) {
      if (!sample || !fits)
        continue;
      SmallVector<int64_t> starts;
      for (auto [extent, room] : llvm::zip(sample->shape(), whole.shape())) {
        fits &= extent <= room && (place != Place::Middle || (room - extent) % 2 == 0);
        starts.push_back(startOf(extent, room));
      }
      fits = fits && isPart(*sample, whole, starts);
    }
    if (!fits)
      continue;
    SmallVector<DimExpr> extents = extentsOf(type);
    SmallVector<DimExpr> starts;
    for (auto [extent, room] : llvm::zip(extents, whole.shape())) {
      DimExpr left = DimExpr(room) - extent;
      starts.push_back(place == Place::Low    ? DimExpr(0)
                       : place == Place::High ? left
                                              : DimExpr::floorDiv(left, 2));
    }
    return createSlice(builder, loc, constantOf(builder, loc, whole.type, whole.raw()), starts,
                       extents, SmallVector<int64_t>(type.getRank(), 1));
  }
  return {};
}

Value GeneralConstants::build(OpBuilder &builder, Location loc, Samples samples) const {
  const TensorValue &first = *samples[0];
  bool sameShape = true, equal = true;
  for (const auto &sample : samples) {
    if (!sample)
      continue;
    if (sample->type.getRank() != first.type.getRank() ||
        sample->type.getElementType() != first.type.getElementType())
      return {};
    sameShape &= sample->type == first.type;
    equal = equal && sameShape && sample->raw() == first.raw();
  }
  if (equal)
    return constantOf(builder, loc, first.type, first.raw());
  if (sameShape) {
    if (Value value = elements(builder, loc, samples))
      return value;
    return counted(builder, loc, first.type, samples);
  }
  SmallVector<DimExpr> extents;
  for (int64_t d = 0; d < first.type.getRank(); ++d) {
    SampledNumber numbers;
    for (const auto &sample : samples)
      numbers.push_back(sample ? sample->type.getDimSize(d) : kNotSampled);
    std::optional<DimExpr> extent = sizes.fit(numbers);
    if (!extent)
      return {};
    extents.push_back(*extent);
  }
  RankedTensorType type = tensorType(extents, first.type.getElementType());
  if (llvm::all_of(samples, [](const auto &s) { return !s || (s->size() > 0 && isSplat(*s)); })) {
    bool one = llvm::all_of(
        samples, [&](const auto &s) { return !s || elementOf(*s, 0) == elementOf(first, 0); });
    auto scalarType = RankedTensorType::get({}, type.getElementType());
    StringRef bytes = elementOf(first, 0);
    Value value = one ? constantOf(builder, loc, scalarType, ArrayRef(bytes.data(), bytes.size()))
                      : scalar(builder, loc, type.getElementType(), numbersAt(samples, 0));
    return value ? BroadcastOp::create(builder, loc, type, value).getResult() : Value();
  }
  if (Value value = counted(builder, loc, type, samples))
    return value;
  return part(builder, loc, type, samples);
}
