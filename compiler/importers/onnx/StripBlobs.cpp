// Takes the large blobs out of a serialized ONNX model. Walks the wire format by the field numbers
// of onnx.proto, one level of messages at a time; everything that is not on the way to a tensor is
// copied as it is.
#include "compiler/importers/onnx/StripBlobs.h"
#include "compiler/importers/common/Limits.h"
#include "llvm/Support/Endian.h"
#include <limits>

using namespace ingot;
using namespace ingot::onnximport;
using llvm::StringRef;

namespace {

enum class Message { None, Model, Graph, Node, Attribute, Tensor, Sparse, Function };

/// The message that field `number` of `parent` holds, when tensors may lie in it.
Message child(Message parent, uint64_t number) {
  switch (parent) {
  case Message::Model:
    return number == 7 ? Message::Graph : number == 25 ? Message::Function : Message::None;
  case Message::Graph:
    return number == 1    ? Message::Node
           : number == 5  ? Message::Tensor
           : number == 15 ? Message::Sparse
                          : Message::None;
  case Message::Function:
    return number == 7 ? Message::Node : number == 11 ? Message::Attribute : Message::None;
  case Message::Node:
    return number == 5 ? Message::Attribute : Message::None;
  case Message::Attribute:
    return number == 5 || number == 10    ? Message::Tensor
           : number == 6 || number == 11  ? Message::Graph
           : number == 22 || number == 23 ? Message::Sparse
                                          : Message::None;
  case Message::Sparse:
    return number == 1 || number == 2 ? Message::Tensor : Message::None;
  case Message::Tensor:
  case Message::None:
    break;
  }
  return Message::None;
}

constexpr uint64_t kRawData = 9, kFloatData = 4, kDoubleData = 10, kTrainingInfo = 20;
constexpr char kInPlace = 0, kInFile = 1;

void writeVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void writeField(std::string &out, uint64_t number, StringRef payload) {
  writeVarint(out, number << 3 | 2);
  writeVarint(out, payload.size());
  out.append(payload.data(), payload.size());
}

class Stripper {
public:
  explicit Stripper(StringRef file) : file(file) {}

  bool strip(Message kind, StringRef message, int depth, std::string &out) {
    if (depth > kMaxDepth * 4) {
      problem = "messages are nested too deeply";
      return false;
    }
    // Packed numbers in several fields add up; one alone can stay in the file as if it were raw
    // data.
    unsigned packedFields = 0;
    StringRef rest = message;
    while (!rest.empty()) {
      const char *start = rest.data();
      uint64_t key, number;
      StringRef payload;
      if (!readVarint(rest, key) || (number = key >> 3) == 0 ||
          !readPayload(rest, key & 7, payload)) {
        problem = "it is broken at byte " + std::to_string(start - file.data());
        return false;
      }
      bool bytes = (key & 7) == 2;
      Message inner = bytes ? child(kind, number) : Message::None;
      if (kind == Message::Model && number == kTrainingInfo)
        continue;
      if (inner != Message::None) {
        std::string stripped;
        if (!strip(inner, payload, depth + 1, stripped))
          return false;
        writeField(out, number, stripped);
      } else if (kind == Message::Tensor && number == kRawData && bytes) {
        writeRaw(out, payload);
      } else if (kind == Message::Tensor && (number == kFloatData || number == kDoubleData) &&
                 bytes && payload.size() >= kMinBlobBytes) {
        ++packedFields;
        writeRaw(out, payload);
      } else {
        out.append(start, rest.data() - start);
      }
      if (out.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
        problem = "it is over 2 GiB without its weights";
        return false;
      }
    }
    if (packedFields > 1) {
      problem = "a tensor has several packed fields";
      return false;
    }
    return true;
  }

  std::string problem;

private:
  static bool readVarint(StringRef &rest, uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      unsigned char byte = rest.front();
      rest = rest.drop_front();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }

  static bool readPayload(StringRef &rest, unsigned wireType, StringRef &payload) {
    uint64_t length;
    switch (wireType) {
    case 0:
      return readVarint(rest, length);
    case 1:
    case 5:
      length = wireType == 1 ? 8 : 4;
      break;
    case 2:
      if (!readVarint(rest, length))
        return false;
      break;
    default:
      return false;
    }
    if (length > rest.size())
      return false;
    payload = rest.take_front(length);
    rest = rest.drop_front(length);
    return true;
  }

  void writeRaw(std::string &out, StringRef payload) {
    std::string marked;
    if (payload.size() < kMinBlobBytes) {
      marked.push_back(kInPlace);
      marked.append(payload.data(), payload.size());
    } else {
      char range[17] = {kInFile};
      llvm::support::endian::write64le(range + 1, payload.data() - file.data());
      llvm::support::endian::write64le(range + 9, payload.size());
      marked.assign(range, sizeof(range));
    }
    writeField(out, kRawData, marked);
  }

  StringRef file;
};

} // namespace

llvm::Expected<std::string> onnximport::stripBlobs(StringRef file) {
  std::string out;
  Stripper stripper(file);
  if (!stripper.strip(Message::Model, file, 0, out))
    return llvm::createStringError(stripper.problem);
  return out;
}

RawData onnximport::readRawData(StringRef stripped) {
  RawData raw;
  if (stripped.empty() || stripped[0] == kInPlace) {
    raw.bytes = stripped.drop_front(stripped.empty() ? 0 : 1);
    return raw;
  }
  raw.inFile = true;
  raw.offset = llvm::support::endian::read64le(stripped.data() + 1);
  raw.length = llvm::support::endian::read64le(stripped.data() + 9);
  return raw;
}
