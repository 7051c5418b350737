// Takes the large blobs out of a serialized ONNX model, so that Protobuf never copies the weights.
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace ingot::onnximport {

/// What `raw_data` holds after stripping: bytes in place, or a range of the file.
struct RawData {
  bool inFile = false;
  llvm::StringRef bytes;           ///< when in place
  uint64_t offset = 0, length = 0; ///< when in the file; inside it
};

/// Blobs of at least this many bytes stay in the file.
constexpr uint64_t kMinBlobBytes = 1024;

/// A copy of the serialized ModelProto `file` in which each TensorProto's `raw_data` says where its
/// bytes are (readRawData), packed `float_data` and `double_data` of that size likewise, and
/// training information is left out. Error: the bytes are not a well-formed message, nest deeper
/// than kMaxDepth, or what is left is over 2 GiB.
llvm::Expected<std::string> stripBlobs(llvm::StringRef file);

/// Decodes the `raw_data` that stripBlobs wrote; every `raw_data` of a stripped model has this
/// form, so that a file cannot pretend to.
RawData readRawData(llvm::StringRef stripped);

} // namespace ingot::onnximport
