// See GivenDims.h.
#include "compiler/importers/common/GivenDims.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;

std::string ingot::placeOf(StringRef input, int64_t index) {
  return (input + ".dim" + Twine(index)).str();
}

void OpenDims::add(OpenDim dim) {
  auto same = llvm::find_if(dims, [&](const OpenDim &other) { return other.name == dim.name; });
  if (same == dims.end())
    return dims.push_back(std::move(dim));
  for (std::string &alias : dim.aliases)
    if (!llvm::is_contained(same->aliases, alias))
      same->aliases.push_back(std::move(alias));
  if (dim.low)
    same->low = std::max(same->low.value_or(0), *dim.low);
  if (dim.high)
    same->high = std::min(same->high.value_or(INT64_MAX), *dim.high);
}

void OpenDims::note(StringRef input, int64_t index, int64_t extent) {
  opened.push_back(("dim " + Twine(index) + " of input '" + input + "' at " + Twine(extent)).str());
}

std::string GivenDims::nameOf(StringRef input, int64_t index, const std::string &name) {
  std::string place = placeOf(input, index);
  for (const std::string &called : {place, name})
    if (auto found = options.dimNames.find(called); found != options.dimNames.end()) {
      unusedNames.erase(called);
      return found->second;
    }
  // A place tells one use of a name from the others.
  return name.empty() || options.dims.contains(place) || options.dimRanges.contains(place) ? place
                                                                                           : name;
}

bool GivenDims::opens(StringRef input, int64_t index) const {
  std::string place = placeOf(input, index);
  return options.dims.contains(place) || options.dimRanges.contains(place) ||
         options.dimNames.contains(place);
}

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
  if (!unusedNames.empty()) {
    const auto &[name, other] = *unusedNames.begin();
    InFlightDiagnostic diagnostic = b.error() << "the model has no dim named '" << name
                                              << "' to call '" << other << "'";
    diagnostic.attachNote() << "hint: dim 0 of input 'x' is x.dim0";
    return diagnostic;
  }
  if (unused.empty())
    return success();
  InFlightDiagnostic diagnostic = b.error()
                                  << "the model has no dim named '" << unused.begin()->first << "'";
  if (known.empty())
    diagnostic.attachNote() << "hint: all extents of its inputs are fixed; INPUT.dimN opens one";
  else
    diagnostic.attachNote() << "hint: its dims are " << llvm::join(known, ", ");
  return diagnostic;
}
