// Evaluates functions: blocks of graph ops, control flow, calls and variables.
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace ingot {

namespace {
constexpr unsigned kMaxDepth = 64;
constexpr uint64_t kMaxIterations = 1000000;
} // namespace

/// Evaluates blocks. Scalars (conditions, loop counters) are kept as tensors of rank 0, an index as
/// i64.
class BlockEvaluator {
public:
  BlockEvaluator(Evaluator &state, ResultCallback callback) : state(state), callback(callback) {}

  using Values = llvm::SmallVector<TensorValue>;

  /// Runs a block and returns the operands of its terminator.
  llvm::Expected<Values> run(Block &block, ArrayRef<TensorValue> arguments, unsigned depth) {
    if (depth > kMaxDepth)
      return llvm::createStringError("control flow and calls are nested more than 64 deep");
    if (arguments.size() != block.getNumArguments())
      return llvm::createStringError("expected " + llvm::Twine(block.getNumArguments()) +
                                     " arguments, got " + llvm::Twine(arguments.size()));
    for (auto [argument, value] : llvm::zip(block.getArguments(), arguments)) {
      if (value.type != tensorType(argument.getType()))
        return llvm::createStringError("argument " + llvm::Twine(argument.getArgNumber()) +
                                       " does not fit its type");
      values[argument] = value;
    }
    for (Operation &op : block.without_terminator())
      if (llvm::Error error = step(&op, depth))
        return std::move(error);
    Values results;
    for (Value operand : block.getTerminator()->getOperands())
      results.push_back(values.lookup(operand));
    return results;
  }

private:
  static RankedTensorType tensorType(Type type) {
    if (auto tensor = llvm::dyn_cast<RankedTensorType>(type))
      return tensor;
    if (type.isIndex())
      type = IntegerType::get(type.getContext(), 64);
    return type.isIntOrFloat() ? RankedTensorType::get({}, type) : RankedTensorType();
  }

  llvm::Error step(Operation *op, unsigned depth) {
    Values operands;
    for (Value operand : op->getOperands()) {
      auto found = values.find(operand);
      if (found == values.end())
        return llvm::createStringError("an operand of " + op->getName().getStringRef() +
                                       " has no value");
      operands.push_back(found->second);
    }
    llvm::Expected<Values> results = evaluate(op, operands, depth);
    if (!results)
      return results.takeError();
    for (auto [result, value] : llvm::zip(op->getResults(), *results))
      values[result] = value;
    if (callback)
      callback(op, *results);
    release(op);
    return llvm::Error::success();
  }

  /// Forgets the operands that no later op of the block reads. Values that regions read stay until
  /// the end.
  void release(Operation *op) {
    for (Value operand : op->getOperands()) {
      bool last =
          operand.getParentBlock() == op->getBlock() &&
          llvm::all_of(operand.getUsers(), [&](Operation *user) {
            return user->getBlock() == op->getBlock() && (user == op || user->isBeforeInBlock(op));
          });
      if (last)
        values.erase(operand);
    }
  }

  llvm::Expected<Values> evaluate(Operation *op, ArrayRef<TensorValue> operands, unsigned depth) {
    if (auto read = llvm::dyn_cast<VariableReadOp>(op)) {
      llvm::Expected<TensorValue> value = state.variable(read.getVariable());
      if (!value)
        return value.takeError();
      return Values{*value};
    }
    if (auto update = llvm::dyn_cast<VariableUpdateOp>(op)) {
      state.variables[update.getVariable()] = operands[0];
      return Values{};
    }
    if (auto call = llvm::dyn_cast<func::CallOp>(op)) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr());
      if (!callee || callee.isExternal())
        return llvm::createStringError("no function @" + call.getCallee());
      return run(callee.getBody().front(), operands, depth + 1);
    }
    if (auto constant = llvm::dyn_cast<arith::ConstantOp>(op)) {
      RankedTensorType type = tensorType(constant.getType());
      if (auto integer = llvm::dyn_cast<IntegerAttr>(constant.getValue()))
        return Values{fromIntegers(type, {integer.getInt()})};
      if (auto real = llvm::dyn_cast<FloatAttr>(constant.getValue()))
        return Values{fromDoubles(type, {real.getValueAsDouble()})};
    }
    if (auto extract = llvm::dyn_cast<tensor::ExtractOp>(op); extract && operands.size() == 1)
      return Values{operands[0]};
    if (auto branch = llvm::dyn_cast<scf::IfOp>(op)) {
      Region &region = toIntegers(operands[0])[0] ? branch.getThenRegion() : branch.getElseRegion();
      return region.empty() ? llvm::Expected<Values>(Values{}) : run(region.front(), {}, depth + 1);
    }
    if (auto loop = llvm::dyn_cast<scf::ForOp>(op))
      return runFor(loop, operands, depth);
    if (auto loop = llvm::dyn_cast<scf::WhileOp>(op))
      return runWhile(loop, operands, depth);
    return evaluateOp(op, operands);
  }

  llvm::Expected<Values> runFor(scf::ForOp loop, ArrayRef<TensorValue> operands, unsigned depth) {
    int64_t from = toIntegers(operands[0])[0], to = toIntegers(operands[1])[0],
            step = toIntegers(operands[2])[0];
    if (step <= 0)
      return llvm::createStringError("a loop's step is not positive");
    Values carried(operands.drop_front(3));
    uint64_t iterations = 0;
    for (int64_t i = from; i < to; i += step) {
      if (++iterations > kMaxIterations)
        return llvm::createStringError("a loop runs more than 1000000 times");
      Values arguments{fromIntegers(operands[0].type, {i})};
      llvm::append_range(arguments, carried);
      llvm::Expected<Values> next = run(*loop.getBody(), arguments, depth + 1);
      if (!next)
        return next.takeError();
      carried = std::move(*next);
      if (i > INT64_MAX - step)
        break;
    }
    return carried;
  }

  llvm::Expected<Values> runWhile(scf::WhileOp loop, ArrayRef<TensorValue> operands,
                                  unsigned depth) {
    Values carried(operands);
    for (uint64_t iterations = 0; iterations <= kMaxIterations; ++iterations) {
      llvm::Expected<Values> tested = run(*loop.getBeforeBody(), carried, depth + 1);
      if (!tested)
        return tested.takeError();
      // The terminator's first operand is the condition, the rest is passed on.
      Values passed(llvm::drop_begin(*tested));
      if (!toIntegers(tested->front())[0])
        return passed;
      llvm::Expected<Values> next = run(*loop.getAfterBody(), passed, depth + 1);
      if (!next)
        return next.takeError();
      carried = std::move(*next);
    }
    return llvm::createStringError("a loop runs more than 1000000 times");
  }

  Evaluator &state;
  ResultCallback callback;
  llvm::DenseMap<Value, TensorValue> values;
};

