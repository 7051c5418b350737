// Complex tensors as pairs of real ones along a last dim (Tensor::isComplex).
//
// Only the rows here serve complex operands and results; everything else refuses them by name.
#include "compiler/importers/pt2/ComplexOps.h"

#include "compiler/importers/common/Decompositions.h"

using namespace mlir;

namespace ingot::pt2 {

Complex complexPart(Node &n, Value value, bool isComplex) {
  if (!value || !isComplex)
    return {value, {}};
  int64_t last = n.b.rank(value) - 1;
  return {n.b.squeeze(n.b.slice(value, last, 0, 1), {last}),
          n.b.squeeze(n.b.slice(value, last, 1, 1), {last})};
}

Complex complexOperand(Node &n, StringRef name) {
  return complexPart(n, n.tensor(name), n.isComplex(name));
}

Value joinComplex(Node &n, Complex x) {
  if (!x.real)
    return {};
  Value imaginary = x.imaginary ? x.imaginary : n.b.scalarLike(x.real, 0);
  imaginary = n.b.broadcast(imaginary, n.b.shape(x.real));
  int64_t rank = n.b.rank(x.real);
  return n.b.concat({n.b.unsqueeze(x.real, {rank}), n.b.unsqueeze(imaginary, {rank})}, rank);
}

namespace {

void join(Node &n, Complex x) { n.result(joinComplex(n, x)); }

/// An operand in the real type of the result's pairs.
Complex operand(Node &n, StringRef name) {
  Complex x = complexOperand(n, name);
  Type element = n.element();
  if (!element || !x.real)
    return {};
  return {n.b.cast(x.real, element), x.imaginary ? n.b.cast(x.imaginary, element) : Value()};
}

Value zeroLike(Node &n, Value x) { return n.b.scalarLike(x, 0); }

void addSub(Node &n, bool subtract) {
  if (n.number("alpha", 1) != 1)
    return n.unsupported("expected alpha = 1", "complex values with alpha");
  Complex x = operand(n, "self"), y = operand(n, "other");
  auto combine = [&](Value a, Value b) { return subtract ? n.b.sub(a, b) : n.b.add(a, b); };
  if (!x.real || !y.real)
    return n.result({});
  join(n, {combine(x.real, y.real), combine(x.imaginary ? x.imaginary : zeroLike(n, x.real),
                                            y.imaginary ? y.imaginary : zeroLike(n, y.real))});
}

Complex product(Node &n, Complex x, Complex y) {
  if (!x.imaginary)
    std::swap(x, y);
  if (!y.imaginary)
    return {n.b.mul(x.real, y.real), x.imaginary ? n.b.mul(x.imaginary, y.real) : Value()};
  return {n.b.sub(n.b.mul(x.real, y.real), n.b.mul(x.imaginary, y.imaginary)),
          n.b.add(n.b.mul(x.real, y.imaginary), n.b.mul(x.imaginary, y.real))};
}

void divide(Node &n) {
  Complex x = operand(n, "self"), y = operand(n, "other");
  if (!y.imaginary)
    return join(n, {n.b.div(x.real, y.real), x.imaginary ? n.b.div(x.imaginary, y.real) : Value()});
  Value square = n.b.add(n.b.mul(y.real, y.real), n.b.mul(y.imaginary, y.imaginary));
  Complex z = product(n, x, {y.real, n.b.create<NegOp>(y.imaginary)});
  join(n, {n.b.div(z.real, square), n.b.div(z.imaginary, square)});
}

void absolute(Node &n) {
  // The larger part is taken out, so that squares neither overflow nor vanish.
  Complex x = complexOperand(n, "self");
  Value re = n.b.create<AbsOp>(x.real), im = n.b.create<AbsOp>(x.imaginary);
  Value high = n.b.binary<MaxOp>(re, im), low = n.b.binary<MinOp>(re, im);
  Value ratio = n.b.div(low, high);
  Value length =
      n.b.mul(high, n.b.create<SqrtOp>(n.b.add(n.b.scalarLike(high, 1), n.b.mul(ratio, ratio))));
  Value plain = n.b.binary<OrOp>(n.b.cmp(CmpKind::Eq, high, zeroLike(n, high)),
                                 n.b.create<IsInfOp>(high, true, true));
  n.result(n.b.select(plain, high, length));
}

/// Applies a function of a real tensor to both parts.
template <typename Body> void both(Node &n, Body body) {
  Complex x = complexOperand(n, "self");
  join(n, {body(x.real), x.imaginary ? body(x.imaginary) : Value()});
}

std::optional<int64_t> axisOf(Node &n, Value x, int64_t given) {
  return x ? n.b.axis(given, n.b.rank(x)) : std::nullopt;
}

void slice(Node &n) {
  int64_t dim = n.integer("dim", 0), start = n.integer("start", 0),
          end = n.integer("end", INT64_MAX), step = n.integer("step", 1);
  both(n, [&](Value x) {
    auto axis = axisOf(n, x, dim);
    return axis ? n.b.sliceRange(x, *axis, start, end, step) : Value();
  });
}

void select(Node &n) {
  int64_t dim = n.integer("dim"), index = n.integer("index");
  both(n, [&](Value x) -> Value {
    auto axis = axisOf(n, x, dim);
    auto at = axis ? n.b.axis(index, n.b.shape(x)[*axis]) : std::nullopt;
    return at ? n.b.squeeze(n.b.slice(x, *axis, *at, 1), {*axis}) : Value();
  });
}

void transpose(Node &n) {
  int64_t dim0 = n.integer("dim0"), dim1 = n.integer("dim1");
  both(n, [&](Value x) -> Value {
    auto first = axisOf(n, x, dim0), second = first ? axisOf(n, x, dim1) : std::nullopt;
    if (!second)
      return {};
    Ints perm;
    for (int64_t i = 0; i < n.b.rank(x); ++i)
      perm.push_back(i);
    std::swap(perm[*first], perm[*second]);
    return n.b.transpose(x, perm);
  });
}

void permute(Node &n) {
  Ints dims = n.ints("dims");
  both(n, [&](Value x) -> Value {
    Ints perm;
    for (int64_t dim : dims) {
      auto axis = axisOf(n, x, dim);
      if (!axis)
        return {};
      perm.push_back(*axis);
    }
    return n.b.transpose(x, perm);
  });
}

} // namespace

void addComplexOps(OpTable &table) {
  // Rows that go by the recorded shape alone serve pairs as they are.
  for (const char *name : {"view.default",
                           "unflatten.int",
                           "reshape.default",
                           "flatten.using_ints",
                           "_unsafe_view.default",
                           "_reshape_alias.default",
                           "unsqueeze.default",
                           "squeeze.default",
                           "squeeze.dim",
                           "squeeze.dims",
                           "expand.default",
                           "expand_as.default",
                           "alias.default",
                           "detach.default",
                           "detach_.default",
                           "clone.default",
                           "contiguous.default",
                           "to.dtype",
                           "to.dtype_layout",
                           "to.device",
                           "lift_fresh_copy.default"})
    table.addComplex({name}, table.find(name));
  // Also from real numbers to complex ones, as Fourier transforms of real signals begin.
  table.addComplex({"_to_copy.default"}, [](Node &n) { join(n, operand(n, "self")); });
  table.addComplex({"view_as_complex.default", "view_as_real.default", "resolve_conj.default"},
                   [](Node &n) { n.alias("self"); });
  table.addComplex({"real.default"}, [](Node &n) { n.result(complexOperand(n, "self").real); });
  table.addComplex({"imag.default"},
                   [](Node &n) { n.result(complexOperand(n, "self").imaginary); });
  table.addComplex({"complex.default"},
                   [](Node &n) { join(n, {operand(n, "real").real, operand(n, "imag").real}); });
  table.addComplex({"polar.default"}, [](Node &n) {
    Value length = n.operand("abs"), angle = n.operand("angle");
    join(n, {n.b.mul(length, n.b.create<CosOp>(angle)), n.b.mul(length, n.b.create<SinOp>(angle))});
  });
  table.addComplex(
      {"_conj.default", "conj.default", "conj_physical.default", "_conj_physical.default"},
      [](Node &n) {
        Complex x = complexOperand(n, "self");
        join(n, {x.real, n.b.create<NegOp>(x.imaginary)});
      });
  table.addComplex({"neg.default"},
                   [](Node &n) { both(n, [&](Value x) { return n.b.create<NegOp>(x); }); });
  table.addComplex({"add.Tensor"}, [](Node &n) { addSub(n, false); });
  table.addComplex({"sub.Tensor"}, [](Node &n) { addSub(n, true); });
  table.addComplex({"mul.Tensor", "mul.Scalar"},
                   [](Node &n) { join(n, product(n, operand(n, "self"), operand(n, "other"))); });
  table.addComplex({"div.Tensor", "div.Scalar"}, divide);
  table.addComplex({"abs.default"}, absolute);
  table.addComplex({"angle.default"}, [](Node &n) {
    Complex x = complexOperand(n, "self");
    n.result(n.b.binary<Atan2Op>(x.imaginary, x.real));
  });
  table.addComplex({"slice.Tensor"}, slice);
  table.addComplex({"select.int"}, select);
  table.addComplex({"transpose.int"}, transpose);
  table.addComplex({"permute.default"}, permute);
}

} // namespace ingot::pt2
