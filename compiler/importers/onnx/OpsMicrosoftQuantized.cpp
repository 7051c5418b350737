// Quantised operators of the com.microsoft domain: float operators between dequantize and quantize,
// and products by packed weights.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/Attention.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Inputs `i`, `i` + 1 and `i` + 2 as a tensor, its scale and its zero point.
static Value real(OnnxNode &n, size_t i, int64_t axis = 0) {
  return dequantize(n, n.in(i), n.in(i + 1), n.opt(i + 2), axis, 0);
}

/// Sets output 0, quantised by inputs `i` (scale) and `i` + 1 (zero point), in the type of input 0.
static LogicalResult setQuantized(OnnxNode &n, Value value, size_t i) {
  Value like = n.opt(i + 1) ? n.opt(i + 1) : n.in(0);
  return value && like ? n.set(quantize(n, value, n.in(i), n.opt(i + 1), B::element(like), 0, 0))
                       : failure();
}

/// QLinearAdd and QLinearMul: A, scale, zero point, B, scale, zero point, C's scale and zero point.
template <typename Op> static LogicalResult binary(OnnxNode &n) {
  return setQuantized(n, n.b.binary<Op>(real(n, 0), real(n, 3)), 6);
}

static LogicalResult sigmoid(OnnxNode &n) {
  return setQuantized(n, n.b.create<SigmoidOp>(real(n, 0)), 3);
}

static LogicalResult leakyRelu(OnnxNode &n) {
  double alpha = n.floatAttr("alpha", 0.01f);
  return setQuantized(n, n.b.create<LeakyReluOp>(real(n, 0), APFloat(alpha)), 3);
}

static LogicalResult softmax(OnnxNode &n) {
  int64_t opset = n.intAttr("opset", 13), axis = n.intAttr("axis", opset < 13 ? 1 : -1);
  Value x = real(n, 0);
  if (!x)
    return failure();
  if (opset >= 13 || axis == -1 || axis == B::rank(x) - 1)
    return setQuantized(n, n.b.softmax(x, axis), 3);
  Value rows = n.b.softmax(n.b.flatten(x, axis), 1);
  return setQuantized(n, n.b.reshape(rows, B::shape(x)), 3);
}

static LogicalResult globalAveragePool(OnnxNode &n) {
  bool last = n.intAttr("channels_last", 0);
  Value x = real(n, 0);
  if (!x)
    return failure();
  Ints dims;
  for (int64_t dim = last ? 1 : 2; dim < B::rank(x) - last; ++dim)
    dims.push_back(dim);
  return setQuantized(n, n.b.reduce(ReduceKind::Mean, x, dims, true), 3);
}

static LogicalResult reduceMean(OnnxNode &n) {
  bool keepdims = n.intAttr("keepdims", 1);
  Ints axes = n.intsAttr("axes").value_or(Ints());
  Value x = real(n, 0);
  if (!x)
    return failure();
  for (int64_t dim = 0; axes.empty() && dim < B::rank(x); ++dim)
    axes.push_back(dim);
  std::optional<Ints> dims = n.b.axes(axes, B::rank(x));
  return dims ? setQuantized(n, n.b.reduce(ReduceKind::Mean, x, *dims, keepdims), 3) : failure();
}

/// Y's scale and zero point, then a tensor, its scale and zero point any number of times.
static LogicalResult concat(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", 0);
  SmallVector<Value> parts;
  for (size_t i = 2; i + 1 < n.numInputs(); i += 3)
    parts.push_back(real(n, i));
  Value like = n.opt(2);
  Value all = parts.empty() ? Value() : n.b.concat(parts, axis);
  return all && like ? n.set(quantize(n, all, n.in(0), n.opt(1), B::element(like), 0, 0))
                     : failure();
}

/// Condition, X, scale, zero point, Y, scale, zero point, Z's scale and zero point.
static LogicalResult where(OnnxNode &n) {
  Value result = n.b.select(n.in(0), real(n, 1), real(n, 4));
  return result ? n.set(quantize(n, result, n.in(7), n.opt(8), B::element(n.in(1)), 0, 0))
                : failure();
}

