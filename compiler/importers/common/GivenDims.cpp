// See GivenDims.h.
#include "compiler/importers/common/GivenDims.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

FailureOr<std::optional<int64_t>> GivenDims::take(const GraphBuilder &b, const std::string &name) {
  known.push_back(name);
  auto found = given.find(name);
  if (found == given.end())
    return std::optional<int64_t>();
  if (found->second < 0)
    return b.error() << "dim '" << name << "' cannot be " << found->second, failure();
  unused.erase(name);
  return std::optional<int64_t>(found->second);
}

LogicalResult GivenDims::checkUsed(const GraphBuilder &b) const {
  if (unused.empty())
    return success();
  InFlightDiagnostic diagnostic = b.error()
                                  << "the model has no dim named '" << unused.begin()->first << "'";
  if (known.empty())
    diagnostic.attachNote() << "hint: all extents of its inputs are fixed";
  else
    diagnostic.attachNote() << "hint: its dims are " << llvm::join(known, ", ");
  return diagnostic;
}
