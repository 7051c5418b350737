// Compiles kernels for Vulkan: emits and lowers one after another, then combines them.
#include "backends/gpu/spirv/VulkanTarget.h"
#include "backends/common/KernelBody.h"
#include "backends/gpu/spirv/LowerToSpirv.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace ingot::gpu {

Claim VulkanTarget::claim(Operation *op) const { return claimOp(op, name(), DeviceLimits()); }

LogicalResult VulkanTarget::select(func::FuncOp kernel) const {
  if (failed(selectKernel(kernel)))
    return kernel.emitError("target 'vulkan' has no strategy for this kernel");
  return success();
}

namespace {

/// Lowers kernels in a context of its own, so that the model's context need not know the dialects
/// of code generation, and keeps their errors.
class Lowering {
public:
  Lowering() : context(registry(), MLIRContext::Threading::DISABLED) {
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        messages += (messages.empty() ? "" : "; ") + diagnostic.str();
      return success();
    });
  }

  LogicalResult add(func::FuncOp kernel, CompiledKernel &record) {
    messages.clear();
    OwningOpRef<ModuleOp> module = copy(kernel);
    if (!module)
      return failure();
    auto graph = *module->getOps<func::FuncOp>().begin();
    record.name = record.symbol = graph.getName().str();
    record.flops = countFlops(graph);
    record.bytes = countBytes(graph);
    record.workgroup = {kWorkgroup, 1, 1};
    graph.setName("graph." + record.name);
    OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
    FailureOr<EmittedKernel> emitted = emitKernel(builder, graph, record.name);
    if (failed(emitted))
      return failure();
    graph->erase();
    record.tiles = emitted->tiles;
    auto grid = gridFor(emitted->tiles);
    auto spirv = lowerToSpirv(*module, *emitted);
    if (failed(grid) || failed(spirv))
      return failure();
    record.grid = *grid;
    modules.push_back(std::move(*spirv));
    return success();
  }

  FailureOr<std::vector<char>> serialize() {
    messages.clear();
    return serializeSpirv(context, modules);
  }

  std::string error() const { return messages.empty() ? "compilation failed" : messages; }

private:
  static DialectRegistry registry() {
    DialectRegistry registry;
    registry.insert<IngotDialect>();
    registerSpirvDialects(registry);
    return registry;
  }

  /// A module in this context that holds the kernel alone.
  OwningOpRef<ModuleOp> copy(func::FuncOp kernel) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
    module->push_back(kernel.clone());
    std::string bytes;
    llvm::raw_string_ostream stream(bytes);
    (void)writeBytecodeToFile(*module, stream);
    return parseSourceString<ModuleOp>(bytes, ParserConfig(&context, /*verifyAfterParse=*/false));
  }

  MLIRContext context;
  std::string messages;
  std::vector<OwningOpRef<spirv::ModuleOp>> modules;
};

} // namespace

FailureOr<CompiledCode>
VulkanTarget::compile(ModuleOp module, ArrayRef<func::FuncOp> kernels, unsigned threads,
                      std::function<void(unsigned, unsigned)> progress) const {
  CompiledCode code;
  if (kernels.empty())
    return code;
  Lowering lowering;
  bool good = true;
  for (auto [i, kernel] : llvm::enumerate(kernels)) {
    CompiledKernel record;
    if (failed(lowering.add(kernel, record))) {
      func::FuncOp function = kernel;
      function.emitError("target 'vulkan': kernel '")
          << function.getName() << "': " << lowering.error();
      good = false;
    }
    code.kernels.push_back(std::move(record));
    if (progress)
      progress(i + 1, kernels.size());
  }
  if (!good)
    return failure();
  FailureOr<std::vector<char>> bytes = lowering.serialize();
  if (failed(bytes)) {
    module.emitError("target 'vulkan': ") << lowering.error();
    return failure();
  }
  code.segments.push_back(Segment{"spirv", std::move(*bytes), /*alignment=*/64});
  return code;
}

} // namespace ingot::gpu

void ingot::registerVulkanTarget(TargetRegistry &registry) {
  registry.add({"vulkan", "SPIR-V kernels for any Vulkan 1.2 device (f32)",
                [](llvm::StringRef spec) { return spec == "vulkan"; },
                [](llvm::StringRef) -> llvm::Expected<std::unique_ptr<Target>> {
                  return std::make_unique<gpu::VulkanTarget>();
                }});
}
