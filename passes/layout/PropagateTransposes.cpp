// propagate-transposes: moves transposes towards the results, where they meet and cancel.
#include "ir/graph/Shapes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/layout/Passes.h"
#include "passes/normalize/Constants.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_PROPAGATETRANSPOSES
#include "passes/layout/Passes.h.inc"
} // namespace ingot

namespace {

using Perm = SmallVector<int64_t>;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Perm inverse(ArrayRef<int64_t> perm) {
  Perm result(perm.size());
  for (auto [index, dim] : llvm::enumerate(perm))
    result[dim] = index;
  return result;
}

bool isIdentity(ArrayRef<int64_t> perm) { return llvm::is_sorted(perm); }

/// The list by dims of the value before the transpose, from the list by dims after it.
template <typename T> SmallVector<T> moved(ArrayRef<T> list, ArrayRef<int64_t> perm) {
  SmallVector<T> result(list.size());
  for (auto [index, dim] : llvm::enumerate(perm))
    result[dim] = list[index];
  return result;
}

/// `perm` without the dims (after the transpose) in `dims`, renumbered.
Perm without(ArrayRef<int64_t> perm, ArrayRef<int64_t> dims) {
  Perm kept;
  for (auto [index, dim] : llvm::enumerate(perm))
    if (!llvm::is_contained(dims, static_cast<int64_t>(index)))
      kept.push_back(dim);
  Perm sorted(kept);
  llvm::sort(sorted);
  for (int64_t &dim : kept)
    dim = llvm::lower_bound(sorted, dim) - sorted.begin();
  return kept;
}

/// Rewrites one op to the other order of dims.
class Sinker {
public:
  Sinker(Operation *op, ArrayRef<int64_t> perm) : op(op), perm(perm), builder(op) {}

  /// Replaces the op when it can compute on untransposed operands; its transposed results take its
  /// place.
  bool sink() {
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return merge(transpose);
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return sinkReshape(reshape);
    if (auto reduce = dyn_cast<ReduceOp>(op))
      return sinkReduce(reduce);
    SmallVector<Value> operands(op->getOperands());
    if (isa<ElementwiseOpInterface>(op) || isa<ConcatOp>(op)) {
      for (Value &operand : operands)
        if (!(operand = adapt(operand)))
          return false;
    } else if (!isa<SoftmaxOp, CumsumOp, ArgReduceOp, TopKOp, SliceOp, PadOp, ResizeOp, QuantizeOp,
                    DequantizeOp, LayerNormOp, RmsNormOp>(op) ||
               !(operands[0] = adapt(operands[0]))) {
      return false;
    }
    Operation *copy = builder.clone(*op);
    copy->setOperands(operands);
    if (!adaptAttributes(copy)) {
      copy->erase();
      return false;
    }
    SmallVector<Value> results;
    for (Value result : copy->getResults()) {
      RankedTensorType type = typeOf(result);
      result.setType(
          tensorType(moved(ArrayRef<DimExpr>(extentsOf(type)), perm), type.getElementType()));
      results.push_back(transposed(result, perm));
    }
    replace(results);
    return true;
  }

private:
  void replace(ValueRange values) {
    op->replaceAllUsesWith(values);
    op->erase();
  }

  template <typename OpT, typename... Args> Value create(Args &&...args) {
    auto result = OpT::create(builder, op->getLoc(), std::forward<Args>(args)...);
    if (Attribute target = op->getAttr("ingot.target"))
      result->setAttr("ingot.target", target);
    return result;
  }

  Value transposed(Value value, ArrayRef<int64_t> order) {
    return isIdentity(order) ? value : create<TransposeOp>(value, order);
  }

  /// `value` in the other order: what `value` is the transpose of. Null: cannot.
  Value adapt(Value value) {
    auto transpose = value.getDefiningOp<TransposeOp>();
    if (transpose && transpose.getPerm() == ArrayRef<int64_t>(perm))
      return transpose.getInput();
    int64_t rank = perm.size();
    RankedTensorType type = typeOf(value);
    if (type.getRank() == 0)
      return value;
    if (type.getRank() > rank)
      return {};
    Perm back = inverse(perm);
    if (ConstantOp constant = constantOf(value)) {
      auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (dense && dense.getNumElements() == 1 && type.getRank() < rank)
        return value;
      Value full = value;
      if (type.getRank() < rank)
        full = reshapeConstant(builder, value.getLoc(), constant, withRank(type.getShape()));
      if (full)
        full = transposeConstant(builder, value.getLoc(), constantOf(full), back);
      return full;
    }
    if (type.getRank() < rank)
      value = create<ReshapeOp>(
          tensorType(withRank(ArrayRef<DimExpr>(extentsOf(type))), type.getElementType()), value);
    if (auto inner = value.getDefiningOp<TransposeOp>()) {
      Perm merged;
      for (int64_t dim : back)
        merged.push_back(inner.getPerm()[dim]);
      return transposed(inner.getInput(), merged);
    }
    return transposed(value, back);
  }

