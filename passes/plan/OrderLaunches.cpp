// Orders the launches of a function so that fewer bytes are alive at once.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"
#include <numeric>

namespace ingot {
#define GEN_PASS_DEF_ORDERLAUNCHES
#include "passes/plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Ops that are ordered together. A longer block is ordered stretch by stretch, since the search
/// takes time by the square of what it orders.
constexpr size_t kStretch = 4096;

/// SplitMix64's finaliser: the XOR of scrambled indices tells sets apart.
uint64_t scramble(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

/// A block's ops as a scheduling problem: which buffers each op makes and reads, and what must come
/// before it.
class Schedule {
public:
  /// Sizes count at the bounds of the dims.
  Schedule(Block &block, const DimBounds &bounds);

  /// Most bytes alive at once in this order.
  uint64_t peak(ArrayRef<unsigned> order) const;
  /// The best order that a beam search finds, stretch by stretch of the block.
  std::vector<unsigned> search(unsigned width) const;
  ArrayRef<Operation *> ops() const { return nodes; }

private:
  Schedule() = default;
  struct Node {
    SmallVector<unsigned, 4> makes, reads;              ///< buffers, each once
    SmallVector<std::pair<unsigned, unsigned>> inPlace; ///< (made, read): may be the same memory
    SmallVector<unsigned, 4> after;                     ///< nodes that wait for this one
    unsigned before = 0;                                ///< nodes that this one waits for
  };
  struct State {
    uint64_t live = 0, peak = 0, hash = 0;
    std::vector<unsigned> readers; ///< per buffer: ops that still read it
    std::vector<unsigned> waiting; ///< per node: nodes still before it
    std::vector<unsigned> ready;   ///< nodes that wait for nothing, ascending
    unsigned history = 0;          ///< of the search: the last node that ran
  };
  /// What running a node makes of a state's bytes.
  struct Bytes {
    uint64_t live, peak;
  };

  State start() const;
  Bytes bytesAfter(const State &state, unsigned node) const;
  void run(State &state, unsigned node) const;
  /// The nodes begin…end alone; `readers` counts the readers of each buffer from `begin` on.
  Schedule stretch(unsigned begin, unsigned end, ArrayRef<unsigned> readers) const;
  /// A beam search over topological orders of all nodes.
  std::vector<unsigned> searchAll(unsigned width) const;

  SmallVector<Operation *> nodes;
  std::vector<Node> graph;
  std::vector<uint64_t> bytes;   ///< per buffer; 0 outside of the arena
  std::vector<unsigned> readers; ///< per buffer
};

Schedule::Schedule(Block &block, const DimBounds &bounds) {
  DenseMap<Operation *, unsigned> indices;
  for (Operation &op : block.without_terminator())
    if (!isa<ingot::ConstantOp>(op)) {
      indices[&op] = nodes.size();
      nodes.push_back(&op);
    }
  graph.resize(nodes.size());

  // A reshape is the buffer of its operand.
  SmallVector<bool> isState; // per buffer: it is what a variable held
  DenseMap<Value, unsigned> bufferOf;
  auto isExternal = [](Value value) {
    return !value.getDefiningOp() || isa<ingot::ConstantOp, VariableReadOp>(value.getDefiningOp());
  };
  for (Operation *op : nodes)
    for (Value result : op->getResults()) {
      if (auto reshape = dyn_cast<ReshapeOp>(op);
          reshape && bufferOf.contains(reshape.getInput())) {
        unsigned buffer = bufferOf[reshape.getInput()]; // the map may grow
        bufferOf[result] = buffer;
        continue;
      }
      auto type = dyn_cast<RankedTensorType>(result.getType());
      bufferOf[result] = bytes.size();
      bytes.push_back(type && !isExternal(result)
                          ? llvm::alignTo(rangeOf(plan::storedSize(type), bounds).high, 64)
                          : 0);
      isState.push_back(isa<VariableReadOp>(op));
      graph[indices[op]].makes.push_back(bytes.size() - 1);
    }
  // What is returned lies in the caller's memory.
  for (Value value : block.getTerminator()->getOperands())
    if (auto it = bufferOf.find(value); it != bufferOf.end())
      bytes[it->second] = 0;

  readers.resize(bytes.size());
  std::optional<unsigned> lastEffect;
  for (auto [i, op] : llvm::enumerate(nodes)) {
    Node &node = graph[i];
    llvm::SetVector<unsigned> reads, before;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        if (auto it = bufferOf.find(operand); it != bufferOf.end())
          reads.insert(it->second);
        Operation *maker = operand.getDefiningOp();
        if (auto it = indices.find(maker); maker && it != indices.end())
          before.insert(it->second);
      }
    });
    before.remove(i);
    // State is read and written in the source's order.
    bool effect = op->walk([](Operation *inner) {
                      return isa<VariableReadOp, VariableUpdateOp>(inner) ? WalkResult::interrupt()
                                                                          : WalkResult::advance();
                    }).wasInterrupted();
    // What reads the old state stays before its update, or the old state would have to be kept.
    if (effect && !isa<VariableReadOp>(op))
      for (unsigned j = 0; j < i; ++j)
        if (llvm::any_of(graph[j].reads, [&](unsigned buffer) { return isState[buffer]; }))
          before.insert(j);
    if (effect) {
      if (lastEffect)
        before.insert(*lastEffect);
      lastEffect = i;
    }
    for (unsigned buffer : node.makes)
      reads.remove(buffer);
    node.reads.assign(reads.begin(), reads.end());
    for (unsigned buffer : node.reads)
      ++readers[buffer];
    node.before = before.size();
    for (unsigned other : before)
      graph[other].after.push_back(i);
    auto launch = dyn_cast<LaunchOp>(op);
    auto kernel =
        launch ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, launch.getKernelAttr())
               : nullptr;
    auto attr = kernel ? kernel->getAttrOfType<KernelAttr>("ingot.kernel") : nullptr;
    for (size_t k = 0; attr && k + 1 < attr.getInPlace().size(); k += 2) {
      auto read = bufferOf.find(launch.getInputs()[attr.getInPlace()[k + 1]]);
      unsigned made = bufferOf[launch.getResult(attr.getInPlace()[k])];
      if (read != bufferOf.end() && bytes[made] == bytes[read->second])
        node.inPlace.push_back({made, read->second});
    }
  }
}

