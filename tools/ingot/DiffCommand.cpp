// `ingot diff`.
#include "compiler/driver/Commands.h"
#include "tools/ingot/Commands.h"
#include "tools/ingot/Dims.h"
#include <CLI/CLI.hpp>

void ingot::addDiffCommand(CLI::App &app, int &code) {
  struct Flags {
    DiffOptions options;
    std::vector<std::string> dims, values;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command =
      app.add_subcommand("diff", "compare every kernel with the reference evaluator, worst first");
  command->add_option("MODEL", flags->options.compile.model, "a .pt2, .onnx or .tflite file")
      ->required();
  command->add_option("--target", flags->options.compile.targets, "as for compile")->delimiter(',');
  command->add_option("--dim", flags->dims, kDimHelp);
  command->add_option("--entry", flags->options.entry,
                      "of an archive with several models, the one to compare");
  command->add_option("--value", flags->values, kValueHelp);
  command->add_option("--inputs", flags->options.inputs,
                      "arrays (NPZ, or a folder of input_0.pb, …); random without it");
  command->add_option("--plugin", flags->options.compile.plugins,
                      "load a plug-in (a shared object with targets or passes)");
  command->add_flag("--json", flags->options.json, "as JSON");
  command->callback([flags, &code] {
    for (const std::string &dim : flags->dims)
      addDim(flags->options.compile, dim);
    for (const std::string &value : flags->values)
      addValue(flags->options.compile.values, value);
    code = diffCommand(flags->options);
  });
}
