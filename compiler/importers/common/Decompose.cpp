// Products, reductions and arrangements of elements that the graph level has no op for.
#include "compiler/importers/common/Decompositions.h"
#include <limits>

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

Value ingot::matmulAnyRank(GraphBuilder &b, Value lhs, Value rhs) {
  if (!lhs || !rhs)
    return {};
  if (B::rank(lhs) == 0 || B::rank(rhs) == 0)
    return b.fail("a matrix product of a scalar");
  bool row = B::rank(lhs) == 1, column = B::rank(rhs) == 1;
  Value product = b.matmul(row ? b.unsqueeze(lhs, 0) : lhs, column ? b.unsqueeze(rhs, 1) : rhs);
  if (!product)
    return {};
  Ints dropped;
  if (row)
    dropped.push_back(B::rank(product) - 2);
  if (column)
    dropped.push_back(B::rank(product) - 1);
  return b.squeeze(product, dropped);
}

Value ingot::linear(GraphBuilder &b, Value input, Value weight, Value bias) {
  if (!input || !weight)
    return {};
  bool column = B::rank(weight) == 1; // one output, whose dim is left out
  weight = column ? b.unsqueeze(weight, 0) : weight;
  if (B::rank(input) == 0 || !weight || B::rank(weight) != 2)
    return b.fail("a linear layer of ranks " + Twine(B::rank(input)) + " and " +
                  Twine(B::rank(weight)));
  bool row = B::rank(input) == 1;
  bias = column && bias ? b.reshape(bias, {1}) : bias;
  Value result = b.matmul(row ? b.unsqueeze(input, 0) : input, weight, bias, /*transposeB=*/true);
  result = row ? b.squeeze(result, 0) : result;
  return column && result ? b.squeeze(result, B::rank(result) - 1) : result;
}

Value ingot::gemm(GraphBuilder &b, Value a, Value w, Value bias, double alpha, double beta,
                  bool transA, bool transB) {
  if (!a || !w)
    return {};
  if (B::rank(a) != 2 || B::rank(w) != 2)
    return b.fail("a Gemm of ranks " + Twine(B::rank(a)) + " and " + Twine(B::rank(w)));
  if (transA)
    a = b.transpose(a, {1, 0});
  int64_t columns = B::shape(w)[transB ? 0 : 1];
  bool rowBias = bias && B::isFloat(a) && alpha == 1.0 && beta == 1.0 &&
                 B::type(bias).getNumElements() == columns &&
                 (B::rank(bias) == 1 || (B::rank(bias) == 2 && B::shape(bias)[0] == 1));
  if (rowBias)
    return b.matmul(a, w, b.reshape(bias, {columns}), transB);
  Value product = b.matmul(a, w, {}, transB);
  if (!product)
    return {};
  product = b.scale(product, alpha);
  if (!bias || beta == 0.0)
    return product;
  Value sum = b.add(product, b.scale(bias, beta));
  if (sum && B::shape(sum) != B::shape(product))
    return b.fail("a bias of shape " + shapeName(B::shape(bias)) + " does not broadcast to " +
                  shapeName(B::shape(product)));
  return sum;
}

Value ingot::reduceNorm(GraphBuilder &b, NormKind kind, Value value, ArrayRef<int64_t> dims,
                        bool keepdims) {
  if (!value)
    return {};
  auto sum = [&](Value of) { return b.reduce(ReduceKind::Sum, of, dims, keepdims); };
  switch (kind) {
  case NormKind::L1:
    return sum(b.create<AbsOp>(value));
  case NormKind::L2: {
    Value squares = sum(b.mul(value, value));
    if (!squares || B::isFloat(squares))
      return squares ? b.create<SqrtOp>(squares) : Value();
    Value root = b.create<SqrtOp>(b.cast(squares, b.ops().getF64Type()));
    return b.cast(root, B::element(value));
  }
  case NormKind::LogSum:
    return b.create<LogOp>(sum(value));
  case NormKind::SumSquare:
    return sum(b.mul(value, value));
  case NormKind::LogSumExp: {
    // Shifted by the maximum (0 where that is infinite), so that exp does not overflow.
    Value top = b.reduce(ReduceKind::Max, value, dims, /*keepdims=*/true);
    if (!top)
      return {};
    double infinity = std::numeric_limits<double>::infinity();
    Value finite = b.cmp(CmpKind::Lt, b.create<AbsOp>(top), b.scalarLike(top, infinity));
    Value shift = b.select(finite, top, b.scalarLike(top, 0.0));
    Value logSum = b.create<LogOp>(sum(b.create<ExpOp>(b.sub(value, shift))));
    return logSum ? b.add(logSum, b.reshape(shift, B::shape(logSum))) : Value();
  }
  }
  return {};
}

Value ingot::lpNormalize(GraphBuilder &b, Value value, int64_t p, int64_t dim, double epsilon) {
  if (p != 1 && p != 2)
    return b.fail("a norm with p = " + Twine(p) + ", expected 1 or 2");
  Value norm = reduceNorm(b, p == 1 ? NormKind::L1 : NormKind::L2, value, dim, true);
  if (!norm)
    return {};
  return b.div(value, b.binary<MaxOp>(norm, b.scalarLike(norm, epsilon)));
}

