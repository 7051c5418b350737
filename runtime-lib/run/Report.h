// What a run has to say: times, errors, the profile, as text for people or JSON for scripts.
#pragma once

#include "ingot/runtime.h"
#include <string>
#include <vector>

namespace ingot::run {

/// Everything measured in one invocation.
struct Report {
  std::string program, target, inputText; // "random input seed 1", or ""
  double loadMs = 0, firstMs = 0;
  std::vector<double> runMs; // the timed runs; sorted by `finish`
  unsigned threads = 1;
  uint64_t arenaBytes = 0, peakRssKb = 0;
  bool compared = false, ok = true;
  double maxAbs = 0, maxRel = 0;
  std::string worstOutput;

  void finish();
  double quantile(double q) const; // of the sorted runs
};

std::string reportJson(const Report &report);
std::string reportText(const Report &report);

/// Nanoseconds per step, summed over the timed runs; the profile callback's context.
struct Profile {
  struct Step {
    uint64_t nanoseconds = 0, calls = 0;
  };
  std::vector<Step> steps;
  bool atBounds =
      true; // the steps' flops and bytes, counted at the bounds of the dims, are those of the run
  static void record(void *context, uint32_t entry, uint32_t step, uint64_t nanoseconds);
};
/// One row per kernel step, slowest first: time per run, share, GFLOP/s, GB/s, kernel, layers.
std::string profileText(const ingot_program *program, uint32_t entry, const Profile &profile,
                        size_t runs);
std::string profileJson(const ingot_program *program, uint32_t entry, const Profile &profile,
                        size_t runs);

/// Text inside a JSON string.
std::string jsonString(const std::string &text);
/// A number that JSON can hold; infinity as 1e999, which readers take for it.
std::string jsonNumber(double number);

/// The largest resident size so far of this process alone, in KiB (VmHWM); 0 where the system does
/// not tell.
uint64_t peakRssKb();

} // namespace ingot::run
