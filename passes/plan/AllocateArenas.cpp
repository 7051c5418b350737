// Gives every plan.alloc its place in the arena of its space, by the planner library.
#include "ir/graph/Graph.h"
#include "passes/plan/Passes.h"
#include "passes/plan/Steps.h"
#include "passes/planner/Planner.h"
#include "llvm/ADT/BitVector.h"

namespace ingot {
#define GEN_PASS_DEF_ALLOCATEARENAS
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

using MakeReference = llvm::function_ref<Value(OpBuilder &, Location, const DimExpr &, Type)>;

/// Replaces `value` and the ranges of it by references made by `make`, which gets an offset and a
/// type.
void replaceByReferences(Value value, const DimExpr &offset, MakeReference make) {
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
    std::vector<size_t> inEntry;
    for (size_t i = 0; i < allocs.size(); i += inEntry.size()) {
      // Times go on from entry to entry, so the buffers of one are neighbours in the list.
      auto entry = allocs[i]->getParentOfType<plan::EntryOp>();
      inEntry.clear();
      for (size_t j = i; j < allocs.size() && allocs[j]->getParentOfType<plan::EntryOp>() == entry;
           ++j)
        inEntry.push_back(j);
      bool dynamic = llvm::any_of(
          inEntry, [&](size_t j) { return !allocs[j].getType().getExpression().empty(); });
      if (dynamic)
        placeForDims(entry, inEntry, placed->offsets);
      else
        for (size_t j : inEntry)
          placeAt(allocs[j], placed->offsets[j]);
    }
    for (plan::AllocOp alloc : allocs)
      alloc->erase();
    for (plan::RefOp ref : all<plan::RefOp>(module)) {
      DimExpr start = ref.getOffset();
      replaceByReferences(
          ref, start, [&](OpBuilder &builder, Location loc, const DimExpr &at, Type type) -> Value {
            return at == start && type == ref.getType()
                       ? ref.getResult()
                       : plan::RefOp::create(builder, loc, type, ref.getKind(), ref.getSymbolAttr(),
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
    llvm::StringMap<int64_t> spaceNumbers;
    for (auto space : module.getOps<plan::SpaceOp>()) {
      spaceNumbers[space.getSymName()] = spaces.size();
      spaces.push_back(space);
    }
    for (auto entry : module.getOps<plan::EntryOp>()) {
      std::vector<PlanStep> inEntry = stepsOf(entry);
      DenseMap<size_t, std::pair<unsigned, unsigned>> lives; // buffer → its first and last step
      for (auto [time, step] : llvm::enumerate(inEntry)) {
        auto touch = [&, time = time](ValueRange values) {
          for (Value value : values)
            if (auto alloc = dyn_cast<plan::AllocOp>(plan::originOf(value).root))
              lives.try_emplace(bufferFor(alloc, spaceNumbers), time, time).first->second.second =
                  time;
        };
        touch(step.reads());
        touch(step.writes());
      }
      for (auto [buffer, life] : lives) {
        auto [first, last] = lifeOf(inEntry, life.first, life.second);
        problem.buffers[buffer].firstUse = steps.size() + first;
        problem.buffers[buffer].lastUse = steps.size() + last + 1;
      }
      for (const PlanStep &step : inEntry)
        steps.push_back(step.op);
    }
    // What no step touches needs no memory.
    for (plan::AllocOp alloc : all<plan::AllocOp>(module)) {
      if (bufferOf.contains(alloc))
        continue;
      replaceByReferences(alloc, 0,
                          [](OpBuilder &, Location, const DimExpr &, Type) -> Value { return {}; });
      alloc->erase();
    }
  }

  size_t bufferFor(plan::AllocOp alloc, const llvm::StringMap<int64_t> &spaceNumbers) {
    auto [it, added] = bufferOf.try_emplace(alloc, allocs.size());
    if (added) {
      planner::Buffer buffer;
      buffer.name = sourceName(alloc.getLoc());
      buffer.size = alloc.getType().getBytes();
      buffer.space = spaceNumbers.lookup(alloc.getType().getSpace());
      buffer.alignment = spaces[buffer.space].getAlignment();
      problem.buffers.push_back(buffer);
      allocs.push_back(alloc);
    }
    return it->second;
  }

  FlatSymbolRefAttr arenaOf(plan::AllocOp alloc) {
    return FlatSymbolRefAttr::get(&getContext(), arenas[alloc.getType().getSpace()]);
  }

  /// All sizes of the entry are known: so are all places.
  void placeAt(plan::AllocOp alloc, int64_t offset) {
    FlatSymbolRefAttr arena = arenaOf(alloc);
    replaceByReferences(
        alloc, offset,
        [&](OpBuilder &builder, Location loc, const DimExpr &at, Type type) -> Value {
          return plan::RefOp::create(builder, loc, type, plan::BufferKind::Arena, arena,
                                     IntegerAttr(), at);
        });
  }

  /// Keeps of the placement at the bounds what lies behind what: that is right for every size.
  void placeForDims(plan::EntryOp entry, std::vector<size_t> inEntry,
                    const std::vector<int64_t> &offsets) {
    llvm::stable_sort(inEntry, [&](size_t a, size_t b) { return offsets[a] < offsets[b]; });
    size_t count = inEntry.size();
    std::vector<llvm::BitVector> below(count, llvm::BitVector(count)); // directly or by others
    SmallVector<Value> places;
    OpBuilder builder = OpBuilder::atBlockBegin(&entry.getBody().front());
    for (size_t i = 0; i < count; ++i) {
      const planner::Buffer &buffer = problem.buffers[inEntry[i]];
      SmallVector<Value> behind;
      // From the top: what lies below one of those it is behind needs no mention.
      for (size_t j = i; j-- > 0;) {
        const planner::Buffer &other = problem.buffers[inEntry[j]];
        bool together = other.space == buffer.space && other.firstUse < buffer.lastUse &&
                        buffer.firstUse < other.lastUse && other.size && buffer.size;
        if (!together || below[i][j])
          continue;
        behind.push_back(places[j]);
        below[i] |= below[j];
        below[i].set(j);
      }
      plan::AllocOp alloc = allocs[inEntry[i]];
      Value place = plan::PlaceOp::create(builder, alloc.getLoc(), alloc.getType(),
                                          arenaOf(alloc).getValue(), offsets[inEntry[i]], behind);
      places.push_back(place);
      replaceByReferences(
          alloc, 0, [&](OpBuilder &builder, Location loc, const DimExpr &at, Type type) -> Value {
            if (at == DimExpr(0) && type == place.getType())
              return place;
            return plan::RangeOp::create(builder, loc, type, place, at);
          });
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
  DenseMap<Value, size_t> bufferOf;    ///< of an alloc: its index in them
  SmallVector<Operation *> steps;      ///< index = time
  SmallVector<plan::SpaceOp> spaces;   ///< index = number of the space
  llvm::StringMap<std::string> arenas; ///< space → symbol of its arena
};

} // namespace
