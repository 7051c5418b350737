// Turns functions of launches into plan entries: a buffer for every value, a copy wherever elements
// move.
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

namespace ingot {
#define GEN_PASS_DEF_CONVERTTOPLAN
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;
using plan::BufferKind;
using plan::BufferType;

namespace {

/// What a kernel needs to know of its target.
struct TargetInfo {
  StringRef space; ///< symbol of the plan.space
  uint64_t alignment = 64;
};

/// Constants are the same when their bytes are: a weight's name and place in the file do not
/// matter.
using ConstantKey = std::pair<Attribute, std::pair<Type, StringAttr>>;

class Converter {
public:
  Converter(ModuleOp module, const PlanOptions &options)
      : module(module), options(options), symbols(module), top(module.getContext()),
        builder(module.getContext()) {}

  LogicalResult run();

private:
  // Module level.
  LogicalResult addTargets(ArrayRef<func::FuncOp> kernels);
  LogicalResult addKernels(const CompiledTarget &target, StringRef targetSymbol,
                           llvm::StringMap<func::FuncOp> &kernels);
  void addPlaceholders(ArrayRef<func::FuncOp> kernels);
  LogicalResult addVariables();
  plan::TargetOp addTarget(StringRef name, StringRef driver, StringRef arch,
                           ArrayRef<std::string> features);
  StringRef spaceFor(StringRef name, plan::TargetOp target, uint64_t alignment);
  void addKernel(func::FuncOp function, const CompiledKernel &record, StringRef segment,
                 bool device);
  plan::ConstantOp constantFor(Location loc, Attribute value, RankedTensorType type,
                               StringRef space);

  // Entries.
  LogicalResult convertEntry(func::FuncOp function);
  LogicalResult convertBlock(Block &block);
  LogicalResult convert(Operation *op);
  LogicalResult convertLaunch(LaunchOp op);
  LogicalResult convertIf(scf::IfOp op);
  Value newBuffer(Location loc, Type type, StringRef space);
  Value reference(Location loc, BufferKind kind, FlatSymbolRefAttr symbol,
                  std::optional<uint64_t> index, uint64_t bytes, StringRef space);
  Value range(Location loc, Value buffer, uint64_t offset, uint64_t bytes);
  void copy(Location loc, Value from, Value to) { plan::CopyOp::create(builder, loc, from, to); }
  FailureOr<Value> bufferOf(Operation *user, Value tensor, StringRef space);
  StringRef spaceOf(Value tensor);

  ModuleOp module;
  const PlanOptions &options;
  SymbolTable symbols;
  OpBuilder top;     ///< makes ops of the module level, which the symbol table inserts
  OpBuilder builder; ///< makes ops in entries
  StringRef host;
  llvm::StringMap<StringRef> spaces;               ///< name of a memory space → symbol
  llvm::StringMap<plan::TargetOp> targetsByName;   ///< target string → op
  llvm::StringMap<TargetInfo> targetInfo;          ///< target string → what its kernels need
  llvm::StringMap<const CompiledKernel *> records; ///< kernel → its record, for tiles and grid
  llvm::StringMap<StringRef> kernelSpace;          ///< kernel → space of its buffers
  DenseMap<ConstantKey, plan::ConstantOp> constants;

