// Reductions, running sums, sorting, and softmax.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// The dims to reduce: the argument `dim`, all when it is absent or empty.
std::optional<Ints> reducedDims(Node &n, Value self) {
  if (!self)
    return std::nullopt;
  Ints given = n.ints("dim", Ints());
  int64_t rank = n.b.rank(self);
  if (rank == 0)
    return Ints();
  if (given.empty())
    for (int64_t i = 0; i < rank; ++i)
      given.push_back(i);
  return n.failed ? std::nullopt : n.b.axes(given, rank);
}

Value reduced(Node &n, ReduceKind kind, Value self) {
  auto dims = reducedDims(n, self);
  return dims ? n.b.reduce(kind, self, *dims, n.flag("keepdim")) : Value();
}

/// Sums and products: in the result's type.
template <ReduceKind kind> void reduce(Node &n) {
  Type element = n.element();
  n.result(element ? reduced(n, kind, n.b.cast(n.tensor("self"), element)) : Value());
}
template <ReduceKind kind> void reduceTruth(Node &n) {
  Value truth = reduced(n, kind, n.b.cast(n.tensor("self"), n.b.ops().getI1Type()));
  n.result(truth ? n.b.cast(truth, n.element()) : Value());
}

template <ReduceKind kind> void argReduce(Node &n) {
  Value self = n.tensor("self");
  auto dim = n.optionalInteger("dim");
  bool keep = n.flag("keepdim");
  if (!self)
    return n.result({});
  bool flat = !dim || n.b.rank(self) == 0;
  int64_t rank = n.b.rank(self);
  if (flat)
    self = n.b.reshape(self, {n.b.type(self).getNumElements()});
  auto axis = n.b.axis(flat ? 0 : *dim, n.b.rank(self));
  if (!axis)
    return n.result({});
  Value index = n.b.create<ArgReduceOp>(kind, self, (uint64_t)*axis, !flat && keep, false);
  n.result(flat && keep ? n.b.reshape(index, Ints(rank, 1)) : index);
}

/// max.dim and min.dim: values and their indices.
template <ReduceKind kind> void reduceWithIndex(Node &n) {
  Value self = n.tensor("self");
  if (self && n.b.rank(self) == 0)
    return n.results({self, n.b.scalar(n.b.ops().getI64Type(), 0)});
  auto axis = self ? n.b.axis(n.integer("dim"), n.b.rank(self)) : std::nullopt;
  if (!axis)
    return n.result({});
  bool keep = n.flag("keepdim");
  n.result(n.b.reduce(kind, self, {*axis}, keep), 0);
  n.result(n.b.create<ArgReduceOp>(kind, self, (uint64_t)*axis, keep, false), 1);
}

Value varianceOf(Node &n) {
  Value self = n.tensor("self");
  auto dims = reducedDims(n, self);
  double correction = n.has("correction")        ? n.number("correction")
                      : n.flag("unbiased", true) ? 1
                                                 : 0;
  return dims ? variance(n.b, self, *dims, correction, n.flag("keepdim")) : Value();
}

void vectorNorm(Node &n, StringRef orderName) {
  Type element = n.element();
  Value self = element ? n.b.cast(n.tensor("self"), element) : Value();
  auto dims = reducedDims(n, self);
  double order = n.number(orderName, 2);
  if (!dims)
    return n.result({});
  bool keep = n.flag("keepdim");
  if (order == 2)
    n.result(reduceNorm(n.b, NormKind::L2, self, *dims, keep));
  else if (order == 1)
    n.result(reduceNorm(n.b, NormKind::L1, self, *dims, keep));
  else if (std::isinf(order))
    n.result(n.b.reduce(order > 0 ? ReduceKind::Max : ReduceKind::Min, n.b.create<AbsOp>(self),
                        *dims, keep));
  else if (order == 0)
    n.result(
        n.b.reduce(ReduceKind::Sum,
                   n.b.cast(n.b.cmp(CmpKind::Ne, self, n.b.scalarLike(self, 0)), n.b.element(self)),
                   *dims, keep));
  else {
    Value powered = n.b.binary<PowOp>(n.b.create<AbsOp>(self), n.b.scalarLike(self, order));
    Value sum = n.b.reduce(ReduceKind::Sum, powered, *dims, keep);
    n.result(n.b.binary<PowOp>(sum, n.b.scalarLike(sum, 1 / order)));
  }
}

void softmax(Node &n, bool log) {
  Type element = n.element();
  Value self = element ? n.b.cast(n.tensor("self"), element) : Value();
  if (!self)
    return n.result({});
  if (n.b.rank(self) == 0)
    return n.result(n.b.squeeze(n.b.softmax(n.b.unsqueeze(self, {0}), 0, log), {0}));
  auto axis = n.b.axis(n.integer("dim"), n.b.rank(self));
  n.result(axis ? n.b.softmax(self, *axis, log) : Value());
}

