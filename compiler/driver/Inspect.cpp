// `ingot inspect`: what is in a model or a program.
#include "compiler/emit/Inspect.h"
#include "compiler/driver/Compile.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/importers/common/Generalize.h"
#include "compiler/importers/common/SampledDims.h"
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/pt2/ImportPt2.h"
#include "compiler/importers/pt2/Package.h"
#include "compiler/importers/tflite/ImportTflite.h"
#include "ir/graph/MapFile.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace ingot;

namespace {

std::string show(const ModelDescription::Tensor &tensor) {
  std::string text = tensor.name + ": " + tensor.type + "[";
  for (auto [index, dim] : llvm::enumerate(tensor.dims)) {
    text += index ? ", " : "";
    if (auto *extent = std::get_if<int64_t>(&dim))
      text += std::to_string(*extent);
    else
      text += std::get<std::string>(dim);
  }
  return text + "]";
}

llvm::json::Array toJson(ArrayRef<ModelDescription::Tensor> tensors) {
  llvm::json::Array list;
  for (const ModelDescription::Tensor &tensor : tensors) {
    llvm::json::Array dims;
    for (auto &dim : tensor.dims) {
      if (auto *extent = std::get_if<int64_t>(&dim))
        dims.push_back(*extent);
      else
        dims.push_back(std::get<std::string>(dim));
    }
    list.push_back(llvm::json::Object{
        {"name", tensor.name}, {"dtype", tensor.type}, {"shape", std::move(dims)}});
  }
  return list;
}

/// A `.pt2` package's description, from its import. Extents that depend on its open dims are
/// expressions of them, learned from imports at a few sizes.
FailureOr<ModelDescription> describePt2(MLIRContext &context, const std::string &path,
                                        const std::string &member) {
  Options options;
  options.model = path;
  options.member = member;
  OpenDims open;
  open.collect = true;
  auto module = importPt2(context, options, {}, nullptr, &open);
  SmallVector<RangedDim> ranged;
  for (const OpenDim &dim : open.dims) {
    constexpr int64_t kSpan = 64; // of a dim without an upper bound: only samples are taken
    int64_t low = dim.low.value_or(1);
    ranged.push_back({dim.name, {low, dim.high.value_or(low + kSpan)}});
  }
  SizeSamples samples;
  SmallVector<OwningOpRef<ModuleOp>> modules;
  if (!ranged.empty()) {
    samples = chooseSamples(ranged);
    samples.sizes.resize(samples.required);
    open.collect = false;
    open.dims.clear();
    open.anySize = true;
    for (const auto &sizes : samples.sizes) {
      options.dims = sizes;
      module = importPt2(context, options, {}, nullptr, &open);
      if (failed(module))
        return failure();
      modules.push_back(std::move(*module));
    }
    module = OwningOpRef<ModuleOp>(modules.front()->clone());
  }
  if (failed(module))
    return failure();
  SampledDims sizes(samples.sizes, samples.required);
  auto extentAt = [&](bool isInput, size_t index, int64_t dim) {
    SampledNumber numbers;
    for (auto &sample : modules) {
      auto forward = sample->lookupSymbol<func::FuncOp>("forward");
      auto types = isInput ? forward.getArgumentTypes() : forward.getResultTypes();
      auto type = cast<RankedTensorType>(types[index]);
      numbers.push_back(dim < type.getRank() ? type.getDimSize(dim) : 0);
    }
    return sizes.fit(numbers);
  };
  ModelDescription description;
  description.format = "torch.export";
  for (func::FuncOp function : (**module).getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    auto describe = [&](bool isInput, size_t index, Type type, StringAttr name) {
      auto tensor = cast<RankedTensorType>(type);
      ModelDescription::Tensor result;
      result.name = name ? name.getValue().str() : "";
      llvm::raw_string_ostream(result.type) << tensor.getElementType();
      for (auto [dim, extent] : llvm::enumerate(tensor.getShape())) {
        std::optional<DimExpr> general =
            modules.empty() ? DimExpr(extent) : extentAt(isInput, index, dim);
        if (!general)
          result.dims.emplace_back(std::string("?"));
        else if (general->isConstant())
          result.dims.emplace_back(extent);
        else
          result.dims.emplace_back(general->str());
      }
      return result;
    };
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
      description.inputs.push_back(
          describe(true, i, type, function.getArgAttrOfType<StringAttr>(i, "ingot.name")));
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      description.outputs.push_back(
          describe(false, i, type, function.getResultAttrOfType<StringAttr>(i, "ingot.name")));
    function.walk([&](Operation *op) {
      if (isa<IngotDialect>(op->getDialect()) && !isa<ConstantOp>(op))
        ++description.operators[op->getName().getStringRef().str()];
    });
  }
  return description;
}

llvm::json::Object toJson(const ModelDescription &model) {
  llvm::json::Object operators;
  for (auto &[name, uses] : model.operators)
    operators[name] = uses;
  return llvm::json::Object{{"format", model.format},
                            {"inputs", toJson(model.inputs)},
                            {"outputs", toJson(model.outputs)},
                            {"operators", std::move(operators)}};
}

int printModel(const ModelDescription &model, const InspectOptions &options,
               const std::string &member = "") {
  if (options.json) {
    llvm::outs() << llvm::formatv("{0:2}\n", llvm::json::Value(toJson(model)));
    return kDone;
  }
  llvm::outs() << "model " << options.file << (member.empty() ? "" : " entry ") << member << "   "
               << model.format << '\n';
  for (const ModelDescription::Tensor &tensor : model.inputs)
    llvm::outs() << "  input   " << show(tensor) << '\n';
  for (const ModelDescription::Tensor &tensor : model.outputs)
    llvm::outs() << "  output  " << show(tensor) << '\n';
  std::vector<std::pair<std::string, unsigned>> sorted(model.operators.begin(),
                                                       model.operators.end());
  llvm::stable_sort(sorted, [](auto &a, auto &b) { return a.second > b.second; });
  unsigned total = 0;
  for (auto &[name, uses] : sorted)
    total += uses;
  llvm::outs() << total << " operators of " << sorted.size() << " kinds\n";
  for (auto &[name, uses] : sorted)
    llvm::outs() << llvm::formatv("  {0,6}  {1}\n", uses, name);
  return kDone;
}

/// `--missing`: imports the model for what it cannot take.
int printMissing(const InspectOptions &options) {
  CompileState state;
  state.options.model = options.file;
  state.options.dims = options.dims;
  state.options.dimRanges = options.dimRanges;
  state.options.dimNames = options.dimNames;
  state.options.values = options.values;
  state.options.plugins = options.plugins;
  if (llvm::Error error = prepare(state)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return kUserError;
  }
  std::unique_ptr<MLIRContext> context = makeContext(1);
  DiagnosticPrinter printer(*context, llvm::errs());
  UnsupportedOps missing;
  if (failed(runImportPhase(*context, state, &missing)) && missing.empty())
    return kUserError;
  std::vector<UnsupportedOps::Kind> kinds = missing.sorted();
  int64_t nodes = 0;
  for (const UnsupportedOps::Kind &kind : kinds)
    nodes += static_cast<int64_t>(kind.nodes.size());
  if (options.json) {
    llvm::json::Array list;
    for (const UnsupportedOps::Kind &kind : kinds)
      list.push_back(llvm::json::Object{{"operator", kind.name},
                                        {"count", static_cast<int64_t>(kind.nodes.size())},
                                        {"layers", llvm::json::Array(kind.nodes)},
                                        {"reason", kind.reason}});
    llvm::outs() << llvm::formatv("{0:2}\n", llvm::json::Value(llvm::json::Object{
                                                 {"nodes", nodes}, {"missing", std::move(list)}}));
  } else if (kinds.empty()) {
    llvm::outs() << "every operator of " << options.file << " can be imported\n";
  } else {
    llvm::outs() << options.file << ": " << nodes
                 << (nodes == 1 ? " operator of " : " operators of ") << kinds.size()
                 << (kinds.size() == 1 ? " kind" : " kinds") << " cannot be imported\n";
    for (const UnsupportedOps::Kind &kind : kinds)
      llvm::outs() << llvm::formatv("  {0,6}  {1,-40}  {2}{3}{4}\n", kind.nodes.size(), kind.name,
                                    kind.nodes.front(), kind.reason.empty() ? "" : "   ",
                                    kind.reason);
  }
  return kinds.empty() ? kDone : kUserError;
}

} // namespace

