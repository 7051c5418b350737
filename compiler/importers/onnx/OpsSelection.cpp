// ONNX operators whose result's extents depend on data: NonZero, Compress, Unique,
// NonMaxSuppression.
//
// Where a result is only returned, the graph computes the most there can be and how many there are,
// and the program's user gets those. What a node reads has a fixed extent: the model must declare
// it, or the operand be a constant; the rows there is room for are filled from the front.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"
#include <array>
#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// How many of constant flags are set.
static std::optional<int64_t> countSet(Value flags) {
  std::optional<Ints> known = B::getConstantInts(flags);
  return known ? std::optional<int64_t>(llvm::count_if(*known, [](int64_t f) { return f != 0; }))
               : std::nullopt;
}

/// The positions of the first `count` set flags ([n] of i1) as i64, then zeros.
static Value setPositions(GraphBuilder &b, Value flags, int64_t count) {
  if (!flags)
    return {};
  Type i64 = b.ops().getI64Type();
  int64_t n = B::shape(flags)[0];
  // Each set flag's place is the number of those before it; the others share one place more.
  Value running = b.create<CumsumOp>(b.cast(flags, i64), 0, /*exclusive=*/true, false);
  Value beyond = b.scalar(i64, static_cast<double>(count));
  Value place = b.select(flags, b.binary<MinOp>(running, beyond), beyond);
  Value all = b.create<ScatterElementsOp>(b.splat(count + 1, i64, 0.0), place,
                                          b.iota(b.tensorType(n, i64), 0), 0, ScatterKind::None);
  return b.slice(all, 0, 0, count);
}

/// How many flags are set: i64, rank 0.
static Value countOf(GraphBuilder &b, Value flags) {
  return flags ? b.reduce(ReduceKind::Sum, b.cast(flags, b.ops().getI64Type()), 0, false) : flags;
}

static Value flat(GraphBuilder &b, Value value) {
  return value ? b.reshape(value, B::type(value).getNumElements()) : value;
}

static Value nonZeroFlags(GraphBuilder &b, Value value) {
  return !value || B::isBool(value) ? value : b.cmp(CmpKind::Ne, value, b.scalarLike(value, 0.0));
}

static LogicalResult nonZero(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  Value flags = flat(b, nonZeroFlags(b, input));
  if (!flags)
    return failure();
  std::optional<int64_t> count = countSet(flags);
  bool counted = !count && n.isOnlyReturned(0);
  if (counted)
    count = B::shape(flags)[0];
  if (!count) {
    std::optional<Ints> shape = n.declaredShape(0, 2);
    if (!shape)
      return failure();
    count = (*shape)[1];
  }
  int64_t rank = B::rank(input);
  Type i64 = b.ops().getI64Type();
  Value positions = setPositions(b, flags, *count);
  SmallVector<Value> rows(rank);
  for (int64_t dim = rank; dim-- > 0;) {
    Value extent = b.scalar(i64, static_cast<double>(B::shape(input)[dim]));
    rows[dim] = b.unsqueeze(b.binary<ModOp>(positions, extent), 0);
    positions = b.div(positions, extent);
  }
  if (rows.empty())
    return n.unsupported("of a scalar", "expected rank 1 or more");
  Value places = b.concat(rows, 0);
  return counted ? n.setCounted(0, places, 1, countOf(b, flags)) : n.set(places);
}

static LogicalResult compress(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0), flags = n.in(1);
  if (!input || !flags)
    return failure();
  bool whole = !n.has("axis");
  std::optional<int64_t> axis = whole ? 0 : b.axis(n.intAttr("axis", 0), B::rank(input));
  if (whole)
    input = flat(b, input);
  if (!axis || !input)
    return failure();
  if (B::rank(flags) != 1 || B::shape(flags)[0] > B::shape(input)[*axis])
    return n.error("has conditions of shape " + shapeName(B::shape(flags)) + " for " +
                   Twine(B::shape(input)[*axis]) + " elements");
  std::optional<int64_t> count = countSet(flags);
  bool counted = !count && n.isOnlyReturned(0);
  if (counted)
    count = B::shape(flags)[0];
  if (!count) {
    std::optional<Ints> shape = n.declaredShape(0, B::rank(input));
    if (!shape)
      return failure();
    count = (*shape)[*axis];
  }
  Value kept = b.create<GatherOp>(input, setPositions(b, flags, *count), *axis);
  return counted ? n.setCounted(0, kept, *axis, countOf(b, flags)) : n.set(kept);
}

