// Folders in the ONNX test format: input_0.pb, input_1.pb, … each one TensorProto (onnx.proto,
// field numbers below).
//
// A reader of the wire format for this one message: Protobuf itself would be most of the tool's
// size.
#include "runtime-lib/run/Arrays.h"
#include <algorithm>
#include <cstring>
#include <sys/stat.h>

namespace ingot::run {
namespace {

/// A message's bytes and how far they are read; every read past the end fails.
struct Reader {
  const uint8_t *at, *end;

  bool varint(uint64_t &value) {
    value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == end)
        return false;
      uint8_t byte = *at++;
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }
  bool bytes(Reader &part) {
    uint64_t size;
    if (!varint(size) || size > uint64_t(end - at))
      return false;
    part = {at, at + size};
    at += size;
    return true;
  }
  bool skip(uint32_t wireType) {
    uint64_t ignored;
    Reader part;
    size_t fixedSize = wireType == 1 ? 8 : 4;
    switch (wireType) {
    case 0:
      return varint(ignored);
    case 2:
      return bytes(part);
    case 1:
    case 5:
      if (size_t(end - at) < fixedSize)
        return false;
      at += fixedSize;
      return true;
    default:
      return false;
    }
  }
};

/// TensorProto.DataType → element. 0 bytes: not a type that fits an array of numbers.
ElementKind elementOf(uint64_t dataType) {
  switch (dataType) {
  case 1:
    return {'f', 4};
  case 2:
    return {'u', 1};
  case 3:
    return {'i', 1};
  case 4:
    return {'u', 2};
  case 5:
    return {'i', 2};
  case 6:
    return {'i', 4};
  case 7:
    return {'i', 8};
  case 9:
    return {'b', 1};
  case 10:
    return {'f', 2};
  case 11:
    return {'f', 8};
  case 12:
    return {'u', 4};
  case 13:
    return {'u', 8};
  case 14:
    return {'c', 8};
  case 15:
    return {'c', 16};
  case 16:
    return {'V', 2}; // bfloat16
  case 17:
  case 18:
  case 19:
  case 20:
  case 24:
    return {'V', 1}; // float8
  case 21:           // uint4, int4, float4, uint2, int2: packed in the file, a byte each here
  case 22:
  case 23:
  case 25:
  case 26:
    return {'V', 1};
  default:
    return {};
  }
}

/// Bits of an element that is packed in the file, or 0.
uint32_t packedBits(uint64_t dataType) {
  return dataType >= 21 && dataType <= 23 ? 4 : dataType == 25 || dataType == 26 ? 2 : 0;
}

/// Appends one number of int32_data, int64_data or uint64_data in the element's own width.
void appendInteger(std::vector<uint8_t> &to, uint64_t value, uint32_t size) {
  for (uint32_t i = 0; i < size; ++i)
    to.push_back(uint8_t(value >> (8 * i)));
}

} // namespace

