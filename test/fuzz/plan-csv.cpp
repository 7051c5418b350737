// libFuzzer target: any bytes given to the planner's reader of buffer tables; what it accepts is
// planned, in few steps.
#include "passes/planner/Csv.h"
#include "passes/planner/Planner.h"
#include <cstdint>
#include <cstdlib>

using namespace ingot::planner;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Problem problem;
  std::string error;
  if (!readCsv({reinterpret_cast<const char *>(data), size}, problem, error))
    return error.empty() ? (std::abort(), 0) : 0;
  std::optional<Plan> result = plan(problem, {/*searchSteps=*/100}, error);
  if (result ? !checkPlan(problem, *result).empty() : error.empty())
    std::abort();
  return 0;
}