Schedule::State Schedule::start() const {
  State state;
  state.readers = readers;
  for (auto [i, node] : llvm::enumerate(graph)) {
    state.waiting.push_back(node.before);
    if (!node.before)
      state.ready.push_back(i);
  }
  return state;
}

Schedule::Bytes Schedule::bytesAfter(const State &state, unsigned index) const {
  const Node &node = graph[index];
  Bytes result{state.live, state.peak};
  SmallVector<unsigned, 2> reused, placed;
  for (unsigned buffer : node.makes)
    result.live += bytes[buffer];
  for (auto [made, read] : node.inPlace)
    if (state.readers[read] == 1 && !llvm::is_contained(reused, read) &&
        !llvm::is_contained(placed, made)) {
      reused.push_back(read);
      placed.push_back(made);
      result.live -= bytes[read];
    }
  result.peak = std::max(result.peak, result.live);
  for (unsigned buffer : node.reads)
    if (state.readers[buffer] == 1 && !llvm::is_contained(reused, buffer))
      result.live -= bytes[buffer];
  for (unsigned buffer : node.makes)
    if (!readers[buffer])
      result.live -= bytes[buffer];
  return result;
}

void Schedule::run(State &state, unsigned index) const {
  const Node &node = graph[index];
  Bytes after = bytesAfter(state, index);
  state.live = after.live;
  state.peak = after.peak;
  for (unsigned buffer : node.reads)
    --state.readers[buffer];
  for (unsigned other : node.after)
    if (!--state.waiting[other])
      state.ready.insert(llvm::lower_bound(state.ready, other), other);
  state.ready.erase(llvm::lower_bound(state.ready, index));
  state.hash ^= scramble(index + 1);
}

uint64_t Schedule::peak(ArrayRef<unsigned> order) const {
  State state = start();
  for (unsigned node : order)
    run(state, node);
  return state.peak;
}

