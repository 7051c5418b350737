// MLIR to LLVM dialect to LLVM IR to object code, for one kernel.
#include "backends/cpu/Lower.h"
#include "backends/common/ExpandMath.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "runtime-lib/include/ingot/kernel_abi.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;

namespace ingot::cpu {

void registerLoweringDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                  index::IndexDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                  scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

/// Replaces each memref argument of `function` by a bare pointer, and index arguments by integers.
static void useBarePointers(func::FuncOp function, unsigned operands, ArrayRef<int64_t> inPlace,
                            const Isa &isa) {
  MLIRContext *context = function.getContext();
  OpBuilder b = OpBuilder::atBlockBegin(&function.front());
  Location loc = function.getLoc();
  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(isa.indexBits);
  LLVMTypeConverter converter(context, options);
  auto pointer = LLVM::LLVMPointerType::get(context);
  SmallVector<bool> shared(function.getNumArguments(), false);
  for (size_t i = 0; i + 1 < inPlace.size(); i += 2)
    shared[operands + inPlace[i]] = shared[inPlace[i + 1]] = true;

  SmallVector<Type> types;
  for (BlockArgument argument : function.getArguments()) {
    auto memref = dyn_cast<MemRefType>(argument.getType());
    if (!memref) {
      types.push_back(argument.getType());
      continue;
    }
    types.push_back(pointer);
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : argument.getUses())
      uses.push_back(&use);
    argument.setType(pointer);
    function.removeArgAttr(argument.getArgNumber(), "llvm.noalias");
    if (!shared[argument.getArgNumber()])
      function.setArgAttr(argument.getArgNumber(), "llvm.noalias", b.getUnitAttr());
    function.setArgAttr(argument.getArgNumber(), "llvm.noundef", b.getUnitAttr());
    if (uses.empty())
      continue;
    Value descriptor;
    if (memref.hasStaticShape()) {
      descriptor = MemRefDescriptor::fromStaticShape(b, loc, converter, memref, argument);
    } else { // scratch, or dynamic extents: nobody asks for its own
      auto built = MemRefDescriptor::poison(b, loc, converter.convertType(memref));
      built.setAllocatedPtr(b, loc, argument);
      built.setAlignedPtr(b, loc, argument);
      built.setConstantOffset(b, loc, 0);
      Type indexType = converter.getIndexType();
      built.setSize(
          b, loc, 0,
          LLVM::ConstantOp::create(b, loc, indexType, b.getIntegerAttr(indexType, INT32_MAX)));
      built.setConstantStride(b, loc, 0, 1);
      descriptor = built;
    }
    Value buffer = UnrealizedConversionCastOp::create(b, loc, memref, descriptor).getResult(0);
    for (OpOperand *use : uses)
      use->set(buffer);
  }
  function.setFunctionType(b.getFunctionType(types, TypeRange()));
}

/// The function that the runtime calls: loads everything from the call block and calls `inner`.
static void createEntry(ModuleOp module, StringRef name, StringRef inner, unsigned buffers,
                        unsigned dims, const Isa &isa) {
  MLIRContext *context = module.getContext();
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  auto pointer = LLVM::LLVMPointerType::get(context);
  auto word = b.getIntegerType(isa.indexBits);
  auto entry = LLVM::LLVMFuncOp::create(
      b, loc, name, LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {pointer}));
  Block *block = entry.addEntryBlock(b);
  b.setInsertionPointToStart(block);
  Value args = block->getArgument(0);
  int64_t wordBytes = isa.indexBits / 8;
  auto load = [&](Type type, Value base, int64_t offset) -> Value {
    Value at = LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), base,
                                   ArrayRef<LLVM::GEPArg>{int32_t(offset)});
    return LLVM::LoadOp::create(b, loc, type, at);
  };
  SmallVector<Value> values;
  Value list = load(pointer, args, 0);
  for (unsigned i = 0; i < buffers; ++i)
    values.push_back(load(pointer, list, i * wordBytes));
  values.push_back(load(pointer, args, 2 * wordBytes));
  if (dims) {
    Value extents = load(pointer, args, wordBytes);
    for (unsigned i = 0; i < dims; ++i)
      values.push_back(load(word, extents, 8 * i)); // 64 bits, as tile numbers
  }
  // Tile numbers are 64 bits in the call block; little-endian, so the low word comes first.
  values.push_back(load(word, args, 4 * wordBytes));
  values.push_back(load(word, args, 4 * wordBytes + 8));
  LLVM::CallOp::create(b, loc, TypeRange(), inner, values);
  LLVM::ReturnOp::create(b, loc, ValueRange());
}

