// The logic of `ingot plan`.
#include "passes/planner/PlanCommand.h"
#include "passes/planner/Csv.h"
#include "passes/planner/Report.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace ingot::planner {

constexpr size_t maxFileBytes = size_t(64) << 20;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE *)>;

static bool readFile(const std::string &path, std::string &text, std::string &error) {
  File file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    error = "cannot read " + path + ": " + std::strerror(errno);
    return false;
  }
  char block[1 << 16];
  size_t got;
  while ((got = std::fread(block, 1, sizeof block, file.get())) > 0) {
    text.append(block, got);
    if (text.size() > maxFileBytes) {
      error = path + " has more than " + formatBytes(maxFileBytes);
      return false;
    }
  }
  if (std::ferror(file.get())) {
    error = "cannot read " + path + ": " + std::strerror(errno);
    return false;
  }
  return true;
}

/// Writes the file under a temporary name and renames it. Never onto a device, which would be
/// replaced.
static bool writeFile(const std::string &path, const std::string &text, std::string &error) {
  std::error_code unknown;
  auto kind = std::filesystem::status(path, unknown).type();
  if (kind != std::filesystem::file_type::not_found && kind != std::filesystem::file_type::none &&
      kind != std::filesystem::file_type::regular) {
    error = "cannot write " + path + ": it is not a regular file";
    return false;
  }
  std::string temporary = path + ".part";
  File file(std::fopen(temporary.c_str(), "wbx"), std::fclose);
  bool created = file != nullptr;
  bool whole = created && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
               std::fclose(file.release()) == 0 &&
               std::rename(temporary.c_str(), path.c_str()) == 0;
  if (!whole) {
    error = "cannot write " + path + ": " + std::strerror(errno);
    file.reset();
    if (created)
      std::remove(temporary.c_str());
  }
  return whole;
}

CommandOutcome runPlanCommand(const PlanCommandOptions &options) {
  std::string text, error;
  auto fail = [&](const std::string &message, const char *hint = nullptr) {
    return CommandOutcome{1, "",
                          "error: " + message + "\n" +
                              (hint ? std::string("hint: ") + hint + "\n" : std::string())};
  };
  if (!readFile(options.input, text, error))
    return fail(error);
  Problem problem;
  if (!readCsv(text, problem, error))
    return fail(options.input + ": " + error);
  if (options.capacity)
    for (const Buffer &buffer : problem.buffers)
      problem.capacities[buffer.space] = *options.capacity;
  std::optional<Plan> result = plan(problem, {options.searchSteps}, error);
  if (!result)
    return fail(error);
  if (std::string wrong = checkPlan(problem, *result); !wrong.empty())
    return {70, "", "error: internal: the planner made a wrong plan: " + wrong + "\n"};
  if (!options.output.empty() && !writeFile(options.output, writeCsv(problem, &*result), error))
    return fail(error);
  return {0,
          options.json ? reportJson(problem, *result) : reportText(problem, *result, options.map),
          ""};
}

} // namespace ingot::planner
