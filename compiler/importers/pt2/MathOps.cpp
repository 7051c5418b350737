// Elementwise functions that are several graph ops, and reductions beside the usual ones.
//
// Each follows torch at the edges: zeros of both signs, infinities, NaN.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

#include <cmath>
#include <limits>
#include <numbers>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// Whether each float's sign bit is set, that of zeros and NaN too; integers: x < 0.
Value signBit(Node &n, Value x) {
  if (!x)
    return {};
  if (n.b.isFloat(x)) {
    Type bits = n.b.ops().getIntegerType(n.b.element(x).getIntOrFloatBitWidth());
    x = n.b.createAs<BitcastOp>(n.b.tensorType(n.b.shape(x), bits), x);
  }
  return n.b.isBool(x) ? n.b.splat(n.b.shape(x), n.b.element(x), 0)
                       : n.b.cmp(CmpKind::Lt, x, n.b.scalarLike(x, 0));
}

Value isZero(Node &n, Value x) { return n.b.cmp(CmpKind::Eq, x, n.b.scalarLike(x, 0)); }
Value isInfinite(Node &n, Value x) { return n.b.create<IsInfOp>(x, true, true); }

void copysign(Node &n) {
  Value magnitude = n.b.create<AbsOp>(n.operand("self")), sign = n.operand("other");
  n.result(n.b.select(signBit(n, sign), n.b.create<NegOp>(magnitude), magnitude));
}

void hypot(Node &n) {
  // The larger one is taken out, so that squares neither overflow nor vanish.
  Value x = n.b.create<AbsOp>(n.operand("self")), y = n.b.create<AbsOp>(n.operand("other"));
  Value high = n.b.binary<MaxOp>(x, y), low = n.b.binary<MinOp>(x, y);
  Value ratio = n.b.div(low, high), one = n.b.scalarLike(high, 1);
  Value length = n.b.mul(high, n.b.create<SqrtOp>(n.b.add(one, n.b.mul(ratio, ratio))));
  Value plain = n.b.binary<OrOp>(isZero(n, high), isInfinite(n, high));
  n.result(n.b.select(plain, high, length));
}

/// log(exp x + exp y), or to base 2.
void logAddExp(Node &n, bool binary) {
  Value x = n.operand("self"), y = n.operand("other");
  Value high = n.b.binary<MaxOp>(x, y);
  Value distance = n.b.create<NegOp>(n.b.create<AbsOp>(n.b.sub(x, y)));
  Value rest =
      n.b.create<Log1pOp>(binary ? n.b.create<Exp2Op>(distance) : n.b.create<ExpOp>(distance));
  if (binary)
    rest = n.b.scale(rest, std::numbers::log2e);
  // Equal infinities have no distance.
  n.result(n.b.select(isInfinite(n, high), high, n.b.add(high, rest)));
}

/// x · f(y), 0 where x is 0 unless y is NaN.
template <typename Op> void xTimes(Node &n) {
  Value x = n.operand("self"), y = n.operand("other");
  Value product = n.b.select(isZero(n, x), n.b.scalarLike(x, 0), n.b.mul(x, n.b.create<Op>(y)));
  n.result(n.b.select(n.b.create<IsNanOp>(y), y, product));
}

/// The larger (or smaller) one; a NaN gives the other.
template <typename Op> void ignoringNan(Node &n) {
  Value x = n.operand("self"), y = n.operand("other"), chosen = n.b.binary<Op>(x, y);
  if (!chosen || !n.b.isFloat(chosen))
    return n.result(chosen);
  Value orX = n.b.select(n.b.create<IsNanOp>(y), x, chosen);
  n.result(n.b.select(n.b.create<IsNanOp>(x), y, orX));
}

void nanToNum(Node &n) {
  Value x = n.operand("self");
  if (!x || !n.b.isFloat(x))
    return n.result(x);
  auto type = llvm::cast<FloatType>(n.b.element(x));
  double largest = APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
  auto replace = [&](Value condition, double by) {
    x = n.b.select(condition, n.b.scalarLike(x, by), x);
  };
  Value original = x;
  replace(n.b.create<IsNanOp>(original), n.number("nan", 0));
  replace(n.b.create<IsInfOp>(original, false, true), n.number("neginf", -largest));
  replace(n.b.create<IsInfOp>(original, true, false), n.number("posinf", largest));
  n.result(x);
}

/// 1 - erf x, computed wide: where erf comes close to 1, the difference keeps digits.
void erfc(Node &n) {
  Value x = n.operand("self");
  if (!x)
    return n.result({});
  Value wide = n.b.cast(x, n.b.ops().getF64Type());
  n.result(n.b.cast(n.b.sub(n.b.scalarLike(wide, 1), n.b.create<ErfOp>(wide)), n.element()));
}

Value polynomial(Node &n, Value x, ArrayRef<double> coefficients) {
  Value sum = n.b.scalarLike(x, coefficients.front());
  for (double coefficient : coefficients.drop_front())
    sum = n.b.add(n.b.mul(sum, x), n.b.scalarLike(x, coefficient));
  return sum;
}

