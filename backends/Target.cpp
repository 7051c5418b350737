// The registry of targets.
#include "backends/Target.h"
#include "llvm/ADT/StringExtras.h"

using namespace ingot;

llvm::Expected<std::unique_ptr<Target>> TargetRegistry::create(llvm::StringRef spec) const {
  for (const Entry &entry : entries)
    if (entry.matches(spec))
      return entry.create(spec);
  std::string known =
      llvm::join(llvm::map_range(entries, [](const Entry &entry) { return entry.name; }), ", ");
  return llvm::createStringError("target '" + spec + "' is not known; there are " + known +
                                 "\nhint: `ingot targets` describes them");
}
