// What a user asked of a compilation. Goes down by reference; nothing here is global.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ingot {

/// The phases, in order (DESIGN §4).
enum class Phase { Import, Normalize, Quantize, Partition, Layout, Fuse, Codegen, Plan, Emit };

struct Options {
  std::string model;  ///< path of the model, or of a dump to resume from
  std::string member; ///< the model's name in a `.pt2` archive that may hold several; empty: all
  /// NAME=MODEL, more than once: an entry point each, from models of their own. `model` is then the
  /// first one's.
  struct Entry {
    std::string name, model, member;
  };
  std::vector<Entry> entries;
  /// Buffers that other entries change: where this one has them, they are variables too.
  std::set<std::string> variables;
  std::string output; ///< program file; empty: beside the model
  std::vector<std::string> targets = {
      "host"}; ///< in order of preference; the last one must take every op
  /// --dim NAME=N: extents of the model's dims. NAME is the model's, or a place, INPUT.dimN, which
  /// opens a dim whose extent the model fixes.
  std::map<std::string, int64_t> dims;
  /// --dim NAME=LO..HI/STEP: dims that a run chooses, and their bounds, inclusive. Extents are
  /// multiples of the step, and so are the bounds.
  struct DimRange {
    int64_t low = 0, high = 0, step = 1;
  };
  std::map<std::string, DimRange> dimRanges;
  /// --dim NAME=OTHER: other names for dims. Dims of one name have one extent.
  std::map<std::string, std::string> dimNames;
  /// --value INPUT=N, INPUT=LO..HI, INPUT[I]=…: what an integer input holds, for models that make
  /// shapes of it. Bounds are inclusive; the last one that is given for an element counts.
  struct ValueRange {
    std::string input;
    std::optional<int64_t> element; ///< nothing: all of them
    int64_t low = 0, high = 0;
  };
  std::vector<ValueRange> values;
  std::string dumpDirectory;                 ///< --dump-phases
  std::optional<Phase> stopAfter, startFrom; ///< --stop-after, --start-from
  std::string source;               ///< --source: the model file of a resumed dump, when it moved
  std::string report;               ///< --report: a .json file
  std::vector<std::string> plugins; ///< --plugin
  unsigned threads = 0;             ///< compile threads; 0: as many as cores
  /// Called on progress of a phase: name, done, total. May be empty.
  std::function<void(const char *phase, unsigned done, unsigned total)> progress;
};

} // namespace ingot