/// The inverse of erf by two polynomials in w = -log(1 - x²) (M. Giles, Approximating the erfinv
/// function, 2010; single precision), and one step of Newton's method for wide types.
void erfinv(Node &n) {
  Value x = n.operand("self");
  if (!x)
    return n.result({});
  if (n.b.element(x).isF64())
    return n.unsupported("expected an operand of 32 bits or fewer", "f64");
  x = n.b.cast(x, n.b.ops().getF32Type());
  Value one = n.b.scalarLike(x, 1);
  Value w = n.b.create<NegOp>(n.b.create<LogOp>(n.b.mul(n.b.sub(one, x), n.b.add(one, x))));
  Value near = polynomial(n, n.b.sub(w, n.b.scalarLike(w, 2.5)),
                          {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
                           0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941});
  Value far = polynomial(n, n.b.sub(n.b.create<SqrtOp>(w), n.b.scalarLike(w, 3)),
                         {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844,
                          0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682});
  Value inside = n.b.mul(x, n.b.select(n.b.cmp(CmpKind::Lt, w, n.b.scalarLike(w, 5)), near, far));
  Value edge = n.b.cmp(CmpKind::Eq, n.b.create<AbsOp>(x), one);
  Value result = n.b.select(edge, n.b.mul(x, n.b.scalarLike(x, INFINITY)), inside);
  n.result(result ? n.b.cast(result, n.element()) : result);
}

void sinc(Node &n) {
  Value x = n.operand("self"), turned = n.b.scale(x, std::numbers::pi);
  Value quotient = n.b.div(n.b.create<SinOp>(turned), turned);
  n.result(n.b.select(isZero(n, x), n.b.scalarLike(x, 1), quotient));
}

void angle(Node &n) {
  Value x = n.operand("self");
  Value turned = n.b.select(n.b.cmp(CmpKind::Lt, x, n.b.scalarLike(x, 0)),
                            n.b.scalarLike(x, std::numbers::pi), n.b.scalarLike(x, 0));
  n.result(n.b.select(n.b.create<IsNanOp>(x), x, turned));
}

/// Whether a predicate of floats holds; integers have its value for what is finite.
template <typename Body> void classify(Node &n, bool ofFinite, Body body) {
  Value x = n.tensor("self");
  if (x && !n.b.isFloat(x))
    return n.result(n.b.splat(n.b.shape(x), n.b.ops().getI1Type(), ofFinite));
  n.result(x ? body(x) : x);
}

std::optional<Ints> dimsOf(Node &n, Value self) {
  if (!self)
    return std::nullopt;
  Ints dims = n.ints("dim", Ints());
  for (int64_t i = 0; !n.has("dim") && i < n.b.rank(self); ++i)
    dims.push_back(i);
  if (n.b.rank(self) == 0)
    return Ints();
  return n.failed ? std::nullopt : n.b.axes(dims, n.b.rank(self));
}

void cumprod(Node &n) {
  Value x = n.operand("self");
  if (x && n.b.rank(x) == 0)
    return n.result(x);
  auto axis = x ? n.b.axis(n.integer("dim"), n.b.rank(x)) : std::nullopt;
  n.result(axis ? runningProduct(n.b, x, *axis, false, false) : Value());
}

/// How many elements lie in each of `bins` equal parts of [min, max]; others do not count.
void histc(Node &n) {
  Value x = n.tensor("self");
  int64_t bins = n.integer("bins", 100);
  double low = n.number("min", 0), high = n.number("max", 0);
  if (!x || n.failed)
    return n.result({});
  if (low == high)
    return n.unsupported("give min and max", "the data's own range");
  int64_t count = n.b.type(x).getNumElements();
  Value flat = n.b.reshape(x, {count, 1});
  Value place =
      n.b.div(n.b.mul(n.b.sub(flat, n.b.scalarLike(flat, low)), n.b.scalarLike(flat, (double)bins)),
              n.b.scalarLike(flat, high - low));
  // The last part holds its upper end.
  place = n.b.create<FloorOp>(place);
  place = n.b.binary<MinOp>(place, place ? n.b.scalarLike(place, (double)bins - 1) : place);
  Value inside = n.b.cmp(CmpKind::Le, flat, n.b.scalarLike(flat, high));
  RankedTensorType row = place ? n.b.tensorType({1, bins}, n.b.element(place)) : RankedTensorType();
  Value same = row ? n.b.cmp(CmpKind::Eq, place, n.b.iota(row, 1)) : Value();
  Value hits = n.b.binary<AndOp>(same, inside);
  n.result(hits ? n.b.reduce(ReduceKind::Sum, n.b.cast(hits, n.element()), {0}, false) : Value());
}

} // namespace

