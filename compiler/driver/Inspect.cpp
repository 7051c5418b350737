// `ingot inspect`: what is in a model or a program.
#include "compiler/driver/Compile.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/importers/onnx/ImportOnnx.h"
#include "compiler/importers/pt2/ImportPt2.h"
#include "ingot/runtime.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

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

/// A `.pt2` package's description, from its import: extents are those of the export.
FailureOr<ModelDescription> describePt2(MLIRContext &context, const std::string &path) {
  Options options;
  options.model = path;
  auto module = importPt2(context, options);
  if (failed(module))
    return failure();
  ModelDescription description;
  description.format = "torch.export";
  for (func::FuncOp function : (**module).getOps<func::FuncOp>()) {
    if (!function.isPublic())
      continue;
    auto describe = [](Type type, StringAttr name) {
      auto tensor = cast<RankedTensorType>(type);
      ModelDescription::Tensor result;
      result.name = name ? name.getValue().str() : "";
      llvm::raw_string_ostream(result.type) << tensor.getElementType();
      for (int64_t extent : tensor.getShape())
        result.dims.emplace_back(extent);
      return result;
    };
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
      description.inputs.push_back(
          describe(type, function.getArgAttrOfType<StringAttr>(i, "ingot.name")));
    for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
      description.outputs.push_back(
          describe(type, function.getResultAttrOfType<StringAttr>(i, "ingot.name")));
    function.walk([&](Operation *op) {
      if (isa<IngotDialect>(op->getDialect()) && !isa<ConstantOp>(op))
        ++description.operators[op->getName().getStringRef().str()];
    });
  }
  return description;
}

int printModel(const ModelDescription &model, const InspectOptions &options) {
  if (options.json) {
    llvm::json::Object operators;
    for (auto &[name, uses] : model.operators)
      operators[name] = uses;
    llvm::outs() << llvm::formatv(
        "{0:2}\n", llvm::json::Value(llvm::json::Object{{"format", model.format},
                                                        {"inputs", toJson(model.inputs)},
                                                        {"outputs", toJson(model.outputs)},
                                                        {"operators", std::move(operators)}}));
    return kDone;
  }
  llvm::outs() << "model " << options.file << "   " << model.format << '\n';
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

/// A program as the runtime sees it.
ModelDescription::Tensor describe(const ingot_tensor_info &info) {
  ModelDescription::Tensor tensor{info.name, ingot_type_name(info.type), {}};
  for (uint32_t i = 0; i < info.rank; ++i)
    tensor.dims.emplace_back(info.dims[i].lo);
  return tensor;
}

int inspectProgram(const InspectOptions &options) {
  ingot_open_options open{};
  open.struct_size = sizeof(open);
  open.verify_weights = options.verify;
  ingot_program *program = nullptr;
  ingot_error error;
  if (ingot_program_open_file(options.file.c_str(), &open, &program, &error)) {
    llvm::errs() << "error: " << error.text << '\n';
    return kUserError;
  }
  llvm::json::Array entries;
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "program " << options.file << "   for " << ingot_program_target(program) << "   arena "
      << ingot_program_arena_bytes(program) << " bytes\n";
  for (uint32_t entry = 0; entry < ingot_program_num_entries(program); ++entry) {
    std::vector<ModelDescription::Tensor> inputs, outputs;
    ingot_tensor_info info;
    for (uint32_t i = 0; i < ingot_program_num_inputs(program, entry); ++i)
      if (!ingot_program_input(program, entry, i, &info))
        inputs.push_back(describe(info));
    for (uint32_t i = 0; i < ingot_program_num_outputs(program, entry); ++i)
      if (!ingot_program_output(program, entry, i, &info))
        outputs.push_back(describe(info));
    const char *name = ingot_program_entry_name(program, entry);
    out << "entry " << name << '\n';
    for (auto &tensor : inputs)
      out << "  input   " << show(tensor) << '\n';
    for (auto &tensor : outputs)
      out << "  output  " << show(tensor) << '\n';
    llvm::json::Array steps;
    for (uint32_t step = 0; step < ingot_program_num_steps(program, entry); ++step) {
      ingot_step_info stepInfo;
      if (ingot_program_step(program, entry, step, &stepInfo))
        continue;
      std::string layers;
      for (uint32_t layer = 0; layer < stepInfo.num_layers; ++layer)
        layers +=
            (layer ? " " : "") + std::string(ingot_program_step_layer(program, entry, step, layer));
      out << llvm::formatv("  {0,4}  {1,-36}  {2,-12}  {3}\n", step, stepInfo.kernel,
                           stepInfo.target ? stepInfo.target : "", layers);
      steps.push_back(llvm::json::Object{{"kernel", stepInfo.kernel},
                                         {"target", stepInfo.target ? stepInfo.target : ""},
                                         {"layers", layers},
                                         {"flops", static_cast<int64_t>(stepInfo.flops)},
                                         {"bytes", static_cast<int64_t>(stepInfo.bytes)}});
    }
    entries.push_back(llvm::json::Object{{"name", name},
                                         {"inputs", toJson(inputs)},
                                         {"outputs", toJson(outputs)},
                                         {"steps", std::move(steps)}});
  }
  if (options.json)
    llvm::outs() << llvm::formatv(
        "{0:2}\n", llvm::json::Value(llvm::json::Object{
                       {"target", ingot_program_target(program)},
                       {"arena_bytes", static_cast<int64_t>(ingot_program_arena_bytes(program))},
                       {"entries", std::move(entries)}}));
  else
    llvm::outs() << text;
  ingot_program_close(program);
  return kDone;
}

} // namespace

int ingot::inspectCommand(const InspectOptions &options) {
  auto head = llvm::MemoryBuffer::getFileSlice(options.file, /*MapSize=*/4, /*Offset=*/0);
  if (!head) {
    llvm::errs() << "error: cannot read '" << options.file << "': " << head.getError().message()
                 << '\n';
    return kUserError;
  }
  StringRef magic = (*head)->getBuffer();
  if (magic == "\x89ING")
    return inspectProgram(options);
  if (magic.starts_with("PK\x03\x04")) {
    std::unique_ptr<MLIRContext> context = makeContext(1);
    DiagnosticPrinter printer(*context, llvm::errs());
    FailureOr<ModelDescription> model = describePt2(*context, options.file);
    return failed(model) ? kUserError : printModel(*model, options);
  }
  auto model = describeOnnx(options.file);
  if (!model) {
    llvm::errs() << "error: " << llvm::toString(model.takeError()) << '\n';
    return kUserError;
  }
  return printModel(*model, options);
}
