// Writing and reading of phase dumps.
#include "compiler/driver/Dump.h"
#include "compiler/emit/OutputFile.h"
#include "ir/graph/MapFile.h"
#include "ir/graph/Sha256.h"
#include "ir/graph/WeightStore.h"
#include "ir/plan/Plan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <set>

using namespace mlir;
using namespace ingot;

/// The sidecar: this magic, then for each blob 32 hex digits of hash, a little-endian u64 of its
/// size, and its bytes.
static constexpr StringRef kBlobMagic = "INGOTBLB";

/// Of brackets in a dump's text; real ones have a tenth of it.
static constexpr size_t kMaxNesting = 512;

/// Calls `visit` for every weight in the module, those inside other weights' recipes included.
static void forEachWeight(ModuleOp module, function_ref<void(WeightAttr)> visit) {
  AttrTypeWalker walker;
  walker.addWalk([&](WeightAttr weight) {
    visit(weight);
    return WalkResult::advance();
  });
  module->walk([&](Operation *op) { walker.walk(op->getAttrDictionary()); });
}

static LogicalResult writeFile(ModuleOp module, StringRef path,
                               function_ref<void(llvm::raw_ostream &)> write) {
  llvm::Error error = writeOutput(path, [&](llvm::raw_fd_ostream &stream, StringRef) {
    write(stream);
    return llvm::Error::success();
  });
  if (!error)
    return success();
  return emitError(UnknownLoc::get(module.getContext())) << llvm::toString(std::move(error));
}

LogicalResult ingot::dumpPhase(ModuleOp module, Phase phase, StringRef directory) {
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return emitError(UnknownLoc::get(module.getContext()))
           << "cannot create '" << directory << "': " << error.message();
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(
      path, llvm::formatv("{0:02}-{1}", static_cast<unsigned>(phase) + 1, phaseName(phase)).str());
  if (failed(writeFile(module, (path + ".mlir").str(), [&](llvm::raw_ostream &stream) {
        module->print(stream, OpPrintingFlags()
                                  .enableDebugInfo(/*enable=*/true,
                                                   /*prettyForm=*/false)
                                  .useLocalScope());
        stream << '\n';
      })))
    return failure();

  std::set<std::string> hashes;
  SmallVector<WeightAttr> computed;
  forEachWeight(module, [&](WeightAttr weight) {
    if (weight.getSource() < 0 && hashes.insert(weight.getHash().str()).second)
      computed.push_back(weight);
  });
  std::string blobs = (path + ".blobs").str();
  if (computed.empty()) {
    llvm::sys::fs::remove(blobs);
    return success();
  }
  WeightStore &store = weightsOf(module.getContext());
  return writeFile(module, blobs, [&](llvm::raw_ostream &stream) {
    stream << kBlobMagic;
    for (WeightAttr weight : computed) {
      ArrayRef<char> bytes = store.rawBytes(weight);
      char size[8];
      llvm::support::endian::write64le(size, bytes.size());
      stream << weight.getHash();
      stream.write(size, sizeof(size));
      stream.write(bytes.data(), bytes.size());
    }
  });
}

static LogicalResult readBlobs(MLIRContext &context, StringRef path) {
  Location loc = UnknownLoc::get(&context);
  auto buffer = mapFile(path);
  if (!buffer)
    return emitError(loc) << llvm::toString(buffer.takeError())
                          << "\nhint: it holds the constants of the dump";
  StringRef rest = (*buffer)->getBuffer();
  WeightStore &store = weightsOf(&context);
  if (!rest.consume_front(kBlobMagic))
    return emitError(loc) << "'" << path << "' does not hold a dump's constants";
  while (!rest.empty()) {
    constexpr size_t kHead = 40;
    uint64_t size =
        rest.size() < kHead ? UINT64_MAX : llvm::support::endian::read64le(rest.data() + 32);
    if (size > rest.size() - std::min(rest.size(), kHead))
      return emitError(loc) << "'" << path << "' is truncated";
    StringRef hash = rest.take_front(32), bytes = rest.substr(kHead, size);
    auto type = RankedTensorType::get({static_cast<int64_t>(size)}, IntegerType::get(&context, 8));
    WeightAttr weight =
        store.addComputed(&context, "", type, std::vector<char>(bytes.begin(), bytes.end()));
    if (weight.getHash() != hash)
      return emitError(loc) << "'" << path << "' is damaged: a constant does not have its hash "
                            << hash;
    rest = rest.drop_front(kHead + size);
  }
  return success();
}

