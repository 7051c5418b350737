// form-kernels: groups graph ops and outlines each group as a kernel.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/fuse/KernelRoles.h"
#include "passes/fuse/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <deque>

using namespace mlir;
using namespace ingot;

namespace ingot {
#define GEN_PASS_DEF_FORMKERNELS
#include "passes/fuse/Passes.h.inc"
} // namespace ingot

namespace {

/// Ops that one kernel computes. All uses of all results but `output`'s are inside.
struct Group {
  llvm::SmallSetVector<Operation *, 8> ops;
  Operation *root = nullptr;
  Operation *output = nullptr;
};

/// Elementwise ops that one group takes at most: beyond it, kernels spill registers.
constexpr unsigned kMaxOps = 24;
/// How far an epilogue looks ahead for the point where one value is left.
constexpr unsigned kMaxPending = 12;
/// Operands that one kernel reads at most.
constexpr unsigned kMaxOperands = 12;

StringRef targetOf(Operation *op) {
  auto target = op->getAttrOfType<StringAttr>("ingot.target");
  return target ? target.getValue() : "";
}

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// A reshape that only adds or drops extents of 1.
bool isUnitReshape(Operation *op) {
  if (!isa<ReshapeOp>(op))
    return false;
  auto isWide = [](const DimExpr &extent) { return extent != DimExpr(1); };
  auto extents = [](Value value) { return extentsOf(cast<RankedTensorType>(value.getType())); };
  return llvm::equal(llvm::make_filter_range(extents(op->getOperand(0)), isWide),
                     llvm::make_filter_range(extents(op->getResult(0)), isWide));
}

/// Whether `op` moves rows of its operand's last dim, whole or cut, and computes nothing. An
/// attention reads and writes rows, wherever they lie.
bool movesRows(Operation *op) {
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return transpose.getPerm().back() + 1 == static_cast<int64_t>(transpose.getPerm().size());
  if (auto slice = dyn_cast<SliceOp>(op))
    return slice.getSteps().back() == 1;
  return isUnitReshape(op) && !shapeOf(op->getResult(0)).empty() &&
         shapeOf(op->getResult(0)).back() == shapeOf(op->getOperand(0)).back();
}

/// Forms the groups of one block.
class Grouping {
public:
  explicit Grouping(Block &block) : block(block) {}

  void run() {
    // Contractions choose first: an epilogue on accumulators saves the most.
    for (KernelRole role : {KernelRole::Contraction, KernelRole::Root})
      for (Operation &op : block)
        if (kernelRole(&op) == role && !groupOf.count(&op))
          start(&op, role);
    // The others gather their producers, so the last of a chain comes first.
    for (KernelRole role : {KernelRole::Movement, KernelRole::Pointwise})
      for (Operation &op : llvm::reverse(block))
        if (kernelRole(&op) == role && !groupOf.count(&op))
          start(&op, role);
  }

  SmallVector<Group> groups;

private:
  void start(Operation *op, KernelRole role) {
    Group group;
    group.root = group.output = op;
    group.ops.insert(op);
    if (role == KernelRole::Pointwise || role == KernelRole::Movement ||
        (role == KernelRole::Root && readsInOrder(op)))
      addAllProducers(group);
    if (isa<AttentionOp>(op))
      addViews(group);
    if (op->getNumResults() == 1)
      addEpilogue(group);
    if (isa<AttentionOp>(op))
      addTranspose(group);
    for (Operation *member : group.ops)
      groupOf[member] = groups.size();
    groups.push_back(std::move(group));
  }

  /// Takes in what splits an attention's query, key and value into heads.
  void addViews(Group &group) {
    // What several operands come from joins when all of them are inside.
    SmallVector<Value> operands(group.root->getOperands().take_front(3));
    for (bool grown = true; grown;) {
      grown = false;
      for (Value &operand : operands)
        while (Operation *op = operand.getDefiningOp()) {
          if (!group.ops.count(op)) {
            if (!joins(op, group) || !movesRows(op) || !usedInside(group, op))
              break;
            group.ops.insert(op);
            grown = true;
          }
          operand = op->getOperand(0);
        }
    }
    // Views cost nothing between kernels.
    for (size_t before = 0; before != group.ops.size();) {
      before = group.ops.size();
      group.ops.remove_if([&](Operation *op) {
        Operation *producer = op->getOperand(0).getDefiningOp();
        return op != group.root && isView(op) && !(producer && group.ops.count(producer));
      });
    }
  }

