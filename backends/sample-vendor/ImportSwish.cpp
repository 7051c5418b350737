// The ONNX operator sample.vendor::Swish: x * sigmoid(beta * x).
#include "Sample.h"

using namespace ingot;
using namespace ingot::onnximport;

/// Reads the node and sets its output. Attributes that a row does not ask for are refused.
static mlir::LogicalResult importSwish(OnnxNode &n) {
  mlir::Value x = n.in(0);
  double beta = n.floatAttr("beta", 1.0);
  return n.set(n.b.mul(x, n.b.create<SigmoidOp>(n.b.scale(x, beta))));
}

void sample::addSwish(OpTable &ops) {
  ops.add("sample.vendor", "Swish", /*first=*/1, kNewest, importSwish);
}
