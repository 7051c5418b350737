// Running the phases for one model, with progress, dumps and the report.
#include "compiler/driver/Compile.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/driver/Dump.h"
#include "compiler/driver/RegisterAll.h"
#include "compiler/driver/Report.h"
#include "compiler/emit/OutputFile.h"
#include "ir/plan/Plan.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <chrono>

using namespace mlir;
using namespace ingot;

std::unique_ptr<MLIRContext> ingot::makeContext(unsigned threads) {
  auto context = std::make_unique<MLIRContext>(threads == 1 ? MLIRContext::Threading::DISABLED
                                                            : MLIRContext::Threading::ENABLED);
  DialectRegistry registry;
  registerAllDialects(registry);
  context->appendDialectRegistry(registry);
  context->loadAllAvailableDialects();
  return context;
}

llvm::Error ingot::prepare(CompileState &state) {
  registerCpuTargets(state.registry.targets);
  registerVulkanTarget(state.registry.targets);
  for (const std::string &path : state.options.plugins)
    if (llvm::Error error = loadPlugin(path, state.registry))
      return error;
  for (const std::string &spec : state.options.targets) {
    constexpr size_t kMaxSpec = 1024;
    if (spec.size() > kMaxSpec)
      return llvm::createStringError("target '" + spec.substr(0, 40) + "…' has " +
                                     llvm::Twine(spec.size()) + " characters, expected at most " +
                                     llvm::Twine(kMaxSpec));
    if (spec.find('/') != std::string::npos)
      return llvm::createStringError(
          "target '" + spec +
          "': alternatives that are chosen at load are not supported yet\nhint: compile a program "
          "for each, or name the older of them");
    auto target = state.registry.targets.create(spec);
    if (!target)
      return target.takeError();
    if (state.findTarget((*target)->name()))
      return llvm::createStringError("target '" + (*target)->name() + "' is given twice");
    state.targets.push_back(std::move(*target));
  }
  return llvm::Error::success();
}

namespace {
/// Measures a phase and records it.
class PhaseTimer {
public:
  PhaseTimer(CompileState &state, Phase phase)
      : state(state), phase(phase), start(std::chrono::steady_clock::now()) {}
  ~PhaseTimer() {
    std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    state.phases.push_back({phaseName(phase).str(), "", elapsed.count()});
  }

private:
  CompileState &state;
  Phase phase;
  std::chrono::steady_clock::time_point start;
};
} // namespace

FailureOr<OwningOpRef<ModuleOp>> ingot::compileModule(MLIRContext &context, CompileState &state) {
  const Options &options = state.options;
  auto finish = [&](ModuleOp module, Phase phase) -> LogicalResult {
    if (options.progress)
      options.progress(phaseName(phase).data(), 1, 1);
    return options.dumpDirectory.empty() ? success()
                                         : dumpPhase(module, phase, options.dumpDirectory);
  };
  OwningOpRef<ModuleOp> module;
  unsigned next = 0;
  if (isDump(options.model)) {
    auto read = readDump(context, options.model, options.source);
    if (failed(read))
      return failure();
    module = std::move(*read);
    Phase from = options.startFrom.value_or(Phase::Normalize);
    next = static_cast<unsigned>(from);
    if (from == Phase::Import)
      return emitError(UnknownLoc::get(&context))
             << "a dump is imported already; start from a later phase";
    if (from == Phase::Emit && module->getOps<plan::EntryOp>().empty())
      return emitError(UnknownLoc::get(&context))
             << "'" << options.model << "' holds no plan to emit; start from an earlier phase";
  } else {
    if (options.startFrom && *options.startFrom != Phase::Import)
      return emitError(UnknownLoc::get(&context))
             << "--start-from resumes a dump (NN-phase.mlir), but '" << options.model
             << "' is a model\nhint: write dumps with --dump-phases=DIR";
    {
      PhaseTimer timer(state, Phase::Import);
      auto imported = runImportPhase(context, state);
      if (failed(imported))
        return failure();
      module = std::move(*imported);
      if (failed(runPhase(Phase::Import, *module, state)))
        return failure();
    }
    if (failed(finish(*module, Phase::Import)))
      return failure();
    next = 1;
  }
  for (unsigned index = next; index < kPhaseCount; ++index) {
    auto phase = static_cast<Phase>(index);
    if (options.stopAfter && index > static_cast<unsigned>(*options.stopAfter))
      break;
    // Code is not in dumps: a compilation that resumes behind codegen makes it again from the
    // kernels.
    if (index > static_cast<unsigned>(Phase::Codegen) && state.code.empty() &&
        failed(runCodegenPhase(*module, state)))
      return failure();
    {
      PhaseTimer timer(state, phase);
      if (failed(runPhase(phase, *module, state)))
        return failure();
    }
    if (phase != Phase::Emit && failed(finish(*module, phase)))
      return failure();
  }
  return module;
}

/// "model.pt2" → "model.ingot", in the working directory.
static std::string defaultOutput(StringRef model) {
  return (llvm::sys::path::stem(model) + ".ingot").str();
}

int ingot::compileCommand(const Options &given) {
  llvm::raw_ostream &out = llvm::outs(), &err = llvm::errs();
  auto start = std::chrono::steady_clock::now();
  CompileState state;
  state.options = given;
  Options &options = state.options;
  if (options.output.empty())
    options.output = defaultOutput(options.model);
  llvm::Error refused = prepare(state);
  // What can be known of the outputs is said before the work, not after it.
  if (!refused && options.stopAfter.value_or(Phase::Emit) == Phase::Emit)
    refused = checkOutput(options.output);
  bool printsReport = options.report == kReportToOutput;
  if (!refused && !options.report.empty() && !printsReport)
    refused = checkOutput(options.report);
  if (refused) {
    err << "error: " << llvm::toString(std::move(refused)) << '\n';
    return kUserError;
  }
  if (out.is_displayed() && !printsReport) {
    options.progress = [&out](const char *phase, unsigned done, unsigned total) {
      if (total > 1)
        out << llvm::formatv("\r{0,-12}{1}/{2}", phase, done, total) << (done == total ? "\n" : "");
      out.flush();
    };
  }
  std::unique_ptr<MLIRContext> context = makeContext(options.threads);
  DiagnosticPrinter printer(*context, err);
  auto module = compileModule(*context, state);
  if (failed(module)) {
    if (!printer.hasErrors()) {
      err << "error: internal: a phase failed without saying why; please report this\n";
      return kInternalError;
    }
    return kUserError;
  }
  std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (printsReport) {
    printReport(**module, state, out);
    return kDone;
  }
  if (!options.report.empty()) {
    if (llvm::Error error = writeReport(**module, state, options.report)) {
      err << "error: " << llvm::toString(std::move(error)) << '\n';
      return kUserError;
    }
  }
  printSummary(state, elapsed.count(), out);
  return kDone;
}
