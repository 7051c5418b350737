// Matrices: their diagonals, products beside the usual ones, norms, distances.
#include "compiler/importers/pt2/Importer.h"

#include "compiler/importers/common/Decompositions.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace ingot::pt2 {

namespace {

Ints iotaInts(int64_t from, int64_t to) {
  Ints list;
  for (int64_t i = from; i < to; ++i)
    list.push_back(i);
  return list;
}

/// i1 [rows, cols]: the k-th diagonal.
Value onDiagonal(Node &n, int64_t rows, int64_t cols, int64_t k) {
  return n.b.binary<AndOp>(triangle(n.b, rows, cols, k, true), triangle(n.b, rows, cols, k, false));
}

/// The last dim as the k-th diagonal of a matrix in two last dims.
Value embedDiagonal(Node &n, Value x, int64_t k) {
  if (!x || n.b.rank(x) == 0 || std::abs(k) > kMaxReadElements)
    return x ? n.b.fail("the operand has no dim for a diagonal") : x;
  int64_t rank = n.b.rank(x), size = n.b.shape(x).back() + std::abs(k);
  Ints low(rank, 0), high(rank, 0);
  high.back() = std::abs(k);
  // Above the main diagonal, a row's number is the element's; below it, a column's.
  Value padded = n.b.unsqueeze(n.b.pad(x, low, high), {k >= 0 ? rank : rank - 1});
  Ints shape(n.b.shape(x));
  shape.back() = size;
  shape.push_back(size);
  return n.b.select(onDiagonal(n, size, size, k), n.b.broadcast(padded, shape),
                    n.b.scalarLike(x, 0));
}

void diagonalMatrix(Node &n) {
  Value x = n.tensor("self");
  int64_t k = n.integer("diagonal", 0);
  RankedTensorType type = n.type();
  if (!x || !type)
    return n.result({});
  if (n.b.rank(x) == 1)
    return n.result(embedDiagonal(n, x, k));
  if (n.b.rank(x) != 2)
    return n.result(n.b.fail("expected a vector or a matrix"));
  // In row-major order, a diagonal's elements lie a row and an element apart.
  int64_t columns = n.b.shape(x)[1], length = type.getDimSize(0);
  Value flat = n.b.reshape(x, {n.b.type(x).getNumElements()});
  n.result(n.b.slice(flat, 0, !length ? 0 : k >= 0 ? k : -k * columns, length, columns + 1));
}

void diagonalEmbed(Node &n) {
  Value x = embedDiagonal(n, n.tensor("self"), n.integer("offset", 0));
  if (!x || n.failed)
    return n.result({});
  int64_t rank = n.b.rank(x);
  auto first = n.b.axis(n.integer("dim1", -2), rank),
       second = n.b.axis(n.integer("dim2", -1), rank);
  if (!first || !second || *first == *second)
    return n.result(first && second ? n.b.fail("the diagonal's dims are the same") : Value());
  Ints perm(rank, -1);
  perm[*first] = rank - 2;
  perm[*second] = rank - 1;
  for (int64_t i = 0, next = 0; i < rank; ++i)
    if (perm[i] < 0)
      perm[i] = next++;
  n.result(n.b.transpose(x, perm));
}

void trace(Node &n) {
  Value x = n.operand("self");
  if (!x || n.b.rank(x) != 2)
    return n.result(x ? n.b.fail("expected a matrix") : x);
  Value inside = onDiagonal(n, n.b.shape(x)[0], n.b.shape(x)[1], 0);
  n.result(n.b.reduce(ReduceKind::Sum, n.b.select(inside, x, n.b.scalarLike(x, 0)), {0, 1}, false));
}

/// The rows and columns of a triangle's elements, row by row.
void triangleIndices(Node &n) {
  int64_t rows = n.integer("row"), cols = n.integer("col"), offset = n.integer("offset", 0);
  bool upper = n.op.starts_with("triu");
  RankedTensorType type = n.type();
  if (!type || n.failed)
    return n.result({});
  if (rows < 0 || cols < 0 || (cols && rows > kMaxReadElements / cols))
    return n.unsupported("more than a million elements", "large");
  Ints all, columns;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col)
      if (upper ? col - row >= offset : col - row <= offset) {
        all.push_back(row);
        columns.push_back(col);
      }
  llvm::append_range(all, columns);
  n.result(n.b.cast(n.b.reshape(n.b.ints(all), type.getShape()), type.getElementType()));
}

