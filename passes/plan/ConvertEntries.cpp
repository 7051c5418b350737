// Turns functions of launches into plan entries: a buffer for every value, a copy wherever elements
// move. Here: what stands in entries.
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/plan/ConvertToPlan.h"

using namespace mlir;
using namespace ingot;
using plan::BufferKind;
using plan::BufferType;

static DimExpr sizeOf(Value tensor) {
  return plan::storedSize(cast<RankedTensorType>(tensor.getType()));
}

Value PlanConverter::newBuffer(Location loc, Type type, StringRef space) {
  return plan::AllocOp::create(builder, loc,
                               bufferType(plan::storedSize(cast<RankedTensorType>(type)), space));
}

/// A reference to a whole input, constant, …; made once per entry, at its beginning.
Value PlanConverter::reference(Location loc, BufferKind kind, FlatSymbolRefAttr symbol,
                               std::optional<uint64_t> index, const DimExpr &bytes,
                               StringRef space) {
  BufferType type = bufferType(bytes, space);
  Attribute what = symbol ? Attribute(symbol) : builder.getI64IntegerAttr(*index);
  Attribute key =
      builder.getArrayAttr({what, builder.getI64IntegerAttr(static_cast<int64_t>(kind))});
  Value &value = references[{key, type}];
  if (!value) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(entryBlock);
    value =
        plan::RefOp::create(builder, loc, type, kind, symbol,
                            index ? builder.getI64IntegerAttr(*index) : IntegerAttr(), DimExpr(0));
  }
  return value;
}

Value PlanConverter::range(Location loc, Value buffer, const DimExpr &offset,
                           const DimExpr &bytes) {
  auto type = cast<BufferType>(buffer.getType());
  if (offset == DimExpr(0) && bytes == type.size())
    return buffer;
  return plan::RangeOp::create(builder, loc, bufferType(bytes, type.getSpace()), buffer, offset);
}

/// The space in which a value lies: its producer's; constants lie wherever they are used.
StringRef PlanConverter::spaceOf(Value tensor) {
  auto it = buffers.find(tensor);
  return it == buffers.end() ? host : StringRef(cast<BufferType>(it->second.getType()).getSpace());
}

/// The buffer that holds `tensor`, in `space`. Error: it lies elsewhere and nothing transfers it.
FailureOr<Value> PlanConverter::bufferOf(Operation *user, Value tensor, StringRef space) {
  if (auto constant = tensor.getDefiningOp<ingot::ConstantOp>()) {
    auto type = cast<RankedTensorType>(tensor.getType());
    plan::ConstantOp op = constantFor(constant.getLoc(), constant.getValue(), type, space);
    return reference(constant.getLoc(), BufferKind::Constant,
                     FlatSymbolRefAttr::get(op.getSymNameAttr()), {}, sizeOf(tensor), space);
  }
  Value buffer = buffers.lookup(tensor);
  if (!buffer)
    return user->emitError("internal: reads a value that has no buffer");
  StringRef found = cast<BufferType>(buffer.getType()).getSpace();
  if (found != space)
    return user->emitError() << "internal: reads a value of memory space \"" << found << "\" in \""
                             << space << "\" without an ingot.transfer";
  return buffer;
}

LogicalResult PlanConverter::convertLaunch(LaunchOp op) {
  auto space = kernelSpace.find(op.getKernel());
  if (space == kernelSpace.end())
    return op.emitError() << "internal: launches @" << op.getKernel() << ", which is not a kernel";
  SmallVector<Value> inputs, outputs;
  for (Value input : op.getInputs()) {
    FailureOr<Value> buffer = bufferOf(op, input, space->second);
    if (failed(buffer))
      return failure();
    inputs.push_back(*buffer);
  }
  for (Value result : op.getResults()) {
    outputs.push_back(newBuffer(op.getLoc(), result.getType(), space->second));
    buffers[result] = outputs.back();
  }
  // The kernel counts its tiles in its own dims d0, d1, …
  DenseMap<StringRef, DimExpr> dims;
  SmallVector<std::string> names;
  if (DimsAttr attr = op.getDimsAttr()) {
    for (size_t i = 0; i < attr.getExpressions().size(); ++i)
      names.push_back("d" + std::to_string(i));
    for (auto [name, expression] : llvm::zip_equal(names, attr.getExpressions()))
      dims[name] = plan::extentOf(expression);
  }
  const CompiledKernel *record = records.lookup(op.getKernel());
  DimExpr tiles = record ? record->tiles : DimExpr(1);
  tiles = tiles.substitute([&](StringRef name) -> std::optional<DimExpr> {
    auto found = dims.find(name);
    return found == dims.end() ? std::nullopt : std::optional(found->second);
  });
  DenseI64ArrayAttr grid;
  if (record && llvm::any_of(record->grid, [](uint32_t n) { return n != 0; }))
    grid = builder.getDenseI64ArrayAttr({record->grid[0], record->grid[1], record->grid[2]});
  plan::LaunchOp::create(builder, op.getLoc(), op.getKernel(), inputs, outputs, tiles, grid,
                         op.getDimsAttr());
  return success();
}

