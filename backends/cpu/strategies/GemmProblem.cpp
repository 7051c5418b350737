// Reads kernels as matrix products.
#include "backends/common/EmitHelpers.h"
#include "backends/cpu/strategies/Gemm.h"

using namespace mlir;

namespace ingot::cpu {
namespace {

const DimExpr one = 1;

DimExpr product(ArrayRef<DimExpr> extents) { return llvm::product_of(extents, one); }

/// Values that hold the root's elements, in order.
llvm::SmallPtrSet<Value, 8> flowing(const KernelBody &kernel) {
  llvm::SmallPtrSet<Value, 8> set{kernel.rootResult()};
  for (Operation &op : kernel.func.front().without_terminator())
    if (&op != kernel.root &&
        llvm::any_of(op.getOperands(), [&](Value v) { return set.contains(v); }))
      set.insert(op.getResult(0));
  return set;
}

/// The shape that an epilogue operand has beside [m, n], when its op gives `result`; nothing when
/// it varies over a part of the rows.
std::optional<SmallVector<DimExpr>> collapsedShape(Value operand, Value result) {
  SmallVector<DimExpr> own = extentsOf(operand), all = extentsOf(result);
  ArrayRef<DimExpr> shape = own, full = all;
  DimExpr rows = product(full.drop_back()), n = full.back();
  if (product(shape) == one)
    return SmallVector<DimExpr>{};
  if (shape == full)
    return SmallVector<DimExpr>{rows, n};
  if (shape.back() == n && product(shape.drop_back()) == one)
    return SmallVector<DimExpr>{n};
  if (shape.back() == one && shape.size() == full.size() && shape.drop_back() == full.drop_back())
    return SmallVector<DimExpr>{rows, one};
  return std::nullopt;
}

bool canCollapseEpilogue(const KernelBody &kernel) {
  auto flow = flowing(kernel);
  for (Operation &op : kernel.func.front().without_terminator()) {
    if (&op == kernel.root || !flow.contains(op.getResult(0)) || isa<ReshapeOp>(op))
      continue;
    if (!isa<ElementwiseOpInterface>(op) && op.hasAttr("axis"))
      return false; // an axis of the op's own shape
    for (Value operand : op.getOperands())
      if (!flow.contains(operand) && !collapsedShape(operand, op.getResult(0)))
        return false;
  }
  return true;
}

/// `view` with all dims but the last as one, or nothing.
std::optional<StridedView> collapseRows(const StridedView &view) {
  StridedView result{view.argument, view.offset, {}, {}};
  DimExpr rows = 1, stride = 0;
  for (size_t d = view.shape.size() - 1; d-- > 0;) {
    if (view.shape[d] == one)
      continue;
    if (rows == one)
      stride = view.strides[d];
    else if (view.strides[d] != stride * rows)
      return std::nullopt;
    rows *= view.shape[d];
  }
  result.shape = {rows, view.shape.back()};
  result.strides = {stride, view.strides.back()};
  return result;
}

/// `view` of a matmul operand with the leading dims of the result (broadcast ones have stride 0).
std::optional<StridedView> broadcastBatch(std::optional<StridedView> view,
                                          ArrayRef<DimExpr> batch) {
  if (!view)
    return view;
  StridedView result{view->argument, view->offset, llvm::to_vector(batch),
                     SmallVector<DimExpr>(batch.size(), 0)};
  size_t own = view->shape.size() - 2, lead = batch.size() - own;
  for (size_t d = 0; d < own; ++d)
    if (view->shape[d] != one)
      result.strides[lead + d] = view->strides[d];
  result.shape.append(view->shape.end() - 2, view->shape.end());
  result.strides.append(view->strides.end() - 2, view->strides.end());
  return result;
}

std::optional<GemmProblem> describeConv(const KernelBody &kernel, ConvOp conv) {
  ArrayRef<int64_t> filter = shapeOf(conv.getFilter());
  auto all = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [&](int64_t v) { return v == value; });
  };
  if (!conv.getChannelsLast() || conv.getGroups() != 1 || !all(filter.drop_front(2), 1) ||
      !all(conv.getStrides(), 1) || !all(conv.getPads(), 0) || !canCollapseEpilogue(kernel))
    return std::nullopt;
  GemmProblem problem;
  problem.collapsed = true;
  problem.n = filter[0], problem.k = filter[1];
  problem.m = product(ArrayRef(extentsOf(conv.getResult())).drop_back());
  problem.lhs = conv.getInput(), problem.rhs = conv.getFilter(), problem.bias = conv.getBias();
  problem.rhsTransposed = true;
  auto view = stridedView(problem.lhs);
  if (view)
    problem.lhsView = collapseRows(*view);
  if (!problem.lhsView)
    return std::nullopt; // rows that do not collapse: the conv strategy reads any strides
  if (auto rhs = stridedView(problem.rhs))
    problem.rhsView = StridedView{
        rhs->argument, rhs->offset, {problem.k, problem.n}, {rhs->strides[1], rhs->strides[0]}};
  return problem;
}

