// Dims that a model leaves open or that a user opens, and the extents and names that the user gives
// to them (`--dim NAME=N`, `--dim INPUT.dimN=NAME`).
#pragma once

#include "compiler/importers/common/GraphBuilder.h"
#include "compiler/pipeline/Options.h"
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ingot {

/// A dim that a model leaves open, and that has no extent.
struct OpenDim {
  std::string name;                 ///< what `--dim` calls it
  std::vector<std::string> aliases; ///< what else it may be called
  std::string input;                ///< the first input that has it, and the place there
  int64_t index = 0;
  std::optional<int64_t> low, high; ///< the extents that the file allows
  bool isValue = false;             ///< what element `index` of the input holds, no extent
};

/// How an importer treats the dims that its caller gives no extent.
struct OpenDims {
  /// With `collect`, such dims go to `dims`. Where the file has no extent of its own for them, the
  /// import then fails without an error.
  bool collect = false;
  std::vector<OpenDim> dims;
  /// Extents outside the file's bounds are taken too: sizes of an import that is only looked at.
  bool anySize = false;
  /// Dims that the file fixes and this import took another extent for: "dim 2 of input 'mix', 1 in
  /// the file".
  std::vector<std::string> opened;

  /// Collects a dim. What is known of one of that name is joined.
  void add(OpenDim dim);
  /// Notes an extent of the file that is not taken.
  void note(llvm::StringRef input, int64_t index, int64_t extent);
};

/// What `--dim` calls dim `index` of an input, whether it has a name or not.
std::string placeOf(llvm::StringRef input, int64_t index);

class GivenDims {
public:
  explicit GivenDims(const Options &options)
      : options(options), given(options.dims), unused(options.dims), unusedNames(options.dimNames) {
  }

  /// Names of the model's open dims, before any is taken: a dim called `past + seq` is the sum of
  /// two others when these exist.
  void declare(std::string name) { declared.insert(std::move(name)); }
  /// The user's name for a dim that the file calls `name` (empty: nothing).
  std::string nameOf(llvm::StringRef input, int64_t index, const std::string &name = {});
  /// Whether the user gives a name, an extent or a range to a dim that the file fixes.
  bool opens(llvm::StringRef input, int64_t index) const;
  /// The extent of the open dim `name`, or nothing. Error: it is negative.
  mlir::FailureOr<std::optional<int64_t>> take(const GraphBuilder &b, const std::string &name);
  /// The names behind an open dim: itself, or those of the expression that it is.
  std::vector<std::string> namesOf(const std::string &name) const;
  /// Error: an extent or a name was given to a dim that nothing asked for; names those that were.
  mlir::LogicalResult checkUsed(const GraphBuilder &b) const;

private:
  /// What `name` is computed from; nothing for a plain name.
  std::optional<DimExpr> expression(const std::string &name) const;

  const Options &options;
  const std::map<std::string, int64_t> &given;
  std::map<std::string, int64_t> unused;
  std::map<std::string, std::string> unusedNames;
  std::vector<std::string> known;
  std::set<std::string> declared;
};

} // namespace ingot
