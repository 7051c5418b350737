// See SampledDims.h. Candidates are tried in order of simplicity; the first that fits is taken.
#include "compiler/importers/common/SampledDims.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace ingot;

/// Bounds of the search: real graphs have a handful of different extents.
static constexpr size_t kMaxCandidates = 48, kMaxInSums = 24;
static constexpr int64_t kMaxDivisor = 4096;

SampledDims::SampledDims(std::vector<std::map<std::string, int64_t>> given, size_t required,
                         DimSteps steps)
    : samples(std::move(given)), requiredCount(required), steps(std::move(steps)) {
  if (!samples.empty())
    for (const auto &[name, value] : samples.front())
      learn(DimExpr::symbol(name));
}

int64_t SampledDims::at(size_t sample, const DimExpr &expression) const {
  return expression
      .substitute([&](StringRef name) -> std::optional<DimExpr> {
        auto found = samples[sample].find(name.str());
        return found == samples[sample].end() ? std::nullopt
                                              : std::optional(DimExpr(found->second));
      })
      .constant()
      .value_or(kNotSampled);
}

SampledNumber SampledDims::values(const DimExpr &expression) const {
  SampledNumber result;
  for (size_t i = 0; i < samples.size(); ++i)
    result.push_back(at(i, expression));
  return result;
}

static bool agree(ArrayRef<int64_t> values, ArrayRef<int64_t> wanted) {
  return llvm::all_of(llvm::zip(values, wanted), [](auto pair) {
    auto [value, want] = pair;
    return want == kNotSampled || value == want;
  });
}

bool SampledDims::matches(const DimExpr &expression, ArrayRef<int64_t> wanted) const {
  return expression.valid() && agree(values(expression), wanted);
}

void SampledDims::learn(const DimExpr &expression) {
  if (expression.isConstant() || !expression.valid() || known.size() >= kMaxCandidates ||
      llvm::any_of(known, [&](const Candidate &c) { return c.expression == expression; }))
    return;
  SampledNumber values = this->values(expression);
  if (!llvm::is_contained(values, kNotSampled))
    known.push_back({expression, std::move(values)});
}

SampledDims::Candidates SampledDims::candidates(ArrayRef<DimExpr> near) const {
  Candidates list;
  auto add = [&](const Candidate &candidate) {
    if (llvm::none_of(list,
                      [&](const Candidate &c) { return c.expression == candidate.expression; }))
      list.push_back(candidate);
  };
  for (const DimExpr &expression : near)
    if (!expression.isConstant() && expression.valid() && list.size() < kMaxCandidates)
      add({expression, values(expression)});
  for (const Candidate &candidate : known)
    add(candidate);
  return list;
}

/// The places of two samples in which `values` differ; nothing when they do not.
static std::optional<std::pair<size_t, size_t>> differing(ArrayRef<int64_t> values,
                                                          ArrayRef<int64_t> wanted) {
  for (size_t i = 1; i < wanted.size(); ++i)
    if (wanted[i] != kNotSampled && values[i] != values[0])
      return std::pair(size_t(0), i);
  return std::nullopt;
}

/// factor * x + addend with the wanted values.
static std::optional<std::pair<int64_t, int64_t>> affine(ArrayRef<int64_t> x,
                                                         ArrayRef<int64_t> wanted) {
  auto places = differing(x, wanted);
  if (!places)
    return std::nullopt;
  auto [i, j] = *places;
  int64_t rise = 0, run = 0;
  if (SubOverflow(wanted[j], wanted[i], rise) || SubOverflow(x[j], x[i], run) || rise % run)
    return std::nullopt;
  int64_t factor = rise / run, scaled = 0, addend = 0;
  if (factor == 0 || MulOverflow(factor, x[i], scaled) || SubOverflow(wanted[i], scaled, addend))
    return std::nullopt;
  for (auto [value, want] : llvm::zip(x, wanted)) {
    int64_t product = 0, sum = 0;
    if (want != kNotSampled &&
        (MulOverflow(factor, value, product) || AddOverflow(product, addend, sum) || sum != want))
      return std::nullopt;
  }
  return std::pair(factor, addend);
}

