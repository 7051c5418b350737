// Compiles kernels for CPUs: selects strategies, emits and compiles in parallel, links one image.
#include "backends/cpu/CpuTarget.h"
#include "backends/common/KernelShell.h"
#include "backends/cpu/Image.h"
#include "backends/cpu/Lower.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Target/TargetMachine.h"
#include <atomic>
#include <mutex>
#include <thread>

using namespace mlir;

namespace ingot::cpu {

CpuTarget::CpuTarget(Isa isa) : isa(std::move(isa)) {
  registerDepthwiseStrategy(strategies);
  registerGemmStrategy(strategies);
  registerAttentionStrategy(strategies);
  registerConvStrategy(strategies);
  registerConvTransposeStrategy(strategies);
  registerGenericStrategy(strategies);
}

Claim CpuTarget::claim(Operation *op) const {
  std::string reason;
  for (const auto &strategy : strategies.all()) {
    Claim claim = strategy->claim(op, isa);
    if (claim.accepted)
      return claim;
    reason = claim.reason;
  }
  return Claim::no(reason);
}

LogicalResult CpuTarget::select(func::FuncOp kernel) const {
  auto attribute = kernel->getAttrOfType<KernelAttr>("ingot.kernel");
  DictionaryAttr overrides = attribute.getStrategy();
  auto wanted = overrides ? overrides.getAs<StringAttr>("kind") : StringAttr();
  KernelBody body = analyzeKernel(kernel);
  for (const auto &strategy : strategies.all()) {
    if (wanted && wanted.getValue() != strategy->kind())
      continue;
    std::optional<Choice> choice = strategy->select(body, isa, overrides);
    if (!choice)
      continue;
    for (const Packing &packing : choice->packings)
      if (failed(applyPacking(kernel, packing)))
        return failure();
    kernel->setAttr("ingot.kernel",
                    KernelAttr::get(kernel.getContext(), attribute.getTarget(), choice->parameters,
                                    attribute.getLayers(), choice->tiles, choice->inPlace));
    return success();
  }
  if (wanted)
    return kernel.emitError("target '") << isa.spec << "': strategy '" << wanted.getValue()
                                        << "' does not exist or does not fit this kernel";
  return kernel.emitError("target '") << isa.spec << "' has no strategy for this kernel";
}

namespace {

/// One kernel on its way through a worker thread.
struct Job {
  std::string bytecode; ///< a module that holds the graph function alone
  KernelObject object;
  CompiledKernel record;
  std::string error;
};

std::string serialize(func::FuncOp kernel) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  module->push_back(kernel.clone());
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  (void)writeBytecodeToFile(*module, stream);
  return bytes;
}

/// What one worker thread keeps from kernel to kernel.
struct Worker {
  Worker(const CpuTarget &target)
      : target(target), context(registry(), MLIRContext::Threading::DISABLED) {
    context.loadAllAvailableDialects();
    machine = target.getIsa().createTargetMachine();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        messages += (messages.empty() ? "" : "; ") + diagnostic.str();
      return success();
    });
  }

  static DialectRegistry registry() {
    DialectRegistry registry;
    registry.insert<IngotDialect>();
    registerLoweringDialects(registry);
    return registry;
  }

  void run(Job &job) {
    messages.clear();
    if (failed(compile(job)) && job.error.empty())
      job.error = messages.empty() ? "compilation failed" : messages;
  }

  LogicalResult compile(Job &job) {
    FatalErrorScope scope(job.object.name);
    const Isa &isa = target.getIsa();
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        job.bytecode, ParserConfig(&context, /*verifyAfterParse=*/false));
    if (!module)
      return failure();
    auto graph = *module->getOps<func::FuncOp>().begin();
    auto attribute = graph->getAttrOfType<KernelAttr>("ingot.kernel");
    auto kind =
        attribute.getStrategy() ? attribute.getStrategy().getAs<StringAttr>("kind") : StringAttr();
    const Strategy *strategy = kind ? target.getStrategies().lookup(kind.getValue()) : nullptr;
    if (!strategy)
      return graph.emitError("kernel has no strategy; run the codegen phase's select pass first");
    std::string name = graph.getName().str();
    unsigned operands = graph.getNumArguments();
    job.record.dims = dimCount(graph);
    job.record.flops = countFlops(graph);
    job.record.bytes = countBytes(graph);

    graph.setName("graph." + name);
    KernelBody body = analyzeKernel(graph);
    OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
    FailureOr<Emitted> emitted = strategy->emit(builder, body, isa, attribute.getStrategy(), name);
    if (failed(emitted))
      return failure();
    graph->erase();
    job.record.tiles = emitted->tiles;
    if (auto scratch = emitted->function->getAttrOfType<IntegerAttr>(scratchAttr)) {
      job.record.workerScratch = scratch.getInt();
      emitted->function->removeAttr(scratchAttr);
    }
    if (failed(lowerToLLVM(*module, emitted->function, operands, job.record.dims,
                           attribute.getInPlace(), isa)))
      return failure();
    auto object = compileToObject(*module, isa, *machine);
    if (!object) {
      job.error = llvm::toString(object.takeError()) + (messages.empty() ? "" : ": " + messages);
      return failure();
    }
    job.object.bytes = std::move(*object);
    return success();
  }

  const CpuTarget &target;
  MLIRContext context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::string messages;
};

} // namespace

