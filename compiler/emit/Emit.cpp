// Writes a planned module as a program file: header, FlatBuffer, code, constants streamed from the
// model.
#include "compiler/emit/Emit.h"
#include "compiler/emit/OutputFile.h"

#include "compiler/emit/ProgramBuilder.h"
#include "ir/graph/Sha256.h"
#include "ir/graph/WeightStore.h"
#include "mlir/IR/Threading.h"
#include "runtime-lib/core/Program.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Constants that are materialised at once, at least one: bounds the memory that emit takes.
constexpr uint64_t kBatchBytes = uint64_t(32) << 20;

llvm::Error failure(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

/// A constant's bytes: a view of the mapped model, or made by its recipe.
struct Materialized {
  std::vector<char> owned;
  llvm::ArrayRef<char> bytes;
  bool ok = true;
};

Materialized materialize(const WeightStore &store, const PlacedConstant &constant) {
  Materialized result;
  auto weight = dyn_cast<WeightAttr>(constant.value);
  if (weight && weight.getRecipe().empty()) {
    result.bytes = store.rawBytes(weight);
    if (result.bytes.size() == constant.bytes)
      return result;
  }
  result.ok = succeeded(store.materialize(constant.value, constant.type, result.owned)) &&
              result.owned.size() == constant.bytes;
  result.bytes = result.owned;
  return result;
}

class Writer {
public:
  Writer(ModuleOp module, ProgramBuilder &builder, const EmitOptions &options)
      : module(module), builder(builder), options(options) {}

  /// Writes everything to `out`, a fresh file. Error: a constant cannot be materialised; errors of
  /// writing stay in `out`.
  llvm::Error write(llvm::raw_fd_ostream &out, EmitReport &report);

private:
  llvm::Error writeConstants(llvm::raw_fd_ostream &out, Sha256 &hash);
  void pad(llvm::raw_fd_ostream &out, uint64_t end, Sha256 *hash = nullptr);

  ModuleOp module;
  ProgramBuilder &builder;
  const EmitOptions &options;
  uint64_t segmentsOffset = 0;
};

void Writer::pad(llvm::raw_fd_ostream &out, uint64_t end, Sha256 *hash) {
  uint64_t missing = end - out.tell();
  out.write_zeros(missing);
  if (hash)
    hash->update(llvm::ArrayRef(std::vector<uint8_t>(missing)));
}

llvm::Error Writer::writeConstants(llvm::raw_fd_ostream &out, Sha256 &hash) {
  const WeightStore &store = weightsOf(module.getContext());
  llvm::ArrayRef<PlacedConstant> constants = builder.getConstants();
  uint64_t start = segmentsOffset + builder.getDataOffset();
  for (size_t begin = 0, end; begin < constants.size(); begin = end) {
    uint64_t bytes = 0;
    for (end = begin;
         end < constants.size() && (end == begin || bytes + constants[end].bytes <= kBatchBytes);
         ++end)
      bytes += constants[end].bytes;
    std::vector<Materialized> batch(end - begin);
    parallelFor(module.getContext(), 0, batch.size(),
                [&](size_t i) { batch[i] = materialize(store, constants[begin + i]); });
    for (size_t i = 0; i < batch.size(); ++i) {
      const PlacedConstant &constant = constants[begin + i];
      if (!batch[i].ok)
        return failure("the bytes of constant '" + constant.name +
                       "' cannot be made from the model");
      pad(out, start + constant.offset, &hash);
      out.write(batch[i].bytes.data(), batch[i].bytes.size());
      hash.update(llvm::StringRef(batch[i].bytes.data(), batch[i].bytes.size()));
    }
    if (options.progress)
      options.progress(end, constants.size());
  }
  return llvm::Error::success();
}

llvm::Error Writer::write(llvm::raw_fd_ostream &out, EmitReport &report) {
  std::array<uint8_t, 32> dataHash{};
  uint64_t schemaBytes = builder.serialize(dataHash).size();
  segmentsOffset = llvm::alignTo(kFileHeaderSize + schemaBytes, kSegmentsAlignment);
  for (const PlacedSegment &segment : builder.getSegments()) {
    pad(out, segmentsOffset + segment.offset);
    out.write(segment.bytes.data(), segment.bytes.size());
  }
  if (builder.getConstants().empty()) {
    pad(out, std::max(out.tell(), segmentsOffset));
  } else {
    Sha256 hash;
    pad(out, segmentsOffset + builder.getDataOffset());
    if (llvm::Error error = writeConstants(out, hash))
      return error;
    dataHash = hash.final();
  }
  uint64_t fileBytes = out.tell();

  flatbuffers::DetachedBuffer schema = builder.serialize(dataHash);
  assert(schema.size() == schemaBytes && "a hash does not change the size");
  FileHeader header{};
  memcpy(header.magic, kFileMagic, sizeof(kFileMagic));
  header.formatVersion = builder.formatVersion();
  header.headerSize = kFileHeaderSize;
  header.fileSize = fileBytes;
  header.schemaOffset = kFileHeaderSize;
  header.schemaSize = schemaBytes;
  header.segmentsOffset = segmentsOffset;
  std::array<uint8_t, 32> schemaHash =
      Sha256::hash({reinterpret_cast<const char *>(schema.data()), schema.size()});
  memcpy(header.schemaSha256, schemaHash.data(), schemaHash.size());
  out.seek(0);
  out.write(reinterpret_cast<const char *>(&header), sizeof(header));
  out.write(reinterpret_cast<const char *>(schema.data()), schema.size());
  report.schemaBytes = schemaBytes;
  report.fileBytes = fileBytes;
  return llvm::Error::success();
}

/// Checks a file as the runtime does when it opens it.
llvm::Error verifyFile(StringRef path, uint64_t expectedBytes) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return failure("'" + path + "' cannot be read back: " + file.getError().message());
  if ((*file)->getBufferSize() != expectedBytes)
    return failure("internal: the program has " + llvm::Twine((*file)->getBufferSize()) +
                   " bytes instead of " + llvm::Twine(expectedBytes));
  const fmt::Program *root = nullptr;
  const uint8_t *segments = nullptr;
  ingot_error error{};
  if (verifyProgram((*file)->getBufferStart(), expectedBytes, "the program", root, segments,
                    &error) != INGOT_OK)
    return failure("internal: the runtime refuses what the compiler wrote: " +
                   llvm::Twine(error.text));
  return llvm::Error::success();
}

} // namespace

llvm::Error ingot::emitProgram(ModuleOp module, llvm::ArrayRef<CompiledTarget> targets,
                               const EmitOptions &options, EmitReport &report) {
  ProgramBuilder builder(module, targets, options);
  if (llvm::Error error = builder.build(report))
    return error;
  return writeOutput(options.output, [&](llvm::raw_fd_ostream &out, StringRef temporary) {
    llvm::Error error = Writer(module, builder, options).write(out, report);
    out.flush();
    if (error || out.has_error() || !options.verify)
      return error;
    return verifyFile(temporary, report.fileBytes);
  });
}
