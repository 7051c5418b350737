// Gives every plan.alloc its place in the arena of its space, by the planner library.
#include "ir/graph/Graph.h"
#include "passes/plan/Passes.h"
#include "passes/planner/Planner.h"

namespace ingot {
#define GEN_PASS_DEF_ALLOCATEARENAS
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Replaces `value` and the ranges of it by references made by `make`, which gets an offset and a
/// type.
void replaceByReferences(Value value, uint64_t offset,
                         llvm::function_ref<Value(OpBuilder &, Location, uint64_t, Type)> make) {
  for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
    auto range = dyn_cast<plan::RangeOp>(user);
    if (!range)
      continue;
    replaceByReferences(range, offset + range.getOffset(), make);
    range->erase();
  }
  if (value.use_empty())
    return;
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  Value reference = make(builder, value.getLoc(), offset, value.getType());
  if (reference != value)
    value.replaceAllUsesWith(reference);
}

/// The ops of a kind, listed before any of them, or one near them, is erased.
template <typename OpTy> SmallVector<OpTy> all(ModuleOp module) {
  SmallVector<OpTy> list;
  module.walk([&](OpTy op) { list.push_back(op); });
  return list;
}

struct AllocateArenas : ingot::impl::AllocateArenasBase<AllocateArenas> {
  using AllocateArenasBase::AllocateArenasBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    collect(module);
    std::string error;
    std::optional<planner::Plan> placed = planner::plan(problem, {searchSteps}, error);
    if (!placed) {
      module.emitError() << "memory cannot be planned: " << error;
      return signalPassFailure();
    }
    if (std::string wrong = planner::checkPlan(problem, *placed); !wrong.empty()) {
      module.emitError() << "internal: the memory plan is wrong: " << wrong;
      return signalPassFailure();
    }
    makeArenas(module, *placed);
    for (auto [alloc, offset] : llvm::zip_equal(allocs, placed->offsets)) {
      auto arena = FlatSymbolRefAttr::get(&getContext(), arenas[alloc.getType().getSpace()]);
      replaceByReferences(alloc, offset,
                          [&](OpBuilder &builder, Location loc, uint64_t at, Type type) -> Value {
                            return plan::RefOp::create(builder, loc, type, plan::BufferKind::Arena,
                                                       arena, IntegerAttr(), at);
                          });
      alloc->erase();
    }
    for (plan::RefOp ref : all<plan::RefOp>(module)) {
      replaceByReferences(ref, ref.getOffset(),
                          [&](OpBuilder &builder, Location loc, uint64_t at, Type type) -> Value {
                            return at == ref.getOffset() && type == ref.getType()
                                       ? ref.getResult()
                                       : plan::RefOp::create(builder, loc, type, ref.getKind(),
                                                             ref.getSymbolAttr(),
                                                             ref.getIndexAttr(), at)
                                             .getResult();
                          });
      if (ref.use_empty())
        ref->erase();
    }
  }

private:
  /// Fills `problem`: one buffer per alloc that is used, alive from its first to its last step.
  /// Time goes on from entry to entry, so that entries share all memory.
  void collect(ModuleOp module) {
    DenseMap<Value, size_t> indices;
    llvm::StringMap<int64_t> spaceNumbers;
    for (auto space : module.getOps<plan::SpaceOp>()) {
      spaceNumbers[space.getSymName()] = spaces.size();
      spaces.push_back(space);
    }
    auto touch = [&](Value value) {
      while (auto range = value.getDefiningOp<plan::RangeOp>())
        value = range.getSource();
      auto alloc = value.getDefiningOp<plan::AllocOp>();
      if (!alloc)
        return;
      auto [it, added] = indices.try_emplace(value, allocs.size());
      if (added) {
        int64_t space = spaceNumbers.lookup(alloc.getType().getSpace());
        planner::Buffer buffer;
        buffer.name = sourceName(alloc.getLoc());
        buffer.firstUse = steps.size();
        buffer.size = alloc.getType().getBytes();
        buffer.alignment = spaces[space].getAlignment();
        buffer.space = space;
        problem.buffers.push_back(buffer);
        allocs.push_back(alloc);
      }
      problem.buffers[it->second].lastUse = steps.size() + 1;
    };
    module.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isa<plan::LaunchOp, plan::CopyOp, plan::IfOp>(op))
        return;
      llvm::for_each(op->getOperands(), touch);
      steps.push_back(op);
    });
    // What no step touches needs no memory.
    for (plan::AllocOp alloc : all<plan::AllocOp>(module)) {
      if (indices.contains(alloc))
        continue;
      replaceByReferences(alloc, 0,
                          [](OpBuilder &, Location, uint64_t, Type) -> Value { return {}; });
      alloc->erase();
    }
  }

  void makeArenas(ModuleOp module, const planner::Plan &placed) {
    SymbolTable symbols(module);
    OpBuilder builder(&getContext());
    Block::iterator place = module.getBody()->end();
    for (Operation &op : *module.getBody())
      if (isa<plan::EntryOp>(op)) {
        place = op.getIterator();
        break;
      }
    for (const planner::SpaceReport &report : placed.spaces) {
      plan::SpaceOp space = spaces[report.space];
      std::string name = report.space == 0 ? "arena" : ("arena." + space.getSymName()).str();
      std::string peak = report.bytes ? sourceName(steps[report.peakTime]->getLoc()) : "";
      auto arena =
          plan::ArenaOp::create(builder, module.getLoc(), name, space.getSymName(), report.bytes,
                                space.getAlignment(), report.lowerBound, peak);
      symbols.insert(arena, place);
      arenas[space.getSymName()] = arena.getSymName().str();
    }
  }

  planner::Problem problem;
  SmallVector<plan::AllocOp> allocs;   ///< in the order of problem.buffers
  SmallVector<Operation *> steps;      ///< index = time
  SmallVector<plan::SpaceOp> spaces;   ///< index = number of the space
  llvm::StringMap<std::string> arenas; ///< space → symbol of its arena
};

} // namespace