  /// Extents with as many ones before them as make the rank.
  template <typename T> SmallVector<T> withRank(ArrayRef<T> extents) const {
    SmallVector<T> result(perm.size() - extents.size(), T(1));
    llvm::append_range(result, extents);
    return result;
  }

  bool adaptAttributes(Operation *copy) {
    auto axisOf = [&](int64_t axis) { return perm[axis]; };
    int64_t last = static_cast<int64_t>(perm.size()) - 1;
    return llvm::TypeSwitch<Operation *, bool>(copy)
        .Case([&](ConcatOp concat) {
          concat.setAxis(axisOf(concat.getAxis()));
          return true;
        })
        .Case<SoftmaxOp, CumsumOp, TopKOp>([&](auto row) {
          // A row that lies together is read fastest.
          if (row.getAxis() == last && axisOf(row.getAxis()) != last)
            return false;
          row.setAxis(axisOf(row.getAxis()));
          return true;
        })
        .Case([&](ArgReduceOp reduce) {
          reduce.setAxis(axisOf(reduce.getAxis()));
          return reduce.getKeepdims();
        })
        .Case<LayerNormOp, RmsNormOp>([&](auto norm) {
          for (int64_t dim = norm.getAxis(); dim <= last; ++dim)
            if (perm[dim] != dim)
              return false;
          return true;
        })
        .Case([&](SliceOp slice) {
          auto range = sliceRange(slice.getStarts(), slice.getSizes(), slice.getDimsAttr());
          if (failed(range))
            return false;
          SliceAttrs attrs =
              sliceAttrs(slice.getContext(), moved(ArrayRef<DimExpr>(range->first), perm),
                         moved(ArrayRef<DimExpr>(range->second), perm));
          slice.setStarts(attrs.starts);
          slice.setSizes(attrs.sizes);
          slice.setDimsAttr(attrs.dims);
          slice.setSteps(moved(slice.getSteps(), perm));
          return true;
        })
        .Case([&](PadOp pad) {
          pad.setLow(moved(pad.getLow(), perm));
          pad.setHigh(moved(pad.getHigh(), perm));
          return true;
        })
        .Case([&](ResizeOp resize) {
          resize.setScales(moved(resize.getScales(), perm));
          return true;
        })
        .Case<QuantizeOp, DequantizeOp>([&](auto quantization) {
          if (quantization.getBlockSize())
            return false;
          if (quantization.getAxis())
            quantization.setAxis(axisOf(*quantization.getAxis()));
          return true;
        })
        .Default([](Operation *) { return true; });
  }

  bool merge(TransposeOp transpose) {
    auto inner = transpose.getInput().getDefiningOp<TransposeOp>();
    Perm merged;
    for (int64_t dim : transpose.getPerm())
      merged.push_back(inner.getPerm()[dim]);
    replace(transposed(inner.getInput(), merged));
    return true;
  }

  bool sinkReduce(ReduceOp reduce) {
    Value input = adapt(reduce.getInput());
    if (!input)
      return false;
    SmallVector<int64_t> dims;
    for (int64_t dim : reduce.getDims())
      dims.push_back(perm[dim]);
    llvm::sort(dims);
    Value result = create<ReduceOp>(reduce.getKind(), input, dims, reduce.getKeepdims());
    replace(
        transposed(result, reduce.getKeepdims() ? Perm(perm) : without(perm, reduce.getDims())));
    return true;
  }

  /// Dims of a reshape that join or split together: `from` dims of its operand become `to` dims of
  /// its result.
  struct Group {
    SmallVector<int64_t> from, to;
    int64_t place = 0; ///< of the innermost operand dim, in the order before the transpose
  };

  /// The groups of a reshape; failure when there is nothing to group (no elements).
  FailureOr<SmallVector<Group>> groupsOf(ArrayRef<DimExpr> from, ArrayRef<DimExpr> to) const {
    SmallVector<Group> groups;
    auto isOne = [](const DimExpr &extent) { return extent == DimExpr(1); };
    size_t i = 0, j = 0;
    while (i < from.size() || j < to.size()) {
      Group group;
      DimExpr left = 1, right = 1;
      if (i < from.size()) {
        left = from[i];
        group.from.push_back(i++);
      }
      if (j < to.size()) {
        right = to[j];
        group.to.push_back(j++);
      }
      while (left != right) {
        // Which product lacks a factor.
        auto a = left.constant(), b = right.constant();
        bool takeLeft = a && b ? *a < *b : DimExpr::exactQuotient(right, left).has_value();
        if (!takeLeft && !(a && b) && !DimExpr::exactQuotient(left, right))
          return failure();
        if (takeLeft ? i == from.size() : j == to.size())
          return failure();
        if (takeLeft) {
          left *= from[i];
          group.from.push_back(i++);
        } else {
          right *= to[j];
          group.to.push_back(j++);
        }
      }
      // What is left when one side ends are ones.
      if (j == to.size() && llvm::all_of(from.drop_front(i), isOne))
        while (i < from.size())
          group.from.push_back(i++);
      if (i == from.size() && llvm::all_of(to.drop_front(j), isOne))
        while (j < to.size())
          group.to.push_back(j++);
      group.place = from.size();
      for (int64_t dim : group.from)
        if (!isOne(from[dim]) || group.place == static_cast<int64_t>(from.size()))
          group.place = perm[dim];
      groups.push_back(std::move(group));
    }
    llvm::stable_sort(groups, [](const Group &a, const Group &b) { return a.place < b.place; });
    return groups;
  }

