// The bytes behind `#ingot.weight`: mapped model files and computed constants, never copied into
// the IR.
#pragma once

#include "ir/graph/Graph.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include <mutex>

namespace ingot {

/// A constant above this size in bytes lives in the store, a smaller one in a dense attribute.
constexpr uint64_t kMaxDenseBytes = 4096;

/// Holds, for one MLIRContext, the files that weights point into and the constants that passes
/// computed. Thread-safe. Obtained by `context->getLoadedDialect<IngotDialect>()->getWeights()`, or
/// `weightsOf(context)`.
class WeightStore {
public:
  struct Source {
    std::string path;
    uint64_t size = 0;
    std::string sha256; // hex, of the whole file; empty until hashed
    std::unique_ptr<llvm::MemoryBuffer> buffer;
  };

  /// Maps a file read-only and returns its index (the same index for the same path). Error: the
  /// file cannot be read.
  llvm::Expected<int64_t> addFile(llvm::StringRef path);
  /// Takes a buffer as a source (an inflated archive member, a test). `path` is for messages.
  int64_t addBuffer(llvm::StringRef path, std::unique_ptr<llvm::MemoryBuffer> buffer);
  const Source &getSource(int64_t index) const { return *sources[index]; }
  /// Keeps the SHA-256 of a source, so that it is hashed once however often the model is imported.
  void setSha256(int64_t index, std::string sha256) { sources[index]->sha256 = std::move(sha256); }
  size_t getNumSources() const { return sources.size(); }

  /// A weight whose raw bytes lie in a source. `stored` is the raw tensor's type; hashes the bytes.
  WeightAttr addWeight(mlir::MLIRContext *context, llvm::StringRef name, int64_t source,
                       uint64_t offset, mlir::RankedTensorType stored);

  /// Stores computed bytes (row-major, little-endian, packed as MLIR's DenseElementsAttr raw data
  /// is, except that i1 takes a byte per element); equal bytes are stored once.
  WeightAttr addComputed(mlir::MLIRContext *context, llvm::StringRef name,
                         mlir::RankedTensorType type, std::vector<char> bytes);

  /// The attribute for computed bytes: dense up to kMaxDenseBytes, else a computed weight.
  mlir::Attribute makeConstant(mlir::MLIRContext *context, llvm::StringRef name,
                               mlir::RankedTensorType type, std::vector<char> bytes);

  /// The raw bytes that a weight points at (before its recipe). Empty when the source is missing.
  llvm::ArrayRef<char> rawBytes(WeightAttr weight) const;

  /// The elements of a constant (dense or weight, recipe applied), row-major, one byte per i1, in
  /// `out`. `type` is the constant's type. Failure when a source is missing or a recipe does not
  /// fit.
  mlir::LogicalResult materialize(mlir::Attribute value, mlir::RankedTensorType type,
                                  std::vector<char> &out) const;

private:
  mutable std::mutex mutex;
  std::vector<std::unique_ptr<Source>> sources;
  llvm::StringMap<std::unique_ptr<std::vector<char>>> computed;
};

/// Equal for constants whose bytes are: where a weight lies and what it is called does not matter.
mlir::Attribute constantIdentity(mlir::Attribute value);

/// The context's store.
WeightStore &weightsOf(mlir::MLIRContext *context);

/// Bytes of one element in the store's row-major form (i1 takes a byte; sub-byte integers take a
/// byte each).
unsigned storedElementBytes(mlir::Type element);
/// Bytes of a whole tensor in that form.
uint64_t storedBytes(mlir::RankedTensorType type);

} // namespace ingot
