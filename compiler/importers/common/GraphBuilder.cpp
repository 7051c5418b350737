// Builds the graph level of a model: module, function, checked creation of ops, constants.
#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/evaluator/Evaluator.h"
#include "ir/graph/Sha256.h"
#include "ir/graph/WeightStore.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace ingot;

std::string ingot::elementName(Type element) {
  if (element.isInteger(1))
    return "bool";
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

std::string ingot::shapeName(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape, [](int64_t d) { return std::to_string(d); }), ", ") +
         "]";
}

GraphBuilder::GraphBuilder(MLIRContext *context)
    : builder(context), location(UnknownLoc::get(context)) {
  context->loadDialect<IngotDialect, func::FuncDialect, scf::SCFDialect, tensor::TensorDialect>();
  module = ModuleOp::create(location, "model");
}

void GraphBuilder::setNode(StringRef name) {
  location = NameLoc::get(builder.getStringAttr(name.empty() ? "?" : name));
}

Value GraphBuilder::fail(const Twine &message) const {
  error() << message;
  return {};
}

ArrayRef<BlockArgument> GraphBuilder::beginForward(ArrayRef<Input> inputs) {
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  for (const Input &input : inputs) {
    types.push_back(input.type);
    attributes.push_back(builder.getDictionaryAttr(
        builder.getNamedAttr("ingot.name", builder.getStringAttr(input.name))));
  }
  builder.setInsertionPointToEnd(module->getBody());
  auto name = NameLoc::get(builder.getStringAttr("forward"));
  function = func::FuncOp::create(builder, name, "forward", builder.getFunctionType(types, {}));
  function.setAllArgAttrs(attributes);
  Block *body = builder.createBlock(&function.getBody());
  for (const Input &input : inputs)
    arguments.push_back(
        body->addArgument(input.type, NameLoc::get(builder.getStringAttr(input.name))));
  return arguments;
}

FailureOr<OwningOpRef<ModuleOp>> GraphBuilder::finish(ValueRange values,
                                                      ArrayRef<std::string> names) {
  func::ReturnOp::create(builder, function.getLoc(), values);
  SmallVector<Type> inputs(function.getArgumentTypes()), results(values.getTypes());
  function.setType(builder.getFunctionType(inputs, results));
  for (auto [index, name] : llvm::enumerate(names))
    function.setResultAttr(index, "ingot.name", builder.getStringAttr(name));

  // Last first, so that an op whose only users were unused goes too.
  SmallVector<Operation *> all;
  module->walk([&](Operation *op) { all.push_back(op); });
  SmallVector<Operation *> postOrder(all);
  for (Operation *op : llvm::reverse(postOrder))
    if (op->use_empty() && op->getNumResults() && isMemoryEffectFree(op) && !op->getNumRegions())
      op->erase();

  recordSources(*module);
  if (failed(verify(*module)))
    return failure();
  return std::move(module);
}

void ingot::recordSources(ModuleOp module) {
  Builder builder(module.getContext());
  WeightStore &store = weightsOf(module.getContext());
  SmallVector<Attribute> sources;
  for (size_t i = 0; i < store.getNumSources(); ++i) {
    const WeightStore::Source &source = store.getSource(i);
    if (source.sha256.empty() && source.buffer)
      store.setSha256(i, llvm::toHex(Sha256::hash(source.buffer->getBuffer()), /*LowerCase=*/true));
    sources.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("path", builder.getStringAttr(source.path)),
         builder.getNamedAttr("size", builder.getI64IntegerAttr(source.size)),
         builder.getNamedAttr("sha256", builder.getStringAttr(source.sha256))}));
  }
  module->setAttr("ingot.sources", builder.getArrayAttr(sources));
}

//===----------------------------------------------------------------------===//
// types
//===----------------------------------------------------------------------===//

static std::optional<std::string> typeProblem(ArrayRef<int64_t> shape) {
  if (static_cast<int64_t>(shape.size()) > kMaxRank)
    return "a tensor has rank " + std::to_string(shape.size()) + ", more than " +
           std::to_string(kMaxRank);
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (extent < 0)
      return "a tensor has a negative extent in shape " + shapeName(shape);
    // Zero extents must not hide an overflow of the others.
    std::optional<int64_t> product = checkedMul(elements, std::max<int64_t>(extent, 1));
    if (!product || *product > kMaxElements)
      return "a tensor of shape " + shapeName(shape) + " is too large";
    elements = *product;
  }
  return std::nullopt;
}

RankedTensorType GraphBuilder::tensorType(ArrayRef<int64_t> shape, Type element) const {
  if (std::optional<std::string> problem = typeProblem(shape)) {
    error() << *problem;
    return {};
  }
  return RankedTensorType::get(shape, element);
}

