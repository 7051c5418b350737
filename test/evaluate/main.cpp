// Imports models and evaluates them with the reference evaluator, then compiles them for this
// machine and runs the program, both against expected arrays: what tests of importers and kernels
// run.
//
//   evaluate < JOBS
//
// A job is a line of tab-separated fields: name, model, inputs, expected, relative tolerance,
// absolute tolerance, then any number of DIM=EXTENT, of `value INPUT=N,N,…` (what an input holds,
// given to the importer where it asks for that), `then=FILE` for each further call of a model with
// state (FILE holds inputs and expected), and `only` where the evaluation is all. Inputs and
// expected are .npz files (`in0`, `out0` or the model's names) or folders of TensorProto files.
// Each job runs in a process of its own and prints a line for the evaluation and, when that
// succeeds, one for the program, whose name ends in /compiled: `PASS name: error, N of M integers
// differ`, or `FAIL name: why`.
#include "compiler/driver/Compile.h"
#include "compiler/driver/LoadedProgram.h"
#include "compiler/importers/common/GraphBuilder.h"
#include "ir/graph/ValueDims.h"
#include "mlir/IR/MLIRContext.h"
#include "runtime-lib/run/Arrays.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include <cmath>
#include <cstdio>
#include <iostream>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace ingot;

namespace {

struct Job {
  std::string name, model, inputs, expected;
  std::vector<std::string> then; ///< inputs and expected of further calls
  double rtol = 1e-5, atol = 0;
  bool compiles = true;
  Options options;
  std::vector<std::pair<std::string, std::vector<int64_t>>> values; ///< of inputs
};

int fail(const Job &job, const llvm::Twine &why) {
  std::string line = why.str();
  for (char &c : line)
    c = c == '\n' ? ' ' : c;
  std::printf("FAIL %s: %s\n", job.name.c_str(), line.c_str());
  return 1;
}

/// A handler that appends what is reported to `errors`.
auto collect(std::string &errors) {
  return [&errors](Diagnostic &diagnostic) {
    errors += diagnostic.str() + " ";
    for (Diagnostic &note : diagnostic.getNotes())
      errors += "(" + note.str() + ") ";
    return success();
  };
}

/// Finds `name`, or `prefix`N, or the file numbered N.
const run::ArrayEntry *findArray(const run::ArrayFile &file, StringRef name, StringRef prefix,
                                 size_t position) {
  if (const run::ArrayEntry *entry = file.find((prefix + std::to_string(position)).str()))
    return entry;
  if (const run::ArrayEntry *entry = file.find(name.str()))
    return entry;
  for (const run::ArrayEntry &entry : file.arrays())
    if (entry.position == static_cast<int>(position))
      return &entry;
  return nullptr;
}

std::optional<TensorValue> load(const run::ArrayFile &file, const run::ArrayEntry &entry,
                                RankedTensorType type, std::string &error) {
  FailureOr<uint64_t> size = failure();
  if (auto bytes = tensorBytes(type))
    size = *bytes;
  else
    error = llvm::toString(bytes.takeError());
  if (failed(size))
    return std::nullopt;
  if (ArrayRef<int64_t>(entry.dims) != type.getShape() || *size != entry.bytes) {
    error = "array '" + entry.name + "' does not fit the model's type";
    return std::nullopt;
  }
  run::AlignedBytes values(nullptr, std::free);
  if (!file.load(entry, values, error))
    return std::nullopt;
  const char *data = reinterpret_cast<const char *>(values.get());
  return TensorValue(type, std::vector<char>(data, data + *size));
}

/// What the calls of a job have shown so far.
struct Comparison {
  double worst = 0;
  size_t unequal = 0, elements = 0;
  std::string problem;