std::optional<GemmProblem> describeMatmul(const KernelBody &kernel, MatmulOp matmul) {
  GemmProblem problem;
  SmallVector<DimExpr> lhs = extentsOf(matmul.getLhs()), rhs = extentsOf(matmul.getRhs());
  SmallVector<DimExpr> result = extentsOf(matmul.getResult());
  problem.lhs = matmul.getLhs(), problem.rhs = matmul.getRhs(), problem.bias = matmul.getBias();
  problem.rhsTransposed = matmul.getTransposeB();
  problem.k = lhs.back(), problem.n = result.back(), problem.m = result[result.size() - 2];
  problem.batch = llvm::to_vector(ArrayRef(result).drop_back(2));
  auto lhsView = stridedView(problem.lhs), rhsView = stridedView(problem.rhs);
  if (rhsView && problem.rhsTransposed) {
    std::swap(rhsView->shape.end()[-1], rhsView->shape.end()[-2]);
    std::swap(rhsView->strides.end()[-1], rhsView->strides.end()[-2]);
  }
  // Rows of all batches are one dim when they share the right-hand side.
  std::optional<StridedView> rows = lhsView ? collapseRows(*lhsView) : std::nullopt;
  DimExpr rowCount = product(ArrayRef(result).drop_back());
  if (product(ArrayRef(rhs).drop_back(2)) == one && rows &&
      product(ArrayRef(lhs).drop_back()) == rowCount && canCollapseEpilogue(kernel)) {
    problem.collapsed = true;
    problem.m = rowCount;
    problem.batch.clear();
    problem.lhsView = rows;
    if (rhsView)
      problem.rhsView = StridedView{rhsView->argument, rhsView->offset,
                                    SmallVector<DimExpr>(ArrayRef(rhsView->shape).take_back(2)),
                                    SmallVector<DimExpr>(ArrayRef(rhsView->strides).take_back(2))};
    return problem;
  }
  problem.lhsView = broadcastBatch(lhsView, problem.batch);
  problem.rhsView = broadcastBatch(rhsView, problem.batch);
  return problem;
}

} // namespace

std::optional<GemmProblem> describeGemm(const KernelBody &kernel) {
  std::optional<GemmProblem> problem;
  if (!kernel.root || !kernel.inlineEpilogue)
    return problem;
  if (auto conv = dyn_cast<ConvOp>(kernel.root))
    problem = describeConv(kernel, conv);
  else if (auto matmul = dyn_cast<MatmulOp>(kernel.root))
    problem = describeMatmul(kernel, matmul);
  const DimExpr none = 0;
  if (!problem || problem->m == none || problem->n == none || product(problem->batch) == none)
    return std::nullopt;
  problem->element = cast<RankedTensorType>(problem->lhs.getType()).getElementType();
  return problem;
}

void collapseEpilogue(KernelBody &kernel, const DimExpr &m, const DimExpr &n) {
  auto flow = flowing(kernel);
  OpBuilder builder(kernel.func.getContext());
  auto withShape = [](Value value, ArrayRef<DimExpr> shape) {
    return tensorType(shape, elementOf(value));
  };
  // Operands first, while the flowing values still have their own shapes.
  llvm::DenseMap<Value, Value> done;
  for (Operation &op : llvm::make_early_inc_range(kernel.func.front().without_terminator())) {
    if (&op == kernel.root || !flow.contains(op.getResult(0)) || isa<ReshapeOp>(op))
      continue;
    for (OpOperand &operand : op.getOpOperands()) {
      Value value = operand.get();
      if (flow.contains(value) || done.contains(value))
        continue;
      auto type = withShape(value, *collapsedShape(value, op.getResult(0)));
      if (type == value.getType())
        continue;
      bool retype =
          isa<BlockArgument>(value) && llvm::all_of(value.getUsers(), [&](Operation *user) {
            return user != kernel.root && user->getNumResults() &&
                   flow.contains(user->getResult(0)) &&
                   *collapsedShape(value, user->getResult(0)) == extentsOf(type);
          });
      if (retype) {
        value.setType(type);
        done[value] = value;
      } else {
        builder.setInsertionPoint(&op);
        operand.set(ReshapeOp::create(builder, op.getLoc(), type, value));
      }
    }
  }
  for (ReshapeOp reshape : kernel.epilogueReshapes) {
    reshape.getResult().replaceAllUsesWith(reshape.getInput());
    flow.erase(reshape.getResult());
    reshape->erase();
  }
  kernel.epilogueReshapes.clear();
  for (Value value : flow)
    value.setType(withShape(value, {m, n}));
  Operation *exit = kernel.func.front().getTerminator();
  kernel.results = llvm::to_vector(exit->getOperands());
  kernel.func.setFunctionType(
      builder.getFunctionType(kernel.func.front().getArgumentTypes(), exit->getOperandTypes()));
}

} // namespace ingot::cpu