/// floor((x + addend) / divisor) with the wanted values; the addend nearest to 0.
static std::optional<std::pair<int64_t, int64_t>> quotient(ArrayRef<int64_t> x,
                                                           ArrayRef<int64_t> wanted) {
  // The two samples that lie farthest apart tell the divisor best.
  size_t low = 0, high = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == kNotSampled)
      continue;
    low = x[i] < x[low] ? i : low;
    high = x[i] > x[high] ? i : high;
  }
  int64_t rise = wanted[high] - wanted[low], run = x[high] - x[low];
  if (rise <= 0 || run <= rise || wanted[low] < 0 || wanted[high] > INT64_MAX / kMaxDivisor)
    return std::nullopt;
  for (int64_t divisor = std::max<int64_t>(2, run / (rise + 1));
       divisor <= std::min(kMaxDivisor, run / std::max<int64_t>(rise - 1, 1) + 1); ++divisor) {
    // wanted * divisor <= x + addend < (wanted + 1) * divisor
    int64_t from = INT64_MIN, to = INT64_MAX;
    for (auto [value, want] : llvm::zip(x, wanted)) {
      if (want == kNotSampled)
        continue;
      from = std::max(from, want * divisor - value);
      to = std::min(to, (want + 1) * divisor - 1 - value);
    }
    if (from <= to)
      return std::pair(divisor, from > 0 ? from : to < 0 ? to : 0);
  }
  return std::nullopt;
}

/// min(x, limit) or max(x, limit): some samples have x, at least two others the limit.
static std::optional<DimExpr> clamped(const DimExpr &expression, ArrayRef<int64_t> x,
                                      ArrayRef<int64_t> wanted) {
  int64_t limit = kNotSampled;
  size_t same = 0, other = 0;
  for (auto [value, want] : llvm::zip(x, wanted)) {
    if (want == kNotSampled)
      continue;
    if (value == want) {
      ++same;
      continue;
    }
    if (limit != kNotSampled && limit != want)
      return std::nullopt;
    limit = want;
    ++other;
  }
  if (same < 2 || other < 2)
    return std::nullopt;
  bool smaller = true, larger = true;
  for (auto [value, want] : llvm::zip(x, wanted)) {
    smaller &= want == kNotSampled || want == std::min(value, limit);
    larger &= want == kNotSampled || want == std::max(value, limit);
  }
  return smaller  ? std::optional(DimExpr::min(expression, limit))
         : larger ? std::optional(DimExpr::max(expression, limit))
                  : std::nullopt;
}

std::optional<DimExpr> SampledDims::fit(ArrayRef<int64_t> wanted, ArrayRef<DimExpr> near) const {
  if (wanted.empty() || wanted[0] == kNotSampled)
    return std::nullopt;
  if (llvm::all_of(wanted, [&](int64_t v) { return v == kNotSampled || v == wanted[0]; }))
    return DimExpr(wanted[0]);
  Candidates list = candidates(near);
  for (const Candidate &c : list)
    if (agree(c.values, wanted))
      return c.expression;
  for (const Candidate &c : list)
    if (auto found = affine(c.values, wanted))
      return c.expression * DimExpr(found->first) + DimExpr(found->second);
  auto product = [](ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    SampledNumber result;
    for (auto [x, y] : llvm::zip(a, b)) {
      int64_t value = 0;
      result.push_back(MulOverflow(x, y, value) ? kNotSampled : value);
    }
    return result;
  };
  ArrayRef<Candidate> some = ArrayRef(list).take_front(kMaxInSums);
  for (size_t i = 0; i < some.size(); ++i)
    for (size_t j = i; j < some.size(); ++j)
      if (auto found = affine(product(some[i].values, some[j].values), wanted))
        return some[i].expression * some[j].expression * DimExpr(found->first) +
               DimExpr(found->second);
  for (const Candidate &c : list)
    if (auto found = quotient(c.values, wanted))
      return DimExpr::floorDiv(c.expression + DimExpr(found->second), found->first);
  for (size_t i = 0; i < some.size(); ++i)
    for (size_t j = 0; j < some.size(); ++j) {
      SampledNumber rest;
      for (auto [want, value] : llvm::zip(wanted, some[j].values))
        rest.push_back(want == kNotSampled ? kNotSampled : want - value);
      if (i == j)
        continue;
      if (auto found = affine(some[i].values, rest))
        return some[i].expression * DimExpr(found->first) + some[j].expression +
               DimExpr(found->second);
    }
  for (const Candidate &c : list)
    if (auto found = clamped(c.expression, c.values, wanted))
      return found;
  return std::nullopt;
}

std::vector<std::string> SampledDims::changed(size_t sample) const {
  std::vector<std::string> names;
  for (const auto &[name, value] : samples[sample])
    if (samples.front().at(name) != value)
      names.push_back(name);
  return names;
}

std::string SampledDims::describe(size_t sample) const {
  std::vector<std::string> parts;
  for (const auto &[name, value] : samples[sample])
    if (sample == 0 || samples.front().at(name) != value)
      parts.push_back(name + " = " +
                      std::to_string(value * (steps.contains(name) ? steps.lookup(name) : 1)));
  return llvm::join(parts, ", ");
}
