// Phase 1: a model file becomes a graph. The file's content, not its name, says what it is.
#include "compiler/emit/Inspect.h"
#include "compiler/importers/common/Generalize.h"
#include "compiler/importers/common/JoinEntries.h"
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/pt2/ImportPt2.h"
#include "compiler/importers/pt2/Package.h"
#include "compiler/importers/tflite/ImportTflite.h"
#include "compiler/pipeline/Phases.h"
#include "ir/graph/MapFile.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace mlir;
using namespace ingot;

/// Above any extent of a real model.
static constexpr int64_t kMaxExtent = int64_t(1) << 40;
static constexpr size_t kMaxEntryName = 64;

/// The range of a dim that nothing gives an extent: the user's, else the file's. Error: neither
/// has an upper bound, or they do not fit.
static FailureOr<RangedDim> rangeOf(Location loc, const Options &options, const OpenDim &dim,
                                    std::set<std::string> &used) {
  auto given = options.dimRanges.find(dim.name);
  for (const std::string &alias : dim.aliases)
    if (given == options.dimRanges.end())
      given = options.dimRanges.find(alias);
  int64_t low = dim.low.value_or(0), high = dim.high.value_or(kMaxExtent);
  std::string place = " (dim " + std::to_string(dim.index) + " of input '" + dim.input + "')";
  std::string allowed =
      std::to_string(low) + ".." + (dim.high ? std::to_string(*dim.high) : std::string());
  if (given != options.dimRanges.end()) {
    used.insert(given->first);
    auto [from, to, step] = given->second;
    if (from < low || to > high)
      return emitError(loc) << "dim '" << given->first << "' is set to " << from << ".." << to
                            << ", but the model allows " << allowed,
             failure();
    return RangedDim{dim.name, {from / step, to / step}, step};
  }
  if (!dim.high) {
    InFlightDiagnostic diagnostic = emitError(loc)
                                    << "dim '" << dim.name << "'" << place << " has no extent"
                                    << (dim.low ? ", and the model no upper bound for it" : "");
    diagnostic.attachNote() << "hint: compile with --dim " << dim.name << "=N, or --dim "
                            << dim.name << "=" << std::max<int64_t>(low, 1)
                            << "..HI for a program that takes every size of a range";
    return diagnostic;
  }
  return RangedDim{dim.name, {low, high}};
}

/// A value's range and a size of the same name would contradict each other.
static LogicalResult checkValues(Location loc, const Options &options) {
  for (const Options::ValueRange &value : options.values)
    for (const auto &[name, extent] : options.dims) {
      StringRef rest = name;
      uint64_t element;
      if (value.low < value.high && rest.consume_front(value.input) &&
          (rest.empty() || (rest.consume_front(".") && !rest.getAsInteger(10, element))))
        return emitError(loc) << "--dim " << name << " and --value " << value.input
                              << " say the same; expected one of them";
    }
  return success();
}

/// Imports the file at `path` for the extents of `options`.
using Importer = llvm::function_ref<FailureOr<OwningOpRef<ModuleOp>>(const Options &, OpenDims *)>;

/// What `given` says of one entry: dims called `ENTRY.dim` are that entry's `dim`, and those of
/// others are not for it.
static Options optionsFor(const Options &given, const std::string &entry) {
  Options options = given;
  auto own = [&](auto &dims) {
    auto all = std::exchange(dims, {});
    for (auto &[name, value] : all) {
      auto [prefix, rest] = StringRef(name).split('.');
      bool isEntry = llvm::any_of(given.entries, [&, prefix = prefix](const Options::Entry &other) {
        return other.name == prefix;
      });
      if (prefix == entry && !rest.empty())
        dims[rest.str()] = value;
      else if (!isEntry)
        dims.insert({name, value});
    }
  };
  own(options.dims);
  own(options.dimRanges);
  own(options.dimNames);
  return options;
}

/// Runs an importer. An error says which of the file's own extents are not taken: they may be built
/// into the layer that fails.
static FailureOr<OwningOpRef<ModuleOp>> importOpened(MLIRContext &context, const Options &options,
                                                     OpenDims &open, Importer run) {
  open.opened.clear();
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && !open.opened.empty())
      diagnostic.attachNote() << "hint: the file fixes " << llvm::join(open.opened, ", ")
                              << "; this layer may rely on it";
    return failure();
  });
  return run(options, &open);
}