LogicalResult lowerToLLVM(ModuleOp module, func::FuncOp emitted, unsigned operands, unsigned dims,
                          ArrayRef<int64_t> inPlace, const Isa &isa) {
  std::string name = emitted.getName().str(), inner = name + ".body";
  unsigned buffers = emitted.getNumArguments() - 3 - dims;
  emitted.setName(inner);
  emitted.setPrivate();

  PassManager before(module->getName());
  before.addPass(createCanonicalizerPass());
  before.addPass(createCSEPass());
  before.addPass(createLoopInvariantCodeMotionPass());
  VectorTransferToSCFOptions transfers;
  transfers.enableFullUnroll();
  before.addPass(createConvertVectorToSCFPass(transfers));
  before.addPass(createExpandMathPass(
      {.hasRounding = isa.rounding, .hasHalf = isa.half, .hasMaximum = isa.maximum}));
  before.addPass(memref::createExpandStridedMetadataPass());
  before.addPass(createSCFToControlFlowPass());
  before.addPass(createLowerAffinePass());
  if (failed(before.run(module)))
    return failure();
  useBarePointers(emitted, operands, inPlace, isa);

  if (failed(convertToLLVM(module, isa)))
    return failure();
  PassManager pm(module->getName());
  pm.addPass(createReconcileUnrealizedCastsPass());
  if (failed(pm.run(module)))
    return failure();
  createEntry(module, name, inner, buffers, dims, isa);
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (function.getName() == inner) {
      function.setLinkage(LLVM::Linkage::Internal);
      function.setNoInline(true);
    }
  return success();
}

llvm::SmallVector<char, 0> compileToObject(llvm::Module &module, llvm::TargetMachine &machine) {
  {
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager graphs;
    llvm::ModuleAnalysisManager modules;
    llvm::PipelineTuningOptions tuning;
    tuning.MergeFunctions = false;
    llvm::PassBuilder passes(&machine, tuning);
    passes.registerModuleAnalyses(modules);
    passes.registerCGSCCAnalyses(graphs);
    passes.registerFunctionAnalyses(functions);
    passes.registerLoopAnalyses(loops);
    passes.crossRegisterProxies(loops, functions, graphs, modules);
    passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
  }
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager codegen;
  if (machine.addPassesToEmitFile(codegen, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    llvm::report_fatal_error("the target machine cannot write objects");
  codegen.run(module);
  return object;
}

llvm::Expected<llvm::SmallVector<char, 0>> compileToObject(ModuleOp module, const Isa &isa,
                                                           llvm::TargetMachine &machine) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context);
  if (!translated)
    return llvm::createStringError("translation to LLVM IR failed");
  translated->setTargetTriple(machine.getTargetTriple());
  translated->setDataLayout(machine.createDataLayout());
  for (llvm::Function &function : *translated) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", isa.cpu);
    function.addFnAttr("target-features", isa.features);
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (isa.arch == "x86_64" && isa.vectorBytes > 16)
      function.addFnAttr("prefer-vector-width", std::to_string(isa.vectorBytes * 8));
    // One line per kernel in a profile is enough.
    function.setSubprogram(nullptr);
  }
  return compileToObject(*translated, machine);
}

static std::mutex fatalMutex;
static unsigned fatalScopes = 0;
static thread_local const char *fatalKernel = nullptr;
static thread_local std::string fatalName;

static void onFatalError(void *, const char *reason, bool) {
  fprintf(
      stderr,
      "internal error: LLVM cannot compile kernel '%s': %s\n"
      "this is a bug in ingot; please report it with the model or the dump of the codegen phase\n",
      fatalKernel ? fatalKernel : "?", reason);
  _exit(70);
}

FatalErrorScope::FatalErrorScope(llvm::StringRef kernel) {
  fatalName = kernel.str();
  fatalKernel = fatalName.c_str();
  std::lock_guard lock(fatalMutex);
  if (fatalScopes++ == 0)
    llvm::install_fatal_error_handler(onFatalError);
}

FatalErrorScope::~FatalErrorScope() {
  fatalKernel = nullptr;
  std::lock_guard lock(fatalMutex);
  if (--fatalScopes == 0)
    llvm::remove_fatal_error_handler();
}

} // namespace ingot::cpu
