// What torchao leaves in a program that was not decomposed: weights that are tensor subclasses, and
// operators that quantise blocks of elements.
#include "compiler/importers/pt2/Importer.h"

#include <cmath>

using namespace mlir;

namespace ingot::pt2 {

namespace {

/// A tensor's dims split into blocks: `shape` has two for a dim of several blocks, `within` names
/// those inside a block, and `each` is the shape with extent 1 there: one parameter a block.
struct Blocks {
  Ints shape, within, each;
};

std::optional<Blocks> blocks(Node &n, Value input) {
  Ints sizes = n.ints("block_size");
  if (!input || n.failed)
    return std::nullopt;
  ArrayRef<int64_t> shape = n.b.shape(input);
  if (sizes.size() != shape.size()) {
    n.b.fail("argument 'block_size' does not fit the operand's rank");
    return std::nullopt;
  }
  Blocks result;
  auto add = [&](int64_t extent, bool inside) {
    if (inside)
      result.within.push_back(result.shape.size());
    result.shape.push_back(extent);
    result.each.push_back(inside ? 1 : extent);
  };
  for (auto [size, extent] : llvm::zip(sizes, shape)) {
    if (size <= 0 || extent % size) {
      n.b.fail("argument 'block_size' does not divide the operand's shape");
      return std::nullopt;
    }
    if (size != extent && size > 1)
      add(extent / size, false);
    add(size == 1 ? extent : size, size != 1);
  }
  return result;
}

/// The operand in blocks, its scales and zero points (null: none) one a block, all in `type`.
struct Operands {
  Value input, scale, zeroPoint;
};

std::optional<Operands> operands(Node &n, Type type) {
  Value input = n.tensor("input"), scale = n.tensor("scale"), zero = n.optional("zero_point");
  auto split = blocks(n, input);
  if (!split || !scale)
    return std::nullopt;
  int64_t count = 1;
  for (int64_t extent : split->each)
    count *= extent;
  if (zero && n.b.type(zero).getNumElements() == 0) // as good as none
    zero = {};
  for (Value value : {scale, zero})
    if (value && n.b.type(value).getNumElements() != count) {
      n.b.fail("the parameters do not fit the operand's blocks");
      return std::nullopt;
    }
  auto part = [&](Value value, ArrayRef<int64_t> shape) {
    return value ? n.b.cast(n.b.reshape(value, shape), type) : value;
  };
  return Operands{part(input, split->shape), part(scale, split->each), part(zero, split->each)};
}

/// The integers' range where the node does not give it: that of their type.
std::optional<std::pair<double, double>> range(Node &n, Type storage) {
  auto integer = dyn_cast_or_null<IntegerType>(storage);
  if (!integer && !(n.has("quant_min") && n.has("quant_max"))) {
    n.unsupported("expected integers, or a range of values");
    return std::nullopt;
  }
  unsigned bits = integer ? integer.getWidth() : 8;
  bool isUnsigned = integer && integer.isUnsigned();
  double low = n.number("quant_min", isUnsigned ? 0 : -std::ldexp(1, bits - 1)),
         high = n.number("quant_max", std::ldexp(1, isUnsigned ? bits : bits - 1) - 1);
  return std::pair(low, high);
}

/// A result in its recorded type and shape.
void setResult(Node &n, Value value, unsigned index = 0) {
  RankedTensorType type = value ? n.type(index) : RankedTensorType();
  n.result(type ? n.b.cast(n.b.reshape(value, type.getShape()), type.getElementType()) : Value(),
           index);
}

void quantize(Node &n) {
  Value given = n.tensor("input");
  auto o = given ? operands(n, n.b.element(given)) : std::nullopt;
  auto limits = o ? range(n, n.dtype("output_dtype")) : std::nullopt;
  if (!limits)
    return n.result({});
  Value x = n.b.create<RoundOp>(n.b.mul(o->input, n.b.create<ReciprocalOp>(o->scale)));
  x = o->zeroPoint ? n.b.add(x, o->zeroPoint) : x;
  setResult(n, n.b.clamp(x, limits->first, limits->second));
}

void dequantize(Node &n) {
  Type type = n.element();
  auto o = type ? operands(n, type) : std::nullopt;
  if (!o)
    return n.result({});
  Value x = o->zeroPoint ? n.b.sub(o->input, o->zeroPoint) : o->input;
  setResult(n, n.b.mul(x, o->scale));
}

void chooseParameters(Node &n) {
  Value given = n.tensor("input");
  auto split = blocks(n, given);
  auto limits = split ? range(n, n.dtype("target_dtype")) : std::nullopt;
  if (!limits)
    return n.result({});
  auto [low, high] = *limits;
  std::string mapping = n.text("mapping_type");
  auto element = cast<FloatType>(n.b.element(given));
  double smallest =
      llvm::APFloat::getSmallestNormalized(element.getFloatSemantics()).convertToDouble();
  double epsilon = n.number("eps", smallest);
  Value x = n.b.reshape(given, split->shape);
  auto number = [&](double value) { return n.b.scalarLike(x, value); };
  Value least = n.b.binary<MinOp>(n.b.reduce(ReduceKind::Min, x, split->within, true), number(0));
  Value most = n.b.binary<MaxOp>(n.b.reduce(ReduceKind::Max, x, split->within, true), number(0));
  Value scale, zero;
  if (mapping == "ASYMMETRIC") {
    scale = n.b.clamp(n.b.div(n.b.sub(most, least), number(high - low)), epsilon, INFINITY);
    zero = n.b.clamp(n.b.sub(number(low), n.b.create<RoundOp>(n.b.div(least, scale))), low, high);
  } else if (mapping == "SYMMETRIC" || mapping == "SYMMETRIC_NO_CLIPPING_ERR") {
    if (mapping == "SYMMETRIC")
      scale = n.b.div(n.b.binary<MaxOp>(n.b.create<NegOp>(least), most), number((high - low) / 2));
    else
      scale = n.b.binary<MaxOp>(n.b.div(least, number(low)), n.b.div(most, number(high)));
    scale = n.b.clamp(scale, epsilon, INFINITY);
    zero = scale ? n.b.splat(n.b.shape(scale), n.b.element(scale), std::trunc((high + low + 1) / 2))
                 : scale;
  } else {
    return n.unsupported("mapping type is not supported", mapping);
  }
  setResult(n, scale, 0);
  setResult(n, zero, 1);
}

} // namespace

void addTorchaoOps(OpTable &table) {
  table.add({"export.access_subclass_inner_tensor.default"},
            [](Node &n) { n.part("src_subclass_tensor", n.text("attr")); });
  table.add({"torchao.quantize_affine.default"}, quantize);
  table.add({"torchao.dequantize_affine.default"}, dequantize);
  table.add({"torchao.choose_qparams_affine.default"}, chooseParameters);
}

} // namespace ingot::pt2
