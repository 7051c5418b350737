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
    for (Type type : types.getAsValueRange<TypeAttr>())
      if (failed(verifyDense(*this, type)))
        return failure();
  }
  for (Operation &op : getBody().getOps())
    if (!isa<AllocOp, RangeOp, RefOp, LaunchOp, CopyOp, IfOp>(op))
      return op.emitOpError("may not be part of a plan.entry");
  return success();
}

//===-- memory
//----------------------------------------------------------------------------------------------------===//

LogicalResult RangeOp::verify() {
  BufferType from = getSource().getType(), to = getType();
  if (from.getSpace() != to.getSpace())
    return emitOpError() << "leads from space " << from.getSpace() << " to " << to.getSpace();
  int64_t offset = getOffset();
  if (offset < 0 || uint64_t(offset) > from.getBytes() ||
      to.getBytes() > from.getBytes() - uint64_t(offset))
    return emitOpError() << "of " << to.getBytes() << " bytes at " << offset << " goes beyond the "
                         << from.getBytes() << " bytes of its source";
  return success();
}

LogicalResult RefOp::verify() {
  bool byIndex = getKind() == BufferKind::Input || getKind() == BufferKind::Output;
  if (byIndex != getIndex().has_value() || byIndex == getSymbol().has_value())
    return emitOpError() << "to an " << stringifyBufferKind(getKind()) << " expects "
                         << (byIndex ? "an index" : "a symbol");
  if (int64_t(getOffset()) < 0)
    return emitOpError() << "expected an offset that is not negative, got " << int64_t(getOffset());
  return success();
}

LogicalResult RefOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto check = [&](uint64_t bytes, StringRef space) -> LogicalResult {
    if (space != getType().getSpace())
      return emitOpError() << "lies in space " << space << ", but its type says "
                           << getType().getSpace();
    if (getOffset() > bytes || getType().getBytes() > bytes - getOffset())
      return emitOpError() << "of " << getType().getBytes() << " bytes at " << getOffset()
                           << " goes beyond the " << bytes << " bytes there are";
    return success();
  };
  auto tensorBytes = [](Type type) { return storedBytes(cast<RankedTensorType>(type)); };
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
    return arena ? check(arena.getSize(), arena.getSpace()) : failure();
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
  return success();
}

LogicalResult plan::LaunchOp::verify() {
  if (getGrid() && getGrid()->size() != 3)
    return emitOpError() << "expected 3 numbers in grid, got " << getGrid()->size();
  if (int64_t(getTiles()) < 0)
    return emitOpError() << "expected a count of tiles that is not negative, got "
                         << int64_t(getTiles());
  return success();
}

LogicalResult CopyOp::verify() {
  uint64_t from = getSource().getType().getBytes(), to = getDestination().getType().getBytes();
  if (from != to)
    return emitOpError() << "from " << from << " bytes to " << to << " bytes";
  return success();
}

LogicalResult IfOp::verify() {
  if (getCondition().getType().getBytes() != 1)
    return emitOpError() << "expected a condition of 1 byte, got "
                         << getCondition().getType().getBytes();
  if (getCondition().getType().getSpace() != hostSpace(*this))
    return emitOpError("expected its condition in the host's space");
  for (Region *region : {&getThenRegion(), &getElseRegion()})
    for (Operation &op : region->getOps())
      if (!isa<AllocOp, RangeOp, RefOp, LaunchOp, CopyOp, IfOp>(op))
        return op.emitOpError("may not be part of a plan.if");
  return success();
}
