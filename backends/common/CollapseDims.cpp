// Makes neighbouring dims one where a kernel treats them alike: fewer, longer loops and whole
// vectors.
//
// tensor<1x56x56x24> + tensor<24> becomes tensor<3136x24> + tensor<24>; the buffers are the same.
#include "backends/common/KernelEmitter.h"

using namespace mlir;

namespace ingot {

namespace {
/// The dims of the kernel's iteration space, and which of them each tensor has.
class Collapser {
public:
  explicit Collapser(func::FuncOp kernel) : kernel(kernel) {}
  void run();

private:
  bool findRoot();
  bool place(Value v, SmallVector<int64_t> dims);
  bool placeOperands(Operation *op);
  SmallVector<int64_t> suffix(ArrayRef<int64_t> dims, size_t count) {
    return SmallVector<int64_t>(dims.take_back(count));
  }
  /// What the root does with dim `d`: only dims of one role can be one dim.
  int64_t roleOf(int64_t d);
  int64_t groupOf(int64_t d) const { return groups[d]; }
  void rewriteRoot();

  func::FuncOp kernel;
  Operation *root = nullptr;
  int64_t rank = 0;
  SmallVector<bool> reduced; ///< of each dim of the space
  llvm::DenseMap<Value, SmallVector<int64_t>> dimsOf;
  SmallVector<DimExpr> extents;
  SmallVector<int64_t> groups;
};
} // namespace

bool Collapser::findRoot() {
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (isa<ElementwiseOpInterface, BroadcastOp>(op))
      continue;
    if (auto constant = dyn_cast<ConstantOp>(op)) {
      if (!isa<DenseElementsAttr>(constant.getValue()))
        return false;
      continue;
    }
    if (root ||
        !isa<ReduceOp, ArgReduceOp, CumsumOp, SoftmaxOp, LayerNormOp, RmsNormOp, GroupNormOp>(op))
      return false;
    root = &op;
  }
  return true;
}

bool Collapser::place(Value v, SmallVector<int64_t> dims) {
  auto [it, fresh] = dimsOf.try_emplace(v, dims);
  return fresh ? true : it->second == dims;
}

bool Collapser::placeOperands(Operation *op) {
  SmallVector<int64_t> dims = dimsOf.lookup(op->getResult(0));
  for (Value operand : op->getOperands())
    if (!place(operand, suffix(dims, shapeOf(operand).size())))
      return false;
  return true;
}

int64_t Collapser::roleOf(int64_t d) {
  auto side = [&](int64_t axis) { return int64_t(d > axis) - int64_t(d < axis); };
  return llvm::TypeSwitch<Operation *, int64_t>(root)
      .Case([&](ReduceOp) { return int64_t(reduced[d]); })
      .Case<ArgReduceOp, CumsumOp, SoftmaxOp>([&](auto op) { return side(op.getAxis()); })
      .Case<LayerNormOp, RmsNormOp>([&](auto op) { return int64_t(d >= int64_t(op.getAxis())); })
      .Default([](Operation *) { return int64_t(0); });
}

void Collapser::rewriteRoot() {
  OpBuilder b(root);
  llvm::TypeSwitch<Operation *>(root)
      .Case([&](ReduceOp op) {
        SmallVector<int64_t> dims;
        for (int64_t d : op.getDims())
          if (!llvm::is_contained(dims, groups[d]))
            dims.push_back(groups[d]);
        op.setDims(dims);
      })
      .Case<ArgReduceOp, CumsumOp, SoftmaxOp, LayerNormOp, RmsNormOp>([&](auto op) {
        if (static_cast<int64_t>(op.getAxis()) < rank)
          op.setAxis(groups[op.getAxis()]);
      });
}

