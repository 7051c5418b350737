// See LoopBuilder.h. The body is built first, in a region of its own: what it gives tells which
// values are carried at all, and the condition is built on those.
#include "compiler/importers/common/LoopBuilder.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

//===----------------------------------------------------------------------===//
// attempts
//===----------------------------------------------------------------------===//

Attempt::Attempt(GraphBuilder &b, UnsupportedOps &reported, bool shows)
    : b(b), reported(reported), before(reported), block(b.ops().getInsertionBlock()),
      last(block->empty() ? nullptr : &block->back()), location(b.loc()) {
  if (!shows)
    handler.emplace(b.context(), [](Diagnostic &) { return success(); });
}

Attempt::~Attempt() {
  if (isKept)
    return;
  // Reads of variables are put first of all, and stay.
  while (!block->empty() && &block->back() != last && !isa<VariableReadOp>(block->back()))
    block->back().erase();
  reported = std::move(before);
  b.ops().setInsertionPointToEnd(block);
  b.setLoc(location);
}

//===----------------------------------------------------------------------===//
// loops
//===----------------------------------------------------------------------===//

namespace {

class RunTimeLoop {
public:
  RunTimeLoop(GraphBuilder &b, LoopSpec spec)
      : b(b), spec(std::move(spec)), loc(b.loc()), i64(b.ops().getI64Type()) {}

  FailureOr<BuiltLoop> run();

private:
  /// Whether to go on; if not, `built` says why. Failure after an error.
  using Step = FailureOr<bool>;
  Step refuse(const Twine &why) {
    built.refusal = why.str();
    return false;
  }

  std::string nameOf(size_t i) const {
    return i < spec.names.size() && !spec.names[i].empty() ? "'" + spec.names[i] + "'"
                                                           : "number " + std::to_string(i);
  }
  Value number(int64_t value) { return b.scalar(i64, static_cast<double>(value)); }
  /// Where trip `i` is among `count` slices.
  Value placeOf(Value i, int64_t count, bool reverse) {
    return reverse ? b.sub(number(count - 1), i) : i;
  }
  Step checkBefore();
  Step importBody();
  Step addOutputs();
  void dropUnchanged();
  Step importCondition();
  void finish();

  GraphBuilder &b;
  LoopSpec spec;
  Location loc;
  Type i64;
  BuiltLoop built;
  OpBuilder::InsertPoint outside;
  Region before, after;
  Block *body = nullptr, *test = nullptr;
  Value trip, bound;
  /// The loop's own values, before the first trip and after each: the carried ones that change, the
  /// trip's number if somebody looks at it, what collects slices.
  SmallVector<Value> initial, next;
  /// The place of each carried value among them; nothing where it is read from outside.
  SmallVector<std::optional<size_t>> places;
  std::optional<size_t> tripPlace;
  SmallVector<Value> collected;
  SmallVector<LoopSpec::Output> outputs;
  size_t firstOutput = 0;
};

} // namespace

RunTimeLoop::Step RunTimeLoop::checkBefore() {
  for (auto [i, value] : llvm::enumerate(spec.carried))
    if (!value || !isa<RankedTensorType>(value.getType()))
      return refuse("value " + nameOf(i) + " is a list of tensors");
  if (!spec.bound)
    return true;
  if (!isa<RankedTensorType>(spec.bound.getType()) || B::isFloat(spec.bound) ||
      B::type(spec.bound).getNumElements() != 1)
    return b.error() << "the trip count of this loop is no single integer", failure();
  bound = b.cast(b.reshape(spec.bound, {}), i64);
  return bound ? Step(true) : Step(failure());
}

