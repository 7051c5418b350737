// Rendering of diagnostics.
#include "compiler/driver/Diagnostics.h"
#include "ir/graph/Graph.h"

using namespace mlir;
using namespace ingot;

DiagnosticPrinter::DiagnosticPrinter(MLIRContext &context, llvm::raw_ostream &stream)
    : stream(stream), handler(&context, [this](Diagnostic &diagnostic) {
        print(diagnostic);
        return success();
      }) {}

/// The layer that a location names, or the file position of a dump, as a prefix.
static std::string prefix(Location loc) {
  if (auto file = loc->findInstanceOf<FileLineColLoc>())
    return (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
            Twine(file.getColumn()) + ": ")
        .str();
  SmallVector<StringRef> names = sourceNames(loc);
  if (names.empty())
    return "";
  // What is wrong must stay on the screen, whatever the layer is called.
  constexpr size_t kMaxName = 160;
  StringRef name = names.front();
  if (name.size() <= kMaxName)
    return (name + ": ").str();
  return (name.take_front(kMaxName / 2) + "…" + name.take_back(kMaxName / 2) + ": ").str();
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) {
  StringRef severity = "note";
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
    severity = "error";
    ++errors;
  } else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning) {
    severity = "warning";
  }
  std::string text = diagnostic.str();
  // An op's name in front of the text says less to a model's owner than the layer's.
  StringRef body = text;
  if (body.consume_front("'ingot."))
    body = body.split("' op ").second.empty() ? StringRef(text) : body.split("' op ").second;
  std::string out = (severity + ": " + prefix(diagnostic.getLocation()) + body).str();
  for (Diagnostic &note : diagnostic.getNotes()) {
    std::string line = note.str();
    // "see current operation" would print the IR: that is what --dump-phases is for.
    if (StringRef(line).starts_with("see current operation"))
      continue;
    out += "\n" + (StringRef(line).starts_with("hint:") ? line : "hint: " + line);
  }
  // Names come from the model and may be of any length.
  constexpr unsigned kMaxLines = 10, kMaxColumns = 500;
  unsigned lines = 0;
  size_t at = 0;
  while (at != std::string::npos && lines < kMaxLines) {
    size_t next = out.find('\n', at);
    StringRef line = StringRef(out).slice(at, next);
    stream << line.take_front(kMaxColumns) << (line.size() > kMaxColumns ? "…\n" : "\n");
    at = next == std::string::npos ? next : next + 1;
    ++lines;
  }
}