/// Positions of rows [n, m] in ascending lexicographic order, equal ones by position.
static Value rowOrder(OnnxNode &n, Value rows) {
  GraphBuilder &b = n.b;
  Type i64 = b.ops().getI64Type();
  int64_t count = B::shape(rows)[0], width = B::shape(rows)[1];
  if (width == 1) {
    SmallVector<Value> sorted = b.createAll<TopKOp>(flat(b, rows), count, 0, true);
    return sorted.empty() ? Value() : sorted[1];
  }
  std::optional<int64_t> pairs = checkedMul(count, count);
  std::optional<int64_t> compared = pairs ? checkedMul(*pairs, width) : std::nullopt;
  if (!compared || *compared > (int64_t(1) << 28)) {
    (void)n.unsupported("of " + Twine(count) + " rows of " + Twine(width) + " elements",
                        "expected fewer");
    return {};
  }
  // Row i comes before row j at the first element where they differ.
  Value a = b.unsqueeze(rows, 1), c = b.unsqueeze(rows, 0);
  Value same = b.cast(b.cmp(CmpKind::Eq, a, c), i64);
  Value sameSoFar = runningProduct(b, same, 2, /*exclusive=*/true, /*reverse=*/false);
  Value decides =
      b.binary<AndOp>(b.cmp(CmpKind::Lt, a, c), b.cmp(CmpKind::Ne, sameSoFar, b.scalar(i64, 0)));
  Value before = b.reduce(ReduceKind::Any, decides, 2, false); // [i, j]
  Value equal = b.reduce(ReduceKind::All, b.cmp(CmpKind::Eq, a, c), 2, false);
  Value earlier = b.cmp(CmpKind::Lt, b.iota(b.tensorType({count, 1}, i64), 0),
                        b.iota(b.tensorType({1, count}, i64), 1));
  before = b.binary<OrOp>(before, b.binary<AndOp>(equal, earlier));
  Value rank = b.reduce(ReduceKind::Sum, b.cast(before, i64), 0, false);
  return b.create<ScatterElementsOp>(b.splat(count, i64, 0.0), rank,
                                     b.iota(b.tensorType(count, i64), 0), 0, ScatterKind::None);
}

static LogicalResult unique(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  bool sorted = n.intAttr("sorted", 1), whole = !n.has("axis");
  if (!input)
    return failure();
  std::optional<int64_t> axis = whole ? 0 : b.axis(n.intAttr("axis", 0), B::rank(input));
  if (whole)
    input = flat(b, input);
  if (!axis || !input)
    return failure();
  int64_t count = B::shape(input)[*axis];
  if (count < 1)
    return n.unsupported("of nothing", "expected an element at least");
  // The inverse has a fixed extent, so a node may read it.
  bool counted = llvm::all_of(
      Ints{0, 1, 3}, [&](int64_t output) { return !n.wants(output) || n.isOnlyReturned(output); });
  std::optional<Ints> shape = counted ? Ints(B::shape(input)) : n.declaredShape(0, B::rank(input));
  if (!shape)
    return failure();
  int64_t kept = (*shape)[*axis], width = B::type(input).getNumElements() / count;
  if (kept > count)
    return n.error("declares " + Twine(kept) + " results of " + Twine(count) + " elements");
  Ints perm{*axis};
  for (int64_t dim = 0; dim < B::rank(input); ++dim)
    if (dim != *axis)
      perm.push_back(dim);
  Value rows = b.reshape(b.transpose(input, perm), {count, width});
  Value order = rowOrder(n, rows);
  if (!order)
    return failure();
  // In order, the first of each group of equal ones.
  Type i64 = b.ops().getI64Type(), i1 = b.ops().getI1Type();
  Value inOrder = b.create<GatherOp>(rows, order, 0);
  Value differs =
      b.cmp(CmpKind::Ne, b.slice(inOrder, 0, 1, count - 1), b.slice(inOrder, 0, 0, count - 1));
  Value first = b.concat({b.splat(1, i1, 1), b.reduce(ReduceKind::Any, differs, 1, false)}, 0);
  Value group = b.sub(b.create<CumsumOp>(b.cast(first, i64), 0, false, false), b.scalar(i64, 1));
  Value indices = b.create<GatherOp>(order, setPositions(b, first, kept), 0);
  Value inverse =
      b.create<ScatterElementsOp>(b.splat(count, i64, 0.0), order, group, 0, ScatterKind::None);
  Value counts = b.create<ScatterElementsOp>(
      b.splat(kept, i64, 0.0), b.binary<MinOp>(group, b.scalar(i64, static_cast<double>(kept - 1))),
      b.splat(count, i64, 1.0), 0, ScatterKind::Add);
  Value total = countOf(b, first);
  if (!sorted) {
    // By first occurrence: the groups are numbered anew. What is left over comes last.
    Value isGroup = b.cmp(CmpKind::Lt, b.iota(b.tensorType(kept, i64), 0), total);
    indices = b.select(isGroup, indices, b.scalar(i64, static_cast<double>(count)));
    SmallVector<Value> byPosition = b.createAll<TopKOp>(indices, kept, 0, true);
    if (byPosition.empty())
      return failure();
    indices = b.binary<MinOp>(byPosition[0], b.scalar(i64, static_cast<double>(count - 1)));
    counts = b.create<GatherOp>(counts, byPosition[1], 0);
    Value renumbered =
        b.create<ScatterElementsOp>(b.splat(kept, i64, 0.0), byPosition[1],
                                    b.iota(b.tensorType(kept, i64), 0), 0, ScatterKind::None);
    inverse = b.create<GatherOp>(renumbered, inverse, 0);
  }
  Value values = b.create<GatherOp>(input, indices, *axis);
  if (!counted)
    return n.set({values, indices, inverse, counts});
  return failure(failed(n.setCounted(0, values, *axis, total)) ||
                 failed(n.setCounted(1, indices, 0, total)) || failed(n.setOutput(2, inverse)) ||
                 failed(n.setCounted(3, counts, 0, total)));
}

