// ONNX If.
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/onnx.pb.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

static LogicalResult ifOp(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value condition = n.in(0);
  const onnx::GraphProto *branches[] = {n.graphAttr("then_branch"), n.graphAttr("else_branch")};
  if (!condition)
    return failure();
  if (!branches[0] || !branches[1])
    return n.error("has no then_branch or else_branch");
  if (!B::isBool(condition) || B::type(condition).getNumElements() != 1)
    return n.error("has a condition of type " + elementName(B::element(condition)) +
                   shapeName(B::shape(condition)) + ", expected one bool");
  // A condition known at import takes its branch's place.
  if (std::optional<int64_t> known = B::getConstantInt(condition)) {
    FailureOr<SmallVector<Value>> results = n.host.importSubgraph(*branches[*known ? 0 : 1]);
    if (failed(results))
      return failure();
    if (results->size() != n.numOutputs())
      return n.error("has " + Twine(n.numOutputs()) + " outputs, but its branch " +
                     Twine(results->size()));
    // A null is the result of a node that is reported already.
    for (auto [index, value] : llvm::enumerate(*results))
      if (value && failed(n.setOutput(index, value)))
        return failure();
    return success();
  }

  Value scalar =
      tensor::ExtractOp::create(b.ops(), b.loc(), b.reshape(condition, {}), ValueRange{});
  Location loc = b.loc();
  SmallVector<Value> values[2];
  Block *blocks[2];
  Region regions[2];
  for (int i = 0; i < 2; ++i) {
    OpBuilder::InsertionGuard guard(b.ops());
    blocks[i] = b.ops().createBlock(&regions[i]);
    FailureOr<SmallVector<Value>> results = n.host.importSubgraph(*branches[i]);
    if (failed(results))
      return failure();
    if (results->size() != n.numOutputs())
      return n.error("has " + Twine(n.numOutputs()) + " outputs, but its branch " +
                     Twine(results->size()));
    values[i] = *results;
  }
  SmallVector<Type> types;
  for (auto [index, pair] : llvm::enumerate(llvm::zip(values[0], values[1]))) {
    auto [first, second] = pair;
    if (!first || !second)
      return success(); // reported already
    if (isList(first) || isList(second))
      return n.unsupported("a sequence chosen at run time", "expected tensors");
    if (first.getType() != second.getType())
      return n.unsupported("branches give shapes " + shapeName(B::shape(first)) + " and " +
                               shapeName(B::shape(second)),
                           "expected equal types");
    types.push_back(first.getType());
  }
  auto branch = scf::IfOp::create(b.ops(), loc, types, scalar, /*addThenBlock=*/false,
                                  /*addElseBlock=*/false);
  Region *into[] = {&branch.getThenRegion(), &branch.getElseRegion()};
  for (int i = 0; i < 2; ++i) {
    into[i]->takeBody(regions[i]);
    OpBuilder::InsertionGuard guard(b.ops());
    b.ops().setInsertionPointToEnd(blocks[i]);
    scf::YieldOp::create(b.ops(), loc, values[i]);
  }
  return n.set(SmallVector<Value>(branch.getResults()));
}

void onnximport::addControlOps(OpTable &table) { table.add("If", ifOp); }