/// A, scale, zero point, B, scale, zero point, bias (i32 at the product of the scales), and Y's
/// scale and zero point, without which Y is float.
static LogicalResult qgemm(OnnxNode &n) {
  GraphBuilder &b = n.b;
  double alpha = n.floatAttr("alpha", 1.0);
  bool transA = n.intAttr("transA", 0), transB = n.intAttr("transB", 0);
  Value a = real(n, 0), w = real(n, 3, transB ? 0 : 1), bias, scaleA = n.in(1), scaleB = n.in(4);
  if (!a || !w || !scaleA || !scaleB)
    return failure();
  if (n.opt(6))
    bias = b.mul(b.cast(n.opt(6), B::element(scaleA)), b.mul(scaleA, scaleB));
  Value result = gemm(b, a, w, {}, alpha, 1.0, transA, transB);
  if (n.opt(6))
    result = b.add(result, b.scale(bias, alpha));
  return n.opt(7) ? setQuantized(n, result, 7) : n.set(result);
}

/// A as it is, times B with a scale and zero point, plus a bias. A is quantised by its own range
/// first, as the operator says.
static LogicalResult dynamicQuantizeMatMul(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value a = n.in(0), w = n.in(1);
  if (!a || !w)
    return failure();
  Ints dims;
  for (int64_t dim = 0; dim < B::rank(a); ++dim)
    dims.push_back(dim);
  Value zero = b.scalarLike(a, 0.0);
  Value low = b.binary<MinOp>(b.reduce(ReduceKind::Min, a, dims, false), zero);
  Value high = b.binary<MaxOp>(b.reduce(ReduceKind::Max, a, dims, false), zero);
  Value scale = b.div(b.sub(high, low), b.scalarLike(a, 255.0));
  Type u8 = b.ops().getIntegerType(8, false);
  Value offset = b.cast(b.clamp(b.create<RoundOp>(b.div(b.sub(zero, low), scale)), 0.0, 255.0), u8);
  Value rounded = dequantize(n, quantize(n, a, scale, offset, u8, 0, 0), scale, offset, 0, 0);
  Value weight = dequantize(n, w, n.in(2), n.opt(3), B::rank(w) - 1, 0);
  Value product = matmulAnyRank(b, rounded, weight);
  return n.set(n.opt(4) ? b.add(product, n.opt(4)) : product);
}

/// A, B, their scales, zero points, and a bias.
static LogicalResult matmulIntegerToFloat(OnnxNode &n) {
  Value a = n.in(0), w = n.in(1);
  if (!a || !w)
    return failure();
  Value left = dequantize(n, a, n.in(2), n.opt(4), B::rank(a) - 1, 0);
  Value right = dequantize(n, w, n.in(3), n.opt(5), B::rank(w) - 1, 0);
  Value product = matmulAnyRank(n.b, left, right);
  return n.set(n.opt(6) ? n.b.add(product, n.opt(6)) : product);
}

static LogicalResult quantizeLinear(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", 1);
  Type type = n.opt(2) ? B::element(n.opt(2)) : Type(n.b.ops().getIntegerType(8, false));
  return n.set(quantize(n, n.in(0), n.in(1), n.opt(2), type, axis, 0));
}

static LogicalResult dequantizeLinear(OnnxNode &n) {
  int64_t axis = n.intAttr("axis", 1);
  return n.set(dequantize(n, n.in(0), n.in(1), n.opt(2), axis, 0));
}

/// Bytes [rows…, m] as elements of `bits` bits each, the first in the low bits: [rows…, m·8/bits],
/// one byte each.
static Value unpacked(GraphBuilder &b, Value bytes, int64_t bits) {
  if (!bytes || bits == 8)
    return bytes;
  SmallVector<Value> parts;
  int64_t last = B::rank(bytes);
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Value part =
        b.binary<AndOp>(b.binary<ShrOp>(bytes, b.scalarLike(bytes, static_cast<double>(shift))),
                        b.scalarLike(bytes, static_cast<double>((1 << bits) - 1)));
    parts.push_back(b.unsqueeze(part, last));
  }
  Ints shape(B::shape(bytes));
  shape.back() *= 8 / bits;
  return b.reshape(b.concat(parts, last), shape);
}

