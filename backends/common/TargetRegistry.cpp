// The registry of targets; see backends/Target.h.
#include "backends/Target.h"
#include "llvm/Support/Error.h"

namespace ingot {

llvm::Expected<std::unique_ptr<Target>> TargetRegistry::create(llvm::StringRef spec) const {
  std::string names;
  for (const Entry &entry : entries) {
    if (entry.matches(spec))
      return entry.create(spec);
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "unknown target '" + spec.take_front(80) +
                                     (spec.size() > 80 ? "…" : "") + "'; there are: " + names);
}

} // namespace ingot
