// Products, convolutions and attention.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// A product in the result's type.
void matmul(Node &n, StringRef left, StringRef right) {
  Type element = n.element();
  if (!element)
    return;
  if (llvm::isa<IntegerType>(element) && !element.isInteger(32))
    return n.unsupported("expected float operands", "integers");
  n.result(matmulAnyRank(n.b, n.tensor(left), n.tensor(right)));
}

/// beta · self + alpha · (a · b)
void addProduct(Node &n, StringRef left, StringRef right) {
  Value a = n.tensor(left), w = n.tensor(right), bias = n.tensor("self");
  double alpha = n.number("alpha", 1), beta = n.number("beta", 1);
  if (!a || !w || !bias)
    return n.result({});
  if (beta == 1 && alpha == 1 && n.b.rank(bias) == 1 && n.b.shape(bias)[0] == n.b.shape(w).back())
    return n.result(n.b.matmul(a, w, bias));
  Value product = n.b.scale(n.b.matmul(a, w), alpha);
  n.result(beta == 0 ? product : n.b.add(product, n.b.scale(bias, beta)));
}

/// A list argument with one entry for each spatial dim: a single entry serves all.
Ints spatial(Node &n, StringRef name, size_t dims, int64_t missing) {
  Ints list = n.ints(name, Ints(dims, missing));
  if (list.size() == 1)
    list.assign(dims, list[0]);
  if (list.size() != dims && !n.failed) {
    n.b.fail("argument '" + name + "' does not fit the number of spatial dims");
    n.failed = true;
  }
  return list;
}

void conv(Node &n, bool transposed) {
  Value input = n.tensor("input"), weight = n.tensor("weight"), bias = n.optional("bias");
  if (!input || !weight || n.b.rank(weight) < 3)
    return n.result(input && weight ? n.b.fail("the filter has no spatial dim") : Value());
  size_t dims = n.b.rank(weight) - 2;
  bool single = n.b.rank(input) == (int64_t)dims + 1; // no batch dim
  if (single)
    input = n.b.unsqueeze(input, {0});
  Ints strides = spatial(n, "stride", dims, 1), dilations = spatial(n, "dilation", dims, 1),
       low(dims, 0), high;
  if (StringRef(n.op).ends_with(".padding")) {
    std::string mode = n.text("padding", "valid");
    high = low;
    for (size_t i = 0; i < dims && mode == "same"; ++i) {
      int64_t total = dilations[i] * (n.b.shape(weight)[2 + i] - 1);
      low[i] = total / 2;
      high[i] = total - low[i];
    }
  } else {
    low = high = spatial(n, "padding", dims, 0);
  }
  uint64_t groups = n.integer("groups", 1);
  if (n.failed)
    return;
  Ints pads(low);
  llvm::append_range(pads, high);
  Value result;
  if (transposed) {
    Ints extra = spatial(n, "output_padding", dims, 0);
    if (n.failed)
      return;
    result = n.b.create<ConvTransposeOp>(input, weight, bias, strides, pads, dilations, extra,
                                         groups, false);
  } else {
    result = n.b.create<ConvOp>(input, weight, bias, strides, pads, dilations, groups, false);
  }
  n.result(single ? n.b.squeeze(result, {0}) : result);
}

/// A tensor with leading dims joined into [B, H, L, D]; torch allows any number of them.
Value fourDims(Node &n, Value value) {
  if (!value)
    return {};
  Ints shape(n.b.shape(value));
  while (shape.size() < 4)
    shape.insert(shape.begin(), 1);
  while (shape.size() > 4) {
    shape[1] *= shape[0];
    shape.erase(shape.begin());
  }
  return n.b.reshape(value, shape);
}

void attention(Node &n) {
  bool efficient = n.has("attn_bias");
  Value query = n.tensor("query"), key = n.tensor("key"), value = n.tensor("value");
  Value mask = n.optional(efficient ? "attn_bias" : "attn_mask");
  if (!query || !key || !value)
    return n.result({});
  if (n.number("dropout_p", 0) != 0)
    return n.unsupported("export the model in eval mode", "dropout_p > 0");
  Ints shape(n.b.shape(query));
  if (shape.size() < 2)
    return n.result(n.b.fail("the query's rank is below 2"));
  double scale = n.number("scale", 1 / std::sqrt((double)std::max<int64_t>(shape.back(), 1)));
  bool wide = shape.size() > 4;
  if (mask && n.b.rank(mask) > 4) {
    // The leading dims are joined: the mask must have them all.
    Ints full(shape);
    full.back() = n.b.shape(key)[n.b.rank(key) - 2];
    mask = n.b.broadcast(mask, full);
    wide = true;
  } else if (mask && wide && n.b.rank(mask) > 2) {
    Ints full(shape);
    full.back() = n.b.shape(key)[n.b.rank(key) - 2];
    mask = n.b.broadcast(mask, full);
  }
  if (mask && n.b.rank(mask) > 4)
    mask = fourDims(n, mask);
  if (mask && n.b.rank(mask) == 3) // [B, L, S] of 3-dim operands belongs to the heads of ours
    mask = n.b.unsqueeze(mask, {0});
  if (mask && !n.b.isBool(mask))
    mask = n.b.cast(mask, n.b.element(query));
  query = fourDims(n, query), key = fourDims(n, key), value = fourDims(n, value);
  Value result =
      n.b.create<AttentionOp>(query, key, value, mask, APFloat(scale), n.flag("is_causal"));
  if (!result)
    return n.result({});
  shape.back() = n.b.shape(result).back();
  n.result(n.b.reshape(result, shape));
}

} // namespace

void addContractionOps(OpTable &table) {
  table.add({"linear.default"}, [](Node &n) {
    n.result(linear(n.b, n.tensor("input"), n.tensor("weight"), n.optional("bias")));
  });
  table.add({"matmul.default"}, [](Node &n) { matmul(n, "self", "other"); });
  table.add({"mm.default", "bmm.default", "_int_mm.default"},
            [](Node &n) { matmul(n, "self", "mat2"); });
  table.add({"mv.default"}, [](Node &n) { matmul(n, "self", "vec"); });
  table.add({"dot.default"}, [](Node &n) { matmul(n, "self", "tensor"); });
  table.add({"addmm.default"}, [](Node &n) { addProduct(n, "mat1", "mat2"); });
  table.add({"baddbmm.default"}, [](Node &n) { addProduct(n, "batch1", "batch2"); });
  table.add({"outer.default"}, [](Node &n) {
    Value x = n.tensor("self"), y = n.tensor("vec2");
    n.result(x && y
                 ? n.b.mul(n.b.unsqueeze(n.b.cast(x, n.element()), {1}), n.b.cast(y, n.element()))
                 : Value());
  });
  table.add({"einsum.default"},
            [](Node &n) { n.result(einsum(n.b, n.text("equation"), n.tensors("tensors"))); });
  table.add({"conv1d.default", "conv2d.default", "conv3d.default", "conv1d.padding",
             "conv2d.padding", "conv3d.padding"},
            [](Node &n) { conv(n, false); });
  table.add({"conv_transpose1d.default", "conv_transpose2d.input", "conv_transpose3d.input"},
            [](Node &n) { conv(n, true); });
  table.add({"convolution.default", "_convolution.default"},
            [](Node &n) { conv(n, n.flag("transposed")); });
  table.add({"scaled_dot_product_attention.default",
             "_scaled_dot_product_flash_attention_for_cpu.default",
             "_scaled_dot_product_efficient_attention.default",
             "_scaled_dot_product_flash_attention.default"},
            attention);
}

} // namespace ingot::pt2