/// The corners of boxes [B, N, 4] as lower y, lower x, higher y, higher x of shape [B, 1, N].
static std::array<Value, 4> boxCorners(GraphBuilder &b, Value boxes, bool center) {
  int64_t batch = B::shape(boxes)[0], count = B::shape(boxes)[1];
  SmallVector<Value> raw;
  for (int64_t i = 0; i < 4; ++i)
    raw.push_back(b.reshape(b.slice(boxes, 2, i, 1), {batch, 1, count}));
  if (center) { // x, y, width, height
    Value dx = b.scale(raw[2], 0.5), dy = b.scale(raw[3], 0.5);
    raw = {b.sub(raw[1], dy), b.sub(raw[0], dx), b.add(raw[1], dy), b.add(raw[0], dx)};
  }
  return {b.binary<MinOp>(raw[0], raw[2]), b.binary<MinOp>(raw[1], raw[3]),
          b.binary<MaxOp>(raw[0], raw[2]), b.binary<MaxOp>(raw[1], raw[3])};
}

/// Overlap of the boxes `a` and `c`: intersection over union, 0 without a union.
static Value boxOverlap(GraphBuilder &b, ArrayRef<Value> a, ArrayRef<Value> c) {
  auto area = [&](ArrayRef<Value> v) { return b.mul(b.sub(v[2], v[0]), b.sub(v[3], v[1])); };
  Value height = b.sub(b.binary<MinOp>(a[2], c[2]), b.binary<MaxOp>(a[0], c[0]));
  Value width = b.sub(b.binary<MinOp>(a[3], c[3]), b.binary<MaxOp>(a[1], c[1]));
  Value shared = b.mul(b.create<ReluOp>(height), b.create<ReluOp>(width));
  Value whole = b.sub(b.add(area(a), area(c)), shared);
  Value some = b.cmp(CmpKind::Gt, whole, b.scalarLike(whole, 0.0));
  return b.select(some, b.div(shared, whole), b.scalarLike(shared, 0.0));
}

/// Boxes that one class may keep: each is a round of operations.
constexpr int64_t kMaxKept = 256;

