// Collects what an importer cannot express, so that a user hears of all of it in one error.
#include "compiler/importers/common/UnsupportedOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ingot;

/// Lines of an error are at most ten: one for the count, one for the rest, one for the hint.
static constexpr size_t kMaxKinds = 7;
static constexpr size_t kMaxNodesNamed = 3;

void UnsupportedOps::add(StringRef kind, StringRef node, StringRef reason) {
  auto found = llvm::find_if(kinds, [&](const Kind &known) { return known.name == kind; });
  Kind &entry = found == kinds.end() ? kinds.emplace_back(Kind{kind.str(), {}, {}}) : *found;
  entry.nodes.push_back(node.str());
  if (entry.reason.empty())
    entry.reason = reason.str();
}

size_t UnsupportedOps::count() const {
  size_t nodes = 0;
  for (const Kind &kind : kinds)
    nodes += kind.nodes.size();
  return nodes;
}

std::vector<UnsupportedOps::Kind> UnsupportedOps::sorted() const {
  std::vector<Kind> order = kinds;
  llvm::stable_sort(order,
                    [](const Kind &a, const Kind &b) { return a.nodes.size() > b.nodes.size(); });
  return order;
}

LogicalResult UnsupportedOps::report(Location loc, StringRef file) const {
  std::vector<Kind> order = sorted();
  size_t nodes = count();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << nodes << (nodes == 1 ? " operator in " : " operators in ")
     << llvm::sys::path::filename(file) << (nodes == 1 ? " is" : " are") << " not supported";
  if (kinds.size() > 1)
    os << " (" << kinds.size() << " kinds)";
  size_t shown = order.size() <= kMaxKinds + 1 ? order.size() : kMaxKinds;
  for (const Kind &entry : ArrayRef(order).take_front(shown)) {
    os << "\n  " << entry.name << "   " << entry.nodes.size()
       << (entry.nodes.size() == 1 ? " node: " : " nodes: ");
    llvm::interleaveComma(ArrayRef(entry.nodes).take_front(kMaxNodesNamed), os);
    if (entry.nodes.size() > kMaxNodesNamed)
      os << ", …";
    if (!entry.reason.empty())
      os << "   " << entry.reason;
  }
  if (shown < order.size())
    os << "\n  and " << order.size() - shown << " kinds more";
  InFlightDiagnostic diagnostic = emitError(loc) << text;
  diagnostic.attachNote()
      << "hint: a plug-in can add operators (docs/adding-an-op.md); `ingot inspect "
      << llvm::sys::path::filename(file) << " --missing` lists all";
  return diagnostic;
}
