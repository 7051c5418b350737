// Analysis of a kernel's graph function.
#include "backends/common/KernelBody.h"
#include "backends/common/InlineEmitter.h"

using namespace mlir;

namespace ingot {
namespace {

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/// The strides of `view` under `shape`, or nothing when the elements are not on a grid any more.
std::optional<SmallVector<int64_t>> reshapeStrides(const StridedView &view,
                                                   ArrayRef<int64_t> shape) {
  if (llvm::is_contained(shape, 0))
    return SmallVector<int64_t>(shape.size(), 0);
  SmallVector<int64_t> oldShape, oldStrides; // without extents of 1
  for (auto [extent, stride] : llvm::zip_equal(view.shape, view.strides))
    if (extent != 1)
      oldShape.push_back(extent), oldStrides.push_back(stride);
  SmallVector<int64_t> strides(shape.size(), 0);
  size_t oldBegin = 0, newBegin = 0;
  while (newBegin < shape.size()) {
    if (shape[newBegin] == 1) {
      ++newBegin;
      continue;
    }
    // The smallest groups of old and new dims with the same count of elements.
    size_t oldEnd = oldBegin, newEnd = newBegin;
    int64_t oldCount = oldShape[oldEnd++], newCount = shape[newEnd++];
    while (oldCount != newCount) {
      if (oldCount < newCount)
        oldCount *= oldShape[oldEnd++];
      else
        newCount *= shape[newEnd++];
    }
    for (size_t d = oldBegin; d + 1 < oldEnd; ++d)
      if (oldStrides[d] != oldStrides[d + 1] * oldShape[d + 1])
        return std::nullopt;
    int64_t stride = oldStrides[oldEnd - 1];
    for (size_t d = newEnd; d-- > newBegin;) {
      strides[d] = stride;
      stride *= shape[d];
    }
    oldBegin = oldEnd, newBegin = newEnd;
  }
  return strides;
}

bool isContraction(Operation *op) {
  return isa<ConvOp, ConvTransposeOp, MatmulOp, AttentionOp>(op);
}
bool isShapeOnly(Operation *op) {
  return isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp, ConcatOp, PadOp, ConstantOp, IotaOp>(op);
}

} // namespace

std::optional<StridedView> stridedView(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  if (auto argument = dyn_cast<BlockArgument>(value))
    return StridedView{argument, 0, llvm::to_vector(type.getShape()),
                       rowMajorStrides(type.getShape())};
  Operation *op = value.getDefiningOp();
  if (!isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp>(op))
    return std::nullopt;
  auto view = stridedView(op->getOperand(0));
  if (!view)
    return std::nullopt;
  if (auto reshape = dyn_cast<ReshapeOp>(op)) {
    auto strides = reshapeStrides(*view, type.getShape());
    if (!strides)
      return std::nullopt;
    view->strides = *strides;
  } else if (isa<BroadcastOp>(op)) {
    SmallVector<int64_t> strides(type.getRank(), 0);
    size_t lead = type.getRank() - view->shape.size();
    for (size_t d = 0; d < view->shape.size(); ++d)
      strides[lead + d] = view->shape[d] == 1 ? 0 : view->strides[d];
    view->strides = strides;
  } else if (auto transpose = dyn_cast<TransposeOp>(op)) {
    SmallVector<int64_t> strides;
    for (int64_t from : transpose.getPerm())
      strides.push_back(view->strides[from]);
    view->strides = strides;
  } else if (auto slice = dyn_cast<SliceOp>(op)) {
    for (size_t d = 0; d < view->strides.size(); ++d) {
      view->offset += slice.getStarts()[d] * view->strides[d];
      view->strides[d] *= slice.getSteps()[d];
    }
  }
  view->shape = llvm::to_vector(type.getShape());
  return view;
}

BlockArgument unpackedFrom(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<ReshapeOp, TransposeOp, SliceOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return cast<BlockArgument>(value);
}

/// Fills inlineEpilogue and epilogueReshapes.
static void analyzeEpilogue(KernelBody &body) {
  auto shapeOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  ArrayRef<int64_t> rootShape = shapeOf(body.rootResult());
  llvm::SmallPtrSet<Value, 8> flowing{
      body.rootResult()}; // values that hold the root's elements, in order
  for (Operation &op : body.func.front().without_terminator()) {
    if (&op == body.root ||
        llvm::none_of(op.getOperands(), [&](Value v) { return flowing.contains(v); }))
      continue;
    ArrayRef<int64_t> shape = shapeOf(op.getResult(0));
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      if (shape.empty() || rootShape.empty() || shape.back() != rootShape.back())
        return;
      body.epilogueReshapes.push_back(reshape);
    } else {
      if (!isa<ElementwiseOpInterface, QuantizeOp, DequantizeOp>(op))
        return;
      for (Value operand : op.getOperands())
        if (flowing.contains(operand) && shapeOf(operand) != shape)
          return;
    }
    flowing.insert(op.getResult(0));
  }
  body.inlineEpilogue = llvm::all_of(body.results, [&](Value v) { return flowing.contains(v); });
}