FailureOr<CompiledCode> CpuTarget::compile(ModuleOp module, ArrayRef<func::FuncOp> kernels,
                                           unsigned threads,
                                           std::function<void(unsigned, unsigned)> progress) const {
  std::vector<Job> jobs(kernels.size());
  for (auto [i, job] : llvm::enumerate(jobs)) {
    func::FuncOp kernel = kernels[i];
    job.bytecode = serialize(kernel);
    job.object.name = job.record.name = kernel.getName().str();
  }
  if (!threads)
    threads = std::max(1u, std::thread::hardware_concurrency());
  threads = std::min<unsigned>(threads, std::max<size_t>(1, jobs.size()));

  std::atomic<unsigned> next{0}, done{0};
  std::mutex progressMutex;
  auto work = [&] {
    Worker worker(*this);
    for (unsigned i; (i = next++) < jobs.size();) {
      worker.run(jobs[i]);
      std::lock_guard lock(progressMutex);
      ++done;
      if (progress)
        progress(done, jobs.size());
    }
  };
  std::vector<std::thread> pool;
  for (unsigned i = 1; i < threads; ++i)
    pool.emplace_back(work);
  work();
  for (std::thread &thread : pool)
    thread.join();

  bool good = true;
  CompiledCode code;
  std::vector<KernelObject> objects;
  for (auto [i, job] : llvm::enumerate(jobs)) {
    func::FuncOp kernel = kernels[i];
    if (!job.error.empty()) {
      kernel.emitError("target '")
          << isa.spec << "': kernel '" << job.record.name << "': " << job.error;
      good = false;
    }
    objects.push_back(std::move(job.object));
    code.kernels.push_back(job.record);
  }
  if (!good)
    return failure();
  if (objects.empty())
    return code;
  auto image = linkImage(objects, isa);
  if (!image) {
    module.emitError("target '") << isa.spec << "': " << llvm::toString(image.takeError());
    return failure();
  }
  for (auto [record, entry] : llvm::zip_equal(code.kernels, image->entries))
    record.entry = entry;
  code.segments.push_back(Segment{"code", std::move(image->bytes)});
  return code;
}

} // namespace ingot::cpu

void ingot::registerCpuTargets(TargetRegistry &registry) {
  for (const cpu::IsaFamily &family : cpu::isaFamilies()) {
    std::string name = family.name;
    registry.add({name, family.description,
                  [name](llvm::StringRef spec) {
                    llvm::StringRef rest = spec;
                    return rest.consume_front(name) &&
                           (rest.empty() || rest[0] == ':' || rest[0] == '+' || rest[0] == '-');
                  },
                  [](llvm::StringRef spec) -> llvm::Expected<std::unique_ptr<Target>> {
                    auto isa = cpu::parseIsa(spec);
                    if (!isa)
                      return isa.takeError();
                    return std::make_unique<cpu::CpuTarget>(std::move(*isa));
                  }});
  }
}