Schedule Schedule::stretch(unsigned begin, unsigned end, ArrayRef<unsigned> readers) const {
  Schedule part;
  DenseMap<unsigned, unsigned> local;
  auto number = [&](unsigned buffer) {
    auto [it, added] = local.try_emplace(buffer, part.bytes.size());
    if (added) {
      part.bytes.push_back(bytes[buffer]);
      part.readers.push_back(readers[buffer]);
    }
    return it->second;
  };
  part.graph.resize(end - begin);
  for (unsigned i = begin; i < end; ++i) {
    Node &node = part.graph[i - begin];
    for (unsigned buffer : graph[i].makes)
      node.makes.push_back(number(buffer));
    for (unsigned buffer : graph[i].reads)
      node.reads.push_back(number(buffer));
    for (auto [made, read] : graph[i].inPlace)
      node.inPlace.push_back({number(made), number(read)});
    for (unsigned other : graph[i].after)
      if (other < end) {
        node.after.push_back(other - begin);
        ++part.graph[other - begin].before;
      }
  }
  return part;
}

std::vector<unsigned> Schedule::search(unsigned width) const {
  std::vector<unsigned> order, left = readers;
  for (size_t begin = 0; begin < graph.size(); begin += kStretch) {
    size_t end = std::min(begin + kStretch, graph.size());
    for (unsigned node : stretch(begin, end, left).searchAll(width))
      order.push_back(begin + node);
    for (size_t i = begin; i < end; ++i)
      for (unsigned buffer : graph[i].reads)
        --left[buffer];
  }
  return order;
}

std::vector<unsigned> Schedule::searchAll(unsigned width) const {
  std::vector<State> beam = {start()};
  struct Candidate {
    uint64_t peak, live;
    unsigned number, state, node;
  };
  struct Past {
    unsigned before, node; ///< before: index of the one that ran before it, plus one
  };
  std::vector<Past> pasts;
  for (size_t step = 0; step < graph.size(); ++step) {
    std::vector<Candidate> candidates;
    for (auto [number, state] : llvm::enumerate(beam))
      for (unsigned node : ArrayRef(state.ready).take_front(16)) {
        Bytes after = bytesAfter(state, node);
        candidates.push_back(
            {after.peak, after.live, unsigned(candidates.size()), unsigned(number), node});
      }
    llvm::sort(candidates, [](const Candidate &a, const Candidate &b) {
      return std::tie(a.peak, a.live, a.number) < std::tie(b.peak, b.live, b.number);
    });
    std::vector<State> next;
    llvm::SmallDenseSet<uint64_t> seen;
    for (const Candidate &candidate : candidates) {
      if (next.size() == width)
        break;
      // Two ways to the same set of done ops: the better one came first.
      const State &state = beam[candidate.state];
      if (!seen.insert(state.hash ^ scramble(candidate.node + 1)).second)
        continue;
      run(next.emplace_back(state), candidate.node);
      pasts.push_back({state.history, candidate.node});
      next.back().history = pasts.size();
    }
    beam = std::move(next);
  }
  std::vector<unsigned> order;
  for (unsigned at = beam.front().history; at; at = pasts[at - 1].before)
    order.push_back(pasts[at - 1].node);
  return {order.rbegin(), order.rend()};
}

struct OrderLaunches : ingot::impl::OrderLaunchesBase<OrderLaunches> {
  using OrderLaunchesBase::OrderLaunchesBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("ingot.kernel"))
        function.walk([&](Block *block) { order(*block, dimBounds(getOperation())); });
  }

  void order(Block &block, const DimBounds &bounds) {
    Schedule schedule(block, bounds);
    size_t count = schedule.ops().size();
    std::vector<unsigned> source(count);
    std::iota(source.begin(), source.end(), 0);
    uint64_t before = schedule.peak(source);
    if (!before)
      return;
    std::vector<unsigned> found = schedule.search(width);
    if (schedule.peak(found) >= before)
      return; // the source's order is what people read in dumps and profiles
    SmallVector<Operation *> ops(schedule.ops());
    for (unsigned node : found)
      ops[node]->moveBefore(block.getTerminator());
    reordered += 1;
  }
};

} // namespace
