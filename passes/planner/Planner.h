// Places buffers with known lifetimes into memory spaces, each as small as can be found.
//
// The library knows nothing of models or MLIR: the plan phase translates its buffers into a
// Problem, and `ingot plan` reads one from a file. Everything is deterministic: search budgets are
// counted in steps of work, never in seconds.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ingot::planner {

/// Limits that keep every sum within 63 bits and every run finite, whatever the input says.
constexpr int64_t maxBytes = int64_t(1) << 46;
constexpr int64_t maxTime = int64_t(1) << 61;
constexpr size_t maxBuffers = 1 << 16;

/// The buffer occupies its bytes inside another one: a view, or a result written in place.
struct Alias {
  size_t base;    // index of the other buffer, which may itself be an alias
  int64_t offset; // bytes from the start of `base`; offset + size must stay within it
};

/// One buffer: alive at the times firstUse ≤ t < lastUse.
struct Buffer {
  std::string name;
  int64_t firstUse = 0;
  int64_t lastUse = 0;                // exclusive
  int64_t size = 0;                   // bytes; 0 is allowed and takes no room
  int64_t alignment = 1;              // bytes, a power of two
  std::optional<int64_t> fixedOffset; // the caller has decided: bytes from the start of the space
  int64_t space = 0;                  // which memory; spaces are planned one by one
  std::optional<Alias> alias;         // not together with fixedOffset
};

struct Problem {
  std::vector<Buffer> buffers;
  std::map<int64_t, int64_t> capacities; // space → bytes; a space without an entry is unlimited
};

struct Options {
  /// Work that the searches may spend per space once the greedy orders leave a gap, counted in
  /// pairs of buffers looked at. 0 leaves the greedy result. The default is a fraction of a second.
  int64_t searchSteps = 100'000'000;
};

/// What became of one space.
struct SpaceReport {
  int64_t space = 0;
  int64_t bytes = 0;      // highest end of a buffer
  int64_t lowerBound = 0; // no placement can be smaller: the most bytes alive at once
  int64_t peakTime = 0;   // a time at which lowerBound bytes are alive
  size_t buffers = 0;     // aliases not counted
  int64_t sumOfSizes = 0; // what no sharing at all would take
  std::string method;     // which order or search found it
  int64_t steps = 0;      // work spent searching
  /// (bytes - lowerBound) / lowerBound, 0 for an empty space.
  double gap() const { return lowerBound ? double(bytes - lowerBound) / double(lowerBound) : 0; }
};

struct Plan {
  std::vector<int64_t> offsets;    // per buffer of the problem, bytes from the start of its space
  std::vector<SpaceReport> spaces; // by ascending space
};

/// Plans every space of `problem`. Returns nothing, and a sentence in `error`, when the problem
/// contradicts itself (alias cycle, fixed buffers that overlap, …) or a capacity is exceeded; the
/// latter names the buffers alive at the peak.
std::optional<Plan> plan(const Problem &problem, const Options &options, std::string &error);

/// Checks a plan independently of how it was made: alignment, fixed offsets, aliases, capacity, and
/// no two buffers alive at once on the same bytes unless one aliases the other's storage.
/// Returns what is wrong with it, or an empty string.
std::string checkPlan(const Problem &problem, const Plan &plan);

} // namespace ingot::planner
