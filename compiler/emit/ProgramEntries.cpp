// Builds the entries of a program: signatures, expression tables, instructions.
#include "compiler/emit/ProgramBuilder.h"

#include "ir/graph/WeightStore.h"
#include "runtime-lib/include/ingot/runtime.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ingot;
using Term = ExpressionTable::Term;

/// Computes where the entry's places start: behind all that lies below them.
void ProgramBuilder::placeBuffers(plan::EntryOp op, ExpressionTable &table) {
  offsets.clear();
  for (auto place : op.getBody().getOps<plan::PlaceOp>()) {
    std::optional<Term> top;
    for (Value other : place.getBehind()) {
      Term size = table.term(cast<plan::BufferType>(other.getType()).size());
      Term end = table.apply(fmt::ExprOp::add, offsets.lookup(other.getDefiningOp()), size);
      top = top ? table.apply(fmt::ExprOp::max, *top, end) : end;
    }
    Term &offset = offsets[place];
    if (!top)
      continue;
    auto arena = module.lookupSymbol<plan::ArenaOp>(place.getArena());
    Term alignment{-1, int64_t(arena.getAlignment())};
    offset = table.apply(fmt::ExprOp::mul, table.apply(fmt::ExprOp::ceil_div, *top, alignment),
                         alignment);
  }
}

/// Bytes of an input or output of the entry at the bounds of its dims.
uint64_t ProgramBuilder::borderBytes(bool isInput, uint32_t index) const {
  const fmt::TensorT &tensor = *(isInput ? current->inputs : current->outputs)[index];
  uint64_t bits = ingot_type_bits(static_cast<ingot_type>(tensor.type));
  for (const fmt::SigDim &dim : tensor.dims)
    bits = llvm::SaturatingMultiply(bits, static_cast<uint64_t>(dim.max()));
  return bits == UINT64_MAX ? bits : (bits + 7) / 8;
}

void ProgramBuilder::addBuffers(ValueRange buffers, fmt::InstructionT &step,
                                ExpressionTable &table) {
  static_assert(uint32_t(plan::BufferKind::Arena) == uint32_t(fmt::BufferKind::arena) &&
                uint32_t(plan::BufferKind::Variable) == uint32_t(fmt::BufferKind::variable));
  std::vector<fmt::Placement> placements;
  bool placed = false;
  for (Value value : buffers) {
    auto type = cast<plan::BufferType>(value.getType());
    plan::Origin origin = plan::originOf(value);
    auto place = dyn_cast<plan::PlaceOp>(origin.root);
    auto ref = dyn_cast<plan::RefOp>(origin.root);
    fmt::BufferKind kind =
        place ? fmt::BufferKind::arena : static_cast<fmt::BufferKind>(ref.getKind());
    uint32_t index = place            ? indexOf(place.getArena())
                     : ref.getIndex() ? *ref.getIndex()
                                      : indexOf(*ref.getSymbol());
    uint64_t offset = place ? place.getOffset() : 0, bytes = type.getBytes();
    int32_t offsetRow = -1, sizeRow = -1;
    if (std::optional<int64_t> number = origin.offset.constant(); number && !place)
      offset = *number;
    else
      offsetRow = table.row(table.apply(fmt::ExprOp::add, place ? offsets.lookup(place) : Term(),
                                        table.term(origin.offset)));
    if (!type.getExpression().empty())
      sizeRow = table.row(table.term(type.size()));
    // Interval arithmetic may give a sum of products more than its extents multiply to.
    if (place)
      bytes = std::min<uint64_t>(bytes, place.getType().getBytes());
    else if (kind == fmt::BufferKind::input || kind == fmt::BufferKind::output)
      bytes = std::min(bytes, borderBytes(kind == fmt::BufferKind::input, index));
    placed |= offsetRow >= 0 || sizeRow >= 0;
    placements.emplace_back(offsetRow, sizeRow);
    step.buffers.emplace_back(kind, index, offset, bytes);
  }
  if (placed)
    step.placements = std::move(placements);
}

