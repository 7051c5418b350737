// See GivenValues.h.
#include "compiler/importers/common/GivenValues.h"
#include "compiler/evaluator/TensorValue.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace mlir;
using namespace ingot;

/// Elements of an input that may be given: shapes and axes have a handful.
static constexpr int64_t kMaxElementsGiven = 64;

/// Whether a run can read elements of this type (program.fbs, `input_value`).
static bool holdsIntegers(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && (integer.getWidth() == 1 || integer.getWidth() >= 8) &&
         integer.getWidth() <= 64;
}

static std::string elementText(const std::string &input, int64_t element) {
  return input + "[" + std::to_string(element) + "]";
}

FailureOr<std::optional<Ints>> GivenValues::take(const GraphBuilder &b, GivenDims &dims,
                                                 const std::string &input, int64_t index,
                                                 RankedTensorType type,
                                                 std::vector<OpenDim> &missing) {
  if (holdsIntegers(type.getElementType()) && type.getNumElements() <= kMaxElementsGiven)
    inputs.push_back(input);
  if (llvm::none_of(given, [&](const auto &value) { return value.input == input; }))
    return std::optional<Ints>();
  if (!holdsIntegers(type.getElementType()))
    return b.error() << "--value is for inputs of integers, but input '" << input
                     << "' has elements of type " << elementName(type.getElementType()),
           failure();
  int64_t count = type.getNumElements();
  if (count > kMaxElementsGiven)
    return b.error() << "input '" << input << "' has " << count
                     << " elements, and --value is for inputs of up to " << kMaxElementsGiven,
           failure();
  Ints numbers;
  for (int64_t e = 0; e < count; ++e) {
    const Options::ValueRange *range = nullptr;
    for (const auto &[i, value] : llvm::enumerate(given))
      if (value.input == input && value.element.value_or(e) == e) {
        range = &value;
        used[i] = true;
      }
    if (!range)
      return b.error() << "--value gives some elements of input '" << input << "', but not element "
                       << e << "\nhint: add --value " << elementText(input, e) << "=N or =LO..HI",
             failure();
    std::string name = count == 1 ? input : input + "." + std::to_string(e);
    values.push_back({DimExpr::symbol(name).str(), index, e, {range->low, range->high}});
    if (range->low == range->high) {
      numbers.push_back(range->low);
      continue;
    }
    FailureOr<std::optional<int64_t>> number = dims.take(b, name);
    if (failed(number))
      return failure();
    if (!*number)
      missing.push_back({name, {}, input, e, range->low, range->high, true});
    numbers.push_back(number->value_or(range->low));
  }
  return std::optional<Ints>(std::move(numbers));
}

LogicalResult GivenValues::finish(GraphBuilder &b) {
  for (const auto &[i, value] : llvm::enumerate(given)) {
    if (used[i])
      continue;
    bool known = llvm::is_contained(inputs, value.input);
    InFlightDiagnostic diagnostic = b.error();
    if (known)
      diagnostic << "input '" << value.input << "' has no element " << value.element.value_or(0)
                 << " to give a value to";
    else
      diagnostic << "the model has no input '" << value.input << "' to give a value to";
    if (!known && !inputs.empty())
      diagnostic.attachNote() << "hint: its inputs of a few integers are "
                              << llvm::join(inputs, ", ");
    return diagnostic;
  }
  setValueDims(b.getModule(), values);
  return success();
}

Value ingot::constantInput(GraphBuilder &b, RankedTensorType type, ArrayRef<int64_t> elements) {
  TensorValue value = fromIntegers(type, std::vector<int64_t>(elements.begin(), elements.end()));
  return b.constant(type, std::vector<char>(value.raw().begin(), value.raw().end()));
}

std::string ingot::valueHint(Value value) {
  // What it is computed from, up to a bound: a shape is a few operations on an input.
  constexpr size_t kMaxOps = 256;
  SmallVector<Value> work{value};
  std::set<void *> seen;
  SmallVector<BlockArgument> found;
  while (!work.empty()) {
    Value next = work.pop_back_val();
    if (!next || !seen.insert(next.getAsOpaquePointer()).second)
      continue;
    if (seen.size() > kMaxOps)
      return {};
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      bool isInput = isa_and_nonnull<func::FuncOp>(argument.getOwner()->getParentOp());
      if (!isInput || !type || !holdsIntegers(type.getElementType()) || !type.hasStaticShape() ||
          type.getNumElements() > kMaxElementsGiven)
        return {};
      found.push_back(argument);
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (op->getNumRegions())
      return {};
    work.append(op->operand_begin(), op->operand_end());
  }
  if (found.empty())
    return {};
  llvm::sort(found,
             [](BlockArgument a, BlockArgument b) { return a.getArgNumber() < b.getArgNumber(); });
  std::string text = "give it with";
  for (BlockArgument argument : found) {
    auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "ingot.name");
    text += " --value " + (name ? name.getValue().str() : std::string()) + "=LO..HI";
  }
  return text;
}
