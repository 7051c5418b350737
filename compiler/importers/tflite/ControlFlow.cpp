// TFLite operators that import sub-graphs, and variables.
#include "compiler/importers/tflite/ModelImport.h"
#include "compiler/importers/tflite/ReadModel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

bool tfliteimport::isControl(Op op) {
  switch (op) {
  case Op::IF:
  case Op::WHILE:
  case Op::CALL_ONCE:
  case Op::VAR_HANDLE:
  case Op::READ_VARIABLE:
  case Op::ASSIGN_VARIABLE:
    return true;
  default:
    return false;
  }
}

LogicalResult ModelImport::importControl(TfliteNode &node, ArrayRef<Tensor *> inputs,
                                         ArrayRef<Tensor *> outputs) {
  if (node.op() == "IF")
    return importIf(node, inputs);
  if (node.op() == "WHILE")
    return importWhile(node, inputs);
  if (node.op() == "CALL_ONCE")
    return importCallOnce(node);
  if (node.op() == "VAR_HANDLE") {
    auto *from = node.options<tflite::VarHandleOptions>();
    if (!from || outputs.size() != 1)
      return failure();
    outputs[0]->resource = (text(from->container()) + "/" + text(from->shared_name())).str();
    return success();
  }
  if (inputs.empty() || !inputs[0] || inputs[0]->resource.empty())
    return node.error("has no handle of a variable");
  Variable &variable = variables[inputs[0]->resource];
  StringRef name = StringRef(inputs[0]->resource).ltrim('/');
  if (node.op() == "READ_VARIABLE") {
    RankedTensorType type = outputs.size() == 1 ? declaredType(*outputs[0]) : RankedTensorType();
    // The file may not say which shape a variable has.
    return type ? node.set(readVariable(variable, name, variable.type ? variable.type : type))
                : failure();
  }
  Value value = node.stored(1);
  if (!value)
    return failure();
  if (initializes) {
    auto constant = value.getDefiningOp<ConstantOp>();
    if (!constant)
      return node.unsupported("of a value that is computed once", "expected a constant");
    variable.initial = constant.getValue();
    variable.type = B::type(value);
    return success();
  }
  if (branches > 0)
    return node.unsupported("in a branch or a loop", "expected variables to change in every run");
  if (!readVariable(variable, name, B::type(value)))
    return failure();
  variable.value = value;
  variable.isChanged = true;
  return success();
}

//===----------------------------------------------------------------------===//
// variables
//===----------------------------------------------------------------------===//

Value ModelImport::readVariable(Variable &variable, StringRef name, RankedTensorType type) {
  if (!variable.symbol.empty() || variable.type) {
    if (variable.type != type)
      return b.fail("variable '" + name + "' is " + shapeName(variable.type.getShape()) + " of " +
                    elementName(variable.type.getElementType()) + " and " +
                    shapeName(type.getShape()) + " of " + elementName(type.getElementType()));
  }
  if (variable.symbol.empty()) {
    OpBuilder::InsertionGuard guard(b.ops());
    variable.type = type;
    variable.symbol = name.empty() ? "state" : name.str();
    // Two tensors may have one name.
    while (b.getModule().lookupSymbol(variable.symbol))
      variable.symbol += "_";
    auto forward = b.getModule().lookupSymbol<func::FuncOp>("forward");
    b.ops().setInsertionPointToStart(b.getModule().getBody());
    VariableOp::create(b.ops(), b.loc(), b.ops().getStringAttr(variable.symbol),
                       TypeAttr::get(type), variable.initial);
    // Where every use can see it.
    b.ops().setInsertionPointToStart(&forward.getBody().front());
    variable.before = VariableReadOp::create(b.ops(), b.loc(), type, variable.symbol);
    variable.value = variable.before;
  }
  return variable.value;
}

void ModelImport::updateVariables() {
  for (auto &[name, variable] : variables) {
    if (!variable.isChanged)
      continue;
    b.setNode(variable.symbol);
    VariableUpdateOp::create(b.ops(), b.loc(), variable.symbol, variable.value);
  }
}

LogicalResult ModelImport::importCallOnce(TfliteNode &node) {
  auto *from = node.options<tflite::CallOnceOptions>();
  if (!from)
    return failure();
  bool before = std::exchange(initializes, true);
  auto results = importSubgraph(node, from->init_subgraph_index(), {});
  initializes = before;
  return success(succeeded(results));
}

