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