RunTimeLoop::Step RunTimeLoop::importBody() {
  body = b.ops().createBlock(&after);
  SmallVector<Value> carried, slices;
  for (Value value : spec.carried)
    carried.push_back(body->addArgument(value.getType(), loc));
  trip = body->addArgument(RankedTensorType::get({}, i64), loc);
  for (const LoopSpec::Input &input : spec.inputs) {
    Value at = placeOf(trip, B::shape(input.value)[input.axis], input.reverse);
    slices.push_back(b.create<GatherOp>(input.value, at, input.axis));
    if (!slices.back())
      return failure();
  }
  FailureOr<SmallVector<Value>> results = spec.body(trip, carried, slices);
  b.setLoc(loc);
  if (failed(results))
    return failure();
  if (llvm::is_contained(*results, Value())) {
    built.isReported = true;
    return false;
  }
  if (results->size() < carried.size())
    return b.error() << "the body of this loop gives " << results->size() << " values, but "
                     << carried.size() << " are carried",
           failure();
  for (auto [i, pair] : llvm::enumerate(llvm::zip(carried, *results))) {
    auto [from, to] = pair;
    auto was = dyn_cast<RankedTensorType>(from.getType()),
         is = dyn_cast<RankedTensorType>(to.getType());
    if (!is)
      return refuse("value " + nameOf(i) + " is a list of tensors");
    if (was.getElementType() != is.getElementType())
      return b.error() << "value " << nameOf(i) << " of this loop is "
                       << elementName(was.getElementType()) << " before a trip and "
                       << elementName(is.getElementType()) << " after it",
             failure();
    if (was != is)
      return refuse("value " + nameOf(i) + " has shape " + shapeName(was.getShape()) +
                    " before a trip and " + shapeName(is.getShape()) + " after it");
  }
  next.assign(results->begin(), results->begin() + carried.size());
  collected.assign(results->begin() + carried.size(), results->end());
  return true;
}

/// Whether two values are the same constant.
static bool isSameConstant(Value a, Value b) {
  auto first = a.getDefiningOp<ConstantOp>(), second = b.getDefiningOp<ConstantOp>();
  return first && second && first.getValue() == second.getValue() && a.getType() == b.getType();
}

/// What no trip changes is read from outside.
void RunTimeLoop::dropUnchanged() {
  size_t count = spec.carried.size();
  SmallVector<bool> drops(count, false);
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < count; ++i) {
      BlockArgument argument = body->getArgument(i);
      Value outer = spec.carried[i];
      if (drops[i] || (next[i] != argument && next[i] != outer && !isSameConstant(next[i], outer)))
        continue;
      drops[i] = again = true;
      argument.replaceAllUsesWith(outer);
      for (Value &value : llvm::concat<Value>(next, collected))
        if (value == argument)
          value = outer;
    }
  }
  SmallVector<Value> kept;
  for (size_t i = 0; i < count; ++i) {
    places.push_back(drops[i] ? std::nullopt : std::optional(kept.size()));
    if (drops[i])
      continue;
    initial.push_back(spec.carried[i]);
    kept.push_back(next[i]);
  }
  for (size_t i = count; i-- > 0;)
    if (drops[i])
      body->eraseArgument(i);
  next = std::move(kept);
}

RunTimeLoop::Step RunTimeLoop::addOutputs() {
  bool isAlways = !spec.condition && (!spec.carriesCondition ||
                                      (!places[0] && B::getConstantInt(spec.carried[0]) == 1));
  if (spec.outputs) {
    auto given = spec.outputs(collected, bound && isAlways);
    if (failed(given))
      return failure();
    outputs = *given;
  }
  if (collected.size() != outputs.size())
    return b.error() << "the body of this loop collects " << collected.size()
                     << " values, expected " << outputs.size(),
           failure();
  if (!bound && outputs.empty() && trip.use_empty()) {
    body->eraseArgument(body->getNumArguments() - 1);
  } else {
    tripPlace = next.size();
    initial.push_back({}); // zero, made below
    next.push_back(b.add(trip, number(1)));
  }
  firstOutput = next.size();
  std::optional<int64_t> most = bound ? B::getConstantInt(bound) : std::nullopt;
  for (auto [slice, output] : llvm::zip(collected, outputs)) {
    auto type = dyn_cast<RankedTensorType>(slice.getType());
    if (!type)
      return refuse("it collects lists of tensors");
    // Where trips may be more than rows, one row more takes what is dropped.
    bool drops = !most || *most > output.rows;
    Ints shape{output.rows + drops}, one{1};
    llvm::append_range(shape, type.getShape());
    llvm::append_range(one, type.getShape());
    RankedTensorType whole = b.tensorType(shape, type.getElementType());
    if (!whole)
      return failure();
    Value at = placeOf(trip, output.rows, output.reverse);
    if (drops)
      at = b.binary<MinOp>(at, number(output.rows));
    Value argument = body->addArgument(whole, loc);
    next.push_back(b.create<ScatterNDOp>(argument, b.reshape(at, {1, 1}), b.reshape(slice, one),
                                         ScatterKind::None));
    initial.push_back({});
    if (!next.back())
      return failure();
  }
  // Outside: what these values are before the first trip.
  OpBuilder::InsertionGuard guard(b.ops());
  b.ops().restoreInsertionPoint(outside);
  for (auto [i, value] : llvm::enumerate(initial))
    if (!value) {
      auto type = cast<RankedTensorType>(body->getArgument(i).getType());
      value = b.splat(type.getShape(), type.getElementType(), 0.0);
      if (!value)
        return failure();
    }
  return true;
}