/// How deep the text's brackets nest, strings and comments left out. MLIR's parser recurses with
/// them, without a limit of its own.
static size_t nesting(StringRef text) {
  size_t depth = 0, deepest = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
    case '"':
      for (++i; i < text.size() && text[i] != '"'; ++i)
        i += text[i] == '\\';
      break;
    case '/':
      if (text.substr(i).starts_with("//"))
        i = std::min(text.find('\n', i), text.size());
      break;
    case '(':
    case '[':
    case '{':
    case '<':
      deepest = std::max(deepest, ++depth);
      break;
    case ')':
    case ']':
    case '}':
    case '>': // an arrow closes nothing; a comparison does no harm
      depth -= depth > 0 && !(text[i] == '>' && i > 0 && text[i - 1] == '-');
      break;
    default:
      break;
    }
  }
  return deepest;
}

bool ingot::isDump(StringRef path) { return path.ends_with(".mlir"); }

FailureOr<OwningOpRef<ModuleOp>> ingot::readDump(MLIRContext &context, StringRef path,
                                                 StringRef source) {
  Location loc = UnknownLoc::get(&context);
  auto text = mapFile(path);
  if (!text)
    return emitError(loc) << llvm::toString(text.takeError());
  if (nesting((*text)->getBuffer()) > kMaxNesting)
    return emitError(loc) << "'" << path << "' nests its brackets more than " << kMaxNesting
                          << " deep, which no dump does";
  text->reset();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return failure();
  // Up to the plan phase an entry is a public function.
  bool isEntry = llvm::any_of(module->getOps<func::FuncOp>(), [](func::FuncOp function) {
    return function.isPublic() && !function.isExternal();
  });
  if (!isEntry && module->getOps<plan::EntryOp>().empty())
    return emitError(loc) << "'" << path << "' holds no entry: no public function, no plan.entry";
  WeightStore &store = weightsOf(&context);
  auto sources = (*module)->getAttrOfType<ArrayAttr>("ingot.sources");
  for (auto [index, attr] : llvm::enumerate(sources ? sources.getValue() : ArrayRef<Attribute>())) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    auto name = entry ? entry.getAs<StringAttr>("path") : nullptr;
    auto expected = entry ? entry.getAs<StringAttr>("sha256") : nullptr;
    if (!name || !expected)
      return emitError(loc) << "the dump's ingot.sources entry " << index
                            << " lacks its path or sha256";
    StringRef file = index == 0 && !source.empty() ? source : name.getValue();
    auto added = store.addFile(file);
    if (!added) {
      return emitError(loc) << llvm::toString(added.takeError())
                            << "\nhint: give the model's new place with --source=FILE";
    }
    StringRef bytes = store.getSource(*added).buffer->getBuffer();
    if (llvm::toHex(Sha256::hash(bytes), /*LowerCase=*/true) != expected.getValue())
      return emitError(loc) << "'" << file << "' is not the file that the dump was made from "
                            << "(its SHA-256 differs)";
  }
  bool needsBlobs = false;
  forEachWeight(*module, [&](WeightAttr weight) { needsBlobs |= weight.getSource() < 0; });
  if (needsBlobs && failed(readBlobs(context, (path.drop_back(5) + ".blobs").str())))
    return failure();
  bool complete = true;
  forEachWeight(*module, [&](WeightAttr weight) {
    if (store.rawBytes(weight).size() == weight.getBytes())
      return;
    complete = false;
    emitError(loc) << "the bytes of constant '" << weight.getName() << "' are missing";
  });
  if (!complete)
    return failure();
  return module;
}