/// Runs an importer, for a range of sizes where the model has open dims.
static FailureOr<OwningOpRef<ModuleOp>> importDims(MLIRContext &context, const Options &options,
                                                   bool onlyMissing, Importer importer) {
  Location loc = UnknownLoc::get(&context);
  if (failed(checkValues(loc, options)))
    return failure();
  auto run = [&](const Options &at, OpenDims *open) {
    OpenDims none;
    return importOpened(context, at, open ? *open : none, importer);
  };
  OpenDims open;
  open.collect = true;
  auto fixed = run(options, &open);
  // What inputs hold comes first: at one of the values it is seen which extents are open.
  SmallVector<RangedDim> dims;
  for (const OpenDim &dim : open.dims)
    if (dim.isValue)
      dims.push_back({dim.name, {*dim.low, *dim.high}, /*step=*/1, /*isValue=*/true});
  if (!dims.empty()) {
    Options at = options;
    auto numbers = chooseSamples(dims).sizes.front();
    at.dims.insert(numbers.begin(), numbers.end());
    open.dims.clear();
    fixed = run(at, &open);
  }
  bool fits = options.dimRanges.empty() && (succeeded(fixed) || open.dims.empty());
  if ((fits && dims.empty()) || (failed(fixed) && open.dims.empty()))
    return fixed;
  // Without any range the importer says best what is missing.
  bool bounded = llvm::all_of(open.dims, [](const OpenDim &dim) { return dim.high.has_value(); });
  if (failed(fixed) && options.dimRanges.empty() && !bounded && !onlyMissing)
    return run(options, nullptr);
  std::set<std::string> used;
  for (const OpenDim &dim : open.dims) {
    // A file's own extent stays unless a range is asked for.
    bool asked = options.dimRanges.contains(dim.name) ||
                 llvm::any_of(dim.aliases, [&](const std::string &alias) {
                   return options.dimRanges.contains(alias);
                 });
    if (succeeded(fixed) && !asked)
      continue;
    // What cannot be imported is the same at every size.
    if (onlyMissing && !asked && !dim.high) {
      dims.push_back({dim.name, {dim.low.value_or(0), kMaxExtent}});
      continue;
    }
    FailureOr<RangedDim> range = rangeOf(loc, options, dim, used);
    if (failed(range))
      return failure();
    dims.push_back(*range);
  }
  for (const auto &[name, range] : options.dimRanges) {
    if (used.contains(name))
      continue;
    InFlightDiagnostic diagnostic = emitError(loc) << "the model has no dim named '" << name << "'";
    std::string names;
    for (const OpenDim &dim : open.dims)
      names += (names.empty() ? "" : ", ") + dim.name;
    diagnostic.attachNote() << (names.empty() ? "hint: all extents of its inputs are fixed; "
                                                "INPUT.dimN opens one"
                                              : "hint: its dims are " + names);
    return diagnostic;
  }
  OpenDims sampled;
  sampled.anySize = true;
  auto importAt = [&](const std::map<std::string, int64_t> &extents) {
    Options at = options;
    for (const RangedDim &dim : dims)
      at.dims.try_emplace(dim.name, extents.at(dim.name) * dim.step);
    return run(at, &sampled);
  };
  if (onlyMissing)
    return importAt(chooseSamples(dims).sizes.front());
  return generalize(context, dims, importAt);
}

static LogicalResult importEntries(MLIRContext &context, CompileState &state,
                                   const Options &options, UnsupportedOps *missing,
                                   SmallVectorImpl<ImportedEntry> &entries);