KernelBody analyzeKernel(func::FuncOp kernel) {
  KernelBody body;
  body.func = kernel;
  body.results = llvm::to_vector(kernel.front().getTerminator()->getOperands());
  bool single = true;
  for (Operation &op : kernel.front().without_terminator()) {
    if (isContraction(&op)) {
      single &= !body.root;
      body.root = &op;
    } else if (!InlineEmitter::canInline(&op)) {
      single = false;
    }
  }
  if (!single)
    body.root = nullptr;
  if (body.root)
    analyzeEpilogue(body);

  body.constant.assign(kernel.getNumArguments(), true);
  bool launched = false;
  if (auto module = kernel->getParentOfType<ModuleOp>())
    if (auto uses = SymbolTable::getSymbolUses(kernel.getSymNameAttr(), module))
      for (const SymbolTable::SymbolUse &use : *uses)
        if (auto launch = dyn_cast<LaunchOp>(use.getUser())) {
          launched = true;
          for (auto [i, operand] : llvm::enumerate(launch.getInputs()))
            body.constant[i] = body.constant[i] && operand.getDefiningOp<ConstantOp>();
        }
  if (!launched)
    body.constant.assign(kernel.getNumArguments(), false);
  return body;
}

SmallVector<int64_t> KernelBody::inPlacePairs() const {
  SmallVector<int64_t> pairs;
  for (auto [r, result] : llvm::enumerate(results)) {
    auto type = cast<RankedTensorType>(result.getType());
    for (BlockArgument argument : func.getArguments()) {
      auto from = cast<RankedTensorType>(argument.getType());
      // The same shape, so that an op that reads it without another op between reads the index that
      // is written.
      if (from.getShape() != type.getShape() || from.getElementType() != type.getElementType() ||
          argument.use_empty() ||
          cast<RankedTensorType>(rootResult().getType()).getShape() != type.getShape())
        continue;
      bool onlyAfter = llvm::all_of(argument.getUsers(), [&](Operation *user) {
        return user != root && isa<ElementwiseOpInterface>(user) &&
               cast<RankedTensorType>(user->getResult(0).getType()).getShape() == type.getShape() &&
               root->isBeforeInBlock(user);
      });
      // Another result's value must not need the argument after this result is written.
      if (!onlyAfter || results.size() > 1)
        continue;
      pairs.push_back(r);
      pairs.push_back(argument.getArgNumber());
    }
  }
  return pairs;
}

bool hasLongEpilogue(const KernelBody &kernel) {
  return kernel.root && llvm::any_of(kernel.func.getBody().front(), [&](Operation &op) {
           bool after = kernel.root->isBeforeInBlock(&op);
           return after && isa<ExpOp, Exp2Op, Expm1Op, LogOp, Log2Op, Log10Op, Log1pOp, SinOp,
                               CosOp, TanOp, AsinOp, AcosOp, AtanOp, SinhOp, CoshOp, TanhOp,
                               AsinhOp, AcoshOp, AtanhOp, ErfOp, SigmoidOp, SiluOp, SoftplusOp,
                               MishOp, GeluOp, EluOp, PowOp, Atan2Op, RemOp, ModOp>(op);
         });
}

uint64_t countFlops(func::FuncOp kernel) {
  uint64_t total = 0;
  for (Operation &op : kernel.front().without_terminator()) {
    if (isa<ConstantOp>(op) || isShapeOnly(&op))
      continue;
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    uint64_t elements = type.getNumElements(), each = 1;
    if (auto conv = dyn_cast<ConvOp>(op)) {
      auto filter = cast<RankedTensorType>(conv.getFilter().getType());
      each = filter.getDimSize(0) ? 2 * filter.getNumElements() / filter.getDimSize(0) : 0;
    } else if (auto conv = dyn_cast<ConvTransposeOp>(op)) {
      auto filter = cast<RankedTensorType>(conv.getFilter().getType());
      auto input = cast<RankedTensorType>(conv.getInput().getType());
      int64_t channels = filter.getDimSize(0);
      elements = channels ? input.getNumElements() / channels * 2 : 0;
      each = filter.getNumElements();
    } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
      each = 2 * cast<RankedTensorType>(matmul.getLhs().getType()).getShape().back();
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      // Two products with the keys, of the query's depth and of the result's.
      auto query = cast<RankedTensorType>(attention.getQuery().getType());
      elements += query.getNumElements();
      each = 2 * cast<RankedTensorType>(attention.getKey().getType()).getDimSize(2);
    } else if (!isa<ElementwiseOpInterface>(op)) {
      elements = 0;
      for (Value operand : op.getOperands())
        elements += cast<RankedTensorType>(operand.getType()).getNumElements();
    }
    total += elements * each;
  }
  return total;
}

uint64_t countBytes(func::FuncOp kernel) {
  uint64_t total = 0;
  auto add = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    unsigned bits = tensor.getElementType().isIntOrFloat() ? tensor.getElementTypeBitWidth() : 64;
    total += tensor.getNumElements() * ((bits + 7) / 8);
  };
  llvm::for_each(kernel.getArgumentTypes(), add);
  llvm::for_each(kernel.getResultTypes(), add);
  return total;
}

} // namespace ingot