  /// Takes in a transpose that joins an attention's heads again.
  void addTranspose(Group &group) {
    Value result = group.output->getResult(0);
    auto transpose = result.hasOneUse() ? dyn_cast<TransposeOp>(*result.user_begin()) : nullptr;
    if (!transpose || !joins(transpose, group) || !movesRows(transpose))
      return;
    group.ops.insert(transpose);
    group.output = transpose;
  }

  /// Composites whose kernels read each input element a small, fixed number of times.
  static bool readsInOrder(Operation *op) {
    return isa<SoftmaxOp, LayerNormOp, RmsNormOp, ReduceOp, ArgReduceOp, CumsumOp>(op);
  }

  bool joins(Operation *op, const Group &group) const {
    return op->getBlock() == &block && !groupOf.count(op) && !group.ops.count(op) &&
           group.ops.size() < kMaxOps && targetOf(op) == targetOf(group.root);
  }

  static unsigned operandCount(const Group &group) {
    llvm::SmallDenseSet<Value> operands;
    for (Operation *op : group.ops)
      for (Value operand : op->getOperands())
        if (!isInlineConstant(operand) &&
            !(operand.getDefiningOp() && group.ops.count(operand.getDefiningOp())))
          operands.insert(operand);
    return operands.size();
  }

  /// Takes in the elementwise ops that follow the group, up to the last point where only one value
  /// leaves it.
  void addEpilogue(Group &group) {
    Group trial = group;
    for (unsigned pending = 0; pending < kMaxPending; ++pending) {
      Operation *next = nullptr;
      for (Operation *op : trial.ops)
        for (Operation *user : op->getUsers())
          if (!trial.ops.count(user) && joins(user, trial) &&
              kernelRole(user) == KernelRole::Pointwise &&
              sameShape(user->getResult(0), group.root->getResult(0)) &&
              (!next || user->isBeforeInBlock(next)))
            next = user;
      if (!next)
        return;
      trial.ops.insert(next);
      if (operandCount(trial) > kMaxOperands)
        return;
      if (leavesOnly(trial, next)) {
        group.ops = trial.ops;
        group.output = next;
        trial = group;
        pending = 0;
      }
    }
  }

  /// Whether `last`'s result is the only one used outside of the group.
  static bool leavesOnly(const Group &group, Operation *last) {
    for (Operation *op : group.ops)
      if (op != last)
        for (Operation *user : op->getUsers())
          if (!group.ops.count(user))
            return false;
    return true;
  }

  /// Takes in producers until nothing changes: a value may have to wait for all of its users to be
  /// inside.
  void addAllProducers(Group &group) {
    size_t before;
    do {
      before = group.ops.size();
      for (Operation *member : SmallVector<Operation *>(group.ops.begin(), group.ops.end()))
        for (Value operand : member->getOperands())
          addProducers(group, operand);
    } while (group.ops.size() != before);
  }

  /// Whether the kernel computes elements of `value` more than once: a row kernel reads its input
  /// several times, and a stretched value is computed for each element it meets.
  static bool isRepeated(const Group &group, Value value) {
    if (kernelRole(group.root) == KernelRole::Root)
      return true;
    llvm::SmallSetVector<Value, 8> reached;
    reached.insert(value);
    for (size_t i = 0; i < reached.size(); ++i)
      for (Operation *user : reached[i].getUsers()) {
        if (!group.ops.count(user))
          continue;
        if (isa<BroadcastOp>(user) || (kernelRole(user) == KernelRole::Pointwise &&
                                       !sameShape(reached[i], user->getResult(0))))
          return true;
        reached.insert(user->getResults().begin(), user->getResults().end());
      }
    return false;
  }

  /// Whether `op`, which computes `value`, may be computed at the point where the group reads it.
  bool fits(const Group &group, Operation *op, Value value) const {
    KernelRole role = kernelRole(op);
    if (role == KernelRole::Pointwise)
      return isCheap(op) || !isRepeated(group, value);
    if (isa<BroadcastOp, IotaOp, DimOp>(op))
      return true;
    if (kernelRole(group.root) == KernelRole::Root)
      return false;
    return role == KernelRole::Movement && (isa<SliceOp>(op) || (isa<PadOp>(op) && isMove(group)));
  }

  static bool isMove(const Group &group) { return kernelRole(group.root) == KernelRole::Movement; }

