// See MatchGraphs.h. Works on a list of values to do, not by recursion: graphs may be deep.
#include "compiler/importers/common/MatchGraphs.h"
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/ValueDims.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

/// The largest constant that is computed to learn how it depends on a size.
static constexpr uint64_t kMaxConstantBytes = uint64_t(1) << 24;

void ingot::suggestFixedSize(InFlightDiagnostic &diagnostic, ArrayRef<std::string> names,
                             ModuleOp module) {
  std::string flags;
  SmallVector<ValueDim> values = valueDims(module);
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  for (const std::string &name : names) {
    auto value = llvm::find_if(values, [&](const ValueDim &v) { return v.name == name; });
    bool isValue = value != values.end() && forward && value->input < forward.getNumArguments();
    auto input =
        isValue ? forward.getArgAttrOfType<StringAttr>(value->input, "ingot.name") : StringAttr();
    flags +=
        input ? " --value " + input.getValue().str() + "[" + std::to_string(value->element) + "]=N"
              : " --dim " + name + "=N";
  }
  diagnostic.attachNote() << "hint: compile for one size with" << flags;
}

LogicalResult GraphMatch::matchVariables() {
  for (auto variable : ModuleOp(modules[0]).getOps<VariableOp>())
    for (auto [i, module] : llvm::enumerate(modules)) {
      auto other = ModuleOp(module).lookupSymbol<VariableOp>(variable.getSymName());
      if (other && other.getType() == variable.getType())
        continue;
      InFlightDiagnostic diagnostic = mlir::emitError(variable.getLoc())
                                      << "the shape of variable '" << variable.getSymName()
                                      << "' depends on dim '"
                                      << llvm::join(sizes.changed(i), "', '")
                                      << "', but the memory of a variable is of one size";
      suggestFixedSize(diagnostic, sizes.changed(i), modules[0]);
      return diagnostic;
    }
  return success();
}

LogicalResult GraphMatch::run() {
  for (ModuleOp module : modules) {
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    bodies.push_back(forward ? &forward.getBody().front() : nullptr);
    if (!forward)
      return module.emitError() << "the model has no @forward";
  }
  if (failed(matchVariables()) || failed(matchBlocks(bodies)))
    return failure();
  while (!pending.empty()) {
    ValueTuple tuple = std::move(pending.back());
    pending.pop_back();
    if (!seen.try_emplace(tuple, true).second)
      continue;
    if (failed(matchValue(tuple)))
      return failure();
  }
  return success();
}

ArrayRef<const MatchedOp *> GraphMatch::at(Operation *op) const {
  auto found = byFirst.find(op);
  return found == byFirst.end() ? ArrayRef<const MatchedOp *>() : ArrayRef(found->second);
}

std::optional<TensorValue> GraphMatch::constant(Value value) const {
  auto [entry, inserted] = constants.try_emplace(value, std::nullopt);
  if (inserted) {
    std::optional<TensorValue> computed = evaluateConstant(value, kMaxConstantBytes);
    constants[value] = computed;
    return computed;
  }
  return entry->second;
}

LogicalResult GraphMatch::differs(Operation *first, Operation *other, size_t sample) {
  auto describe = [](Operation *op) {
    if (!op)
      return std::string("an input");
    std::string text = op->getName().getStringRef().str();
    if (op->getNumOperands() != 1)
      text += " of " + std::to_string(op->getNumOperands()) + " operands";
    return text;
  };
  std::vector<std::string> names = sizes.changed(sample);
  InFlightDiagnostic diagnostic =
      mlir::emitError(first   ? first->getLoc()
                      : other ? other->getLoc()
                              : UnknownLoc::get(ModuleOp(modules.front()).getContext()))
      << "the graph itself depends on dim '" << llvm::join(names, "', '") << "' here: it has "
      << describe(first) << " at one size, and " << describe(other) << " at "
      << sizes.describe(sample);
  suggestFixedSize(diagnostic, names, modules[0]);
  return diagnostic;
}

/// Ops that are kept in order for what they do besides their results.
static bool hasEffect(Operation &op) {
  return !op.hasTrait<OpTrait::IsTerminator>() && !isMemoryEffectFree(&op);
}

