// A `.pt2` package: which kind it is, its program as JSON, and the tensors it stores.
#pragma once

#include "compiler/importers/pt2/Archive.h"
#include "compiler/importers/pt2/Json.h"
#include "compiler/importers/pt2/Pickle.h"
#include "mlir/IR/BuiltinTypes.h"

namespace ingot::pt2 {

/// A tensor of the package: elements of a storage record at offset + Σ index·stride.
struct StoredTensor {
  mlir::Type element;
  llvm::SmallVector<int64_t> sizes, strides;
  int64_t elementOffset = 0;
  /// What holds the storage; equal for tensors that share it.
  std::string record;
  /// Why it cannot be read, when it cannot (a pickled subclass, a stripped weight).
  std::string problem;
  /// Of a tensor subclass, which has no elements of its own: the tensors that it is made of, each
  /// the value of an attribute.
  std::vector<StoredTensor> parts;
  std::string attribute;
  /// Where the record's bytes lie: an index of the context's weight store, offset and size.
  int64_t source = -1;
  uint64_t offset = 0, bytes = 0;
};

class Package {
public:
  /// Opens a package and checks its structure; `model` says which of its models is meant, empty
  /// when it holds one. Error: no package that holds an exported program; the message says what it
  /// is instead, where that can be told.
  static llvm::Expected<std::unique_ptr<Package>> open(mlir::MLIRContext *context,
                                                       llvm::StringRef path, llvm::StringRef model);

  const Json &program() const { return *document.root(); }
  /// The stored tensor of this fully qualified name, or null. `constant` says which table comes
  /// first.
  const StoredTensor *find(llvm::StringRef name, bool constant) const;

  /// The constant (attribute for `ingot.constant`) that a stored tensor is: a weight that points
  /// into the file when its elements lie there without gaps, else computed. Error: it reaches
  /// beyond its record.
  llvm::Expected<mlir::Attribute> constantOf(const StoredTensor &tensor, llvm::StringRef name);

  /// The sample inputs, flat in the order of the arguments; absent ones (no tensor) have no element
  /// type.
  llvm::Expected<std::vector<StoredTensor>> sampleInputs();

private:
  /// An archive inside a source of the weight store.
  struct Part {
    std::unique_ptr<Archive> archive;
    int64_t source = -1;
    uint64_t base = 0;
    std::string root; // prefix of its members, with the slash
  };

  llvm::Error openExported(llvm::StringRef chosen);
  llvm::Error openFlat();
  llvm::Error readProgram(const Archive::Member &member);
  llvm::Error readConfig(llvm::StringRef folder, llvm::StringRef file,
                         llvm::StringMap<StoredTensor> &table);
  llvm::Error readRecord(Part &part, const Archive::Member &member, StoredTensor &tensor);
  /// Opens a member that is itself an archive (`torch.save`) and reads its pickle.
  llvm::Expected<std::pair<Part, std::unique_ptr<Pickle>>>
  openNested(const Archive::Member &member);
  llvm::Expected<StoredTensor> readPickled(const Archive::Member &member);
  llvm::Error readPickledTable(const Archive::Member &member, llvm::StringMap<StoredTensor> &table);
  llvm::Expected<StoredTensor> pickledTensor(Part &part, const PickleValue &value);
  /// A tensor or a subclass, whose parts may be subclasses.
  llvm::Expected<StoredTensor> pickledParts(Part &part, const PickleValue &value, unsigned depth);

  mlir::MLIRContext *context = nullptr;
  std::string path;
  Part outer;
  JsonDocument document;
  llvm::StringMap<StoredTensor> weights, constants;
  const Archive::Member *samples = nullptr;
  llvm::StringMap<std::pair<int64_t, uint64_t>> inflated; // member → source, size
};

/// Names of the models in a `.pt2` archive, in its order; none when it is no such archive.
std::vector<std::string> pt2ModelNames(llvm::StringRef bytes);

/// The element type of a serialised scalar type number (schema 8), or null when there is none.
mlir::Type scalarType(mlir::MLIRContext *context, int64_t number);

} // namespace ingot::pt2
