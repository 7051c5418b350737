// ingot-run: the runtime alone, with the flags of `ingot run`, for devices and for scripts.
#include "runtime-lib/run/Flags.h"

int main(int argc, char **argv) {
  CLI::App app{"Runs an Ingot program.", "ingot-run"};
  ingot::run::Options options;
  ingot::run::addFlags(app, options);
  app.failure_message([](const CLI::App *, const CLI::Error &error) {
    return std::string("error: ") + error.what() + "\nhint: --help lists the flags\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? ingot::run::kDone : ingot::run::kUsage;
  }
  ingot::run::finishFlags(options);
  return ingot::run::runProgram(options);
}