//===----------------------------------------------------------------------===//
// sub-graphs
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> ModelImport::importSubgraph(TfliteNode &node, int64_t index,
                                                          ArrayRef<Value> arguments) {
  if (index < 1 || index >= static_cast<int64_t>(model.subgraphs()->size()))
    return node.error("calls sub-graph " + Twine(index) + " of " +
                      Twine(model.subgraphs()->size()));
  if (depth >= kMaxDepth)
    return node.error("is called inside of " + Twine(kMaxDepth) + " other sub-graphs");
  Location loc = b.loc();
  Scope inner{*model.subgraphs()->Get(static_cast<flatbuffers::uoffset_t>(index))};
  Scope *outer = std::exchange(scope, &inner);
  ++depth;
  llvm::scope_exit restore([&] {
    scope = outer;
    --depth;
    b.setLoc(loc);
  });
  if (failed(readTensors()))
    return failure();
  size_t count = inner.graph.inputs() ? inner.graph.inputs()->size() : 0;
  if (count != arguments.size())
    return node.error("gives " + Twine(arguments.size()) + " operands to a sub-graph of " +
                      Twine(count));
  for (size_t i = 0; i < count; ++i) {
    int32_t place = inner.graph.inputs()->Get(i);
    if (place < 0 || static_cast<size_t>(place) >= inner.tensors.size())
      return node.error("calls a sub-graph whose input " + Twine(i) + " is tensor " + Twine(place));
    Tensor &tensor = inner.tensors[place];
    if (tensor.stored || tensor.element != B::element(arguments[i]))
      return node.error("gives " + elementName(B::element(arguments[i])) + " to input '" +
                        tensor.name + "' of a sub-graph, which has another type or is there twice");
    tensor.stored = arguments[i];
  }
  if (failed(importOperators()))
    return failure();
  FailureOr<SmallVector<Tensor *>> outputs =
      tensorsOf(inner.graph.outputs(), "a sub-graph", /*areInputs=*/true);
  if (failed(outputs))
    return failure();
  SmallVector<Value> results;
  for (Tensor *tensor : *outputs)
    results.push_back(tensor ? tensor->stored : Value());
  return results;
}

/// The operands behind the first `skip` as values.
static FailureOr<SmallVector<Value>> operands(TfliteNode &node, size_t skip) {
  SmallVector<Value> values;
  for (size_t i = skip; i < node.numInputs(); ++i) {
    Value value = node.stored(i);
    if (!value && node.has(i))
      return node.unsupported("handles of variables as operands", "expected tensors");
    if (!value)
      return failure();
    values.push_back(value);
  }
  return values;
}

static LogicalResult setAll(TfliteNode &node, ArrayRef<Value> values) {
  if (values.size() != node.numOutputs())
    return node.error("has " + Twine(node.numOutputs()) + " outputs, but its sub-graph " +
                      Twine(values.size()));
  for (auto [i, value] : llvm::enumerate(values))
    if (value && failed(node.set(i, value)))
      return failure();
  return success();
}

LogicalResult ModelImport::importIf(TfliteNode &node, ArrayRef<Tensor *> inputs) {
  auto *from = node.options<tflite::IfOptions>();
  Value condition = node.stored(0);
  FailureOr<SmallVector<Value>> arguments = operands(node, 1);
  if (!from || !condition || failed(arguments))
    return failure();
  if (!B::isBool(condition) || B::type(condition).getNumElements() != 1)
    return node.error("has a condition of shape " + shapeName(B::shape(condition)) + " of " +
                      elementName(B::element(condition)) + ", expected one bool");
  int64_t chosen[] = {from->then_subgraph_index(), from->else_subgraph_index()};
  if (std::optional<int64_t> known = B::getConstantInt(condition)) {
    auto results = importSubgraph(node, chosen[*known ? 0 : 1], *arguments);
    return failed(results) ? failure() : setAll(node, *results);
  }
  Value scalar =
      tensor::ExtractOp::create(b.ops(), b.loc(), b.reshape(condition, {}), ValueRange{});
  Region regions[2];
  Block *blocks[2];
  SmallVector<Value> values[2];
  for (int i = 0; i < 2; ++i) {
    OpBuilder::InsertionGuard guard(b.ops());
    blocks[i] = b.ops().createBlock(&regions[i]);
    ++branches;
    auto results = importSubgraph(node, chosen[i], *arguments);
    --branches;
    if (failed(results))
      return failure();
    values[i] = *results;
  }
  if (values[0].size() != values[1].size())
    return node.error("has branches of different numbers of outputs");
  SmallVector<Type> types;
  for (auto [first, second] : llvm::zip(values[0], values[1])) {
    if (!first || !second)
      return success(); // reported already
    if (first.getType() != second.getType())
      return node.unsupported("branches give shapes " + shapeName(B::shape(first)) + " and " +
                                  shapeName(B::shape(second)),
                              "expected equal types");
    types.push_back(first.getType());
  }
  auto branch = scf::IfOp::create(b.ops(), b.loc(), types, scalar, /*addThenBlock=*/false,
                                  /*addElseBlock=*/false);
  Region *into[] = {&branch.getThenRegion(), &branch.getElseRegion()};
  for (int i = 0; i < 2; ++i) {
    into[i]->takeBody(regions[i]);
    OpBuilder::InsertionGuard guard(b.ops());
    b.ops().setInsertionPointToEnd(blocks[i]);
    scf::YieldOp::create(b.ops(), b.loc(), values[i]);
  }
  return setAll(node, SmallVector<Value>(branch.getResults()));
}