void addMathOps(OpTable &table) {
  table.add({"copysign.Tensor", "copysign.Scalar"}, copysign);
  table.add({"hypot.default"}, hypot);
  table.add({"signbit.default"}, [](Node &n) { n.result(signBit(n, n.tensor("self"))); });
  table.add({"heaviside.default"}, [](Node &n) {
    Value x = n.operand("self");
    Value step = x ? n.b.cast(n.b.cmp(CmpKind::Gt, x, n.b.scalarLike(x, 0)), n.element()) : x;
    n.result(n.b.select(isZero(n, x), n.operand("values"), step));
  });
  table.add({"logaddexp.default"}, [](Node &n) { logAddExp(n, false); });
  table.add({"logaddexp2.default"}, [](Node &n) { logAddExp(n, true); });
  table.add({"xlogy.Tensor", "xlogy.Scalar_Self", "xlogy.Scalar_Other", "special_xlogy.default"},
            xTimes<LogOp>);
  table.add(
      {"special_xlog1py.default", "special_xlog1py.other_scalar", "special_xlog1py.self_scalar"},
      xTimes<Log1pOp>);
  table.add({"special_entr.default"}, [](Node &n) {
    // -x log x, 0 at 0, -infinity below.
    Value x = n.operand("self"), zero = n.b.scalarLike(x, 0);
    Value inside = n.b.create<NegOp>(n.b.mul(x, n.b.create<LogOp>(x)));
    Value below = n.b.select(n.b.cmp(CmpKind::Lt, x, zero), n.b.scalarLike(x, -INFINITY), inside);
    n.result(n.b.select(isZero(n, x), zero, below));
  });
  table.add({"fmax.default"}, ignoringNan<MaxOp>);
  table.add({"fmin.default"}, ignoringNan<MinOp>);
  table.add({"nan_to_num.default"}, nanToNum);
  table.add({"erfc.default", "special_erfc.default"}, erfc);
  table.add({"erfinv.default", "special_erfinv.default"}, erfinv);
  table.add({"sinc.default", "special_sinc.default"}, sinc);
  table.add({"angle.default"}, angle);
  table.add({"positive.default"}, [](Node &n) { n.alias("self"); });
  table.add({"deg2rad.default"},
            [](Node &n) { n.result(n.b.scale(n.operand("self"), std::numbers::pi / 180)); });
  table.add({"rad2deg.default"},
            [](Node &n) { n.result(n.b.scale(n.operand("self"), 180 / std::numbers::pi)); });
  table.add({"isnan.default"},
            [](Node &n) { classify(n, false, [&](Value x) { return n.b.create<IsNanOp>(x); }); });
  table.add({"isinf.default"},
            [](Node &n) { classify(n, false, [&](Value x) { return isInfinite(n, x); }); });
  table.add({"isfinite.default"}, [](Node &n) {
    classify(n, true, [&](Value x) {
      return n.b.create<NotOp>(n.b.binary<OrOp>(n.b.create<IsNanOp>(x), isInfinite(n, x)));
    });
  });
  table.add({"isposinf.default"}, [](Node &n) {
    classify(n, false, [&](Value x) { return n.b.create<IsInfOp>(x, true, false); });
  });
  table.add({"isneginf.default"}, [](Node &n) {
    classify(n, false, [&](Value x) { return n.b.create<IsInfOp>(x, false, true); });
  });
  table.add({"float_power.Tensor_Tensor", "float_power.Tensor_Scalar", "float_power.Scalar"},
            [](Node &n) { n.result(n.b.binary<PowOp>(n.operand("self"), n.operand("exponent"))); });
  table.add({"ldexp.Tensor"}, [](Node &n) {
    n.result(n.b.mul(n.operand("self"), n.b.create<Exp2Op>(n.operand("other"))));
  });
  table.add({"rrelu.default", "rrelu_with_noise_functional.default"}, [](Node &n) {
    if (n.flag("training"))
      return n.unsupported("export the model in eval mode", "training = True");
    double slope = (n.number("lower", 0.125) + n.number("upper", 1.0 / 3)) / 2;
    n.result(n.b.create<LeakyReluOp>(n.operand("self"), APFloat(slope)));
  });
  table.add({"cumprod.default"}, cumprod);
  table.add({"histc.default"}, histc);
  table.add({"aminmax.default"}, [](Node &n) {
    Value self = n.tensor("self");
    auto dims = dimsOf(n, self);
    bool keep = n.flag("keepdim");
    if (!dims)
      return n.result({});
    n.results({n.b.reduce(ReduceKind::Min, self, *dims, keep),
               n.b.reduce(ReduceKind::Max, self, *dims, keep)});
  });
  table.add({"count_nonzero.default", "count_nonzero.dim_IntList"}, [](Node &n) {
    Value self = n.tensor("self");
    auto dims = dimsOf(n, self);
    Value counts =
        dims ? n.b.cast(n.b.cast(self, n.b.ops().getI1Type()), n.b.ops().getI64Type()) : Value();
    n.result(counts ? n.b.reduce(ReduceKind::Sum, counts, *dims, false) : counts);
  });
  table.add({"nansum.default"}, [](Node &n) {
    Value self = n.operand("self");
    auto dims = dimsOf(n, self);
    if (!dims)
      return n.result({});
    if (n.b.isFloat(self))
      self = n.b.select(n.b.create<IsNanOp>(self), n.b.scalarLike(self, 0), self);
    n.result(self ? n.b.reduce(ReduceKind::Sum, self, *dims, n.flag("keepdim")) : self);
  });
}

} // namespace ingot::pt2