bool ArrayFile::addTensorProto(const std::string &path, int position, std::string &error) {
  auto bad = [&](const char *what) {
    error = path + " " + what;
    return false;
  };
  File tensor;
  if (!tensor.open(path, error))
    return false;
  if (tensor.size() > (uint64_t(2) << 30))
    return bad("is larger than a TensorProto can be");
  std::vector<uint8_t> message(size_t(tensor.size()));
  if (!tensor.read(0, message.data(), message.size(), error))
    return false;
  ArrayEntry entry;
  entry.path = path;
  Reader reader{message.data(), message.data() + message.size()};
  uint64_t dataType = 0, rawSize = 0;
  bool hasRaw = false;
  std::vector<std::pair<uint32_t, uint64_t>> integers; // field, value
  std::vector<uint8_t> floats;
  while (reader.at != reader.end) {
    uint64_t key, value;
    Reader part;
    if (!reader.varint(key))
      return bad("is not a TensorProto");
    uint32_t field = uint32_t(key >> 3), wire = uint32_t(key & 7);
    bool packed = wire == 2;
    bool ok = true;
    switch (field) {
    case 1:  // dims
    case 5:  // int32_data
    case 7:  // int64_data
    case 11: // uint64_data
      if (wire != 0 && !packed)
        return bad("is not a TensorProto");
      part = reader;
      if (packed && !reader.bytes(part))
        return bad("ends too early");
      do {
        if (packed && part.at == part.end)
          break;
        ok = (packed ? part : reader).varint(value);
        if (ok && field == 1)
          entry.dims.push_back(int64_t(value));
        else if (ok)
          integers.push_back({field, value});
      } while (ok && packed);
      if (!ok || entry.dims.size() > 32)
        return bad("ends too early");
      break;
    case 4:  // float_data
    case 10: // double_data
      if (packed ? !reader.bytes(part) : false)
        return bad("ends too early");
      if (!packed) {
        size_t size = field == 4 ? 4 : 8;
        if (wire != (field == 4 ? 5u : 1u) || size_t(reader.end - reader.at) < size)
          return bad("ends too early");
        part = {reader.at, reader.at + size};
        reader.at += size;
      }
      floats.insert(floats.end(), part.at, part.end);
      break;
    case 2: // data_type
      if (wire != 0 || !reader.varint(dataType))
        return bad("is not a TensorProto");
      break;
    case 8: // name
      if (wire != 2 || !reader.bytes(part))
        return bad("is not a TensorProto");
      entry.name.assign(reinterpret_cast<const char *>(part.at), size_t(part.end - part.at));
      break;
    case 9: // raw_data
      if (wire != 2 || !reader.bytes(part))
        return bad("is not a TensorProto");
      hasRaw = true;
      entry.offset = uint64_t(part.at - message.data());
      rawSize = uint64_t(part.end - part.at);
      break;
    case 6:  // string_data
    case 13: // external_data
      return bad("holds strings or external data, which a program's inputs cannot have");
    default:
      if (field == 0 || !reader.skip(wire))
        return bad("is not a TensorProto");
    }
  }
  entry.element = elementOf(dataType);
  if (!entry.element.size)
    return bad(
        "has an element type that is not supported here; an NPZ file can hold it as raw bytes");
  uint64_t elements = 1;
  for (int64_t dim : entry.dims)
    if (dim < 0 || __builtin_mul_overflow(elements, uint64_t(dim), &elements))
      return bad("has an absurd shape");
  if (__builtin_mul_overflow(elements, uint64_t(entry.element.size), &entry.bytes))
    return bad("has an absurd shape");
  if (uint32_t bits = packedBits(dataType)) {
    // The first element lies in the low bits; one kept as a number is a byte of several too.
    uint64_t packedSize = (elements * bits + 7) / 8;
    std::vector<uint8_t> packed;
    if (hasRaw)
      packed.assign(message.data() + entry.offset, message.data() + entry.offset + rawSize);
    for (auto [field, value] : integers)
      packed.push_back(uint8_t(value));
    if (packed.size() != packedSize)
      return bad("has a shape that does not fit its data");
    for (uint64_t i = 0; i < elements; ++i)
      entry.inlineValues.push_back(packed[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1));
  } else if (hasRaw) {
    if (rawSize != entry.bytes)
      return bad("has a shape that does not fit its data");
  } else {
    entry.inlineValues = std::move(floats);
    for (auto [field, value] : integers)
      appendInteger(entry.inlineValues, value, entry.element.size);
    if (entry.inlineValues.size() != entry.bytes)
      return bad("has a shape that does not fit its data");
  }
  entry.position = position;
  entries.push_back(std::move(entry));
  return true;
}

bool ArrayFile::openFolder(const std::string &path, const std::string &prefix, std::string &error) {
  for (uint32_t i = 0;; ++i) {
    std::string member = path + "/" + prefix + "_" + std::to_string(i) + ".pb";
    struct stat info;
    if (stat(member.c_str(), &info) != 0) {
      if (i == 0 && prefix == "output") {
        error = "there is no " + member;
        return false;
      }
      return true;
    }
    if (!addTensorProto(member, int(i), error))
      return false;
  }
}

bool ArrayFile::open(const std::string &path, const std::string &prefix, std::string &error) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return openFolder(path, prefix, error);
  return file.open(path, error) && openNpz(error);
}

} // namespace ingot::run
