// Two independent meanings of a program of launches: of the graph, on values, and of its plan, on
// bytes of memory.
#include "Interpret.h"

#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/Hashing.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::test;

static uint64_t mix(uint64_t a, uint64_t b) {
  a ^= b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2);
  a ^= a >> 31;
  return a * 0xbf58476d1ce4e5b9;
}

static uint64_t hashText(StringRef text) {
  uint64_t hash = text.size();
  for (char c : text)
    hash = mix(hash, c);
  return hash;
}

Bytes test::launchResult(StringRef kernel, unsigned index, const std::vector<Bytes> &operands,
                         uint64_t bytes) {
  uint64_t seed = mix(hashText(kernel), index);
  for (const Bytes &operand : operands)
    for (uint64_t byte : operand)
      seed = mix(seed, byte);
  Bytes result(bytes);
  for (uint64_t i = 0; i < bytes; ++i)
    result[i] = mix(seed, i);
  return result;
}

Bytes test::constantBytes(Attribute value, uint64_t bytes) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return launchResult(text, 0, {}, bytes);
}

//===-- the graph
//-------------------------------------------------------------------------------------------------===//

namespace {

/// Loops end here, whatever their conditions say: what a test's kernels compute may hold forever.
constexpr unsigned kMostTrips = 4;

/// Offsets of static plans are numbers.
uint64_t offsetOf(plan::RefOp ref) { return *ref.getOffset().constant(); }

uint64_t sizeOf(Value value) { return storedBytes(cast<RankedTensorType>(value.getType())); }

struct GraphRun {
  Execution &run;
  DenseMap<Value, Bytes> values;

  void block(Block &body) {
    for (Operation &op : body.without_terminator())
      step(&op);
  }

  void step(Operation *op) {
    if (auto constant = dyn_cast<ingot::ConstantOp>(op)) {
      values[constant] = constantBytes(constant.getValue(), sizeOf(constant));
    } else if (auto launch = dyn_cast<LaunchOp>(op)) {
      std::vector<Bytes> operands;
      for (Value input : launch.getInputs())
        operands.push_back(values[input]);
      for (auto [i, result] : llvm::enumerate(launch.getResults()))
        values[result] = launchResult(launch.getKernel(), i, operands, sizeOf(result));
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      Value condition = branch.getCondition().getDefiningOp<tensor::ExtractOp>().getTensor();
      Region &taken = values[condition][0] & 1 ? branch.getThenRegion() : branch.getElseRegion();
      block(taken.front());
      for (auto [result, yielded] :
           llvm::zip(branch.getResults(), taken.front().getTerminator()->getOperands()))
        values[result] = Bytes(values[yielded]);
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      std::vector<Bytes> carried;
      auto bind = [&](ValueRange to, ValueRange from) {
        carried.clear();
        for (Value value : from)
          carried.push_back(values[value]);
        for (auto [value, bytes] : llvm::zip_equal(to, carried))
          values[value] = bytes;
      };
      bind(loop.getBeforeArguments(), loop.getInits());
      for (unsigned trip = 0;; ++trip) {
        block(loop.getBefore().front());
        Value condition =
            loop.getConditionOp().getCondition().getDefiningOp<tensor::ExtractOp>().getTensor();
        if (trip == kMostTrips || !(values[condition][0] & 1))
          break;
        bind(loop.getAfterArguments(), loop.getBeforeArguments());
        block(loop.getAfter().front());
        bind(loop.getBeforeArguments(), loop.getYieldOp().getResults());
      }
      bind(loop.getResults(), loop.getBeforeArguments());
    } else if (auto read = dyn_cast<VariableReadOp>(op)) {
      values[read] = run.variables[read.getVariable().str()];
    } else if (auto update = dyn_cast<VariableUpdateOp>(op)) {
      run.variables[update.getVariable().str()] = values[update.getValue()];
    } else if (auto concat = dyn_cast<ConcatOp>(op)) {
      Bytes all;
      for (Value input : concat.getInputs())
        all.insert(all.end(), values[input].begin(), values[input].end());
      values[concat] = all;
    } else if (auto slice = dyn_cast<SliceOp>(op)) {
      // Outermost dim only, as these tests slice.
      Bytes from = values[slice.getInput()];
      uint64_t row = from.size() / cast<RankedTensorType>(slice.getInput().getType()).getDimSize(0);
      auto begin = from.begin() + slice.getStarts()[0] * row;
      values[slice] = Bytes(begin, begin + slice.getSizes()[0] * row);
    } else if (isa<ReshapeOp, TransferOp>(op)) {
      values[op->getResult(0)] = Bytes(values[op->getOperand(0)]);
    } else if (!isa<tensor::ExtractOp>(op)) {
      llvm::report_fatal_error("the test graph holds an op that the test does not know");
    }
  }
};

//===-- the plan
//--------------------------------------------------------------------------------------------------===//

struct PlanRun {
  plan::EntryOp entry;
  Execution &run;
  std::map<std::string, Bytes> memory; ///< arenas, constants
  std::string error;