void Collapser::run() {
  if (!findRoot())
    return;
  Block &body = kernel.getBody().front();
  auto exit = cast<func::ReturnOp>(body.getTerminator());
  auto iota = [](int64_t n) {
    SmallVector<int64_t> dims;
    for (int64_t d = 0; d < n; ++d)
      dims.push_back(d);
    return dims;
  };
  if (root) {
    Value input = root->getOperand(0);
    rank = shapeOf(input).size();
    reduced.assign(rank, false);
    SmallVector<int64_t> all = iota(rank), result = all;
    auto reduce = [&](ArrayRef<int64_t> dims, bool keep) {
      for (int64_t d : dims)
        reduced[d] = true;
      if (!keep)
        llvm::erase_if(result, [&](int64_t d) { return reduced[d]; });
    };
    if (auto op = dyn_cast<ReduceOp>(root))
      reduce(op.getDims(), op.getKeepdims());
    if (auto op = dyn_cast<ArgReduceOp>(root))
      reduce({static_cast<int64_t>(op.getAxis())}, op.getKeepdims());
    if (isa<GroupNormOp>(root)) // its channel dim has a meaning of its own
      return;
    if (!place(input, all) || !place(root->getResult(0), result))
      return;
    for (Value parameter : root->getOperands().drop_front())
      if (!place(parameter, suffix(all, shapeOf(parameter).size())))
        return;
  } else {
    for (Value v : exit.getOperands())
      rank = std::max<int64_t>(rank, shapeOf(v).size());
    reduced.assign(rank, false);
    for (Value v : exit.getOperands())
      if (!place(v, suffix(iota(rank), shapeOf(v).size())))
        return;
  }
  // Downwards from the root: a result has the dims of its operand.
  for (Operation &op : body.without_terminator()) {
    if (&op == root || op.getNumResults() != 1 || dimsOf.contains(op.getResult(0)))
      continue;
    for (Value operand : op.getOperands())
      if (operand.getDefiningOp() && dimsOf.contains(operand) &&
          shapeOf(operand).size() == shapeOf(op.getResult(0)).size()) {
        bool below = operand.getDefiningOp() == root;
        // Follows the root's result only; what is above the root is placed from below.
        SmallVector<Operation *> open{operand.getDefiningOp()};
        while (!open.empty() && !below) {
          Operation *up = open.pop_back_val();
          below |= up == root;
          for (Value v : up->getOperands())
            if (v.getDefiningOp())
              open.push_back(v.getDefiningOp());
        }
        if (below && !place(op.getResult(0), dimsOf.lookup(operand)))
          return;
      }
  }
  // Upwards: operands align with results at the right.
  SmallVector<Operation *> ops;
  for (Operation &op : body.without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops)) {
    if (op == root || op->getNumOperands() == 0)
      continue;
    if (!dimsOf.contains(op->getResult(0)) || !placeOperands(op))
      return;
  }
  for (Value v : exit.getOperands())
    if (!dimsOf.contains(v))
      return;

  extents.assign(rank, 1);
  for (auto &[v, dims] : dimsOf)
    for (auto [d, e] : llvm::zip(dims, extentsOf(v)))
      if (e != DimExpr(1))
        extents[d] = e;
  groups.assign(rank, 0);
  // Within a group every tensor has all of the dims, or is 1 in all of them; dims of 1 decide
  // nothing.
  enum Shape { Unknown, Whole, One };
  llvm::DenseMap<Value, Shape> shapes; // of the group so far
  for (int64_t d = 0; d < rank; ++d) {
    llvm::DenseMap<Value, Shape> here;
    if (extents[d] != DimExpr(1))
      for (auto &[v, dims] : dimsOf) {
        auto it = llvm::find(dims, d);
        bool whole = it != dims.end() && extentsOf(v)[it - dims.begin()] == extents[d];
        here[v] = whole ? Whole : One;
      }
    bool merge = d > 0 && (!root || roleOf(d - 1) == roleOf(d));
    for (auto &[v, shape] : here)
      merge &= shapes.lookup(v) == Unknown || shapes.lookup(v) == shape;
    if (d > 0)
      groups[d] = groups[d - 1] + !merge;
    if (!merge)
      shapes.clear();
    for (auto &[v, shape] : here)
      shapes[v] = shape;
  }
  if (rank == 0 || groups.back() == rank - 1)
    return; // nothing to merge

  SmallVector<Value> values;
  for (auto &entry : dimsOf)
    values.push_back(entry.first);
  for (Value v : values) {
    SmallVector<DimExpr> shape;
    int64_t before = -1;
    for (auto [d, e] : llvm::zip(dimsOf[v], extentsOf(v))) {
      if (groups[d] == before)
        shape.back() *= e;
      else
        shape.push_back(e);
      before = groups[d];
    }
    RankedTensorType type = tensorType(shape, elementOf(v));
    if (auto constant = v.getDefiningOp<ConstantOp>())
      constant.setValueAttr(cast<DenseElementsAttr>(constant.getValue()).reshape(type));
    v.setType(type);
  }
  if (root)
    rewriteRoot();
}

void collapseDims(func::FuncOp kernel) { Collapser(kernel).run(); }

} // namespace ingot
