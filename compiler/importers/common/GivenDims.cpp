// See GivenDims.h.
#include "compiler/importers/common/GivenDims.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

std::optional<DimExpr> GivenDims::expression(const std::string &name) const {
  llvm::Expected<DimExpr> parsed = DimExpr::parse(name);
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    return std::nullopt;
  }
  llvm::SetVector<StringRef> names;
  parsed->collectNames(names);
  bool computed = !names.empty() && !names.contains(name) &&
                  llvm::all_of(names, [&](StringRef n) { return declared.contains(n.str()); });
  return computed ? std::optional(*parsed) : std::nullopt;
}

std::vector<std::string> GivenDims::namesOf(const std::string &name) const {
  std::optional<DimExpr> computed = expression(name);
  if (!computed)
    return {name};
  llvm::SetVector<StringRef> names;
  computed->collectNames(names);
  return std::vector<std::string>(names.begin(), names.end());
}

FailureOr<std::optional<int64_t>> GivenDims::take(const GraphBuilder &b, const std::string &name) {
  auto found = given.find(name);
  if (found == given.end()) {
    if (std::optional<DimExpr> computed = expression(name)) {
      DimExpr value = computed->substitute([&](StringRef part) -> std::optional<DimExpr> {
        auto entry = given.find(part.str());
        return entry == given.end() ? std::nullopt : std::optional(DimExpr(entry->second));
      });
      std::optional<int64_t> extent = value.constant();
      if (extent && *extent < 0)
        return b.error() << "dim '" << name << "' cannot be " << *extent, failure();
      return extent;
    }
    known.push_back(name);
    return std::optional<int64_t>();
  }
  known.push_back(name);
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