int ingot::inspectCommand(const InspectOptions &options) {
  if (options.missing)
    return printMissing(options);
  auto file = mapFile(options.file);
  if (!file) {
    llvm::errs() << "error: " << llvm::toString(file.takeError()) << '\n';
    return kUserError;
  }
  StringRef bytes = (*file)->getBuffer();
  if (isProgramFile(bytes)) {
    llvm::Error error = inspectProgram(
        options.file, {options.json, options.disassemble, options.verify}, llvm::outs());
    if (!error)
      return kDone;
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return kUserError;
  }
  if (bytes.starts_with("PK\x03\x04")) {
    std::unique_ptr<MLIRContext> context = makeContext(1);
    DiagnosticPrinter printer(*context, llvm::errs());
    std::vector<std::string> members = pt2::pt2ModelNames(bytes);
    if (members.size() <= 1) {
      FailureOr<ModelDescription> model = describePt2(*context, options.file, "");
      return failed(model) ? kUserError : printModel(*model, options);
    }
    llvm::json::Object entries;
    for (const std::string &member : members) {
      FailureOr<ModelDescription> model = describePt2(*context, options.file, member);
      if (failed(model))
        return kUserError;
      entries[member] = toJson(*model);
      if (!options.json)
        printModel(*model, options, member);
    }
    if (options.json)
      llvm::outs() << llvm::formatv(
          "{0:2}\n", llvm::json::Value(llvm::json::Object{{"entries", std::move(entries)}}));
    return kDone;
  }
  auto model = isTfliteModel(bytes) ? describeTflite(options.file) : describeOnnx(options.file);
  if (!model) {
    llvm::errs() << "error: " << llvm::toString(model.takeError()) << '\n';
    return kUserError;
  }
  return printModel(*model, options);
}