void rotate(Node &n) {
  Value x = n.tensor("self");
  Ints dims = n.ints("dims", Ints{0, 1});
  int64_t turns = ((n.integer("k", 1) % 4) + 4) % 4;
  auto first = x && dims.size() == 2 ? n.b.axis(dims[0], n.b.rank(x)) : std::nullopt;
  auto second = first ? n.b.axis(dims[1], n.b.rank(x)) : std::nullopt;
  if (!second)
    return n.result({});
  Ints perm = iotaInts(0, n.b.rank(x));
  std::swap(perm[*first], perm[*second]);
  switch (turns) {
  case 0:
    return n.result(x);
  case 1:
    return n.result(n.b.transpose(flip(n.b, x, {*second}), perm));
  case 2:
    return n.result(flip(n.b, x, {*first, *second}));
  default:
    return n.result(n.b.transpose(flip(n.b, x, {*first}), perm));
  }
}

void cartesianProduct(Node &n) {
  SmallVector<Value> vectors = n.tensors("tensors");
  if (vectors.size() == 1)
    return n.result(vectors[0]);
  Ints shape;
  for (Value vector : vectors) {
    if (!vector || n.b.rank(vector) != 1)
      return n.result(vector ? n.b.fail("expected vectors") : vector);
    shape.push_back(n.b.shape(vector)[0]);
  }
  RankedTensorType type = n.type();
  if (!type || type.getRank() != 2)
    return n.result({});
  SmallVector<Value> columns;
  for (auto [dim, vector] : llvm::enumerate(vectors)) {
    Ints own(shape.size(), 1);
    own[dim] = shape[dim];
    Value all = n.b.broadcast(n.b.reshape(n.b.cast(vector, type.getElementType()), own), shape);
    columns.push_back(n.b.reshape(all, {type.getDimSize(0), 1}));
  }
  n.result(n.b.concat(columns, 1));
}

void blockDiagonal(Node &n) {
  RankedTensorType type = n.type();
  if (!type || type.getRank() != 2)
    return n.result({});
  int64_t left = 0;
  SmallVector<Value> rows;
  for (Value block : n.tensors("tensors")) {
    if (!block || n.b.rank(block) > 2)
      return n.result(block ? n.b.fail("a block's rank is above 2") : block);
    while (block && n.b.rank(block) < 2)
      block = n.b.unsqueeze(block, {0});
    if (!block)
      return n.result({});
    int64_t columns = n.b.shape(block)[1];
    rows.push_back(n.b.pad(n.b.cast(block, type.getElementType()), {0, left},
                           {0, type.getDimSize(1) - left - columns}));
    left += columns;
  }
  n.result(rows.empty() ? n.b.fail("has no blocks") : n.b.concat(rows, 0));
}

void kronecker(Node &n) {
  Value x = n.operand("self"), y = n.operand("other");
  RankedTensorType type = n.type();
  if (!x || !y || !type)
    return n.result({});
  // Extents of x and y in turn: [x0, 1, x1, 1, …] · [1, y0, 1, y1, …].
  int64_t rank = type.getRank();
  auto spread = [&](Value value, int64_t offset) {
    Ints shape(2 * rank, 1);
    int64_t missing = rank - n.b.rank(value);
    for (int64_t i = 0; i < n.b.rank(value); ++i)
      shape[2 * (missing + i) + offset] = n.b.shape(value)[i];
    return n.b.reshape(value, shape);
  };
  n.result(n.b.reshape(n.b.mul(spread(x, 0), spread(y, 1)), type.getShape()));
}