  /// Takes in the ops that compute `value`, when the group alone uses them.
  void addProducers(Group &group, Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !joins(op, group) || isInlineConstant(value) || !usedInside(group, op))
      return;
    SmallVector<Operation *, 2> added = {op};
    if (isUnitReshape(op)) {
      // It costs nothing where it is; inside it lets what is before it join.
      Value before = op->getOperand(0);
      Operation *producer = before.getDefiningOp();
      if (!producer || !joins(producer, group) || isInlineConstant(before) || !before.hasOneUse() ||
          !fits(group, producer, value))
        return;
      added.push_back(producer);
    } else if (!fits(group, op, value)) {
      return;
    }
    group.ops.insert(added.begin(), added.end());
    if (operandCount(group) > kMaxOperands) {
      for (Operation *member : added)
        group.ops.remove(member);
      return;
    }
    for (Value operand : added.back()->getOperands())
      addProducers(group, operand);
  }

  static bool usedInside(const Group &group, Operation *op) {
    return llvm::all_of(op->getUsers(), [&](Operation *user) { return group.ops.count(user); });
  }

  Block &block;
  DenseMap<Operation *, size_t> groupOf;
};

/// A name that says what the kernel does: the root, then what follows it, then the element type.
std::string kernelName(const Group &group) {
  constexpr unsigned kMaxWords = 5;
  SmallVector<Operation *> ops(group.ops.begin(), group.ops.end());
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  std::string name;
  unsigned words = 0;
  for (Operation *op : ops) {
    if (isa<ReshapeOp>(op) || (isa<AttentionOp>(group.root) && movesRows(op)))
      continue;
    if (words == kMaxWords) {
      name += "_etc";
      break;
    }
    name += (words++ ? "_" : "") + kernelWord(op);
  }
  std::string element;
  llvm::raw_string_ostream(element)
      << cast<RankedTensorType>(group.output->getResult(0).getType()).getElementType();
  return name + "_" + element;
}

/// Pairs [result, operand]: the operand has the result's type and every op reads it at the index
/// that it writes.
SmallVector<int64_t> inPlacePairs(const Group &group, ArrayRef<Value> operands) {
  SmallVector<int64_t> pairs;
  if (group.output->getNumResults() != 1)
    return pairs;
  Type type = group.output->getResult(0).getType();
  for (auto [index, operand] : llvm::enumerate(operands)) {
    if (operand.getType() != type)
      continue;
    // From the first ops to the output every op must stay at that index: only pointwise ops of that
    // shape read the operand, or may follow. A value may have very many users: the group's are
    // found among its own ops.
    SmallVector<Operation *> work;
    for (Operation *op : group.ops)
      if (llvm::is_contained(op->getOperands(), operand))
        work.push_back(op);
    bool aligned = true;
    llvm::SmallPtrSet<Operation *, 8> seen;
    while (aligned && !work.empty()) {
      Operation *op = work.pop_back_val();
      if (!seen.insert(op).second)
        continue;
      aligned = kernelRole(op) == KernelRole::Pointwise && sameShape(op->getResult(0), operand);
      for (Operation *user : op->getUsers())
        if (group.ops.count(user))
          work.push_back(user);
    }
    if (aligned)
      pairs.append({0, static_cast<int64_t>(index)});
  }
  return pairs;
}

