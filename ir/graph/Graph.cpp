// Registration of the `ingot` dialect, and the helpers of Graph.h.
#include "ir/graph/Graph.h"
#include "ir/graph/WeightStore.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;

#include "ir/graph/GraphDialect.cpp.inc"
#include "ir/graph/GraphEnums.cpp.inc"
#include "ir/graph/GraphInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/graph/GraphAttrs.cpp.inc"

void IngotDialect::initialize() {
  weights = std::make_shared<WeightStore>();
  addOperations<
#define GET_OP_LIST
#include "ir/graph/GraphOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/graph/GraphAttrs.cpp.inc"
      >();
}

Operation *IngotDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                             Location loc) {
  if (!isa<RankedTensorType>(type) || !isa<DenseElementsAttr, WeightAttr>(value))
    return nullptr;
  return ConstantOp::create(builder, loc, cast<RankedTensorType>(type), value);
}

Attribute ingot::constantIdentity(Attribute value) {
  auto weight = dyn_cast<WeightAttr>(value);
  return weight ? WeightAttr::get(weight.getContext(), "", 0, 0, weight.getBytes(),
                                  weight.getHash(), weight.getStored(), weight.getRecipe())
                : value;
}

WeightStore &ingot::weightsOf(MLIRContext *context) {
  return context->getOrLoadDialect<IngotDialect>()->getWeights();
}

FailureOr<SmallVector<int64_t>> ingot::broadcastShapes(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return failure();
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

SmallVector<DimExpr> ingot::extentsOf(RankedTensorType type) {
  SmallVector<DimExpr> extents;
  auto names = dyn_cast_or_null<DimsAttr>(type.getEncoding());
  size_t next = 0;
  for (int64_t extent : type.getShape()) {
    if (!ShapedType::isDynamic(extent)) {
      extents.push_back(extent);
      continue;
    }
    // Division by 0 is how an expression says that it is nothing.
    DimExpr unknown = DimExpr::floorDiv(1, 0);
    if (!names) {
      extents.push_back(unknown);
      continue;
    }
    llvm::Expected<DimExpr> parsed = DimExpr::parse(names.getExpressions()[next++].getValue());
    extents.push_back(parsed ? *parsed : unknown);
    if (!parsed)
      llvm::consumeError(parsed.takeError());
  }
  return extents;
}

RankedTensorType ingot::tensorType(ArrayRef<DimExpr> extents, Type element) {
  SmallVector<int64_t> shape;
  SmallVector<StringAttr> names;
  bool unknown = false;
  for (const DimExpr &extent : extents) {
    shape.push_back(extent.constant().value_or(ShapedType::kDynamic));
    unknown |= !extent.valid();
    if (!extent.isConstant())
      names.push_back(StringAttr::get(element.getContext(), extent.str()));
  }
  if (names.empty() || unknown)
    return RankedTensorType::get(shape, element);
  return RankedTensorType::get(shape, element, DimsAttr::get(element.getContext(), names));
}

DimBounds ingot::dimBounds(Operation *op) {
  DimBounds bounds;
  if (auto attr = op->getAttrOfType<DictionaryAttr>(kDimBoundsAttr))
    for (NamedAttribute entry : attr)
      if (auto pair = dyn_cast<DenseI64ArrayAttr>(entry.getValue()); pair && pair.size() == 2)
        bounds[entry.getName().getValue()] = {pair[0], pair[1]};
  return bounds;
}

void ingot::setDimBounds(Operation *op, const DimBounds &bounds) {
  if (bounds.empty()) {
    op->removeAttr(kDimBoundsAttr);
    return;
  }
  SmallVector<NamedAttribute> entries;
  for (const auto &entry : bounds)
    entries.push_back(
        {StringAttr::get(op->getContext(), entry.getKey()),
         DenseI64ArrayAttr::get(op->getContext(), {entry.getValue().low, entry.getValue().high})});
  op->setAttr(kDimBoundsAttr, DictionaryAttr::get(op->getContext(), entries));
}

DimExpr::Range ingot::rangeOf(const DimExpr &expression, const DimBounds &bounds) {
  auto range = expression.range([&](StringRef name) -> std::optional<DimExpr::Range> {
    auto found = bounds.find(name);
    return found == bounds.end() ? std::nullopt : std::optional(found->getValue());
  });
  return range ? *range : DimExpr::Range{0, INT64_MAX};
}

LogicalResult DimsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<StringAttr> expressions) {
  for (StringAttr text : expressions) {
    llvm::Expected<DimExpr> parsed = DimExpr::parse(text.getValue());
    if (!parsed)
      return emitError() << llvm::toString(parsed.takeError());
    if (parsed->isConstant() || parsed->str() != text.getValue())
      return emitError() << "expected a canonical expression of dims, but got \"" << text.getValue()
                         << "\"; write \"" << parsed->str() << "\"";
  }
  return success();
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  size_t dynamic = llvm::count_if(shape, ShapedType::isDynamic);
  if (dynamic != getExpressions().size())
    return emitError() << "names " << getExpressions().size() << " extents, but " << dynamic
                       << " are dynamic";
  return success();
}

FailureOr<SmallVector<DimExpr>> ingot::broadcastExtents(ArrayRef<DimExpr> a, ArrayRef<DimExpr> b) {
  SmallVector<DimExpr> result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    DimExpr x = i < a.size() ? a[a.size() - 1 - i] : DimExpr(1);
    DimExpr y = i < b.size() ? b[b.size() - 1 - i] : DimExpr(1);
    if (x != y && x != DimExpr(1) && y != DimExpr(1))
      return failure();
    result[result.size() - 1 - i] = x == DimExpr(1) ? y : x;
  }
  return result;
}

RankedTensorType ingot::withElementType(RankedTensorType type, Type element) {
  return RankedTensorType::get(type.getShape(), element, type.getEncoding());
}

Type ingot::signless(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element); integer && !integer.isSignless())
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

static void collectNames(Location loc, SetVector<StringRef> &names) {
  TypeSwitch<LocationAttr>(loc)
      .Case([&](NameLoc name) { names.insert(name.getName()); })
      .Case([&](FusedLoc fused) {
        for (Location part : fused.getLocations())
          collectNames(part, names);
      })
      .Case([&](CallSiteLoc site) { collectNames(site.getCallee(), names); });
}

SmallVector<StringRef> ingot::sourceNames(Location loc) {
  SetVector<StringRef> names;
  collectNames(loc, names);
  return names.takeVector();
}

std::string ingot::sourceName(Location loc) {
  SmallVector<StringRef> names = sourceNames(loc);
  return names.empty() ? "?" : llvm::join(names, " ");
}

Value ingot::constant(OpBuilder &builder, Location loc, RankedTensorType type, Attribute attr) {
  return ConstantOp::create(builder, loc, type, attr);
}

Value ingot::scalarConstant(OpBuilder &builder, Location loc, Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat number(value);
    bool loses;
    number.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
    return constant(builder, loc, type, DenseElementsAttr::get(type, number));
  }
  auto integer = cast<IntegerType>(element);
  APInt number(integer.getWidth(), static_cast<uint64_t>(static_cast<int64_t>(value)),
               /*isSigned=*/true, /*implicitTrunc=*/true);
  return constant(builder, loc, type, DenseElementsAttr::get(type, number));
}

Value ingot::indexConstant(OpBuilder &builder, Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, builder.getI64Type());
  return constant(builder, loc, type, DenseElementsAttr::get(type, values));
}
