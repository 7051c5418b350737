// `ingot diff`: every kernel's result in a run of the program against the reference evaluator.
//
// The same kernels are compiled as for the program; the entry merely returns each launch's result
// beside its own. From those follow the accumulated error (the evaluator's run on the model's
// inputs) and the kernel's own error (the evaluator fed what the program really computed before
// it).
#include "compiler/driver/Compile.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/driver/LoadedProgram.h"
#include "runtime-lib/run/Arrays.h"
#include "runtime-lib/run/Values.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace mlir;
using namespace ingot;

namespace {

/// One kernel's result.
struct Row {
  std::string kernel, layers;
  double accumulated = 0, own = 0; ///< relative to the largest magnitude of the reference
  int64_t values = 0;
  std::string element;
};

/// Largest |got - want| relative to the largest finite |want|. NaN equals NaN; a difference in
/// being finite is infinite.
double relativeError(const TensorValue &got, const TensorValue &want) {
  std::vector<double> a = toDoubles(got), b = toDoubles(want);
  double difference = 0, largest = 0;
  for (auto [x, y] : llvm::zip(a, b)) {
    if (std::isfinite(y))
      largest = std::max(largest, std::abs(y));
    if (x == y || (std::isnan(x) && std::isnan(y)))
      continue;
    double distance = std::abs(x - y);
    difference = std::max(difference, std::isnan(distance) ? INFINITY : distance);
  }
  return difference == 0 ? 0 : largest > 0 ? difference / largest : INFINITY;
}

/// Deletes the temporary program at the end.
struct TemporaryFile {
  llvm::SmallString<128> path;
  ~TemporaryFile() {
    if (!path.empty())
      llvm::sys::fs::remove(path);
  }
};

llvm::Error fail(const llvm::Twine &text) { return llvm::createStringError(text); }

/// The model's inputs: from the file by name or position, or seeded random ones.
llvm::Expected<std::vector<TensorValue>> readInputs(func::FuncOp function, ingot_program *program,
                                                    const std::string &path) {
  run::ArrayFile file;
  std::string error;
  if (!path.empty() && !file.open(path, "input", error))
    return fail(error);
  std::vector<TensorValue> values;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    auto size = tensorBytes(type);
    if (!size)
      return size.takeError();
    std::vector<char> bytes(*size);
    if (path.empty()) {
      ingot_tensor_info info;
      ingot_program_input(program, 0, i, &info);
      run::fillRandom(bytes.data(), type.getNumElements(), info, /*seed=*/1 + i);
      uint32_t input = 0, element = 0;
      for (uint32_t k = 0; k < ingot_program_num_dims(program, 0); ++k) {
        ingot_dim dim;
        size_t width = ingot_type_bits(info.type) / 8;
        if (ingot_program_dim_value(program, 0, k, &input, &element) && input == i &&
            ingot_program_dim(program, 0, k, &dim) == INGOT_OK &&
            (element + 1) * width <= bytes.size())
          std::memcpy(bytes.data() + element * width, &dim.hi, width);
      }
      values.emplace_back(type, std::move(bytes));
      continue;
    }
    auto name = function.getArgAttrOfType<StringAttr>(i, "ingot.name");
    const run::ArrayEntry *entry = name ? file.find(name.getValue().str()) : nullptr;
    if (!entry)
      entry = file.find("in" + std::to_string(i));
    for (const run::ArrayEntry &candidate : file.arrays())
      if (!entry && candidate.position == static_cast<int>(i))
        entry = &candidate;
    if (!entry)
      return fail("'" + path + "' has no array for input " + llvm::Twine(i) +
                  (name ? " ('" + name.getValue() + "')" : llvm::Twine("")));
    if (ArrayRef<int64_t>(entry->dims) != type.getShape() || entry->bytes != *size)
      return fail("array '" + entry->name + "' does not fit the model's input");
    run::AlignedBytes data(nullptr, std::free);
    if (!file.load(*entry, data, error))
      return fail(error);
    std::memcpy(bytes.data(), data.get(), *size);
    values.emplace_back(type, std::move(bytes));
  }
  return values;
}

