// ONNX operators beside the usual families: counts of n-grams, determinants.
#include "compiler/importers/common/Decompositions.h"
#include "compiler/importers/onnx/OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnximport;

using B = GraphBuilder;

/// Counts of the n-grams of a pool in rows of integers: for each length and distance, windows are
/// compared with all n-grams of that length at once.
static LogicalResult tfIdf(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  std::string mode = n.stringAttr("mode", "");
  int64_t shortest = n.intAttr("min_gram_length", 1), longest = n.intAttr("max_gram_length", 1),
          skips = n.intAttr("max_skip_count", 0);
  Ints starts = n.intsAttr("ngram_counts").value_or(Ints()),
       columns = n.intsAttr("ngram_indexes").value_or(Ints()),
       pool = n.intsAttr("pool_int64s").value_or(Ints());
  std::optional<SmallVector<double>> weights = n.floatsAttr("weights");
  if (n.has("pool_strings"))
    return n.unsupported("pool_strings", "expected pool_int64s");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return n.unsupported("mode = " + mode, "expected TF, IDF or TFIDF");
  if (!input)
    return failure();
  int64_t rank = B::rank(input), size = 0, poolSize = pool.size();
  for (int64_t column : columns) {
    if (column < 0 || column >= kMaxReadElements)
      return n.error("has n-gram index " + Twine(column));
    size = std::max(size, column + 1);
  }
  if (rank > 2 || shortest < 1 || longest < shortest || longest > 64 || skips < 0 || skips > 4096 ||
      size == 0 || (weights && weights->size() != columns.size()))
    return n.error("has a rank, lengths, skips or weights that are not possible");
  int64_t rows = rank == 2 ? B::shape(input)[0] : 1, length = rank ? B::shape(input)[rank - 1] : 1;
  Type i64 = b.ops().getI64Type(), f32 = b.ops().getF32Type();
  Value text = b.cast(b.reshape(input, {rows, length}), i64);
  Value counts = b.splat({size, rows}, f32, 0.0);
  SmallVector<double> columnWeights(size, 1.0);
  int64_t next = 0; // n-grams before
  for (int64_t gram = 1; gram <= static_cast<int64_t>(starts.size()); ++gram) {
    int64_t from = starts[gram - 1],
            to = gram < static_cast<int64_t>(starts.size()) ? starts[gram] : poolSize;
    if (from < 0 || to < from || to > poolSize || (to - from) % gram)
      return n.error("has n-gram counts that do not fit its pool");
    int64_t count = (to - from) / gram;
    if (next + count > static_cast<int64_t>(columns.size()))
      return n.error("has more n-grams than indexes");
    ArrayRef<int64_t> own = ArrayRef<int64_t>(columns).slice(next, count);
    if (weights)
      for (int64_t i = 0; i < count; ++i)
        columnWeights[own[i]] = (*weights)[next + i];
    next += count;
    if (gram < shortest || gram > longest || count == 0)
      continue;
    Value grams =
        b.reshape(b.ints(ArrayRef<int64_t>(pool).slice(from, to - from)), {1, 1, count, gram});
    // A distance between the items of a single one has no meaning.
    for (int64_t distance = 1; distance <= (gram == 1 ? 1 : skips + 1); ++distance) {
      int64_t places = length - (gram - 1) * distance;
      if (places < 1)
        break;
      Value matches;
      for (int64_t item = 0; item < gram; ++item) {
        Value at = b.reshape(b.slice(text, 1, item * distance, places), {rows, places, 1});
        Value same = b.cmp(CmpKind::Eq, at, b.reshape(b.slice(grams, 3, item, 1), {1, 1, count}));
        matches = matches ? b.binary<AndOp>(matches, same) : same;
      }
      Value found = b.reduce(ReduceKind::Sum, b.cast(matches, f32), 1, false); // [rows, count]
      Value index = b.reshape(b.ints(own), {count, 1});
      counts = b.create<ScatterNDOp>(counts, index, b.transpose(found, {1, 0}), ScatterKind::Add);
    }
  }
  if (mode == "IDF")
    counts = b.cast(b.cmp(CmpKind::Gt, counts, b.scalar(f32, 0.0)), f32);
  if (mode != "TF" && weights && counts) {
    const char *data = reinterpret_cast<const char *>(columnWeights.data());
    std::vector<char> bytes(data, data + columnWeights.size() * sizeof(double));
    Value factors = b.constant(b.tensorType({size, 1}, b.ops().getF64Type()), std::move(bytes));
    counts = b.mul(counts, b.cast(factors, f32));
  }
  Value result = b.transpose(counts, {1, 0});
  return n.set(rank == 2 ? result : b.reshape(result, {size}));
}

/// By elimination with row exchanges: the product of the pivots.
static LogicalResult determinant(OnnxNode &n) {
  GraphBuilder &b = n.b;
  Value input = n.in(0);
  if (!input)
    return failure();
  int64_t rank = B::rank(input), size = rank >= 2 ? B::shape(input)[rank - 1] : -1;
  if (size < 1 || B::shape(input)[rank - 2] != size || !B::isFloat(input))
    return n.error("needs square matrices of floats, but got " + shapeName(B::shape(input)));
  if (size > 256)
    return n.unsupported("of " + Twine(size) + " rows", "expected up to 256");
  Ints outer(B::shape(input).drop_back(2));
  int64_t count = 1;
  for (int64_t extent : outer)
    count *= extent;
  Type i64 = b.ops().getI64Type();
  Value a = b.reshape(input, {count, size, size}), product;
  for (int64_t k = 0; k < size; ++k) {
    // What is left is [count, m, m]; the row with the largest first element comes up.
    int64_t m = size - k;
    Value column = b.slice(a, 2, 0, 1);
    Value best = b.create<ArgReduceOp>(ReduceKind::Max, b.create<AbsOp>(column), 1, true,
                                       false); // [count, 1, 1]
    Value pivotRow = b.create<GatherElementsOp>(a, b.broadcast(best, {count, 1, m}), 1);
    Value pivot = b.slice(pivotRow, 2, 0, 1);
    Value moved = b.cmp(CmpKind::Ne, best, b.scalar(i64, 0));
    Value signedPivot = b.select(moved, b.create<NegOp>(pivot), pivot);
    product = product ? b.mul(product, signedPivot) : signedPivot;
    if (m == 1)
      break;
    // The first row takes the place of the one that came up.
    Value firstRow = b.slice(a, 1, 0, 1);
    Value isBest = b.cmp(CmpKind::Eq, b.iota(b.tensorType({1, m, 1}, i64), 1), best);
    Value swapped = b.slice(b.select(isBest, firstRow, a), 1, 1, m - 1);
    Value zero = b.cmp(CmpKind::Eq, pivot, b.scalarLike(pivot, 0.0));
    Value factor =
        b.div(b.slice(swapped, 2, 0, 1), b.select(zero, b.scalarLike(pivot, 1.0), pivot));
    a = b.sub(swapped, b.mul(factor, pivotRow));
    a = b.slice(a, 2, 1, m - 1);
  }
  return n.set(b.reshape(product, outer));
}

void onnximport::addOtherOps(OpTable &table) {
  table.add("TfIdfVectorizer", tfIdf);
  table.add("Det", determinant);
}
