// Constants from the bytes of tensors as model files hold them.
#include "compiler/importers/common/StoredTensor.h"
#include "ir/graph/WeightStore.h"

using namespace mlir;
using namespace ingot;

uint64_t ingot::packedBytes(RankedTensorType type) {
  unsigned bits = type.getElementTypeBitWidth();
  uint64_t count = type.getNumElements();
  if (bits == 1)
    return count;
  return bits < 8 ? (count * bits + 7) / 8 : count * (bits / 8);
}

/// The elements of packed bytes, one byte each: the first element is in the low bits.
static std::vector<char> unpack(RankedTensorType type, ArrayRef<char> bytes) {
  unsigned bits = type.getElementTypeBitWidth();
  bool isSigned =
      isa<IntegerType>(type.getElementType()) && !type.getElementType().isUnsignedInteger();
  std::vector<char> out(type.getNumElements());
  for (size_t i = 0; i < out.size(); ++i) {
    unsigned perByte = 8 / bits;
    int value = (static_cast<unsigned char>(bytes[i / perByte]) >> (i % perByte * bits)) &
                ((1 << bits) - 1);
    if (isSigned && value >> (bits - 1))
      value -= 1 << bits;
    out[i] = static_cast<char>(value);
  }
  return out;
}

Value ingot::constantFromBytes(GraphBuilder &b, StringRef name, RankedTensorType type,
                               ArrayRef<char> bytes) {
  unsigned bits = type.getElementTypeBitWidth();
  std::vector<char> elements;
  if (bits == 1)
    for (char byte : bytes)
      elements.push_back(byte != 0);
  else if (bits < 8)
    elements = unpack(type, bytes);
  else
    elements.assign(bytes.begin(), bytes.end());
  return b.constant(type, std::move(elements), name);
}

Value ingot::constantFromFile(GraphBuilder &b, StringRef name, RankedTensorType type, int64_t file,
                              uint64_t offset) {
  WeightStore &store = weightsOf(b.context());
  uint64_t bytes = packedBytes(type);
  const char *data = store.getSource(file).buffer->getBufferStart() + offset;
  if (type.getElementTypeBitWidth() < 8 || bytes <= kMaxDenseBytes)
    return constantFromBytes(b, name, type, ArrayRef(data, bytes));
  return b.constant(type, store.addWeight(b.context(), name, file, offset, type));
}