std::optional<int64_t> GraphBuilder::axis(int64_t axis, int64_t rank) const {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  error() << "axis " << axis << " is out of range for rank " << rank;
  return std::nullopt;
}

std::optional<Ints> GraphBuilder::axes(ArrayRef<int64_t> list, int64_t rank) const {
  Ints result;
  for (int64_t entry : list) {
    std::optional<int64_t> normal = axis(entry, rank);
    if (!normal)
      return std::nullopt;
    result.push_back(*normal);
  }
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) {
    error() << "an axis is named twice in " << shapeName(list);
    return std::nullopt;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// ops
//===----------------------------------------------------------------------===//

SmallVector<Value> GraphBuilder::insert(OperationState &state) {
  for (Value operand : state.operands)
    if (!operand)
      return {};
  std::optional<RegisteredOperationName> registered = state.name.getRegisteredInfo();
  if (auto *inference = registered ? registered->getInterface<InferTypeOpInterface>() : nullptr) {
    SmallVector<Type> types;
    if (failed(inference->inferReturnTypes(context(), location, state.operands,
                                           state.attributes.getDictionary(context()),
                                           state.getRawProperties(), state.regions, types)))
      return {};
    state.types.assign(types.begin(), types.end());
  }
  for (Type type : state.types)
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      if (std::optional<std::string> problem = typeProblem(tensor.getShape())) {
        error() << *problem;
        return {};
      }
  Operation *op = builder.create(state);
  if (failed(verify(op))) {
    op->erase();
    return {};
  }
  return tryFold(op);
}

SmallVector<Value> GraphBuilder::tryFold(Operation *op) {
  if (op->getNumResults() == 1 && !isa<ConstantOp>(op) &&
      llvm::all_of(op->getOperands(), isConstant))
    if (std::optional<Attribute> value = foldToConstant(op, kMaxFoldedBytes)) {
      Value folded = constant(type(op->getResult(0)), *value);
      op->erase();
      return {folded};
    }
  return SmallVector<Value>(op->getResults());
}

//===----------------------------------------------------------------------===//
// constants
//===----------------------------------------------------------------------===//

Value GraphBuilder::constant(RankedTensorType type, Attribute value) {
  return type ? ingot::constant(builder, location, type, value) : Value();
}

Value GraphBuilder::constant(RankedTensorType type, std::vector<char> bytes, StringRef name) {
  if (!type)
    return {};
  return constant(type, weightsOf(context()).makeConstant(context(), name, type, std::move(bytes)));
}

Value GraphBuilder::scalar(Type element, double value) {
  return scalarConstant(builder, location, element, value);
}

Value GraphBuilder::ints(ArrayRef<int64_t> values) {
  return indexConstant(builder, location, values);
}

Value GraphBuilder::splat(ArrayRef<int64_t> shape, Type element, double value) {
  return broadcast(scalar(element, value), shape);
}

bool GraphBuilder::isConstant(Value value) {
  return value && isa_and_nonnull<ConstantOp>(value.getDefiningOp());
}

static std::optional<TensorValue> readConstant(Value value) {
  auto op = value ? value.getDefiningOp<ConstantOp>() : ConstantOp();
  if (!op)
    return std::nullopt;
  auto type = cast<RankedTensorType>(op.getType());
  if (type.getNumElements() > kMaxReadElements)
    return std::nullopt;
  llvm::Expected<TensorValue> tensor = constantValue(op.getValue(), type);
  if (!tensor) {
    llvm::consumeError(tensor.takeError());
    return std::nullopt;
  }
  return *tensor;
}

std::optional<Ints> GraphBuilder::getConstantInts(Value value) {
  if (!value || !isa<IntegerType>(element(value)))
    return std::nullopt;
  std::optional<TensorValue> tensor = readConstant(value);
  if (!tensor)
    return std::nullopt;
  std::vector<int64_t> values = toIntegers(*tensor);
  return Ints(values.begin(), values.end());
}

std::optional<SmallVector<double>> GraphBuilder::getConstantDoubles(Value value) {
  std::optional<TensorValue> tensor = readConstant(value);
  if (!tensor)
    return std::nullopt;
  std::vector<double> values = toDoubles(*tensor);
  return SmallVector<double>(values.begin(), values.end());
}

std::optional<double> GraphBuilder::getConstantScalar(Value value) {
  if (!value || type(value).getNumElements() != 1)
    return std::nullopt;
  std::optional<SmallVector<double>> values = getConstantDoubles(value);
  return values ? std::optional<double>(values->front()) : std::nullopt;
}

std::optional<int64_t> GraphBuilder::getConstantInt(Value value) {
  if (!value || type(value).getNumElements() != 1)
    return std::nullopt;
  std::optional<Ints> values = getConstantInts(value);
  return values ? std::optional<int64_t>(values->front()) : std::nullopt;
}
