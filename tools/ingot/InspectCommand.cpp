// `ingot inspect`.
#include "compiler/driver/Commands.h"
#include "tools/ingot/Commands.h"
#include "tools/ingot/Dims.h"
#include <CLI/CLI.hpp>

void ingot::addInspectCommand(CLI::App &app, int &code) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App *command = app.add_subcommand("inspect", "show what is in a model or a program");
  command->add_option("FILE", options->file, "a .pt2, .onnx, .tflite or .ingot file")->required();
  command->add_flag("--json", options->json, "as JSON");
  command->add_flag("--disassemble", options->disassemble, "programs: the plan as text");
  command->add_flag("--verify", options->verify, "programs: check the hash of the weights too");
  command->add_flag(
      "--missing", options->missing,
      "models: only the operators that cannot be imported (exit code 1 if there are)");
  auto dims = std::make_shared<std::vector<std::string>>();
  auto values = std::make_shared<std::vector<std::string>>();
  command->add_option("--dim", *dims, "with --missing: as for compile");
  command->add_option("--value", *values, "with --missing: as for compile");
  command->add_option("--plugin", options->plugins, "with --missing: load a plug-in first");
  command->callback([options, dims, values, &code] {
    for (const std::string &dim : *dims)
      addDim(*options, dim);
    for (const std::string &value : *values)
      addValue(options->values, value);
    code = inspectCommand(*options);
  });
}