  /// A reshape joins and splits groups of dims. The operand is brought to an order in which each
  /// group lies together, which often is the order it has; the rest of the transpose moves on.
  bool sinkReshape(ReshapeOp reshape) {
    SmallVector<DimExpr> from = extentsOf(reshape.getInput().getType());
    SmallVector<DimExpr> to = extentsOf(reshape.getType());
    if (numElements(reshape.getType()) == DimExpr(0))
      return false;
    FailureOr<SmallVector<Group>> groups = groupsOf(from, to);
    Value input = adapt(reshape.getInput());
    if (failed(groups) || !input)
      return false;
    SmallVector<DimExpr> shape;
    Perm order(to.size()), together;
    bool moves = false;
    int64_t last = -1;
    for (const Group &group : *groups) {
      for (int64_t dim : group.from) {
        together.push_back(perm[dim]);
        if (from[dim] == DimExpr(1))
          continue;
        moves |= perm[dim] < last;
        last = perm[dim];
      }
      for (int64_t dim : group.to) {
        order[dim] = shape.size();
        shape.push_back(to[dim]);
      }
    }
    if (moves) {
      if (isIdentity(order))
        return false; // the whole transpose is needed here
      input = create<TransposeOp>(input, together);
    }
    Value result = create<ReshapeOp>(tensorType(shape, reshape.getType().getElementType()), input);
    replace(transposed(result, order));
    return true;
  }

  Operation *op;
  ArrayRef<int64_t> perm;
  OpBuilder builder;
};

/// The operands of `op` that must have the order of its dims.
OperandRange orderedOperands(Operation *op) {
  if (isa<ElementwiseOpInterface>(op) || isa<ConcatOp>(op))
    return op->getOperands();
  return op->getOperands().take_front(1);
}

class PropagateTransposes : public ingot::impl::PropagateTransposesBase<PropagateTransposes> {
  void runOnOperation() override {
    Operation *root = getOperation();
    auto module = dyn_cast<ModuleOp>(root);
    bounds = dimBounds(module ? module : root->getParentOfType<ModuleOp>());
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<IngotDialect>(op->getDialect()) && op->getNumOperands() > 0)
        ops.push_back(op);
    });
    for (Operation *op : ops)
      visit(op);
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isa_and_nonnull<IngotDialect>(op->getDialect()) && isOpTriviallyDead(op))
        op->erase();
    });
  }

  /// The elements of a value, at the upper bounds of the dims.
  double sizeOf(Value value) const {
    double size = 1;
    for (const DimExpr &extent : extentsOf(typeOf(value)))
      size *= static_cast<double>(rangeOf(extent, bounds).high);
    return size;
  }

  void visit(Operation *op) {
    // The order that most elements come in wins.
    TransposeOp widest;
    double gain = 0, cost = 0;
    for (Value operand : orderedOperands(op)) {
      auto transpose = operand.getDefiningOp<TransposeOp>();
      if (!transpose || typeOf(operand).getRank() != typeOf(op->getResult(0)).getRank())
        if (!transpose || !isa<ReshapeOp, ReduceOp, ArgReduceOp>(op))
          continue;
      if (!widest || sizeOf(operand) > sizeOf(widest))
        widest = transpose;
    }
    if (!widest)
      return;
    Perm perm(widest.getPerm());
    for (Value operand : orderedOperands(op)) {
      auto transpose = operand.getDefiningOp<TransposeOp>();
      if (transpose && transpose.getPerm() == ArrayRef<int64_t>(perm))
        gain += sizeOf(operand);
      else if (!constantOf(operand) && isMoved(typeOf(operand), perm))
        cost += sizeOf(operand);
    }
    if (cost > gain)
      return;
    Sinker(op, perm).sink();
  }

  /// Whether a value of `type` would have to be copied to another order of dims.
  static bool isMoved(RankedTensorType type, ArrayRef<int64_t> perm) {
    int64_t offset = static_cast<int64_t>(perm.size()) - type.getRank(), last = -1;
    for (int64_t dim : inverse(perm)) {
      if (dim < offset || type.getDimSize(dim - offset) == 1)
        continue;
      if (dim < last)
        return true;
      last = dim;
    }
    return false;
  }

  DimBounds bounds; ///< of the module's dims
};

} // namespace