/// The byte that a branch or loop looks at.
FailureOr<Value> PlanConverter::conditionOf(Operation *op, Value condition) {
  auto extract = condition.getDefiningOp<tensor::ExtractOp>();
  if (!extract || sizeOf(extract.getTensor()) != DimExpr(1))
    return op->emitError("internal: expected a condition to be extracted from a tensor of one i1");
  return bufferOf(op, extract.getTensor(), host);
}

LogicalResult PlanConverter::convertIf(scf::IfOp op) {
  FailureOr<Value> condition = conditionOf(op, op.getCondition());
  if (failed(condition))
    return failure();
  if (op.getNumResults() && op.getElseRegion().empty())
    return op.emitError("internal: a branch with results has no else");
  SmallVector<Value> results;
  auto convertRegion = [&](Region &from, Region &to) -> LogicalResult {
    builder.createBlock(&to);
    if (from.empty())
      return success();
    if (failed(convertBlock(from.front())))
      return failure();
    for (auto [yielded, result] :
         llvm::zip_equal(from.front().getTerminator()->getOperands(), results)) {
      FailureOr<Value> buffer =
          bufferOf(op, yielded, cast<BufferType>(result.getType()).getSpace());
      if (failed(buffer))
        return failure();
      copy(op.getLoc(), *buffer, result);
    }
    return success();
  };
  for (Value result : op.getResults()) {
    results.push_back(newBuffer(op.getLoc(), result.getType(), host));
    buffers[result] = results.back();
  }
  auto branch = plan::IfOp::create(builder, op.getLoc(), *condition);
  OpBuilder::InsertionGuard guard(builder);
  return failure(failed(convertRegion(op.getThenRegion(), branch.getThenRegion())) ||
                 failed(convertRegion(op.getElseRegion(), branch.getElseRegion())));
}

/// What is carried lies in a buffer of its own from before the loop until after it; a trip ends by
/// copying what it hands on. What no trip changes stays where it is.
LogicalResult PlanConverter::convertWhile(scf::WhileOp op) {
  Location loc = op.getLoc();
  Block &before = op.getBefore().front(), &after = op.getAfter().front();
  if (!llvm::equal(op.getConditionOp().getArgs(), before.getArguments()))
    return op.emitError("internal: expected a loop's condition to hand on what it was given");
  Value condition = newBuffer(loc, RankedTensorType::get({}, builder.getI1Type()), host);
  ValueRange yielded = op.getYieldOp().getResults();
  SmallVector<Value> carried; // null: no trip changes it
  for (auto [i, initial] : llvm::enumerate(op.getInits())) {
    FailureOr<Value> from = bufferOf(op, initial, host);
    if (failed(from))
      return failure();
    bool changes = yielded[i] != after.getArgument(i);
    carried.push_back(changes ? newBuffer(loc, initial.getType(), host) : Value());
    if (changes)
      copy(loc, *from, carried.back());
    Value buffer = changes ? carried.back() : *from;
    for (Value value :
         {Value(before.getArgument(i)), Value(after.getArgument(i)), Value(op.getResult(i))})
      buffers[value] = buffer;
  }
  auto loop = plan::WhileOp::create(builder, loc, condition);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&loop.getBefore());
  if (failed(convertBlock(before)))
    return failure();
  FailureOr<Value> goesOn = conditionOf(op, op.getConditionOp().getCondition());
  if (failed(goesOn))
    return failure();
  copy(loc, *goesOn, condition);
  builder.createBlock(&loop.getBody());
  if (failed(convertBlock(after)))
    return failure();
  SmallVector<std::pair<Value, Value>> moves;
  for (auto [to, value] : llvm::zip_equal(carried, yielded)) {
    if (!to)
      continue;
    FailureOr<Value> from = bufferOf(op, value, host);
    if (failed(from))
      return failure();
    // What was carried to here is kept until all of it is read: values may change places.
    if (llvm::is_contained(carried, *from) && *from != to) {
      Value kept = newBuffer(loc, value.getType(), host);
      copy(loc, *from, kept);
      *from = kept;
    }
    if (*from != to)
      moves.push_back({*from, to});
  }
  for (auto [from, to] : moves)
    copy(loc, from, to);
  return success();
}