/// Softmax whose rows of -infinity give zeros.
void safeSoftmax(Node &n) {
  Type element = n.element();
  Value self = element ? n.b.cast(n.tensor("self"), element) : Value();
  auto axis = self ? n.b.axis(n.integer("dim"), n.b.rank(self)) : std::nullopt;
  if (!axis)
    return n.result({});
  Value peak = n.b.reduce(ReduceKind::Max, self, {*axis}, true);
  Value masked = n.b.cmp(CmpKind::Eq, peak, n.b.scalarLike(peak, -INFINITY));
  n.result(n.b.select(masked, n.b.scalarLike(self, 0), n.b.softmax(self, *axis)));
}

void cumsum(Node &n) {
  Type element = n.element();
  Value self = element ? n.b.cast(n.tensor("self"), element) : Value();
  if (self && n.b.rank(self) == 0)
    return n.result(self);
  auto axis = self ? n.b.axis(n.integer("dim"), n.b.rank(self)) : std::nullopt;
  n.result(axis ? n.b.create<CumsumOp>(self, (uint64_t)*axis, false, false) : Value());
}

/// Values and indices of the first `count` along a dim, in order.
void ordered(Node &n, std::optional<int64_t> count, bool descending) {
  Value self = n.tensor("self");
  if (!self || n.failed)
    return n.result({});
  bool scalar = n.b.rank(self) == 0;
  if (scalar)
    self = n.b.unsqueeze(self, {0});
  auto axis = n.b.axis(n.integer("dim", -1), n.b.rank(self));
  if (!axis)
    return n.result({});
  uint64_t k = count.value_or(n.b.shape(self)[*axis]);
  auto results = n.b.createAll<TopKOp>(self, k, (uint64_t)*axis, !descending);
  if (results.size() != 2)
    return n.result({});
  if (scalar)
    for (Value &value : results)
      value = n.b.squeeze(value, {0});
  if (StringRef(n.op).starts_with("argsort"))
    n.result(results[1]);
  else
    n.results(results);
}

} // namespace

void addReductionOps(OpTable &table) {
  table.add({"sum.default", "sum.dim_IntList"}, reduce<ReduceKind::Sum>);
  table.add({"mean.default", "mean.dim"}, reduce<ReduceKind::Mean>);
  table.add({"prod.default", "prod.dim_int"}, reduce<ReduceKind::Prod>);
  table.add({"amax.default", "max.default"}, reduce<ReduceKind::Max>);
  table.add({"amin.default", "min.default"}, reduce<ReduceKind::Min>);
  table.add({"any.default", "any.dim", "any.dims"}, reduceTruth<ReduceKind::Any>);
  table.add({"all.default", "all.dim", "all.dims", "_is_all_true.default"},
            reduceTruth<ReduceKind::All>);
  table.add({"max.dim"}, reduceWithIndex<ReduceKind::Max>);
  table.add({"min.dim"}, reduceWithIndex<ReduceKind::Min>);
  table.add({"argmax.default"}, argReduce<ReduceKind::Max>);
  table.add({"argmin.default"}, argReduce<ReduceKind::Min>);
  table.add({"var.correction", "var.dim", "var.default"}, [](Node &n) { n.result(varianceOf(n)); });
  table.add({"std.correction", "std.dim", "std.default"},
            [](Node &n) { n.result(n.b.create<SqrtOp>(varianceOf(n))); });
  table.add({"var_mean.correction", "var_mean.dim"}, [](Node &n) {
    n.result(varianceOf(n), 0);
    n.result(reduced(n, ReduceKind::Mean, n.tensor("self")), 1);
  });
  table.add({"std_mean.correction", "std_mean.dim"}, [](Node &n) {
    n.result(n.b.create<SqrtOp>(varianceOf(n)), 0);
    n.result(reduced(n, ReduceKind::Mean, n.tensor("self")), 1);
  });
  table.add({"linalg_vector_norm.default"}, [](Node &n) { vectorNorm(n, "ord"); });
  table.add({"norm.ScalarOpt_dim", "norm.Scalar"}, [](Node &n) { vectorNorm(n, "p"); });
  table.add({"logsumexp.default"}, [](Node &n) {
    Value self = n.tensor("self");
    auto dims = reducedDims(n, self);
    n.result(dims ? reduceNorm(n.b, NormKind::LogSumExp, self, *dims, n.flag("keepdim")) : Value());
  });
  table.add({"softmax.int", "_softmax.default"}, [](Node &n) { softmax(n, false); });
  table.add({"log_softmax.int", "_log_softmax.default"}, [](Node &n) { softmax(n, true); });
  table.add({"_safe_softmax.default"}, safeSoftmax);
  table.add({"cumsum.default"}, cumsum);
  table.add({"topk.default"}, [](Node &n) { ordered(n, n.integer("k"), n.flag("largest", true)); });
  table.add({"sort.default", "sort.stable", "argsort.default", "argsort.stable"},
            [](Node &n) { ordered(n, std::nullopt, n.flag("descending")); });
}

} // namespace ingot::pt2