/// Sums over pairs of dims, the others of x before those of y.
void contract(Node &n, Value x, Value y, Ints xDims, Ints yDims) {
  RankedTensorType type = n.type();
  if (!x || !y || !type || n.failed)
    return n.result({});
  if (llvm::isa<IntegerType>(type.getElementType()))
    return n.unsupported("expected float operands", "integers");
  int64_t rows = 1, inner = 1, cols = 1;
  auto others = [&](Value value, Ints &dims, int64_t &extent) -> std::optional<Ints> {
    for (int64_t &dim : dims) {
      auto axis = n.b.axis(dim, n.b.rank(value));
      if (!axis)
        return std::nullopt;
      dim = *axis;
    }
    Ints rest;
    for (int64_t i = 0; i < n.b.rank(value); ++i)
      if (!llvm::is_contained(dims, i)) {
        rest.push_back(i);
        extent *= n.b.shape(value)[i];
      }
    return rest;
  };
  auto xRest = others(x, xDims, rows), yRest = others(y, yDims, cols);
  if (!xRest || !yRest || xDims.size() != yDims.size() ||
      (int64_t)(xRest->size() + xDims.size()) != n.b.rank(x) ||
      (int64_t)(yRest->size() + yDims.size()) != n.b.rank(y))
    return n.result(xRest && yRest ? n.b.fail("the dims to sum over do not fit") : Value());
  for (int64_t dim : xDims)
    inner *= n.b.shape(x)[dim];
  llvm::append_range(*xRest, xDims);
  yDims.append(*yRest);
  Value left = n.b.reshape(n.b.transpose(x, *xRest), {rows, inner}),
        right = n.b.reshape(n.b.transpose(y, yDims), {inner, cols});
  Value product = left && right ? n.b.matmul(left, right) : Value();
  n.result(product ? n.b.reshape(product, type.getShape()) : product);
}

void inner(Node &n) {
  Value x = n.operand("self"), y = n.operand("other");
  if (x && y && (n.b.rank(x) == 0 || n.b.rank(y) == 0))
    return n.result(n.b.mul(x, y));
  contract(n, x, y, {-1}, {-1});
}

void chain(Node &n, StringRef name) {
  Value product;
  for (Value matrix : n.tensors(name))
    product = product ? matmulAnyRank(n.b, product, matrix) : matrix;
  n.result(product);
}

void matrixPower(Node &n) {
  Value x = n.tensor("self");
  int64_t power = n.integer("n");
  RankedTensorType type = n.type();
  if (!x || !type || n.failed || type.getRank() < 2)
    return n.result({});
  if (power < 0)
    return n.unsupported("expected a power that is not negative", "an inverse");
  if (power == 0) {
    int64_t size = type.getShape().back();
    Value one = n.b.cast(onDiagonal(n, size, size, 0), type.getElementType());
    return n.result(one ? n.b.broadcast(one, type.getShape()) : one);
  }
  Value result;
  for (; power; power >>= 1) {
    if (power & 1)
      result = result ? matmulAnyRank(n.b, result, x) : x;
    if (power > 1)
      x = matmulAnyRank(n.b, x, x);
  }
  n.result(result);
}

/// Powers 0, 1, … of each element as columns.
void vander(Node &n) {
  Value x = n.operand(n.has("x") ? "x" : "self");
  RankedTensorType type = n.type();
  if (!x || !type || type.getRank() == 0)
    return n.result({});
  bool increasing = n.op.starts_with("linalg_") || n.flag("increasing");
  int64_t count = type.getShape().back(), last = n.b.rank(x);
  SmallVector<Value> columns;
  Value power = n.b.splat(n.b.shape(x), type.getElementType(), 1);
  for (int64_t i = 0; i < count; ++i) {
    columns.push_back(n.b.unsqueeze(power, {last}));
    power = n.b.mul(power, x);
  }
  if (!increasing)
    std::reverse(columns.begin(), columns.end());
  n.result(columns.empty() ? n.b.splat(type.getShape(), type.getElementType(), 0)
                           : n.b.concat(columns, last));
}

void cross(Node &n) {
  RankedTensorType type = n.type();
  Value x = n.operand("self"), y = n.operand("other");
  if (!type || !x || !y)
    return n.result({});
  int64_t axis = n.integer("dim", -1);
  if (n.op.starts_with("cross") && !n.has("dim"))
    // The first dim of extent 3.
    for (axis = 0; axis < type.getRank() && type.getDimSize(axis) != 3;)
      ++axis;
  auto at = n.b.axis(axis, type.getRank());
  if (!at)
    return n.result({});
  x = n.b.broadcast(x, type.getShape()), y = n.b.broadcast(y, type.getShape());
  if (!x || !y)
    return n.result({});
  auto turned = [&](Value v, int64_t by) { return roll(n.b, v, -by, *at); };
  n.result(n.b.sub(n.b.mul(turned(x, 1), turned(y, 2)), n.b.mul(turned(x, 2), turned(y, 1))));
}

