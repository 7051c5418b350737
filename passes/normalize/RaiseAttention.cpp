// raise-attention: the products around a softmax become one attention.
#include "ir/graph/Shapes.h"
#include "mlir/IR/Iterators.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/normalize/Constants.h"
#include "passes/normalize/Passes.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
SmallVector<DimExpr> shapeOf(Value value) { return extentsOf(typeOf(value)); }

/// What an attention would be made of.
struct Parts {
  MatmulOp scores, result;
  Value query, key, value, mask;
  double scale = 1;
  SmallVector<Location> locations;
};

/// Takes products and quotients with one number off `value`, as long as nothing else reads them.
Value withoutScale(Value value, Parts &parts, bool onlyUse) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<MulOp, DivOp>(op) || (onlyUse && !value.hasOneUse()))
      return value;
    bool swapped = isa<MulOp>(op) && splatValue(op->getOperand(0));
    Value rest = op->getOperand(swapped ? 1 : 0);
    std::optional<double> number = splatValue(op->getOperand(swapped ? 0 : 1));
    if (!number || !std::isfinite(*number) || *number == 0 || shapeOf(rest) != shapeOf(value))
      return value;
    parts.scale = isa<MulOp>(op) ? parts.scale * *number : parts.scale / *number;
    parts.locations.push_back(op->getLoc());
    value = rest;
  }
  return value;
}

/// `value` [..., d, n] as [..., n, d], when it is a transpose of that, perhaps under other leading
/// dims. Null: its elements lie the other way.
Value transposed(OpBuilder &builder, Value value) {
  SmallVector<DimExpr> shape = shapeOf(value);
  if (auto transpose = value.getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> perm(transpose.getPerm());
    std::swap(perm.end()[-1], perm.end()[-2]);
    if (perm.back() + 1 != static_cast<int64_t>(perm.size()))
      return {};
    return TransposeOp::create(builder, value.getLoc(), transpose.getInput(), perm);
  }
  auto reshape = value.getDefiningOp<ReshapeOp>();
  if (!reshape)
    return {};
  SmallVector<DimExpr> before = shapeOf(reshape.getInput());
  if (before.size() < 2 || ArrayRef(before).take_back(2) != ArrayRef(shape).take_back(2))
    return {};
  Value inner = transposed(builder, reshape.getInput());
  if (!inner)
    return {};
  std::swap(shape.end()[-1], shape.end()[-2]);
  return ReshapeOp::create(builder, value.getLoc(),
                           tensorType(shape, typeOf(value).getElementType()), inner);
}

/// Walks from the weights of the second product to the first one. False: it is something else.
bool match(MatmulOp result, Parts &parts) {
  parts.result = result;
  if (result.getBias() || result.getTransposeB() || !typeOf(result).getElementType().isF32())
    return false;
  auto softmax = result.getLhs().getDefiningOp<SoftmaxOp>();
  if (!softmax || softmax.getLog() || !softmax->hasOneUse())
    return false;
  SmallVector<DimExpr> shape = shapeOf(softmax.getInput());
  int64_t rank = shape.size();
  if (rank < 3 || rank > 4 || softmax.getAxis() != rank - 1 ||
      numElements(typeOf(softmax)) == DimExpr(0))
    return false;
  // An attention knows its heads.
  if (rank == 4 && !shape[1].isConstant())
    return false;
  parts.locations = {softmax.getLoc(), result.getLoc()};
  Value scores = softmax.getInput();
  if (auto add = scores.getDefiningOp<AddOp>()) {
    if (!add->hasOneUse())
      return false;
    for (unsigned side : {0, 1}) {
      Value other = add->getOperand(1 - side), product = add->getOperand(side);
      Parts trial;
      if (shapeOf(product) == shape && product.hasOneUse() &&
          withoutScale(product, trial, /*onlyUse=*/true).getDefiningOp<MatmulOp>()) {
        scores = product;
        parts.mask = other;
        break;
      }
    }
    if (!parts.mask)
      return false;
    parts.locations.push_back(add.getLoc());
  }
  scores = withoutScale(scores, parts, /*onlyUse=*/true);
  parts.scores = scores.getDefiningOp<MatmulOp>();
  if (!parts.scores || !parts.scores->hasOneUse() || parts.scores.getBias())
    return false;
  parts.locations.push_back(parts.scores.getLoc());
  parts.query = withoutScale(parts.scores.getLhs(), parts, /*onlyUse=*/false);
  parts.key = withoutScale(parts.scores.getRhs(), parts, /*onlyUse=*/false);
  parts.value = result.getRhs();
  // All of one rank, without leading dims that stretch.
  for (Value part : {parts.query, parts.key, parts.value})
    if (static_cast<int64_t>(shapeOf(part).size()) != rank ||
        ArrayRef<DimExpr>(shapeOf(part)).drop_back(2) != ArrayRef(shape).drop_back(2))
      return false;
  return true;
}

