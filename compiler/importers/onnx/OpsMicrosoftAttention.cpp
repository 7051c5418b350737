// Attention of the com.microsoft domain.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/Attention.h"
#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

static double scaleOr(double scale, Value query) {
  int64_t depth = B::shape(query)[3];
  return scale != 0.0 ? scale : depth ? 1.0 / std::sqrt(static_cast<double>(depth)) : 1.0;
}

/// What is added to the scores for keys that a mask leaves out: [B, L] (0 or 1 for each key), or
/// [B] (how many keys count). Null and a report for other masks.
static Value keyMask(OnnxNode &n, Value mask, int64_t batch, int64_t keys, double filter,
                     Type type) {
  GraphBuilder &b = n.b;
  Value keep;
  if (B::rank(mask) == 2 && B::shape(mask)[0] == batch && B::shape(mask)[1] == keys) {
    keep = b.cmp(CmpKind::Ne, mask, b.scalarLike(mask, 0.0));
  } else if (B::rank(mask) == 1 && B::shape(mask)[0] == batch) {
    Value key = b.iota(b.tensorType({1, keys}, B::element(mask)), 1);
    keep = b.cmp(CmpKind::Lt, key, b.reshape(mask, {batch, 1}));
  } else {
    (void)n.unsupported("a mask of shape " + shapeName(B::shape(mask)),
                        "expected [batch, keys] or [batch]");
    return {};
  }
  Value added = b.select(keep, b.scalar(type, 0.0), b.scalar(type, filter));
  return added ? b.reshape(added, {batch, 1, 1, keys}) : Value();
}

/// softmax(scale·q·kᵀ + masks)·v on [B, H, L, D]; `causal` with the last query at the last key.
static Value attend(OnnxNode &n, Value query, Value key, Value value, Value mask, Value bias,
                    double scale, bool causal, double filter) {
  GraphBuilder &b = n.b;
  if (!query || !key || !value)
    return {};
  Value added = mask && bias ? b.add(mask, bias) : mask ? mask : bias;
  int64_t rows = B::shape(query)[2], keys = B::shape(key)[2];
  if (causal && (added || rows != keys)) {
    Value keep = triangle(b, rows, keys, keys - rows, /*upper=*/false);
    if (!added)
      return b.create<AttentionOp>(query, key, value, keep, APFloat(scaleOr(scale, query)), false);
    added = b.select(keep, added, b.scalarLike(added, filter));
    causal = false;
  }
  return b.create<AttentionOp>(query, key, value, added, APFloat(scaleOr(scale, query)), causal);
}

static LogicalResult multiHead(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value query = n.in(0), key = n.opt(1), value = n.opt(2), bias = n.opt(3), padding = n.opt(4),
        added = n.opt(5), pastKey = n.opt(6), pastValue = n.opt(7);
  int64_t heads = n.intAttr("num_heads", 0);
  double scale = n.floatAttr("scale", 0.0), filter = n.floatAttr("mask_filter_value", -10000.0f);
  bool causal = n.intAttr("unidirectional", 0);
  if (n.opt(8) || n.opt(9))
    return n.unsupported("past_sequence_length or cache_indirection", "expected none");
  if (!query)
    return failure();
  if (B::rank(query) == 5 || (key && B::rank(key) == 5))
    return n.unsupported("packed keys and values", "expected a query, a key and a value");
  if (!key || !value || B::rank(query) != 3)
    return n.error("needs a query of rank 3, a key and a value");
  int64_t width = B::shape(query)[2];
  auto biased = [&](Value v, int64_t from, int64_t size) {
    return bias ? b.add(v, b.sliceRange(bias, 0, from, from + size)) : v;
  };
  query = splitHeads(b, biased(query, 0, width), heads);
  // Of rank 4 they are a cache, whose bias is in it already.
  if (B::rank(key) == 3)
    key = splitHeads(b, biased(key, width, width), heads);
  if (B::rank(value) == 3)
    value = splitHeads(b, biased(value, 2 * width, B::shape(value)[2]), heads);
  if (pastKey) {
    key = b.concat({pastKey, key}, 2);
    value = b.concat({pastValue, value}, 2);
  }
  if (!query || !key || !value)
    return failure();
  Value mask;
  if (padding && !(mask = keyMask(n, padding, B::shape(query)[0], B::shape(key)[2], filter,
                                  B::element(query))))
    return failure();
  Value result = attend(n, query, key, value, mask, added, scale, causal, filter);
  return n.set({joinHeads(b, result), key, value});
}

