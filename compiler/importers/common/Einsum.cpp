// Einstein summation by transposes, products over batch dims, and sums.
#include "compiler/importers/common/Decompositions.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

using B = GraphBuilder;

namespace {

/// A tensor whose dims are labelled: letters, and for the dims under an ellipsis '0', '1', … from
/// the right.
struct Labelled {
  Value value;
  std::string labels;
};

/// The labels of one term, its ellipsis standing for `hidden` dims. Nothing when the term is not
/// well formed.
std::optional<std::string> expandTerm(StringRef term, size_t hidden) {
  std::string labels;
  bool ellipsis = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term.substr(i).starts_with("...") && !ellipsis) {
      ellipsis = true;
      for (size_t j = hidden; j-- > 0;)
        labels.push_back(static_cast<char>('0' + j));
      i += 2;
    } else if (llvm::isAlpha(term[i])) {
      labels.push_back(term[i]);
    } else {
      return std::nullopt;
    }
  }
  return labels;
}

/// Keeps the diagonal of dims with the same label.
Labelled takeDiagonals(GraphBuilder &b, Labelled term) {
  for (size_t i = 0; i < term.labels.size(); ++i)
    for (size_t j = i + 1; j < term.labels.size() && term.value;) {
      if (term.labels[i] != term.labels[j]) {
        ++j;
        continue;
      }
      // Zero off the diagonal, then summed away.
      Ints row(B::rank(term.value), 1), column(row);
      row[i] = B::shape(term.value)[i];
      column[j] = B::shape(term.value)[j];
      Type i64 = b.ops().getI64Type();
      Value equal = b.cmp(CmpKind::Eq, b.iota(b.tensorType(row, i64), i),
                          b.iota(b.tensorType(column, i64), j));
      Value kept = b.select(equal, term.value, b.scalarLike(term.value, 0.0));
      term.value = b.reduce(ReduceKind::Sum, kept, static_cast<int64_t>(j), false);
      term.labels.erase(j, 1);
    }
  return term;
}

/// Sums over every dim whose label is not in `kept`.
Labelled sumOthers(GraphBuilder &b, Labelled term, StringRef kept) {
  Ints dims;
  std::string labels;
  for (auto [index, label] : llvm::enumerate(term.labels))
    if (kept.contains(label))
      labels.push_back(label);
    else
      dims.push_back(index);
  return {b.reduce(ReduceKind::Sum, term.value, dims, false), labels};
}

/// The dims in the order of `labels` (each of which the term has).
Value arrange(GraphBuilder &b, const Labelled &term, StringRef labels) {
  Ints perm;
  for (char label : labels)
    perm.push_back(term.labels.find(label));
  return b.transpose(term.value, perm);
}

/// The product of two terms: labels of both and of the rest (`later`) are a batch, labels of both
/// alone are summed.
Labelled multiply(GraphBuilder &b, Labelled lhs, Labelled rhs, StringRef later) {
  std::string batch, inner, rows, columns;
  for (char label : lhs.labels)
    (!StringRef(rhs.labels).contains(label) ? rows
     : later.contains(label)                ? batch
                                            : inner)
        .push_back(label);
  for (char label : rhs.labels)
    if (!StringRef(lhs.labels).contains(label))
      columns.push_back(label);
  Value left = arrange(b, lhs, batch + rows + inner),
        right = arrange(b, rhs, batch + columns + inner);
  if (!left || !right)
    return {};
  auto extents = [](Value value, size_t from, size_t count) {
    return B::shape(value).slice(from, count);
  };
  auto product = [](ArrayRef<int64_t> shape) {
    int64_t result = 1;
    for (int64_t extent : shape)
      result *= extent;
    return result;
  };
  // Extents of 1 stretch in the batch, and in the sum.
  Ints result, leftBatch(extents(left, 0, batch.size())),
      rightBatch(extents(right, 0, batch.size()));
  for (auto [x, y] : llvm::zip(leftBatch, rightBatch))
    result.push_back(x == 1 ? y : x);
  Ints leftFull(B::shape(left)), rightFull(B::shape(right));
  for (size_t i = 0; i < batch.size(); ++i)
    leftFull[i] = rightFull[i] = result[i];
  for (size_t i = 0; i < inner.size(); ++i) {
    int64_t &x = leftFull[leftFull.size() - inner.size() + i];
    int64_t &y = rightFull[rightFull.size() - inner.size() + i];
    x = y = x == 1 ? y : x;
  }
  left = b.broadcast(left, leftFull);
  right = b.broadcast(right, rightFull);
  if (!left || !right)
    return {};
  Ints rowExtents(extents(left, batch.size(), rows.size()));
  Ints columnExtents(extents(right, batch.size(), columns.size()));
  int64_t depth = product(B::shape(left).take_back(inner.size()));
  int64_t count = product(result), m = product(rowExtents), n = product(columnExtents);
  Value value =
      b.matmul(b.reshape(left, {count, m, depth}), b.reshape(right, {count, n, depth}), {},
               /*transposeB=*/true);
  value = b.cast(value, B::element(left));
  result.append(rowExtents);
  result.append(columnExtents);
  return {b.reshape(value, result), batch + rows + columns};
}

} // namespace

