// `ingot run`.
#include "compiler/driver/Samples.h"
#include "runtime-lib/run/Flags.h"
#include "tools/ingot/Commands.h"

void ingot::addRunCommand(CLI::App &app, int &code) {
  auto options = std::make_shared<run::Options>();
  CLI::App *command = app.add_subcommand("run", "run a program, compare its results, time it");
  run::addFlags(*command, *options);
  options->readSamples = readSampleInputs;
  command->callback([options, &code] {
    run::finishFlags(*options);
    code = run::runProgram(*options);
  });
}