/// Whether an expression of extents never shrinks while a dim grows.
static bool neverShrinks(const DimExpr &expression) {
  struct Value {
    bool grows, isNumber;
    int64_t number;
  };
  using Operation = DimExpr::Operation;
  return expression
      .lower<Value>([](int64_t number) { return Value{true, true, number}; },
                    [](StringRef) { return Value{true, false, 0}; },
                    [](Operation operation, Value a, Value b) {
                      bool both = a.grows && b.grows;
                      switch (operation) {
                      case Operation::Add:
                      case Operation::Min:
                      case Operation::Max:
                        return Value{both, false, 0};
                      case Operation::Mul: // of values that are not negative: extents, and numbers
                        return Value{both && !(a.isNumber && a.number < 0) &&
                                         !(b.isNumber && b.number < 0),
                                     false, 0};
                      case Operation::Sub:
                      case Operation::FloorDiv:
                        return Value{a.grows && b.isNumber, false, 0};
                      case Operation::Mod:
                        break;
                      }
                      return Value{false, false, 0};
                    })
      .grows;
}

/// An entry with places uses of each arena what lies below its highest end.
void ProgramBuilder::addArenaSizes(plan::EntryOp op, fmt::EntryT &entry, ExpressionTable &table) {
  SmallVector<plan::PlaceOp> places(op.getBody().getOps<plan::PlaceOp>());
  if (places.empty())
    return;
  llvm::DenseSet<Value> covered; // others lie behind them
  for (plan::PlaceOp place : places)
    covered.insert(place.getBehind().begin(), place.getBehind().end());
  bool grows = llvm::all_of(
      places, [](plan::PlaceOp place) { return neverShrinks(place.getType().size()); });
  for (auto arena : module.getOps<plan::ArenaOp>()) {
    if (!grows) {
      entry.arena_sizes.emplace_back(arena.getSize(), -1, 0);
      continue;
    }
    Term size;
    for (plan::PlaceOp place : places)
      if (place.getArena() == arena.getSymName() && !covered.contains(place))
        size = table.apply(fmt::ExprOp::max, size,
                           table.apply(fmt::ExprOp::add, offsets.lookup(place),
                                       table.term(place.getType().size())));
    entry.arena_sizes.push_back(table.extent(size, arena.getSize()));
  }
}