  plan::EntryOp entry;
  DenseMap<Value, Value> buffers;
  DenseMap<std::pair<Attribute, Type>, Value> references;
  Block *entryBlock = nullptr;
};

//===-- module level
//----------------------------------------------------------------------------------------------===//

plan::TargetOp Converter::addTarget(StringRef name, StringRef driver, StringRef arch,
                                    ArrayRef<std::string> features) {
  SmallVector<StringRef> list(features.begin(), features.end());
  auto op = plan::TargetOp::create(top, module.getLoc(), name, driver, arch,
                                   builder.getStrArrayAttr(list));
  symbols.insert(op);
  targetsByName[name] = op;
  return op;
}

StringRef Converter::spaceFor(StringRef name, plan::TargetOp target, uint64_t alignment) {
  auto [it, added] = spaces.try_emplace(name);
  if (added) {
    // A target may be called "host" too.
    std::string symbol = symbols.lookup(name) ? (name + ".memory").str() : name.str();
    auto op = plan::SpaceOp::create(top, module.getLoc(), symbol, target.getSymName(), alignment);
    symbols.insert(op);
    it->second = op.getSymName();
  }
  return it->second;
}

void Converter::addKernel(func::FuncOp function, const CompiledKernel &record, StringRef segment,
                          bool device) {
  auto attr = function->getAttrOfType<KernelAttr>("ingot.kernel");
  SmallVector<Attribute> layers(attr.getLayers().begin(), attr.getLayers().end());
  StringRef name = function.getSymName();
  auto op = plan::KernelOp::create(
      top, function.getLoc(), name, segment, record.entry, function.getNumArguments(),
      function.getNumResults(), record.workerScratch, record.launchScratch,
      device ? builder.getStringAttr(record.symbol) : StringAttr(),
      device ? builder.getDenseI64ArrayAttr(
                   {record.workgroup[0], record.workgroup[1], record.workgroup[2]})
             : DenseI64ArrayAttr(),
      record.flops, record.bytes, attr.getStrategy(), builder.getArrayAttr(layers),
      attr.getInPlace());
  kernelSpace[name] = targetInfo[attr.getTarget()].space;
  symbols.erase(function);
  symbols.insert(op);
}

LogicalResult Converter::addKernels(const CompiledTarget &target, StringRef targetSymbol,
                                    llvm::StringMap<func::FuncOp> &kernels) {
  bool device = target.target->driver() != "cpu";
  SmallVector<StringRef> segments;
  for (auto [i, segment] : llvm::enumerate(target.code->segments)) {
    std::array<uint8_t, 32> hash = llvm::SHA256::hash(
        {reinterpret_cast<const uint8_t *>(segment.bytes.data()), segment.bytes.size()});
    auto op = plan::SegmentOp::create(top, module.getLoc(), "code." + target.target->name(),
                                      segment.kind == "code" ? "code" : "binary", targetSymbol, i,
                                      segment.bytes.size(), segment.alignment,
                                      llvm::toHex(hash, /*LowerCase=*/true));
    symbols.insert(op);
    segments.push_back(op.getSymName());
  }
  for (const CompiledKernel &record : target.code->kernels) {
    auto it = kernels.find(record.name);
    if (it == kernels.end())
      return module.emitError() << "internal: code for kernel @" << record.name
                                << ", which the module does not hold";
    if (record.segment >= segments.size())
      return it->second.emitError()
             << "internal: lies in segment " << record.segment << " of " << segments.size();
    addKernel(it->second, record, segments[record.segment], device);
    records[record.name] = &record;
    kernels.erase(it);
  }
  return success();
}

/// Without compiled code every kernel lies in one placeholder segment per target, 64 bytes apart.
void Converter::addPlaceholders(ArrayRef<func::FuncOp> kernels) {
  llvm::StringMap<std::pair<plan::SegmentOp, uint64_t>> segments;
  for (func::FuncOp function : kernels) {
    auto attr = function->getAttrOfType<KernelAttr>("ingot.kernel");
    auto [it, added] = segments.try_emplace(attr.getTarget());
    auto &[segment, count] = it->second;
    if (added) {
      segment = plan::SegmentOp::create(top, module.getLoc(), "code." + attr.getTarget().str(),
                                        "code", targetsByName[attr.getTarget()].getSymName(), 0, 64,
                                        16384, std::string(64, '0'));
      symbols.insert(segment);
    }
    CompiledKernel record;
    record.name = function.getSymName().str();
    record.entry = 64 * count++;
    segment.setSize(64 * count);
    addKernel(function, record, segment.getSymName(), /*device=*/false);
  }
}

LogicalResult Converter::addTargets(ArrayRef<func::FuncOp> kernels) {
  llvm::StringMap<func::FuncOp> open;
  llvm::SetVector<StringRef> used;
  for (func::FuncOp kernel : kernels) {
    auto attr = kernel->getAttrOfType<KernelAttr>("ingot.kernel");
    open[kernel.getSymName()] = kernel;
    used.insert(builder.getStringAttr(attr.getTarget()).getValue());
  }
  if (options.targets.empty()) {
    for (StringRef name : used)
      addTarget(name, "cpu", "", {});
    plan::TargetOp first =
        used.empty() ? addTarget("cpu", "cpu", "", {}) : targetsByName[used.front()];
    host = spaceFor("host", first, 64);
    for (StringRef name : used)
      targetInfo[name] = {host, 64};
    addPlaceholders(kernels);
    return success();
  }
  // The CPU's target comes first, whatever the preference was: its space holds inputs and outputs.
  SmallVector<const CompiledTarget *> order;
  for (const CompiledTarget &target : options.targets)
    if (target.target->driver() == "cpu")
      order.push_back(&target);
  if (order.empty())
    return module.emitError("expected a CPU among the targets: it holds the model's inputs and "
                            "outputs and runs the "
                            "schedule; add one, for example --target=")
           << options.targets.front().target->name() << ",host";
  // A device that runs nothing is not needed to run the program.
  for (const CompiledTarget &target : options.targets)
    if (target.target->driver() != "cpu" && !target.code->kernels.empty())
      order.push_back(&target);
  plan::TargetOp first;
  for (const CompiledTarget *target : order) {
    std::string name = target->target->name();
    plan::TargetOp op = addTarget(name, target->target->driver(), target->target->arch(),
                                  target->target->requiredFeatures());
    first = first ? first : op;
    uint64_t alignment = target->target->bufferAlignment();
    targetInfo[name] = {"", alignment};
  }
  host = spaceFor(order.front()->target->memorySpace(), first, 64);
  for (const CompiledTarget *target : order) {
    TargetInfo &info = targetInfo[target->target->name()];
    info.space = spaceFor(target->target->memorySpace(), targetsByName[target->target->name()],
                          info.alignment);
  }
  for (const CompiledTarget *target : order)
    if (failed(addKernels(*target, targetsByName[target->target->name()].getSymName(), open)))
      return failure();
  if (!open.empty())
    return open.begin()->second.emitError("internal: no target compiled this kernel");
  return success();
}

plan::ConstantOp Converter::constantFor(Location loc, Attribute value, RankedTensorType type,
                                        StringRef space) {
  std::string name = "constant";
  Attribute identity = value;
  if (auto weight = dyn_cast<WeightAttr>(value)) {
    name = weight.getName().str();
    identity = WeightAttr::get(weight.getContext(), "", 0, 0, weight.getBytes(), weight.getHash(),
                               weight.getStored(), weight.getRecipe());
  } else if (std::string layer = sourceName(loc); layer != "?") {
    name = layer;
  }
  plan::ConstantOp &op = constants[{identity, {type, builder.getStringAttr(space)}}];
  if (!op) {
    op = plan::ConstantOp::create(top, loc, name, space, type, value);
    symbols.insert(op);
  }
  return op;
}

LogicalResult Converter::addVariables() {
  for (auto variable : llvm::make_early_inc_range(module.getOps<VariableOp>())) {
    auto type = dyn_cast<RankedTensorType>(variable.getType());
    if (!type || !type.hasStaticShape())
      return variable.emitError() << "variable @" << variable.getSymName()
                                  << " has no static shape: " << variable.getType();
    FlatSymbolRefAttr initial;
    if (Attribute value = variable.getInitialAttr()) {
      initial = FlatSymbolRefAttr::get(
          constantFor(variable.getLoc(), value, type, host).getSymNameAttr());
    }
    auto op = plan::VariableOp::create(top, variable.getLoc(), variable.getSymName(), host, type,
                                       initial);
    symbols.erase(variable);
    symbols.insert(op);
  }
  return success();
}

//===-- entries
//---------------------------------------------------------------------------------------------------===//

Value Converter::newBuffer(Location loc, Type type, StringRef space) {
  uint64_t bytes = storedBytes(cast<RankedTensorType>(type));
  return plan::AllocOp::create(builder, loc, BufferType::get(builder.getContext(), bytes, space));
}

/// A reference to a whole input, constant, …; made once per entry, at its beginning.
Value Converter::reference(Location loc, BufferKind kind, FlatSymbolRefAttr symbol,
                           std::optional<uint64_t> index, uint64_t bytes, StringRef space) {
  auto type = BufferType::get(builder.getContext(), bytes, space);
  Attribute what = symbol ? Attribute(symbol) : builder.getI64IntegerAttr(*index);
  Attribute key =
      builder.getArrayAttr({what, builder.getI64IntegerAttr(static_cast<int64_t>(kind))});
  Value &value = references[{key, type}];
  if (!value) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(entryBlock);
    value = plan::RefOp::create(builder, loc, type, kind, symbol,
                                index ? builder.getI64IntegerAttr(*index) : IntegerAttr(), 0);
  }
  return value;
}

Value Converter::range(Location loc, Value buffer, uint64_t offset, uint64_t bytes) {
  auto type = cast<BufferType>(buffer.getType());
  if (offset == 0 && bytes == type.getBytes())
    return buffer;
  return plan::RangeOp::create(
      builder, loc, BufferType::get(builder.getContext(), bytes, type.getSpace()), buffer, offset);
}

/// The space in which a value lies: its producer's; constants lie wherever they are used.
StringRef Converter::spaceOf(Value tensor) {
  auto it = buffers.find(tensor);
  return it == buffers.end() ? host : StringRef(cast<BufferType>(it->second.getType()).getSpace());
}

/// The buffer that holds `tensor`, in `space`. Error: it lies elsewhere and nothing transfers it.
FailureOr<Value> Converter::bufferOf(Operation *user, Value tensor, StringRef space) {
  if (auto constant = tensor.getDefiningOp<ingot::ConstantOp>()) {
    auto type = cast<RankedTensorType>(tensor.getType());
    plan::ConstantOp op = constantFor(constant.getLoc(), constant.getValue(), type, space);
    return reference(constant.getLoc(), BufferKind::Constant,
                     FlatSymbolRefAttr::get(op.getSymNameAttr()), {}, storedBytes(type), space);
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

LogicalResult Converter::convertLaunch(LaunchOp op) {
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
  const CompiledKernel *record = records.lookup(op.getKernel());
  std::optional<int64_t> tiles = record ? record->tiles.constant() : 1;
  if (!tiles)
    return op.emitError("internal: dynamic extents may not reach the plan phase");
  DenseI64ArrayAttr grid;
  if (record && llvm::any_of(record->grid, [](uint32_t n) { return n != 0; }))
    grid = builder.getDenseI64ArrayAttr({record->grid[0], record->grid[1], record->grid[2]});
  plan::LaunchOp::create(builder, op.getLoc(), op.getKernel(), inputs, outputs, *tiles, grid);
  return success();
}

LogicalResult Converter::convertIf(scf::IfOp op) {
  auto extract = op.getCondition().getDefiningOp<tensor::ExtractOp>();
  if (!extract || storedBytes(cast<RankedTensorType>(extract.getTensor().getType())) != 1)
    return op.emitError(
        "internal: expected the condition of a branch to be extracted from a tensor of one i1");
  FailureOr<Value> condition = bufferOf(op, extract.getTensor(), host);
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

LogicalResult Converter::convert(Operation *op) {
  Location loc = op->getLoc();
  if (isa<ingot::ConstantOp, tensor::ExtractOp>(op))
    return success(); // at their uses
  if (auto launch = dyn_cast<LaunchOp>(op))
    return convertLaunch(launch);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return convertIf(branch);

  if (auto update = dyn_cast<VariableUpdateOp>(op)) {
    FailureOr<Value> from = bufferOf(op, update.getValue(), host);
    if (failed(from))
      return failure();
    uint64_t bytes = cast<BufferType>(from->getType()).getBytes();
    copy(loc, *from,
         reference(loc, BufferKind::Variable,
                   FlatSymbolRefAttr::get(update.getVariableAttr().getAttr()), {}, bytes, host));
    return success();
  }
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()))
    return op->emitError() << "internal: " << op->getName() << " may not reach the plan phase";
  Value result = op->getResult(0);
  uint64_t bytes = storedBytes(cast<RankedTensorType>(result.getType()));
  if (auto read = dyn_cast<VariableReadOp>(op)) {
    Value to = buffers[result] = newBuffer(loc, result.getType(), host);
    copy(loc,
         reference(loc, BufferKind::Variable,
                   FlatSymbolRefAttr::get(read.getVariableAttr().getAttr()), {}, bytes, host),
         to);
    return success();
  }
  if (auto transfer = dyn_cast<TransferOp>(op)) {
    auto target = targetInfo.find(transfer.getTarget());
    if (target == targetInfo.end())
      return op->emitError() << "internal: transfers to \"" << transfer.getTarget()
                             << "\", which is no target here";
    // A constant lies in the other space from the start.
    bool constant = transfer.getInput().getDefiningOp<ingot::ConstantOp>() != nullptr;
    FailureOr<Value> from = bufferOf(
        op, transfer.getInput(), constant ? target->second.space : spaceOf(transfer.getInput()));
    if (failed(from))
      return failure();
    if (constant) {
      buffers[result] = *from;
      return success();
    }
    Value to = buffers[result] = newBuffer(loc, result.getType(), target->second.space);
    copy(loc, *from, to);
    return success();
  }
  if (!isa<ReshapeOp, SliceOp, ConcatOp>(op))
    return op->emitError() << "internal: " << op->getName() << " may not reach the plan phase";

  StringRef space = spaceOf(op->getOperand(0));
  for (Value operand : op->getOperands())
    if (!operand.getDefiningOp<ingot::ConstantOp>())
      space = spaceOf(operand);
  Value to = buffers[result] = newBuffer(loc, result.getType(), space);
  uint64_t offset = 0; // in the source of a slice, in the result of a concat
  if (auto slice = dyn_cast<SliceOp>(op)) {
    auto type = cast<RankedTensorType>(slice.getInput().getType());
    // Contiguous when everything inside of the first sliced extent that is not 1 is whole.
    bool inner = false; // a dim outside of this one holds more than one element of the result
    uint64_t stride = 1;
    for (int64_t i = type.getRank(); i-- > 0;) {
      bool whole = slice.getSizes()[i] == type.getDimSize(i);
      if ((slice.getSteps()[i] != 1 && slice.getSizes()[i] > 1) ||
          (inner && slice.getSizes()[i] > 1))
        return op->emitError(
            "internal: a slice that is not contiguous may not reach the plan phase");
      inner |= !whole;
      offset += slice.getStarts()[i] * stride;
      stride *= type.getDimSize(i);
    }
    offset *= storedElementBytes(type.getElementType());
  }
  if (auto concat = dyn_cast<ConcatOp>(op))
    for (int64_t extent :
         cast<RankedTensorType>(result.getType()).getShape().take_front(concat.getAxis()))
      if (extent != 1)
        return op->emitError(
            "internal: a concat of parts that are not contiguous may not reach the plan phase");
  for (Value operand : op->getOperands()) {
    FailureOr<Value> from = bufferOf(op, operand, space);
    if (failed(from))
      return failure();
    uint64_t size = cast<BufferType>(from->getType()).getBytes();
    if (isa<ConcatOp>(op)) {
      if (size)
        copy(loc, *from, range(loc, to, offset, size));
      offset += size;
    } else if (bytes) {
      copy(loc, range(loc, *from, offset, bytes), to);
    }
  }
  return success();
}

LogicalResult Converter::convertBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(convert(&op)))
      return failure();
  return success();
}