static LogicalResult attention(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), weights = n.in(1), bias = n.opt(2), mask = n.opt(3), past = n.opt(4),
        added = n.opt(5);
  int64_t heads = n.intAttr("num_heads", 0);
  double scale = n.floatAttr("scale", 0.0), filter = n.floatAttr("mask_filter_value", -10000.0f);
  bool causal = n.intAttr("unidirectional", 0);
  std::optional<Ints> sizes = n.intsAttr("qkv_hidden_sizes");
  if (n.intAttr("do_rotary", 0) || n.intAttr("past_present_share_buffer", 0) || n.opt(6))
    return n.unsupported("do_rotary or past_present_share_buffer", "expected 0");
  if (!input || !weights)
    return failure();
  if (B::rank(input) != 3 || B::rank(weights) != 2)
    return n.error("needs an input of rank 3 and weights of rank 2");
  int64_t all = B::shape(weights)[1];
  if (!sizes)
    sizes = Ints(3, all / 3);
  if (sizes->size() != 3 || (*sizes)[0] + (*sizes)[1] + (*sizes)[2] != all)
    return n.error("has qkv_hidden_sizes that do not add up to " + Twine(all));
  Value joined = matmulAnyRank(b, input, weights);
  if (bias)
    joined = b.add(joined, bias);
  SmallVector<Value> parts = joined ? b.split(joined, 2, *sizes) : SmallVector<Value>();
  if (parts.size() != 3)
    return failure();
  Value query = splitHeads(b, parts[0], heads), key = splitHeads(b, parts[1], heads),
        value = splitHeads(b, parts[2], heads);
  if (past && key && value) {
    if (B::rank(past) != 5 || B::shape(past)[0] != 2)
      return n.error("has a past of shape " + shapeName(B::shape(past)));
    key = b.concat({b.squeeze(b.slice(past, 0, 0, 1), 0), key}, 2);
    value = b.concat({b.squeeze(b.slice(past, 0, 1, 1), 0), value}, 2);
  }
  if (!query || !key || !value)
    return failure();
  Value masked;
  if (mask &&
      !(masked = keyMask(n, mask, B::shape(query)[0], B::shape(key)[2], filter, B::element(query))))
    return failure();
  Value result = attend(n, query, key, value, masked, added, scale, causal, filter);
  if (failed(n.setOutput(0, joinHeads(b, result))))
    return failure();
  if (!n.wants(1))
    return success();
  return n.setOutput(1, b.concat({b.unsqueeze(key, 0), b.unsqueeze(value, 0)}, 0));
}

static LogicalResult rotaryEmbedding(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), positions = n.in(1), cosines = n.in(2), sines = n.in(3);
  bool interleaved = n.intAttr("interleaved", 0);
  int64_t heads = n.intAttr("num_heads", 0), width = n.intAttr("rotary_embedding_dim", 0);
  n.ignoreAttr("scale"); // of training
  if (n.intAttr("is_packed_batching", 0))
    return n.unsupported("is_packed_batching = 1", "expected 0");
  if (!input || !positions || !cosines || !sines)
    return failure();
  if (B::rank(cosines) != 2 || (B::rank(input) != 3 && B::rank(input) != 4))
    return n.error("needs an input of rank 3 or 4 and tables of rank 2");
  bool flat = B::rank(input) == 3;
  if (flat && heads == 0) // a head is as wide as the tables say
    heads = B::shape(cosines)[1] ? B::shape(input)[2] / (2 * B::shape(cosines)[1]) : 0;
  Value x = flat ? splitHeads(b, input, heads) : input;
  if (!x)
    return failure();
  width = width ? width : B::shape(x)[3];
  if (width < 2 || width % 2 || width > B::shape(x)[3] || B::shape(cosines)[1] < width / 2)
    return n.error("rotates " + Twine(width) + " of " + Twine(B::shape(x)[3]) + " elements");
  Type i64 = b.ops().getI64Type();
  if (B::rank(positions) == 1) // where the sequence starts
    positions = b.add(b.reshape(b.cast(positions, i64), {1, 1}),
                      b.iota(b.tensorType({1, B::shape(x)[2]}, i64), 1));
  Value turned = rotatePairs(n, x, b.create<GatherOp>(cosines, positions, 0),
                             b.create<GatherOp>(sines, positions, 0), width, interleaved);
  return n.set(flat ? joinHeads(b, turned) : turned);
}