/// The p-norm of values over dims.
Value vectorNorm(Node &n, Value x, double p, ArrayRef<int64_t> dims, bool keep) {
  if (!x)
    return x;
  Value size = n.b.create<AbsOp>(x);
  if (p == 2)
    return reduceNorm(n.b, NormKind::L2, x, dims, keep);
  if (p == 1)
    return reduceNorm(n.b, NormKind::L1, x, dims, keep);
  if (std::isinf(p))
    return size ? n.b.reduce(p > 0 ? ReduceKind::Max : ReduceKind::Min, size, dims, keep) : size;
  if (p == 0) {
    Value counted = n.b.cmp(CmpKind::Ne, x, n.b.scalarLike(x, 0));
    return counted ? n.b.reduce(ReduceKind::Sum, n.b.cast(counted, n.b.element(x)), dims, keep)
                   : counted;
  }
  Value powers = n.b.binary<PowOp>(size, n.b.scalarLike(x, p));
  Value sum = powers ? n.b.reduce(ReduceKind::Sum, powers, dims, keep) : powers;
  return n.b.binary<PowOp>(sum, n.b.scalarLike(sum, 1 / p));
}

/// The largest (or, with a negative order, smallest) sum of magnitudes of a column (order 1) or row
/// (infinite order); Frobenius' norm when there is no order.
void matrixNorm(Node &n, Value x, std::optional<double> order, ArrayRef<int64_t> given) {
  if (!x)
    return n.result({});
  bool keep = n.flag("keepdim");
  auto row = n.b.axis(given[0], n.b.rank(x)), column = n.b.axis(given[1], n.b.rank(x));
  if (!row || !column || *row == *column)
    return n.result(row && column ? n.b.fail("the matrix's dims are the same") : Value());
  Ints both{std::min(*row, *column), std::max(*row, *column)};
  if (!order)
    return n.result(vectorNorm(n, x, 2, both, keep));
  if (std::abs(*order) != 1 && !std::isinf(*order))
    return n.unsupported("expected an order of 1, -1, infinity or Frobenius' norm",
                         "of singular values");
  bool columns = std::abs(*order) == 1;
  Value sums = n.b.reduce(ReduceKind::Sum, n.b.create<AbsOp>(x), {columns ? *row : *column}, true);
  Value norm = sums ? n.b.reduce(*order > 0 ? ReduceKind::Max : ReduceKind::Min, sums,
                                 {columns ? *column : *row}, true)
                    : sums;
  n.result(keep ? norm : n.b.squeeze(norm, both));
}

void norm(Node &n) {
  Value x = n.operand("self");
  bool matrix = n.op.starts_with("linalg_matrix_norm"),
       named = StringRef(n.op).ends_with("str") || StringRef(n.op).ends_with("str_ord");
  Ints dims = n.ints("dim", matrix ? Ints{-2, -1} : Ints());
  if (!x || n.failed)
    return n.result({});
  if (named) {
    std::string order = n.text("ord", "fro");
    if (order != "fro")
      return n.unsupported("expected Frobenius' norm", "ord = " + order);
  }
  std::optional<double> order;
  if (!named && n.has("ord"))
    order = n.number("ord");
  if (dims.empty())
    dims = iotaInts(0, n.b.rank(x));
  if (matrix || named || (order && dims.size() == 2)) {
    if (dims.size() != 2)
      return n.result(n.b.fail("expected two dims for the norm of a matrix"));
    return matrixNorm(n, x, order, dims);
  }
  auto axes = n.b.rank(x) ? n.b.axes(dims, n.b.rank(x)) : std::optional<Ints>(Ints());
  n.result(axes ? vectorNorm(n, x, order.value_or(2), *axes, n.flag("keepdim")) : Value());
}

/// The distance of each row of x1 from each row of x2.
void pairDistances(Node &n) {
  Value x = n.operand("x1"), y = n.operand("x2");
  double p = n.number("p", 2);
  if (!x || !y || n.b.rank(x) < 2 || n.b.rank(y) < 2)
    return n.result(x && y ? n.b.fail("expected rows of vectors") : Value());
  Value difference =
      n.b.sub(n.b.unsqueeze(x, {n.b.rank(x) - 1}), n.b.unsqueeze(y, {n.b.rank(y) - 2}));
  n.result(difference ? vectorNorm(n, difference, p, {n.b.rank(difference) - 1}, false) : Value());
}

