// Turns ONNX tensors into constants.
#include "compiler/importers/onnx/TensorImport.h"
#include "compiler/importers/common/StoredTensor.h"
#include "compiler/importers/onnx/OnnxNode.h"
#include "compiler/importers/onnx/StripBlobs.h"
#include "ir/graph/WeightStore.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <sys/stat.h>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

Value TensorImport::fail(const onnx::TensorProto &tensor, const Twine &message) {
  b.error() << "tensor '" << tensor.name() << "' " << message.str();
  return {};
}

Value TensorImport::import(const onnx::TensorProto &tensor) {
  Type element = elementType(b.context(), tensor.data_type());
  if (!element)
    return fail(tensor, "has element type " + dataTypeName(tensor.data_type()) +
                            ", which is not supported");
  if (tensor.has_segment())
    return fail(tensor, "is stored in segments, which is not supported");
  Ints shape(tensor.dims().begin(), tensor.dims().end());
  RankedTensorType type = b.tensorType(shape, element);
  if (!type)
    return {};
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return fromExternal(tensor, type);
  if (!tensor.has_raw_data())
    return fromTyped(tensor, type);
  RawData raw = readRawData(tensor.raw_data());
  uint64_t have = raw.inFile ? raw.length : raw.bytes.size(), want = packedBytes(type);
  if (have != want)
    return fail(tensor, "holds " + Twine(have) + " bytes, but its shape " + shapeName(shape) +
                            " of " + elementName(element) + " takes " + Twine(want));
  return raw.inFile ? constantFromFile(b, tensor.name(), type, source, raw.offset)
                    : constantFromBytes(b, tensor.name(), type,
                                        ArrayRef(raw.bytes.data(), raw.bytes.size()));
}

/// Appends the low bytes of a value.
template <typename T>
static void append(std::vector<char> &out, T value, unsigned bytes = sizeof(T)) {
  const char *data = reinterpret_cast<const char *>(&value);
  out.insert(out.end(), data, data + bytes);
}

Value TensorImport::fromTyped(const onnx::TensorProto &tensor, RankedTensorType type) {
  std::vector<char> bytes;
  unsigned bits = type.getElementTypeBitWidth(), width = storedElementBytes(type.getElementType());
  // The count is checked before anything is allocated.
  size_t have = tensor.float_data_size() + tensor.double_data_size() + tensor.int32_data_size() +
                tensor.int64_data_size() + tensor.uint64_data_size();
  uint64_t want = type.getNumElements();
  bool packed = bits > 1 && bits < 8;
  if (packed)
    want = packedBytes(type);
  if (have != want)
    return fail(tensor, "holds " + Twine(have) + " elements, but its shape " +
                            shapeName(type.getShape()) + " takes " + Twine(want));
  for (float value : tensor.float_data())
    append(bytes, value);
  for (double value : tensor.double_data())
    append(bytes, value);
  for (int32_t value : tensor.int32_data())
    append(bytes, value, packed ? 1 : std::min(width, 4u));
  for (int64_t value : tensor.int64_data())
    append(bytes, value);
  for (uint64_t value : tensor.uint64_data())
    append(bytes, value, std::min(width, 8u));
  if (bytes.size() != packedBytes(type))
    return fail(tensor, "keeps its elements in a field that does not fit " +
                            elementName(type.getElementType()));
  return constantFromBytes(b, tensor.name(), type, bytes);
}

Value TensorImport::fromExternal(const onnx::TensorProto &tensor, RankedTensorType type) {
  std::string location;
  uint64_t offset = 0, want = packedBytes(type);
  std::optional<uint64_t> length;
  for (const auto &entry : tensor.external_data()) {
    StringRef value = entry.value();
    if (entry.key() == "location") {
      location = value.str();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      uint64_t number;
      if (value.getAsInteger(10, number))
        return fail(tensor, "has external data with " + entry.key() + " '" + value +
                                "', which is not a number");
      entry.key() == "offset" ? offset = number : length.emplace(number);
    }
  }
  StringRef path = location;
  if (path.empty())
    return fail(tensor, "has external data without a location");
  // Every part of the path is a plain name of the model's folder; no part is a link.
  SmallVector<StringRef> parts;
  path.split(parts, '/');
  SmallString<256> full = llvm::sys::path::parent_path(modelPath);
  if (path.find_first_of(StringRef("\\:\0", 3)) != StringRef::npos ||
      llvm::is_contained(parts, "..") || llvm::is_contained(parts, ""))
    return fail(tensor, "has external data at '" + path +
                            "', which is not a path inside the model's folder");
  struct stat info = {};
  for (StringRef part : parts) {
    llvm::sys::path::append(full, part);
    if (::lstat(full.c_str(), &info) != 0)
      return fail(tensor,
                  "has external data in '" + path + "', which cannot be read: " + strerror(errno));
    if (S_ISLNK(info.st_mode) || (S_ISREG(info.st_mode) && info.st_nlink > 1))
      return fail(tensor, "has external data in '" + path +
                              "', which is a link; copy the file into the model's folder");
  }
  if (!S_ISREG(info.st_mode))
    return fail(tensor, "has external data in '" + path + "', which is not a file");
  WeightStore &store = weightsOf(b.context());
  llvm::Expected<int64_t> file = store.addFile(full);
  if (!file)
    return fail(tensor, llvm::toString(file.takeError()));
  uint64_t size = store.getSource(*file).buffer->getBufferSize();
  if (length && *length != want)
    return fail(tensor, "has external data of " + Twine(*length) + " bytes, but its shape " +
                            shapeName(type.getShape()) + " takes " + Twine(want));
  if (offset > size || want > size - offset)
    return fail(tensor, "has external data at byte " + Twine(offset) + ", beyond the end of '" +
                            path + "'");
  return constantFromFile(b, tensor.name(), type, *file, offset);
}

Value TensorImport::importSparse(const onnx::SparseTensorProto &sparse) {
  const onnx::TensorProto &tensor = sparse.values();
  Value values = import(tensor), indices = import(sparse.indices());
  if (!values || !indices)
    return {};
  Ints shape(sparse.dims().begin(), sparse.dims().end());
  RankedTensorType type = b.tensorType(shape, GraphBuilder::element(values));
  std::optional<Ints> positions = GraphBuilder::getConstantInts(indices);
  int64_t count = GraphBuilder::type(values).getNumElements();
  if (!type)
    return {};
  if (!positions || type.getNumElements() > kMaxReadElements)
    return fail(tensor, "is sparse and too large");
  bool tuples = GraphBuilder::rank(indices) == 2;
  int64_t rank = type.getRank(), each = tuples ? rank : 1;
  if (static_cast<int64_t>(positions->size()) != count * each)
    return fail(tensor, "is sparse with " + Twine(positions->size()) + " indices for " +
                            Twine(count) + " values");
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < each; ++j) {
      int64_t extent = tuples ? shape[j] : type.getNumElements(),
              index = (*positions)[i * each + j];
      if (index < 0 || index >= extent)
        return fail(tensor,
                    "is sparse with index " + Twine(index) + " outside extent " + Twine(extent));
    }
  Value zero = b.splat(tuples ? ArrayRef<int64_t>(shape) : ArrayRef<int64_t>(type.getNumElements()),
                       type.getElementType(), 0.0);
  Value tuple = tuples ? indices : b.unsqueeze(indices, 1);
  return b.reshape(b.create<ScatterNDOp>(zero, tuple, values, ScatterKind::None), shape);
}