/// New keys and values go into the cache at each sequence's own place; a query sees the keys up to
/// its own position.
static LogicalResult groupQuery(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value query = n.in(0), key = n.opt(1), value = n.opt(2), pastKey = n.opt(3), pastValue = n.opt(4),
        lengths = n.in(5), total = n.opt(6), cosines = n.opt(7), sines = n.opt(8),
        positions = n.opt(9), added = n.opt(10);
  int64_t heads = n.intAttr("num_heads", 0), keyHeads = n.intAttr("kv_num_heads", 0),
          window = n.intAttr("local_window_size", -1);
  double scale = n.floatAttr("scale", 0.0), softcap = n.floatAttr("softcap", 0.0);
  bool rotates = n.intAttr("do_rotary", 0), interleaved = n.intAttr("rotary_interleaved", 0);
  if (n.intAttr("smooth_softmax", 0) > 0 || n.opt(11))
    return n.unsupported("smooth_softmax or head_sink", "expected none");
  if (softcap != 0.0)
    return n.unsupported("softcap", "expected 0");
  if (!query || !lengths)
    return failure();
  if (B::rank(query) != 3 || heads < 1 || keyHeads < 1 || heads % keyHeads || (!key != !value))
    return n.error("has heads or operands that do not fit together");
  if (!key) { // packed in the query
    int64_t width = B::shape(query)[2] / (heads + 2 * keyHeads);
    SmallVector<Value> parts =
        b.split(query, 2, {heads * width, keyHeads * width, keyHeads * width});
    if (parts.size() != 3)
      return failure();
    query = parts[0];
    key = parts[1];
    value = parts[2];
  }
  query = splitHeads(b, query, heads);
  key = splitHeads(b, key, keyHeads);
  value = splitHeads(b, value, keyHeads);
  if (!query || !key || !value)
    return failure();
  int64_t batch = B::shape(query)[0], rows = B::shape(query)[2], depth = B::shape(query)[3];
  int64_t past = pastKey ? B::shape(pastKey)[2] : 0;
  // The cache grows by the new keys, or is as long as the model says already.
  int64_t keys = past + rows;
  if (total)
    if (std::optional<int64_t> known = B::getConstantInt(total))
      keys = std::max(past, *known);
  if (keys < rows || keys > kMaxElements || B::type(lengths).getNumElements() != batch)
    return n.error("has sequence lengths that do not fit");
  Type i64 = b.ops().getI64Type();
  // `lengths` is that of the whole sequence less one.
  Value before = b.sub(b.reshape(b.cast(lengths, i64), {batch, 1}),
                       b.scalar(i64, static_cast<double>(rows - 1)));
  before = b.binary<MaxOp>(before, b.scalar(i64, 0));
  Value place = b.add(before, b.iota(b.tensorType({1, rows}, i64), 1)); // [B, L]
  if (rotates) {
    if (!cosines || !sines)
      return n.error("has do_rotary, but no tables");
    Value at = positions && B::rank(positions) == 2 ? positions : place;
    Value cosine = b.create<GatherOp>(cosines, at, 0), sine = b.create<GatherOp>(sines, at, 0);
    if (!cosine || B::rank(cosines) != 2 || 2 * B::shape(cosines)[1] > depth)
      return n.error("has tables that do not fit its heads");
    int64_t width = 2 * B::shape(cosines)[1];
    query = rotatePairs(n, query, cosine, sine, width, interleaved);
    key = rotatePairs(n, key, cosine, sine, width, interleaved);
  }
  auto cached = [&](Value now, Value old) {
    if (!old && keys == rows)
      return now;
    Value cache = old ? b.pad(old, {0, 0, 0, 0}, {0, 0, keys - past, 0})
                      : b.splat({batch, keyHeads, keys, B::shape(now)[3]}, B::element(now), 0.0);
    Value index = b.broadcast(b.reshape(place, {batch, 1, rows, 1}), B::shape(now));
    return b.create<ScatterElementsOp>(cache, index, now, 2, ScatterKind::None);
  };
  key = cached(key, pastKey);
  value = cached(value, pastValue);
  Value at = b.iota(b.tensorType({1, 1, 1, keys}, i64), 3);
  Value last = b.reshape(place, {batch, 1, rows, 1});
  Value keep = b.cmp(CmpKind::Le, at, last);
  if (window > 0)
    keep = b.binary<AndOp>(
        keep, b.cmp(CmpKind::Gt, at, b.sub(last, b.scalar(i64, static_cast<double>(window)))));
  Value mask = keep;
  if (added)
    mask = b.select(keep, added, b.scalarLike(added, -std::numeric_limits<double>::infinity()));
  Value result = key && value ? b.create<AttentionOp>(query, key, value, mask,
                                                      APFloat(scaleOr(scale, query)), false)
                              : Value();
  return n.set({joinHeads(b, result), key, value});
}

void onnximport::addMicrosoftAttentionOps(OpTable &table) {
  StringRef domain = "com.microsoft";
  table.add(domain, "Attention", 1, kNewest, attention);
  table.add(domain, "MultiHeadAttention", 1, kNewest, multiHead);
  table.add(domain, "GroupQueryAttention", 1, kNewest, groupQuery);
  table.add(domain, "RotaryEmbedding", 1, kNewest, rotaryEmbedding);
}
