// `ingot targets`.
#include "compiler/driver/Commands.h"
#include "tools/ingot/Commands.h"
#include <CLI/CLI.hpp>

void ingot::addTargetsCommand(CLI::App &app, int &code) {
  struct Flags {
    bool json = false;
    std::vector<std::string> plugins;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command = app.add_subcommand("targets", "list the targets that --target takes");
  command->add_flag("--json", flags->json, "as JSON");
  command->add_option("--plugin", flags->plugins, "load a plug-in first");
  command->callback([flags, &code] { code = targetsCommand(flags->json, flags->plugins); });
}