Value ingot::einsum(GraphBuilder &b, StringRef equation, ArrayRef<Value> operands) {
  if (operands.empty() || llvm::is_contained(operands, Value()))
    return operands.empty() ? b.fail("an einsum of nothing") : Value();
  std::string text;
  for (char c : equation)
    if (c != ' ')
      text.push_back(c);
  auto malformed = [&] {
    return b.fail("einsum equation '" + equation + "' does not fit its operands");
  };
  auto [inputs, output] = StringRef(text).split("->");
  bool explicitOutput = StringRef(text).contains("->");
  SmallVector<StringRef> terms;
  inputs.split(terms, ',');
  if (terms.size() != operands.size())
    return malformed();

  SmallVector<Labelled> parts;
  size_t hidden = 0;
  for (auto [term, operand] : llvm::zip(terms, operands)) {
    bool ellipsis = term.contains("...");
    int64_t rest = B::rank(operand) - static_cast<int64_t>(term.size() - (ellipsis ? 3 : 0));
    if (rest < 0 || rest > 9 || (!ellipsis && rest))
      return malformed();
    std::optional<std::string> labels = expandTerm(term, rest);
    if (!labels || static_cast<int64_t>(labels->size()) != B::rank(operand))
      return malformed();
    hidden = std::max(hidden, static_cast<size_t>(rest));
    parts.push_back({operand, *labels});
  }
  std::string result;
  if (explicitOutput) {
    std::optional<std::string> labels = expandTerm(output, hidden);
    if (!labels)
      return malformed();
    result = *labels;
  } else {
    // The ellipsis, then the labels that appear once, in alphabetical order.
    for (size_t j = hidden; j-- > 0;)
      result.push_back(static_cast<char>('0' + j));
    for (char c = 'A'; c <= 'z'; ++c)
      if (llvm::isAlpha(c) && llvm::count(inputs, c) == 1)
        result.push_back(c);
  }
  std::map<char, int64_t> extents;
  for (const Labelled &part : parts)
    for (auto [label, extent] : llvm::zip(part.labels, B::shape(part.value))) {
      auto [known, isNew] = extents.try_emplace(label, extent);
      if (!isNew && known->second == 1)
        known->second = extent;
      else if (!isNew && extent != 1 && known->second != extent)
        return malformed();
    }
  for (auto [index, label] : llvm::enumerate(result))
    if (!extents.count(label) || result.find(label, index + 1) != std::string::npos)
      return malformed();

  Labelled all;
  for (auto [index, part] : llvm::enumerate(parts)) {
    std::string later = result;
    for (const Labelled &next : ArrayRef(parts).drop_front(index + 1))
      later += next.labels;
    Labelled term = takeDiagonals(b, part);
    term = sumOthers(b, term, later + all.labels);
    if (!term.value)
      return {};
    all = index == 0 ? term : multiply(b, all, term, later);
    if (!all.value)
      return {};
  }
  all = sumOthers(b, all, result);
  if (!all.value)
    return {};
  // A label whose extents were all 1 may still have to stretch: never, extents were checked to
  // agree.
  return arrange(b, all, result);
}
