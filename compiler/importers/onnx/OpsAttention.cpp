// ONNX attention and rotary embedding (opset 23 and later).
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/Attention.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

Value onnximport::splitHeads(GraphBuilder &b, Value value, int64_t heads) {
  if (!value)
    return {};
  ArrayRef<int64_t> shape = B::shape(value);
  if (shape.size() != 3)
    return b.fail("cannot split a tensor of shape " + shapeName(shape) + " into heads");
  if (heads < 1 || shape[2] % heads)
    return b.fail("cannot split extent " + Twine(shape[2]) + " into " + Twine(heads) + " heads");
  return b.transpose(b.reshape(value, {shape[0], shape[1], heads, shape[2] / heads}), {0, 2, 1, 3});
}

Value onnximport::joinHeads(GraphBuilder &b, Value value) {
  if (!value)
    return {};
  ArrayRef<int64_t> shape = B::shape(value);
  int64_t batch = shape[0], heads = shape[1], rows = shape[2], width = shape[3];
  return b.reshape(b.transpose(value, {0, 2, 1, 3}), {batch, rows, heads * width});
}

/// The mask that the node gives, the causal one, and the lengths of keys that are not padding, as
/// one (or null).
static FailureOr<Value> attentionMask(OnnxNode &n, Value query, Value key, int64_t past,
                                      bool causal, Value lengths) {
  GraphBuilder &b = n.b;
  int64_t rows = B::shape(query)[2], cols = B::shape(key)[2];
  Value mask = n.opt(3), keep;
  if (mask && !B::isBool(mask)) // numbers of any type are added
    mask = b.cast(mask, B::element(query));
  if (causal)
    keep = triangle(b, rows, cols, past, /*upper=*/false);
  if (lengths) {
    Type i64 = b.ops().getI64Type();
    Value position = b.iota(b.tensorType({1, 1, 1, cols}, i64), 3);
    Value length = b.reshape(b.cast(lengths, i64), {B::shape(key)[0], 1, 1, 1});
    Value inside = b.cmp(CmpKind::Lt, position, length);
    keep = keep ? b.binary<AndOp>(keep, inside) : inside;
  }
  if (mask && B::shape(mask).back() < cols) {
    // A mask shorter than the keys leaves out the rest.
    Ints low(B::rank(mask), 0), high(low);
    high.back() = cols - B::shape(mask).back();
    mask = b.pad(mask, low, high, B::isBool(mask) ? 0.0 : -std::numeric_limits<double>::infinity());
  }
  if (!mask || !keep)
    return mask ? mask : keep;
  if (B::isBool(mask))
    return b.binary<AndOp>(mask, keep);
  return b.select(keep, mask, b.scalarLike(mask, -std::numeric_limits<double>::infinity()));
}

static LogicalResult attention(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value query = n.in(0), key = n.in(1), value = n.in(2);
  bool causal = n.intAttr("is_causal", 0);
  int64_t queryHeads = n.intAttr("q_num_heads", 0), keyHeads = n.intAttr("kv_num_heads", 0);
  double softcap = n.floatAttr("softcap", 0.0), scale = n.floatAttr("scale", 0.0);
  int64_t stage = n.intAttr("qk_matmul_output_mode", 0);
  n.ignoreAttr("softmax_precision");
  if (!query || !key || !value)
    return failure();
  bool flat = B::rank(query) == 3;
  if ((B::rank(query) != 3 && B::rank(query) != 4) || B::rank(key) != B::rank(query) ||
      B::rank(value) != B::rank(query))
    return n.error("has operands of ranks " + Twine(B::rank(query)) + ", " + Twine(B::rank(key)) +
                   " and " + Twine(B::rank(value)));
  if (flat) {
    query = splitHeads(b, query, queryHeads);
    key = splitHeads(b, key, keyHeads);
    value = splitHeads(b, value, keyHeads);
    if (!query || !key || !value)
      return failure();
  }
  int64_t past = 0;
  if (Value pastKey = n.opt(4)) {
    past = B::rank(pastKey) == 4 ? B::shape(pastKey)[2] : 0;
    key = b.concat({pastKey, key}, 2);
    value = b.concat({n.in(5), value}, 2);
    if (!key || !value)
      return failure();
  }
  int64_t depth = B::shape(query)[3];
  if (scale == 0.0)
    scale = depth ? 1.0 / std::sqrt(static_cast<double>(depth)) : 1.0;
  if (Value lengths = n.opt(6);
      lengths && causal && !n.opt(4) && B::shape(query)[2] != B::shape(key)[2])
    return n.unsupported("is_causal with nonpad_kv_seqlen");
  FailureOr<Value> mask = attentionMask(
      n, query, key, past, causal && (past || n.opt(3) || n.opt(6) || softcap != 0.0 || n.wants(3)),
      n.opt(6));
  if (failed(mask))
    return failure();
  bool graphCausal = causal && !*mask;
  Value result, scores;
  if (softcap == 0.0 && !n.wants(3)) {
    result = b.create<AttentionOp>(query, key, value, *mask, APFloat(scale), graphCausal);
  } else {
    // Written out: the scores are an output, or bounded before the softmax.
    int64_t repeat = B::shape(key)[1] ? B::shape(query)[1] / B::shape(key)[1] : 1;
    auto repeated = [&](Value of) {
      Ints shape(B::shape(of)), wide(shape);
      wide.insert(wide.begin() + 2, repeat);
      shape[1] *= repeat;
      return repeat == 1 ? of : b.reshape(b.broadcast(b.unsqueeze(of, 2), wide), shape);
    };
    Value raw = b.scale(b.matmul(query, repeated(key), {}, /*transposeB=*/true), scale);
    Value capped = raw;
    if (softcap != 0.0)
      capped = b.scale(b.create<TanhOp>(b.scale(raw, 1.0 / softcap)), softcap);
    Value masked = capped;
    if (*mask)
      masked = B::isBool(*mask)
                   ? b.select(*mask, capped,
                              b.scalarLike(capped, -std::numeric_limits<double>::infinity()))
                   : b.add(capped, *mask);
    // A row that nothing is left of is zero.
    Value top = b.reduce(ReduceKind::Max, masked, -1, true);
    Value any =
        b.cmp(CmpKind::Gt, top, b.scalarLike(top, -std::numeric_limits<double>::infinity()));
    Value weights = b.select(any, b.softmax(masked, -1), b.scalarLike(masked, 0.0));
    result = b.matmul(weights, repeated(value));
    scores = stage == 0 ? raw : stage == 1 ? capped : stage == 2 ? masked : weights;
  }
  if (flat)
    result = joinHeads(b, result);
  if (failed(n.setOutput(0, result)) || (n.wants(3) && failed(n.setOutput(3, scores))))
    return failure();
  return failed(n.setOutput(1, key)) ? failure() : n.setOutput(2, value);
}