  /// How far `results` of `forward` are from the arrays of `expected`; nonzero after an error.
  int add(const Job &job, func::FuncOp forward, ArrayRef<TensorValue> results,
          const run::ArrayFile &expected);
  /// Prints the job's line; nonzero when something was too far.
  int report(const Job &job) const;
};

int Comparison::add(const Job &job, func::FuncOp forward, ArrayRef<TensorValue> results,
                    const run::ArrayFile &expected) {
  std::string error;
  SmallVector<CountedDim> counted = countedDims(forward->getParentOfType<ModuleOp>());
  for (auto [i, padded] : llvm::enumerate(results)) {
    TensorValue result = padded;
    StringRef name = cast<StringAttr>(forward.getResultAttr(i, "ingot.name")).getValue();
    const run::ArrayEntry *entry = findArray(expected, name, "out", i);
    if (!entry)
      continue; // an output that the reference does not hold
    // The evaluator gives the most there can be.
    bool isCounted = llvm::any_of(counted, [&](const CountedDim &dim) {
      return dim.output == static_cast<int64_t>(i) && padded.type == forward.getResultTypes()[i];
    });
    auto wanted = RankedTensorType::get(entry->dims, padded.type.getElementType());
    if (isCounted && wanted.getNumElements() <= padded.size())
      result =
          TensorValue(wanted, std::vector<char>(padded.raw().begin(),
                                                padded.raw().begin() +
                                                    wanted.getNumElements() * padded.raw().size() /
                                                        std::max<int64_t>(padded.size(), 1)));
    std::optional<TensorValue> want = load(expected, *entry, result.type, error);
    if (!want)
      return fail(job, error + " (it gives " + shapeName(result.shape()) + " of " +
                           elementName(result.type.getElementType()) + ")");
    std::vector<double> got = toDoubles(result), should = toDoubles(*want);
    double largest = 0, difference = 0;
    bool isInteger = isa<IntegerType>(result.type.getElementType());
    elements += isInteger ? got.size() : 0;
    for (size_t j = 0; j < got.size(); ++j) {
      if (got[j] == should[j] || (std::isnan(got[j]) && std::isnan(should[j])))
        continue;
      unequal += isInteger;
      double distance = std::abs(got[j] - should[j]);
      difference = std::max(difference, std::isnan(distance) ? INFINITY : distance);
    }
    for (double value : should)
      largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
    worst = std::max(worst, largest > 0 ? difference / largest : difference);
    if (difference > job.atol + job.rtol * largest)
      problem += llvm::formatv("output {0} '{1}' differs by {2:e} of {3:e}; ", i, name, difference,
                               largest)
                     .str();
  }
  return 0;
}

int Comparison::report(const Job &job) const {
  if (!problem.empty())
    return fail(job, problem);
  std::printf("PASS %s: %.3g, %zu of %zu integers differ\n", job.name.c_str(), worst, unequal,
              elements);
  return 0;
}

/// Compiles the job's model for this machine as `ingot compile` does.
llvm::Error compileJob(const Job &job, LoadedProgram &program) {
  CompileState state;
  state.options = job.options;
  state.options.threads = 1;
  SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile("ingot-test", "ingot", path))
    return llvm::createStringError("cannot create a temporary file: " + error.message());
  llvm::FileRemover remover(path);
  state.options.output = path.str().str();
  if (llvm::Error error = prepare(state))
    return error;
  std::unique_ptr<MLIRContext> context = makeContext(1);
  std::string errors;
  ScopedDiagnosticHandler handler(context.get(), collect(errors));
  if (failed(compileModule(*context, state)))
    return llvm::createStringError("compile: " + errors);
  return program.open(state.options.output);
}

/// The inputs of `forward` from a file.
llvm::Expected<std::vector<TensorValue>> loadInputs(func::FuncOp forward,
                                                    const run::ArrayFile &file) {
  std::vector<TensorValue> arguments;
  std::string error;
  for (unsigned i = 0; i < forward.getNumArguments(); ++i) {
    StringRef name = cast<StringAttr>(forward.getArgAttr(i, "ingot.name")).getValue();
    const run::ArrayEntry *entry = findArray(file, name, "in", i);
    if (!entry)
      return llvm::createStringError("no array for input '" + name + "'");
    std::optional<TensorValue> value =
        load(file, *entry, cast<RankedTensorType>(forward.getArgumentTypes()[i]), error);
    if (!value)
      return llvm::createStringError(error);
    arguments.push_back(*value);
  }
  return arguments;
}

