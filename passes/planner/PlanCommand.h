// `ingot plan F.csv`: reads a table of buffers, plans it, reports. The tool's main only prints.
#pragma once
#include "passes/planner/Planner.h"

namespace ingot::planner {

struct PlanCommandOptions {
  std::string input;                   // table as Csv.h describes
  std::optional<int64_t> capacity;     // bytes, for every space of the table
  int64_t searchSteps = 2'000'000'000; // a person waits for the answer: seconds of search at most
  bool json = false;                   // one JSON object instead of text
  bool map = true;                     // draw the space
  std::string output; // where to write the table with its offsets; nowhere if empty
};

/// What the tool prints and returns: 0 planned, 1 the input is wrong or the capacity is not met.
struct CommandOutcome {
  int exitCode = 0;
  std::string out; // for standard output
  std::string err; // for standard error: `error: …` lines
};

CommandOutcome runPlanCommand(const PlanCommandOptions &options);

} // namespace ingot::planner
