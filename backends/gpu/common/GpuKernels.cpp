// Claims, selection and emission of GPU kernels; see GpuKernels.h.
#include "backends/gpu/common/GpuKernels.h"
#include "backends/common/GenericKernels.h"
#include "backends/common/KernelShell.h"
#include "backends/common/Selection.h"
#include "backends/gpu/common/MatmulKernel.h"

using namespace mlir;

namespace ingot::gpu {
namespace {

constexpr StringLiteral kMatmul = "gemm_tile", kGeneric = "generic";

/// One element at a time, and no memory but the operands.
VectorInfo vectorInfo() {
  VectorInfo info;
  info.bytes = 0;
  info.scratch = false;
  return info;
}

std::string claimType(Type type, StringRef target, const DeviceLimits &limits) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return llvm::formatv("{0} has kernels for static shapes alone", target);
  if (!tensor.getElementType().isF32()) {
    std::string element;
    llvm::raw_string_ostream(element) << tensor.getElementType();
    return llvm::formatv("{0} computes in f32 alone, not in {1}", target, element);
  }
  uint64_t bytes = static_cast<uint64_t>(tensor.getNumElements()) * sizeof(float);
  if (!bytes)
    return llvm::formatv("{0} has no kernels for empty tensors", target);
  if (bytes > limits.bufferBytes)
    return llvm::formatv("a tensor of {0} MiB is above the {1} MiB that a {2} kernel can bind",
                         bytes >> 20, limits.bufferBytes >> 20, target);
  return "";
}

bool hasKernel(Operation *op) {
  return isa<MatmulOp, SoftmaxOp, LayerNormOp, RmsNormOp, BroadcastOp, ElementwiseOpInterface>(op);
}

/// Ops whose arithmetic has 64 bits, which not every device has.
bool needsWideNumbers(Operation *op) { return isa<SinOp, CosOp, TanOp, PowOp>(op); }

/// The matmul of a kernel of the strategy `gemm_tile`.
std::optional<KernelBody> matmulBody(func::FuncOp kernel) {
  KernelBody body = analyzeKernel(kernel);
  if (!isa_and_nonnull<MatmulOp>(body.root) || !body.inlineEpilogue ||
      !body.epilogueReshapes.empty())
    return std::nullopt;
  return body;
}

/// Neighbouring invocations hold neighbouring columns: constant [..., N, K] weights become
/// [..., K, N].
LogicalResult packWeights(const KernelBody &body) {
  auto matmul = cast<MatmulOp>(body.root);
  auto argument = dyn_cast<BlockArgument>(matmul.getRhs());
  if (!matmul.getTransposeB() || !argument || !body.constant[argument.getArgNumber()] ||
      !argument.hasOneUse())
    return success();
  SmallVector<int64_t> swap;
  for (int64_t d = 0, rank = matmul.getRhs().getType().getRank(); d < rank; ++d)
    swap.push_back(d);
  std::swap(swap[swap.size() - 2], swap.back());
  auto step = StepAttr::get(matmul.getContext(), StepKind::Transpose, swap, Attribute());
  return applyPacking(body.func, {argument.getArgNumber(), {step}});
}

} // namespace

Claim claimOp(Operation *op, StringRef target, const DeviceLimits &limits) {
  if (!hasKernel(op))
    return Claim::no(
        llvm::formatv("{0} has no kernel for {1}", target, op->getName().stripDialect()));
  if (needsWideNumbers(op))
    return Claim::no(llvm::formatv("{0} computes with 32 bits, and {1} needs 64", target,
                                   op->getName().stripDialect()));
  auto types = llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()),
                                        llvm::to_vector(op->getResultTypes()));
  for (Type type : types)
    if (std::string reason = claimType(type, target, limits); !reason.empty())
      return Claim::no(reason);
  return Claim::yes();
}

LogicalResult selectKernel(func::FuncOp kernel) {
  auto attribute = kernel->getAttrOfType<KernelAttr>("ingot.kernel");
  MLIRContext *context = kernel.getContext();
  DictionaryAttr parameters;
  SmallVector<int64_t> tiles;
  if (auto body = matmulBody(kernel)) {
    auto shape = cast<RankedTensorType>(body->rootResult().getType()).getShape();
    MatmulTile tile = chooseMatmulTile(shape);
    if (failed(packWeights(*body)))
      return failure();
    parameters = makeParameters(
        context, kMatmul, {{"rows", tile.rows}, {"columns", tile.columns}, {"lanes", tile.lanes}});
    tiles = {countTiles(shape, tile)};
  } else {
    FailureOr<GenericChoice> choice = selectGeneric(kernel, vectorInfo());
    if (failed(choice))
      return failure();
    // `claim` takes static shapes alone.
    tiles = {*choice->tiles.constant()};
    parameters = makeParameters(context, kGeneric, {{"tiles", tiles[0]}});
  }
  // A compiler of shaders may take buffers not to alias, so nothing is done in place.
  kernel->setAttr("ingot.kernel", KernelAttr::get(context, attribute.getTarget(), parameters,
                                                  attribute.getLayers(), tiles, {}));
  return success();
}

FailureOr<EmittedKernel> emitKernel(OpBuilder &builder, func::FuncOp kernel, StringRef name) {
  DictionaryAttr parameters = kernel->getAttrOfType<KernelAttr>("ingot.kernel").getStrategy();
  auto kind = parameters ? parameters.getAs<StringAttr>("kind") : StringAttr();
  if (!kind)
    return kernel.emitError("kernel has no strategy; run the codegen phase's select pass first");
  EmittedKernel emitted;
  if (kind == kMatmul) {
    auto body = matmulBody(kernel);
    if (!body)
      return kernel.emitError("strategy 'gemm_tile' does not fit this kernel");
    MatmulTile tile;
    tile.rows = parameter(parameters, "rows", tile.rows);
    tile.columns = parameter(parameters, "columns", tile.columns);
    tile.lanes = parameter(parameters, "lanes", tile.lanes);
    if (tile.rows < 1 || tile.rows > 16 || tile.columns < 1 || tile.columns > 16 ||
        tile.lanes < 1 || kWorkgroup % tile.lanes)
      return kernel.emitError("strategy 'gemm_tile' wants 1 to 16 rows and columns, and lanes that "
                              "divide ")
             << kWorkgroup;
    emitted.function = createKernelShell(builder, kernel, name);
    emitted.tiles =
        countTiles(cast<RankedTensorType>(body->rootResult().getType()).getShape(), tile);
    if (failed(emitMatmul(*body, emitted.function, tile)))
      return failure();
    return emitted;
  }
  if (kind != kGeneric)
    return kernel.emitError("strategy '") << kind.getValue() << "' does not exist";
  emitted.tiles = std::max<int64_t>(1, parameter(parameters, "tiles", 1));
  emitted.function = createKernelShell(builder, kernel, name);
  if (failed(emitGenericKernel(kernel, emitted.function, vectorInfo(), emitted.tiles)))
    return failure();
  if (emitted.function->hasAttr(scratchAttr))
    return kernel.emitError("needs scratch memory, which an invocation does not have");
  return emitted;
}

} // namespace ingot::gpu
