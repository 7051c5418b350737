// The summary of a compilation, as text and as JSON.
#include "compiler/driver/Report.h"
#include "compiler/emit/OutputFile.h"
#include "ir/plan/Plan.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;

static std::string megabytes(uint64_t bytes) {
  if (bytes < 1024 * 1024)
    return llvm::formatv("{0:f1} KiB", bytes / 1024.0).str();
  return llvm::formatv("{0:f1} MiB", bytes / 1048576.0).str();
}

void ingot::printSummary(const CompileState &state, double seconds, llvm::raw_ostream &out) {
  for (const CompileState::PhaseRecord &phase : state.phases)
    out << llvm::formatv("{0,-12}{1,-50}{2,8:f2} s\n", phase.name, phase.summary,
                         phase.milliseconds / 1000);
  bool complete = !state.options.stopAfter || *state.options.stopAfter == Phase::Emit;
  if (!complete)
    return;
  out << state.options.output << "  " << megabytes(state.emitReport.fileBytes) << " (code "
      << megabytes(state.emitReport.codeBytes) << ", weights "
      << megabytes(state.emitReport.weightBytes) << ") for";
  for (const std::unique_ptr<Target> &target : state.targets)
    out << ' ' << target->name();
  out << llvm::formatv("   {0:f2} s\n", seconds);
  if (state.fallbacks.empty()) {
    out << "every operator runs on " << state.targets.front()->name() << "; no fallback\n";
    return;
  }
  out << state.fallbacks.size() << " operators are not on " << state.targets.front()->name()
      << ":\n";
  // Ops of one kind with one reason share a line, which names the first layer.
  struct Group {
    const CompileState::Fallback *first;
    unsigned count = 0;
  };
  llvm::MapVector<std::tuple<StringRef, StringRef, StringRef>, Group> groups;
  for (const CompileState::Fallback &fallback : state.fallbacks) {
    Group &group = groups[{fallback.op, fallback.target, fallback.reason}];
    if (!group.count++)
      group.first = &fallback;
  }
  auto list = groups.takeVector();
  constexpr size_t kShown = 12;
  for (auto &[key, group] : llvm::ArrayRef(list).take_front(kShown))
    out << llvm::formatv("  {0,4}  {1,-14}  {2}   {3}{4} on {5}\n", group.count, group.first->op,
                         group.first->reason, group.first->layer, group.count > 1 ? ", …" : "",
                         group.first->target);
  if (list.size() > kShown)
    out << "  … and " << list.size() - kShown << " more kinds (--report=F.json lists all)\n";
}

static llvm::json::Object describe(ModuleOp module, const CompileState &state) {
  llvm::json::Object report;
  report["model"] = llvm::sys::path::filename(state.options.model);
  llvm::json::Array targets, phases, kernels, arenas, fallbacks;
  for (const std::unique_ptr<Target> &target : state.targets)
    targets.push_back(target->name());
  report["targets"] = std::move(targets);
  for (const CompileState::PhaseRecord &phase : state.phases)
    phases.push_back(llvm::json::Object{
        {"name", phase.name}, {"summary", phase.summary}, {"ms", phase.milliseconds}});
  report["phases"] = std::move(phases);

  for (auto kernel : module.getOps<plan::KernelOp>()) {
    llvm::json::Array layers;
    for (Attribute layer : kernel.getLayers())
      layers.push_back(cast<StringAttr>(layer).getValue());
    std::string strategy;
    if (kernel.getStrategy())
      llvm::raw_string_ostream(strategy) << *kernel.getStrategy();
    std::string target;
    if (auto segment = module.lookupSymbol<plan::SegmentOp>(kernel.getSegment()))
      target = segment.getTarget().str();
    kernels.push_back(llvm::json::Object{{"name", kernel.getSymName()},
                                         {"layers", std::move(layers)},
                                         {"target", target},
                                         {"strategy", strategy},
                                         {"flops", static_cast<int64_t>(kernel.getFlops())},
                                         {"bytes", static_cast<int64_t>(kernel.getBytes())}});
  }
  report["kernels"] = std::move(kernels);
  for (auto arena : module.getOps<plan::ArenaOp>()) {
    auto size = static_cast<int64_t>(arena.getSize());
    auto bound = static_cast<int64_t>(arena.getLowerBound());
    arenas.push_back(llvm::json::Object{
        {"space", arena.getSpace()},
        {"bytes", size},
        {"lower_bound", bound},
        {"gap", bound ? static_cast<double>(size - bound) / static_cast<double>(bound) : 0.0},
        {"peak", arena.getPeak()}});
  }
  report["arenas"] = std::move(arenas);
  for (const CompileState::Fallback &fallback : state.fallbacks)
    fallbacks.push_back(llvm::json::Object{{"op", fallback.op},
                                           {"layer", fallback.layer},
                                           {"target", fallback.target},
                                           {"reason", fallback.reason}});
  report["fallbacks"] = std::move(fallbacks);
  const EmitReport &emitted = state.emitReport;
  report["file"] = llvm::json::Object{
      {"bytes", static_cast<int64_t>(emitted.fileBytes)},
      {"code_bytes", static_cast<int64_t>(emitted.codeBytes)},
      {"weight_bytes", static_cast<int64_t>(emitted.weightBytes)},
      {"source_weight_bytes", static_cast<int64_t>(emitted.sourceWeightBytes)},
      {"packing_growth_bytes", static_cast<int64_t>(emitted.weightBytes) -
                                   static_cast<int64_t>(emitted.sourceWeightBytes)}};

  return report;
}

void ingot::printReport(ModuleOp module, const CompileState &state, raw_ostream &out) {
  out << llvm::formatv("{0:2}\n", llvm::json::Value(describe(module, state)));
}

llvm::Error ingot::writeReport(ModuleOp module, const CompileState &state, StringRef path) {
  return writeOutput(path, [&](llvm::raw_fd_ostream &out, StringRef) {
    printReport(module, state, out);
    return llvm::Error::success();
  });
}
