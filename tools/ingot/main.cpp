// `ingot`: the compiler's command line. Parsing is here, the work in compiler/driver.
#include "compiler/driver/Commands.h"
#include "tools/ingot/Commands.h"
#include <CLI/CLI.hpp>

int main(int argc, char **argv) {
  // `ingot opt …` takes mlir-opt's own flags.
  if (argc > 1 && std::string_view(argv[1]) == "opt")
    return ingot::optCommand(argc - 1, argv + 1);

  CLI::App app{"Ingot compiles an exported model (.pt2, ONNX or TFLite) into one small program and "
               "runs it.\n\n"
               "  ingot compile model.pt2 -o model.ingot     compile for this machine\n"
               "  ingot run model.ingot --profile            run it, with a table per layer\n"
               "  ingot inspect model.pt2                    what is in a model or a program\n"};
  app.name("ingot");
  app.require_subcommand(1);
  app.set_version_flag("--version", "ingot " INGOT_VERSION);
  int code = 0;
  ingot::addCompileCommand(app, code);
  ingot::addTargetsCommand(app, code);
  ingot::addPlanCommand(app, code);
  ingot::addRunCommand(app, code);
  ingot::addInspectCommand(app, code);
  ingot::addDiffCommand(app, code);
  // Shown in the help; handled above.
  app.add_subcommand("opt", "run passes on a dump: mlir-opt with Ingot's dialects and passes");
  app.failure_message([](const CLI::App *, const CLI::Error &error) {
    return "error: " + std::string(error.what()) +
           "\nhint: `ingot --help` and `ingot COMMAND --help` list the flags\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    int result = app.exit(error);
    return result == 0 ? 0 : 2;
  }
  return code;
}
