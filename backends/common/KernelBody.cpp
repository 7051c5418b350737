// Analysis of a kernel's graph function.
#include "backends/common/KernelBody.h"
#include "backends/common/EmitHelpers.h"
#include "backends/common/InlineEmitter.h"

using namespace mlir;

namespace ingot {
namespace {

SmallVector<DimExpr> rowMajorStrides(ArrayRef<DimExpr> shape) {
  SmallVector<DimExpr> strides(shape.size(), 1);
  for (int64_t d = int64_t(shape.size()) - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/// The strides of `view` under `shape`, or nothing when the elements are not on a grid any more.
std::optional<SmallVector<DimExpr>> reshapeStrides(const StridedView &view,
                                                   ArrayRef<DimExpr> shape) {
  SmallVector<DimExpr> strides(shape.size(), 0);
  if (llvm::is_contained(shape, DimExpr(0)))
    return strides;
  const DimExpr one = 1;
  for (auto [oldBegin, oldEnd, newBegin, newEnd] : reshapeGroups(view.shape, shape)) {
    // Old dims of a group must be one dim in memory; those of extent 1 have no say.
    std::optional<DimExpr> stride, next; // of the innermost, and what the next dim's must be
    for (size_t d = oldEnd; d-- > oldBegin;) {
      if (view.shape[d] == one)
        continue;
      if (next && view.strides[d] != *next)
        return std::nullopt;
      if (!stride)
        stride = view.strides[d];
      next = view.strides[d] * view.shape[d];
    }
    DimExpr inner = stride.value_or(0);
    for (size_t d = newEnd; d-- > newBegin;) {
      if (shape[d] == one)
        continue;
      strides[d] = inner;
      inner *= shape[d];
    }
  }
  return strides;
}

bool isContraction(Operation *op) {
  return isa<ConvOp, ConvTransposeOp, MatmulOp, AttentionOp>(op);
}
bool isShapeOnly(Operation *op) {
  return isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp, ConcatOp, PadOp, ConstantOp, IotaOp,
             DimOp>(op);
}

} // namespace

std::optional<StridedView> stridedView(Value value) {
  SmallVector<DimExpr> shape = extentsOf(value);
  if (auto argument = dyn_cast<BlockArgument>(value))
    return StridedView{argument, 0, shape, rowMajorStrides(shape)};
  Operation *op = value.getDefiningOp();
  if (!isa<ReshapeOp, BroadcastOp, TransposeOp, SliceOp>(op))
    return std::nullopt;
  auto view = stridedView(op->getOperand(0));
  if (!view)
    return std::nullopt;
  if (isa<ReshapeOp>(op)) {
    auto strides = reshapeStrides(*view, shape);
    if (!strides)
      return std::nullopt;
    view->strides = *strides;
  } else if (isa<BroadcastOp>(op)) {
    SmallVector<DimExpr> strides(shape.size(), 0);
    size_t lead = shape.size() - view->shape.size();
    for (size_t d = 0; d < view->shape.size(); ++d)
      if (view->shape[d] != DimExpr(1))
        strides[lead + d] = view->strides[d];
    view->strides = strides;
  } else if (auto transpose = dyn_cast<TransposeOp>(op)) {
    SmallVector<DimExpr> strides;
    for (int64_t from : transpose.getPerm())
      strides.push_back(view->strides[from]);
    view->strides = strides;
  } else if (auto slice = dyn_cast<SliceOp>(op)) {
    auto range = sliceRange(slice.getStarts(), slice.getSizes(), slice.getDimsAttr());
    if (failed(range))
      return std::nullopt;
    for (size_t d = 0; d < view->strides.size(); ++d) {
      view->offset += range->first[d] * view->strides[d];
      view->strides[d] *= slice.getSteps()[d];
    }
  }
  view->shape = shape;
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
  SmallVector<DimExpr> rootShape = extentsOf(body.rootResult());
  llvm::SmallPtrSet<Value, 8> flowing{
      body.rootResult()}; // values that hold the root's elements, in order
  for (Operation &op : body.func.front().without_terminator()) {
    if (&op == body.root ||
        llvm::none_of(op.getOperands(), [&](Value v) { return flowing.contains(v); }))
      continue;
    SmallVector<DimExpr> shape = extentsOf(op.getResult(0));
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      if (shape.empty() || rootShape.empty() || shape.back() != rootShape.back())
        return;
      body.epilogueReshapes.push_back(reshape);
    } else {
      if (!isa<ElementwiseOpInterface, QuantizeOp, DequantizeOp>(op))
        return;
      for (Value operand : op.getOperands())
        if (flowing.contains(operand) && !sameShape(operand, op.getResult(0)))
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
      if (from.getElementType() != type.getElementType() || argument.use_empty() ||
          !sameShape(argument, result) || !sameShape(rootResult(), result))
        continue;
      bool onlyAfter = llvm::all_of(argument.getUsers(), [&](Operation *user) {
        return user != root && isa<ElementwiseOpInterface>(user) &&
               sameShape(user->getResult(0), result) && root->isBeforeInBlock(user);
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
  DimBounds bounds = dimBounds(kernel);
  auto most = [&](const DimExpr &count) -> uint64_t { return rangeOf(count, bounds).high; };
  auto elementsOf = [](Value tensor) { return llvm::product_of(extentsOf(tensor), DimExpr(1)); };
  uint64_t total = 0;
  for (Operation &op : kernel.front().without_terminator()) {
    if (isa<ConstantOp>(op) || isShapeOnly(&op))
      continue;
    uint64_t elements = most(elementsOf(op.getResult(0))), each = 1;
    if (auto conv = dyn_cast<ConvOp>(op)) {
      auto filter = cast<RankedTensorType>(conv.getFilter().getType());
      each = filter.getDimSize(0) ? 2 * filter.getNumElements() / filter.getDimSize(0) : 0;
    } else if (auto conv = dyn_cast<ConvTransposeOp>(op)) {
      auto filter = cast<RankedTensorType>(conv.getFilter().getType());
      int64_t channels = filter.getDimSize(0);
      elements = channels ? most(elementsOf(conv.getInput())) / channels * 2 : 0;
      each = filter.getNumElements();
    } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
      each = 2 * most(extentsOf(matmul.getLhs()).back());
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      // Two products with the keys, of the query's depth and of the result's.
      elements += most(elementsOf(attention.getQuery()));
      each = 2 * most(extentsOf(attention.getKey())[2]);
    } else if (!isa<ElementwiseOpInterface>(op)) {
      elements = 0;
      for (Value operand : op.getOperands())
        elements += most(elementsOf(operand));
    }
    total += elements * each;
  }
  return total;
}

uint64_t countBytes(func::FuncOp kernel) {
  DimBounds bounds = dimBounds(kernel);
  uint64_t total = 0;
  auto add = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    unsigned bits = tensor.getElementType().isIntOrFloat() ? tensor.getElementTypeBitWidth() : 64;
    DimExpr elements = llvm::product_of(extentsOf(tensor), DimExpr(1));
    total += rangeOf(elements, bounds).high * ((bits + 7) / 8);
  };
  llvm::for_each(kernel.getArgumentTypes(), add);
  llvm::for_each(kernel.getResultTypes(), add);
  return total;
}

} // namespace ingot
