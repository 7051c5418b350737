// Evaluates single ops: checks the operands, then asks the families of ops in turn.
#include "compiler/evaluator/Evaluator.h"

#include "compiler/evaluator/Families.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace ingot {
namespace eval {

const TensorValue *Task::optional(Value operand) const {
  if (!operand)
    return nullptr;
  for (auto [index, value] : llvm::enumerate(op->getOperands()))
    if (value == operand)
      return &in[index];
  return nullptr;
}

llvm::SmallVector<int64_t> stridesOf(ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

int64_t product(ArrayRef<int64_t> shape) {
  int64_t result = 1;
  for (int64_t extent : shape)
    result *= extent;
  return result;
}

bool advance(llvm::MutableArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  for (size_t i = shape.size(); i-- > 0;) {
    if (++index[i] < shape[i])
      return true;
    index[i] = 0;
  }
  return false;
}

bool isUnsigned(RankedTensorType type) {
  auto integer = llvm::dyn_cast<IntegerType>(type.getElementType());
  return integer && (integer.isUnsigned() || integer.getWidth() == 1);
}

llvm::SmallVector<int64_t> toChannelsFirst(int64_t rank) {
  llvm::SmallVector<int64_t> perm{0, rank - 1};
  for (int64_t i = 1; i + 1 < rank; ++i)
    perm.push_back(i);
  return perm;
}

llvm::SmallVector<int64_t> toChannelsLast(int64_t rank) {
  llvm::SmallVector<int64_t> perm{0};
  for (int64_t i = 2; i < rank; ++i)
    perm.push_back(i);
  perm.push_back(1);
  return perm;
}

} // namespace eval

/// An error that starts with the op's layer and name.
static llvm::Error failure(Operation *op, llvm::Twine text) {
  return llvm::createStringError(sourceName(op->getLoc()) + " (" + op->getName().getStringRef() +
                                 "): " + text);
}

llvm::Expected<llvm::SmallVector<TensorValue>> evaluateOp(Operation *op,
                                                          ArrayRef<TensorValue> operands) {
  if (operands.size() != op->getNumOperands())
    return failure(op, llvm::Twine("expected ") + llvm::Twine(op->getNumOperands()) +
                           " operands, got " + llvm::Twine(operands.size()));
  for (auto [index, value] : llvm::enumerate(operands)) {
    llvm::Expected<uint64_t> bytes = tensorBytes(value.type);
    if (!bytes)
      return failure(op, llvm::toString(bytes.takeError()));
    if (value.type != op->getOperand(index).getType() || value.raw().size() != *bytes)
      return failure(op, "operand " + llvm::Twine(index) + " does not fit its type");
  }
  for (Type type : op->getResultTypes()) {
    auto tensor = llvm::dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return failure(op, "not an op on tensors");
    if (llvm::Expected<uint64_t> bytes = tensorBytes(tensor); !bytes)
      return failure(op, llvm::toString(bytes.takeError()));
  }
  if (auto constant = llvm::dyn_cast<ConstantOp>(op)) {
    llvm::Expected<TensorValue> value = constantValue(constant.getValue(), constant.getType());
    if (!value)
      return failure(op, llvm::toString(value.takeError()));
    return llvm::SmallVector<TensorValue>{*value};
  }
  if (auto launch = llvm::dyn_cast<LaunchOp>(op)) {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, launch.getKernelAttr());
    // A kernel's body launches nothing: no cycle can arise.
    if (auto parent = op->getParentOfType<func::FuncOp>();
        parent && parent->hasAttr("ingot.kernel"))
      return failure(op, "a kernel cannot launch a kernel");
    if (!kernel || kernel.isExternal())
      return failure(op, "no kernel function @" + launch.getKernel());
    return evaluateFunction(kernel, operands);
  }
  eval::Task task{op, operands, {}, {}};
  bool known = eval::evaluateElementwise(task) || eval::evaluateMovement(task) ||
               eval::evaluateIndexed(task) || eval::evaluateContraction(task) ||
               eval::evaluateNormalization(task) || eval::evaluateWindow(task) ||
               eval::evaluateReduction(task) || eval::evaluateRecurrent(task) ||
               eval::evaluateQuantization(task);
  if (!known)
    return failure(op, "this op cannot be evaluated");
  if (!task.error.empty())
    return failure(op, task.error);
  return std::move(task.out);
}

llvm::Expected<TensorValue> constantValue(Attribute attribute, RankedTensorType type) {
  llvm::Expected<uint64_t> size = tensorBytes(type);
  if (!size)
    return size.takeError();
  std::vector<char> bytes;
  if (failed(weightsOf(type.getContext()).materialize(attribute, type, bytes)) ||
      bytes.size() != *size)
    return llvm::createStringError("the bytes of a constant are missing or do not fit its type");
  return TensorValue(type, std::move(bytes));
}

namespace {

bool fits(Type type, uint64_t maxBytes) {
  auto tensor = llvm::dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  llvm::Expected<uint64_t> bytes = tensorBytes(tensor);
  if (!bytes) {
    llvm::consumeError(bytes.takeError());
    return false;
  }
  return *bytes <= maxBytes;
}

bool foldable(Operation *op, uint64_t maxBytes) {
  return op && op->getNumResults() > 0 && op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
         llvm::isa<IngotDialect>(op->getDialect()) &&
         llvm::all_of(op->getResultTypes(), [&](Type type) { return fits(type, maxBytes); });
}

} // namespace

std::optional<TensorValue> evaluateConstant(Value root, uint64_t maxBytes) {
  constexpr size_t kMaxOps = 10000;
  llvm::DenseMap<Value, TensorValue> known;
  llvm::SmallVector<Value> stack{root};
  size_t visited = 0;
  while (!stack.empty()) {
    Value value = stack.back();
    if (known.contains(value)) {
      stack.pop_back();
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (!foldable(op, maxBytes) || ++visited > kMaxOps)
      return std::nullopt;
    llvm::SmallVector<TensorValue> operands;
    bool ready = true;
    for (Value operand : op->getOperands()) {
      auto found = known.find(operand);
      if (found != known.end()) {
        operands.push_back(found->second);
        continue;
      }
      ready = false;
      stack.push_back(operand);
    }
    if (!ready)
      continue;
    auto results = evaluateOp(op, operands);
    if (!results) {
      llvm::consumeError(results.takeError());
      return std::nullopt;
    }
    for (auto [result, computed] : llvm::zip(op->getResults(), *results))
      known[result] = computed;
    stack.pop_back();
  }
  return known.lookup(root);
}

std::optional<Attribute> foldToConstant(Operation *op, uint64_t maxBytes) {
  if (!foldable(op, maxBytes) || op->getNumResults() != 1 || llvm::isa<ConstantOp>(op))
    return std::nullopt;
  llvm::SmallVector<TensorValue> operands;
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    if (!constant || !fits(operand.getType(), maxBytes))
      return std::nullopt;
    llvm::Expected<TensorValue> value = constantValue(constant.getValue(), constant.getType());
    if (!value) {
      llvm::consumeError(value.takeError());
      return std::nullopt;
    }
    operands.push_back(*value);
  }
  auto results = evaluateOp(op, operands);
  if (!results) {
    llvm::consumeError(results.takeError());
    return std::nullopt;
  }
  TensorValue &result = results->front();
  std::vector<char> bytes(result.raw().begin(), result.raw().end());
  return weightsOf(op->getContext())
      .makeConstant(op->getContext(), sourceName(op->getLoc()), result.type, std::move(bytes));
}

} // namespace ingot
