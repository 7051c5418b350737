// The store behind `#ingot.weight`, and the interpreter of recipes.
#include "ir/graph/WeightStore.h"
#include "ir/graph/MapFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"
#include <cstring>

using namespace mlir;
using namespace ingot;

static std::string contentHash(ArrayRef<char> bytes) {
  auto data = reinterpret_cast<const uint8_t *>(bytes.data());
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits({data, bytes.size()});
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

unsigned ingot::storedElementBytes(Type element) {
  return std::max(1u, llvm::divideCeil(element.getIntOrFloatBitWidth(), 8u));
}

uint64_t ingot::storedBytes(RankedTensorType type) {
  return static_cast<uint64_t>(type.getNumElements()) * storedElementBytes(type.getElementType());
}

llvm::Expected<int64_t> WeightStore::addFile(StringRef path) {
  {
    std::lock_guard lock(mutex);
    for (auto [index, source] : llvm::enumerate(sources))
      if (source->path == path)
        return index;
  }
  auto buffer = mapFile(path);
  if (!buffer)
    return buffer.takeError();
  return addBuffer(path, std::move(*buffer));
}

int64_t WeightStore::addBuffer(StringRef path, std::unique_ptr<llvm::MemoryBuffer> buffer) {
  std::lock_guard lock(mutex);
  auto source = std::make_unique<Source>();
  source->path = path.str();
  source->size = buffer->getBufferSize();
  source->buffer = std::move(buffer);
  sources.push_back(std::move(source));
  return sources.size() - 1;
}

WeightAttr WeightStore::addWeight(MLIRContext *context, StringRef name, int64_t source,
                                  uint64_t offset, RankedTensorType stored) {
  uint64_t bytes = storedBytes(stored);
  StringRef data = sources[source]->buffer->getBuffer();
  assert(offset <= data.size() && bytes <= data.size() - offset && "checked by the importer");
  std::string hash = contentHash({data.data() + offset, bytes});
  return WeightAttr::get(context, name, source, offset, bytes, hash, stored, {});
}

WeightAttr WeightStore::addComputed(MLIRContext *context, StringRef name, RankedTensorType type,
                                    std::vector<char> bytes) {
  assert(bytes.size() == storedBytes(type) && "a computed constant has its type's size");
  std::string hash = contentHash(bytes);
  uint64_t size = bytes.size();
  std::lock_guard lock(mutex);
  auto &slot = computed[hash];
  if (!slot)
    slot = std::make_unique<std::vector<char>>(std::move(bytes));
  return WeightAttr::get(context, name, -1, 0, size, hash, type, {});
}

Attribute WeightStore::makeConstant(MLIRContext *context, StringRef name, RankedTensorType type,
                                    std::vector<char> bytes) {
  if (bytes.size() > kMaxDenseBytes)
    return addComputed(context, name, type, std::move(bytes));
  Type element = type.getElementType();
  if (element.getIntOrFloatBitWidth() >= 8)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  SmallVector<APInt> values;
  for (char byte : bytes)
    values.emplace_back(element.getIntOrFloatBitWidth(), static_cast<uint8_t>(byte),
                        /*isSigned=*/false, /*implicitTrunc=*/true);
  return DenseElementsAttr::get(type, values);
}

ArrayRef<char> WeightStore::rawBytes(WeightAttr weight) const {
  if (weight.getSource() < 0) {
    std::lock_guard lock(mutex);
    auto found = computed.find(weight.getHash());
    return found == computed.end() ? ArrayRef<char>() : ArrayRef<char>(*found->second);
  }
  if (weight.getSource() >= static_cast<int64_t>(sources.size()))
    return {};
  StringRef data = sources[weight.getSource()]->buffer->getBuffer();
  if (weight.getOffset() > data.size() || weight.getBytes() > data.size() - weight.getOffset())
    return {};
  return {data.data() + weight.getOffset(), weight.getBytes()};
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

namespace {
/// Row-major elements on their way through a recipe. `data` may borrow the mapped file.
struct Stage {
  SmallVector<int64_t> shape;
  Type element;
  ArrayRef<char> data;
  std::vector<char> owned;

  unsigned width() const { return storedElementBytes(element); }
  uint64_t bytes() const { return ShapedType::getNumElements(shape) * width(); }
  void take(std::vector<char> next) {
    owned = std::move(next);
    data = owned;
  }
};
} // namespace

static SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int i = static_cast<int>(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/// Copies elements of `from`, read from `start` by `strides` (in elements), to `to` in row-major
/// order of `shape`, written by `toStrides`.
static void copyStrided(const char *from, ArrayRef<int64_t> strides, char *to,
                        ArrayRef<int64_t> toStrides, ArrayRef<int64_t> shape, unsigned width) {
  if (shape.empty()) {
    std::memcpy(to, from, width);
    return;
  }
  if (shape.size() == 1) {
    if (strides[0] == 1 && toStrides[0] == 1) {
      std::memcpy(to, from, shape[0] * width);
      return;
    }
    for (int64_t i = 0; i < shape[0]; ++i)
      std::memcpy(to + i * toStrides[0] * width, from + i * strides[0] * width, width);
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    copyStrided(from + i * strides[0] * width, strides.drop_front(), to + i * toStrides[0] * width,
                toStrides.drop_front(), shape.drop_front(), width);
}

/// Reads an element as f64, or writes one (rounded to the type).
static double readElement(const char *at, Type element) {
  unsigned width = storedElementBytes(element);
  uint64_t bits = 0;
  std::memcpy(&bits, at, width);
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat value(floating.getFloatSemantics(), APInt(floating.getWidth(), bits));
    bool loses;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
    return value.convertToDouble();
  }
  auto integer = cast<IntegerType>(element);
  APInt value(integer.getWidth(), bits, /*isSigned=*/false, /*implicitTrunc=*/true);
  return integer.isUnsigned() || integer.getWidth() == 1
             ? static_cast<double>(value.getZExtValue())
             : static_cast<double>(value.getSExtValue());
}

static void writeElement(char *at, Type element, double number) {
  unsigned width = storedElementBytes(element);
  uint64_t bits;
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat value(number);
    bool loses;
    value.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
    bits = value.bitcastToAPInt().getZExtValue();
  } else {
    bits = static_cast<uint64_t>(static_cast<int64_t>(number));
  }
  std::memcpy(at, &bits, width);
}

static LogicalResult applyStep(const WeightStore &store, StepAttr step, Stage &stage) {
  ArrayRef<int64_t> values = step.getValues();
  unsigned width = stage.width();
  SmallVector<int64_t> strides = rowMajorStrides(stage.shape);
  switch (step.getKind()) {
  case StepKind::Reshape:
    stage.shape.assign(values.begin(), values.end());
    return success();
  case StepKind::Transpose: {
    SmallVector<int64_t> shape, from;
    for (int64_t dim : values) {
      shape.push_back(stage.shape[dim]);
      from.push_back(strides[dim]);
    }
    std::vector<char> next(stage.bytes());
    if (!next.empty())
      copyStrided(stage.data.data(), from, next.data(), rowMajorStrides(shape), shape, width);
    stage.shape = shape;
    stage.take(std::move(next));
    return success();
  }
  case StepKind::Pad: {
    SmallVector<int64_t> shape(stage.shape);
    for (auto [dim, extra] : llvm::zip(shape, values))
      dim += extra;
    std::vector<char> next(ShapedType::getNumElements(shape) * width, 0);
    if (stage.bytes())
      copyStrided(stage.data.data(), strides, next.data(), rowMajorStrides(shape), stage.shape,
                  width);
    stage.shape = shape;
    stage.take(std::move(next));
    return success();
  }
  case StepKind::Slice: {
    size_t rank = stage.shape.size();
    ArrayRef<int64_t> starts = values.take_front(rank), shape = values.drop_front(rank);
    int64_t first = 0;
    for (size_t i = 0; i < rank; ++i)
      first += starts[i] * strides[i];
    std::vector<char> next(ShapedType::getNumElements(shape) * width);
    if (!next.empty())
      copyStrided(stage.data.data() + first * width, strides, next.data(), rowMajorStrides(shape),
                  shape, width);
    stage.shape.assign(shape.begin(), shape.end());
    stage.take(std::move(next));
    return success();
  }
  case StepKind::Cast: {
    Type element = cast<TypeAttr>(step.getOperand()).getValue();
    int64_t count = ShapedType::getNumElements(stage.shape);
    unsigned to = storedElementBytes(element);
    std::vector<char> next(count * to);
    for (int64_t i = 0; i < count; ++i)
      writeElement(next.data() + i * to, element,
                   readElement(stage.data.data() + i * width, stage.element));
    stage.element = element;
    stage.take(std::move(next));
    return success();
  }
  case StepKind::Scale: {
    int64_t extent = stage.shape[values[0]], stride = strides[values[0]];
    RankedTensorType factorType;
    if (auto weight = dyn_cast<WeightAttr>(step.getOperand()))
      factorType = weight.getStored();
    else
      factorType = dyn_cast<RankedTensorType>(cast<DenseElementsAttr>(step.getOperand()).getType());
    std::vector<char> factors;
    if (!factorType || factorType.getNumElements() != extent ||
        failed(store.materialize(step.getOperand(), factorType, factors)))
      return failure();
    Type factor = factorType.getElementType();
    std::vector<double> scale(extent);
    for (int64_t i = 0; i < extent; ++i)
      scale[i] = readElement(factors.data() + i * storedElementBytes(factor), factor);
    std::vector<char> next(stage.data.begin(), stage.data.end());
    int64_t count = ShapedType::getNumElements(stage.shape);
    for (int64_t i = 0; i < count; ++i) {
      char *at = next.data() + i * width;
      writeElement(at, stage.element, readElement(at, stage.element) * scale[i / stride % extent]);
    }
    stage.take(std::move(next));
    return success();
  }
  }
  return failure();
}

LogicalResult WeightStore::materialize(Attribute value, RankedTensorType type,
                                       std::vector<char> &out) const {
  if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
    unsigned width = storedElementBytes(type.getElementType());
    int64_t count = type.getNumElements();
    out.assign(count * width, 0);
    if (count == 0)
      return success();
    if (type.getElementTypeBitWidth() >= 8) {
      ArrayRef<char> raw = dense.getRawData();
      if (!dense.isSplat())
        std::memcpy(out.data(), raw.data(), out.size());
      else
        for (int64_t i = 0; i < count; ++i)
          std::memcpy(out.data() + i * width, raw.data(), width);
      return success();
    }
    int64_t at = 0;
    for (APInt element : dense.getValues<APInt>())
      out[at++] = static_cast<char>(element.getZExtValue());
    return success();
  }
  auto weight = dyn_cast<WeightAttr>(value);
  if (!weight)
    return failure();
  Stage stage;
  stage.shape.assign(weight.getStored().getShape().begin(), weight.getStored().getShape().end());
  stage.element = weight.getStored().getElementType();
  stage.data = rawBytes(weight);
  if (stage.data.size() != stage.bytes())
    return failure();
  for (StepAttr step : weight.getRecipe())
    if (failed(applyStep(*this, step, stage)))
      return failure();
  if (stage.bytes() != storedBytes(type))
    return failure();
  if (stage.owned.empty())
    out.assign(stage.data.begin(), stage.data.end());
  else
    out = std::move(stage.owned);
  return success();
}