LogicalResult PlanConverter::convertTransfer(TransferOp op) {
  auto target = targetInfo.find(op.getTarget());
  if (target == targetInfo.end())
    return op->emitError() << "internal: transfers to \"" << op.getTarget()
                           << "\", which is no target here";
  // A constant lies in the other space from the start.
  bool constant = op.getInput().getDefiningOp<ingot::ConstantOp>() != nullptr;
  FailureOr<Value> from =
      bufferOf(op, op.getInput(), constant ? target->second.space : spaceOf(op.getInput()));
  if (failed(from))
    return failure();
  Value &to = buffers[op.getResult()];
  if (constant) {
    to = *from;
    return success();
  }
  to = newBuffer(op.getLoc(), op.getResult().getType(), target->second.space);
  copy(op.getLoc(), *from, to);
  return success();
}

/// Where a slice starts in its input, in bytes. Error: its elements do not follow one another.
FailureOr<DimExpr> PlanConverter::sliceOffset(SliceOp op) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  SmallVector<DimExpr> extents = extentsOf(type);
  auto range = sliceRange(op.getStarts(), op.getSizes(), op.getDimsAttr());
  if (failed(range))
    return op.emitError("internal: a slice without the expressions of its dynamic ranges");
  auto &[starts, sizes] = *range;
  // Contiguous when everything inside of the first sliced extent that is not 1 is whole.
  bool inner = false; // a dim outside of this one holds more than one element of the result
  DimExpr offset = 0, stride = 1;
  auto isOne = [](const DimExpr &extent) { return extent == DimExpr(1) || extent == DimExpr(0); };
  for (int64_t i = type.getRank(); i-- > 0;) {
    bool whole = sizes[i] == extents[i];
    if (((op.getSteps()[i] != 1 || inner) && !isOne(sizes[i])))
      return op->emitError("internal: a slice that is not contiguous may not reach the plan phase");
    inner |= !whole;
    offset += starts[i] * stride;
    stride *= extents[i];
  }
  return offset * DimExpr(int64_t(storedElementBytes(type.getElementType())));
}

/// Reshape, slice and concat: copies between the parts of a whole and values of their own.
LogicalResult PlanConverter::convertView(Operation *op) {
  Location loc = op->getLoc();
  Value result = op->getResult(0);
  DimExpr bytes = sizeOf(result);
  StringRef space = spaceOf(op->getOperand(0));
  for (Value operand : op->getOperands())
    if (!operand.getDefiningOp<ingot::ConstantOp>())
      space = spaceOf(operand);
  Value to = buffers[result] = newBuffer(loc, result.getType(), space);
  DimExpr offset = 0; // in the source of a slice, in the result of a concat
  if (auto slice = dyn_cast<SliceOp>(op)) {
    FailureOr<DimExpr> start = sliceOffset(slice);
    if (failed(start))
      return failure();
    offset = *start;
  }
  SmallVector<DimExpr> extents = extentsOf(cast<RankedTensorType>(result.getType()));
  if (auto concat = dyn_cast<ConcatOp>(op))
    for (const DimExpr &extent : ArrayRef(extents).take_front(concat.getAxis()))
      if (extent != DimExpr(1))
        return op->emitError(
            "internal: a concat of parts that are not contiguous may not reach the plan phase");
  for (Value operand : op->getOperands()) {
    FailureOr<Value> from = bufferOf(op, operand, space);
    if (failed(from))
      return failure();
    DimExpr size = cast<BufferType>(from->getType()).size();
    if (isa<ConcatOp>(op)) {
      if (size != DimExpr(0))
        copy(loc, *from, range(loc, to, offset, size));
      offset += size;
    } else if (bytes != DimExpr(0)) {
      copy(loc, range(loc, *from, offset, bytes), to);
    }
  }
  return success();
}

LogicalResult PlanConverter::convert(Operation *op) {
  Location loc = op->getLoc();
  if (isa<ingot::ConstantOp, tensor::ExtractOp>(op))
    return success(); // at their uses
  if (auto launch = dyn_cast<LaunchOp>(op))
    return convertLaunch(launch);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return convertIf(branch);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return convertWhile(loop);
  if (auto transfer = dyn_cast<TransferOp>(op))
    return convertTransfer(transfer);
  auto variable = [&](FlatSymbolRefAttr symbol, const DimExpr &bytes) {
    return reference(loc, BufferKind::Variable, FlatSymbolRefAttr::get(symbol.getAttr()), {}, bytes,
                     host);
  };
  if (auto update = dyn_cast<VariableUpdateOp>(op)) {
    FailureOr<Value> from = bufferOf(op, update.getValue(), host);
    if (failed(from))
      return failure();
    copy(loc, *from, variable(update.getVariableAttr(), cast<BufferType>(from->getType()).size()));
    return success();
  }
  if (auto read = dyn_cast<VariableReadOp>(op)) {
    Value to = buffers[read.getResult()] = newBuffer(loc, read.getResult().getType(), host);
    copy(loc, variable(read.getVariableAttr(), sizeOf(read.getResult())), to);
    return success();
  }
  if (isa<ReshapeOp, SliceOp, ConcatOp>(op))
    return convertView(op);
  return op->emitError() << "internal: " << op->getName() << " may not reach the plan phase";
}

