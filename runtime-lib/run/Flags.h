// The flags of `ingot run` and `ingot-run`, for a main file that is built with exceptions (CLI11
// throws).
#pragma once

#include "runtime-lib/run/Run.h"
#include <CLI/CLI.hpp>

namespace ingot::run {

/// A tolerance: CLI11's own check takes NaN for a number that is not negative.
inline std::string checkTolerance(const std::string &text) {
  char *end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  return *end == 0 && value >= 0 ? std::string() : "'" + text + "' is not a tolerance";
}

inline void addFlags(CLI::App &app, Options &options) {
  app.add_option("program", options.program, "the program file")->required();
  app.add_option("--entry", options.entry, "entry point; the only one or 'forward' by default");
  app.add_option(
      "--inputs", options.inputs,
      "arrays: an NPZ file, a folder of input_0.pb, …, or (`ingot run`) the sample inputs "
      "of a .pt2 file; random without it");
  app.add_option("--dim", options.dims,
                 "NAME=N: a named dim of random inputs; its upper bound by default");
  app.add_option("--outputs", options.outputs, "write the outputs to this NPZ file");
  app.add_option("--expect", options.expect,
                 "compare the outputs with this NPZ file or folder of output_0.pb, …");
  app.add_option("--load-state", options.loadState,
                 "start with the variables of this NPZ file; those it lacks have their initial "
                 "values");
  app.add_option("--save-state", options.saveState,
                 "write the variables after the run to this NPZ file");
  app.add_option("--rtol", options.rtol, "allowed error, relative to an output's largest magnitude")
      ->check(checkTolerance);
  app.add_option("--atol", options.atol, "allowed absolute error")->check(checkTolerance);
  app.add_option("--threads", options.threads, "threads, the caller included")
      ->check(CLI::Range(1u, 1024u));
  app.add_option("--repeat", options.repeat, "timed runs")->check(CLI::Range(1u, 100000000u));
  app.add_option("--seed", options.seed, "seed of random inputs");
  // A flag with an optional value: alone it stands for "-".
  app.add_flag("--profile{-}", options.profileFile,
               "time per step; --profile=FILE writes it as JSON too");
  app.add_flag("--json", options.json, "print one JSON object");
}

/// What follows from the flags as parsed.
inline void finishFlags(Options &options) {
  options.profile = !options.profileFile.empty();
  if (options.profileFile == "-")
    options.profileFile.clear();
}

} // namespace ingot::run
