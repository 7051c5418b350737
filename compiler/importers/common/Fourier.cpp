// The discrete Fourier transform as matrix products.
//
// A short transform is a product with the matrix of roots of unity. A long one of n = n1 * n2
// elements is n2 transforms of n1, a product with the twiddle factors, and n1 transforms of n2
// (Cooley and Tukey): the matrices stay small, and all of it runs on kernels that exist.
#include "compiler/importers/common/Fourier.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

namespace {

/// Transforms of at most this many elements are one matrix product.
constexpr int64_t kDirect = 64;

/// cos or sin of 2 pi i j / n for all i in [0, rows), j in [0, cols), in the type of `like`.
Value rootTable(GraphBuilder &b, Value like, int64_t rows, int64_t cols, int64_t n, bool sine,
                double sign) {
  std::vector<char> bytes;
  bytes.reserve(rows * cols * sizeof(double));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      // The product is reduced before it becomes an angle: exact for any length.
      auto turn = static_cast<double>(static_cast<__int128>(i) * j % n) / static_cast<double>(n);
      double angle = 2 * std::numbers::pi * turn;
      double value = sine ? sign * std::sin(angle) : std::cos(angle);
      const char *data = reinterpret_cast<const char *>(&value);
      bytes.insert(bytes.end(), data, data + sizeof(value));
    }
  Value table = b.constant(b.tensorType({rows, cols}, b.ops().getF64Type()), std::move(bytes));
  return b.cast(table, B::element(like));
}

/// A factor of n near its square root (or 1): the smaller part of a split.
int64_t splitFactor(int64_t n) {
  for (auto candidate = static_cast<int64_t>(std::sqrt(static_cast<double>(n))); candidate > 1;
       --candidate)
    if (n % candidate == 0)
      return candidate;
  return 1;
}

} // namespace

/// Along the last of two dims [M, n]; `sign` is that of the exponent. Only the first `keep` results
/// are needed.
static Complex transform(GraphBuilder &b, Complex x, int64_t n, double sign, int64_t keep) {
  int64_t n1 = n > kDirect ? splitFactor(n) : 1;
  if (!x.real)
    return {};
  if (n1 == 1) {
    Value cosines = rootTable(b, x.real, n, keep, n, false, sign),
          sines = rootTable(b, x.real, n, keep, n, true, sign);
    Complex y{b.matmul(x.real, cosines), b.matmul(x.real, sines)};
    if (!x.imaginary)
      return y;
    return {b.sub(y.real, b.matmul(x.imaginary, sines)),
            b.add(y.imaginary, b.matmul(x.imaginary, cosines))};
  }
  int64_t n2 = n / n1, count = B::shape(x.real)[0];
  auto both = [&](Complex z, auto &&body) {
    return Complex{body(z.real), z.imaginary ? body(z.imaginary) : Value()};
  };
  // Element j1 * n2 + j2: first over j1.
  Complex a = both(x, [&](Value v) {
    return b.reshape(b.transpose(b.reshape(v, {count, n1, n2}), {0, 2, 1}), {count * n2, n1});
  });
  a = transform(b, a, n1, sign, n1);
  if (!a.real || !a.imaginary)
    return {};
  a = both(a, [&](Value v) { return b.reshape(v, {count, n2, n1}); });
  Value cosines = rootTable(b, x.real, n2, n1, n, false, sign),
        sines = rootTable(b, x.real, n2, n1, n, true, sign);
  Complex turned{b.sub(b.mul(a.real, cosines), b.mul(a.imaginary, sines)),
                 b.add(b.mul(a.real, sines), b.mul(a.imaginary, cosines))};
  // Then over j2; the result k1 + n1 * k2 lies at [k1, k2].
  turned =
      both(turned, [&](Value v) { return b.reshape(b.transpose(v, {0, 2, 1}), {count * n1, n2}); });
  Complex y = transform(b, turned, n2, sign, n2);
  return both(y, [&](Value v) {
    v = b.reshape(b.transpose(b.reshape(v, {count, n1, n2}), {0, 2, 1}), {count, n});
    return keep == n ? v : b.slice(v, 1, 0, keep);
  });
}

Complex ingot::fourier(GraphBuilder &b, Complex x, int64_t axis, int64_t length, bool inverse,
                       int64_t keep) {
  if (!x.real)
    return {};
  int64_t rank = B::rank(x.real), extent = B::shape(x.real)[axis];
  Ints perm, back(rank, 0), outer, fold{1, length};
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != axis) {
      perm.push_back(dim);
      outer.push_back(B::shape(x.real)[dim]);
      fold[0] *= B::shape(x.real)[dim];
    }
  perm.push_back(axis);
  for (int64_t i = 0; i < rank; ++i)
    back[perm[i]] = i;
  auto prepare = [&](Value v) {
    Ints low(rank, 0), high(rank, 0);
    high[axis] = length - extent; // shorter lengths crop
    return v ? b.reshape(b.transpose(b.pad(v, low, high), perm), fold) : v;
  };
  Complex y =
      transform(b, {prepare(x.real), prepare(x.imaginary)}, length, inverse ? 1.0 : -1.0, keep);
  outer.push_back(keep);
  auto finish = [&](Value v) {
    v = b.transpose(b.reshape(v, outer), back);
    return inverse ? b.scale(v, 1.0 / static_cast<double>(length)) : v;
  };
  return {finish(y.real), finish(y.imaginary)};
}

Value ingot::inverseRealFourier(GraphBuilder &b, Complex x, int64_t axis, int64_t length) {
  if (!x.real)
    return {};
  // The half that is not there is the conjugate of the other, backwards.
  int64_t have = length / 2 + 1, extent = B::shape(x.real)[axis], mirrored = length - have;
  auto whole = [&](Value v, double sign) {
    if (!v)
      return v;
    Ints low(B::rank(v), 0), high(B::rank(v), 0);
    high[axis] = have - extent;
    v = b.pad(v, low, high);
    if (mirrored <= 0)
      return v;
    return b.concat({v, b.scale(b.slice(v, axis, mirrored, mirrored, -1), sign)}, axis);
  };
  return fourier(b, {whole(x.real, 1.0), whole(x.imaginary, -1.0)}, axis, length, true, length)
      .real;
}
