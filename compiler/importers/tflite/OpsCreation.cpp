// TFLite operators that make tensors of shapes and scalars. What they give is constant where their
// operands are.
#include "compiler/importers/tflite/OpTable.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

static LogicalResult shape(TfliteNode &n) {
  Value value = n.stored(0);
  return value ? n.set(n.b.cast(n.b.ints(B::shape(value)), n.outputElement())) : failure();
}

static LogicalResult rank(TfliteNode &n) {
  Value value = n.stored(0);
  return value ? n.set(n.b.scalar(n.outputElement(), static_cast<double>(B::rank(value))))
               : failure();
}

static LogicalResult zerosLike(TfliteNode &n) {
  Value value = n.in(0);
  return value ? n.set(n.b.splat(B::shape(value), B::element(value), 0.0)) : failure();
}

static LogicalResult fill(TfliteNode &n) {
  std::optional<Ints> dims = n.constantInts(0, "shape");
  Value value = n.moved(1);
  return dims && value ? n.set(n.b.broadcast(n.b.reshape(value, {}), *dims)) : failure();
}

static LogicalResult range(TfliteNode &n) {
  std::optional<double> numbers[3];
  for (size_t i = 0; i < 3; ++i) {
    Value value = n.in(i);
    if (!value)
      return failure();
    if (!(numbers[i] = B::getConstantScalar(value)))
      return n.unsupported("operands computed at run time", "expected constants");
  }
  double start = *numbers[0], limit = *numbers[1], step = *numbers[2];
  double count = std::ceil((limit - start) / step);
  if (!(std::abs(count) <= static_cast<double>(kMaxElements)))
    return n.error("counts from " + Twine(std::to_string(start)) + " to " +
                   Twine(std::to_string(limit)) + " by " + Twine(std::to_string(step)));
  RankedTensorType type =
      n.b.tensorType(static_cast<int64_t>(std::max(count, 0.0)), n.outputElement());
  return n.set(n.b.iota(type, 0, start, step));
}

void tfliteimport::addCreationOps(OpTable &table) {
  table.add(Op::SHAPE, shape);
  table.add(Op::RANK, rank);
  table.add(Op::ZEROS_LIKE, zerosLike);
  table.add(Op::FILL, fill);
  table.add(Op::RANGE, range);
}