  Bytes &bytesOf(plan::RefOp ref) {
    switch (ref.getKind()) {
    case plan::BufferKind::Input:
      return run.inputs[*ref.getIndex()];
    case plan::BufferKind::Output:
      return run.outputs[*ref.getIndex()];
    case plan::BufferKind::Variable:
      return run.variables[ref.getSymbol()->str()];
    default:
      return memory[ref.getSymbol()->str()];
    }
  }
  Bytes read(Value value) {
    auto ref = value.getDefiningOp<plan::RefOp>();
    Bytes &all = bytesOf(ref);
    return Bytes(all.begin() + offsetOf(ref),
                 all.begin() + offsetOf(ref) + ref.getType().getBytes());
  }
  void write(Value value, const Bytes &bytes) {
    auto ref = value.getDefiningOp<plan::RefOp>();
    if (ref.getKind() == plan::BufferKind::Input || ref.getKind() == plan::BufferKind::Constant)
      error = "a step writes an input or a constant";
    std::copy(bytes.begin(), bytes.end(), bytesOf(ref).begin() + offsetOf(ref));
  }
  /// Where two buffers share bytes: 0 nowhere, 1 partly, 2 they are the same.
  int sharing(Value a, Value b) {
    auto x = a.getDefiningOp<plan::RefOp>(), y = b.getDefiningOp<plan::RefOp>();
    if (&bytesOf(x) != &bytesOf(y))
      return 0;
    uint64_t n = x.getType().getBytes(), m = y.getType().getBytes();
    if (offsetOf(x) == offsetOf(y) && n == m)
      return 2;
    return offsetOf(x) < offsetOf(y) + m && offsetOf(y) < offsetOf(x) + n;
  }

  void block(Block &body) {
    for (Operation &op : body)
      step(&op);
  }
  void step(Operation *op) {
    if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
      auto kernel =
          SymbolTable::lookupNearestSymbolFrom<plan::KernelOp>(entry, launch.getKernelAttr());
      std::vector<Bytes> operands;
      for (Value input : launch.getInputs())
        operands.push_back(read(input));
      for (auto [i, output] : llvm::enumerate(launch.getOutputs())) {
        for (auto [j, input] : llvm::enumerate(launch.getInputs())) {
          bool allowed = false;
          for (size_t k = 0; k + 1 < kernel.getInPlace().size(); k += 2)
            allowed |=
                kernel.getInPlace()[k] == int64_t(i) && kernel.getInPlace()[k + 1] == int64_t(j);
          if (int shared = sharing(output, input); shared && !(allowed && shared == 2))
            error = "a launch overwrites an operand";
        }
        for (Value other : launch.getOutputs().drop_front(i + 1))
          if (sharing(output, other))
            error = "a launch writes bytes twice";
        write(output, launchResult(launch.getKernel(), i, operands,
                                   cast<plan::BufferType>(output.getType()).getBytes()));
      }
    } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
      if (sharing(copy.getSource(), copy.getDestination()))
        error = "a copy overlaps itself";
      write(copy.getDestination(), read(copy.getSource()));
    } else if (auto branch = dyn_cast<plan::IfOp>(op)) {
      block((read(branch.getCondition())[0] & 1 ? branch.getThenRegion() : branch.getElseRegion())
                .front());
    } else if (auto loop = dyn_cast<plan::WhileOp>(op)) {
      for (unsigned trip = 0;; ++trip) {
        block(loop.getBefore().front());
        if (trip == kMostTrips || !(read(loop.getCondition())[0] & 1))
          break;
        block(loop.getBody().front());
      }
    }
  }
};

} // namespace

void test::runGraph(func::FuncOp function, Execution &run) {
  GraphRun graph{run, DenseMap<Value, Bytes>()};
  for (auto [argument, bytes] : llvm::zip_equal(function.getArguments(), run.inputs))
    graph.values[argument] = bytes;
  graph.block(function.getBody().front());
  run.outputs.clear();
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    run.outputs.push_back(graph.values[value]);
}

std::string test::runPlan(plan::EntryOp entry, Execution &run) {
  PlanRun planned{entry, run, {}, ""};
  auto module = entry->getParentOfType<ModuleOp>();
  for (auto arena : module.getOps<plan::ArenaOp>())
    planned.memory[arena.getSymName().str()] = Bytes(arena.getSize(), 0xdead);
  for (auto constant : module.getOps<plan::ConstantOp>())
    planned.memory[constant.getSymName().str()] =
        constantBytes(constant.getValue(), storedBytes(cast<RankedTensorType>(constant.getType())));
  run.outputs.clear();
  for (Type type : entry.getOutputTypes().getAsValueRange<TypeAttr>())
    run.outputs.emplace_back(storedBytes(cast<RankedTensorType>(type)), 0xbeef);
  planned.block(entry.getBody().front());
  return planned.error;
}
