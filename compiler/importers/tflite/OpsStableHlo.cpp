// The StableHLO operators that LiteRT has kernels for, and windows that are reduced. They take
// elements as they are stored.
#include "compiler/importers/tflite/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tfliteimport;

using B = GraphBuilder;

/// A row of two operands; truth values have one of their own, sums being or and products and.
template <typename G, typename OfBools = G> static LogicalResult binary(TfliteNode &n) {
  Value lhs = n.stored(0), rhs = n.stored(1);
  if (!lhs || !rhs)
    return failure();
  return n.set(B::isBool(lhs) ? n.b.binary<OfBools>(lhs, rhs) : n.b.binary<G>(lhs, rhs));
}

/// Operand 1 between the elements of operand 0 and around them; negative amounts cut off.
static LogicalResult pad(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.raw().builtin_options2_as<tflite::StablehloPadOptions>();
  Value value = n.stored(0), filler = n.stored(1);
  if (!options || !value || !filler)
    return options ? failure() : n.error("has no options of its kind");
  const flatbuffers::Vector<int64_t> *given[] = {
      options->interior_padding(), options->edge_padding_low(), options->edge_padding_high()};
  SmallVector<Ints> amounts;
  for (auto *list : given) {
    amounts.emplace_back();
    if (list)
      amounts.back().assign(list->begin(), list->end());
    if (static_cast<int64_t>(amounts.back().size()) != B::rank(value))
      return n.error("has " + Twine(amounts.back().size()) + " amounts for " +
                     shapeName(B::shape(value)));
  }
  std::optional<double> fill = B::getConstantScalar(filler);
  if (!fill)
    return n.unsupported("a fill value computed at run time", "expected a constant");
  for (int64_t &amount : amounts[0])
    if (amount++ < 0 || amount > (1 << 20))
      return n.error("has interior padding " + Twine(amount - 1));
  value = spread(b, value, amounts[0], *fill);
  return n.set(b.pad(value, amounts[1], amounts[2], *fill));
}

/// The elements of windows along each dim, combined one dim after the other.
template <typename G> static Value windows(GraphBuilder &b, Value value, ArrayRef<Ints> window) {
  for (int64_t dim = 0; value && dim < B::rank(value); ++dim) {
    int64_t extent = B::shape(value)[dim], size = window[0][dim], step = window[1][dim],
            apart = window[2][dim];
    int64_t count =
        extent < (size - 1) * apart + 1 ? 0 : (extent - (size - 1) * apart - 1) / step + 1;
    Value all;
    for (int64_t i = 0; i < size; ++i) {
      Value part = b.slice(value, dim, i * apart, count, step);
      all = all ? b.binary<G>(all, part) : part;
    }
    value = all;
  }
  return value;
}

static LogicalResult reduceWindow(TfliteNode &n) {
  GraphBuilder &b = n.b;
  auto *options = n.raw().builtin_options2_as<tflite::ReduceWindowOptions>();
  Value value = n.stored(0), start = n.stored(1);
  if (!options || !value || !start)
    return options ? failure() : n.error("has no options of its kind");
  constexpr int64_t kMaxExtent = 1024;
  SmallVector<Ints> window;
  for (size_t i = 2; i < 5; ++i) {
    std::optional<Ints> numbers = n.constantInts(i, "window");
    if (!numbers)
      return failure();
    if (static_cast<int64_t>(numbers->size()) != B::rank(value) ||
        llvm::any_of(*numbers, [&](int64_t v) { return v < 1 || v > kMaxExtent; }))
      return n.unsupported("window " + shapeName(*numbers) + " for " + shapeName(B::shape(value)),
                           "expected extents, strides and dilations of 1 to " + Twine(kMaxExtent));
    window.push_back(*numbers);
  }
  start = b.reshape(start, {});
  auto whole = [&](auto kind) {
    using G = decltype(kind);
    return n.set(b.binary<G>(windows<G>(b, value, window), start));
  };
  switch (options->reduce_function()) {
  case tflite::ReduceWindowFunction::ADD:
    return B::isBool(value) ? whole(OrOp()) : whole(AddOp());
  case tflite::ReduceWindowFunction::MUL:
    return B::isBool(value) ? whole(AndOp()) : whole(MulOp());
  case tflite::ReduceWindowFunction::MINIMUM:
    return whole(MinOp());
  case tflite::ReduceWindowFunction::MAXIMUM:
    return whole(MaxOp());
  case tflite::ReduceWindowFunction::ALL:
    return whole(AndOp());
  case tflite::ReduceWindowFunction::ANY:
    return whole(OrOp());
  default:
    return n.unsupported("reduction " + Twine(static_cast<int>(options->reduce_function())),
                         "expected ADD, MUL, MINIMUM, MAXIMUM, ALL or ANY");
  }
}

void tfliteimport::addStableHloOps(OpTable &table) {
  table.add(Op::STABLEHLO_ADD, binary<AddOp, OrOp>);
  table.add(Op::STABLEHLO_MULTIPLY, binary<MulOp, AndOp>);
  table.add(Op::STABLEHLO_MAXIMUM, binary<MaxOp, OrOp>);
  table.add(Op::STABLEHLO_MINIMUM, binary<MinOp, AndOp>);
  table.add(Op::STABLEHLO_AND, binary<AndOp>);
  table.add(Op::STABLEHLO_SHIFT_LEFT, binary<ShlOp>);
  table.add(Op::STABLEHLO_PAD, pad);
  table.add(Op::REDUCE_WINDOW, reduceWindow);
}