int runJob(Job job) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  std::string errors;
  ScopedDiagnosticHandler handler(&context, collect(errors));
  CompileState state;
  state.options = job.options;
  FailureOr<OwningOpRef<ModuleOp>> module = runImportPhase(context, state);
  // What an input holds is given where the importer asks for it, which may be one by one.
  while (failed(module)) {
    size_t given = job.options.values.size();
    for (auto &[input, elements] : job.values) {
      if (errors.find("--value " + input + "=") == std::string::npos)
        continue;
      for (auto [e, element] : llvm::enumerate(elements))
        job.options.values.push_back({input, e, element, element});
      elements.clear();
    }
    if (given == job.options.values.size())
      break;
    errors.clear();
    state.options = job.options;
    module = runImportPhase(context, state);
  }
  if (failed(module))
    return fail(job, "import: " + errors);
  auto forward = (*module)->lookupSymbol<func::FuncOp>("forward");

  /// Runs every call by `run` and reports.
  auto calls = [&](auto run) {
    Comparison comparison;
    for (size_t call = 0; call <= job.then.size(); ++call) {
      const std::string &from = call ? job.then[call - 1] : job.inputs;
      const std::string &to = call ? job.then[call - 1] : job.expected;
      run::ArrayFile inputs, expected;
      std::string error;
      if (!inputs.open(from, "input", error) || !expected.open(to, "output", error))
        return fail(job, error);
      llvm::Expected<std::vector<TensorValue>> arguments = loadInputs(forward, inputs);
      if (!arguments)
        return fail(job, llvm::toString(arguments.takeError()));
      auto results = run(*arguments);
      if (!results)
        return fail(job, llvm::toString(results.takeError()));
      if (comparison.add(job, forward, *results, expected))
        return 1;
    }
    return comparison.report(job);
  };
  Evaluator evaluator(**module);
  if (calls([&](ArrayRef<TensorValue> arguments) -> llvm::Expected<SmallVector<TensorValue>> {
        auto results = evaluator.run(forward, arguments);
        if (!results)
          return llvm::createStringError("evaluate: " + llvm::toString(results.takeError()));
        return results;
      }))
    return 1;

  if (!job.compiles)
    return 0;
  job.name += "/compiled";
  LoadedProgram program;
  if (llvm::Error error = compileJob(job, program))
    return fail(job, llvm::toString(std::move(error)));
  return calls([&](ArrayRef<TensorValue> arguments) {
    return program.run(arguments, forward.getResultTypes());
  });
}

} // namespace

int main() {
  bool failures = false;
  for (std::string line; std::getline(std::cin, line);) {
    SmallVector<StringRef> fields;
    StringRef(line).split(fields, '\t');
    if (fields.size() < 6) {
      std::fprintf(stderr, "error: a job needs 6 fields: %s\n", line.c_str());
      return 2;
    }
    Job job;
    job.name = fields[0].str();
    job.model = fields[1].str();
    job.inputs = fields[2].str();
    job.expected = fields[3].str();
    job.rtol = std::stod(fields[4].str());
    job.atol = std::stod(fields[5].str());
    job.options.model = job.model;
    for (StringRef dim : ArrayRef(fields).drop_front(6)) {
      if (dim == "only") {
        job.compiles = false;
        continue;
      }
      if (dim.consume_front("then=")) {
        job.then.push_back(dim.str());
        continue;
      }
      if (dim.consume_front("value ")) {
        auto [name, numbers] = dim.rsplit('=');
        job.values.push_back({name.str(), {}});
        for (StringRef number : llvm::split(numbers, ','))
          number.getAsInteger(10, job.values.back().second.emplace_back());
        continue;
      }
      auto [name, extent] = dim.rsplit('=');
      extent.getAsInteger(10, job.options.dims[name.str()]);
    }
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      int code = runJob(job);
      std::fflush(stdout);
      _exit(code);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status)) {
      std::printf("FAIL %s: crashed with signal %d\n", job.name.c_str(), WTERMSIG(status));
    }
    failures |= !WIFEXITED(status) || WEXITSTATUS(status);
  }
  return failures;
}
