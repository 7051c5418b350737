// See SpecializeDims.h.
#include "ir/graph/SpecializeDims.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace ingot;

namespace {

class Specializer {
public:
  explicit Specializer(const llvm::StringMap<int64_t> &sizes) : sizes(sizes) {}

  LogicalResult run(Operation *root) {
    SmallVector<Operation *> ops;
    root->walk([&](Operation *op) { ops.push_back(op); });
    return failure(llvm::any_of(ops, [&](Operation *op) { return failed(rewrite(op)); }));
  }

private:
  std::optional<DimExpr> substituted(StringRef text) {
    llvm::Expected<DimExpr> parsed = DimExpr::parse(text);
    if (!parsed) {
      llvm::consumeError(parsed.takeError());
      return std::nullopt;
    }
    DimExpr value = parsed->substitute([&](StringRef name) -> std::optional<DimExpr> {
      auto found = sizes.find(name);
      return found == sizes.end() ? std::nullopt : std::optional<DimExpr>(found->second);
    });
    return value.valid() ? std::optional(value) : std::nullopt;
  }

  FailureOr<Type> typeFor(Operation *op, Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.hasStaticShape())
      return type;
    SmallVector<DimExpr> extents;
    for (const DimExpr &extent : extentsOf(tensor)) {
      std::optional<DimExpr> value = substituted(extent.str());
      if (!value || value->constant().value_or(0) < 0)
        return op->emitError() << "the extent " << extent.str() << " is "
                               << (value ? value->str() : "no number") << " at this size";
      extents.push_back(*value);
    }
    return Type(tensorType(extents, tensor.getElementType()));
  }

  LogicalResult rewrite(Value value, Operation *op) {
    FailureOr<Type> type = typeFor(op, value.getType());
    if (succeeded(type))
      value.setType(*type);
    return type;
  }

  /// The starts and sizes of a slice.
  LogicalResult rewriteDims(SliceOp slice) {
    SmallVector<int64_t> starts(slice.getStarts()), sizesOf(slice.getSizes());
    SmallVector<StringAttr> left;
    ArrayRef<StringAttr> names =
        slice.getDimsAttr() ? slice.getDimsAttr().getExpressions() : ArrayRef<StringAttr>();
    for (auto *numbers : {&starts, &sizesOf})
      for (int64_t &number : *numbers) {
        if (!ShapedType::isDynamic(number) || names.empty())
          continue;
        std::optional<DimExpr> value = substituted(names.front().getValue());
        names = names.drop_front();
        if (!value)
          return slice.emitError("a start or size has no value at this size");
        number = value->constant().value_or(ShapedType::kDynamic);
        if (!value->isConstant())
          left.push_back(StringAttr::get(slice.getContext(), value->str()));
      }
    slice.setStarts(starts);
    slice.setSizes(sizesOf);
    slice.setDimsAttr(left.empty() ? DimsAttr() : DimsAttr::get(slice.getContext(), left));
    return success();
  }

  LogicalResult rewrite(Operation *op) {
    for (Value result : op->getResults())
      if (failed(rewrite(result, op)))
        return failure();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          if (failed(rewrite(argument, op)))
            return failure();
    DimBounds bounds = dimBounds(op), rest;
    for (const auto &entry : bounds)
      if (!sizes.contains(entry.getKey()))
        rest[entry.getKey()] = entry.getValue();
    if (!bounds.empty())
      setDimBounds(op, rest);
    if (auto function = dyn_cast<FunctionOpInterface>(op)) {
      SmallVector<Type> inputs, results;
      for (auto [from, to] : {std::pair(function.getArgumentTypes(), &inputs),
                              std::pair(function.getResultTypes(), &results)})
        for (Type type : from) {
          FailureOr<Type> converted = typeFor(op, type);
          if (failed(converted))
            return failure();
          to->push_back(*converted);
        }
      function.setFunctionTypeAttr(
          TypeAttr::get(FunctionType::get(op->getContext(), inputs, results)));
    } else if (auto slice = dyn_cast<SliceOp>(op)) {
      return rewriteDims(slice);
    } else if (auto dim = dyn_cast<DimOp>(op)) {
      std::optional<DimExpr> value = substituted(dim.getExpression());
      if (!value)
        return dim.emitError("has no value at this size");
      if (std::optional<int64_t> number = value->constant()) {
        OpBuilder builder(op);
        dim.replaceAllUsesWith(constant(builder, dim.getLoc(), dim.getType(),
                                        DenseElementsAttr::get(dim.getType(), *number)));
        dim.erase();
      } else {
        dim.setExpression(value->str());
      }
    } else if (auto launch = dyn_cast<LaunchOp>(op); launch && launch.getDimsAttr()) {
      // The kernel keeps its dims: the launch says their numbers.
      return launch.emitError("internal: sizes are given before kernels are formed");
    } else if (auto variable = dyn_cast<VariableOp>(op)) {
      FailureOr<Type> type = typeFor(op, variable.getType());
      if (failed(type))
        return failure();
      variable.setType(*type);
    }
    return success();
  }

  const llvm::StringMap<int64_t> &sizes;
};

} // namespace

LogicalResult ingot::specializeDims(Operation *root, const llvm::StringMap<int64_t> &sizes) {
  return Specializer(sizes).run(root);
}
