// The subcommands of `ingot`: each adds its flags to the application and stores its exit code when
// it ran.
#pragma once

namespace CLI {
class App;
}

namespace ingot {

void addCompileCommand(CLI::App &app, int &code);
void addInspectCommand(CLI::App &app, int &code);
void addTargetsCommand(CLI::App &app, int &code);
void addPlanCommand(CLI::App &app, int &code);
void addRunCommand(CLI::App &app, int &code);
void addDiffCommand(CLI::App &app, int &code);

} // namespace ingot
