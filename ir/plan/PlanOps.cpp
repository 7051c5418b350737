// Printing, parsing and verification of the `plan` dialect.
#include "ir/plan/Plan.h"

#include "ir/graph/WeightStore.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::plan;

//===-- extents: custom<Extent> of the assembly formats
//------------------------------------------------------------------------===//

static ParseResult parseExtent(OpAsmParser &parser, Attribute &extent) {
  int64_t number;
  OptionalParseResult isNumber = parser.parseOptionalInteger(number);
  if (isNumber.has_value()) {
    extent = parser.getBuilder().getI64IntegerAttr(number);
    return *isNumber;
  }
  std::string text;
  if (parser.parseString(&text))
    return failure();
  extent = parser.getBuilder().getStringAttr(text);
  return success();
}

static void printExtent(OpAsmPrinter &printer, Operation *, Attribute extent) {
  if (auto number = dyn_cast<IntegerAttr>(extent))
    printer << number.getInt();
  else
    printer << extent;
}

#include "ir/plan/PlanDialect.cpp.inc"
#include "ir/plan/PlanEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/plan/PlanTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/plan/PlanAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "ir/plan/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/plan/PlanTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/plan/PlanAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "ir/plan/PlanOps.cpp.inc"
      >();
}

/// Reads the text of an expression; one that is not valid when the text is none.
static DimExpr parsed(StringRef text) {
  llvm::Expected<DimExpr> expression = DimExpr::parse(text);
  if (expression)
    return *expression;
  llvm::consumeError(expression.takeError());
  return DimExpr::floorDiv(1, 0);
}

DimExpr plan::extentOf(Attribute attr) {
  if (auto number = dyn_cast<IntegerAttr>(attr))
    return number.getInt();
  return parsed(cast<StringAttr>(attr).getValue());
}

Attribute plan::extentAttr(Builder builder, const DimExpr &extent) {
  if (std::optional<int64_t> number = extent.constant())
    return builder.getI64IntegerAttr(*number);
  return builder.getStringAttr(extent.str());
}

DimExpr plan::storedSize(RankedTensorType type) {
  DimExpr bytes = int64_t(storedElementBytes(type.getElementType()));
  for (const DimExpr &extent : extentsOf(type))
    bytes *= extent;
  return bytes;
}

plan::Origin plan::originOf(Value buffer) {
  DimExpr offset = 0;
  while (auto range = buffer.getDefiningOp<RangeOp>()) {
    offset += range.getOffset();
    buffer = range.getSource();
  }
  if (auto ref = buffer.getDefiningOp<RefOp>())
    offset += ref.getOffset();
  return {buffer.getDefiningOp(), offset};
}

bool plan::neverAbove(const DimExpr &a, const DimExpr &b, const DimBounds &bounds) {
  DimExpr distance = b - a;
  if (std::optional<int64_t> number = distance.constant())
    return *number >= 0;
  auto range = distance.range([&](StringRef name) -> std::optional<DimExpr::Range> {
    auto found = bounds.find(name);
    return found == bounds.end() ? std::nullopt : std::optional(found->getValue());
  });
  return range && range->low >= 0;
}

DimExpr BufferType::size() const {
  return getExpression().empty() ? DimExpr(int64_t(getBytes())) : parsed(getExpression());
}

BufferType BufferType::sized(MLIRContext *context, const DimExpr &size, StringRef space,
                             const DimBounds &bounds) {
  if (std::optional<int64_t> number = size.constant())
    return get(context, *number, space);
  return get(context, std::max<int64_t>(rangeOf(size, bounds).high, 0), space, size.str());
}

LogicalResult BufferType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, uint64_t,
                                 StringRef, StringRef expression) {
  if (expression.empty())
    return success();
  DimExpr size = parsed(expression);
  if (!size.valid() || size.isConstant() || size.str() != expression)
    return emitError() << "expected a canonical expression of dims as size, got \"" << expression
                       << '"';
  return success();
}