/// Gives the names of `function` (a kernel) the kernel's own: d0, d1, … in the order in which they
/// appear. Returns what those are in the model's names; null when there are none. Bounds of the new
/// names become the function's.
DimsAttr renameDims(func::FuncOp function, const DimBounds &bounds) {
  MLIRContext *context = function.getContext();
  llvm::SetVector<StringRef> names;
  // The expressions stay alive: names are parts of them.
  std::deque<DimExpr> parsed;
  auto add = [&](StringRef text) {
    if (llvm::Expected<DimExpr> expression = DimExpr::parse(text)) {
      parsed.push_back(*expression);
      parsed.back().collectNames(names);
    } else {
      llvm::consumeError(expression.takeError());
    }
  };
  auto addDims = [&](Attribute attr) {
    if (auto dims = dyn_cast_or_null<DimsAttr>(attr))
      for (StringAttr text : dims.getExpressions())
        add(text.getValue());
  };
  auto encoding = [](Type type) { return cast<RankedTensorType>(type).getEncoding(); };
  for (BlockArgument argument : function.getArguments())
    addDims(encoding(argument.getType()));
  for (Operation &op : function.front()) {
    for (Value result : op.getResults())
      addDims(encoding(result.getType()));
    if (auto slice = dyn_cast<SliceOp>(op))
      addDims(slice.getDimsAttr());
    if (auto dim = dyn_cast<DimOp>(op))
      add(dim.getExpression());
  }
  if (names.empty())
    return {};

  SmallVector<StringAttr> given;
  DimBounds own;
  llvm::StringMap<std::string> renamed;
  for (auto [i, name] : llvm::enumerate(names)) {
    given.push_back(StringAttr::get(context, name));
    std::string text = "d" + std::to_string(i);
    if (auto found = bounds.find(name); found != bounds.end())
      own[text] = found->getValue();
    renamed[name] = text;
  }
  auto rename = [&](StringRef text) {
    llvm::Expected<DimExpr> expression = DimExpr::parse(text);
    if (!expression) {
      llvm::consumeError(expression.takeError());
      return DimExpr::floorDiv(1, 0);
    }
    return expression->substitute([&](StringRef name) -> std::optional<DimExpr> {
      return DimExpr::symbol(renamed.lookup(name));
    });
  };
  auto renameType = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<DimExpr> extents;
    for (const DimExpr &extent : extentsOf(type))
      extents.push_back(rename(extent.str()));
    value.setType(tensorType(extents, type.getElementType()));
  };
  for (BlockArgument argument : function.getArguments())
    renameType(argument);
  for (Operation &op : function.front()) {
    for (Value result : op.getResults())
      renameType(result);
    if (auto slice = dyn_cast<SliceOp>(op); slice && slice.getDimsAttr()) {
      SmallVector<StringAttr> texts;
      for (StringAttr text : slice.getDimsAttr().getExpressions())
        texts.push_back(StringAttr::get(context, rename(text.getValue()).str()));
      slice.setDimsAttr(DimsAttr::get(context, texts));
    }
    if (auto dim = dyn_cast<DimOp>(op))
      dim.setExpression(rename(dim.getExpression()).str());
  }
  function.setFunctionType(FunctionType::get(context, function.front().getArgumentTypes(),
                                             function.front().getTerminator()->getOperandTypes()));
  setDimBounds(function, own);
  return DimsAttr::get(context, given);
}

/// Replaces a group by a launch of a new kernel function.
void outline(const Group &group, ModuleOp module, SymbolTable &symbols) {
  SmallVector<Operation *> ops(group.ops.begin(), group.ops.end());
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  Operation *last = ops.back();

  SetVector<Value> operands;
  SetVector<Operation *> constants;
  SmallVector<Location> locations;
  for (Operation *op : ops) {
    locations.push_back(op->getLoc());
    for (Value operand : op->getOperands()) {
      if (operand.getDefiningOp() && group.ops.count(operand.getDefiningOp()))
        continue;
      if (isInlineConstant(operand))
        constants.insert(operand.getDefiningOp());
      else
        operands.insert(operand);
    }
  }
  MLIRContext *context = module.getContext();
  Location loc = FusedLoc::get(context, locations);
  OpBuilder builder(context);
  auto type = FunctionType::get(context, ValueRange(operands.getArrayRef()).getTypes(),
                                group.output->getResultTypes());
  auto function = func::FuncOp::create(loc, kernelName(group), type);
  function.setPrivate();
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  IRMapping mapping;
  mapping.map(operands.getArrayRef(), body->getArguments());
  for (Operation *constant : constants)
    builder.clone(*constant, mapping);
  for (Operation *op : ops) {
    Operation *copy = builder.clone(*op, mapping);
    copy->removeAttr("ingot.target");
  }
  SmallVector<Value> results;
  for (Value result : group.output->getResults())
    results.push_back(mapping.lookup(result));
  func::ReturnOp::create(builder, loc, results);

  SmallVector<StringAttr> layers;
  for (StringRef name : sourceNames(loc))
    layers.push_back(builder.getStringAttr(name));
  function->setAttr("ingot.kernel",
                    KernelAttr::get(context, targetOf(group.root), DictionaryAttr(), layers, {},
                                    inPlacePairs(group, operands.getArrayRef())));
  DimsAttr dims = renameDims(function, dimBounds(module));
  symbols.insert(function); // makes the name unique

  builder.setInsertionPoint(last);
  auto launch = LaunchOp::create(builder, loc, group.output->getResultTypes(),
                                 function.getSymName(), operands.getArrayRef(), dims);
  group.output->replaceAllUsesWith(launch.getResults());
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

class FormKernels : public ingot::impl::FormKernelsBase<FormKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<Block *> blocks;
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      if (!function->hasAttr("ingot.kernel"))
        function.walk([&](Block *block) { blocks.push_back(block); });
    for (Block *block : blocks) {
      Grouping grouping(*block);
      grouping.run();
      for (const Group &group : grouping.groups)
        outline(group, module, symbols);
    }
    // Constants that only kernels read now have no use outside.
    module.walk([](ConstantOp constant) {
      if (constant->use_empty())
        constant.erase();
    });
  }
};

} // namespace