LogicalResult Converter::convertEntry(func::FuncOp function) {
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
  for (Type type : llvm::concat<Type>(inputTypes, outputTypes))
    if (auto tensor = dyn_cast<RankedTensorType>(type); !tensor || !tensor.hasStaticShape())
      return function.emitError() << "internal: a signature with " << type
                                  << " may not reach the plan phase";

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
    buffers[argument] = reference(argument.getLoc(), BufferKind::Input, {}, i,
                                  storedBytes(cast<RankedTensorType>(argument.getType())), host);
  builder.setInsertionPointToEnd(entryBlock);
  Block &body = function.getBody().front();
  auto finish = [&]() -> LogicalResult {
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
      copy(loc, *from,
           reference(loc, BufferKind::Output, {}, i,
                     storedBytes(cast<RankedTensorType>(value.getType())), host));
    }
    return success();
  };
  if (failed(finish())) {
    entry->destroy();
    return failure();
  }
  symbols.erase(function);
  symbols.insert(entry);
  return success();
}

LogicalResult Converter::run() {
  SmallVector<func::FuncOp> kernels, entries;
  for (auto function : module.getOps<func::FuncOp>())
    (function->hasAttr("ingot.kernel") ? kernels : entries).push_back(function);
  if (failed(addTargets(kernels)) || failed(addVariables()))
    return failure();
  for (func::FuncOp function : entries)
    if (failed(convertEntry(function)))
      return failure();
  // In the order of program.fbs; entries stay behind all of them.
  auto toEnd = [&]<typename... OpTy>() {
    (llvm::for_each(llvm::to_vector(module.getOps<OpTy>()),
                    [&](OpTy op) { op->moveBefore(module.getBody(), module.getBody()->end()); }),
     ...);
  };
  toEnd.operator()<plan::TargetOp, plan::SpaceOp, plan::SegmentOp, plan::KernelOp, plan::ConstantOp,
                   plan::VariableOp, plan::EntryOp>();
  return success();
}

struct ConvertToPlan : ingot::impl::ConvertToPlanBase<ConvertToPlan> {
  explicit ConvertToPlan(PlanOptions options = {}) : options(std::move(options)) {}

  void runOnOperation() override {
    if (failed(Converter(getOperation(), options).run()))
      signalPassFailure();
  }

  PlanOptions options;
};

} // namespace

std::unique_ptr<Pass> ingot::createConvertToPlanPass(PlanOptions options) {
  return std::make_unique<ConvertToPlan>(std::move(options));
}