RunTimeLoop::Step RunTimeLoop::importCondition() {
  test = b.ops().createBlock(&before);
  for (Value value : initial)
    test->addArgument(value.getType(), loc);
  SmallVector<Value> carried;
  for (auto [i, place] : llvm::enumerate(places))
    carried.push_back(place ? Value(test->getArgument(*place)) : spec.carried[i]);
  Value goesOn;
  if (spec.condition) {
    FailureOr<Value> given = spec.condition(carried);
    b.setLoc(loc);
    if (failed(given))
      return failure();
    goesOn = *given;
    built.isReported = !goesOn;
    if (!goesOn)
      return false;
  } else if (spec.carriesCondition) {
    goesOn = carried[0];
  }
  if (goesOn) {
    auto type = dyn_cast<RankedTensorType>(goesOn.getType());
    if (!type || type.getNumElements() != 1 || !type.getElementType().isInteger(1))
      return b.error() << "the condition of this loop is no single bool", failure();
    goesOn = b.reshape(goesOn, {});
  }
  if (B::getConstantInt(goesOn) == 1)
    goesOn = {};
  if (bound) {
    Value below = b.cmp(CmpKind::Lt, test->getArgument(*tripPlace), bound);
    goesOn = goesOn ? b.binary<AndOp>(below, goesOn) : below;
  }
  if (!goesOn)
    return refuse("it never ends");
  Value flag = tensor::ExtractOp::create(b.ops(), loc, goesOn, ValueRange{});
  scf::ConditionOp::create(b.ops(), loc, flag, test->getArguments());
  return true;
}

void RunTimeLoop::finish() {
  b.ops().setInsertionPointToEnd(body);
  scf::YieldOp::create(b.ops(), loc, next);
  b.ops().restoreInsertionPoint(outside);
  auto loop = scf::WhileOp::create(b.ops(), loc, ValueRange(initial).getTypes(), initial);
  loop.getBefore().takeBody(before);
  loop.getAfter().takeBody(after);
  for (auto [i, place] : llvm::enumerate(places))
    built.results.push_back(place ? Value(loop.getResult(*place)) : spec.carried[i]);
  for (auto [i, output] : llvm::enumerate(outputs)) {
    Value value = loop.getResult(firstOutput + i);
    if (B::shape(value)[0] != output.rows)
      value = b.slice(value, 0, 0, output.rows);
    Ints perm;
    for (int64_t d = 1; d < B::rank(value); ++d)
      perm.push_back(d);
    perm.insert(perm.begin() + output.axis, 0);
    built.results.push_back(llvm::is_sorted(perm) ? value : b.transpose(value, perm));
  }
}

FailureOr<BuiltLoop> RunTimeLoop::run() {
  OpBuilder::InsertionGuard guard(b.ops());
  Step step = checkBefore();
  outside = b.ops().saveInsertionPoint();
  if (succeeded(step) && *step)
    step = importBody();
  if (succeeded(step) && *step) {
    dropUnchanged();
    step = addOutputs();
  }
  if (succeeded(step) && *step)
    step = importCondition();
  if (failed(step))
    return failure();
  if (*step)
    finish();
  return built;
}

FailureOr<BuiltLoop> ingot::buildLoop(GraphBuilder &b, LoopSpec spec) {
  return RunTimeLoop(b, std::move(spec)).run();
}