/// Lets the entry return the results of its launches too; `launches` lists them in the order of the
/// added results.
void returnAllResults(func::FuncOp function, SmallVector<LaunchOp> &launches) {
  auto ret = cast<func::ReturnOp>(function.front().getTerminator());
  SmallVector<Value> values(ret.getOperands());
  SmallVector<Attribute> names;
  OpBuilder b(ret);
  for (unsigned i = 0; i < values.size(); ++i)
    names.push_back(function.getResultAttrDict(i) ? function.getResultAttrDict(i)
                                                  : b.getDictionaryAttr({}));
  for (LaunchOp launch : function.front().getOps<LaunchOp>()) {
    for (Value result : launch.getResults()) {
      values.push_back(result);
      names.push_back(b.getDictionaryAttr(
          b.getNamedAttr("ingot.name", b.getStringAttr("kernel." + Twine(names.size())))));
    }
    launches.push_back(launch);
  }
  ret->setOperands(values);
  function.setType(b.getFunctionType(function.getArgumentTypes(), ValueRange(values).getTypes()));
  SmallVector<DictionaryAttr> dictionaries;
  for (Attribute name : names)
    dictionaries.push_back(cast<DictionaryAttr>(name));
  function.setAllResultAttrs(dictionaries);
}

/// The evaluator's result of each op of the block when every launch before it gave what the program
/// computed.
llvm::Expected<SmallVector<TensorValue>> evaluateOwn(func::FuncOp function,
                                                     ArrayRef<TensorValue> inputs,
                                                     const DenseMap<Value, TensorValue> &computed) {
  DenseMap<Value, TensorValue> values;
  for (auto [argument, input] : llvm::zip(function.getArguments(), inputs))
    values[argument] = input;
  SmallVector<TensorValue> own;
  for (Operation &op : function.front().without_terminator()) {
    SmallVector<TensorValue> operands, results;
    bool known = op.getNumRegions() == 0;
    for (Value operand : op.getOperands()) {
      known &= values.count(operand);
      if (known)
        operands.push_back(values.lookup(operand));
    }
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      auto value = constantValue(constant.getValue(), cast<RankedTensorType>(constant.getType()));
      if (!value)
        return value.takeError();
      results.push_back(std::move(*value));
    } else if (known && isa<IngotDialect>(op.getDialect()) && isPure(&op)) {
      auto evaluated = evaluateOp(&op, operands);
      if (!evaluated)
        return evaluated.takeError();
      results = std::move(*evaluated);
    }
    for (auto [index, result] : llvm::enumerate(op.getResults())) {
      bool isLaunch = isa<LaunchOp>(op);
      if (isLaunch)
        own.push_back(index < results.size() ? results[index] : TensorValue());
      if (auto found = computed.find(result); found != computed.end())
        values[result] = found->second;
      else if (index < results.size())
        values[result] = results[index];
    }
  }
  return own;
}