/// What may stand in an entry, a branch or a loop.
static bool isInEntry(Operation &op) {
  return isa<AllocOp, RangeOp, RefOp, PlaceOp, plan::LaunchOp, CopyOp, IfOp, WhileOp>(op);
}

StringRef plan::hostSpace(Operation *inModule) {
  auto module =
      isa<ModuleOp>(inModule) ? cast<ModuleOp>(inModule) : inModule->getParentOfType<ModuleOp>();
  for (SpaceOp space : module.getOps<SpaceOp>())
    return space.getSymName();
  return "";
}

namespace {

/// The op of kind OpTy that `symbol` names in the module around `op`; reports an error and returns
/// null otherwise.
template <typename OpTy>
OpTy resolve(SymbolTableCollection &symbols, Operation *op, FlatSymbolRefAttr symbol) {
  auto found = symbols.lookupSymbolIn<OpTy>(op->getParentOfType<ModuleOp>(), symbol.getAttr());
  if (!found)
    op->emitOpError() << "expected " << symbol << " to be a " << OpTy::getOperationName();
  return found;
}

bool isPowerOfTwo(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

LogicalResult verifyAlignment(Operation *op, int64_t alignment) {
  if (isPowerOfTwo(alignment) && alignment <= 65536)
    return success();
  return op->emitOpError() << "expected an alignment that is a power of two up to 65536, got "
                           << alignment;
}

/// `what` is a number that is not negative, or a canonical expression of dims.
LogicalResult verifyExtent(Operation *op, Attribute attr, const char *what) {
  if (auto number = dyn_cast<IntegerAttr>(attr)) {
    if (number.getInt() >= 0)
      return success();
    return op->emitOpError() << "expected " << what << " that is not negative, got "
                             << number.getInt();
  }
  DimExpr extent = extentOf(attr);
  if (extent.valid() && !extent.isConstant() && extent.str() == cast<StringAttr>(attr).getValue())
    return success();
  return op->emitOpError() << "expected " << what << " as a canonical expression of dims, got "
                           << attr;
}

LogicalResult verifyDense(Operation *op, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.hasStaticShape())
    return success();
  return op->emitOpError() << "expected a tensor type with static shape, got " << type;
}

} // namespace

LogicalResult SpaceOp::verify() { return verifyAlignment(*this, getAlignment()); }

LogicalResult SpaceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return success(!!resolve<TargetOp>(symbols, *this, getTargetAttr()));
}

LogicalResult SegmentOp::verify() {
  if (getKind() != "code" && getKind() != "binary")
    return emitOpError() << "expected kind \"code\" or \"binary\", got \"" << getKind() << '"';
  if (int64_t(getSize()) <= 0)
    return emitOpError() << "expected a positive size, got " << int64_t(getSize());
  if (getHash().size() != 64)
    return emitOpError("expected a SHA-256 of 64 hex digits");
  return verifyAlignment(*this, getAlignment());
}

LogicalResult SegmentOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return success(!!resolve<TargetOp>(symbols, *this, getTargetAttr()));
}

LogicalResult KernelOp::verify() {
  if (int64_t(getInputs()) < 0 || int64_t(getResults()) < 0)
    return emitOpError("expected counts of inputs and results that are not negative");
  if (int64_t(getNumDims()) < 0)
    return emitOpError("expected a count of dims that is not negative");
  if (getWorkgroup() && getWorkgroup()->size() != 3)
    return emitOpError() << "expected 3 numbers in workgroup, got " << getWorkgroup()->size();
  ArrayRef<int64_t> pairs = getInPlace();
  if (pairs.size() % 2)
    return emitOpError("expected in_place to hold pairs of [result, operand]");
  for (size_t i = 0; i < pairs.size(); i += 2)
    if (pairs[i] < 0 || pairs[i] >= int64_t(getResults()) || pairs[i + 1] < 0 ||
        pairs[i + 1] >= int64_t(getInputs()))
      return emitOpError() << "in_place pair [" << pairs[i] << ", " << pairs[i + 1]
                           << "] is out of range";
  return success();
}

LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto segment = resolve<SegmentOp>(symbols, *this, getSegmentAttr());
  if (!segment)
    return failure();
  if (segment.getKind() == "code" && getEntry() >= segment.getSize())
    return emitOpError() << "starts at byte " << getEntry() << ", beyond its segment of "
                         << segment.getSize() << " bytes";
  return success();
}

LogicalResult plan::ConstantOp::verify() {
  if (failed(verifyDense(*this, getType())))
    return failure();
  if (!isa<DenseElementsAttr, WeightAttr>(getValue()))
    return emitOpError("expected a dense attribute or an #ingot.weight as value");
  return success();
}

LogicalResult plan::ConstantOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return success(!!resolve<SpaceOp>(symbols, *this, getSpaceAttr()));
}

LogicalResult plan::VariableOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!resolve<SpaceOp>(symbols, *this, getSpaceAttr()))
    return failure();
  if (!getInitialAttr())
    return success();
  auto initial = resolve<plan::ConstantOp>(symbols, *this, getInitialAttr());
  if (initial && initial.getType() != getType())
    return emitOpError() << "starts as a constant of type " << initial.getType();
  return success(!!initial);
}

LogicalResult plan::VariableOp::verify() { return verifyDense(*this, getType()); }

LogicalResult ArenaOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return success(!!resolve<SpaceOp>(symbols, *this, getSpaceAttr()));
}

LogicalResult ArenaOp::verify() {
  if (int64_t(getSize()) < 0 || int64_t(getLowerBound()) < 0)
    return emitOpError("expected sizes that are not negative");
  if (getLowerBound() > getSize())
    return emitOpError() << "its size of " << getSize() << " bytes is below its lower bound of "
                         << getLowerBound();
  return verifyAlignment(*this, getAlignment());
}

//===-- entry
//-----------------------------------------------------------------------------------------------------===//

static ParseResult parseSignature(OpAsmParser &parser, ArrayAttr &names, ArrayAttr &types) {
  Builder &builder = parser.getBuilder();
  SmallVector<Attribute> nameList, typeList;
  auto parseOne = [&]() -> ParseResult {
    std::string name;
    Type type;
    if (parser.parseKeywordOrString(&name) || parser.parseColonType(type))
      return failure();
    nameList.push_back(builder.getStringAttr(name));
    typeList.push_back(TypeAttr::get(type));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne))
    return failure();
  names = builder.getArrayAttr(nameList);
  types = builder.getArrayAttr(typeList);
  return success();
}

static void printSignature(OpAsmPrinter &printer, ArrayAttr names, ArrayAttr types) {
  printer << '(';
  llvm::interleaveComma(llvm::zip_equal(names, types), printer, [&](auto pair) {
    printer.printKeywordOrString(cast<StringAttr>(std::get<0>(pair)).getValue());
    printer << " : " << cast<TypeAttr>(std::get<1>(pair)).getValue();
  });
  printer << ')';
}

ParseResult EntryOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  ArrayAttr inputNames, inputTypes, outputNames, outputTypes;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name), result.attributes) ||
      parseSignature(parser, inputNames, inputTypes) || parser.parseArrow() ||
      parseSignature(parser, outputNames, outputTypes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion()))
    return failure();
  if (result.regions[0]->empty())
    result.regions[0]->emplaceBlock();
  result.addAttribute(getInputNamesAttrName(result.name), inputNames);
  result.addAttribute(getInputTypesAttrName(result.name), inputTypes);
  result.addAttribute(getOutputNamesAttrName(result.name), outputNames);
  result.addAttribute(getOutputTypesAttrName(result.name), outputTypes);
  return success();
}

void EntryOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printSignature(printer, getInputNames(), getInputTypes());
  printer << " -> ";
  printSignature(printer, getOutputNames(), getOutputTypes());
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {getSymNameAttrName(), getInputNamesAttrName(), getInputTypesAttrName(),
                            getOutputNamesAttrName(), getOutputTypesAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult EntryOp::verify() {
  for (auto [names, types] :
       {std::pair(getInputNames(), getInputTypes()), {getOutputNames(), getOutputTypes()}}) {
    if (names.size() != types.size())
      return emitOpError() << "has " << names.size() << " names for " << types.size() << " types";
    for (Type type : types.getAsValueRange<TypeAttr>()) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || !llvm::all_of(extentsOf(tensor), [](const DimExpr &e) { return e.valid(); }))
        return emitOpError() << "expected tensor types with extents that are known or named, got "
                             << type;
    }
  }
  for (Operation &op : getBody().getOps())
    if (!isInEntry(op))
      return op.emitOpError("may not be part of a plan.entry");
  return success();
}

//===-- memory
//----------------------------------------------------------------------------------------------------===//

LogicalResult RangeOp::verify() {
  BufferType from = getSource().getType(), to = getType();
  if (from.getSpace() != to.getSpace())
    return emitOpError() << "leads from space " << from.getSpace() << " to " << to.getSpace();
  if (failed(verifyExtent(*this, getOffsetAttr(), "an offset")))
    return failure();
  std::optional<int64_t> offset = getOffset().constant();
  // What depends on dims is checked by the runtime for the sizes of a call.
  if (!offset || !from.getExpression().empty() || !to.getExpression().empty())
    return success();
  if (uint64_t(*offset) > from.getBytes() || to.getBytes() > from.getBytes() - uint64_t(*offset))
    return emitOpError() << "of " << to.getBytes() << " bytes at " << *offset << " goes beyond the "
                         << from.getBytes() << " bytes of its source";
  return success();
}

LogicalResult PlaceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto arena = resolve<ArenaOp>(symbols, *this, getArenaAttr());
  if (!arena)
    return failure();
  BufferType type = getType();
  if (type.getSpace() != arena.getSpace())
    return emitOpError() << "lies in space " << arena.getSpace() << ", but its type says "
                         << type.getSpace();
  if (int64_t(getOffset()) < 0 || getOffset() > arena.getSize() ||
      type.getBytes() > arena.getSize() - getOffset())
    return emitOpError() << "of " << type.getBytes() << " bytes at " << int64_t(getOffset())
                         << " goes beyond the " << arena.getSize() << " bytes of its arena";
  for (Value other : getBehind()) {
    auto place = other.getDefiningOp<PlaceOp>();
    if (!place || place.getArenaAttr() != getArenaAttr())
      return emitOpError("expected to lie behind other places of its arena");
    if (place.getOffset() + place.getType().getBytes() > getOffset())
      return emitOpError() << "at " << getOffset() << " starts before the end of a place behind "
                           << "which it lies, at "
                           << place.getOffset() + place.getType().getBytes();
  }
  return success();
}

LogicalResult RefOp::verify() {
  bool byIndex = getKind() == BufferKind::Input || getKind() == BufferKind::Output;
  if (byIndex != getIndex().has_value() || byIndex == getSymbol().has_value())
    return emitOpError() << "to an " << stringifyBufferKind(getKind()) << " expects "
                         << (byIndex ? "an index" : "a symbol");
  return verifyExtent(*this, getOffsetAttr(), "an offset");
}