LogicalResult PlanConverter::convertBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(convert(&op)))
      return failure();
  return success();
}

LogicalResult PlanConverter::convertBody(func::FuncOp function, ArrayAttr outputNames) {
  Block &body = function.getBody().front();
  if (failed(convertBlock(body)))
    return failure();
  SmallVector<std::pair<Value, Location>> outputs;
  for (auto [i, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Location loc = value.getDefiningOp() ? value.getDefiningOp()->getLoc() : value.getLoc();
    if (sourceNames(loc).empty())
      loc = NameLoc::get(cast<StringAttr>(outputNames[i]));
    outputs.push_back({value, loc});
  }
  for (auto [i, output] : llvm::enumerate(outputs)) {
    auto [value, loc] = output;
    FailureOr<Value> from = bufferOf(function, value, spaceOf(value));
    if (failed(from))
      return failure();
    copy(loc, *from, reference(loc, BufferKind::Output, {}, i, sizeOf(value), host));
  }
  return success();
}

LogicalResult PlanConverter::convertEntry(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("internal: expected a function of one block");
  auto nameOf = [&](Attribute attr, const char *prefix, unsigned i) {
    auto name = dyn_cast_or_null<StringAttr>(attr);
    return name ? name : builder.getStringAttr(prefix + Twine(i));
  };
  SmallVector<Attribute> inputNames, outputNames;
  SmallVector<Type> inputTypes(function.getArgumentTypes()), outputTypes(function.getResultTypes());
  for (unsigned i = 0; i < inputTypes.size(); ++i)
    inputNames.push_back(nameOf(function.getArgAttr(i, "ingot.name"), "in", i));
  for (unsigned i = 0; i < outputTypes.size(); ++i)
    outputNames.push_back(nameOf(function.getResultAttr(i, "ingot.name"), "out", i));
  // What was packed or kept in bytes keeps its own type in the signature.
  for (unsigned i = 0; i < inputTypes.size(); ++i)
    if (auto type = function.getArgAttrOfType<TypeAttr>(i, "ingot.type"))
      inputTypes[i] = type.getValue();
  for (unsigned i = 0; i < outputTypes.size(); ++i)
    if (auto type = function.getResultAttrOfType<TypeAttr>(i, "ingot.type"))
      outputTypes[i] = type.getValue();
  // Every name must be bounded: memory is planned at the bounds.
  for (Type type : llvm::concat<Type>(inputTypes, outputTypes)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    llvm::SetVector<StringRef> names;
    SmallVector<DimExpr> extents = tensor ? extentsOf(tensor) : SmallVector<DimExpr>();
    for (const DimExpr &extent : extents)
      extent.collectNames(names);
    if (!tensor || !llvm::all_of(extents, [](const DimExpr &e) { return e.valid(); }) ||
        !llvm::all_of(names, [&](StringRef name) { return bounds.contains(name); }))
      return function.emitError() << "internal: a signature with " << type
                                  << " may not reach the plan phase";
  }

  // The entry takes the function's name; until the function is gone it stands outside of the
  // module.
  OperationState state(function.getLoc(), plan::EntryOp::getOperationName());
  plan::EntryOp::build(builder, state, function.getSymName(), builder.getArrayAttr(inputNames),
                       builder.getTypeArrayAttr(inputTypes), builder.getArrayAttr(outputNames),
                       builder.getTypeArrayAttr(outputTypes));
  entry = cast<plan::EntryOp>(Operation::create(state));
  entryBlock = &entry.getBody().emplaceBlock();
  buffers.clear();
  references.clear();
  builder.setInsertionPointToEnd(entryBlock);
  for (auto [i, argument] : llvm::enumerate(function.getArguments()))
    buffers[argument] =
        reference(argument.getLoc(), BufferKind::Input, {}, i, sizeOf(argument), host);
  builder.setInsertionPointToEnd(entryBlock);
  if (failed(convertBody(function, builder.getArrayAttr(outputNames)))) {
    entry->destroy();
    return failure();
  }
  symbols.erase(function);
  symbols.insert(entry);
  return success();
}
