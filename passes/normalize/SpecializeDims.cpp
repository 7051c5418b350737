// specialize-dims: numbers for named dims, which gives the module of one size.
#include "ir/graph/Shapes.h"
#include "passes/normalize/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_SPECIALIZEDIMS
#include "passes/normalize/Passes.h.inc"
} // namespace ingot

namespace {
/// Replaces names in types and ops.
class Specializer {
public:
  explicit Specializer(const std::map<std::string, int64_t> &sizes) : sizes(sizes) {}

  DimExpr expression(const DimExpr &from) const {
    return from.substitute([&](StringRef name) -> std::optional<DimExpr> {
      auto found = sizes.find(name.str());
      return found == sizes.end() ? std::nullopt : std::optional(DimExpr(found->second));
    });
  }

  Type type(Type from) const {
    auto tensor = dyn_cast<RankedTensorType>(from);
    if (!tensor || tensor.hasStaticShape())
      return from;
    SmallVector<DimExpr> extents = extentsOf(tensor);
    for (DimExpr &extent : extents)
      extent = expression(extent);
    return tensorType(extents, tensor.getElementType());
  }

  void values(ValueRange list) const {
    for (Value value : list)
      value.setType(type(value.getType()));
  }

  void run(Operation *op) const {
    values(op->getResults());
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          argument.setType(type(argument.getType()));
    if (auto function = dyn_cast<func::FuncOp>(op)) {
      SmallVector<Type> inputs, results;
      for (Type input : function.getArgumentTypes())
        inputs.push_back(type(input));
      for (Type result : function.getResultTypes())
        results.push_back(type(result));
      function.setType(FunctionType::get(op->getContext(), inputs, results));
    }
    if (auto slice = dyn_cast<SliceOp>(op)) {
      auto range = sliceRange(slice.getStarts(), slice.getSizes(), slice.getDimsAttr());
      if (failed(range))
        return;
      for (SmallVector<DimExpr> *list : {&range->first, &range->second})
        for (DimExpr &entry : *list)
          entry = expression(entry);
      SliceAttrs attrs = sliceAttrs(op->getContext(), range->first, range->second);
      slice.setStarts(attrs.starts);
      slice.setSizes(attrs.sizes);
      slice.setDimsAttr(attrs.dims);
    }
    if (auto dim = dyn_cast<DimOp>(op)) {
      llvm::Expected<DimExpr> parsed = DimExpr::parse(dim.getExpression());
      if (!parsed)
        return llvm::consumeError(parsed.takeError());
      DimExpr value = expression(*parsed);
      if (std::optional<int64_t> number = value.constant()) {
        OpBuilder builder(op);
        dim.getResult().replaceAllUsesWith(constant(
            builder, op->getLoc(), dim.getType(), DenseElementsAttr::get(dim.getType(), *number)));
        op->erase();
      } else {
        dim.setExpression(value.str());
      }
    }
  }

private:
  const std::map<std::string, int64_t> &sizes;
};

class SpecializeDims : public ingot::impl::SpecializeDimsBase<SpecializeDims> {
  using SpecializeDimsBase::SpecializeDimsBase;

  void runOnOperation() override {
    std::map<std::string, int64_t> sizes;
    for (const std::string &text : dims) {
      auto [name, number] = StringRef(text).split('=');
      int64_t value = 0;
      if (name.empty() || number.getAsInteger(10, value)) {
        getOperation().emitError() << "expected NAME=N, but got '" << text << "'";
        return signalPassFailure();
      }
      sizes[name.str()] = value;
    }
    if (failed(specializeDims(getOperation(), sizes)))
      signalPassFailure();
  }
};
} // namespace

LogicalResult ingot::specializeDims(ModuleOp module, const std::map<std::string, int64_t> &sizes) {
  DimBounds bounds = dimBounds(module);
  for (const auto &[name, size] : sizes) {
    auto found = bounds.find(name);
    if (found == bounds.end())
      return module.emitError() << "the module has no dim named '" << name << "'";
    DimExpr::Range range = found->getValue();
    if (size < range.low || size > range.high)
      return module.emitError() << "dim '" << name << "' is " << size << ", but it is bounded by "
                                << range.low << ".." << range.high;
    bounds.erase(found);
  }
  Specializer specializer(sizes);
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops)
    specializer.run(op);
  setDimBounds(module, bounds);
  return success();
}
