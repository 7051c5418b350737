// How `ingot inspect` writes what depends on named dims: types, extents, the expression table.
#pragma once

#include "runtime-lib/schema/program_generated.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace ingot {

class DimsText {
public:
  explicit DimsText(const fmt::Program *program) : program(program) {}

  using SigDims = flatbuffers::Vector<const fmt::SigDim *>;
  /// "f32[1,3,224,224]", "f32[batch,384]"
  std::string type(fmt::ElementType type, const SigDims *dims) const;
  /// "batch 1..8, seq 1..512"; "" without named dims.
  std::string names(const fmt::Entry *entry) const;
  /// A name, a number, or "e7": row 7 of the table.
  std::string row(const fmt::Entry *entry, int32_t row) const;
  /// "64", or "e7 (up to 64)".
  std::string extent(const fmt::Entry *entry, const fmt::Extent *extent) const;
  /// One line per row that is no number: "e7 = batch * 64".
  void printTable(llvm::raw_ostream &out, const fmt::Entry *entry) const;

  /// {"batch": [1, 8], …}
  llvm::json::Object namesJson(const fmt::Entry *entry) const;
  /// A number, or {"expression": "e7", "max": 64}.
  llvm::json::Value extentJson(const fmt::Entry *entry, const fmt::Extent *extent) const;
  /// The table as text: {"e7": "batch * 64", …}
  llvm::json::Object tableJson(const fmt::Entry *entry) const;

private:
  llvm::StringRef dimName(uint32_t index) const;
  std::string formula(const fmt::Entry *entry, uint32_t row) const;

  const fmt::Program *program;
};

} // namespace ingot
