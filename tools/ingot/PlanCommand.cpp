// `ingot plan`.
#include "passes/planner/PlanCommand.h"
#include "tools/ingot/Commands.h"
#include <CLI/CLI.hpp>
#include <cstdio>

void ingot::addPlanCommand(CLI::App &app, int &code) {
  auto options = std::make_shared<planner::PlanCommandOptions>();
  auto capacity = std::make_shared<int64_t>(-1);
  CLI::App *command =
      app.add_subcommand("plan", "place the buffers of a table (MiniMalloc's CSV) in memory");
  command->add_option("FILE", options->input, "CSV with a head line: id,lower,upper,size")
      ->required();
  command->add_option("--capacity", *capacity, "bytes that there are; more is an error")
      ->check(CLI::NonNegativeNumber);
  command->add_option("-o", options->output, "write the table with its offsets");
  command->add_flag("--json", options->json, "one JSON object");
  command->callback([options, capacity, &code] {
    if (*capacity >= 0)
      options->capacity = *capacity;
    planner::CommandOutcome outcome = planner::runPlanCommand(*options);
    std::fputs(outcome.out.c_str(), stdout);
    std::fputs(outcome.err.c_str(), stderr);
    code = outcome.exitCode;
  });
}
