// Chooses the sizes at which a model is imported; see Generalize.h.
#include "compiler/importers/common/Generalize.h"
#include <set>

using namespace mlir;
using namespace ingot;

SizeSamples ingot::chooseSamples(ArrayRef<RangedDim> dims) {
  constexpr size_t kValues = 5; // of each dim: one for the base, two alone, two mixed
  std::set<int64_t> taken;
  auto isPrime = [](int64_t n) {
    for (int64_t d = 2; d * d <= n; ++d)
      if (n % d == 0)
        return false;
    return n > 1;
  };
  std::vector<std::vector<int64_t>> values;
  for (const RangedDim &dim : dims) {
    std::vector<int64_t> list;
    // Primes of no other dim, then any numbers in the range, then primes above it.
    constexpr int64_t kTries = 4000;
    int64_t low = std::max<int64_t>(dim.bounds.low, 2);
    for (int64_t n = std::max<int64_t>(low, 5);
         list.size() < kValues && n <= dim.bounds.high && n < low + kTries; ++n)
      if (isPrime(n) && taken.insert(n).second)
        list.push_back(n);
    for (int64_t n = low; list.size() < kValues && n <= dim.bounds.high && n < low + kTries; ++n)
      if (!llvm::is_contained(list, n))
        list.push_back(n);
    for (int64_t n = low - 1; dim.isValue && list.size() < 2 && n >= dim.bounds.low; --n)
      list.push_back(n);
    for (int64_t n = std::max<int64_t>(dim.bounds.high, 5) + 1; !dim.isValue && list.size() < 3;
         ++n)
      if (isPrime(n) && taken.insert(n).second)
        list.push_back(n);
    values.push_back(std::move(list));
  }
  SizeSamples samples;
  auto add = [&](auto valueOf) {
    std::map<std::string, int64_t> sizes;
    for (size_t d = 0; d < dims.size(); ++d)
      sizes[dims[d].name] = valueOf(d);
    samples.sizes.push_back(std::move(sizes));
  };
  auto pick = [&](size_t d, size_t n) { return values[d][n % values[d].size()]; };
  add([&](size_t d) { return pick(d, 0); });
  for (size_t varied = 0; varied < dims.size(); ++varied)
    for (size_t n : {1, 2})
      add([&](size_t d) { return pick(d, d == varied ? n : 0); });
  if (dims.size() > 1)
    for (size_t n : {3, 4})
      add([&](size_t d) { return pick(d, n + d); });
  samples.required = samples.sizes.size();
  auto high = [&](size_t d) {
    int64_t most = dims[d].bounds.high;
    for (int64_t value : values[d])
      most = std::max(most, value);
    return most;
  };
  add([&](size_t d) { return std::max(high(d) - 1, pick(d, 0)); });
  add(high);
  return samples;
}