llvm::Expected<TensorValue> Evaluator::variable(llvm::StringRef name) {
  auto found = variables.find(name);
  if (found != variables.end())
    return found->second;
  auto declaration = llvm::dyn_cast_or_null<VariableOp>(SymbolTable::lookupSymbolIn(module, name));
  auto type =
      declaration ? llvm::dyn_cast<RankedTensorType>(declaration.getType()) : RankedTensorType();
  if (!type)
    return llvm::createStringError("no variable @" + name);
  llvm::Expected<uint64_t> bytes = tensorBytes(type);
  if (!bytes)
    return bytes.takeError();
  if (declaration.getInitialAttr())
    return constantValue(declaration.getInitialAttr(), type);
  return TensorValue(type, std::vector<char>(*bytes));
}

llvm::Expected<llvm::SmallVector<TensorValue>>
Evaluator::run(func::FuncOp function, ArrayRef<TensorValue> inputs, ResultCallback callback) {
  if (function.isExternal())
    return llvm::createStringError("function @" + function.getName() + " has no body");
  return BlockEvaluator(*this, callback).run(function.getBody().front(), inputs, 0);
}

llvm::Expected<llvm::SmallVector<TensorValue>>
evaluateFunction(func::FuncOp function, ArrayRef<TensorValue> inputs, ResultCallback callback) {
  Evaluator evaluator(function->getParentOp());
  return evaluator.run(function, inputs, callback);
}

} // namespace ingot