/// A [.., K] times weights kept as [N, K] in blocks of few bits.
static LogicalResult matmulNBits(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value a = n.in(0), packed = n.in(1), scales = n.in(2), zeroPoints = n.opt(3), bias = n.opt(5);
  int64_t depth = n.intAttr("K", 0), rows = n.intAttr("N", 0), bits = n.intAttr("bits", 4),
          block = n.intAttr("block_size", 0);
  n.ignoreAttr("accuracy_level"); // how a kernel may compute it
  n.ignoreAttr("weight_prepacked");
  if (n.opt(4))
    return n.unsupported("g_idx", "expected none");
  if (bits != 2 && bits != 4 && bits != 8)
    return n.unsupported("bits = " + Twine(bits), "expected 2, 4 or 8");
  if (!a || !packed || !scales)
    return failure();
  constexpr int64_t limit = int64_t(1) << 31;
  if (depth < 1 || depth > limit || rows < 1 || rows > limit || block < 1 || block > limit ||
      block * bits % 8)
    return n.error("has K " + Twine(depth) + ", N " + Twine(rows) + " and blocks of " +
                   Twine(block));
  int64_t blocks = (depth + block - 1) / block;
  if (B::type(packed).getNumElements() != rows * blocks * block * bits / 8 ||
      B::type(scales).getNumElements() != rows * blocks ||
      B::type(packed).getElementTypeBitWidth() != 8)
    return n.error("has weights of shape " + shapeName(B::shape(packed)) + " and scales of shape " +
                   shapeName(B::shape(scales)) + " for [" + Twine(rows) + ", " + Twine(depth) +
                   "]");
  Value weight = unpacked(b, b.reshape(packed, {rows, blocks * block * bits / 8}), bits);
  scales = b.reshape(scales, {rows, blocks});
  Value offsets;
  if (zeroPoints && B::isFloat(zeroPoints)) {
    offsets = b.reshape(zeroPoints, {rows, blocks, 1});
    Value real = b.reshape(b.cast(weight, B::element(scales)), {rows, blocks, block});
    real = b.mul(b.sub(real, offsets), b.unsqueeze(scales, 2));
    weight = b.reshape(real, {rows, blocks * block});
  } else {
    if (zeroPoints) {
      int64_t each = (blocks * bits + 7) / 8;
      if (B::type(zeroPoints).getNumElements() != rows * each)
        return n.error("has zero points of shape " + shapeName(B::shape(zeroPoints)));
      offsets = b.slice(unpacked(b, b.reshape(zeroPoints, {rows, each}), bits), 1, 0, blocks);
    } else {
      offsets = b.splat({rows, blocks}, B::element(packed), static_cast<double>(1 << (bits - 1)));
    }
    weight = dequantize(n, weight, scales, offsets, 1, block);
  }
  weight = b.cast(b.slice(weight, 1, 0, depth), B::element(a));
  Value product = linear(b, a, weight, {});
  return n.set(bias ? b.add(product, bias) : product);
}

void onnximport::addMicrosoftQuantizedOps(OpTable &table) {
  auto add = [&](StringRef name, Converter converter) {
    table.add("com.microsoft", name, 1, kNewest, converter);
  };
  add("QLinearAdd", binary<AddOp>);
  add("QLinearMul", binary<MulOp>);
  add("QLinearSigmoid", sigmoid);
  add("QLinearLeakyRelu", leakyRelu);
  add("QLinearSoftmax", softmax);
  add("QLinearGlobalAveragePool", globalAveragePool);
  add("QLinearReduceMean", reduceMean);
  add("QLinearConcat", concat);
  add("QLinearWhere", where);
  add("QGemm", qgemm);
  add("DynamicQuantizeMatMul", dynamicQuantizeMatMul);
  add("MatMulIntegerToFloat", matmulIntegerToFloat);
  add("QuantizeLinear", quantizeLinear);
  add("DequantizeLinear", dequantizeLinear);
  add("MatMulNBits", matmulNBits);
}