llvm::Error ProgramBuilder::addEntry(plan::EntryOp op) {
  auto entry = std::make_unique<fmt::EntryT>();
  current = entry.get();
  entry->name = op.getSymName().str();
  DimSteps steps = dimSteps(module);
  ExpressionTable table(bounds, steps);
  SmallVector<RankedTensorType> inputs;
  for (Type type : op.getInputTypes().getAsValueRange<TypeAttr>())
    inputs.push_back(cast<RankedTensorType>(type));
  SmallVector<ValueDim> values = valueDims(module);
  if (llvm::Error error = table.addInputs(inputs, values))
    return error;
  for (auto [i, entryOf] : llvm::enumerate(table.getNames())) {
    auto &[name, row] = entryOf;
    // A value that has been computed with is in no extent.
    DimExpr::Range range =
        i < values.size() ? values[i].bounds : rangeOf(DimExpr::symbol(name), bounds);
    int64_t step = steps.contains(name) ? steps.lookup(name) : 1;
    entry->dims.emplace_back(dimName(name), row, range.low * step, range.high * step);
  }
  auto signature = [&](ArrayAttr names, ArrayAttr types, const char *what,
                       std::vector<std::unique_ptr<fmt::TensorT>> &rows) -> llvm::Error {
    for (auto [name, type] :
         llvm::zip_equal(names.getAsValueRange<StringAttr>(), types.getAsValueRange<TypeAttr>())) {
      auto row = std::make_unique<fmt::TensorT>();
      row->name = name.str();
      if (llvm::Error error =
              describe(cast<RankedTensorType>(type), llvm::Twine(what) + " '" + name + "'",
                       row->type, row->dims, table))
        return error;
      rows.push_back(std::move(row));
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = signature(op.getInputNames(), op.getInputTypes(), "input", entry->inputs))
    return error;
  if (llvm::Error error =
          signature(op.getOutputNames(), op.getOutputTypes(), "output", entry->outputs))
    return error;
  for (const CountedDim &counted : countedDims(module)) {
    bool known = counted.output >= 0 && counted.output < int64_t(entry->outputs.size()) &&
                 counted.dim >= 0 &&
                 counted.dim < int64_t(entry->outputs[counted.output]->dims.size()) &&
                 indices.contains(counted.variable);
    if (!known)
      return llvm::createStringError("'" + counted.variable + "' is the extent of no output");
    fmt::SigDim &dim = entry->outputs[counted.output]->dims[counted.dim];
    int64_t bound = dim.max();
    dim = fmt::SigDim(0, bound, table.addVariable(indexOf(counted.variable), bound), -1);
  }
  placeBuffers(op, table);
  addSteps(op.getBody().front(), *entry, table);
  addArenaSizes(op, *entry, table);
  entry->expressions = table.getRows();
  plan->entries.push_back(std::move(entry));
  return llvm::Error::success();
}

void ProgramBuilder::addSteps(Block &block, fmt::EntryT &entry, ExpressionTable &table) {
  auto add = [&](fmt::Op kind, Operation &op) -> fmt::InstructionT & {
    entry.instructions.push_back(std::make_unique<fmt::InstructionT>());
    fmt::InstructionT &step = *entry.instructions.back();
    step.op = kind;
    step.layers = layersOf(sourceNames(op.getLoc()));
    return step;
  };
  for (Operation &op : block) {
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      fmt::InstructionT &step = add(fmt::Op::launch, op);
      step.kernel = indexOf(launch.getKernel());
      addBuffers(op.getOperands(), step, table);
      if (DimsAttr dims = launch.getDimsAttr())
        for (StringAttr dim : dims.getExpressions())
          step.dims.push_back(table.extent(plan::extentOf(dim)));
      if (DenseI64ArrayAttr grid = launch.getGridAttr())
        for (int64_t groups : grid.asArrayRef())
          step.grid.push_back(table.extent(groups));
      else
        step.tiles = std::make_unique<fmt::Extent>(table.extent(launch.getTiles()));
    } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
      fmt::InstructionT &step = add(fmt::Op::copy, op);
      addBuffers({copy.getDestination(), copy.getSource()}, step, table);
      fmt::Extent bytes = table.extent(copy.getSource().getType().size());
      int64_t most = std::min(step.buffers[0].size(), step.buffers[1].size());
      step.bytes = std::make_unique<fmt::Extent>(std::min(bytes.value(), most), bytes.expr(), 0);
    } else if (auto branch = dyn_cast<plan::IfOp>(op)) {
      fmt::InstructionT &toElse = add(fmt::Op::jump_if_false, op);
      addBuffers(branch.getCondition(), toElse, table);
      addSteps(branch.getThenRegion().front(), entry, table);
      if (branch.getElseRegion().front().empty()) {
        toElse.target = entry.instructions.size();
        continue;
      }
      fmt::InstructionT &toEnd = add(fmt::Op::jump, op);
      toElse.target = entry.instructions.size();
      addSteps(branch.getElseRegion().front(), entry, table);
      toEnd.target = entry.instructions.size();
    } else if (auto loop = dyn_cast<plan::WhileOp>(op)) {
      size_t begin = entry.instructions.size();
      addSteps(loop.getBefore().front(), entry, table);
      fmt::InstructionT &toEnd = add(fmt::Op::jump_if_false, op);
      addBuffers(loop.getCondition(), toEnd, table);
      addSteps(loop.getBody().front(), entry, table);
      add(fmt::Op::jump, op).target = begin;
      toEnd.target = entry.instructions.size();
    }
  }
}
