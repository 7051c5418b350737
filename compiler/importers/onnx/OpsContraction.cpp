// ONNX matrix products and einsum.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include "compiler/importers/onnx/Window.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// A product of matrices of integers, as a sum of products of elements: contractions of the graph
/// level take integers of up to 16 bits.
static Value integerProduct(OnnxNode &n, Value lhs, Value rhs) {
  GraphBuilder &b = n.b;
  if (B::rank(lhs) == 0 || B::rank(rhs) == 0)
    return b.fail("a matrix product of a scalar");
  bool row = B::rank(lhs) == 1, column = B::rank(rhs) == 1;
  lhs = row ? b.unsqueeze(lhs, 0) : lhs;
  rhs = column ? b.unsqueeze(rhs, 1) : rhs;
  if (B::shape(lhs).back() != B::shape(rhs)[B::rank(rhs) - 2])
    return b.fail("a matrix product of shapes " + shapeName(B::shape(lhs)) + " and " +
                  shapeName(B::shape(rhs)));
  // [.., m, k, 1] * [.., 1, k, n]; leading dims broadcast.
  Value products = b.mul(b.unsqueeze(lhs, B::rank(lhs)), b.unsqueeze(rhs, B::rank(rhs) - 2));
  if (!products)
    return {};
  int64_t rank = B::rank(products);
  Value sum = b.reduce(ReduceKind::Sum, products, {rank - 2}, false);
  Ints dropped;
  if (row)
    dropped.push_back(rank - 3);
  if (column)
    dropped.push_back(rank - 2);
  return b.squeeze(sum, dropped);
}

static LogicalResult matmul(OnnxNode &n) {
  Value lhs = n.in(0), rhs = n.in(1);
  if (!lhs || !rhs)
    return failure();
  if (!B::isFloat(lhs))
    return n.set(integerProduct(n, lhs, rhs));
  return n.set(matmulAnyRank(n.b, lhs, rhs));
}

static LogicalResult gemmOp(OnnxNode &n) {
  double alpha = n.floatAttr("alpha", 1.0), beta = n.floatAttr("beta", 1.0);
  n.ignoreAttr("broadcast"); // of the bias, before opset 7: it fits if it must not broadcast
  bool transA = n.intAttr("transA", 0), transB = n.intAttr("transB", 0);
  return n.set(gemm(n.b, n.in(0), n.in(1), n.opt(2), alpha, beta, transA, transB));
}

static LogicalResult einsumOp(OnnxNode &n) {
  std::string equation = n.stringAttr("equation", "");
  SmallVector<Value> operands;
  for (size_t i = 0; i < n.numInputs(); ++i)
    operands.push_back(n.in(i));
  return n.set(einsum(n.b, equation, operands));
}

/// An 8-bit value minus its zero point, in i16. `dim`: where a zero point of rank 1 lies; scalars
/// and full ranks broadcast.
static Value centred(OnnxNode &n, Value value, Value zeroPoint, int64_t dim) {
  Type i16 = n.b.ops().getI16Type();
  Value wide = n.b.cast(value, i16);
  if (!wide || !zeroPoint || B::getConstantScalar(zeroPoint) == 0.0)
    return wide;
  if (B::rank(zeroPoint) == 1) {
    Ints shape(B::rank(wide), 1);
    if (B::shape(zeroPoint)[0] != 1)
      shape[dim] = B::shape(zeroPoint)[0];
    zeroPoint = n.b.reshape(zeroPoint, shape);
  }
  return n.b.sub(wide, n.b.cast(zeroPoint, i16));
}

static LogicalResult matmulInteger(OnnxNode &n) {
  Value lhs = n.in(0), rhs = n.in(1);
  if (!lhs || !rhs)
    return failure();
  lhs = centred(n, lhs, n.opt(2), std::max<int64_t>(B::rank(lhs) - 2, 0));
  rhs = centred(n, rhs, n.opt(3), std::max<int64_t>(B::rank(rhs) - 1, 0));
  return n.set(matmulAnyRank(n.b, lhs, rhs));
}

static LogicalResult convInteger(OnnxNode &n) {
  Value input = n.in(0), filter = n.in(1);
  if (!input || !filter)
    return failure();
  return n.set(buildConv(n, centred(n, input, n.opt(2), 0), centred(n, filter, n.opt(3), 0), {}));
}

void onnximport::addContractionOps(OpTable &table) {
  table.add("MatMul", matmul);
  table.add("Gemm", gemmOp);
  table.add("Einsum", einsumOp);
  table.add("MatMulInteger", matmulInteger);
  table.add("ConvInteger", convInteger);
}