/// One model as a module whose function is @forward; of an archive with several, those that
/// `options` names, or all of them as entries.
static LogicalResult importModel(MLIRContext &context, CompileState &state, const Options &options,
                                 const std::string &entry, UnsupportedOps *missing,
                                 SmallVectorImpl<ImportedEntry> &entries) {
  const std::string &path = options.model;
  Location loc = UnknownLoc::get(&context);
  auto file = mapFile(path);
  if (!file)
    return emitError(loc) << llvm::toString(file.takeError());
  StringRef bytes = (*file)->getBuffer();
  if (isProgramFile(bytes))
    return emitError(loc) << "'" << path << "' is a program already, not a model"
                          << "\nhint: `ingot run` runs it, `ingot inspect` shows what is in it";
  bool isArchive = bytes.starts_with("PK\x03\x04");
  std::vector<std::string> models;
  if (isArchive && options.member.empty())
    models = pt2::pt2ModelNames(bytes);
  if (models.size() > 1 && !entry.empty())
    return emitError(loc) << "'" << path << "' holds the models " << llvm::join(models, ", ")
                          << ", expected one for the entry '" << entry
                          << "'\nhint: give the archive alone: each model becomes an entry";
  if (models.size() > 1) {
    Options named = options;
    for (const std::string &model : models)
      named.entries.push_back({model, path, model});
    return importEntries(context, state, named, missing, entries);
  }
  auto module = importDims(context, options, missing, [&](const Options &options, OpenDims *open) {
    if (isArchive)
      return importPt2(context, options, state.registry.pt2Ops, missing, open);
    if (isTfliteModel(bytes))
      return importTflite(context, options, missing, open);
    return importOnnx(context, options, state.registry.onnxOps, missing, open);
  });
  if (failed(module))
    return failure();
  entries.push_back({entry, std::move(*module)});
  return success();
}

/// The models of `options.entries`. With `missing` all of them are looked at, whatever one lacks.
static LogicalResult importEntries(MLIRContext &context, CompileState &state,
                                   const Options &options, UnsupportedOps *missing,
                                   SmallVectorImpl<ImportedEntry> &entries) {
  LogicalResult result = success();
  auto import = [&](const Options::Entry &entry, const std::set<std::string> &variables,
                    SmallVectorImpl<ImportedEntry> &into) {
    Options part = optionsFor(options, entry.name);
    part.model = entry.model;
    part.member = entry.member;
    part.variables = variables;
    if (failed(importModel(context, state, part, entry.name, missing, into)))
      result = failure();
    return succeeded(result);
  };
  std::set<std::string> variables;
  for (const Options::Entry &entry : options.entries) {
    if (!import(entry, {}, entries) && !missing)
      return failure();
    if (succeeded(result))
      for (auto variable : entries.back().module->getOps<VariableOp>())
        variables.insert(variable.getSymName().str());
  }
  if (failed(result))
    return failure();
  // What one entry changes and another only reads is state to both.
  for (auto [entry, imported] : llvm::zip_equal(options.entries, entries)) {
    auto own = imported.module->getOps<VariableOp>();
    if (static_cast<size_t>(std::distance(own.begin(), own.end())) == variables.size())
      continue;
    SmallVector<ImportedEntry> again;
    if (!import(entry, variables, again))
      return failure();
    imported.module = std::move(again.front().module);
  }
  return success();
}

FailureOr<OwningOpRef<ModuleOp>> ingot::runImportPhase(MLIRContext &context, CompileState &state,
                                                       UnsupportedOps *missing) {
  const Options &options = state.options;
  SmallVector<ImportedEntry> entries;
  if (failed(options.entries.empty() ? importModel(context, state, options, "", missing, entries)
                                     : importEntries(context, state, options, missing, entries)))
    return failure();
  if (entries.front().name.empty())
    return std::move(entries.front().module);
  std::set<StringRef> names;
  for (const ImportedEntry &entry : entries) {
    auto isPlain = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.' || c == '-'; };
    if (entry.name.size() > kMaxEntryName || !llvm::all_of(entry.name, isPlain))
      return emitError(UnknownLoc::get(&context))
             << "'" << StringRef(entry.name).take_front(kMaxEntryName)
             << "' cannot name an entry: expected at most " << kMaxEntryName
             << " letters, digits, '_', '.' and '-'";
    if (!names.insert(entry.name).second)
      return emitError(UnknownLoc::get(&context))
             << "two models are called '" << entry.name << "'\nhint: name each: A=MODEL B=MODEL";
  }
  return joinEntries(entries);
}