Value onnximport::rotatePairs(OnnxNode &n, Value x, Value cosines, Value sines, int64_t width,
                              bool interleaved) {
  GraphBuilder &b = n.b;
  if (!x || !cosines || !sines)
    return {};
  int64_t depth = B::shape(x)[3];
  cosines = b.unsqueeze(b.sliceRange(cosines, 2, 0, width / 2), 1);
  sines = b.unsqueeze(b.sliceRange(sines, 2, 0, width / 2), 1);
  Value part = b.slice(x, 3, 0, width), rest = b.slice(x, 3, width, depth - width);
  Ints pairs(B::shape(x).drop_back());
  int64_t split = interleaved ? 4 : 3;
  if (interleaved)
    pairs.append({width / 2, 2});
  else
    pairs.append({2, width / 2});
  Ints half(B::shape(x));
  half[3] = width / 2;
  part = b.reshape(part, pairs);
  Value first = b.reshape(b.slice(part, split, 0, 1), half),
        second = b.reshape(b.slice(part, split, 1, 1), half);
  Value real = b.sub(b.mul(first, cosines), b.mul(second, sines));
  Value imaginary = b.add(b.mul(first, sines), b.mul(second, cosines));
  if (!real || !imaginary)
    return {};
  Ints rotated(B::shape(x));
  rotated[3] = width;
  Value turned = b.reshape(
      b.concat({b.unsqueeze(real, split), b.unsqueeze(imaginary, split)}, split), rotated);
  return width == depth ? turned : b.concat({turned, rest}, 3);
}

static LogicalResult rotaryEmbedding(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), cosines = n.in(1), sines = n.in(2);
  bool interleaved = n.intAttr("interleaved", 0);
  int64_t heads = n.intAttr("num_heads", 0), width = n.intAttr("rotary_embedding_dim", 0);
  if (!input || !cosines || !sines)
    return failure();
  if (B::rank(input) != 3 && B::rank(input) != 4)
    return n.error("has an input of rank " + Twine(B::rank(input)));
  bool flat = B::rank(input) == 3;
  Value x = flat ? splitHeads(b, input, heads) : input; // [B, H, L, D]
  if (Value positions = n.opt(3)) {
    cosines = b.create<GatherOp>(cosines, positions, 0);
    sines = b.create<GatherOp>(sines, positions, 0);
  }
  if (!x || !cosines || !sines)
    return failure();
  int64_t depth = B::shape(x)[3];
  width = width ? width : depth;
  if (width < 2 || width % 2 || width > depth || B::rank(cosines) != 3)
    return n.error("rotates " + Twine(width) + " of " + Twine(depth) + " elements");
  Value result = rotatePairs(n, x, cosines, sines, width, interleaved);
  return n.set(flat ? joinHeads(b, result) : result);
}

void onnximport::addAttentionOps(OpTable &table) {
  table.add("Attention", 23, kNewest, attention);
  table.add("RotaryEmbedding", 23, kNewest, rotaryEmbedding);
}