Value ingot::variance(GraphBuilder &b, Value value, ArrayRef<int64_t> dims, double correction,
                      bool keepdims) {
  Value mean = b.reduce(ReduceKind::Mean, value, dims, true);
  if (!mean)
    return {};
  double count = static_cast<double>(B::type(value).getNumElements()) /
                 std::max<double>(1.0, B::type(mean).getNumElements());
  Value centred = b.sub(value, mean);
  Value result = b.reduce(ReduceKind::Mean, b.mul(centred, centred), dims, keepdims);
  return b.scale(result, count / (count - correction));
}

Value ingot::depthToSpace(GraphBuilder &b, Value value, int64_t block, bool columnFirst) {
  if (!value)
    return {};
  if (B::rank(value) < 3 || block < 1 || block > 4096)
    return b.fail("depth to space of rank " + Twine(B::rank(value)) + " with block " +
                  Twine(block));
  ArrayRef<int64_t> shape = B::shape(value);
  int64_t batchDims = shape.size() - 3, c = shape[batchDims], h = shape[batchDims + 1],
          w = shape[batchDims + 2];
  if (c % (block * block))
    return b.fail(Twine(c) + " channels are not a multiple of " + Twine(block) + " squared");
  int64_t depth = c / (block * block);
  Ints apart(shape.take_front(batchDims)), result(apart), perm;
  for (int64_t i = 0; i < batchDims; ++i)
    perm.push_back(i);
  if (columnFirst) {
    apart.append({depth, block, block, h, w});
    for (int64_t dim : {0, 3, 1, 4, 2})
      perm.push_back(batchDims + dim);
  } else {
    apart.append({block, block, depth, h, w});
    for (int64_t dim : {2, 3, 0, 4, 1})
      perm.push_back(batchDims + dim);
  }
  result.append({depth, h * block, w * block});
  return b.reshape(b.transpose(b.reshape(value, apart), perm), result);
}

Value ingot::spaceToDepth(GraphBuilder &b, Value value, int64_t block, bool columnFirst) {
  if (!value)
    return {};
  if (B::rank(value) < 3 || block < 1 || block > 4096)
    return b.fail("space to depth of rank " + Twine(B::rank(value)) + " with block " +
                  Twine(block));
  ArrayRef<int64_t> shape = B::shape(value);
  int64_t batchDims = shape.size() - 3, c = shape[batchDims], h = shape[batchDims + 1],
          w = shape[batchDims + 2];
  if (h % block || w % block)
    return b.fail("extents " + Twine(h) + " and " + Twine(w) + " are not multiples of the block " +
                  Twine(block));
  Ints apart(shape.take_front(batchDims)), result(apart), perm;
  for (int64_t i = 0; i < batchDims; ++i)
    perm.push_back(i);
  apart.append({c, h / block, block, w / block, block});
  static constexpr int64_t columnPerm[] = {0, 2, 4, 1, 3}, depthPerm[] = {2, 4, 0, 1, 3};
  for (int64_t dim : columnFirst ? columnPerm : depthPerm)
    perm.push_back(batchDims + dim);
  result.append({c * block * block, h / block, w / block});
  return b.reshape(b.transpose(b.reshape(value, apart), perm), result);
}

Value ingot::oneHot(GraphBuilder &b, Value indices, int64_t depth, Value on, Value off,
                    int64_t dim) {
  if (!indices)
    return {};
  std::optional<int64_t> normal = b.axis(dim, B::rank(indices) + 1);
  if (!normal)
    return {};
  Ints wide(B::rank(indices) + 1, 1);
  wide[*normal] = depth;
  Value index = b.cast(indices, b.ops().getI64Type());
  RankedTensorType ruler = b.tensorType(wide, b.ops().getI64Type());
  if (!ruler || !index)
    return {};
  Value zero = b.scalarLike(index, 0), extent = b.scalarLike(index, static_cast<double>(depth));
  index = b.select(b.cmp(CmpKind::Lt, index, zero), b.add(index, extent), index);
  Value hot = b.cmp(CmpKind::Eq, b.unsqueeze(index, *normal), b.iota(ruler, *normal));
  return b.select(hot, on, off);
}

Value ingot::triangle(GraphBuilder &b, int64_t rows, int64_t cols, int64_t k, bool upper) {
  Type i64 = b.ops().getI64Type();
  Value row = b.iota(b.tensorType({rows, 1}, i64), 0),
        column = b.iota(b.tensorType({1, cols}, i64), 1);
  // Beyond the extents a diagonal makes no difference, and clamped it cannot overflow.
  k = std::clamp<int64_t>(k, -rows - cols, rows + cols);
  return b.cmp(upper ? CmpKind::Ge : CmpKind::Le, b.sub(column, row),
               b.scalar(i64, static_cast<double>(k)));
}

Value ingot::trilu(GraphBuilder &b, Value value, int64_t k, bool upper) {
  if (!value)
    return {};
  if (B::rank(value) < 2)
    return b.fail("a triangle of rank " + Twine(B::rank(value)) + ", expected 2 or more");
  ArrayRef<int64_t> last = B::shape(value).take_back(2);
  return b.select(triangle(b, last[0], last[1], k, upper), value, b.scalarLike(value, 0.0));
}

