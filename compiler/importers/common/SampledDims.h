// Finds the expression of named dims behind a number that is known at a few sizes only.
//
// A model is imported at several sizes, its samples. A number of the graph (an extent, the start of
// a slice) is then a list of values, one for each sample; what it is for every size is the simplest
// expression that gives all of them. That an expression fits is not a proof: what follows from the
// fitted numbers is checked by shape inference and by the verifiers of the graph.
#pragma once

#include "ir/graph/DimSteps.h"
#include "ir/graph/Graph.h"
#include <map>
#include <string>
#include <vector>

namespace ingot {

/// A value for each sample; kNotSampled where a sample has none.
using SampledNumber = llvm::SmallVector<int64_t, 12>;
constexpr int64_t kNotSampled = INT64_MIN;

class SampledDims {
public:
  /// The value of each name in each sample. The first `required` samples hold every number, those
  /// after them only some. Names with a step count steps.
  SampledDims(std::vector<std::map<std::string, int64_t>> samples, size_t required,
              DimSteps steps = {});

  size_t size() const { return samples.size(); }
  size_t required() const { return requiredCount; }
  /// The value of `expression` in a sample.
  int64_t at(size_t sample, const DimExpr &expression) const;
  SampledNumber values(const DimExpr &expression) const;
  /// Whether the expression has these values wherever they are sampled.
  bool matches(const DimExpr &expression, llvm::ArrayRef<int64_t> values) const;

  /// Makes an expression that the graph holds a candidate.
  void learn(const DimExpr &expression);

  /// The simplest expression with these values: a number; an expression of `near`, a name, or one
  /// known so far; these times a number plus a number, rounded quotients of them; products, sums
  /// and differences of two; the smaller or larger of one and a number. Nothing when none fits.
  std::optional<DimExpr> fit(llvm::ArrayRef<int64_t> values,
                             llvm::ArrayRef<DimExpr> near = {}) const;

  /// "seq = 7": the dims in which a sample differs from the first, as extents.
  std::string describe(size_t sample) const;
  /// Their names.
  std::vector<std::string> changed(size_t sample) const;

private:
  struct Candidate {
    DimExpr expression;
    SampledNumber values;
  };
  using Candidates = llvm::SmallVector<Candidate>;
  Candidates candidates(llvm::ArrayRef<DimExpr> near) const;

  std::vector<std::map<std::string, int64_t>> samples;
  size_t requiredCount;
  DimSteps steps;
  std::vector<Candidate> known; ///< the names first
};

} // namespace ingot