static LogicalResult nonMaxSuppression(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value boxes = n.in(0), scores = n.in(1);
  bool center = n.intAttr("center_point_box", 0);
  if (!boxes || !scores)
    return failure();
  if (B::rank(boxes) != 3 || B::rank(scores) != 3 || B::shape(boxes)[2] != 4 ||
      B::shape(boxes)[0] != B::shape(scores)[0] || B::shape(boxes)[1] != B::shape(scores)[2])
    return n.error("needs boxes [B, N, 4] and scores [B, C, N], but got " +
                   shapeName(B::shape(boxes)) + " and " + shapeName(B::shape(scores)));
  double infinity = std::numeric_limits<double>::infinity();
  // Limits may be computed at run time.
  auto limitOf = [&](size_t i, StringRef what, Value otherwise) -> Value {
    Value value = n.opt(i);
    if (!value || B::type(value).getNumElements() == 0)
      return otherwise;
    if (B::type(value).getNumElements() == 1)
      return b.reshape(value, {});
    (void)n.error("has " + what + " of " + Twine(B::type(value).getNumElements()) + " elements");
    return {};
  };
  Type i64 = b.ops().getI64Type();
  Value most = limitOf(2, "max_output_boxes_per_class", b.scalar(i64, 0.0));
  Value limit = limitOf(3, "iou_threshold", b.scalarLike(boxes, 0.0));
  Value lowest = limitOf(4, "score_threshold", b.scalarLike(scores, -infinity));
  if (!most || !limit || !lowest)
    return failure();
  int64_t batch = B::shape(scores)[0], classes = B::shape(scores)[1], count = B::shape(scores)[2];
  int64_t rounds = count;
  std::optional<Ints> known = n.opt(2) ? B::getConstantInts(n.opt(2)) : Ints{0}, bound;
  if (known && known->size() == 1) {
    rounds = std::clamp<int64_t>(known->front(), 0, rounds);
    bound = Ints{batch * classes * rounds, 3};
  }
  std::optional<Ints> shape = n.declaredShape(0, 2, bound);
  if (!shape)
    return failure();
  rounds = std::min(rounds, shape->front());
  if (rounds > kMaxKept)
    return n.unsupported("of " + Twine(rounds) + " boxes per class",
                         "expected up to " + Twine(kMaxKept));
  bool counted = bound && n.isOnlyReturned(0);
  if (rounds == 0 || batch * classes == 0) {
    Value none = b.splat({shape->front(), 3}, i64, -1.0);
    return counted ? n.setCounted(0, none, 0, b.scalar(i64, 0)) : n.set(none);
  }
  // Each round takes the best box that is left of every class, and lets go of those it overlaps.
  Ints all{batch, classes, count};
  std::array<Value, 4> corners = boxCorners(b, boxes, center);
  Value gone = b.scalarLike(scores, -infinity);
  Value left = b.select(b.cmp(CmpKind::Gt, scores, lowest), scores, gone);
  SmallVector<Value> boxesKept, isKept;
  for (int64_t round = 0; round < rounds; ++round) {
    Value best = b.create<ArgReduceOp>(ReduceKind::Max, left, 2, true, false); // [B, C, 1]
    Value some = b.cmp(CmpKind::Gt, b.reduce(ReduceKind::Max, left, 2, true), gone);
    Value counts = b.cmp(CmpKind::Lt, b.scalar(i64, static_cast<double>(round)), most);
    some = b.binary<AndOp>(some, counts);
    SmallVector<Value> own;
    for (Value corner : corners)
      own.push_back(b.create<GatherElementsOp>(b.broadcast(corner, all), best, 2));
    Value overlap = boxOverlap(b, own, corners);
    Value same = b.cmp(CmpKind::Eq, b.iota(b.tensorType({1, 1, count}, i64), 2), best);
    Value falls = b.binary<OrOp>(same, b.cmp(CmpKind::Gt, overlap, limit));
    left = b.select(falls, gone, left);
    boxesKept.push_back(best);
    isKept.push_back(some);
    if (!left || !best)
      return failure();
  }
  // Rows by batch, class and round; what is left over is -1.
  Value flags = flat(b, b.concat(isKept, 2)), places = setPositions(b, flags, shape->front());
  Value box = b.create<GatherOp>(flat(b, b.concat(boxesKept, 2)), places, 0);
  Value inClass = b.div(places, b.scalar(i64, static_cast<double>(rounds)));
  Value category = b.binary<ModOp>(inClass, b.scalar(i64, static_cast<double>(classes)));
  Value image = b.div(inClass, b.scalar(i64, static_cast<double>(classes)));
  Value rows = b.concat({b.unsqueeze(image, 1), b.unsqueeze(category, 1), b.unsqueeze(box, 1)}, 1);
  if (counted)
    return n.setCounted(0, rows, 0, countOf(b, flags));
  Value total = b.reduce(ReduceKind::Sum, b.cast(flags, i64), 0, true);
  Value row = b.iota(b.tensorType({shape->front(), 1}, i64), 0);
  return n.set(b.select(b.cmp(CmpKind::Lt, row, total), rows, b.scalar(i64, -1)));
}

void onnximport::addSelectionOps(OpTable &table) {
  table.add("NonZero", nonZero);
  table.add("Compress", compress);
  table.add("Unique", unique);
  table.add("NonMaxSuppression", nonMaxSuppression);
}