/// Rows of `input` [T, K] in groups that end at `offs` [E], each times its matrix of [E, K, N].
void groupedProduct(Node &n, StringRef inputName, StringRef weightName) {
  Value x = n.tensor(inputName), weights = n.tensor(weightName), ends = n.optional("offs");
  RankedTensorType type = n.type();
  if (!x || !weights || !type)
    return n.result({});
  if (!ends || n.b.rank(x) != 2 || n.b.rank(weights) != 3 || n.b.rank(ends) != 1 || n.has("bias"))
    return n.unsupported("expected input [T, K], weight [E, K, N] and offs [E]", "other operands");
  int64_t groups = n.b.shape(weights)[0], rows = n.b.shape(x)[0];
  ends = n.b.cast(ends, n.b.ops().getI64Type());
  RankedTensorType column = n.b.tensorType({rows, 1}, n.b.ops().getI64Type());
  Value row = column ? n.b.iota(column, 0) : Value();
  // A row belongs to the first group that ends behind it; rows behind all are zeros.
  Value result = n.b.splat(type.getShape(), type.getElementType(), 0);
  for (int64_t group = groups; group-- > 0 && result;) {
    Value matrix = n.b.squeeze(n.b.slice(weights, 0, group, 1), {0});
    Value before = n.b.cmp(CmpKind::Lt, row, n.b.slice(ends, 0, group, 1));
    Value product = matrix ? n.b.cast(n.b.matmul(x, matrix), type.getElementType()) : matrix;
    result = n.b.select(before, product, result);
  }
  n.result(result);
}

} // namespace

void addMatrixOps(OpTable &table) {
  table.add({"diag.default"}, diagonalMatrix);
  table.add({"diag_embed.default"}, diagonalEmbed);
  table.add({"trace.default"}, trace);
  table.add({"tril_indices.default", "triu_indices.default"}, triangleIndices);
  table.add({"rot90.default"}, rotate);
  table.add({"cartesian_prod.default"}, cartesianProduct);
  table.add({"block_diag.default"}, blockDiagonal);
  table.add({"kron.default"}, kronecker);
  table.add({"inner.default"}, inner);
  table.add({"tensordot.default"}, [](Node &n) {
    contract(n, n.operand("self"), n.operand("other"), n.ints("dims_self"), n.ints("dims_other"));
  });
  table.add({"chain_matmul.default"}, [](Node &n) { chain(n, "matrices"); });
  table.add({"linalg_multi_dot.default"}, [](Node &n) { chain(n, "tensors"); });
  table.add({"matrix_power.default", "linalg_matrix_power.default"}, matrixPower);
  table.add({"vander.default", "linalg_vander.default"}, vander);
  table.add({"linalg_cross.default", "cross.default"}, cross);
  table.add({"linalg_norm.default", "linalg_norm.ord_str", "linalg_matrix_norm.default",
             "linalg_matrix_norm.str_ord"},
            norm);
  table.add({"cdist.default", "_cdist_forward.default"}, pairDistances);
  table.add({"linalg_vecdot.default"}, [](Node &n) {
    Value product = n.b.mul(n.operand("x"), n.operand("y"));
    auto axis = product ? n.b.axis(n.integer("dim", -1), n.b.rank(product)) : std::nullopt;
    n.result(axis ? n.b.reduce(ReduceKind::Sum, product, {*axis}, false) : Value());
  });
  table.add({"addr.default"}, [](Node &n) {
    Value column = n.operand("vec1"), product;
    if (column && n.b.rank(column) == 1)
      product = n.b.mul(n.b.unsqueeze(column, {1}), n.operand("vec2"));
    product = n.b.scale(product, n.number("alpha", 1));
    double beta = n.number("beta", 1); // 0: self is not read, its NaN do not count
    n.result(beta == 0 ? product : n.b.add(n.b.scale(n.operand("self"), beta), product));
  });
  table.add({"transformers.grouped_mm_fallback.default"},
            [](Node &n) { groupedProduct(n, "input", "weight"); });
  table.add({"_grouped_mm.default"}, [](Node &n) { groupedProduct(n, "self", "mat2"); });
}

} // namespace ingot::pt2
