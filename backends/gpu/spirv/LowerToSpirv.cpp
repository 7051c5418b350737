// From loops on buffers to SPIR-V, by upstream's conversions; see LowerToSpirv.h.
#include "backends/gpu/spirv/LowerToSpirv.h"
#include "backends/common/ExpandMath.h"
#include "backends/common/IndexMath.h"
#include "mlir/Conversion/GPUToSPIRV/GPUToSPIRVPass.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Linking/ModuleCombiner.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace ingot::gpu {

void registerSpirvDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, mlir::gpu::GPUDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, spirv::SPIRVDialect, ub::UBDialect,
                  vector::VectorDialect>();
}

FailureOr<std::array<uint32_t, 3>> gridFor(uint64_t tiles) {
  constexpr uint64_t kMost = 65535;
  uint64_t groups = std::max<uint64_t>(1, llvm::divideCeil(tiles, kWorkgroup));
  uint64_t rows = llvm::divideCeil(groups, kMost);
  if (rows > kMost)
    return failure();
  return std::array<uint32_t, 3>{uint32_t(rows == 1 ? groups : kMost), uint32_t(rows), 1};
}

namespace {

/// SPIR-V 1.5, because 1.4 is what the flags and interfaces in upstream's output need: the pass
/// that lowers the version to what it takes to be enough is not run.
spirv::VerCapExtAttr version(MLIRContext *context) {
  return spirv::VerCapExtAttr::get(spirv::Version::V_1_5, {spirv::Capability::Shader},
                                   {spirv::Extension::SPV_KHR_storage_buffer_storage_class},
                                   context);
}

/// The buffer under views that cover all of it.
Value bufferUnder(Value view) {
  while (auto cast = view.getDefiningOp<memref::ReinterpretCastOp>())
    view = cast.getSource();
  return view;
}

/// Row-major index of `indices` in a buffer of `shape`.
Value linearIndex(IndexMath &math, Location loc, ValueRange indices, ArrayRef<int64_t> shape) {
  Value linear = math.constant(loc, 0);
  for (auto [index, extent] : llvm::zip_equal(indices, shape))
    linear = math.add(loc, math.mul(loc, linear, extent), index);
  return linear;
}

/// Makes every buffer one-dimensional and every access one of an argument, in the storage class of
/// storage buffers: upstream converts no views. Error: memory that is not an argument.
LogicalResult flattenBuffers(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  auto space = spirv::StorageClassAttr::get(context, spirv::StorageClass::StorageBuffer);
  SmallVector<Operation *> accesses;
  function.walk([&](Operation *op) {
    if (isa<memref::LoadOp, memref::StoreOp>(op))
      accesses.push_back(op);
  });
  OpBuilder b(context);
  IndexMath math(b);
  for (Operation *op : accesses) {
    b.setInsertionPoint(op);
    math.forget();
    auto load = dyn_cast<memref::LoadOp>(op);
    auto store = dyn_cast<memref::StoreOp>(op);
    Value view = load ? load.getMemref() : store.getMemref();
    Value buffer = bufferUnder(view);
    if (!isa<BlockArgument>(buffer))
      return op->emitError("the kernel needs memory besides its operands: ") << buffer;
    auto shape = cast<MemRefType>(view.getType()).getShape();
    Value index =
        linearIndex(math, op->getLoc(), load ? load.getIndices() : store.getIndices(), shape);
    if (load) {
      load.getMemrefMutable().set(buffer);
      load.getIndicesMutable().assign(index);
    } else {
      store.getMemrefMutable().set(buffer);
      store.getIndicesMutable().assign(index);
    }
  }
  SmallVector<Operation *> views;
  function.walk([&](memref::ReinterpretCastOp op) { views.push_back(op); });
  for (Operation *view : llvm::reverse(views))
    view->erase();
  for (BlockArgument argument : function.getArguments())
    if (auto type = dyn_cast<MemRefType>(argument.getType()); type && type.hasStaticShape())
      argument.setType(MemRefType::get({type.getNumElements()}, type.getElementType(),
                                       MemRefLayoutAttrInterface(), space));
  function.setFunctionType(b.getFunctionType(function.front().getArgumentTypes(), TypeRange()));
  return success();
}

/// Puts the body of `function` into a kernel of a new module for GPUs, where each invocation below
/// `tiles` runs it with its number as the tile.
mlir::gpu::GPUModuleOp outline(func::FuncOp function, uint64_t tiles,
                               const std::array<uint32_t, 3> &grid) {
  MLIRContext *context = function.getContext();
  Location loc = function.getLoc();
  OpBuilder b(function);
  auto module = mlir::gpu::GPUModuleOp::create(b, loc, "kernels");
  module->setAttr(spirv::getTargetEnvAttrName(),
                  spirv::TargetEnvAttr::get(version(context),
                                            spirv::getDefaultResourceLimits(context),
                                            spirv::ClientAPI::Vulkan));
  // Without the scratch and the tile range.
  auto types = function.getArgumentTypes().drop_back(3);
  b.setInsertionPointToStart(module.getBody());
  auto kernel = mlir::gpu::GPUFuncOp::create(b, loc, function.getName(),
                                             b.getFunctionType(types, TypeRange()));
  kernel->setAttr(mlir::gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  kernel->setAttr(spirv::getEntryPointABIAttrName(),
                  spirv::getEntryPointABIAttr(context, {int32_t(kWorkgroup), 1, 1}));
  b.setInsertionPointToStart(&kernel.front());
  IndexMath math(b);
  using mlir::gpu::Dimension;
  Value group = mlir::gpu::BlockIdOp::create(b, loc, Dimension::x);
  if (grid[1] > 1) {
    Value row = mlir::gpu::BlockIdOp::create(b, loc, Dimension::y);
    group = math.add(loc, math.mul(loc, row, grid[0]), group);
  }
  Value thread = mlir::gpu::ThreadIdOp::create(b, loc, Dimension::x);
  Value tile = math.add(loc, math.mul(loc, group, kWorkgroup), thread);
  Value next = math.add(loc, tile, 1);
  uint64_t invocations = uint64_t(grid[0]) * grid[1] * kWorkgroup;
  auto end = mlir::gpu::ReturnOp::create(b, loc);
  b.setInsertionPoint(end);
  if (invocations != tiles) {
    Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, tile,
                                         math.constant(loc, int64_t(tiles)));
    auto branch = scf::IfOp::create(b, loc, inside, /*withElseRegion=*/false);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
  }
  IRMapping map;
  for (auto [from, to] :
       llvm::zip_equal(function.getArguments().drop_back(3), kernel.getArguments()))
    map.map(from, to);
  map.map(function.getArguments().drop_back(1).back(), tile);
  map.map(function.getArguments().back(), next);
  for (Operation &op : function.front().without_terminator())
    b.clone(op, map);
  function->erase();
  return module;
}

/// Forbids the device's compiler to compute other sums than those written: without the decoration
/// `(x + c) - c`, which rounds x, may become x.
void keepArithmetic(spirv::ModuleOp module) {
  auto unit = UnitAttr::get(module.getContext());
  module.walk([&](Operation *op) {
    if (isa<spirv::FAddOp, spirv::FSubOp, spirv::FMulOp, spirv::FDivOp, spirv::FRemOp,
            spirv::FNegateOp>(op))
      op->setAttr("no_contraction", unit);
  });
}

} // namespace