/// Whether `mask` may leave out all keys of a row: not when its rows all have a finite element.
bool mayBeEmpty(Value mask) {
  std::optional<std::vector<double>> elements = constantElements(mask);
  int64_t columns = typeOf(mask).getRank() == 0 ? 1 : typeOf(mask).getShape().back();
  if (!elements || columns == 0)
    return true;
  for (size_t row = 0; row < elements->size(); row += columns)
    if (llvm::none_of(ArrayRef(*elements).slice(row, columns),
                      [](double m) { return !(m == -std::numeric_limits<double>::infinity()); }))
      return true;
  return false;
}

class RaiseAttention : public ingot::impl::RaiseAttentionBase<RaiseAttention> {
public:
  RaiseAttention() = default;
  explicit RaiseAttention(std::function<bool(Operation *)> isWanted)
      : isWanted(std::move(isWanted)) {}

private:
  void runOnOperation() override {
    SmallVector<MatmulOp> products;
    getOperation().walk([&](MatmulOp op) { products.push_back(op); });
    for (MatmulOp op : products) {
      Parts parts;
      if (match(op, parts))
        raise(parts);
    }
    // The parts, or what was made for an attention that is not wanted.
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
      if (isa_and_nonnull<IngotDialect>(op->getDialect()) && isOpTriviallyDead(op))
        op->erase();
    });
  }

  void raise(Parts &parts) {
    OpBuilder builder(parts.result);
    Location loc = fuseLocations(parts.locations);
    Value key = parts.key;
    if (!parts.scores.getTransposeB())
      key = transposed(builder, key);
    if (!key)
      return;
    // Three dims are heads of one batch, or where their number is open batches of one head.
    bool batches = typeOf(parts.query).getRank() == 3 && typeOf(parts.query).isDynamicDim(0);
    auto four = [&](Value value) -> Value {
      SmallVector<DimExpr> shape = shapeOf(value);
      if (shape.size() != 3)
        return value;
      shape.insert(shape.begin() + (batches ? 1 : 0), 1);
      return ReshapeOp::create(builder, loc, tensorType(shape, typeOf(value).getElementType()),
                               value);
    };
    if (parts.mask && batches)
      parts.mask = four(parts.mask);
    auto attention =
        AttentionOp::create(builder, loc, four(parts.query), four(key), four(parts.value),
                            parts.mask, APFloat(parts.scale), /*causal=*/false);
    if (isWanted && !isWanted(attention))
      return attention.erase();
    Value result = attention;
    if (parts.mask && mayBeEmpty(parts.mask)) {
      // A softmax of nothing is NaN, an attention to nothing 0.
      Type element = typeOf(result).getElementType();
      Value top = parts.mask;
      if (!shapeOf(top).empty())
        top = ReduceOp::create(builder, loc, ReduceKind::Max, top,
                               ArrayRef<int64_t>{static_cast<int64_t>(shapeOf(top).size()) - 1},
                               /*keepdims=*/true);
      double infinity = std::numeric_limits<double>::infinity();
      Value empty = CmpOp::create(builder, loc, CmpKind::Eq, top,
                                  scalarConstant(builder, loc, element, -infinity));
      result = SelectOp::create(
          builder, loc, empty,
          scalarConstant(builder, loc, element, std::numeric_limits<double>::quiet_NaN()), result);
    }
    if (typeOf(result) != typeOf(parts.result))
      result = ReshapeOp::create(builder, loc, typeOf(parts.result), result);
    parts.result.getResult().replaceAllUsesWith(result);
  }

  std::function<bool(Operation *)> isWanted;
};

} // namespace

std::unique_ptr<Pass> ingot::createRaiseAttention(std::function<bool(Operation *)> isWanted) {
  return std::make_unique<RaiseAttention>(std::move(isWanted));
}