LogicalResult GraphMatch::matchBlocks(const std::vector<Block *> &blocks) {
  auto effects = [](Block *block) {
    std::vector<Operation *> list;
    for (Operation &op : *block)
      if (hasEffect(op))
        list.push_back(&op);
    return list;
  };
  std::vector<std::vector<Operation *>> lists;
  for (Block *block : blocks)
    lists.push_back(block ? effects(block) : std::vector<Operation *>());
  for (size_t i = 1; i < blocks.size(); ++i) {
    bool same = blocks[i] && blocks[i]->getNumArguments() == blocks[0]->getNumArguments() &&
                lists[i].size() == lists[0].size() &&
                blocks[i]->getTerminator()->getNumOperands() ==
                    blocks[0]->getTerminator()->getNumOperands();
    if (!same && i < sizes.required())
      return differs(blocks[0]->getTerminator(), blocks[i] ? blocks[i]->getTerminator() : nullptr,
                     i);
    if (!same)
      lists[i].clear();
    if (same)
      firstBlocks[blocks[i]] = blocks[0];
  }
  firstBlocks[blocks[0]] = blocks[0];
  auto rows = [&](auto get) {
    for (size_t n = 0; n < lists[0].size(); ++n) {
      std::vector<Operation *> ops;
      for (size_t i = 0; i < blocks.size(); ++i)
        ops.push_back(n < lists[i].size() ? lists[i][n] : nullptr);
      if (failed(get(ops)))
        return failure();
    }
    return success();
  };
  if (failed(rows([&](std::vector<Operation *> &ops) { return matchOps(ops); })))
    return failure();
  Operation *end = blocks[0]->getTerminator();
  for (unsigned n = 0; n < end->getNumOperands(); ++n) {
    ValueTuple tuple;
    for (Block *block : blocks)
      tuple.push_back(block && block->getTerminator()->getNumOperands() == end->getNumOperands()
                          ? block->getTerminator()->getOperand(n)
                          : Value());
    pending.push_back(std::move(tuple));
  }
  return success();
}

bool GraphMatch::matchConstant(const ValueTuple &tuple) {
  MatchedOp match;
  match.isConstant = true;
  for (size_t i = 0; i < tuple.size(); ++i) {
    Value value = tuple[i];
    bool known = value && (value.getDefiningOp<ConstantOp>() || constant(value));
    if (!known && i < sizes.required())
      return false;
    match.values.push_back(known ? value : Value());
    match.ops.push_back(known ? value.getDefiningOp() : nullptr);
  }
  matches.push_back(std::move(match));
  byFirst[tuple[0].getDefiningOp()].push_back(&matches.back());
  return true;
}

LogicalResult GraphMatch::matchValue(const ValueTuple &tuple) {
  size_t constants = 0;
  for (size_t i = 0; i < sizes.required(); ++i)
    constants += tuple[i].getDefiningOp<ConstantOp>() != nullptr;
  // A constant in one sample may be too large to be folded in another.
  if (constants && matchConstant(tuple))
    return success();
  std::vector<Operation *> ops;
  for (size_t i = 0; i < tuple.size(); ++i) {
    Operation *op = tuple[i] ? tuple[i].getDefiningOp() : nullptr;
    auto argument = dyn_cast_or_null<BlockArgument>(tuple[i]);
    auto first = dyn_cast<BlockArgument>(tuple[0]);
    // Arguments of matched blocks are equal by their place.
    bool same = first ? argument && argument.getArgNumber() == first.getArgNumber() &&
                            firstBlocks.lookup(argument.getOwner()) == first.getOwner()
                      : op && cast<OpResult>(tuple[i]).getResultNumber() ==
                                  cast<OpResult>(tuple[0]).getResultNumber();
    if (!same && i < sizes.required())
      return matchConstant(tuple) ? success() : differs(tuple[0].getDefiningOp(), op, i);
    ops.push_back(same ? op : nullptr);
  }
  if (isa<BlockArgument>(tuple[0]))
    return success();
  for (size_t i = 1; i < sizes.required(); ++i)
    if (ops[i]->getName() != ops[0]->getName() ||
        ops[i]->getNumOperands() != ops[0]->getNumOperands())
      return matchConstant(tuple) ? success() : differs(ops[0], ops[i], i);
  return matchOps(std::move(ops));
}

LogicalResult GraphMatch::matchOps(std::vector<Operation *> ops) {
  Operation *first = ops[0];
  for (size_t i = 1; i < ops.size(); ++i) {
    Operation *op = ops[i];
    bool same = op && op->getName() == first->getName() &&
                op->getNumOperands() == first->getNumOperands() &&
                op->getNumResults() == first->getNumResults() &&
                op->getNumRegions() == first->getNumRegions();
    for (unsigned r = 0; same && r < first->getNumRegions(); ++r)
      same = op->getRegion(r).empty() == first->getRegion(r).empty();
    if (!same && i < sizes.required())
      return differs(first, op, i);
    if (!same)
      ops[i] = nullptr;
  }
  if (!seenOps.try_emplace(ops, true).second)
    return success();
  MatchedOp match;
  match.ops = ops;
  matches.push_back(std::move(match));
  byFirst[first].push_back(&matches.back());
  for (unsigned n = 0; n < first->getNumOperands(); ++n) {
    ValueTuple tuple;
    for (Operation *op : ops)
      tuple.push_back(op ? op->getOperand(n) : Value());
    pending.push_back(std::move(tuple));
  }
  for (unsigned r = 0; r < first->getNumRegions(); ++r) {
    if (first->getRegion(r).empty())
      continue;
    std::vector<Block *> blocks;
    for (Operation *op : ops)
      blocks.push_back(op ? &op->getRegion(r).front() : nullptr);
    if (failed(matchBlocks(blocks)))
      return failure();
  }
  return success();
}