FailureOr<OwningOpRef<spirv::ModuleOp>> lowerToSpirv(ModuleOp module,
                                                     const EmittedKernel &emitted) {
  func::FuncOp function = emitted.function;
  auto grid = gridFor(emitted.tiles);
  if (failed(grid))
    return function.emitError("has too many tiles for one launch: ") << emitted.tiles;
  PassManager before(module->getName());
  before.addPass(createCanonicalizerPass());
  before.addPass(createCSEPass());
  // GLSL's own functions are only as exact as a device likes.
  ExpandMathOptions functions;
  functions.hasRounding = false; // upstream converts no math.trunc
  before.addPass(createExpandMathPass(functions));
  before.addPass(arith::createArithExpandOpsPass());
  if (failed(before.run(module)) || failed(flattenBuffers(function)))
    return failure();
  outline(function, emitted.tiles, *grid);

  PassManager pm(module->getName());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<mlir::gpu::GPUModuleOp>(createConvertMathToSPIRVPass());
  pm.addPass(createConvertGPUToSPIRVPass(/*mapMemorySpace=*/false));
  OpPassManager &spirvPasses = pm.nest<spirv::ModuleOp>();
  spirvPasses.addPass(spirv::createSPIRVLowerABIAttributesPass());
  spirvPasses.addPass(createCanonicalizerPass());
  spirvPasses.addPass(createCSEPass());
  if (failed(pm.run(module)))
    return failure();
  auto found = module.getOps<spirv::ModuleOp>();
  if (found.empty())
    return module.emitError("internal error: the kernel did not become SPIR-V");
  spirv::ModuleOp result = *found.begin();
  result->remove();
  keepArithmetic(result);
  return OwningOpRef<spirv::ModuleOp>(result);
}

FailureOr<std::vector<char>> serializeSpirv(MLIRContext &context,
                                            MutableArrayRef<OwningOpRef<spirv::ModuleOp>> modules) {
  OwningOpRef<ModuleOp> parent = ModuleOp::create(UnknownLoc::get(&context));
  OpBuilder b = OpBuilder::atBlockBegin(parent->getBody());
  SmallVector<spirv::ModuleOp> inputs;
  for (OwningOpRef<spirv::ModuleOp> &module : modules)
    inputs.push_back(*module);
  OwningOpRef<spirv::ModuleOp> all = spirv::combine(inputs, b, nullptr);
  if (!all)
    return failure();
  (*all)->setAttr((*all).getVceTripleAttrName(), version(&context));
  SmallVector<uint32_t, 0> words;
  if (failed(spirv::serialize(*all, words)))
    return failure();
  auto *bytes = reinterpret_cast<const char *>(words.data());
  return std::vector<char>(bytes, bytes + words.size() * sizeof(uint32_t));
}

} // namespace ingot::gpu