Value ingot::flip(GraphBuilder &b, Value value, ArrayRef<int64_t> list) {
  if (!value)
    return {};
  std::optional<Ints> dims = b.axes(list, B::rank(value));
  if (!dims)
    return {};
  Ints starts(B::rank(value), 0), sizes(B::shape(value)), steps(B::rank(value), 1);
  bool any = false;
  for (int64_t dim : *dims)
    if (sizes[dim] > 1) {
      starts[dim] = sizes[dim] - 1;
      steps[dim] = -1;
      any = true;
    }
  return any ? b.create<SliceOp>(value, starts, sizes, steps) : value;
}

Value ingot::runningProduct(GraphBuilder &b, Value value, int64_t axis, bool exclusive,
                            bool reverse) {
  if (!value)
    return {};
  int64_t extent = B::shape(value)[axis];
  // Elements moved by `by` places away from where the products start, ones moved in.
  auto moved = [&](Value v, int64_t by) {
    Ints low(B::rank(value), 0), high(low);
    low[axis] = reverse ? -by : by;
    high[axis] = -low[axis];
    return b.pad(v, low, high, 1.0);
  };
  if (exclusive)
    value = moved(value, 1);
  for (int64_t by = 1; by < extent; by *= 2)
    value = b.mul(value, moved(value, by));
  return value;
}

Value ingot::roll(GraphBuilder &b, Value value, int64_t shift, int64_t dim) {
  if (!value)
    return {};
  std::optional<int64_t> normal = b.axis(dim, B::rank(value));
  if (!normal)
    return {};
  int64_t extent = B::shape(value)[*normal];
  shift = extent ? ((shift % extent) + extent) % extent : 0;
  if (!shift)
    return value;
  return b.concat(
      {b.slice(value, *normal, extent - shift, shift), b.slice(value, *normal, 0, extent - shift)},
      *normal);
}

Value ingot::prelu(GraphBuilder &b, Value value, Value slope) {
  if (!value || !slope)
    return {};
  if (std::optional<double> constant = B::getConstantScalar(slope); constant && B::isFloat(value))
    return b.create<LeakyReluOp>(value, APFloat(*constant));
  return b.select(b.cmp(CmpKind::Lt, value, b.scalarLike(value, 0.0)), b.mul(value, slope), value);
}

Value ingot::instanceNorm(GraphBuilder &b, Value value, Value scale, Value bias, double epsilon) {
  if (!value)
    return {};
  if (B::rank(value) < 3 || B::shape(value)[1] == 0)
    return b.fail("an instance norm of shape " + shapeName(B::shape(value)));
  return b.create<GroupNormOp>(value, scale, bias, B::shape(value)[1], APFloat(epsilon));
}

Value ingot::globalPool(GraphBuilder &b, PoolKind kind, Value value) {
  if (!value)
    return {};
  Ints dims;
  for (int64_t dim = 2; dim < B::rank(value); ++dim)
    dims.push_back(dim);
  return b.reduce(kind == PoolKind::Max ? ReduceKind::Max : ReduceKind::Mean, value, dims, true);
}

Value ingot::adaptivePool(GraphBuilder &b, PoolKind kind, Value value, ArrayRef<int64_t> sizes) {
  if (!value)
    return {};
  int64_t spatial = sizes.size(), first = B::rank(value) - spatial;
  if (first < 1)
    return b.fail("an adaptive pool of rank " + Twine(B::rank(value)));
  Ints shape(B::shape(value)), whole, kernel;
  bool even = first <= 2;
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t in = shape[first + i], out = sizes[i];
    if (out < 1 || in < 1)
      return b.fail("an adaptive pool from extent " + Twine(in) + " to " + Twine(out));
    even &= in % out == 0;
    kernel.push_back(in / out);
    whole.push_back(first + i);
  }
  ReduceKind reduction = kind == PoolKind::Max ? ReduceKind::Max : ReduceKind::Mean;
  if (llvm::all_of(sizes, [](int64_t size) { return size == 1; }))
    return b.reduce(reduction, value, whole, true);
  if (even) {
    Value batched = first == 1 ? b.unsqueeze(value, 0) : value;
    Value pooled = b.create<PoolOp>(kind, batched, kernel, kernel, Ints(2 * spatial, 0),
                                    Ints(spatial, 1), false, DenseI64ArrayAttr());
    return first == 1 ? b.squeeze(pooled, 0) : pooled;
  }
  // Windows are rectangles, so that one dim after the other gives the same maximum or mean.
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t dim = first + i, in = shape[dim], out = sizes[i];
    if (in == out)
      continue;
    SmallVector<Value> parts;
    for (int64_t j = 0; j < out; ++j) {
      int64_t start = j * in / out, end = ((j + 1) * in + out - 1) / out;
      parts.push_back(b.reduce(reduction, b.slice(value, dim, start, end - start), dim, true));
    }
    value = b.concat(parts, dim);
  }
  return value;
}
