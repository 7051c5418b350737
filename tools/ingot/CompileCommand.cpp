// `ingot compile`.
#include "compiler/driver/Commands.h"
#include "compiler/driver/Report.h"
#include "tools/ingot/Commands.h"
#include "tools/ingot/Dims.h"
#include <CLI/CLI.hpp>
#include <filesystem>

using namespace ingot;

static std::optional<Phase> parsePhase(const std::string &flag, const std::string &name) {
  if (name.empty())
    return std::nullopt;
  std::optional<Phase> phase = phaseByName(name);
  if (!phase)
    throw CLI::ValidationError(
        flag, "'" + name +
                  "' is not a phase; they are import, normalize, quantize, partition, "
                  "layout, fuse, codegen, plan, emit");
  return phase;
}

/// MODEL, or NAME=MODEL …: a file whose own name holds a `=` is a model.
static void addModels(Options &options, const std::vector<std::string> &models) {
  for (const std::string &text : models) {
    size_t equals = text.find('=');
    bool named = equals != std::string::npos && !std::filesystem::exists(text);
    if (!named && models.size() > 1)
      throw CLI::ValidationError("MODEL", "'" + text +
                                              "': of several models each needs the name of its "
                                              "entry, as in prefill=" +
                                              text);
    if (named)
      options.entries.push_back({text.substr(0, equals), text.substr(equals + 1), ""});
    else
      options.model = text;
  }
  if (!options.entries.empty())
    options.model = options.entries.front().model;
}

void ingot::addCompileCommand(CLI::App &app, int &code) {
  struct Flags {
    Options options;
    std::string stopAfter, startFrom, emit = "program", quantize = "none", tune = "off",
                                      calibration;
    std::vector<std::string> models, dims, values;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App *command = app.add_subcommand("compile", "compile a model into a program file");
  Options &options = flags->options;
  command
      ->add_option("MODEL", flags->models,
                   "a .pt2, .onnx or .tflite file, or a phase dump (NN-phase.mlir); with "
                   "NAME=MODEL NAME=MODEL … each becomes an entry point of one program, which "
                   "shares weights and variables (so does an archive of several models)")
      ->required();
  command->add_option("-o", options.output,
                      "the program file (default: the model's name with .ingot)");
  command
      ->add_option("--target", options.targets,
                   "targets, `A,B` splits the model: what A does not take runs on B "
                   "(`ingot targets` lists them; default: host)")
      ->delimiter(',');
  command->add_option("--dim", flags->dims, kDimHelp);
  command->add_option("--value", flags->values, kValueHelp);
  command->add_option(
      "--report", options.report,
      "write what was compiled as JSON: to a .json file, or with `json` to the output");
  command->add_option("--dump-phases", options.dumpDirectory,
                      "write the IR after each phase to this folder");
  command->add_option("--stop-after", flags->stopAfter, "stop after this phase");
  command->add_option("--start-from", flags->startFrom, "resume a dump from this phase");
  command->add_option("--source", options.source, "the model file of a dump, when it has moved");
  command->add_option("--plugin", options.plugins,
                      "load a plug-in (a shared object with targets or passes)");
  command->add_option("--threads", options.threads,
                      "threads of the compiler (default: as many as cores)");
  command->add_option("--emit", flags->emit, "program");
  command->add_option("--quantize", flags->quantize, "none");
  command->add_option("--calibration", flags->calibration, "samples for quantisation");
  command->add_option("--tune", flags->tune, "off");
  command->callback([flags, &code] {
    Options &options = flags->options;
    addModels(options, flags->models);
    auto missing = [](const std::string &flag, const std::string &value, const std::string &what) {
      throw CLI::ValidationError(flag, "'" + value + "' is not supported yet: " + what);
    };
    if (flags->emit != "program")
      missing("--emit", flags->emit, "only program files are written; use --emit=program");
    if (flags->quantize != "none")
      missing("--quantize", flags->quantize,
              "quantisation by the compiler; quantise the model before it is exported");
    if (!flags->calibration.empty())
      missing("--calibration", flags->calibration, "quantisation by the compiler");
    if (flags->tune != "off")
      missing("--tune", flags->tune, "strategies are chosen by rules; use --tune=off");
    if (!options.report.empty() && options.report != kReportToOutput &&
        !options.report.ends_with(".json"))
      missing("--report", options.report,
              "reports are written as JSON; name a .json file, or `json` for the output");
    options.stopAfter = parsePhase("--stop-after", flags->stopAfter);
    options.startFrom = parsePhase("--start-from", flags->startFrom);
    for (const std::string &dim : flags->dims)
      addDim(options, dim);
    for (const std::string &value : flags->values)
      addValue(options.values, value);
    code = compileCommand(options);
  });
}