/// Operators of the sub-graphs of a loop.
static int64_t countOperators(const tflite::Model &model, const tflite::WhileOptions &loop) {
  int64_t count = 0;
  for (int32_t index : {loop.cond_subgraph_index(), loop.body_subgraph_index()})
    if (index >= 0 && index < static_cast<int64_t>(model.subgraphs()->size()))
      if (auto *operators =
              model.subgraphs()->Get(static_cast<flatbuffers::uoffset_t>(index))->operators())
        count += operators->size();
  return std::max<int64_t>(count, 1);
}

FailureOr<SmallVector<Value>> ModelImport::unrollWhile(TfliteNode &node,
                                                       const tflite::WhileOptions &loop,
                                                       SmallVector<Value> values, int64_t most) {
  for (int64_t step = 0;; ++step) {
    auto condition = importSubgraph(node, loop.cond_subgraph_index(), values);
    if (failed(condition) || condition->size() != 1 || !condition->front())
      return failure();
    std::optional<int64_t> known = B::getConstantInt(condition->front());
    if (!known || (*known && step == most))
      return failure();
    if (!*known)
      return values;
    auto results = importSubgraph(node, loop.body_subgraph_index(), values);
    if (failed(results) || results->size() != values.size() ||
        llvm::is_contained(*results, Value()))
      return failure();
    values = std::move(*results);
  }
}

LogicalResult ModelImport::whileAtRunTime(TfliteNode &node, const tflite::WhileOptions &loop,
                                          ArrayRef<Value> values) {
  LoopSpec spec;
  spec.carried.assign(values.begin(), values.end());
  spec.condition = [&](ArrayRef<Value> carried) -> FailureOr<Value> {
    auto results = importSubgraph(node, loop.cond_subgraph_index(), carried);
    if (failed(results))
      return failure();
    if (results->size() != 1)
      return node.error("has a condition of " + Twine(results->size()) + " results");
    return results->front();
  };
  spec.body = [&](Value, ArrayRef<Value> carried, ArrayRef<Value>) {
    return importSubgraph(node, loop.body_subgraph_index(), carried);
  };
  ++branches;
  FailureOr<BuiltLoop> built = buildLoop(b, std::move(spec));
  --branches;
  if (failed(built))
    return failure();
  if (built->isReported)
    return node.unsupported("a sub-graph"); // its own operator is reported beside it
  if (!built->refusal.empty())
    return node.unsupported(built->refusal, "expected a loop that keeps the shapes of its values");
  return setAll(node, built->results);
}

LogicalResult ModelImport::importWhile(TfliteNode &node, ArrayRef<Tensor *> inputs) {
  auto *from = node.options<tflite::WhileOptions>();
  FailureOr<SmallVector<Value>> values = operands(node, 0);
  if (!from || failed(values))
    return failure();
  // How often it runs shows as it is written out: nothing when it does not, or too often.
  bool sampled = open && open->anySize;
  auto unroll = [&](int64_t most) {
    Attempt attempt(b, unsupported);
    std::map<std::string, Variable> known = variables;
    auto results = unrollWhile(node, *from, *values, most);
    if (succeeded(results) && succeeded(setAll(node, *results)))
      return attempt.keep(), true;
    node.forget();
    // What its steps wrote is gone.
    for (auto &[name, variable] : variables) {
      const Variable &old = known[name];
      variable.value = old.value ? old.value : variable.before;
      variable.isChanged = old.isChanged;
    }
    return false;
  };
  if (!sampled && unroll(kMaxUnrolledNodes / countOperators(model, *from) + 1))
    return success();
  {
    Attempt attempt(b, unsupported);
    if (succeeded(whileAtRunTime(node, *from, *values)))
      return attempt.keep(), success();
    node.forget();
  }
  if (unroll(kMaxUnrolledTrips))
    return success();
  return whileAtRunTime(node, *from, *values);
}