llvm::Expected<std::vector<Row>> compare(ModuleOp module, CompileState &state,
                                         const std::string &inputsPath) {
  func::FuncOp function;
  for (func::FuncOp candidate : module.getOps<func::FuncOp>()) {
    if (candidate.isPublic() && function)
      return fail("the model has several entries\nhint: --entry= one of " + function.getName() +
                  ", " + candidate.getName() + ", …");
    if (candidate.isPublic())
      function = candidate;
  }
  if (!function)
    return fail("the model has no entry");
  SmallVector<LaunchOp> launches;
  unsigned outputs = function.getNumResults();
  returnAllResults(function, launches);
  OwningOpRef<ModuleOp> planned(module.clone());
  TemporaryFile file;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile("ingot-diff", "ingot", file.path))
    return fail("cannot create a temporary file: " + error.message());
  state.options.output = file.path.str().str();
  if (failed(runPhase(Phase::Plan, *planned, state)) ||
      failed(runPhase(Phase::Emit, *planned, state)))
    return fail("the program for the comparison could not be made");

  LoadedProgram program;
  if (llvm::Error error = program.open(file.path.str().str()))
    return std::move(error);
  auto inputs = readInputs(function, program.get(), inputsPath);
  if (!inputs)
    return inputs.takeError();
  auto got = program.run(*inputs, function.getResultTypes());
  if (!got)
    return got.takeError();
  auto want = evaluateFunction(function, *inputs);
  if (!want)
    return want.takeError();

  DenseMap<Value, TensorValue> computed;
  unsigned at = outputs;
  for (LaunchOp launch : launches)
    for (Value result : launch.getResults())
      computed[result] = (*got)[at++];
  auto own = evaluateOwn(function, *inputs, computed);
  if (!own)
    return own.takeError();

  std::vector<Row> rows;
  at = 0;
  for (LaunchOp launch : launches) {
    for (unsigned i = 0; i < launch.getNumResults(); ++i, ++at) {
      const TensorValue &value = (*got)[outputs + at];
      Row row;
      row.kernel = launch.getKernel().str();
      row.layers = sourceName(launch.getLoc());
      row.accumulated = relativeError(value, (*want)[outputs + at]);
      row.own = (*own)[at].type ? relativeError(value, (*own)[at]) : row.accumulated;
      row.values = value.size();
      llvm::raw_string_ostream(row.element) << value.type.getElementType();
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

} // namespace

int ingot::diffCommand(const DiffOptions &options) {
  CompileState state;
  state.options = options.compile;
  state.options.stopAfter = Phase::Codegen;
  state.options.member = options.entry;
  auto report = [](llvm::Error error) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << '\n';
    return kUserError;
  };
  if (llvm::Error error = prepare(state))
    return report(std::move(error));
  std::unique_ptr<MLIRContext> context = makeContext(state.options.threads);
  DiagnosticPrinter printer(*context, llvm::errs());
  auto module = compileModule(*context, state);
  if (failed(module))
    return kUserError;
  auto rows = compare(**module, state, options.inputs);
  if (!rows)
    return report(rows.takeError());

  constexpr double kLimit = 1e-5; // DESIGN §9: f32 ops, relative to the output's scale
  auto departs = llvm::find_if(*rows, [&](const Row &row) { return !(row.own <= kLimit); });
  std::string first = departs == rows->end() ? "" : departs->layers;
  double worstAccumulated = 0;
  for (const Row &row : *rows)
    worstAccumulated = std::max(worstAccumulated, row.accumulated);
  llvm::stable_sort(*rows, [](const Row &a, const Row &b) { return a.own > b.own; });
  if (options.json) {
    llvm::json::Array list;
    auto number = [](double value) {
      return std::isfinite(value) ? llvm::json::Value(value) : llvm::json::Value("inf");
    };
    for (const Row &row : *rows)
      list.push_back(llvm::json::Object{{"kernel", row.kernel},
                                        {"layers", row.layers},
                                        {"own_error", number(row.own)},
                                        {"accumulated_error", number(row.accumulated)},
                                        {"values", row.values},
                                        {"type", row.element}});
    llvm::outs() << llvm::formatv("{0:2}\n",
                                  llvm::json::Value(llvm::json::Object{{"layers", std::move(list)},
                                                                       {"first_departure", first},
                                                                       {"limit", kLimit}}));
    return first.empty() ? kDone : kUserError;
  }
  if (options.inputs.empty())
    llvm::outs() << "random input, seed 1 (--inputs=F.npz compares on real data)\n";
  if (rows->empty()) {
    llvm::outs() << "the model runs no kernel\n";
    return kDone;
  }
  const Row &worst = rows->front();
  if (first.empty())
    llvm::outs() << llvm::formatv("all {0} kernels within {1:e0}; worst {2}: {3:e1} of the largest "
                                  "magnitude ({4}, {5} values)\n",
                                  rows->size(), kLimit, worst.layers, worst.own, worst.element,
                                  worst.values);
  else
    llvm::outs() << "the first layer that departs by more than 1e-05: " << first << '\n';
  llvm::outs() << llvm::formatv("the whole model would pass with --rtol={0:e1}\n",
                                worstAccumulated);
  constexpr size_t kShown = 10;
  llvm::outs() << "       own  accumulated  kernel                                layers\n";
  for (const Row &row : llvm::ArrayRef(*rows).take_front(kShown))
    llvm::outs() << llvm::formatv("{0,10:e1}  {1,11:e1}  {2,-36}  {3}\n", row.own, row.accumulated,
                                  row.kernel, row.layers);
  return first.empty() ? kDone : kUserError;
}