LogicalResult RefOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto check = [&](const DimExpr &there, StringRef space) -> LogicalResult {
    if (space != getType().getSpace())
      return emitOpError() << "lies in space " << space << ", but its type says "
                           << getType().getSpace();
    std::optional<int64_t> bytes = there.constant(), offset = getOffset().constant();
    // What depends on dims is checked by the runtime for the sizes of a call.
    if (!bytes || !offset || !getType().getExpression().empty())
      return success();
    if (*offset > *bytes || getType().getBytes() > uint64_t(*bytes - *offset))
      return emitOpError() << "of " << getType().getBytes() << " bytes at " << *offset
                           << " goes beyond the " << *bytes << " bytes there are";
    return success();
  };
  auto tensorBytes = [](Type type) { return storedSize(cast<RankedTensorType>(type)); };
  switch (getKind()) {
  case BufferKind::Input:
  case BufferKind::Output: {
    auto entry = (*this)->getParentOfType<EntryOp>();
    if (!entry)
      return emitOpError("stands outside of a plan.entry");
    ArrayAttr types =
        getKind() == BufferKind::Input ? entry.getInputTypes() : entry.getOutputTypes();
    if (*getIndex() >= types.size())
      return emitOpError() << "names " << stringifyBufferKind(getKind()) << ' ' << *getIndex()
                           << ", but the entry has " << types.size();
    return check(tensorBytes(cast<TypeAttr>(types[*getIndex()]).getValue()), hostSpace(*this));
  }
  case BufferKind::Arena: {
    auto arena = resolve<ArenaOp>(symbols, *this, getSymbolAttr());
    return arena ? check(int64_t(arena.getSize()), arena.getSpace()) : failure();
  }
  case BufferKind::Constant: {
    auto constant = resolve<plan::ConstantOp>(symbols, *this, getSymbolAttr());
    return constant ? check(tensorBytes(constant.getType()), constant.getSpace()) : failure();
  }
  case BufferKind::Variable: {
    auto variable = resolve<plan::VariableOp>(symbols, *this, getSymbolAttr());
    return variable ? check(tensorBytes(variable.getType()), variable.getSpace()) : failure();
  }
  }
  llvm_unreachable("not a BufferKind");
}

//===-- steps
//-----------------------------------------------------------------------------------------------------===//

LogicalResult plan::LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = resolve<KernelOp>(symbols, *this, getKernelAttr());
  if (!kernel)
    return failure();
  if (kernel.getInputs() != getInputs().size() || kernel.getResults() != getOutputs().size())
    return emitOpError() << "has " << getInputs().size() << " inputs and " << getOutputs().size()
                         << " outputs, but " << getKernelAttr() << " takes " << kernel.getInputs()
                         << " and " << kernel.getResults();
  size_t dims = getDims() ? getDims()->getExpressions().size() : 0;
  if (kernel.getNumDims() != dims)
    return emitOpError() << "gives " << dims << " dims, but " << getKernelAttr() << " takes "
                         << kernel.getNumDims();
  return success();
}

LogicalResult plan::LaunchOp::verify() {
  if (getGrid() && getGrid()->size() != 3)
    return emitOpError() << "expected 3 numbers in grid, got " << getGrid()->size();
  return getTilesAttr() ? verifyExtent(*this, getTilesAttr(), "a count of tiles") : success();
}

LogicalResult CopyOp::verify() {
  BufferType from = getSource().getType(), to = getDestination().getType();
  if (from.size() != to.size())
    return emitOpError() << "from " << from.size().str() << " bytes to " << to.size().str()
                         << " bytes";
  return success();
}

/// A branch or a loop: its condition, and what its regions may hold.
static LogicalResult verifyControl(Operation *op, BufferType condition) {
  if (condition.getBytes() != 1)
    return op->emitOpError() << "expected a condition of 1 byte, got " << condition.getBytes();
  if (condition.getSpace() != hostSpace(op))
    return op->emitOpError("expected its condition in the host's space");
  for (Region &region : op->getRegions())
    for (Operation &inner : region.getOps())
      if (!isInEntry(inner))
        return inner.emitOpError() << "may not be part of a " << op->getName();
  return success();
}

LogicalResult IfOp::verify() { return verifyControl(*this, getCondition().getType()); }

LogicalResult WhileOp::verify() { return verifyControl(*this, getCondition().getType()); }
